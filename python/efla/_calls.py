# SPDX-License-Identifier: MIT
"""The calls on all tokens of a batch: forward and backward, and the coefficients of single tokens."""
import ctypes
from ctypes import byref
from functools import lru_cache
from typing import Iterable, NamedTuple, Optional, Tuple, Union

import numpy as np

from . import _library
from ._arrays import Views, computed_in, lowered, state_shape
from ._backend import Backend, backend as backend_of

ABSENT = _library.Array()


def decay_of(decay: Optional[str], g, alpha) -> str:
    """The decay's name, chosen by its argument where none is given. ValueError: it takes another argument."""
    if decay is None:
        if g is not None and alpha is not None:
            raise ValueError("g and alpha: both are given, expected the argument of one decay")
        return "split" if g is not None else "retention" if alpha is not None else "none"
    takes = _library.argument_of(decay)
    for name, given in (("g", g), ("alpha", alpha)):
        if given is None and takes == name:
            raise ValueError(f"{name}: missing, which decay {decay} needs")
        if given is not None and takes != name:
            raise ValueError(f"{name}: given, but decay {decay} takes {takes or 'none'}")
    return decay


@lru_cache(256)
def rule_of(method: str, decay: str, keys: str, scale: float) -> _library.Rule:
    """The rule of these names with a scale; in the library a scale of 0 means 1."""
    if scale == 0:
        raise ValueError("scale: 0, expected another number")
    found = _library.rule(method, decay, keys)
    return _library.Rule(found.method, found.decay, found.keys, scale)


def boundaries(cu_seqlens) -> Tuple[int, Optional[np.ndarray]]:
    """The number of sequences, 0 without cu_seqlens, and their boundaries as the library reads them."""
    if cu_seqlens is None:
        return 0, None
    given = np.asarray(cu_seqlens)
    if given.ndim != 1 or given.size < 2 or given.dtype.kind not in "iu" or (given < 0).any():
        found = f"{given.dtype.name} of shape {given.shape}"
        raise ValueError(f"cu_seqlens: {found}, expected (sequences + 1) integers >= 0")
    return given.size - 1, np.ascontiguousarray(given, dtype=np.uintp)


class Problem:
    """The inputs of a call, checked and described."""

    def __init__(self, q, k, v, beta, argument, p, initial_state, cu_seqlens, named):
        """argument is that of the decay, whose name is `named`."""
        arrays = [q, k, v, beta]
        for i, array in enumerate(arrays):
            if not isinstance(array, np.ndarray):
                arrays[i] = np.asarray(array)
        q, k, v, beta = arrays
        axes, shape = v.ndim, v.shape
        if axes not in (2, 3, 4):
            expected = "(batch, tokens, heads, dv), (tokens, heads, dv) or (tokens, dv)"
            raise ValueError(f"v: shape {shape}, expected {expected}")
        for name, array in (("q", q), ("k", k)):
            if array.ndim != axes:
                raise ValueError(f"{name}: shape {array.shape}, expected as many axes as v, {shape}")
        self.batch, self.tokens = (shape[0] if axes == 4 else 1), shape[-3] if axes > 2 else shape[0]
        self.heads = max(q.shape[-2], k.shape[-2], shape[-2]) if axes > 2 else 1
        self.dk, self.dv = k.shape[-1], shape[-1]
        self.given, self.dtype = v.dtype, computed_in("v", v)
        self.sequences, self.cu = boundaries(cu_seqlens)
        self.states = self.sequences or self.batch
        self.work = self.batch * self.tokens * self.heads * self.dk * self.dv
        views = self.views = Views(axes, self.batch, self.tokens, self.heads, self.dtype)
        per_channel, g = False, ABSENT
        if argument is not None:
            argument = np.asarray(argument)
            per_channel = argument.ndim == axes
            g = views.tokenwise(named, argument, self.dk if per_channel else 1, not per_channel)
        p = None if p is None else np.asarray(p)
        initial_state = None if initial_state is None else np.asarray(initial_state)
        self.inputs = {"q": q, "k": k, "v": v, "beta": beta, "g": argument, "p": p, "initial_state": initial_state}
        self.sequence = _library.Sequence(
            self.batch,
            self.heads,
            self.tokens,
            self.dk,
            self.dv,
            self.sequences,
            None if self.cu is None else self.cu.ctypes.data,
            views.tokenwise("q", q, self.dk),
            views.tokenwise("k", k, self.dk),
            views.tokenwise("v", v, self.dv),
            views.tokenwise("beta", beta, 1, True),
            g,
            ABSENT if p is None else views.tokenwise("p", p, self.dk),
            per_channel,
            ABSENT if initial_state is None else self.state("initial_state", initial_state),
        )

    def state(self, name, array):
        """The description of an array of states."""
        return self.views.states(name, array, self.states, self.dk, self.dv, self.cu is not None)

    def new_output(self):
        """An array for o, in the type in which is computed."""
        shape = (self.batch, self.tokens, self.heads, self.dv)
        return np.empty(lowered(self.views.axes, shape), self.dtype)

    def new_states(self):
        """An array for the final states."""
        shape = (self.states, self.heads, self.dk, self.dv)
        return np.empty(state_shape(self.views.axes, self.cu is not None, shape), self.dtype)


def forward(
    q,
    k,
    v,
    beta,
    g=None,
    method: str = "exact",
    keys: str = "raw",
    decay: Optional[str] = None,
    scale: float = 1.0,
    initial_state=None,
    output_final_state: bool = False,
    cu_seqlens=None,
    *,
    alpha=None,
    p=None,
    backend: Union[None, str, Backend] = None,
    threads: int = 0,
) -> Tuple[np.ndarray, Optional[np.ndarray]]:
    """All tokens of a batch of sequences: from S = initial_state, for every token in turn

        S <- d S + k (w v - e S^T p)^T,    o = scale S^T q,

    with the coefficients d, e, w of a method and a decay (`coefficients`).

    Shapes, with B batch entries, T tokens, H heads and N sequences; all may lack the axis B, or B and H:

        q, k, p        (B, T, H, dk)     p: the erase key, by default the key
        v              (B, T, H, dv)
        beta           (B, T, H)         or (B, T, H, 1); >= 0
        g              (B, T, H)         <= 0, the logarithm of a decay; or (B, T, H, dk), one per channel of the key
        alpha          (B, T, H)         in [0, 1], a retention; of decay="retention"
        initial_state  (N, H, dk, dv)    by default zero; N = B without cu_seqlens
        cu_seqlens     (N + 1,)          where B = 1: 0 = c_0 <= ... <= c_N = T, the boundaries of N sequences

    Each may have fewer heads, a divisor of the largest number, which consecutive heads then share. Arrays of any
    strides are read where they lie; those with negative strides or a feature axis that is not contiguous are copied.
    q, k, v, p and initial_state have one type, float64 or float32; float16 and bfloat16 (ml_dtypes) are computed in
    float32. beta, g and alpha may have any real type.

    method: a one-step method, such as "exact" or "euler" (`methods()`). keys: "raw", or "unit" for keys of norm one
    (`key_treatments()`). decay: "none", "split", "joint", "retention", "strang" (`decays()`); by default "split" with
    g, "retention" with alpha, "none" without both. backend: "auto", "cpu", "reference" or a `Backend`. threads: 0 for
    one for every processor where there is work for them; results do not depend on it.

    Returns (o, final_state): o (B, T, H, dv) of v's type; final_state as initial_state, float32 or float64, or None
    unless output_final_state.

    ValueError: an argument is invalid, or not consistent with another; the message names it. NotImplementedError: the
    backend does not compute this rule. MemoryError. inf and nan propagate as data."""
    named = decay_of(decay, g, alpha)
    x = Problem(q, k, v, beta, alpha if g is None else g, p, initial_state, cu_seqlens, "alpha" if g is None else "g")
    o, final = x.new_output(), x.new_states() if output_final_state else None
    y = _library.Result(
        x.views.tokenwise("o", o, x.dv), ABSENT if final is None else x.state("final_state", final)
    )
    opened = backend_of(backend, threads, x.work)
    opened.call(
        _library.lib().efla_forward,
        opened._handle,
        byref(rule_of(method, named, keys, scale)),
        byref(x.sequence),
        byref(y),
    )
    return (o if x.given == x.dtype else o.astype(x.given)), final


class Gradients(NamedTuple):
    """The derivatives of a loss by the inputs of `forward`, each of its input's shape; None: not wanted or absent.

    dg is by the decay's argument, g or alpha."""

    dq: Optional[np.ndarray] = None
    dk: Optional[np.ndarray] = None
    dv: Optional[np.ndarray] = None
    dbeta: Optional[np.ndarray] = None
    dg: Optional[np.ndarray] = None
    dp: Optional[np.ndarray] = None
    dinitial_state: Optional[np.ndarray] = None


def _gradients(x: Problem, wanted: Iterable[str]):
    """Arrays for the derivatives that are wanted, by name, and their descriptions."""
    arrays, places = {}, []
    unknown = set(wanted) - set(x.inputs)
    if unknown:
        raise ValueError(f"wanted: {sorted(unknown)[0]!r}, expected some of {', '.join(x.inputs)}")
    for name, given in x.inputs.items():
        if name not in wanted or (given is None and name != "initial_state"):
            places.append(ABSENT)
        elif name == "initial_state":
            arrays[name] = x.new_states()
            places.append(x.state("dinitial_state", arrays[name]))
        else:
            single = getattr(x.sequence, name).type
            arrays[name] = np.empty(given.shape, np.float32 if single else np.float64)
            scalar = name == "beta" or name == "g" and not x.sequence.g_per_channel
            features = x.dv if name == "v" else 1 if scalar else x.dk
            places.append(x.views.tokenwise("d" + name, arrays[name], features, scalar))
    return arrays, _library.Gradient(*places)


def _as_given(gradient: np.ndarray, given: Optional[np.ndarray]) -> np.ndarray:
    """In the input's type where that is a floating one."""
    same = given is None or given.dtype == gradient.dtype or given.dtype.kind in "iub"
    return gradient if same else gradient.astype(given.dtype)


def backward(
    q,
    k,
    v,
    beta,
    do=None,
    g=None,
    method: str = "exact",
    keys: str = "raw",
    decay: Optional[str] = None,
    scale: float = 1.0,
    initial_state=None,
    dfinal_state=None,
    cu_seqlens=None,
    *,
    alpha=None,
    p=None,
    wanted: Optional[Iterable[str]] = None,
    backend: Union[None, str, Backend] = None,
    threads: int = 0,
) -> Gradients:
    """The derivatives of a loss by the inputs of `forward`, from its derivatives do (of o's shape) and dfinal_state (of
    final_state's), where None means zero. They include the dependence through the coefficients and the treatment of
    keys. The forward pass is computed again.

    wanted: names of inputs among "q", "k", "v", "beta", "g" (the decay's argument, g or alpha), "p", "initial_state";
    by default all that are given, and initial_state. A derivative has its input's shape and type; shared heads' parts
    are summed. All else, and what is raised, is as for `forward`."""
    named = decay_of(decay, g, alpha)
    x = Problem(q, k, v, beta, alpha if g is None else g, p, initial_state, cu_seqlens, "alpha" if g is None else "g")
    dy = _library.Result(ABSENT, ABSENT)
    if do is not None:
        do = np.asarray(do)
        if do.shape != lowered(x.views.axes, (x.batch, x.tokens, x.heads, x.dv)):
            raise ValueError(f"do: shape {do.shape}, expected that of o, {x.new_output().shape}")
        dy.o = x.views.tokenwise("do", do, x.dv)
    if dfinal_state is not None:
        dy.final_state = x.state("dfinal_state", np.asarray(dfinal_state))
    arrays, dx = _gradients(x, x.inputs if wanted is None else list(wanted))
    opened = backend_of(backend, threads, x.work)
    opened.call(
        _library.lib().efla_backward,
        opened._handle,
        byref(rule_of(method, named, keys, scale)),
        byref(x.sequence),
        byref(dy),
        byref(dx),
    )
    return Gradients(**{"d" + name: _as_given(array, x.inputs[name]) for name, array in arrays.items()})


def coefficients(
    lam, beta, g=None, method: str = "exact", decay: Optional[str] = None, *, alpha=None
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(d, e, w) of the step S' = d S + k (w v - e S^T p)^T, float64, for lam = p^T k, by default |k|^2, after the
    treatment of keys. lam, beta and g (or alpha) are broadcast against each other; one call of the library each.

    Without decay d = 1 and e = w = a, for the exact flow a = (1 - exp(-beta lam))/lam. ValueError as `forward`."""
    named = decay_of(decay, g, alpha)
    argument = alpha if g is None else g
    given = (np.asarray(x, np.float64) for x in (lam, beta, 0.0 if argument is None else argument))
    given = np.broadcast_arrays(*given)
    out = np.empty((*given[0].shape, 3))
    rule, call = byref(rule_of(method, named, "raw", 1.0)), _library.lib().efla_rule_coefficients
    at, step = out.ctypes.data, ctypes.sizeof(_library.Coefficients)
    for i, (x, b, a) in enumerate(zip(*(values.ravel().tolist() for values in given))):
        call(rule, x, b, a, at + i * step)
    return out[..., 0], out[..., 1], out[..., 2]


def methods() -> list:
    """The names of all methods."""
    return _library.names("efla_method_name")


def decays() -> list:
    """The names of all decays."""
    return _library.names("efla_decay_name")


def key_treatments() -> list:
    """The names of all treatments of keys."""
    return _library.names("efla_key_treatment_name")

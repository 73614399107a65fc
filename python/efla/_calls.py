# SPDX-License-Identifier: MIT
"""The calls on all tokens of a batch: forward and backward."""
from typing import Iterable, NamedTuple, Optional, Tuple, Union

import numpy as np

from . import _library
from ._arrays import lowered
from ._backend import Backend
from ._problem import ABSENT, Problem
from ._rules import decay_of, rule_of


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
    rule = rule_of(method, decay_of(decay, g, alpha), keys, scale)
    x = Problem(q, k, v, beta, g, alpha, p, initial_state, cu_seqlens)
    o, final = x.new_output(), x.new_states() if output_final_state else None
    y = _library.Result(
        x.views.tokenwise("o", o, x.dv), ABSENT if final is None else x.state("final_state", final)
    )
    x.call("efla_forward", rule, backend, threads, y)
    return x.as_given(o), final


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
    rule = rule_of(method, decay_of(decay, g, alpha), keys, scale)
    x = Problem(q, k, v, beta, g, alpha, p, initial_state, cu_seqlens)
    dy = _library.Result(ABSENT, ABSENT)
    if do is not None:
        do = np.asarray(do)
        if do.shape != lowered(x.views.axes, (x.batch, x.tokens, x.heads, x.dv)):
            raise ValueError(f"do: shape {do.shape}, expected that of o, {x.new_output().shape}")
        dy.o = x.views.tokenwise("do", do, x.dv)
    if dfinal_state is not None:
        dy.final_state = x.state("dfinal_state", np.asarray(dfinal_state))
    arrays, dx = _gradients(x, x.inputs if wanted is None else list(wanted))
    x.call("efla_backward", rule, backend, threads, dy, dx)
    return Gradients(**{"d" + name: _as_given(array, x.inputs[name]) for name, array in arrays.items()})

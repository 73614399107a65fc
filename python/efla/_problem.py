# SPDX-License-Identifier: MIT
"""The inputs of a call of the library, described where they lie."""
from ctypes import byref
from typing import Optional, Tuple, Union

import numpy as np

from . import _library
from ._arrays import Views, computed_in, lowered, state_shape
from ._backend import Backend, backend as backend_of

ABSENT = _library.Array()


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

    def __init__(self, q, k, v, beta, g=None, alpha=None, p=None, initial_state=None, cu_seqlens=None):
        """As `efla.forward` has them; at most one of g and alpha."""
        named, argument = ("alpha", alpha) if g is None else ("g", g)
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
        per_channel, described = False, ABSENT
        if argument is not None:
            argument = np.asarray(argument)
            per_channel = argument.ndim == axes
            described = views.tokenwise(named, argument, self.dk if per_channel else 1, not per_channel)
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
            described,
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

    def call(self, name: str, rule: _library.Rule, backend: Union[None, str, Backend], threads: int, *outputs) -> None:
        """The library's function of this name on this sequence, which fills the outputs."""
        opened = backend_of(backend, threads, self.work)
        described = (byref(output) for output in outputs)
        opened.call(getattr(_library.lib(), name), opened._handle, byref(rule), byref(self.sequence), *described)

    def as_given(self, o: np.ndarray) -> np.ndarray:
        """An output in v's type."""
        return o if self.given == self.dtype else o.astype(self.given)

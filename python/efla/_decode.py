# SPDX-License-Identifier: MIT
"""Decoding: one token at a time, with the states kept in the library between calls."""
import ctypes
from ctypes import byref
from typing import Optional, Tuple, Union

import numpy as np

from . import _library
from ._arrays import TYPES, Views
from ._backend import Backend
from ._problem import Problem
from ._rules import decay_of, rule_of


class Decoder:
    """batch x heads states of (dk, dv), zero at first; `step` advances them by a token, with the rule of `forward`.

    dtype is float32 or float64. backend is a name or a `Backend`, which the decoder keeps; threads 0: one.
    ValueError, NotImplementedError and MemoryError as `forward`. It can be used in a with statement."""

    def __init__(
        self,
        batch: int,
        heads: int,
        dk: int,
        dv: int,
        dtype=np.float32,
        method: str = "exact",
        keys: str = "raw",
        decay: str = "none",
        scale: float = 1.0,
        *,
        backend: Union[str, Backend] = "auto",
        threads: int = 0,
    ):
        self._handle, self.shape, self.decay = ctypes.c_void_p(), (batch, heads, dk, dv), decay
        self.dtype = np.dtype(dtype)
        if self.dtype not in TYPES:
            raise ValueError(f"dtype: {self.dtype.name}, expected float64 or float32")
        if min(self.shape) < 1:
            raise ValueError(f"batch, heads, dk, dv: {self.shape}, expected at least 1 each")
        self._backend = backend if isinstance(backend, Backend) else Backend(backend, threads or 1)
        lib, rule = _library.lib(), rule_of(method, decay, keys, scale)
        shape = _library.DecoderShape(*self.shape, TYPES[self.dtype])
        self._close = lib.efla_decoder_close
        self._backend.call(lib.efla_decoder_open, self._backend._handle, byref(rule), byref(shape), byref(self._handle))

    def _call(self, function, *arguments):
        if not self._handle:
            raise ValueError("the decoder is closed")
        self._backend.call(function, self._handle, *arguments)

    def step(self, q, k, v, beta, g=None, *, alpha=None, p=None) -> np.ndarray:
        """Advances every state by one token and returns o (batch, heads, dv).

        q, k, p (batch, heads, dk), v (batch, heads, dv), beta, g, alpha (batch, heads), or g (batch, heads, dk); as for
        `forward`, without the axis of tokens. After a ValueError the states are unchanged."""
        decay_of(self.decay, g, alpha)
        x = Problem(*(None if x is None else np.asarray(x)[:, None] for x in (q, k, v, beta, g, alpha, p)))
        if x.dtype != self.dtype:
            raise ValueError(f"v: {x.given.name}, expected the decoder's {self.dtype.name}")
        o = x.new_output()
        self._call(_library.lib().efla_decoder_step, byref(x.sequence), byref(x.views.tokenwise("o", o, x.dv)))
        return x.as_given(o)[:, 0]

    def _states(self, name, array):
        batch, heads, dk, dv = self.shape
        views = Views(4, batch, 1, heads, self.dtype)
        return views, views.states(name, array, batch, dk, dv, False)

    @property
    def states(self) -> np.ndarray:
        """A copy of the states (batch, heads, dk, dv), which can be assigned to."""
        out = np.empty(self.shape, self.dtype)
        self._call(_library.lib().efla_decoder_store, byref(self._states("states", out)[1]))
        return out

    @states.setter
    def states(self, values) -> None:
        _kept, at = self._states("states", np.asarray(values))
        self._call(_library.lib().efla_decoder_load, byref(at))

    def reset(self) -> None:
        """Sets all states to zero."""
        self._call(_library.lib().efla_decoder_reset)

    def close(self) -> None:
        """Frees the states."""
        if self._handle:
            self._close(self._handle)
            self._handle = ctypes.c_void_p()

    __del__ = close

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def decode(
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
    *,
    alpha=None,
    p=None,
    backend: Union[str, Backend] = "auto",
    threads: int = 0,
) -> Tuple[np.ndarray, Optional[np.ndarray]]:
    """What `forward` returns, computed one token after another by a `Decoder`: the same rule, its sums in another
    order.

    Arguments, results and exceptions as for `forward`, with the axis of batch entries and without cu_seqlens."""
    named = decay_of(decay, g, alpha)
    x = Problem(q, k, v, beta, g, alpha, p, initial_state)
    if x.views.axes != 4:
        raise ValueError(f"v: shape {np.shape(v)}, expected (batch, tokens, heads, dv)")
    o = x.new_output()
    tokenwise = dict(q=q, k=k, v=v, beta=beta, g=g, alpha=alpha, p=p)
    tokenwise = {name: np.asarray(array) for name, array in tokenwise.items() if array is not None}
    shape = (x.batch, x.heads, x.dk, x.dv)
    with Decoder(*shape, x.dtype, method, keys, named, scale, backend=backend, threads=threads) as decoder:
        if initial_state is not None:
            decoder.states = initial_state
        for t in range(x.tokens):
            o[:, t] = decoder.step(**{name: array[:, t] for name, array in tokenwise.items()})
        final = decoder.states if output_final_state else None
    return x.as_given(o), final

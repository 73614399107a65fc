# SPDX-License-Identifier: MIT
"""Rules by name, and the coefficients of single tokens."""
import ctypes
from ctypes import byref
from functools import lru_cache
from typing import Optional, Tuple

import numpy as np

from . import _library


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

# SPDX-License-Identifier: MIT
"""Awkward inputs for kernels: sizes that do not fill a chunk, keys at the limit of stability, numbers that are zero."""
import ctypes
from typing import Dict, Iterator, NamedTuple, Optional, Tuple

import numpy as np

from . import _library

LARGEST_X = 30.0  # beta |k|^2 for methods that are stable everywhere: e^-30 is below what any type resolves


class Case(NamedTuple):
    """Sizes, and what is awkward. `numbers` is a function (rng, arrays) that changes the drawn ones in place."""

    name: str
    batch: int = 1
    tokens: int = 130  # two chunks of 64 and two tokens
    heads: int = 2
    dk: int = 16
    dv: int = 16
    numbers: str = ""
    cu_seqlens: Optional[Tuple[int, ...]] = None
    starts: bool = False  # with initial states
    gated: bool = False  # only for rules with a decay


CASES = (
    Case("chunk tail"),
    Case("one token", batch=2, tokens=1, dv=32),
    Case("one token less than a chunk", tokens=63),
    Case("one token more than a chunk", tokens=65),
    Case("dk < dv", dk=8, dv=32),
    Case("dk > dv", dk=32, dv=8),
    Case("batch and heads", batch=3, tokens=70, heads=4),
    Case("initial state", batch=2, starts=True),
    Case("packed", tokens=200, cu_seqlens=(0, 1, 65, 130, 200)),
    Case("packed with initial states", tokens=130, cu_seqlens=(0, 64, 66, 130), starts=True),
    Case("keys at the limit", numbers="limit"),
    Case("keys repeated", numbers="repeated"),
    Case("keys and beta zero", numbers="zero"),
    Case("beta one", numbers="one"),
    Case("heads in groups", heads=4, numbers="groups"),
    Case("many tokens", tokens=2000, heads=1),
    Case("no decay", numbers="kept", gated=True),
    Case("strong decay", numbers="forgotten", gated=True),
)


class MethodHead(ctypes.Structure):
    """The first members of efla_method."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("known_as", ctypes.c_char_p),
        ("order", ctypes.c_int),
        ("stable", ctypes.c_double),
    ]


def limit(method: str) -> float:
    """The largest beta |k|^2 at which a method is stable, or LARGEST_X."""
    return min(MethodHead.from_address(_library.rule(method, "none", "raw").method).stable, LARGEST_X)


def rounded(array: np.ndarray, dtype: str) -> np.ndarray:
    """In a type; bfloat16 as the float32 that has its numbers, to nearest, ties to even."""
    if dtype != "bfloat16":
        return array.astype(dtype)
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def _change(x: Dict[str, np.ndarray], kind: str, rng, method: str, keys: str) -> None:
    k, beta = x["k"], x["beta"]
    if kind == "limit" and keys != "unit":  # from 0.1 to 0.98 of it, so that rounding stays below
        wanted = rng.uniform(0.1, 0.98, size=beta.shape) * limit(method) / np.maximum(beta, 0.05)
        beta[:] = np.maximum(beta, 0.05)
        k *= np.sqrt(wanted / (k * k).sum(-1))[..., None]
    elif kind == "repeated":
        k[:] = k[:, rng.integers(0, 4, size=k.shape[1])]
    elif kind == "zero":
        k[:, 3::7] = 0
        beta[:, 5::11] = 0
    elif kind == "one":
        beta[:] = 1
    elif kind == "groups":
        for name in ("q", "k"):
            x[name][:, :, 1::2] = x[name][:, :, ::2]
    elif kind == "kept":
        x["argument"][:] = x["none"]
    elif kind == "forgotten":
        x["argument"][:, 7::16] = x["all"]


def make(case: Case, method: str, keys: str, argument: Optional[str], per_channel: bool, dtype: str, seed: int):
    """The arrays of a case by name, numbers of that type. Without unit keys |k| is about 1."""
    rng = np.random.default_rng([seed, len(case.name), *case.name.encode()])
    shape = (case.batch, case.tokens, case.heads)
    x = {name: rng.normal(size=(*shape, n)) for name, n in (("q", case.dk), ("k", case.dk), ("v", case.dv))}
    if keys != "unit":
        x["k"] /= np.sqrt(1.5 * case.dk)
    x["beta"] = rng.uniform(0.05, 0.95, size=shape)
    if argument:
        rates = rng.exponential(0.1, size=x["k"].shape if per_channel else shape)
        x["argument"] = np.exp(-rates) if argument == "alpha" else -rates
    x["none"], x["all"] = (1.0, 0.0) if argument == "alpha" else (0.0, -40.0)
    _change(x, case.numbers, rng, method, keys)
    del x["none"], x["all"]
    if argument:
        x[argument] = x.pop("argument")
    if case.starts:
        states = len(case.cu_seqlens) - 1 if case.cu_seqlens else case.batch
        x["initial_state"] = rng.normal(size=(states, case.heads, case.dk, case.dv))
    x = {name: rounded(values, dtype) for name, values in x.items()}
    if case.cu_seqlens:
        x["cu_seqlens"] = np.array(case.cu_seqlens, np.int64)
    return x


def cases(gated: bool, names=None) -> Iterator[Case]:
    """The cases of a rule with or without decay, or those of these names. ValueError: there is no case of a name."""
    known = {case.name: case for case in CASES}
    for name in names or ():
        if name not in known:
            raise ValueError(f"cases: {name!r}, expected some of {', '.join(known)}")
    for case in CASES:
        if (gated or not case.gated) and (names is None or case.name in names):
            yield case

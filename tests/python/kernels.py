# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels to be judged, written apart from the library: a right one, and wrong ones."""
import numpy as np


def exact(beta, lam):
    """The exact flow's coefficient (1 - exp(-beta lam))/lam."""
    return -np.expm1(-beta * lam) / np.where(lam == 0, 1, lam) + np.where(lam == 0, beta, 0)


def recurrent(q, k, v, beta, scale, initial_state=None, cu_seqlens=None, coefficient=exact, g=None, shift=0):
    """Token by token, each sequence from its initial state; with shift, v is that of an earlier token, or zero."""
    v = np.concatenate([np.zeros_like(v[:, :shift]), v[:, : v.shape[1] - shift]], axis=1)
    S = np.zeros((q.shape[0], *q.shape[2:], v.shape[-1]), v.dtype) if initial_state is None else initial_state.copy()
    if cu_seqlens is not None:
        S = np.broadcast_to(S, (len(cu_seqlens) - 1, *S.shape[1:])).copy()
    o = np.empty_like(v)
    for t in range(q.shape[1]):
        at = slice(None) if cu_seqlens is None else slice(s := np.searchsorted(cu_seqlens, t, "right") - 1, s + 1)
        if g is not None:
            S[at] *= np.exp(g[:, t])[..., None] if g.ndim == 4 else np.exp(g[:, t])[..., None, None]
        a = coefficient(beta[:, t], (k[:, t] ** 2).sum(-1)).astype(v.dtype)
        u = v[:, t] - np.einsum("bhkv,bhk->bhv", S[at], k[:, t])
        S[at] += np.einsum("bh,bhk,bhv->bhkv", a, k[:, t], u)
        o[:, t] = scale * np.einsum("bhkv,bhk->bhv", S[at], q[:, t])
    return o, S


def right(q, k, v, beta, scale, initial_state=None, output_final_state=False, cu_seqlens=None):
    return recurrent(q, k, v, beta, scale, initial_state, cu_seqlens)


def euler(q, k, v, beta, scale):
    return recurrent(q, k, v, beta, scale, coefficient=lambda b, lam: b)


def without_beta(q, k, v, beta, scale):
    return recurrent(q, k, v, np.ones_like(beta), scale)


def shifted(q, k, v, beta, scale):
    return recurrent(q, k, v, beta, scale, shift=1)


def gated(q, k, v, beta, g, scale):
    return recurrent(q, k, v, beta, scale, g=g)

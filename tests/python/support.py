# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs, the definition in NumPy and its rounding bound, for the tests of the Python package."""
import efla
import numpy as np

METHODS, DECAYS, KEYS = efla.methods(), efla.decays(), efla.key_treatments()
ARGUMENTS = {"none": None, "split": "g", "joint": "g", "retention": "alpha", "strang": "g"}


def draw(batch=2, tokens=11, heads=3, dk=5, dv=4, decay="none", dtype=np.float64, seed=1):
    """Inputs of `efla.forward` by name, with |k| <= 1 and beta <= 1, where no method enlarges an error."""
    rng = np.random.default_rng(seed)
    q, k = rng.normal(size=(2, batch, tokens, heads, dk))
    v = rng.normal(size=(batch, tokens, heads, dv))
    k *= rng.uniform(0.5, 1, size=(batch, tokens, heads, 1)) / np.linalg.norm(k, axis=-1, keepdims=True)
    x = dict(q=q, k=k, v=v, beta=rng.uniform(0.1, 1, size=(batch, tokens, heads)))
    if ARGUMENTS[decay] == "g":
        x["g"] = -rng.exponential(0.3, size=(batch, tokens, heads))
    if ARGUMENTS[decay] == "alpha":
        x["alpha"] = rng.uniform(0.5, 1, size=(batch, tokens, heads))
    return {name: values.astype(dtype) for name, values in x.items()}


def define(q, k, v, beta, g=None, alpha=None, p=None, method="exact", decay="none", keys="raw", scale=1.0, S=None):
    """o, final_state and a bound of the norm of their errors in u, token by token: 2 (3 dk + 13) |S| + |k| |v| for
    every step, and dk |q| |S| for the read-out (docs/bounds.md#step), the sum of two forms' that are compared."""
    k = k / np.linalg.norm(k, axis=-1, keepdims=True) if keys == "unit" else k
    lam = (k * (k if p is None else p)).sum(-1)
    p = k if p is None else p
    batch, tokens, heads, dk = k.shape
    S = np.zeros((batch, heads, dk, v.shape[-1]), v.dtype) if S is None else S.copy()
    per_head = g is None or g.ndim == 3
    given = {"g": g, "alpha": alpha} if per_head else {}
    d, e, w = efla.coefficients(lam, beta, method=method, decay=decay if per_head else "none", **given)
    share = {"split": 1, "strang": 0.5}.get(decay, 0)
    o, error, largest = np.empty_like(v), 0.0, np.abs(S).sum()
    for t in range(tokens):
        key, erase, rows = k[:, t], p[:, t], d[:, t, :, None, None]
        if not per_head:  # D S + (e^((1-c) g) k) (w v - e S^T e^(c g) p)^T
            rows = np.exp(g[:, t])[..., None]
            key, erase = np.exp((1 - share) * g[:, t]) * key, np.exp(share * g[:, t]) * erase
        u = w[:, t, :, None] * v[:, t] - e[:, t, :, None] * np.einsum("bhkv,bhk->bhv", S, erase)
        S = rows * S + np.einsum("bhk,bhv->bhkv", key, u)
        o[:, t] = scale * np.einsum("bhkv,bhk->bhv", S, q[:, t])
        largest = max(largest, np.linalg.norm(S) + np.linalg.norm(key) * np.linalg.norm(w[:, t, :, None] * v[:, t]))
        error += 2 * (3 * dk + 13) * largest
    return o, S, (error + 2 * dk * largest) * max(1, np.abs(q).sum(-1).max() * abs(scale))


def roundoff(dtype):
    """u of a type."""
    return np.finfo(dtype).eps / 2

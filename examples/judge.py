#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is my kernel right?  python3 judge.py   (needs NumPy, and bin/compare or efla-compare)

In a test of pytest: assert efla.check(kernel)."""
import pathlib
import sys

import numpy as np

try:
    import efla
except ImportError:  # not installed: that of this checkout
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))
    import efla


def recurrence(q, k, v, beta, scale, coefficient, g=None):
    """Yours goes here; (B,T,H,D) each, beta (B,T,H), g (B,T,H), or (B,T,H,D) for one per channel of the key."""
    S, o = np.zeros((*q[:, 0].shape, v.shape[-1]), np.float32), np.empty_like(v)
    for t in range(q.shape[1]):
        if g is not None:  # the gated delta rule's decay, of the whole state or of its rows
            S *= np.exp(g[:, t])[..., None] if g.ndim == q.ndim else np.exp(g[:, t])[..., None, None]
        u = v[:, t] - np.einsum("bhkv,bhk->bhv", S, k[:, t])
        S += np.einsum("bh,bhk,bhv->bhkv", coefficient(beta, k)[:, t], k[:, t], u)
        o[:, t] = scale * np.einsum("bhkv,bhk->bhv", S, q[:, t])
    return o, S


def flow(beta, k):
    """The exact flow's coefficient, (1 - exp(-beta lam))/lam with lam = |k|^2, and beta where the key is zero."""
    lam = (k * k).sum(-1)
    return np.where(lam > 0, -np.expm1(-beta * lam) / np.where(lam > 0, lam, 1), beta)


def exact(q, k, v, beta, scale):
    """Exact Flow Linear Attention."""
    return recurrence(q, k, v, beta, scale, flow)


def delta_net(q, k, v, beta, scale):
    """DeltaNet: one step of Euler's method."""
    return recurrence(q, k, v, beta, scale, lambda beta, k: beta)


def gated(q, k, v, beta, g, scale):
    """Gated DeltaNet, or with g per channel Kimi Delta Attention."""
    return recurrence(q, k, v, beta, scale, lambda beta, k: beta, g)


if __name__ == "__main__":
    report = efla.check(exact)
    print(report)
    print("exact is", "right" if report else "wrong")
    few = dict(cases=["tails", "packed"])
    print(f"\nDeltaNet as the exact flow:\n{efla.check(delta_net, 'exact', **few)}")
    for name, per_channel, other in (("Gated DeltaNet", False, "joint"), ("Kimi Delta Attention", True, "strang")):
        for decay in ("split", other):
            report = efla.check(gated, "euler", decay=decay, per_channel=per_channel, **few)
            print(f"\n{name} as {decay}:\n{report}")

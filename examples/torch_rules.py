# SPDX-License-Identifier: GPL-3.0-or-later
"""The delta rule in PyTorch alone, as lm_torch.py and speed.py compare with it: token by token, and chunk by chunk."""
import math
import sys

import torch


def coefficient(k, beta):
    """The exact flow's, a = (1 - exp(-beta |k|^2)) / |k|^2."""
    norm = k.square().sum(-1)
    return -torch.expm1(-beta * norm) / norm


def recurrent(q, k, v, a):
    """S <- S + a k (v - S^T k)^T, o = S^T q; (batch, heads, tokens, d) each, a (batch, heads, tokens)."""
    S, o = torch.zeros(*q.shape[:2], q.shape[3], v.shape[3], dtype=q.dtype), []
    for t in range(q.shape[2]):
        error = v[:, :, t, None] - k[:, :, t, None] @ S
        S = S + (a[:, :, t, None] * k[:, :, t])[..., None] @ error
        o.append(q[:, :, t, None] @ S)
    return torch.cat(o, 2)


def chunkwise(q, k, v, a, chunk):
    """The same, chunk by chunk: (1 + strict lower part of a k k^T) (U | W) = a (v | k); U - W S is written."""
    n = q.shape[2] // chunk
    q, k, v = (x.unflatten(2, (n, chunk)) for x in (q, k, v))
    a = a.unflatten(2, (n, chunk))[..., None]
    matrix = torch.tril(a * k @ k.transpose(-1, -2), -1)
    right = a * (v if n == 1 else torch.cat((v, k), -1))  # the first chunk has no state
    solved = torch.linalg.solve_triangular(matrix, right, upper=False, unitriangular=True)
    U, W = solved[..., : v.shape[-1]], solved[..., v.shape[-1] :]
    scores = torch.tril(q @ k.transpose(-1, -2))
    if n == 1:
        return (scores @ U).flatten(2, 3)
    S, o = k[:, :, 0].transpose(-1, -2) @ U[:, :, 0], [scores[:, :, 0] @ U[:, :, 0]]
    for c in range(1, n):
        written = U[:, :, c] - W[:, :, c] @ S
        o.append(q[:, :, c] @ S + scores[:, :, c] @ written)
        S = S + k[:, :, c].transpose(-1, -2) @ written
    return torch.cat(o, 2)


def check(script):
    """Chunkwise against recurrent, o and its derivatives, in f64: half of its digits on a small case."""
    torch.manual_seed(1)
    q, k, v = (torch.randn(2, 2, 24, 5, dtype=torch.float64, requires_grad=True) for _ in range(3))
    beta, d_o = torch.rand(2, 2, 24, dtype=torch.float64, requires_grad=True), torch.randn(2, 2, 24, 5).double()
    for chunk in (8, 24):
        both = []
        for o in (recurrent(q, k, v, coefficient(k, beta)), chunkwise(q, k, v, coefficient(k, beta), chunk)):
            both.append([o.detach(), *torch.autograd.grad(o, (q, k, v, beta), d_o)])
        for name, right, x in zip(("o", "d_q", "d_k", "d_v", "d_beta"), *both):
            error = ((x - right).norm() / right.norm()).item()
            if not error <= math.sqrt(torch.finfo(torch.float64).eps):
                sys.exit(f"{script}: chunkwise {name} errs by {error:.1e} with chunks of {chunk}")

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is my kernel right?  python3 compare.py [PROGRAM]   (needs h5py)

PROGRAM is by default that of the variable EFLA_COMPARE, bin/compare beside this directory, or efla-compare in PATH."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"compare.py: {missing}; the example needs numpy and h5py", file=sys.stderr)
    sys.exit(2)


def kernel(q, k, v, beta, scale, coefficient, g=None):
    """Yours goes here; (B,T,H,D) each, beta (B,T,H), g (B,T,H), or (B,T,H,D) for one per channel of the key."""
    S, o = np.zeros((*q[:, 0].shape, v.shape[-1]), np.float32), np.empty_like(v)
    for t in range(q.shape[1]):
        if g is not None:  # the gated delta rule's decay, of the whole state or of its rows
            S *= np.exp(g[:, t])[..., None] if g.ndim == q.ndim else np.exp(g[:, t])[..., None, None]
        u = v[:, t] - np.einsum("bhkv,bhk->bhv", S, k[:, t])
        S += np.einsum("bh,bhk,bhv->bhkv", coefficient(beta, k)[:, t], k[:, t], u)
        o[:, t] = scale * np.einsum("bhkv,bhk->bhv", S, q[:, t])
    return o, S


def find_program(named=None):
    """Its path; ends with a sentence where there is none."""
    named = named or os.environ.get("EFLA_COMPARE")
    built = pathlib.Path(__file__).resolve().parent.parent / "bin" / "compare"
    found = shutil.which(named) if named else shutil.which(built) or shutil.which("efla-compare")
    if not found:
        what = f"{named}: no such program" if named else f"neither {built} nor efla-compare in PATH is there"
        print(f"compare.py: {what}; make builds bin/compare, EFLA_COMPARE or an argument names another", file=sys.stderr)
        sys.exit(2)
    return found


def compare(program, options=(), scale=1.0, **tensors):
    """The answer as a dict: 'verdict', and where it is outside 'fault' and 'first out of tolerance'."""
    with tempfile.NamedTemporaryFile(suffix=".h5") as file:
        with h5py.File(file.name, "w") as h5:
            h5.attrs["scale"] = scale
            for name, values in tensors.items():
                h5[name] = values
        run = subprocess.run([program, "--input", file.name, *options], capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise RuntimeError(run.stderr)
    return dict(line.split(": ", 1) for line in run.stdout.splitlines() if ": " in line)


if __name__ == "__main__":
    program = find_program(*sys.argv[1:2])
    rng = np.random.default_rng(1)
    q, k, v = (rng.normal(size=(2, 100, 4, 32)).astype(np.float32) / n for n in (1, 32**0.5, 1))
    beta, scale = rng.uniform(size=(2, 100, 4)).astype(np.float32), 32**-0.5
    coefficients = {"exact": lambda b, k: -np.expm1(-b * (k * k).sum(-1)) / (k * k).sum(-1), "beta": lambda b, k: b}
    for name, coefficient in coefficients.items():
        o, S = kernel(q, k, v, beta, scale, coefficient)
        answer = compare(program, q=q, k=k, v=v, beta=beta, scale=scale, o=o, final_state=S)
        print(name, answer["verdict"], answer.get("fault", ""), sep=": ")
    # Gated DeltaNet: Euler's coefficient, unit keys, the decay before each step; and whether that is the joint flow.
    g = -rng.exponential(0.2, size=beta.shape).astype(np.float32)
    k /= np.linalg.norm(k, axis=-1, keepdims=True)
    o, S = kernel(q, k, v, beta, scale, lambda b, k: b, g)
    for decay in ("split", "joint"):
        options = ("--method", "euler", "--keys", "unit", "--decay", decay)
        answer = compare(program, options, q=q, k=k, v=v, beta=beta, g=g, scale=scale, o=o, final_state=S)
        print(f"Gated DeltaNet as {decay}", answer["verdict"], answer.get("fault", ""), sep=": ")
    # Kimi Delta Attention: the same with a decay per channel; and whether that is the other splitting.
    g = -rng.exponential(0.2, size=k.shape).astype(np.float32)
    o, S = kernel(q, k, v, beta, scale, lambda b, k: b, g)
    for decay in ("lie", "strang"):
        options = ("--method", "euler", "--keys", "unit", "--decay", decay)
        answer = compare(program, options, q=q, k=k, v=v, beta=beta, g=g, scale=scale, o=o, final_state=S)
        print(f"Kimi Delta Attention as {decay}", answer["verdict"], answer.get("fault", ""), sep=": ")

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast is efla.torch, beside the same rule in PyTorch alone?  python3 speed.py [OPTIONS]   (needs torch)

The exact rule, forward and backward, f32, on the CPU: by efla.torch.delta_rule; in PyTorch chunk by chunk, with
products of matrices and one triangular system per chunk, for several lengths of chunks; and in PyTorch token by
token. First o and all derivatives of each are compared with those of the loop over tokens in f64; then they run in
turn, and the medians of times and of the ratios within a turn are printed. At last, what a call of efla.forward on
one token takes beside the call of the library in it."""
import argparse
import os
import pathlib
import statistics
import sys
import time


def parse():
    p = argparse.ArgumentParser(description=__doc__.split("  python3")[0])
    for name, value in dict(batch=1, heads=4, tokens=1024, width=64, threads=1, repeats=7).items():
        p.add_argument(f"--{name}", type=int, default=value, metavar="N", help=f"{name} ({value})")
    p.add_argument("--chunks", default="32,64,128", metavar="LIST", help="tokens of a chunk in PyTorch (32,64,128)")
    o = p.parse_args()
    o.chunks = [int(n) for n in o.chunks.split(",")]
    if any(o.tokens % n for n in o.chunks):
        sys.exit("speed.py: the length of a chunk divides the number of tokens")
    return o


options = parse()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(options.threads)  # BLAS reads it when it is loaded
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
try:
    import torch
    import torch_rules
except ImportError as missing:
    sys.exit(f"speed.py: {missing}; the example needs PyTorch (python3-torch)")
try:
    import efla.torch
except ImportError:  # not installed: that of this checkout
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))
    import efla.torch


def by_efla(q, k, v, beta):
    """(batch, heads, tokens, d) as torch_rules has it: the library reads the transposed view."""
    x = (a.transpose(1, 2) for a in (q, k, v, beta))
    return efla.torch.delta_rule(*x, threads=options.threads)[0].transpose(1, 2)


def by_chunks(n):
    return lambda q, k, v, beta: torch_rules.chunkwise(q, k, v, torch_rules.coefficient(k, beta), n)


def by_tokens(q, k, v, beta):
    return torch_rules.recurrent(q, k, v, torch_rules.coefficient(k, beta))


RULES = {"efla.torch": by_efla}
RULES.update({f"PyTorch, chunks of {n}": by_chunks(n) for n in options.chunks})
RULES["PyTorch, token by token"] = by_tokens


def solve(rule, inputs, d_o):
    """o and the derivatives by all inputs."""
    o = rule(*inputs)
    return [o.detach(), *torch.autograd.grad(o, inputs, d_o)]


def draw():
    torch.manual_seed(1)
    shape = (options.batch, options.heads, options.tokens)
    q, k, v, d_o = (torch.randn(*shape, options.width) for _ in range(4))
    return [x.requires_grad_() for x in (q, k / options.width**0.5, v, torch.rand(shape))], d_o


def compare(inputs, d_o):
    """Ends where a rule errs by more than f32 in runs of that length: the square root of its u, half of its digits."""
    exact = solve(by_tokens, [x.detach().double().requires_grad_() for x in inputs], d_o.double())
    for name, rule in RULES.items():
        errors = [((x - y).norm() / y.norm()).item() for x, y in zip(solve(rule, inputs, d_o), exact)]
        print(f"{name}: largest error of o and derivatives {max(errors):.1e}")
        if not max(errors) <= torch.finfo(torch.float32).eps ** 0.5:
            sys.exit(f"speed.py: {name} is wrong")


def measure(inputs, d_o):
    """Medians over turns in which every rule runs once."""
    times = {name: [] for name in RULES}
    for turn in range(options.repeats + 1):
        for name, rule in RULES.items():
            start = time.perf_counter()
            solve(rule, inputs, d_o)
            if turn:  # the first warms up
                times[name].append(time.perf_counter() - start)
    ours = times["efla.torch"]
    for name, found in times.items():
        ratio = statistics.median(one / own for one, own in zip(found, ours))
        print(f"{name}: {1e3 * statistics.median(found):.2f} ms, {ratio:.1f} times efla.torch's")


def overhead(calls=2000):
    """Of efla.forward on one token and one feature, over the library's call in it; the least of several medians'
    turns."""
    import numpy as np
    from efla import _backend, _library, _problem, _rules

    x = [np.ones((1, 1, 1, 1), np.float32)] * 3 + [np.ones((1, 1, 1), np.float32)]
    problem, kept = _problem.Problem(*x), _backend.backend(None, 1, 0)
    o = problem.new_output()
    result = _library.Result(problem.views.tokenwise("o", o, 1), _problem.ABSENT)
    forward, rule = _library.lib().efla_forward, _rules.rule_of("exact", "none", "raw", 1.0)
    call = (kept._handle, _library.byref(rule), _library.byref(problem.sequence), _library.byref(result))
    both = {"whole": lambda: efla.forward(*x, threads=1), "library": lambda: forward(*call)}
    times = {name: [] for name in both}
    for _ in range(21):
        for name, work in both.items():
            start = time.perf_counter()
            for _ in range(calls // 21):
                work()
            times[name].append((time.perf_counter() - start) / (calls // 21))
    whole, library = (1e6 * statistics.median(times[name]) for name in both)
    print(f"efla.forward on one token: {whole:.1f} us, of which {library:.1f} us are the library's")


if __name__ == "__main__":
    torch.set_num_threads(options.threads)
    inputs, d_o = draw()
    compare(inputs, d_o)
    measure(inputs, d_o)
    overhead()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast does bin/lm train, beside the same model in PyTorch?  python3 lm_torch.py [OPTIONS]   (needs torch)

Both train the language model of src/nn/language_model.h from the start: embedding; in every layer RMSNorm, q, k, v, a
causal depthwise convolution of 4 tokens, SiLU, q of norm one, the delta rule with the exact coefficient in heads,
RMSNorm per head, W_o, RMSNorm, SwiGLU; an output layer of its own. Both take the same sizes, f32, AdamW with the same
settings, windows of the same text, and as many threads. The rule in PyTorch is chunkwise: products of matrices and one
triangular system per chunk; it is first checked, with its derivatives, against a loop over tokens in f64.

They run in turn. Per run: tokens per second of training, and the mean bits per byte of its batches, which differ by
the draw only; then the medians, of the ratios too. PyTorch's first step is not timed.
"""
import argparse
import csv
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def parse():
    p = argparse.ArgumentParser(description=__doc__.split("  python3")[0])
    sizes = dict(width=128, layers=4, heads=4, hidden=352, context=64, batch=12, group=6, threads=1, steps=50, runs=5)
    for name, value in sizes.items():
        p.add_argument(f"--{name}", type=int, default=value, metavar="N", help=f"{name} ({value})")
    p.add_argument("--chunk", type=int, default=64, metavar="N", help="tokens of a chunk in PyTorch (64)")
    p.add_argument("--program", default=str(ROOT / "bin" / "lm"), metavar="PATH", help="bin/lm beside this directory")
    o = p.parse_args()
    if not os.access(o.program, os.X_OK):
        sys.exit(f"lm_torch.py: {o.program}: no such program; make bin/lm builds it")
    if o.context % min(o.chunk, o.context) or o.width % o.heads or o.batch % o.group or o.steps < 5:
        sys.exit("lm_torch.py: chunk divides context, heads width, group batch, and there are at least 5 steps")
    return o


options, environment = parse(), dict(os.environ)
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(options.threads)  # BLAS reads it when it is loaded
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # OpenMP's threads do not take the cores from BLAS's own
try:
    import torch
    import torch.nn.functional as F
    import torch_rules
except ImportError as missing:
    sys.exit(f"lm_torch.py: {missing}; the example needs PyTorch (python3-torch)")


def parameter(*shape, by=None):
    return torch.nn.Parameter(torch.ones(shape) if by is None else by * torch.randn(shape))


def rms(x, scale):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * scale


class Layer(torch.nn.Module):
    def __init__(self, o):
        super().__init__()
        W, H, out = o.width, o.heads, 0.02 / math.sqrt(2 * o.layers)
        self.heads, self.chunk = H, min(o.chunk, o.context)
        self.qkv, self.beta, self.o = parameter(3 * W, W, by=0.02), parameter(H, W, by=0.02), parameter(W, W, by=out)
        self.up, self.down = parameter(2 * o.hidden, W, by=0.02), parameter(W, o.hidden, by=out)
        self.taps, self.beta_bias = torch.nn.Parameter(torch.rand(4, 3 * W) - 0.5), parameter(H, by=0)
        self.norm_mixer, self.norm_hidden, self.norm_head = parameter(W), parameter(W), parameter(W // H)

    def mix(self, r):
        x = F.pad(F.linear(r, self.qkv), (0, 0, 3, 0))
        y = F.silu(sum(x[:, 3 - j : x.shape[1] - j] * self.taps[j] for j in range(4)))
        q, k, v = (z.unflatten(-1, (self.heads, -1)).transpose(1, 2) for z in y.chunk(3, -1))
        beta = torch.sigmoid(F.linear(r, self.beta, self.beta_bias)).transpose(1, 2)
        q, a = rms(q, 1 / math.sqrt(q.shape[-1])), torch_rules.coefficient(k, beta)
        o = torch_rules.chunkwise(q, k, v, a, self.chunk)
        return rms(o.transpose(1, 2), self.norm_head).flatten(2)

    def forward(self, x):
        x = x + F.linear(self.mix(rms(x, self.norm_mixer)), self.o)
        gate, other = F.linear(rms(x, self.norm_hidden), self.up).chunk(2, -1)
        return x + F.linear(F.silu(gate) * other, self.down)


class Model(torch.nn.Module):
    def __init__(self, o):
        super().__init__()
        self.embedding, self.out = parameter(256, o.width, by=0.02), parameter(256, o.width, by=0.02)
        self.layers = torch.nn.ModuleList(Layer(o) for _ in range(o.layers))
        self.norm_out = parameter(o.width)

    def forward(self, tokens):
        x = F.embedding(tokens, self.embedding)
        for layer in self.layers:
            x = layer(x)
        return F.linear(rms(x, self.norm_out), self.out)


WARMUP, RATE = 4, 3e-3


def rate(step, steps):
    """That of src/train/trainer.c."""
    if step <= WARMUP:
        return RATE * step / WARMUP
    return RATE * (0.1 + 0.9 * (1 - math.cos(math.pi * (steps - step) / (steps - WARMUP))) / 2)


def train_torch(o, text):
    """Tokens per second and mean bits per byte of its batches."""
    model, losses = Model(o), []
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "taps" not in name]
    others = [p for name, p in model.named_parameters() if p.dim() != 2 or "taps" in name]
    groups = [dict(params=matrices, weight_decay=0.1), dict(params=others, weight_decay=0.0)]
    rule = torch.optim.AdamW(groups, betas=(0.9, 0.95))
    for step in range(1, o.steps + 1):
        if step == 2:
            begin = time.perf_counter()
        for group in rule.param_groups:
            group["lr"] = rate(step, o.steps)
        first = torch.randint(len(text) - o.context, (o.batch, 1))
        window = text[first + torch.arange(o.context + 1)]
        loss = F.cross_entropy(model(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())
        rule.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*matrices, *others], 1.0)
        rule.step()
        losses.append(loss.item())
    seconds = time.perf_counter() - begin
    return (o.steps - 1) * o.batch * o.context / seconds, statistics.mean(losses) / math.log(2)


def train_lm(o):
    """The same of bin/lm, whose time is that of its steps alone."""
    names = ("width", "layers", "heads", "hidden", "context", "batch", "group", "threads", "steps")
    arguments = [word for name in names for word in (f"--{name}", str(getattr(o, name)))]
    arguments += ["--every", str(o.steps), "--warmup", str(WARMUP), "--lr", str(RATE), "--windows", "1"]
    environment.pop("EFLA_CORPUS", None)
    done = subprocess.run([o.program, *arguments], capture_output=True, text=True, env=environment)
    speed = re.search(r"([0-9.e+]+) tokens/s", done.stderr)
    if done.returncode or not speed:
        sys.exit(f"lm_torch.py: {o.program} failed: {done.stderr.strip()}")
    table = csv.DictReader(line for line in done.stdout.splitlines() if not line.startswith("#"))
    return float(speed.group(1)), next(float(row["bits"]) for row in table if row["study"] == "training")


def main():
    o = options
    torch.set_num_threads(o.threads)
    torch_rules.check("lm_torch.py")
    text = (ROOT / "data" / "shakespeare.txt").read_bytes()
    text = torch.frombuffer(bytearray(text[: len(text) * 9 // 10]), dtype=torch.uint8).long()
    print(f"torch {torch.__version__}, width {o.width}, {o.layers} layers, {o.heads} heads, hidden {o.hidden}, context "
          f"{o.context}, batch {o.batch} (bin/lm in groups of {o.group}), {o.threads} threads, {o.steps} steps a run")
    line = "{:>8}  {:>10}  {:>10}  {:>6}  {:>8}  {:>8}"
    print(line.format("run", "lm tok/s", "torch", "ratio", "lm bits", "torch"))
    rows = []
    for run in range(o.runs):
        torch.manual_seed(run)
        (lm, lm_bits), (ours, bits) = train_lm(o), train_torch(o, text)
        rows.append((lm, ours, lm / ours, lm_bits, bits))
        print(line.format(run + 1, *(f"{x:.{n}f}" for x, n in zip(rows[-1], (0, 0, 2, 3, 3)))), flush=True)
    medians = [statistics.median(column) for column in zip(*rows)]
    print(line.format("median", *(f"{x:.{n}f}" for x, n in zip(medians, (0, 0, 2, 3, 3)))))


if __name__ == "__main__":
    main()

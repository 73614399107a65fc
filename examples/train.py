#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train a small model with the exact delta rule in PyTorch, on the CPU.  python3 train.py [--steps N]   (needs torch)

Associative recall: a sequence has pairs of a letter and a digit, then letters of those pairs again, and the model is
to answer each with its digit. One layer: q, k and v are read from the embeddings of a token and of the one before
it, the rule stores v at k, and the read-out goes to the output layer. The key's length is free (keys "raw"): it
says, with beta, how much of the past at that key is replaced."""
import argparse
import pathlib
import sys
import time

try:
    import torch
except ImportError as missing:
    sys.exit(f"train.py: {missing}; the example needs PyTorch (python3-torch)")
try:
    import efla.torch
except ImportError:  # not installed: that of this checkout
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))
    import efla.torch

LETTERS, DIGITS = 16, 10
VOCABULARY = LETTERS + DIGITS


def draw(batch, pairs):
    """Tokens (batch, 3 pairs) and answers (batch, pairs), which are due at the last `pairs` tokens."""
    letters = torch.rand(batch, LETTERS).argsort(-1)[:, :pairs]
    digits = torch.randint(DIGITS, (batch, pairs))
    order = torch.rand(batch, pairs).argsort(-1)
    stored = torch.stack((letters, LETTERS + digits), -1).flatten(1)
    return torch.cat((stored, letters.gather(1, order)), 1), digits.gather(1, order)


class Model(torch.nn.Module):
    """One layer of the delta rule with `heads` heads of `width` features."""

    def __init__(self, heads=2, width=16, method="exact"):
        super().__init__()
        self.heads, self.width, self.method = heads, width, method
        self.embedding = torch.nn.Embedding(VOCABULARY, 32)
        self.project = torch.nn.Linear(64, 3 * heads * width + heads)
        self.output = torch.nn.Linear(heads * width, DIGITS)

    def forward(self, tokens):
        x = self.embedding(tokens)
        before = torch.nn.functional.pad(x, (0, 0, 1, 0))[:, :-1]
        projected = self.project(torch.cat((x, before), -1))
        qkv, beta = projected[..., : -self.heads], projected[..., -self.heads :].sigmoid()
        q, k, v = qkv.unflatten(-1, (3, self.heads, self.width)).unbind(2)  # (B, T, H, D) views, read where they lie
        o, _ = efla.torch.delta_rule(q, k, v, beta, method=self.method, scale=self.width**-0.5)
        return self.output(o.flatten(2))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("  python3")[0])
    for name, value in dict(steps=400, batch=64, pairs=8, seed=1).items():
        p.add_argument(f"--{name}", type=int, default=value, metavar="N", help=f"{name} ({value})")
    p.add_argument("--method", default="exact", help="of the rule (exact)")
    o = p.parse_args()
    torch.manual_seed(o.seed)
    model = Model(method=o.method)
    adam, start = torch.optim.Adam(model.parameters(), lr=1e-2), time.perf_counter()
    for step in range(1, o.steps + 1):
        tokens, answers = draw(o.batch, o.pairs)
        logits = model(tokens)[:, -o.pairs :]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), answers.flatten())
        adam.zero_grad()
        loss.backward()
        adam.step()
        if step % max(o.steps // 8, 1) == 0 or step == 1:
            right = (logits.argmax(-1) == answers).float().mean().item()
            print(f"step {step}: loss {loss.item():.3f}, right answers {right:.0%}", flush=True)
    with torch.no_grad():
        tokens, answers = draw(1000, o.pairs)
        right = (model(tokens)[:, -o.pairs :].argmax(-1) == answers).float().mean().item()
    seconds = time.perf_counter() - start
    print(f"on new sequences: right answers {right:.1%}, by chance {1 / DIGITS:.0%}; {seconds:.1f} s")


if __name__ == "__main__":
    main()

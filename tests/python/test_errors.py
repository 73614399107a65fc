# SPDX-License-Identifier: GPL-3.0-or-later
"""What is raised, and that the message names the argument; a library that is missing or of another version."""
import os
import pathlib
import re
import subprocess
import sys

import efla
import numpy as np
import pytest
from support import draw

f32 = np.float32
FORWARD = [
    (dict(k=np.zeros((2, 9, 3, 5))), "k: shape (2, 9, 3, 5), expected (batch, tokens, heads, dk) = (2, 11, 3, 5)"),
    (dict(k=np.zeros((2, 11, 2, 5))), "k: shape (2, 11, 2, 5), expected"),
    (dict(k=np.zeros((2, 11, 15))), "k: shape (2, 11, 15), expected as many axes as v, (2, 11, 3, 4)"),
    (dict(q=np.zeros((2, 11, 3, 6))), "q: shape (2, 11, 3, 6), expected"),
    (dict(beta=np.zeros((2, 11))), "beta: shape (2, 11), expected (batch, tokens, heads) = (2, 11, 3)"),
    (dict(v=np.zeros(7)), "v: shape (7,), expected (batch, tokens, heads, dv)"),
    (dict(g=np.zeros((2, 11, 3, 1))), "g: shape (2, 11, 3, 1), expected (batch, tokens, heads, dk) = (2, 11, 3, 5)"),
    (dict(k=np.zeros((2, 11, 3, 5), f32)), "k: float32, expected float64 as that of v"),
    (dict(v=np.zeros((2, 11, 3, 4), int)), "v: int64, expected float64, float32, float16 or bfloat16"),
    (dict(beta=np.zeros((2, 11, 3), complex)), "beta: complex128, expected"),
    (dict(initial_state=np.zeros((1, 3, 5, 4))), "initial_state: shape (1, 3, 5, 4), expected (2, 3, 5, 4)"),
    (dict(cu_seqlens=[0, 11]), "batch: 2, expected 1 with cu_seqlens"),
    (dict(cu_seqlens=[0.0, 11.0]), "cu_seqlens: float64 of shape (2,), expected (sequences + 1) integers >= 0"),
    (dict(method="midpoint"), "method: 'midpoint', expected one of euler, "),
    (dict(keys="long"), "keys: 'long', expected one of raw, unit"),
    (dict(decay="slow"), "decay: 'slow', expected one of none, split, "),
    (dict(decay="none", g=np.zeros((2, 11, 3))), "g: given, but decay none takes none"),
    (dict(decay="retention", g=np.zeros((2, 11, 3))), "g: given, but decay retention takes alpha"),
    (dict(g=np.zeros((2, 11, 3)), alpha=np.ones((2, 11, 3))), "g and alpha: both are given"),
    (dict(decay="joint", g=np.zeros((2, 11, 3, 5))), "g: one per channel, but decay joint takes one per head"),
    (dict(scale=0), "scale: 0, expected another number"),
    (dict(scale=float("inf")), "rule: scale inf, expected a number"),
    (dict(backend="gpu"), "backend gpu: unknown, expected auto, cpu or reference"),
    (dict(threads=-1), "threads: -1, expected a number >= 0"),
    (dict(threads=5000), "threads: 5000, expected at most 1024"),
]


@pytest.mark.parametrize("change,message", FORWARD)
def test_forward(change, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        efla.forward(**{**draw(), **change})


@pytest.mark.parametrize(
    "change,message",
    [
        (dict(do=np.zeros((1, 11, 3, 4))), "do: shape (1, 11, 3, 4), expected that of o, (2, 11, 3, 4)"),
        (dict(do=np.zeros((2, 11, 1, 4))), "do: shape (2, 11, 1, 4), expected that of o, (2, 11, 3, 4)"),
        (dict(dfinal_state=np.zeros((2, 3, 4, 5))), "dfinal_state: shape (2, 3, 4, 5), expected (2, 3, 5, 4)"),
        (dict(wanted=["q", "s"]), "wanted: 's', expected some of q, k, v, beta, g, p, initial_state"),
    ],
)
def test_backward(change, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        efla.backward(**{**draw(), "do": np.zeros((2, 11, 3, 4)), **change})


def test_sequences_in_order():
    x = draw(batch=1)
    wrong = {(0, 5, 3, 11): "cu_seqlens[2]: 3, expected at least 5", (0, 5): "cu_seqlens[1]: 5, expected 11 tokens"}
    for cu, message in wrong.items():
        with pytest.raises(ValueError, match="^" + re.escape(message)):
            efla.forward(**x, cu_seqlens=cu)


def test_decoder():
    with pytest.raises(ValueError, match="^dtype: float16"):
        efla.Decoder(1, 1, 2, 2, np.float16)
    with pytest.raises(ValueError, match="expected at least 1 each"):
        efla.Decoder(0, 1, 2, 2)
    decoder = efla.Decoder(2, 3, 5, 4)
    token = {key: a[:, 0] for key, a in draw(dtype=f32).items()}
    decoder.step(**token)
    before = decoder.states
    for change, message in (
        (dict(g=token["beta"]), "g: given, but decay none takes none"),
        (dict(v=token["v"][..., :3]), "dv: 3, expected the decoder's 4"),
        ({key: a.astype(np.float64) for key, a in token.items()}, "v: float64, expected the decoder's float32"),
    ):
        with pytest.raises(ValueError, match="^" + re.escape(message)):
            decoder.step(**{**token, **change})
    assert (decoder.states == before).all()
    with pytest.raises(ValueError, match="^states: shape"):
        decoder.states = before[:1]


def test_unsupported_isa():
    with pytest.raises(ValueError, match="^isa"):
        efla.Backend("cpu", isa="sse9")


def python(code, **environment):
    path = os.pathsep.join(p for p in sys.path if p)
    environment = {**os.environ, "PYTHONPATH": path, **environment}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_library_is_missing():
    run = python("import efla; print(efla.__version__); efla.methods()", EFLA_LIBRARY="/no/libefla.so")
    assert run.returncode == 1 and run.stdout.strip() == efla.__version__
    assert "ImportError: libefla 0.1 was not found" in run.stderr and "/no/libefla.so: " in run.stderr


def test_library_of_another_version(tmp_path):
    (tmp_path / "old.c").write_text('const char *efla_version(void) { return "0.9.3"; }\n')
    file = tmp_path / "libefla.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", file, tmp_path / "old.c"], check=True)
    run = python("import efla; efla.methods()", EFLA_LIBRARY=str(file))
    assert run.returncode == 1 and f"{file}: version 0.9.3, expected 0.1" in run.stderr


def test_version_is_that_of_the_library():
    header = pathlib.Path(__file__).resolve().parent.parent.parent / "src" / "efla" / "version.h"
    assert f'#define EFLA_VERSION       "{efla.__version__}"' in header.read_text()
    assert efla._library.lib().efla_version().decode() == efla.__version__

# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples run, and print what they promise."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent.parent / "examples"


def run(script, *options):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, str(EXAMPLES / script), *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_judge():
    said = run("judge.py")
    assert "exact is right\n" in said
    assert re.search(r"DeltaNet as the exact flow:\ndelta_net: wrong in 1 of 1(.*\n)+?fault: beta itself is used", said)
    for name, right, wrong in (("Gated DeltaNet", "split", "joint"), ("Kimi Delta Attention", "split", "strang")):
        assert f"{name} as {right}:\ngated: right in all 1 cases" in said
        assert f"{name} as {wrong}:\ngated: wrong in 1 of 1 cases" in said


def test_readme():
    """Its first lines of Python, but for PyTorch's."""
    import efla
    from support import draw

    text = (EXAMPLES.parent / "README.md").read_text()
    block = re.search(r"```python\n(import efla\n.*?)\nimport efla.torch\n", text, re.DOTALL).group(1)
    x = draw(decay="split")
    names = dict(x, do=x["v"], batch=2, heads=3, dk=5, dv=4, lam=1.0)
    exec(block, names)
    assert (names["o"] == efla.forward(**x, method="euler", keys="unit")[0]).all()
    assert names["final_state"].shape == (2, 3, 5, 4) and names["gradients"].dq.shape == x["q"].shape
    assert (names["d"] == 1).all() and names["decoder"].shape == (2, 3, 5, 4)


def test_train():
    pytest.importorskip("torch", reason="PyTorch is not installed (Debian: python3-torch)")
    said = run("train.py", "--steps", "60", "--batch", "32")
    losses = [float(x) for x in re.findall(r"loss (\S+),", said)]
    assert losses[-1] < losses[0] / 2, said


def test_speed():
    pytest.importorskip("torch", reason="PyTorch is not installed (Debian: python3-torch)")
    said = run("speed.py", "--tokens", "64", "--width", "8", "--chunks", "16,64", "--repeats", "1")
    assert len(re.findall("largest error of o and derivatives", said)) == 4
    assert len(re.findall(r"ms, \S+ times efla.torch's", said)) == 4 and "of which" in said


def test_lm_torch():
    """Its sizes are checked before PyTorch is looked for."""
    command = [sys.executable, str(EXAMPLES / "lm_torch.py"), "--program", sys.executable, "--chunk", "5"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "chunk divides context" in done.stderr

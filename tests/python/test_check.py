# SPDX-License-Identifier: GPL-3.0-or-later
"""efla.check: right kernels pass, wrong ones fail and are named; what is left out; in a test of pytest."""
import os
import pathlib
import re
import subprocess
import sys

from typing import Callable, NamedTuple

import efla
import kernels
import numpy as np
import pytest

FEW = ["tails", "one-token", "widths"]


def test_right():
    report = efla.check(kernels.right)
    assert report and [outcome.right for outcome in report.outcomes] == [True] * 16, str(report)
    assert str(report).startswith("right: right in all 16 cases; held against method exact, decay none, keys raw\n")
    assert not report.faults


@pytest.mark.parametrize(
    "kernel,fault",
    [
        (kernels.euler, "beta itself is used as the coefficient"),
        (kernels.without_beta, "beta is taken to be 1"),
        (kernels.shifted, "v is that of the previous token"),
    ],
)
def test_wrong_ones_are_named(kernel, fault):
    report = efla.check(kernel, cases=[*FEW, "beta-one", "packed"])
    assert not report
    assert report.faults and fault in report.faults[0], str(report)
    assert f"fault: {report.faults[0]}" in str(report)
    right = [o.case.name for o in report.outcomes if o.right]
    assert right == ["beta-one"] * (kernel is kernels.without_beta), str(report)


@pytest.mark.parametrize("per_channel", [False, True])
def test_decays(per_channel):
    report = efla.check(kernels.gated, decay="split", per_channel=per_channel)
    assert report and "decay-strong" in str(report), str(report)
    other = "strang" if per_channel else "joint"
    report = efla.check(kernels.gated, decay=other, per_channel=per_channel, cases=["tails"])
    assert not report and "decay" in report.faults[0]


@pytest.mark.parametrize("method", efla.methods())
def test_every_method(method):
    def kernel(q, k, v, beta, scale, initial_state=None, cu_seqlens=None):
        more = dict(scale=scale, initial_state=initial_state, cu_seqlens=cu_seqlens)
        return efla.forward(q, k, v, beta, method=method, **more)[0]

    report = efla.check(kernel, method, cases=["limit", "packed-states", "long"])
    assert report, str(report)


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_types(dtype):
    def kernel(q, k, v, beta):
        return efla.forward(q, k, v, beta)[0]

    report = efla.check(kernel, dtype=dtype)
    assert report, str(report)
    assert not efla.check(lambda q, k, v, beta: kernel(q, k, v, beta / 2), dtype=dtype, cases=FEW[:1])


def test_unit_keys():
    report = efla.check(lambda q, k, v, beta: efla.forward(q, k, v, beta, keys="unit"), keys="unit")
    assert report, str(report)


def test_scale_of_a_kernel_without_that_argument():
    def kernel(q, k, v, beta):
        return efla.forward(q, k, v, beta, scale=q.shape[-1] ** -0.5)

    assert efla.check(kernel, scale=lambda dk: dk**-0.5, cases=FEW)
    assert not efla.check(kernel, cases=FEW)


def test_inputs_are_those_of_compare(tmp_path):
    """Numbers, types, scale and names: a case is what `compare --make` writes for such a kernel."""
    made, taken = tmp_path / "in.npz", []

    def kernel(q, k, v, beta, g, scale, initial_state):
        taken.append(dict(q=q, k=k, v=v, beta=beta, g=g, scale=scale, initial_state=initial_state))
        return v

    efla.check(kernel, decay="joint", cases=["initial-state"], dtype="float16", seed=7)
    options = "--cases initial-state --decay joint --type fp16 --seed 7 --make"
    subprocess.run([efla._exchange.find_program(), *options.split(), made], check=True)
    with np.load(tmp_path / "in-initial-state.npz") as file:
        assert str(file["arguments"]).split() == [name for name in taken[0] if name != "scale"][:5] + ["initial_state"]
        for name, given in taken[0].items():
            assert np.array_equal(file[name], given) and file[name].dtype == np.asarray(given).dtype, name


def test_names_of_cases():
    names = efla.check_cases()
    assert len(set(names)) == len(names) > 20 and {"tails", "limit", "retention", "bf16"} <= set(names)
    report = efla.check(kernels.right, cases=["scale"])
    assert [o.case.name for o in report.outcomes] == ["scale"] and "0.3" in report.outcomes[0].case.about


def test_what_is_left_out():
    def kernel(q, k, v, beta):
        if q.shape[1] == 1:
            raise NotImplementedError("one token")
        if q.shape[-1] != v.shape[-1]:
            raise IndexError("dk is dv here")
        return efla.forward(q, k, v, beta)[0]

    report = efla.check(kernel, cases=[*FEW, "packed"])
    found = {o.case.name: o.right for o in report.outcomes}
    assert found == {"tails": True, "one-token": None, "widths": False, "packed": None}
    said = str(report)
    assert "not implemented: one token" in said and "IndexError: dk is dv here" in said
    assert "left out the kernel has no argument cu_seqlens" in said and "wrong in 1 of 2 cases" in said
    assert not efla.check(kernel, cases=["one-token"]) and "not judged" in str(efla.check(kernel, cases=["one-token"]))


def test_bfloat16_in_numpy():
    """Of ml_dtypes, which Debian has no package of everywhere."""
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed (Debian: python3-ml-dtypes)")

    def kernel(q, k, v, beta, g):
        assert v.dtype == ml_dtypes.bfloat16 and g.dtype == np.float32
        return efla.forward(q, k, v, beta, g)[0]

    report = efla.check(kernel, decay="split", dtype="bfloat16")
    assert report and report.outcomes[0].answer["o"] == "bf16", str(report)


class Wrong(NamedTuple):
    """A gradient that is changed, and what is said of it."""

    name: str
    change: Callable
    says: str


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        Wrong("dbeta", lambda d: 1.5 * d, "1.5 times"),
        Wrong("dv", lambda d: -d, "sign is wrong"),
        Wrong("dfinal_state", lambda d: None, "derivative by final_state"),
    ],
)
def test_backward_in_numpy(wrong):
    """Gradients that a function returns are judged, all of them."""

    def backward(do, dfinal_state=None, **inputs):
        if wrong and wrong.name == "dfinal_state":
            dfinal_state = wrong.change(dfinal_state)
        found = efla.backward(do=do, dfinal_state=dfinal_state, **inputs)._asdict()
        if wrong and wrong.name in found:
            found[wrong.name] = wrong.change(found[wrong.name])
        return {name: d for name, d in found.items() if d is not None}

    def kernel(q, k, v, beta, scale, initial_state=None, cu_seqlens=None):
        return efla.forward(
            q, k, v, beta, scale=scale, initial_state=initial_state, cu_seqlens=cu_seqlens, output_final_state=True
        )

    cases = ["tails", "packed", "initial-state", "scale"]
    report = efla.check(kernel, backward=backward, cases=cases)
    found = {o.case.name: o.right for o in report.outcomes}
    if wrong is None:
        assert report, str(report)
    elif wrong.name == "dfinal_state":
        assert found == {"tails": True, "packed": True, "initial-state": False, "scale": True}
    else:
        assert not any(found.values()) and f"({wrong.name} alone)" in str(report)
    assert not wrong or wrong.says in report.faults[0], str(report)


def test_shapes_of_outputs():
    report = efla.check(lambda q, k, v, beta: efla.forward(q, k, v, beta)[0][:, 1:], cases=FEW[:1])
    assert not report and "ValueError: o: shape (2, 76, 3, 32), expected (2, 77, 3, 32)" in str(report)


@pytest.mark.parametrize(
    "options,message",
    [
        (dict(method="heun"), "method: 'heun'"),
        (dict(preset="other"), "preset: 'other', expected one of fla"),
        (dict(arrays="lists"), "arrays: 'lists', expected one of numpy, torch"),
        (dict(decay="split"), "fn: has no argument 'g', which decay split needs"),
        (dict(cases=["no such"]), "cases: 'no such' is not one of awkward, list, tails, "),
        (dict(cases=["retention"]), "cases retention: of kernels with another decay"),
        (dict(dtype="int8"), "dtype: 'int8', expected one of float64, float32, float16, bfloat16"),
        (dict(gradients=True), "gradients: a kernel in NumPy needs backward"),
        (dict(fn=lambda q, k, v: v), "fn: has no argument 'beta', expected q, k, v and beta among q, k, v"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        efla.check(**{"fn": kernels.right, **options})


def test_program_is_missing():
    with pytest.raises(FileNotFoundError, match="none of /no/compare is a program"):
        efla.check(kernels.right, program="/no/compare")


def test_which_program(tmp_path, monkeypatch):
    """As it is named, that of the variable, that of the checkout or the installation, that in PATH."""
    package, named = tmp_path / "lib/python3/dist-packages/efla", tmp_path / "named"
    places = [tmp_path / "lib/python3/bin/compare", tmp_path / "bin/efla-compare", tmp_path / "path/efla-compare"]
    monkeypatch.setattr(efla._exchange, "PACKAGE", package)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("EFLA_COMPARE", raising=False)
    package.mkdir(parents=True)
    for file in (*places, named):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    for file in places:
        assert efla._exchange.find_program() == str(file)
        file.unlink()
    with pytest.raises(FileNotFoundError, match="EFLA_COMPARE may name it"):
        efla._exchange.find_program()
    monkeypatch.setenv("EFLA_COMPARE", str(named))
    assert efla._exchange.find_program() == efla._exchange.find_program(str(named)) == str(named)


def test_file_that_cannot_be_judged():
    def kernel(q, k, v, beta):
        return efla.forward(q, k, v, beta)[0].astype(complex)

    with pytest.raises(RuntimeError, match="kernel.npz: o"):
        efla.check(kernel, cases=FEW[:1])


def test_in_pytest(tmp_path):
    """Of a wrong kernel pytest prints the report."""
    (tmp_path / "test_kernel.py").write_text(
        "import efla, kernels\n"
        "def test_right(): assert efla.check(kernels.right, cases=['tails'])\n"
        "def test_wrong(): assert efla.check(kernels.euler, cases=['tails'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(pathlib.Path(__file__).parent)])}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 1 and "1 failed, 1 passed" in run.stdout, run.stdout
    assert "euler: wrong in 1 of 1 cases" in run.stdout and "fault: beta itself is used" in run.stdout


def test_faults_of_gradients():
    """As compare says them: of the backward pass as a whole, or of each gradient."""
    one, none = {"verdict": "outside", "fault": {"says": "a constant"}}, {"verdict": "within", "fault": None}
    outcome = efla._check.Outcome(None, False, "", {"gradients": {"dk": one, "dq": none, "fault": None}})
    assert outcome.faults == ["dk: a constant"]
    whole = outcome._replace(answer={"gradients": {"dk": one, "fault": {"says": "another method"}}})
    assert whole.faults == ["another method"]


class TestTorch:
    """Kernels in PyTorch."""

    @pytest.fixture(autouse=True)
    def torch(self):
        return pytest.importorskip("torch", reason="PyTorch is not installed (Debian: python3-torch)")

    @staticmethod
    def chunk_delta_rule(
        q, k, v, beta, scale=None, initial_state=None, output_final_state=False, use_qk_l2norm_in_kernel=False, **kwargs
    ):
        """With the names and the layout of flash-linear-attention; recurrent, and in float32 inside."""
        import torch

        dtype = v.dtype
        q, k, v, beta = (x.float() for x in (q, k, v, beta))
        if use_qk_l2norm_in_kernel:
            q, k = (x / (x.square().sum(-1, keepdim=True) + 1e-12).sqrt() for x in (q, k))
        cu = kwargs.get("cu_seqlens")
        cu = [0, q.shape[1]] if cu is None else cu.tolist()
        scale = q.shape[-1] ** -0.5 if scale is None else scale
        S = torch.zeros(max(len(cu) - 1, q.shape[0]), *q.shape[2:], v.shape[-1])
        S = S if initial_state is None else initial_state
        o, states = [], []
        for i in range(len(cu) - 1):
            state = S if len(cu) == 2 else S[i : i + 1]
            for t in range(cu[i], cu[i + 1]):
                u = beta[:, t, :, None] * (v[:, t] - torch.einsum("bhkv,bhk->bhv", state, k[:, t]))
                state = state + torch.einsum("bhk,bhv->bhkv", k[:, t], u)
                o.append(scale * torch.einsum("bhkv,bhk->bhv", state, q[:, t]))
            states.append(state)
        return torch.stack(o, 1).to(dtype), torch.cat(states) if output_final_state else None

    @pytest.mark.parametrize("keys,dtype", [("raw", "float32"), ("unit", "float32"), ("raw", "bfloat16")])
    def test_preset(self, keys, dtype):
        cases = [*FEW, "limit", "zeros", "packed-states", "groups", "initial-state", "scale"]
        cases += ["bf16"] * (dtype == "bfloat16")
        report = efla.check(self.chunk_delta_rule, preset="fla", keys=keys, dtype=dtype, cases=cases)
        assert report and sum(o.right is None for o in report.outcomes) == 0, str(report)
        assert "method euler" in report.rule

    def test_wrong(self):
        def chunk_delta_rule(q, k, v, beta, scale, **more):
            return self.chunk_delta_rule(q, k, v, beta, 1.0, **more)

        report = efla.check(chunk_delta_rule, preset="fla", cases=FEW)
        assert not report and "scale" in report.faults[0], str(report)

    def test_gradients(self, torch):
        def kernel(q, k, v, beta, scale, initial_state=None, output_final_state=False, cu_seqlens=None):
            import efla.torch

            return efla.torch.delta_rule(
                q, k, v, beta, scale=scale, initial_state=initial_state, output_final_state=True, cu_seqlens=cu_seqlens
            )

        report = efla.check(kernel, arrays="torch", gradients=True)
        assert report, str(report)
        judged = {o.case.name: set(o.judged) for o in report.outcomes}
        assert {"dq", "dk", "dv", "dbeta", "dinitial_state", "dfinal_state"} <= judged["initial-state"]

        def plain(q, k, v, beta, scale):  # the coefficient by expm1, which PyTorch differentiates as 1 + expm1
            lam = (k * k).sum(-1)
            a, S, o = -(-beta * lam).expm1() / lam, 0 * k[:, 0, :, :, None] * v[:, 0, :, None], []
            for t in range(q.shape[1]):
                u = a[:, t, :, None] * (v[:, t] - torch.einsum("bhkv,bhk->bhv", S, k[:, t]))
                S = S + torch.einsum("bhk,bhv->bhkv", k[:, t], u)
                o.append(scale * torch.einsum("bhkv,bhk->bhv", S, q[:, t]))
            return torch.stack(o, 1)

        report = efla.check(plain, arrays="torch", gradients=True, cases=["tails", "limit"])
        assert [o.right for o in report.outcomes] == [True, False] and "its digits cancel" in report.faults[0]

        def wrong(q, k, v, beta, scale):
            return kernel(q, k.detach() + 0 * k, v, beta, scale)

        report = efla.check(wrong, arrays="torch", gradients=True, cases=FEW)
        assert not report and "dk alone" in str(report), str(report)

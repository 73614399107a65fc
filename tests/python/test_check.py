# SPDX-License-Identifier: GPL-3.0-or-later
"""efla.check: right kernels pass, wrong ones fail and are named; what is left out; in a test of pytest."""
import os
import pathlib
import re
import subprocess
import sys

import efla
import kernels
import pytest

FEW = ["chunk tail", "one token", "dk < dv"]


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
    report = efla.check(kernel, cases=[*FEW, "beta one", "packed"])
    assert not report
    assert report.faults and fault in report.faults[0], str(report)
    assert f"fault: {report.faults[0]}" in str(report)
    right = [o.case.name for o in report.outcomes if o.right]
    assert right == ["beta one"] * (kernel is kernels.without_beta), str(report)


@pytest.mark.parametrize("per_channel", [False, True])
def test_decays(per_channel):
    report = efla.check(kernels.gated, decay="split", per_channel=per_channel)
    assert report and "strong decay" in str(report), str(report)
    other = "strang" if per_channel else "joint"
    report = efla.check(kernels.gated, decay=other, per_channel=per_channel, cases=["chunk tail"])
    assert not report and "decay" in report.faults[0]


@pytest.mark.parametrize("method", efla.methods())
def test_every_method(method):
    def kernel(q, k, v, beta, scale, initial_state=None, cu_seqlens=None):
        more = dict(scale=scale, initial_state=initial_state, cu_seqlens=cu_seqlens)
        return efla.forward(q, k, v, beta, method=method, **more)[0]

    report = efla.check(kernel, method, cases=["keys at the limit", "packed with initial states", "many tokens"])
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


def test_what_is_left_out():
    def kernel(q, k, v, beta):
        if q.shape[1] == 1:
            raise NotImplementedError("one token")
        if q.shape[-1] != v.shape[-1]:
            raise IndexError("dk is dv here")
        return efla.forward(q, k, v, beta)[0]

    report = efla.check(kernel, cases=[*FEW, "packed"])
    found = {o.case.name: o.right for o in report.outcomes}
    assert found == {"chunk tail": True, "one token": None, "dk < dv": False, "packed": None}
    said = str(report)
    assert "not implemented: one token" in said and "IndexError: dk is dv here" in said
    assert "left out the kernel has no argument cu_seqlens" in said and "wrong in 1 of 2 cases" in said
    assert not efla.check(kernel, cases=["one token"]) and "not judged" in str(efla.check(kernel, cases=["one token"]))


def test_shapes_of_outputs():
    report = efla.check(lambda q, k, v, beta: efla.forward(q, k, v, beta)[0][:, 1:], cases=FEW[:1])
    assert not report and "ValueError: o: shape (1, 129, 2, 16), expected (1, 130, 2, 16)" in str(report)


@pytest.mark.parametrize(
    "options,message",
    [
        (dict(method="heun"), "method: 'heun'"),
        (dict(preset="other"), "preset: 'other', expected one of fla"),
        (dict(arrays="lists"), "arrays: 'lists', expected one of numpy, torch"),
        (dict(decay="split"), "fn: has no argument 'g', which decay split needs"),
        (dict(cases=["no such"]), "cases: 'no such', expected some of chunk tail, "),
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
        "def test_right(): assert efla.check(kernels.right, cases=['chunk tail'])\n"
        "def test_wrong(): assert efla.check(kernels.euler, cases=['chunk tail'])\n"
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
        cases = [name for name in efla.check_cases()[:-2] if name != "many tokens"]  # which a loop in Python is slow at
        report = efla.check(self.chunk_delta_rule, preset="fla", keys=keys, dtype=dtype, cases=cases)
        assert report and sum(o.right is None for o in report.outcomes) == 0, str(report)
        assert "method euler" in report.rule

    def test_wrong(self):
        def chunk_delta_rule(q, k, v, beta, scale, **more):
            return self.chunk_delta_rule(q, k, v, beta, 1.0, **more)

        report = efla.check(chunk_delta_rule, preset="fla", cases=FEW)
        assert not report and "scale" in report.faults[0], str(report)

    def test_gradients(self):
        def kernel(q, k, v, beta, scale, initial_state=None, output_final_state=False, cu_seqlens=None):
            import efla.torch

            return efla.torch.delta_rule(
                q, k, v, beta, scale=scale, initial_state=initial_state, output_final_state=True, cu_seqlens=cu_seqlens
            )

        try:
            report = efla.check(kernel, arrays="torch", gradients=True)
        except NotImplementedError as reason:
            pytest.skip(str(reason))
        assert report, str(report)
        assert {"dq", "dk", "dv", "dbeta", "dinitial_state"} <= set(report.outcomes[7].judged)

        def wrong(q, k, v, beta, scale):
            return kernel(q, k.detach() + 0 * k, v, beta, scale)

        report = efla.check(wrong, arrays="torch", gradients=True, cases=FEW)
        assert not report and "dk alone" in str(report), str(report)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule in PyTorch: values are those of `efla.forward`, derivatives those of differences (gradcheck, in float64)."""
import itertools

import efla
import numpy as np
import pytest
from support import DECAYS, KEYS, METHODS, draw

torch = pytest.importorskip("torch", reason="PyTorch is not installed (Debian: python3-torch)")
import efla.torch  # noqa: E402


def tensors(dtype=torch.float64, grad=True, **sizes):
    x = {name: torch.tensor(values, dtype=dtype) for name, values in draw(**sizes).items()}
    return {name: values.requires_grad_(grad) for name, values in x.items()}


def check_gradients(x, **options):
    """gradcheck with its own step and tolerances, 1e-6 and 1e-5: rounding over the step is below 1e-8."""
    names = list(x)

    def rule(*values):
        return efla.torch.delta_rule(**dict(zip(names, values)), output_final_state=True, **options)

    assert torch.autograd.gradcheck(rule, tuple(x.values()))


@pytest.mark.parametrize("method,decay,keys", itertools.product(METHODS, DECAYS, KEYS))
def test_gradcheck(method, decay, keys):
    x = tensors(batch=1, tokens=3, heads=2, dk=3, dv=2, decay=decay)
    x["initial_state"] = torch.ones(1, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    check_gradients(x, method=method, decay=decay, keys=keys, scale=0.5)


def test_gradcheck_of_the_rest():
    x = tensors(batch=1, tokens=4, heads=2, dk=3, dv=2)
    x["p"] = x["k"].detach().flip(1).requires_grad_()
    check_gradients(x, cu_seqlens=torch.tensor([0, 1, 4]))
    x = tensors(batch=1, tokens=3, heads=2, dk=3, dv=2)
    x["g"] = (-x["k"].detach().abs()).requires_grad_()
    for decay in ("split", "strang"):
        check_gradients(x, decay=decay)


def test_values_and_views():
    x = tensors(decay="split", dtype=torch.float32)
    expected, final = efla.forward(**{name: a.detach().numpy() for name, a in x.items()}, output_final_state=True)
    turned = {name: a.detach().transpose(1, 2).contiguous().transpose(1, 2) for name, a in x.items()}
    for inputs in (x, turned):
        o, state = efla.torch.delta_rule(**inputs, output_final_state=True)
        assert (o.detach().numpy() == expected).all() and (state.detach().numpy() == final).all()
        assert o.requires_grad == (inputs is x)
    assert efla.torch.delta_rule(**x)[1] is None
    o, state = efla.torch.delta_rule(**x, output_final_state=True)
    (o.sum() + state.sum()).backward()
    inputs = {name: a.detach().numpy() for name, a in x.items()}
    gradients = efla.backward(**inputs, do=np.ones_like(expected), dfinal_state=np.ones_like(final))
    for name, a in x.items():
        assert (a.grad.numpy() == getattr(gradients, "d" + name)).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_types(dtype):
    x = tensors(dtype=dtype)
    o, state = efla.torch.delta_rule(**x, output_final_state=True)
    wide = {name: a.detach().float().requires_grad_() for name, a in x.items()}
    expected, _ = efla.torch.delta_rule(**wide)
    assert o.dtype == dtype and state.dtype == torch.float32 and (o == expected.to(dtype)).all()
    o.backward(torch.ones_like(o))
    expected.backward(torch.ones_like(expected))
    for name, a in x.items():
        assert a.grad.dtype == dtype and (a.grad == wide[name].grad.to(dtype)).all()


def test_only_what_is_needed():
    x = tensors(grad=False)
    x["v"].requires_grad_()
    o, _ = efla.torch.delta_rule(**x)
    o.sum().backward()
    assert x["v"].grad is not None and x["q"].grad is None
    with torch.no_grad():
        assert not efla.torch.delta_rule(**x)[0].requires_grad


def test_errors():
    x = tensors()
    with pytest.raises(ValueError, match="^k: on device meta, expected all tensors on the CPU"):
        efla.torch.delta_rule(**dict(x, k=torch.empty(x["k"].shape, device="meta")))
    with pytest.raises(TypeError, match="^q: ndarray, expected a tensor"):
        efla.torch.delta_rule(**dict(x, q=x["q"].detach().numpy()))
    with pytest.raises(ValueError, match="^beta: shape"):
        efla.torch.delta_rule(**dict(x, beta=x["beta"][:, :3]))
    with pytest.raises(ValueError, match="^g: given, but decay retention takes alpha"):
        efla.torch.delta_rule(**x, g=x["beta"], decay="retention")
    o, _ = efla.torch.delta_rule(**x)
    (gradient,) = torch.autograd.grad(o.square().sum(), x["v"], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()

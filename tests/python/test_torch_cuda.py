# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule on tensors in a GPU's memory: near float64 on the CPU, and the same bits in a graph, on another stream and
without what a forward pass keeps.  Skipped without a GPU, and where the library has no backend for one."""
import efla
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (Debian: python3-torch)")
import efla.torch  # noqa: E402
from efla import _library  # noqa: E402

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() or "cuda" not in _library.names("efla_backend_name"), reason="no GPU to compute on"
)
WHOLE = 16  # of the roundoff of an array's norm: docs/bounds.md#chunks-16


def draw(dtype, tokens=200, heads=2, d=64, batch=2):
    generator = torch.Generator("cuda").manual_seed(1)

    def normal(*shape):
        return torch.randn(shape, generator=generator, device="cuda")

    shape = (batch, tokens, heads, d)
    x = {"q": normal(*shape), "k": normal(*shape) / d**0.5, "v": normal(*shape)}
    x = {name: a.to(dtype) for name, a in x.items()}
    x["beta"] = torch.rand(shape[:3], generator=generator, device="cuda")
    x["g"] = -torch.rand(shape[:3], generator=generator, device="cuda") / 8
    x["initial_state"] = normal(batch, heads, d, d)
    return {name: a.requires_grad_() for name, a in x.items()}, normal(*shape).to(dtype), normal(batch, heads, d, d)


def run(x, do, dS, **options):
    o, S = efla.torch.delta_rule(**x, output_final_state=True, scale=0.25, **options)
    return [o, S, *torch.autograd.grad((o, S), tuple(x.values()), (do.to(o.dtype), dS.to(S.dtype)))]


@pytest.mark.parametrize("dtype,unit", [(torch.bfloat16, 2**-8), (torch.float16, 2**-11), (torch.float32, 2**-24)])
@pytest.mark.parametrize("keys", ["raw", "unit"])
def test_near_float64(dtype, unit, keys):
    x, do, dS = draw(dtype)
    wide = {name: a.detach().double().cpu().requires_grad_() for name, a in x.items()}
    found, expected = run(x, do, dS, keys=keys), run(wide, do.double().cpu(), dS.double().cpu(), keys=keys)
    for a, b, given in zip(found, expected, (x["v"], x["initial_state"], *x.values())):
        assert a.dtype == given.dtype and a.shape == b.shape
        assert (a.double().cpu() - b).norm() <= WHOLE * unit * b.norm()


def same(found, expected):
    return all(torch.equal(a, b) for a, b in zip(found, expected))


def test_packed_and_shared():
    x, do, dS = draw(torch.bfloat16, batch=1)
    x["initial_state"] = torch.cat([x["initial_state"].detach()] * 2).requires_grad_()
    one = run(x, do, torch.cat([dS, dS]), cu_seqlens=torch.tensor([0, 70, 200]))
    parts = []
    for n, (begin, end) in enumerate(((0, 70), (70, 200))):
        piece = {name: a.detach()[:, begin:end].requires_grad_() for name, a in x.items() if name != "initial_state"}
        piece["initial_state"] = x["initial_state"].detach()[n : n + 1].requires_grad_()
        parts.append(run(piece, do[:, begin:end], dS))
    for i, whole in enumerate(one):
        assert torch.equal(whole, torch.cat([p[i] for p in parts], dim=0 if i in (1, 7) else 1))
    q = x["q"][:, :, :1].detach().requires_grad_()
    shared = run(dict(x, q=q, initial_state=x["initial_state"][:1]), do, dS)
    assert shared[2].shape == q.shape


def test_graph_and_stream():
    x, do, dS = draw(torch.bfloat16, d=128)
    other, _, _ = draw(torch.bfloat16, d=128)
    expected = run(x, do, dS)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        assert same(run(x, do, dS), expected)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = run(x, do, dS)
    with torch.no_grad():
        for name, a in x.items():
            a.copy_(other[name].flip(0))
    graph.replay()
    assert same(captured, run(x, do, dS)) and not same(captured, expected)


def test_refusals():
    x, _, _ = draw(torch.bfloat16)
    with pytest.raises(ValueError, match="^k: on device cpu, expected cuda:0 as v"):
        efla.torch.delta_rule(**dict(x, k=x["k"].detach().cpu()))
    with pytest.raises(ValueError, match="^k: torch.float32, expected torch.bfloat16 as that of v"):
        efla.torch.delta_rule(**dict(x, k=x["k"].float()))
    with pytest.raises(ValueError, match="^backend: 'cpu', expected 'cuda'"):
        efla.torch.delta_rule(**x, backend="cpu")

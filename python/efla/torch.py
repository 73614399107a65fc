# SPDX-License-Identifier: MIT
"""The delta rule for PyTorch: `delta_rule` is differentiable, and computed by libefla on tensors where they are: in the
CPU's memory, or in a GPU's by the backend cuda."""
from typing import Optional, Tuple, Union

import torch
from torch.autograd.function import once_differentiable

from . import _calls
from ._backend import WORTH_THREADS, Backend
from ._rules import decay_of

NAMES = ("q", "k", "v", "beta", "g", "p", "initial_state")


def _array(name: str, tensor: Optional[torch.Tensor]):
    """The tensor's memory as an array; a copy in float32 of a bfloat16, which NumPy does not have."""
    if tensor is None:
        return None
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{name}: {type(tensor).__name__}, expected a tensor")
    if tensor.device.type != "cpu":
        where = f"{name}: on device {tensor.device}"
        raise ValueError(f"{where}, expected all tensors on the CPU or all on one GPU")
    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _tensor(array, dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(array).to(dtype)


class _DeltaRule(torch.autograd.Function):
    @staticmethod
    def forward(ctx, options, argument, output_final_state, *tensors):
        arrays = {name: _array(argument if name == "g" else name, x) for name, x in zip(NAMES, tensors)}
        arrays[argument] = arrays.pop("g")
        if arrays["v"].ndim < 2:
            raise ValueError(f"v: shape {arrays['v'].shape}, expected at least (tokens, dv)")
        if not options["threads"]:
            work = arrays["v"].size * arrays["k"].shape[-1]
            options["threads"] = torch.get_num_threads() if work >= WORTH_THREADS else 1
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        ctx.options, ctx.argument = options, argument
        o, final = _calls.forward(**arrays, **options, output_final_state=output_final_state)
        return _tensor(o, tensors[2].dtype), None if final is None else torch.from_numpy(final)

    @staticmethod
    @once_differentiable
    def backward(ctx, do, dfinal_state):
        tensors = ctx.saved_tensors
        arrays = {name: _array(name, x) for name, x in zip(NAMES, tensors)}
        arrays[ctx.argument] = arrays.pop("g")
        needed = ctx.needs_input_grad[3:]
        gradients = _calls.backward(
            **arrays,
            do=_array("do", do),
            dfinal_state=_array("dfinal_state", dfinal_state),
            wanted=[name for name, wanted in zip(NAMES, needed) if wanted],
            **ctx.options,
        )
        found = (None if d is None else _tensor(d, x.dtype) for d, x in zip(gradients, tensors))
        return (None, None, None, *found)


class _DeltaRuleOnGPU(torch.autograd.Function):
    """Without a copy, on the current stream; what the backward pass can reuse of the forward pass is kept."""

    @staticmethod
    def forward(ctx, options, argument, output_final_state, *tensors):
        named = {name: None if x is None else x.detach() for name, x in zip(NAMES, tensors)}
        keeps = any(ctx.needs_input_grad[3:])
        o, final, kept = _cuda().forward(named, options, output_final_state, keeps)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        ctx.options, ctx.kept = options, kept
        return o, final

    @staticmethod
    @once_differentiable
    def backward(ctx, do, dfinal_state):
        named = {name: None if x is None else x.detach() for name, x in zip(NAMES, ctx.saved_tensors)}
        wanted = [name for name, needed in zip(NAMES, ctx.needs_input_grad[3:]) if needed]
        return (None, None, None, *_cuda().backward(named, ctx.options, do, dfinal_state, wanted, ctx.kept))


def _cuda():
    from . import _cuda as calls  # only where there is a GPU

    return calls


def delta_rule(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    beta: torch.Tensor,
    g: Optional[torch.Tensor] = None,
    method: str = "exact",
    keys: str = "raw",
    decay: Optional[str] = None,
    scale: float = 1.0,
    initial_state: Optional[torch.Tensor] = None,
    output_final_state: bool = False,
    cu_seqlens=None,
    *,
    alpha: Optional[torch.Tensor] = None,
    p: Optional[torch.Tensor] = None,
    backend: Union[None, str, Backend] = None,
    threads: int = 0,
) -> Tuple[torch.Tensor, Optional[torch.Tensor]]:
    """(o, final_state) of `efla.forward` on tensors in the CPU's or in one GPU's memory, with derivatives by q, k, v,
    beta, g or alpha, p and initial_state, of first order.

    Shapes, rules and exceptions are those of `efla.forward`: q, k (B, T, H, dk), v (B, T, H, dv), beta (B, T, H).
    Tensors are read where they lie and kept for the backward pass, which computes the forward pass again; bfloat16
    and float16 are computed in float32. threads: 0 for torch.get_num_threads() where there is work for them.

    On a GPU of NVIDIA, with a library built with CUDA=yes: bfloat16 and float16 are computed as they are, beside beta,
    g and states in float32; backend None, "auto" or "cuda"; shapes with all four axes. Work is done on the current
    stream, with workspace of PyTorch's allocator, and without waiting for it, so that calls can be captured in a graph;
    but cu_seqlens is read on the CPU, which waits. For the backward pass states and factors of each 64 tokens are kept
    (efla_kept_bytes of efla/backend.h), about as much as q, k, v and o take. ValueError also where tensors are on
    different devices; NotImplementedError where the library has no backend for one."""
    named = decay_of(decay, g, alpha)
    options = dict(method=method, keys=keys, decay=named, scale=float(scale), cu_seqlens=cu_seqlens)
    options.update(backend=backend, threads=threads)
    if isinstance(cu_seqlens, torch.Tensor):
        options["cu_seqlens"] = _array("cu_seqlens", cu_seqlens)
    which, argument = ("g", g) if alpha is None else ("alpha", alpha)
    if isinstance(v, torch.Tensor) and v.device.type == "cuda":
        if backend not in (None, "auto", "cuda"):
            raise ValueError(f"backend: {backend!r}, expected 'cuda' for tensors on {v.device}")
        return _DeltaRuleOnGPU.apply(options, which, output_final_state, q, k, v, beta, argument, p, initial_state)
    return _DeltaRule.apply(options, which, output_final_state, q, k, v, beta, argument, p, initial_state)

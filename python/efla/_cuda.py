# SPDX-License-Identifier: MIT
"""Calls on tensors of PyTorch in a GPU's memory, by the library's backend cuda: on PyTorch's current stream, with
workspace of PyTorch's allocator, so that calls can be captured in a graph."""
import threading
from ctypes import addressof, byref, c_size_t, c_void_p

import torch

from . import _library
from ._arrays import Extent, layout
from ._rules import rule_of

TYPES = {torch.float64: 0, torch.float32: 1, torch.bfloat16: 2, torch.float16: 3}  # efla_type
ABSENT = _library.Array()
_opened = threading.local()


class _Stream:
    """An open backend of a device and a stream."""

    def __init__(self, stream):
        self.handle = c_void_p()
        options = _library.Options(1, None, stream)
        status = _library.lib().efla_backend_open(b"cuda", byref(options), byref(self.handle))
        if status:
            _library.fail(status)
        self._close = _library.lib().efla_backend_close

    def call(self, name, *arguments):
        status = getattr(_library.lib(), name)(self.handle, *arguments)
        if status:
            _library.fail(status, self.handle)

    def __del__(self):
        if self.handle:
            self._close(self.handle)


def _backend(device):
    """This thread's backend for the current stream of the device, which is the current one."""
    stream = torch.cuda.current_stream(device).cuda_stream
    kept = _opened.__dict__.setdefault("backends", {})
    key = (device.index, stream)
    if key not in kept:
        kept[key] = _Stream(stream)
    return kept[key]


class Problem:
    """The inputs of a call, checked and described: tensors by name, as `delta_rule` has them, all on one device."""

    def __init__(self, tensors, options):
        v = tensors["v"]
        if v.ndim != 4:
            raise ValueError(f"v: shape {tuple(v.shape)}, expected (batch, tokens, heads, dv) on a GPU")
        self.tensors, self.device = tensors, v.device
        self.batch, self.tokens = v.shape[:2]
        self.heads = max(tensors[name].shape[2] if tensors[name].ndim == 4 else 0 for name in ("q", "k", "v"))
        self.dk, self.dv = tensors["k"].shape[-1], v.shape[-1]
        if v.dtype not in TYPES:
            raise ValueError(f"v: {v.dtype}, expected float64, float32, float16 or bfloat16")
        self.dtype = v.dtype
        self.scalar_dtype = torch.float64 if v.dtype == torch.float64 else torch.float32
        self.rule = rule_of(options["method"], options["decay"], options["keys"], options["scale"])
        self.cu = self._boundaries(options["cu_seqlens"])
        self.states = len(self.cu) - 1 if self.cu is not None else self.batch
        self.kept = []  # copies, which are read until the call is done
        self.sequence = self._describe()

    def _boundaries(self, cu_seqlens):
        if cu_seqlens is None:
            return None
        given = torch.as_tensor(cu_seqlens).tolist()
        if len(given) < 2 or any(not isinstance(x, int) or x < 0 for x in given):
            raise ValueError(f"cu_seqlens: {given}, expected (sequences + 1) integers >= 0")
        return (c_size_t * len(given))(*given)

    def _describe(self):
        g = self.tensors["g"]
        self.per_channel = g is not None and g.ndim == 4
        found = {name: ABSENT if x is None else self.array(name, x) for name, x in self.tensors.items()}
        return _library.Sequence(
            self.batch,
            self.heads,
            self.tokens,
            self.dk,
            self.dv,
            0 if self.cu is None else self.states,
            None if self.cu is None else addressof(self.cu),
            *(found[name] for name in ("q", "k", "v", "beta", "g", "p")),
            self.per_channel,
            found["initial_state"],
        )

    def array(self, name, x):
        """The description of an input, of a derivative by it, or of o."""
        if x.device != self.device:
            raise ValueError(f"{name}: on device {x.device}, expected {self.device} as v")
        if name in ("initial_state", "final_state"):
            return self._states(name, x)
        scalar = name == "beta" or (name == "g" and not self.per_channel)
        allowed = (self.dtype, torch.float32) if scalar or name == "g" else (self.dtype,)
        if x.dtype not in allowed:
            raise ValueError(f"{name}: {x.dtype}, expected {self.dtype} as that of v")
        features = 1 if scalar else self.dv if name in ("v", "o") else self.dk
        extent = Extent(4, self.batch, self.tokens, self.heads, features, scalar)
        return self._place(name, x, extent)

    def _place(self, name, x, extent):
        for tensor in (x, x.contiguous()):
            size = tensor.element_size()
            found = layout(extent, tuple(tensor.shape), tuple(s * size for s in tensor.stride()), size)
            if found is False:
                wanted = (extent.batch, extent.tokens, extent.heads, extent.features)[: 3 if extent.scalar else 4]
                raise ValueError(f"{name}: shape {tuple(x.shape)}, expected {wanted}, or a divisor of the heads")
            if found is not None:
                break
        self.kept.append(tensor)
        return _library.Array(tensor.data_ptr(), TYPES[tensor.dtype], *found)

    def _states(self, name, x):
        shape = (self.states, self.heads, self.dk, self.dv)
        if tuple(x.shape) != shape or x.dtype not in (self.dtype, self.scalar_dtype):
            raise ValueError(f"{name}: {x.dtype} of shape {tuple(x.shape)}, expected {self.scalar_dtype} of {shape}")
        return self._place(name, x.transpose(1, 2), Extent(4, self.states, self.dk, self.heads, self.dv, False))

    def new(self, like, dtype=None):
        """A tensor of the shape of another, all its numbers next to each other."""
        return torch.empty(like.shape, dtype=dtype or like.dtype, device=self.device)

    def bytes(self, count):
        return torch.empty(count, dtype=torch.uint8, device=self.device)

    def run(self, y, gradient=None):
        """efla_forward or efla_backward, with a workspace that is freed in the order of the stream."""
        backend, needed = _backend(self.device), c_size_t()
        arguments = [byref(self.rule), byref(self.sequence), byref(y)]
        wanted = None if gradient is None else byref(gradient)
        backend.call("efla_workspace_bytes", *arguments, wanted, byref(needed))
        workspace = self.bytes(max(needed.value, 1))
        backend.call("efla_workspace_lend", workspace.data_ptr(), needed.value)
        try:
            if gradient is None:
                backend.call("efla_forward", *arguments)
            else:
                backend.call("efla_backward", *arguments, wanted)
        finally:
            backend.call("efla_workspace_lend", None, 0)

    def room_to_keep(self):
        """Memory for what the forward call keeps for the backward one; None where it keeps nothing."""
        needed = c_size_t()
        _backend(self.device).call("efla_kept_bytes", byref(self.rule), byref(self.sequence), byref(needed))
        return self.bytes(needed.value) if needed.value else None


def forward(tensors, options, output_final_state, keeps):
    """o, the final state or None, and what is kept for `backward` or None."""
    with torch.cuda.device(tensors["v"].device):
        x = Problem(tensors, options)
        v, states = tensors["v"], (x.states, x.heads, x.dk, x.dv)
        o = torch.empty((x.batch, x.tokens, x.heads, x.dv), dtype=v.dtype, device=v.device)
        final = torch.empty(states, dtype=x.scalar_dtype, device=v.device) if output_final_state else None
        kept = x.room_to_keep() if keeps else None
        y = _library.Result(x.array("o", o), ABSENT if final is None else x.array("final_state", final))
        y.kept = kept.data_ptr() if kept is not None else None
        x.run(y)
    return o, final, kept


def backward(tensors, options, do, dfinal_state, wanted, kept):
    """The derivatives by the inputs, in the order of `tensors`; None where not wanted."""
    with torch.cuda.device(tensors["v"].device):
        x = Problem(tensors, options)
        dy = _library.Result(
            ABSENT if do is None else x.array("o", do),
            ABSENT if dfinal_state is None else x.array("final_state", dfinal_state),
        )
        dy.kept = kept.data_ptr() if kept is not None and do is not None else None
        gradients = {name: x.new(given) for name, given in tensors.items() if given is not None and name in wanted}
        places = [x.array(name, gradients[name]) if name in gradients else ABSENT for name in tensors]
        x.run(dy, _library.Gradient(*places))
    return [gradients.get(name) for name in tensors]

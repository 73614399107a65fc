# SPDX-License-Identifier: MIT
"""Arrays as kernels in NumPy or PyTorch take and return them, for `efla.check`."""
from typing import Any

import numpy as np


class _Numpy:
    """Arrays as a kernel in NumPy takes and returns them."""

    differentiates = False

    def __init__(self, dtype: str, device: str):
        self.dtype: Any = dtype
        if dtype == "bfloat16":
            import ml_dtypes

            self.dtype = ml_dtypes.bfloat16

    def give(self, array: np.ndarray, wide: bool, wanted: bool):
        return array.copy() if wide else array.astype(self.dtype)

    def take(self, array) -> np.ndarray:
        array = np.asarray(array)
        return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


class _Torch:
    """Tensors on a device, with derivatives by autograd."""

    differentiates = True

    def __init__(self, dtype: str, device: str):
        import torch

        self.torch, self.device, self.dtype = torch, device, getattr(torch, dtype)

    def give(self, array: np.ndarray, wide: bool, wanted: bool):
        tensor = self.torch.from_numpy(np.array(array)).to(self.device)
        return (tensor if wide else tensor.to(self.dtype)).requires_grad_(wanted)

    def take(self, tensor) -> np.ndarray:
        tensor = tensor.detach().cpu()
        return (tensor.float() if tensor.dtype == self.torch.bfloat16 else tensor).numpy()

    def gradients(self, inputs: dict, outputs: list, derivatives: list) -> dict:
        found = self.torch.autograd.grad(outputs, list(inputs.values()), derivatives, allow_unused=True)
        return {name: self.torch.zeros_like(x) if d is None else d for (name, x), d in zip(inputs.items(), found)}


KINDS = {"numpy": _Numpy, "torch": _Torch}

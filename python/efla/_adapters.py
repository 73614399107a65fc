# SPDX-License-Identifier: MIT
"""Arrays as kernels in NumPy or PyTorch take and return them, for `efla.check`."""
import numpy as np

from ._exchange import BF16


class _Numpy:
    """Arrays as a kernel in NumPy takes and returns them; bfloat16 is that of ml_dtypes."""

    differentiates = False

    def __init__(self, device: str):
        pass

    def give(self, array: np.ndarray, wanted: bool):
        """A copy; wanted: its derivative will be."""
        if array.dtype != BF16:
            return array.copy()
        import ml_dtypes

        return array.view(ml_dtypes.bfloat16).copy()

    def take(self, array) -> np.ndarray:
        array = np.asarray(array)
        return array.view(BF16) if array.dtype.name == "bfloat16" else array


class _Torch:
    """Tensors on a device, with derivatives by autograd."""

    differentiates = True

    def __init__(self, device: str):
        import torch

        self.torch, self.device = torch, device

    def give(self, array: np.ndarray, wanted: bool):
        if array.dtype == BF16:
            tensor = self.torch.from_numpy(array.view(np.int16).copy()).view(self.torch.bfloat16)
        else:
            tensor = self.torch.from_numpy(array.copy())
        return tensor.to(self.device).requires_grad_(wanted)

    def take(self, tensor) -> np.ndarray:
        tensor = tensor.detach().cpu()
        if tensor.dtype != self.torch.bfloat16:
            return tensor.numpy()
        return tensor.contiguous().view(self.torch.int16).numpy().view(BF16)

    def gradients(self, inputs: dict, outputs: list, derivatives: list) -> dict:
        found = self.torch.autograd.grad(outputs, list(inputs.values()), derivatives, allow_unused=True)
        return {name: self.torch.zeros_like(x) if d is None else d for (name, x), d in zip(inputs.items(), found)}


KINDS = {"numpy": _Numpy, "torch": _Torch}

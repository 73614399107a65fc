# SPDX-License-Identifier: MIT
"""NumPy arrays as the library sees them: pointer, type and strides of the caller's memory. An array is copied only
where the library could not read it where it lies: a feature axis that is not contiguous, negative strides, another
type."""
import ctypes
import functools
from typing import NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from . import _library

TYPES = {np.dtype(np.float64): 0, np.dtype(np.float32): 1}  # efla_type
NARROW = ("float16", "bfloat16")  # computed in float32; bfloat16 is that of ml_dtypes
AXES = {4: "(batch, tokens, heads, {})", 3: "(tokens, heads, {})", 2: "(tokens, {})"}
Shape = Tuple[int, ...]


def computed_in(name: str, array: np.ndarray) -> np.dtype:
    """The type in which a call with this array is computed. ValueError: none."""
    dtype = array.dtype
    if dtype in TYPES:
        return dtype
    if dtype.name in NARROW or dtype.newbyteorder("=") in TYPES:
        return np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    raise ValueError(f"{name}: {dtype.name}, expected float64, float32, float16 or bfloat16")


def converted(name: str, array: np.ndarray, dtype: np.dtype, scalar: bool) -> np.ndarray:
    """The array itself where the library takes its type beside `dtype`, else a copy in that type.

    A scalar per token may have any real type, others dtype or one that is narrow where dtype is float32."""
    given = array.dtype
    if given == dtype or (scalar and given in TYPES):
        return array.astype(dtype) if given == np.float64 and dtype == np.float32 else array
    narrow, swapped = given.name in NARROW, given.newbyteorder("=") == dtype
    if swapped or (narrow and dtype == np.float32) or (scalar and (narrow or given.kind in "fiub")):
        return array.astype(dtype)
    raise ValueError(f"{name}: {given.name}, expected {dtype.name} as that of v")


def lifted(axes: int, values: Sequence[int], filler: int) -> Shape:
    """The entries of a shape or of strides for (batch, tokens, heads, features), where the array lacks some of them."""
    if axes == 4:
        return tuple(values)
    if axes == 3:
        return (filler, *values)
    return (filler, values[0], filler, values[1])


def lowered(axes: int, shape: Shape) -> Shape:
    """The shape of an array of that many axes: the other way around."""
    return shape if axes == 4 else shape[1:] if axes == 3 else (shape[1], shape[3])


def state_shape(axes: int, packed: bool, shape: Shape) -> Shape:
    """The shape (states, heads, dk, dv) as it is where q has that many axes."""
    if axes == 2:
        shape = (shape[0], *shape[2:])
    return shape if axes == 4 or packed else shape[1:]


def steps(shape: Shape, strides: Shape, size: int) -> Optional[Tuple[int, ...]]:
    """Strides in elements of (batch, tokens, heads); None where the library could not read the array there."""
    if 0 in shape:  # any that do not overlap
        return (shape[2] * shape[3], shape[2] * shape[3], shape[3])
    if shape[3] > 1 and strides[3] != size:
        return None
    found = []
    for count, stride in zip(shape[:3], strides):
        if count < 2:
            stride = 0
        elif stride and (stride < shape[3] * size or stride % size):
            return None
        found.append(stride // size)
    return tuple(found)


class Extent(NamedTuple):
    """What an array of a call holds: (batch, tokens, heads, features), of which it has the last `axes`."""

    axes: int
    batch: int
    tokens: int
    heads: int
    features: int
    scalar: bool  # one number per token, whose axis of features may be missing


@functools.lru_cache(4096)
def layout(extent: Extent, shape: Shape, strides: Shape, size: int) -> Union[None, bool, Tuple[int, ...]]:
    """(batch, head, token stride, repeat) of an array; None: it must be copied first; False: another shape is
    needed."""
    axes = extent.axes
    if extent.scalar and len(shape) == axes - 1:
        shape, strides = (*shape, 1), (*strides, size)
    if len(shape) != axes:
        return False
    shape, strides = lifted(axes, shape, 1), lifted(axes, strides, 0)
    heads = shape[2]
    if (shape[0], shape[1], shape[3]) != (extent.batch, extent.tokens, extent.features):
        return False
    if heads == 0 or extent.heads % heads != 0:
        return False
    found = steps(shape, strides, size)
    return found and (found[0], found[2], found[1], extent.heads // heads)


def address(array: np.ndarray) -> int:
    """Of the first number: by the buffer, which is quickest, and where there is none that can be written by NumPy."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError, BufferError):
        return array.ctypes.data


class Views:
    """The descriptions of the arrays of one call, which keeps the arrays alive that are copies."""

    def __init__(self, axes: int, batch: int, tokens: int, heads: int, dtype: np.dtype):
        self.axes, self.batch, self.tokens, self.heads, self.dtype = axes, batch, tokens, heads, dtype
        self.kept: list = []

    def tokenwise(self, name: str, array: np.ndarray, features: int, scalar: bool = False) -> _library.Array:
        """Of (batch, tokens, heads, features), or without the axes that q lacks; a scalar may lack the last one."""
        extent = Extent(self.axes, self.batch, self.tokens, self.heads, features, scalar)
        found = layout(extent, array.shape, array.strides, array.itemsize)
        if found is False:
            raise ValueError(self._expected(name, array, extent))
        dtype = array.dtype
        if dtype is not self.dtype:
            array = converted(name, array, self.dtype, scalar)
        data = address(array)
        if found is None or array.dtype is not dtype or data % array.itemsize:
            array = np.ascontiguousarray(array)
            if address(array) % array.itemsize:
                array = array.copy()
            found = layout(extent, array.shape, array.strides, array.itemsize)
            data = address(array)
        self.kept.append(array)
        return _library.Array(data, TYPES[array.dtype], *found)

    def _expected(self, name: str, array: np.ndarray, extent: Extent) -> str:
        """The sentence of the exception about an array of the wrong shape."""
        wanted = lowered(extent.axes, (extent.batch, extent.tokens, extent.heads, extent.features))
        what = AXES[extent.axes].format("dv" if name in ("v", "o", "do") else "dk")
        if extent.scalar:
            wanted, what = wanted[:-1], what.replace(", dk)", ")")
        shared = ", or a divisor of the heads" if extent.axes > 2 else ""
        return f"{name}: shape {array.shape}, expected {what} = {wanted}{shared}"

    def states(self, name: str, array: np.ndarray, states: int, dk: int, dv: int, packed: bool) -> _library.Array:
        """Of (states, heads, dk, dv), or as state_shape has it."""
        full = (states, self.heads, dk, dv)
        short = state_shape(self.axes, packed, full)
        if array.shape == short and short != full:
            array = array.reshape(full)  # axes of one entry are added, for which nothing is copied
        if array.shape != full:
            raise ValueError(f"{name}: shape {array.shape}, expected {short}")
        array = converted(name, array, self.dtype, False)
        rows = Views(4, states, dk, self.heads, self.dtype)
        rows.kept = self.kept
        return rows.tokenwise(name, array.transpose(0, 2, 1, 3), dv)

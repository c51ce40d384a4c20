"""Small adjustments of a tensor: clipped norms, filled diagonals, chosen rows, other roundings."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.errors import DivisionByZeroError
from dy2st.ir.dims import broadcast_shapes
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.binary import common_kernel
from dy2st.ops.cases import between, ints
from dy2st.ops.rules import promoting, reference, require, same_as
from dy2st.ops.scalar_math import number_for

FLOATS = ("float32", "float64")
_NUMBERS = ("float32", "float64", "int32", "int64")


class AssignOut(Plain, name="assign_out_", signature="x: Tensor, output: Tensor -> out"):
    """``output`` becomes a copy of x."""

    inplace_of = 1
    infer = same_as("x")
    numpy = lambda x: x.copy()  # noqa: E731
    cpu = lambda b, x: x  # noqa: E731
    cases = [{"x": (2, 3), "output": (2, 3)}, {"x": ("N",), "output": ("N",)}]


class ClipByNorm(Plain, name="clip_by_norm", signature="x: Tensor, max_norm: float -> out"):
    """x scaled down to a norm of at most ``max_norm``."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    infer = same_as("x")
    cases = [{"x": ("N", 3), "max_norm": 1.0}, {"x": (2, 2), "max_norm": 100.0}]

    def numpy(x: np.ndarray, max_norm: float) -> Any:
        norm = np.sqrt((x * x).sum())
        return x * (max_norm / norm) if norm > max_norm else x

    def cpu(b: Any, x: Any, max_norm: float) -> Any:
        total = b.reduce("sum", b.elementwise("square", x))
        factor = b.map(
            lambda s, v: s.select(s.sqrt(v) > max_norm, max_norm / s.sqrt(v), 1.0), total
        )
        return b.mul(x, factor)


class Renorm(
    Plain, name="renorm", signature="x: Tensor, p: float, axis: int, max_norm: float -> out"
):
    """Slices along ``axis`` scaled down to a p-norm of at most ``max_norm``."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    infer = same_as("x")
    cpu = reference()
    cases = [
        {"x": ("N", 3), "p": 2.0, "axis": 0, "max_norm": 1.0},
        {"x": (2, 3, 2), "p": 1.0, "axis": 1, "max_norm": 2.0},
    ]

    def numpy(x: np.ndarray, p: float, axis: int, max_norm: float) -> Any:
        axes = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
        norm = (np.abs(x) ** p).sum(axis=axes, keepdims=True) ** (1 / p)
        return np.where(norm > max_norm, x * (max_norm / (norm + 1e-7)), x)


class Multiplex(Plain, name="multiplex", signature="inputs: Tensor[], index: Tensor -> out"):
    """Each row from the tensor that its index names."""

    dtypes = _NUMBERS
    infer = lambda inputs: inputs[0]  # noqa: E731
    cases = [{"inputs": [(4, 3), (4, 3), (4, 3)], "index": ints((4, 1), 3, dtype="int32")}]
    numpy = lambda inputs, index: np.stack(inputs)[index[:, 0], np.arange(len(index))]  # noqa: E731

    def cpu(b: Any, inputs: Any, index: Any) -> Any:
        rows, *inner = inputs[0].shape
        rank = len(inner)
        each = [b.reshape(index, (-1, *(1,) * rank))]
        for axis, size in enumerate((rows, *inner)):
            line = [1] * (rank + 1)
            line[axis] = size
            each.append(b.iota(tuple(line), axis))
        return b.index(b.stack(list(inputs), 0), each)


class ReduceAs(Plain, name="reduce_as", signature="x: Tensor, target: Tensor -> out"):
    """x summed to the shape of another tensor, the opposite of broadcasting."""

    dtypes = _NUMBERS
    specials = False  # sums depend on their order
    cases = [{"x": ("N", 3), "target": (3,)}, {"x": (2, 3, 4), "target": (3, 1)}]

    def infer(x: TensorType, target: TensorType) -> TensorType:
        small = x.dtype in (DType.BOOL, DType.INT32)  # summed as sum does
        return x.with_shape(target.shape).with_dtype(DType.INT64 if small else x.dtype)

    def numpy(x: np.ndarray, target: np.ndarray) -> Any:
        return x.sum(axis=_extra(x, target)).reshape(target.shape)

    def cpu(b: Any, x: Any, target: Any) -> Any:
        axes = list(_extra(x, target))
        x = b.cast(x, "int64") if x.dtype in ("bool", "int32") else x
        return b.reshape(b.reduce("sum", x, axes) if axes else x, target.shape)


def _extra(x: Any, target: Any) -> tuple[int, ...]:
    lead = len(x.shape) - len(target.shape)
    inner = [lead + i for i, n in enumerate(target.shape) if n == 1 and x.shape[lead + i] != 1]
    return (*range(lead), *inner)


def _trunc_divide(x: np.ndarray, y: np.ndarray) -> Any:
    if x.dtype.kind in "iu" and y.size and not y.all():
        raise DivisionByZeroError("integer division by zero")
    return np.trunc(x / y)


class TruncDivide(Plain, name="trunc_divide", signature="x: Tensor, y: Tensor -> out"):
    """The quotient rounded towards 0. Integers: an error when the divisor is 0."""

    dtypes = _NUMBERS
    cases = [{"x": (2, 3), "y": between((2, 3), 1, 9)}, {"x": ("N", 3), "y": between((3,), -5, -1)}]

    def infer(x: TensorType, y: TensorType) -> TensorType:
        require(x.dtype is y.dtype, f"trunc_divide of {x} and {y}")
        return x.with_shape(broadcast_shapes(x.shape, y.shape))

    numpy = promoting(_trunc_divide)
    cpu = common_kernel(
        lambda b, x, y: (
            b.map(lambda s, u, v: s.trunc(u / v), x, y) if "float" in x.dtype else b.div(x, y)
        )
    )


class FillDiagonal(
    Plain,
    name="fill_diagonal",
    signature="x: Tensor, value: float = 0.0, offset: int = 0, wrap: bool = False -> out",
):
    """x with its main diagonal (of all axes) set to one number."""

    dtypes = _NUMBERS
    infer = same_as("x")
    cases = [
        {"x": (3, 4), "value": 2.0},
        {"x": (4, 3), "value": 1.0, "offset": 1},
        {"x": (7, 3), "value": 1.0, "wrap": True},
        {"x": (3, 3, 3), "value": 5.0},
    ]

    def numpy(x: np.ndarray, value: float, offset: int, wrap: bool) -> Any:
        out = x.copy()
        out.reshape(-1)[_diagonal_places(x.shape, offset, wrap)] = value
        return out

    def cpu(b: Any, x: Any, value: float, offset: int, wrap: bool) -> Any:
        mask = np.zeros(int(np.prod(x.shape)), bool)
        mask[_diagonal_places(x.shape, offset, wrap)] = True
        number = number_for(x.dtype, value)
        chosen = b.constant(mask.reshape(x.shape))
        return b.map(lambda s, m, v: s.select(m, number, v), chosen, x, dtype=x.dtype)


def _diagonal_places(shape: Any, offset: int, wrap: bool) -> np.ndarray:
    strides = np.cumprod([1, *shape[:0:-1]])
    step = int(strides.sum())
    total = int(np.prod(shape))
    if not wrap:  # phi's bound, whatever the rank
        total = min(total, shape[1] * shape[1])
    places = np.arange(0, total, step)
    moved = places + offset
    if len(shape) == 2:  # an offset must not leave the row
        inside = (places % shape[1] + offset >= 0) & (places % shape[1] + offset < shape[1])
        moved = moved[inside]
    return np.asarray(moved[(moved >= 0) & (moved < np.prod(shape))])


class FillDiagonalTensor(
    Plain,
    name="fill_diagonal_tensor",
    signature="x: Tensor, y: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1 -> out",
):
    """x with the diagonals of two axes set to y, whose last axis runs along them."""

    dtypes = _NUMBERS
    infer = same_as("x")
    cpu = reference()
    cases = [
        {"x": (3, 4), "y": (3,)},
        {"x": (2, 4, 3), "y": (2, 3), "dim1": 1, "dim2": 2},
        {"x": (3, 4), "y": (3,), "offset": 1},
    ]

    def numpy(x: np.ndarray, y: np.ndarray, offset: int, dim1: int, dim2: int) -> Any:
        out = x.copy()
        turned = np.moveaxis(out, (dim1, dim2), (-2, -1))
        k = np.arange(y.shape[-1])
        turned[..., k + max(-offset, 0), k + max(offset, 0)] = y
        return out


class Logspace(
    Plain,
    name="logspace",
    signature=(
        "start: Tensor, stop: Tensor, num: number, base: Tensor, dtype: dtype = 'float32', "
        "place: place = None -> out"
    ),
):
    """``base`` to the power of evenly spaced numbers."""

    dtypes = ("float32",)
    cpu = reference()
    not_compared = "eager takes the number as an int32 tensor"
    cases = [
        {
            "start": between((1,), 0, 1),
            "stop": between((1,), 2, 3),
            "num": 5,
            "base": between((1,), 2, 3),
        }
    ]
    infer = lambda num, dtype: TensorType(dtype, (num,))  # noqa: E731

    def numpy(start: np.ndarray, stop: np.ndarray, num: int, base: np.ndarray, dtype: DType) -> Any:
        places = np.linspace(float(start.reshape(())), float(stop.reshape(())), int(num))
        return float(base.reshape(())) ** places

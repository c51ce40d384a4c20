"""Tensors from numbers: ``full``, ``arange``, ``eye`` and their kin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dy2st.errors import IndexOutOfRangeError, ShapeError
from dy2st.ir.dims import Dim, Shape, ceildiv
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import ints, values
from dy2st.ops.rules import at_least_0, reference, same_as, static


def _is_complex(value: Any, dtype: DType) -> bool:
    return isinstance(value, complex) or dtype.is_complex


def _filled(b: Any, shape: Any, value: Any, dtype: DType) -> Any:
    if _is_complex(value, dtype):
        return b.reference()
    return b.full(shape, value, dtype.value)


class Full(
    Plain,
    name="full",
    signature="shape: ints, value: scalar, dtype: dtype = 'float32', place: place = None -> out",
):
    """``shape`` filled with ``value``."""

    cases = [
        {"shape": [2, 3], "value": 1.5, "dtype": "float32"},
        {"shape": [], "value": 7, "dtype": "int64"},
        {"shape": [0, 2], "value": True, "dtype": "bool"},
        {"shape": [2], "value": float("nan"), "dtype": "float64"},
        {"shape": [2], "value": 2.5, "dtype": "float16"},
    ]
    dtypes = ("float32",)

    def infer(shape: Shape, dtype: DType) -> TensorType:
        return TensorType(dtype or DType.FLOAT32, shape)

    def numpy(shape: tuple[int, ...], value: Any, dtype: DType) -> Any:
        return np.full(shape, value, (dtype or DType.FLOAT32).numpy)

    def cpu(b: Any, shape: Any, value: Any, dtype: DType) -> Any:
        return _filled(b, shape, value, dtype or DType.FLOAT32)


class FullLike(
    Plain,
    name="full_like",
    signature="x: Tensor, value: scalar, dtype: dtype = None, place: place = None -> out",
):
    """The shape of ``x`` filled with ``value``, in the dtype of ``x`` unless another is given."""

    cases = [
        {"x": (2, 3), "value": 1.0, "dtype": "float32"},
        {"x": ("N", 2), "value": 3, "dtype": "int64"},
        {"x": (), "value": 0, "dtype": None},
    ]

    def infer(x: TensorType, dtype: DType | None) -> TensorType:
        return x.with_dtype(dtype or x.dtype)

    def numpy(x: Any, value: Any, dtype: DType | None) -> Any:
        return np.full(x.shape, value, dtype.numpy if dtype else x.dtype)

    def cpu(b: Any, x: Any, value: Any, dtype: DType | None) -> Any:
        return _filled(b, x.shape, value, dtype or DType.of(x.dtype))


class FillInPlace(
    Plain,
    name="full_",
    signature=(
        "output: Tensor, shape: ints, value: scalar, dtype: dtype = 'float32', "
        "place: place = None -> out"
    ),
):
    """``output`` overwritten with ``value``."""

    not_compared = "its result is its operand, whose dtype phi takes from the attribute"
    infer = same_as("output")
    cases = [{"output": (2, 3), "shape": [2, 3], "value": 2.0}]

    def numpy(output: Any, value: Any) -> Any:
        return np.full(output.shape, value, output.dtype)

    def cpu(b: Any, output: Any, value: Any) -> Any:
        return _filled(b, output.shape, value, DType.of(output.dtype))


class Fill(Plain, name="fill", signature="x: Tensor, value: scalar -> out"):
    """The shape and dtype of ``x`` filled with ``value``."""

    infer = same_as("x")
    cases = [{"x": (2, 3), "value": 2.0}]

    def numpy(x: Any, value: Any) -> Any:
        return np.full(x.shape, value, x.dtype)

    def cpu(b: Any, x: Any, value: Any) -> Any:
        return _filled(b, x.shape, value, DType.of(x.dtype))


class FullWithTensor(
    Plain, name="full_with_tensor", signature="value: Tensor, shape: ints, dtype: dtype -> out"
):
    """``shape`` filled with the one element of ``value``."""

    cases = [
        {"value": values(2.5, "float32"), "shape": [2, 3], "dtype": "float32"},
        {"value": values([3], "int64"), "shape": [2], "dtype": "int64"},
    ]
    dtypes = ("float32",)

    def infer(shape: Shape, dtype: DType) -> TensorType:
        return TensorType(dtype, shape)

    def numpy(value: Any, shape: tuple[int, ...], dtype: DType) -> Any:
        return np.full(shape, value.reshape(()), dtype.numpy)

    def cpu(b: Any, value: Any, shape: Any, dtype: DType) -> Any:
        if dtype.is_complex or DType.of(value.dtype).is_complex:
            return b.reference()
        return b.expand(b.cast(b.reshape(value, ()), dtype.value), shape)


class Empty(
    Plain,
    name="empty",
    signature="shape: ints, dtype: dtype = 'float32', place: place = None -> out",
):
    """``shape`` with any contents: zeros here, so that runs repeat."""

    not_compared = "its values are whatever was in memory"
    cases = [{"shape": [2, 3], "dtype": "float32"}]

    def infer(shape: Shape, dtype: DType) -> TensorType:
        return TensorType(dtype or DType.FLOAT32, shape)

    def numpy(shape: tuple[int, ...], dtype: DType) -> Any:
        return np.zeros(shape, (dtype or DType.FLOAT32).numpy)

    def cpu(b: Any, shape: Any, dtype: DType) -> Any:
        return _filled(b, shape, 0, dtype or DType.FLOAT32)


class EmptyLike(
    Plain,
    name="empty_like",
    signature="x: Tensor, dtype: dtype = None, place: place = None -> out",
):
    """The shape of ``x`` with any contents: zeros here."""

    not_compared = "its values are whatever was in memory"
    cases = [{"x": (2, 3)}]

    def infer(x: TensorType, dtype: DType | None) -> TensorType:
        return x.with_dtype(dtype or x.dtype)

    def numpy(x: Any, dtype: DType | None) -> Any:
        return np.zeros(x.shape, dtype.numpy if dtype else x.dtype)

    def cpu(b: Any, x: Any, dtype: DType | None) -> Any:
        return _filled(b, x.shape, 0, dtype or DType.of(x.dtype))


class AssignValue(
    Plain,
    name="assign_value_",
    signature=(
        "output: Tensor, shape: ints, dtype: dtype, values: scalars, place: place = None -> out"
    ),
):
    """``output`` becomes the listed values."""

    cases = [
        {"output": (2,), "shape": [2], "dtype": "float32", "values": [1.0, 2.5]},
        {"output": (1, 2), "shape": [1, 2], "dtype": "int64", "values": [1, 2]},
    ]
    dtypes = ("float32",)

    def infer(shape: Shape, dtype: DType) -> TensorType:
        return TensorType(dtype, shape)

    def numpy(shape: tuple[int, ...], dtype: DType, values: Any) -> Any:
        return np.asarray(values, dtype.numpy).reshape(shape)

    def cpu(b: Any, shape: Any, dtype: DType, values: Any) -> Any:
        return b.constant(np.asarray(values, dtype.numpy).reshape(shape))


# --- sequences --------------------------------------------------------------------------------


def _whole(number: Any) -> Any:
    """A float that is an integer as an int, so that sizes beside it stay symbolic."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _count(start: Any, end: Any, step: Any) -> Dim:
    """How many numbers ``arange`` gives. Raises ShapeError for a step of 0."""
    if step == 0:
        raise ShapeError("the step of arange is 0")
    start, end, step = (_whole(v) for v in (start, end, step))
    if any(isinstance(v, float) for v in (start, end, step)):
        count: int = math.ceil((end - start) / step)
        return max(count, 0)
    return at_least_0(ceildiv(end - start, step))


class Arange(
    Plain,
    name="arange",
    signature=(
        "start: number, end: number, step: number, dtype: dtype = 'float32', place: place = None -> out"
    ),
):
    """``start, start + step, …`` below ``end``."""

    cases = [
        {"start": 0, "end": 5, "step": 1, "dtype": "int64"},
        {"start": 5, "end": 0, "step": -2, "dtype": "int32"},
        {"start": 0.0, "end": 1.0, "step": 0.3, "dtype": "float32"},
        {"start": 3, "end": 3, "step": 1, "dtype": "int64"},
    ]
    dtypes = ("float32",)

    def infer(start: Any, end: Any, step: Any, dtype: DType) -> TensorType:
        return TensorType(dtype or DType.FLOAT32, (_count(start, end, step),))

    def numpy(start: Any, end: Any, step: Any, dtype: DType) -> Any:
        n = static(_count(start, end, step), "the length of arange")
        wide = np.float64 if isinstance(start + step, float) else np.int64
        return (start + np.arange(n, dtype=wide) * step).astype((dtype or DType.FLOAT32).numpy)

    def cpu(b: Any, start: Any, end: Any, step: Any, dtype: DType) -> Any:
        n = static(_count(start, end, step), "the length of arange")
        return b.arange(n, (dtype or DType.FLOAT32).value, start, step)


class Linspace(
    Plain,
    name="linspace",
    signature=(
        "start: number, stop: number, num: number, dtype: dtype = 'float32', place: place = None -> out"
    ),
):
    """``num`` numbers evenly from ``start`` to ``stop``, both included."""

    cases = [
        {"start": 0.0, "stop": 1.0, "num": 5, "dtype": "float32"},
        {"start": -2.0, "stop": 3.0, "num": 1, "dtype": "float32"},
        {"start": 5.0, "stop": -5.0, "num": 8, "dtype": "float64"},
        {"start": 0, "stop": 10, "num": 4, "dtype": "int64"},
    ]
    dtypes = ("float32",)

    def infer(num: Dim, dtype: DType) -> TensorType:
        return TensorType(dtype or DType.FLOAT32, (num,))

    def numpy(start: Any, stop: Any, num: int, dtype: DType) -> Any:
        target = (dtype or DType.FLOAT32).numpy
        wide = np.float32 if target == np.float32 else np.float64
        start, stop = wide(start), wide(stop)
        step = (stop - start) / wide(max(num - 1, 1))
        index = np.arange(num, dtype=wide)
        # Paddle counts the second half from the end, so that both ends are exact.
        low, high = start + step * index, stop - step * (num - 1 - index)
        return np.where(np.arange(num) < num // 2, low, high if num > 1 else start).astype(target)

    cpu = reference()


class Eye(
    Plain,
    name="eye",
    signature=(
        "num_rows: scalar, num_columns: scalar = -1, dtype: dtype = 'float32', "
        "place: place = None -> out"
    ),
):
    """Ones on the diagonal of a matrix of zeros."""

    cases = [
        {"num_rows": 3, "num_columns": 3, "dtype": "float32"},
        {"num_rows": 2, "num_columns": 4, "dtype": "int64"},
        {"num_rows": 3, "num_columns": -1, "dtype": "float64"},
    ]
    dtypes = ("float32",)

    def infer(num_rows: Dim, num_columns: Dim, dtype: DType) -> TensorType:
        columns = num_rows if num_columns is None or num_columns == -1 else num_columns
        return TensorType(dtype or DType.FLOAT32, (num_rows, columns))

    def numpy(num_rows: int, num_columns: int, dtype: DType) -> Any:
        columns = num_rows if num_columns is None or num_columns == -1 else num_columns
        return np.eye(num_rows, columns, dtype=(dtype or DType.FLOAT32).numpy)

    def cpu(b: Any, num_rows: int, num_columns: int, dtype: DType) -> Any:
        columns = num_rows if num_columns is None or num_columns == -1 else num_columns
        shape = (num_rows, columns)
        same = b.elementwise("eq", b.iota(shape, 0, "int64"), b.iota(shape, 1, "int64"))
        return b.cast(same, (dtype or DType.FLOAT32).value)


class OneHot(Plain, name="one_hot", signature="x: Tensor, num_classes: scalar -> out"):
    """A new last axis with 1 at the index and 0 elsewhere. Raises for an index out of range."""

    rejects = True
    dtypes = ("int64", "int32")
    cases = [
        {"x": ints((3,), 4), "num_classes": 4},
        {"x": ints(("N", 2), 5), "num_classes": 5},
        {"x": ints((), 3), "num_classes": 3},
    ]

    def infer(x: TensorType, num_classes: Dim) -> TensorType:
        return TensorType(DType.FLOAT32, (*x.shape, num_classes))

    def numpy(x: Any, num_classes: int) -> Any:
        if x.size and (x.min() < 0 or x.max() >= num_classes):
            raise IndexOutOfRangeError(f"one_hot: an index is outside of 0 to {num_classes - 1}")
        return (x[..., None] == np.arange(num_classes)).astype(np.float32)

    def cpu(b: Any, x: Any, num_classes: int) -> Any:
        # Reading row x of a unit matrix checks the bounds; a negative index must not wrap.
        inside = b.map(lambda s, i: s.select(i < 0, num_classes, i), b.cast(x, "int64"))
        shape = (num_classes, num_classes)
        same = b.elementwise("eq", b.iota(shape, 0, "int64"), b.iota(shape, 1, "int64"))
        return b.gather(b.cast(same, "float32"), inside, 0)


def _triangle(rows: Any, cols: Any, offset: int, upper: bool) -> Any:
    index = np.triu_indices(rows, offset, cols) if upper else np.tril_indices(rows, offset, cols)
    return np.stack(index)


class TrilIndices(
    Plain,
    name="tril_indices",
    signature=(
        "rows: int, cols: int, offset: int, dtype: dtype = 'int64', place: place = None -> out"
    ),
):
    """Row and column indices of the lower triangle."""

    dtypes = ("float32",)
    cases = [{"rows": 3, "cols": 4, "offset": o, "dtype": "int64"} for o in (0, 1, -1)]
    cpu = reference()

    def infer(rows: int, cols: int, offset: int, dtype: DType) -> TensorType:
        return TensorType(dtype, (2, _triangle(rows, cols, offset, False).shape[1]))

    def numpy(rows: int, cols: int, offset: int, dtype: DType) -> Any:
        return _triangle(rows, cols, offset, False).astype(dtype.numpy)


class TriuIndices(
    Plain,
    name="triu_indices",
    signature="row: int, col: int, offset: int, dtype: dtype = 'int64', place: place = None -> out",
):
    """Row and column indices of the upper triangle."""

    dtypes = ("float32",)
    cases = [{"row": 3, "col": 4, "offset": o, "dtype": "int64"} for o in (0, 1, -1)]
    cpu = reference()

    def infer(row: int, col: int, offset: int, dtype: DType) -> TensorType:
        return TensorType(dtype, (2, _triangle(row, col, offset, True).shape[1]))

    def numpy(row: int, col: int, offset: int, dtype: DType) -> Any:
        return _triangle(row, col, offset, True).astype(dtype.numpy)

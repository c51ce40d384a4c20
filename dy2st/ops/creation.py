"""Tensors made of numbers: constants, ranges, identity matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.dims import Dim, ceildiv
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import values
from dy2st.ops.scalar_math import number_for

_SHAPES: list[dict[str, Any]] = [
    {"shape": [2, 3]},
    {"shape": []},
    {"shape": [0, 2]},
    {"shape": [2], "dtype": "int64"},
]


def _filled(shape: Any, value: Any, dtype: DType) -> np.ndarray:
    return np.full(tuple(shape), value).astype(dtype.numpy)


def full_node(b: Any, shape: Any, value: Any, dtype: DType) -> Any:
    """A constant node; complex ones go by the reference."""
    if dtype.is_complex:
        return b.reference()
    return b.full(tuple(shape), number_for(dtype.value, value), dtype.value)


class Full(
    Plain,
    name="full",
    signature="shape: ints, value: scalar, dtype: dtype = 'float32', place: place = None -> out",
):
    """One number everywhere."""

    cases = [
        {"shape": [2, 3], "value": 1.5},
        {"shape": [], "value": 2},
        {"shape": [0, 2], "value": 1.0},
        {"shape": [2], "value": 3.7, "dtype": "int64"},
        {"shape": [2], "value": True, "dtype": "bool"},
        {"shape": [2], "value": float("inf"), "dtype": "float64"},
    ]
    infer = lambda shape, value, dtype: TensorType(dtype, tuple(shape))  # noqa: E731
    numpy = _filled
    cpu = full_node


class FullIntArray(
    Plain,
    name="full_int_array",
    signature="value: ints, dtype: dtype = 'int64', place: place = None -> out",
):
    """A vector of given integers."""

    not_compared = "eager Paddle has no such call"
    cases = [{"value": [1, 2, 3]}]
    infer = lambda value, dtype: TensorType(dtype, (len(value),))  # noqa: E731
    numpy = lambda value, dtype: np.array(value, dtype.numpy)  # noqa: E731
    cpu = lambda b, value, dtype: b.constant(np.array(value, dtype.numpy))  # noqa: E731


class FullLike(
    Plain,
    name="full_like",
    signature="x: Tensor, value: scalar, dtype: dtype = None, place: place = None -> out",
):
    """One number everywhere, in the shape of another tensor."""

    cases = [
        {"x": (2, 3), "value": 1.5},
        {"x": ("N", 2), "value": 0, "dtype": "int64"},
        {"x": (), "value": 1, "dtype": "bool"},
    ]
    infer = lambda x, value, dtype: x.with_dtype(dtype or x.dtype)  # noqa: E731

    def numpy(x: np.ndarray, value: Any, dtype: DType | None) -> Any:
        return np.full(x.shape, value).astype(dtype.numpy if dtype else x.dtype)

    def cpu(b: Any, x: Any, value: Any, dtype: DType | None) -> Any:
        return full_node(b, x.shape, value, dtype or DType.of(x.dtype))


class FullWithTensor(
    Plain,
    name="full_with_tensor",
    signature="value: Tensor, shape: ints, dtype: dtype = 'float32' -> out",
):
    """The one element of a tensor everywhere."""

    cases = [
        {"value": (), "shape": [2, 3], "dtype": "float32"},
        {"value": (1,), "shape": [2], "dtype": "int64", "dtypes": ("int64", "int32")},
    ]
    infer = lambda value, shape, dtype: TensorType(dtype, tuple(shape))  # noqa: E731
    numpy = lambda value, shape, dtype: _filled(shape, value.reshape(()), dtype)  # noqa: E731
    dtypes = ("float32", "float64", "int32", "int64")

    def cpu(b: Any, value: Any, shape: Any, dtype: DType) -> Any:
        return b.full(tuple(shape), value, dtype.value)


class FullBatchSizeLike(
    Plain,
    name="full_batch_size_like",
    signature=(
        "input: Tensor, shape: ints, dtype: dtype, value: scalar, input_dim_idx: int = 0, "
        "output_dim_idx: int = 0, place: place = None -> out"
    ),
):
    """One number everywhere; one size is that of another tensor."""

    cases = [{"input": ("N", 3), "shape": [-1, 2], "dtype": "float32", "value": 0.5}]

    def infer(
        input: TensorType, shape: Any, dtype: DType, input_dim_idx: int, output_dim_idx: int
    ) -> TensorType:
        sizes: list[Dim] = list(shape)
        sizes[output_dim_idx] = input.shape[input_dim_idx]
        return TensorType(dtype, tuple(sizes))

    def numpy(
        input: np.ndarray, shape: Any, dtype: DType, value: Any, input_dim_idx: int,
        output_dim_idx: int,
    ) -> Any:  # fmt: skip
        sizes = list(shape)
        sizes[output_dim_idx] = input.shape[input_dim_idx]
        return _filled(sizes, value, dtype)

    def cpu(
        b: Any, input: Any, shape: Any, dtype: DType, value: Any, input_dim_idx: int,
        output_dim_idx: int,
    ) -> Any:  # fmt: skip
        sizes = list(shape)
        sizes[output_dim_idx] = input.shape[input_dim_idx]
        return full_node(b, sizes, value, dtype)


class _Constant(Plain):
    infer = lambda shape, dtype: TensorType(dtype, tuple(shape))  # noqa: E731
    cases = _SHAPES


_CONSTANT = "shape: ints, dtype: dtype = 'float32', place: place = None -> out"


class Zeros(_Constant, name="zeros", signature=_CONSTANT):
    """Zero everywhere."""

    numpy = lambda shape, dtype: _filled(shape, 0, dtype)  # noqa: E731
    cpu = lambda b, shape, dtype: full_node(b, shape, 0, dtype)  # noqa: E731


class Ones(_Constant, name="ones", signature=_CONSTANT):
    """One everywhere."""

    numpy = lambda shape, dtype: _filled(shape, 1, dtype)  # noqa: E731
    cpu = lambda b, shape, dtype: full_node(b, shape, 1, dtype)  # noqa: E731


class Empty(_Constant, name="empty", signature=_CONSTANT):
    """A tensor whose values nobody should read: zeros here."""

    not_compared = "eager's values are whatever lay in memory"
    numpy = lambda shape, dtype: _filled(shape, 0, dtype)  # noqa: E731
    cpu = lambda b, shape, dtype: full_node(b, shape, 0, dtype)  # noqa: E731


class EmptyLike(
    Plain,
    name="empty_like",
    signature="x: Tensor, dtype: dtype = None, place: place = None -> out",
):
    """A tensor of the shape of another whose values nobody should read: zeros here."""

    not_compared = "eager's values are whatever lay in memory"
    cases = [{"x": ("N", 3)}, {"x": (2,), "dtype": "int64"}]
    infer = lambda x, dtype: x.with_dtype(dtype or x.dtype)  # noqa: E731

    def numpy(x: np.ndarray, dtype: DType | None) -> Any:
        return np.zeros(x.shape, dtype.numpy if dtype else x.dtype)

    def cpu(b: Any, x: Any, dtype: DType | None) -> Any:
        return full_node(b, x.shape, 0, dtype or DType.of(x.dtype))


class OnesLike(
    Plain, name="ones_like", signature="x: Tensor, dtype: dtype = None, place: place = None -> out"
):
    """One everywhere, in the shape of another tensor."""

    cases = [{"x": ("N", 3)}, {"x": (2,), "dtype": "int64"}]
    infer = lambda x, dtype: x.with_dtype(dtype or x.dtype)  # noqa: E731
    numpy = lambda x, dtype: np.ones(x.shape, dtype.numpy if dtype else x.dtype)  # noqa: E731
    cpu = lambda b, x, dtype: full_node(b, x.shape, 1, dtype or DType.of(x.dtype))  # noqa: E731


class ZerosLike(
    Plain, name="zeros_like", signature="x: Tensor, dtype: dtype = None, place: place = None -> out"
):
    """Zero everywhere, in the shape of another tensor."""

    cases = [{"x": ("N", 3)}, {"x": (2,), "dtype": "int64"}]
    infer = lambda x, dtype: x.with_dtype(dtype or x.dtype)  # noqa: E731
    numpy = lambda x, dtype: np.zeros(x.shape, dtype.numpy if dtype else x.dtype)  # noqa: E731
    cpu = lambda b, x, dtype: full_node(b, x.shape, 0, dtype or DType.of(x.dtype))  # noqa: E731


class Fill(Plain, name="fill", signature="x: Tensor, value: scalar = 0 -> out"):
    """x with every element replaced by one number."""

    cases = [{"x": (2, 3), "value": 1.5}, {"x": ("N",), "value": 0}]
    infer = lambda x: x  # noqa: E731
    numpy = lambda x, value: np.full(x.shape, value).astype(x.dtype)  # noqa: E731
    cpu = lambda b, x, value: full_node(b, x.shape, value, DType.of(x.dtype))  # noqa: E731
    dtypes = ("float32", "float64", "int32", "int64")


class AssignValue(
    Plain,
    name="assign_value",
    signature=(
        "output: Tensor, shape: ints, dtype: dtype, values: scalars, place: place = None -> out"
    ),
):
    """Given numbers in a given shape; the operand's own values do not matter."""

    not_compared = "eager has the in-place form only, which the test of assign_value_ calls"
    cases = [
        {"output": (2, 2), "shape": [2, 2], "dtype": "float32", "values": [1.0, 2.0, 3.0, 4.0]},
        {"output": (1,), "shape": [3], "dtype": "int64", "values": [1, 2, 3]},
    ]
    infer = lambda output, shape, dtype: TensorType(dtype, tuple(shape))  # noqa: E731

    def numpy(output: Any, shape: Any, dtype: DType, values: Any) -> Any:
        return np.array(values).astype(dtype.numpy).reshape(shape)

    def cpu(b: Any, output: Any, shape: Any, dtype: DType, values: Any) -> Any:
        return b.constant(np.array(values).astype(dtype.numpy).reshape(shape))


class Arange(
    Plain,
    name="arange",
    signature="start: scalar, end: scalar, step: scalar, dtype: dtype, place: place = None -> out",
):
    """start, start + step, … below ``end``. Eager takes the three as tensors of one element."""

    aliases = ("range_v2",)
    cases = [
        {"start": 0, "end": 5, "step": 1, "dtype": "int64"},
        {"start": 5, "end": -1, "step": -2, "dtype": "int32"},
        {"start": 0.0, "end": 1.0, "step": 0.3, "dtype": "float32"},
        {"start": 2, "end": 2, "step": 1, "dtype": "int64"},
    ]

    def infer(start: Any, end: Any, step: Any, dtype: DType) -> TensorType:
        return TensorType(dtype, (arange_size(start, end, step),))

    def numpy(start: Any, end: Any, step: Any, dtype: DType) -> Any:
        count = arange_size(start, end, step)
        wide = np.dtype(np.float64 if dtype.is_floating else np.int64)
        first, by = np.asarray(start).astype(wide), np.asarray(step).astype(wide)
        return first + np.arange(int(count)).astype(wide) * by  # type: ignore[arg-type]

    def cpu(b: Any, start: Any, end: Any, step: Any, dtype: DType) -> Any:
        return b.arange(arange_size(start, end, step), dtype.value, start, step)


def arange_size(start: Any, end: Any, step: Any) -> Dim:
    """How many numbers a range has."""
    if any(isinstance(v, float) for v in (start, end, step)):
        return max(int(np.ceil((end - start) / step)), 0)
    if all(isinstance(v, int) for v in (start, end, step)):
        return max(int(-(-(end - start) // step)), 0)
    count: Dim = ceildiv(end - start, step)
    return count


class Linspace(
    Plain,
    name="linspace",
    signature=(
        "start: Tensor, stop: Tensor, number: scalar, dtype: dtype = 'float32', "
        "place: place = None -> out"
    ),
):
    """``number`` evenly spaced numbers from start to stop. Eager takes the number as a tensor."""

    cases = [
        {"start": values([0.0]), "stop": values([1.0]), "number": 5},
        {"start": values(1.0), "stop": values(-2.0), "number": 4, "dtype": "float64"},
        {"start": values([3.0]), "stop": values([1.0]), "number": 1},
    ]
    dtypes = ("float32",)
    infer = lambda number, dtype: TensorType(dtype, (number,))  # noqa: E731

    def numpy(start: np.ndarray, stop: np.ndarray, number: int, dtype: DType) -> Any:
        wide = np.float64 if dtype.is_floating else np.int64
        return np.linspace(
            start.reshape(()).astype(wide), stop.reshape(()).astype(wide), int(number)
        )

    def cpu(b: Any, start: Any, stop: Any, number: int, dtype: DType) -> Any:
        n = int(number)
        if not dtype.is_floating or n < 2:
            return b.reference()
        first, last = b.reshape(start, ()), b.reshape(stop, ())
        step = b.map(
            lambda s, a, c: (s.cast(c, "float64") - a) / (n - 1), first, last, dtype="float64"
        )
        half = n // 2  # from both ends, so that the last number is exactly the stop
        return b.map(
            lambda s, i, a, c, d: s.select(
                i < half, s.cast(a, "float64") + d * i, s.cast(c, "float64") - d * (n - 1 - i)
            ),
            b.iota((n,), 0),
            first,
            last,
            step,
            dtype=dtype.value,
        )


class Eye(
    Plain,
    name="eye",
    signature=(
        "num_rows: scalar, num_columns: scalar, dtype: dtype = 'float32', place: place = None -> out"
    ),
):
    """The identity matrix."""

    cases = [{"num_rows": 3, "num_columns": 3}, {"num_rows": 2, "num_columns": 4, "dtype": "int64"}]

    def infer(num_rows: Any, num_columns: Any, dtype: DType) -> TensorType:
        return TensorType(dtype, (num_rows, num_rows if _absent(num_columns) else num_columns))

    def numpy(num_rows: Any, num_columns: Any, dtype: DType) -> Any:
        return np.eye(
            num_rows, num_rows if _absent(num_columns) else num_columns, dtype=dtype.numpy
        )

    def cpu(b: Any, num_rows: Any, num_columns: Any, dtype: DType) -> Any:
        if dtype.is_complex:
            return b.reference()
        shape = (int(num_rows), int(num_rows if _absent(num_columns) else num_columns))
        same = b.elementwise("eq", b.iota(shape, 0), b.iota(shape, 1))
        return b.cast(same, dtype.value)


def _absent(size: Any) -> bool:
    return isinstance(size, int) and size == -1


class TrilIndices(
    Plain,
    name="tril_indices",
    signature="rows: int, cols: int, offset: int, dtype: dtype, place: place = None -> out",
):
    """Rows and columns of the elements on and below a diagonal."""

    cases = [{"rows": 3, "cols": 4, "offset": 1, "dtype": "int64"}]

    def infer(rows: int, cols: int, offset: int, dtype: DType) -> TensorType:
        return TensorType(dtype, (2, len(np.tril_indices(rows, offset, cols)[0])))

    numpy = lambda rows, cols, offset: np.stack(np.tril_indices(rows, offset, cols))  # noqa: E731

    def cpu(b: Any, rows: int, cols: int, offset: int, dtype: DType) -> Any:
        return b.constant(np.stack(np.tril_indices(rows, offset, cols)).astype(dtype.numpy))


class TriuIndices(
    Plain,
    name="triu_indices",
    signature="row: int, col: int, offset: int, dtype: dtype, place: place = None -> out",
):
    """Rows and columns of the elements on and above a diagonal."""

    cases = [{"row": 3, "col": 4, "offset": 1, "dtype": "int64"}]

    def infer(row: int, col: int, offset: int, dtype: DType) -> TensorType:
        return TensorType(dtype, (2, len(np.triu_indices(row, offset, col)[0])))

    numpy = lambda row, col, offset: np.stack(np.triu_indices(row, offset, col))  # noqa: E731

    def cpu(b: Any, row: int, col: int, offset: int, dtype: DType) -> Any:
        return b.constant(np.stack(np.triu_indices(row, offset, col)).astype(dtype.numpy))

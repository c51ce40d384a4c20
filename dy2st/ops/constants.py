"""Constants in other spellings: ``zeros``, ``ones``, ``…_like``, ``full_int_array``."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.dims import Dim
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
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

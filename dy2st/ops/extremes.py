"""Indices of extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dy2st.errors import ShapeError
from dy2st.ir.dims import Dim, normalize_axis
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import values
from dy2st.ops.rules import axes_of, reduced_shape
from dy2st.ops.signature import Signature


class _ArgExtreme(Plain):
    signature = Signature.parse(
        "x: Tensor, axis: scalar = None, keepdim: bool = False, dtype: dtype = 'int64' -> out"
    )
    cases = [
        {"x": (2, 3), "axis": 1},
        {"x": ("N", 3), "axis": -1, "keepdim": True},
        {"x": (2, 3), "axis": None},
        {"x": (2, 3), "axis": None, "keepdim": True},
        {"x": ("N", 3), "axis": 0, "dtype": "int32"},
        {"x": values([[1.0, 2.0, 2.0], [3.0, 3.0, 1.0]]), "axis": 1},
        {"x": (), "axis": 0},
    ]
    dtypes = ("float32", "float64", "int32", "int64")
    specials = False  # which index NaN gets depends on Paddle's vector width

    def infer(x: TensorType, axis: int | None, keepdim: bool, dtype: DType) -> TensorType:
        axes = axes_of(() if axis is None else (int(axis),), x.rank)
        if any(isinstance(x.shape[a], int) and x.shape[a] == 0 for a in axes):
            raise ShapeError("the index of an extreme among no elements")
        return TensorType(dtype, reduced_shape(x.shape, axes, keepdim))


def _arg_extreme(function: Callable[..., Any]) -> Callable[..., Any]:
    def numpy(x: np.ndarray, axis: int | None, keepdim: bool, dtype: DType) -> Any:
        if x.ndim == 0:
            return np.zeros((), np.int64)
        found = function(x, axis=None if axis is None else int(axis))
        return found.reshape(reduced_shape(x.shape, axes_of(axis, x.ndim), keepdim))

    return numpy


def _arg_node(name: str) -> Callable[..., Any]:
    def cpu(b: Any, x: Any, axis: int | None, keepdim: bool, dtype: DType) -> Any:
        rank = len(x.shape)
        shape: tuple[Dim, ...] = reduced_shape(x.shape, axes_of(axis, rank), keepdim)
        if rank == 0:
            return b.full((), 0, dtype.value)
        flat = b.reshape(x, (-1,)) if axis is None else x
        at = 0 if axis is None else normalize_axis(int(axis), rank)
        return b.cast(b.reshape(b.reduce(name, flat, [at], False), shape), dtype.value)

    return cpu


class Argmax(_ArgExtreme, name="argmax"):
    """The index of the first largest element, of the flattened tensor where ``axis`` is None."""

    numpy = _arg_extreme(np.argmax)
    cpu = _arg_node("argmax")


class Argmin(_ArgExtreme, name="argmin"):
    """The index of the first smallest element, of the flattened tensor where ``axis`` is None."""

    numpy = _arg_extreme(np.argmin)
    cpu = _arg_node("argmin")

"""Norms and distances over axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.reduce import reduced
from dy2st.ops.rules import axes_of


def _norm(x: np.ndarray, order: float, axes: tuple[int, ...], keepdim: bool) -> Any:
    size = np.abs(x)
    if math.isinf(order):
        return (size.max if order > 0 else size.min)(axis=axes, keepdims=keepdim)
    if order == 0:
        return (x != 0).sum(axis=axes, keepdims=keepdim)
    if order == 1:
        return size.sum(axis=axes, keepdims=keepdim)
    if order == 2:
        return np.sqrt((size * size).sum(axis=axes, keepdims=keepdim))
    return np.power(np.power(size, order).sum(axis=axes, keepdims=keepdim), 1 / order)


def norm_node(b: Any, x: Any, order: float, axes: list[int], keepdim: bool) -> Any:
    """The p-norm of a float node over ``axes``."""
    if math.isinf(order):
        return b.reduce("max" if order > 0 else "min", b.elementwise("abs", x), axes, keepdim)
    if order == 0:
        return b.reduce("sum", b.map(lambda s, v: s.cast(s.ne(v, 0.0), x.dtype), x), axes, keepdim)
    if order == 1:
        return b.reduce("sum", b.elementwise("abs", x), axes, keepdim)
    if order == 2:
        return b.elementwise("sqrt", b.reduce("sum", b.elementwise("square", x), axes, keepdim))
    powers = b.map(lambda s, v: s.pow(s.abs(v), float(order)), x)
    return b.elementwise("pow", b.reduce("sum", powers, axes, keepdim), 1.0 / order)


class PNorm(
    Plain,
    name="p_norm",
    signature=(
        "x: Tensor, porder: float = 2.0, axis: int = -1, epsilon: float = 1e-12, "
        "keepdim: bool = False, asvector: bool = False -> out"
    ),
):
    """The p-norm along one axis, or of all elements with ``asvector``."""

    cases = [
        {"x": (2, 3)},
        {"x": ("N", 3, 2), "axis": 1, "keepdim": True},
        {"x": (2, 3), "porder": 1.0, "axis": 0},
        {"x": (2, 3), "porder": math.inf},
        {"x": (2, 3), "porder": -math.inf},
        {"x": (2, 3), "porder": 0.0},
        {"x": (2, 3), "porder": 3.0},
        {"x": (2, 3), "asvector": True},
        {"x": ("N", 3), "asvector": True, "keepdim": True},
    ]
    dtypes = ("float32", "float64")
    specials = False  # depends on the order

    def infer(x: TensorType, axis: int, keepdim: bool, asvector: bool) -> TensorType:
        return reduced(x, () if asvector else (axis,), keepdim)

    def numpy(x: np.ndarray, porder: float, axis: int, keepdim: bool, asvector: bool) -> Any:
        return _norm(x, porder, axes_of(() if asvector else (axis,), x.ndim), keepdim)

    def cpu(b: Any, x: Any, porder: float, axis: int, keepdim: bool, asvector: bool) -> Any:
        axes = axes_of(() if asvector else (axis,), len(x.shape))
        return norm_node(b, x, porder, list(axes), keepdim)


class FrobeniusNorm(
    Plain,
    name="frobenius_norm",
    signature="x: Tensor, axis: ints, keep_dim: bool = False, reduce_all: bool = False -> out",
):
    """The square root of the sum of squares over ``axis``."""

    cases = [
        {"x": (2, 3), "axis": [0, 1]},
        {"x": ("N", 2, 3), "axis": [1, 2], "keep_dim": True},
        {"x": (2, 3), "axis": [], "reduce_all": True},
    ]
    dtypes = ("float32", "float64")
    specials = False  # depends on the order

    def infer(x: TensorType, axis: Any, keep_dim: bool, reduce_all: bool) -> TensorType:
        return reduced(x, () if reduce_all else axis, keep_dim)

    def numpy(x: np.ndarray, axis: Any, keep_dim: bool, reduce_all: bool) -> Any:
        return _norm(x, 2, axes_of(() if reduce_all else axis, x.ndim), keep_dim)

    def cpu(b: Any, x: Any, axis: Any, keep_dim: bool, reduce_all: bool) -> Any:
        axes = axes_of(() if reduce_all else axis, len(x.shape))
        return norm_node(b, x, 2.0, list(axes), keep_dim)


class L2NormSquared(Plain, name="squared_l2_norm", signature="x: Tensor -> out"):
    """The sum of all squares, as a vector of one element."""

    infer = lambda x: x.with_shape((1,))  # noqa: E731
    numpy = lambda x: (x * x).sum().reshape(1)  # noqa: E731
    cases = [{"x": (2, 3)}, {"x": ("N",)}]
    dtypes = ("float32", "float64")
    specials = False  # depends on the order

    def cpu(b: Any, x: Any) -> Any:
        return b.reshape(b.reduce("sum", b.elementwise("square", x)), (1,))


class Dist(Plain, name="dist", signature="x: Tensor, y: Tensor, p: float = 2.0 -> out"):
    """The p-norm of x - y."""

    cases = [
        {"x": (2, 3), "y": (2, 3)},
        {"x": (2, 3), "y": (3,), "p": 1.0},
        {"x": (2,), "y": (2,), "p": math.inf},
    ]
    dtypes = ("float32", "float64")
    specials = False  # depends on the order
    infer = lambda x: x.with_shape(())  # noqa: E731
    numpy = lambda x, y, p: _norm(x - y, p, tuple(range(max(x.ndim, y.ndim))), False)  # noqa: E731

    def cpu(b: Any, x: Any, y: Any, p: float) -> Any:
        difference = b.sub(x, y)
        return norm_node(b, difference, p, list(range(len(difference.shape))), False)

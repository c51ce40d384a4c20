"""Running sums, products and extremes, and sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.errors import ShapeError
from dy2st.ir.dims import normalize_axis, product
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import values
from dy2st.ops.rules import same_along

_NUMBERS = ("float32", "float64", "int32", "int64")


def _scanned(x: np.ndarray, function: Any, axis: int, exclusive: bool, reverse: bool) -> np.ndarray:
    if x.ndim == 0:
        return x if not exclusive else np.zeros_like(x)
    turned = np.flip(x, axis) if reverse else x
    out = function(turned, axis)
    if exclusive:
        start = np.zeros_like(np.take(x, [0], axis)) if x.shape[axis] else x
        body = np.take(out, range(x.shape[axis] - 1), axis) if x.shape[axis] else x
        out = np.concatenate([start, body], axis) if x.shape[axis] else x
    return np.flip(out, axis) if reverse else out


class Cumsum(
    Plain,
    name="cumsum",
    signature=(
        "x: Tensor, axis: scalar = -1, flatten: bool = False, exclusive: bool = False, "
        "reverse: bool = False -> out"
    ),
):
    """The sums of all elements up to each one along ``axis``."""

    cases = [
        {"x": ("N", 3), "axis": -1},
        {"x": ("N", 3, 2), "axis": 0},
        {"x": (2, 4), "axis": 1, "exclusive": True},
        {"x": (2, 4), "axis": 1, "reverse": True},
        {"x": (2, 4), "axis": 0, "exclusive": True, "reverse": True},
        {"x": ("N", 4), "axis": -1, "flatten": True},
    ]
    dtypes = _NUMBERS
    specials = False  # sums depend on their order

    def infer(x: TensorType, axis: Any, flatten: bool) -> TensorType:
        if flatten:
            return x.with_shape((product(x.shape),))
        normalize_axis(int(axis), x.rank)
        return x

    def numpy(x: np.ndarray, axis: int, flatten: bool, exclusive: bool, reverse: bool) -> Any:
        x, at = (x.reshape(-1), 0) if flatten else (x, int(axis))
        add = lambda v, a: np.cumsum(v, a, dtype=v.dtype)  # noqa: E731
        return _scanned(x, add, at, exclusive, reverse)

    def cpu(b: Any, x: Any, axis: int, flatten: bool, exclusive: bool, reverse: bool) -> Any:
        if not x.shape or x.dtype.startswith("complex"):
            return b.reference()
        x, at = (b.reshape(x, (-1,)), 0) if flatten else (x, int(axis))
        return b.scan("sum", x, at, exclusive=exclusive, reverse=reverse)


class Cumprod(
    Plain,
    name="cumprod",
    signature="x: Tensor, dim: int, exclusive: bool = False, reverse: bool = False -> out",
):
    """The products of all elements up to each one along ``dim``."""

    cases = [{"x": ("N", 3), "dim": 1}, {"x": (3, 2), "dim": 0}]
    dtypes = _NUMBERS
    specials = False  # products depend on their order
    infer = same_along("x", "dim")
    numpy = lambda x, dim: np.cumprod(x, dim, dtype=x.dtype) if x.ndim else x  # noqa: E731

    def cpu(b: Any, x: Any, dim: int, exclusive: bool, reverse: bool) -> Any:
        if not x.shape or exclusive or reverse or x.dtype.startswith("complex"):
            return b.reference()
        return b.scan("prod", x, dim)


class LogCumsumExp(
    Plain,
    name="logcumsumexp",
    signature=(
        "x: Tensor, axis: int = -1, flatten: bool = False, exclusive: bool = False, "
        "reverse: bool = False -> out"
    ),
):
    """The logarithm of the running sum of exponentials."""

    cases = [{"x": ("N", 3), "axis": -1}, {"x": (3, 2), "axis": 0, "reverse": True}]
    dtypes = ("float32", "float64")
    specials = False  # sums depend on their order
    infer = Cumsum.infer

    def numpy(x: np.ndarray, axis: int, flatten: bool, exclusive: bool, reverse: bool) -> Any:
        x, at = (x.reshape(-1), 0) if flatten else (x, axis)
        return _scanned(x, np.logaddexp.accumulate, at, exclusive, reverse)

    def cpu(b: Any) -> Any:
        return b.reference()


class _RunningExtreme(Plain):
    cases = [
        {"x": ("N", 3), "axis": -1},
        {"x": (4, 2), "axis": 0, "dtype": "int32"},
        {"x": values([[1.0, 3.0, 3.0, 2.0, 5.0]]), "axis": 1},
    ]
    dtypes = _NUMBERS
    specials = False  # Paddle's comparison lets NaN through or not by its position

    def infer(x: TensorType, axis: int, dtype: DType) -> Any:
        normalize_axis(axis, x.rank)
        return x, x.with_dtype(dtype)

    def cpu(b: Any) -> Any:
        return b.reference()


def _running(x: np.ndarray, axis: int, better: Any) -> tuple[np.ndarray, np.ndarray]:
    best = better.accumulate(x, axis)
    shape = [1] * x.ndim
    shape[axis] = -1
    place = np.arange(x.shape[axis]).reshape(shape)
    # The last position that holds the extreme so far.
    index = np.maximum.accumulate(np.where(x == best, place, 0), axis)
    return best, index


_EXTREME = "x: Tensor, axis: int = -1, dtype: dtype = 'int64' -> out, indices"


class Cummax(_RunningExtreme, name="cummax", signature=_EXTREME):
    """The largest element so far, and its last position."""

    numpy = lambda x, axis: _running(x, axis, np.maximum)  # noqa: E731


class Cummin(_RunningExtreme, name="cummin", signature=_EXTREME):
    """The smallest element so far, and its last position."""

    numpy = lambda x, axis: _running(x, axis, np.minimum)  # noqa: E731


def _order(x: np.ndarray, axis: int, descending: bool) -> np.ndarray:
    """Positions of a stable sort; equal elements keep their order either way."""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    turned = np.flip(x, axis)
    order = np.flip(np.argsort(turned, axis, kind="stable"), axis)
    return np.asarray(x.shape[axis] - 1 - order)


class Argsort(
    Plain,
    name="argsort",
    signature=(
        "x: Tensor, axis: int = -1, descending: bool = False, stable: bool = False -> out, indices"
    ),
):
    """The elements in order along ``axis``, and where they stood; equal ones keep their order."""

    cases = [
        {"x": ("N", 5), "axis": -1, "stable": True},
        {"x": (4, 3), "axis": 0, "descending": True, "stable": True},
        {"x": values([[2.0, 1.0, 2.0, 1.0]]), "axis": 1, "stable": True},
        {"x": (), "axis": -1},
    ]
    dtypes = _NUMBERS
    specials = False  # NaN has no place in Paddle's comparison

    def infer(x: TensorType, axis: int) -> Any:
        normalize_axis(axis, x.rank)
        return x, x.with_dtype(DType.INT64)

    def numpy(x: np.ndarray, axis: int, descending: bool) -> Any:
        if x.ndim == 0:
            return x, np.zeros((), np.int64)
        order = _order(x, axis, descending)
        return np.take_along_axis(x, order, axis), order

    def cpu(b: Any, x: Any, axis: int, descending: bool) -> Any:
        return b.sort(x, axis, descending)


class Topk(
    Plain,
    name="topk",
    signature=(
        "x: Tensor, k: scalar = 1, axis: int = -1, largest: bool = True, sorted: bool = True "
        "-> out, indices"
    ),
):
    """The k largest (or smallest) elements along ``axis`` in order, and where they stood."""

    cases = [
        {"x": ("N", 5), "k": 2},
        {"x": (5, 3), "k": 3, "axis": 0, "largest": False},
        {"x": (2, 3, 4), "k": 1, "axis": 1},
    ]
    dtypes = _NUMBERS[:2]
    specials = False  # NaN has no place in Paddle's comparison

    def infer(x: TensorType, k: Any, axis: int) -> Any:
        if x.rank == 0:
            return x, x.with_dtype(DType.INT64)
        at = normalize_axis(axis, x.rank)
        size = x.shape[at]
        if isinstance(k, int) and isinstance(size, int) and k > size:
            raise ShapeError(f"the {k} largest of {size} elements")
        out = x.with_shape((*x.shape[:at], k, *x.shape[at + 1 :]))
        return out, out.with_dtype(DType.INT64)

    def numpy(x: np.ndarray, k: int, axis: int, largest: bool) -> Any:
        if x.ndim == 0:
            return x, np.zeros((), np.int64)
        order = np.take(_order(x, axis, largest), range(int(k)), axis)
        return np.take_along_axis(x, order, axis), order

    def cpu(b: Any, x: Any, k: int, axis: int, largest: bool) -> Any:
        return b.sort(x, axis, largest, int(k))


class Kthvalue(
    Plain,
    name="kthvalue",
    signature="x: Tensor, k: int = 1, axis: int = -1, keepdim: bool = False -> out, indices",
):
    """The k-th smallest element along ``axis``, and where it stood."""

    compared = (0,)  # which of equal elements Paddle points to depends on its partial sort
    cases = [{"x": ("N", 5), "k": 2}, {"x": (4, 3), "k": 1, "axis": 0, "keepdim": True}]
    dtypes = _NUMBERS[:2]
    specials = False  # NaN has no place in Paddle's comparison

    def infer(x: TensorType, axis: int, keepdim: bool) -> Any:
        at = normalize_axis(axis, x.rank)
        middle = (1,) if keepdim else ()
        out = x.with_shape((*x.shape[:at], *middle, *x.shape[at + 1 :]))
        return out, out.with_dtype(DType.INT64)

    def numpy(x: np.ndarray, k: int, axis: int, keepdim: bool) -> Any:
        order = np.take(_order(x, axis, False), [k - 1], axis)
        out = np.take_along_axis(x, order, axis)
        return (out, order) if keepdim else (out.squeeze(axis), order.squeeze(axis))

    def cpu(b: Any) -> Any:
        return b.reference()

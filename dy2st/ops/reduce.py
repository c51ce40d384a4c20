"""Reductions: sums, extremes, products, logic and norms over axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import values
from dy2st.ops.rules import axes_of, reduced_shape
from dy2st.ops.signature import Signature

REDUCTIONS: list[dict[str, Any]] = [
    {"x": (2, 3), "axis": [1]},
    {"x": (2, 3, 4), "axis": [0, 2], "keepdim": True},
    {"x": (2, 3), "axis": [], "keepdim": True},
    {"x": ("N", 3), "axis": [-1]},
    {"x": ("N", 3), "axis": [0]},
    {"x": ("N", 3, "M"), "axis": []},
    {"x": (), "axis": []},
    {"x": (3, 67), "axis": [1]},
]
_EMPTY = {"x": (0, 3), "axis": [0]}
_INTEGRAL = (DType.BOOL, DType.UINT8, DType.INT8, DType.INT16, DType.INT32)


def reduced(x: TensorType, axis: Any, keepdim: bool) -> TensorType:
    """The type of a reduction of ``x`` in its own dtype."""
    return x.with_shape(reduced_shape(x.shape, axes_of(axis, x.rank), keepdim))


def _as_bool(x: TensorType, axis: Any, keepdim: bool) -> TensorType:
    return reduced(x, axis, keepdim).with_dtype(DType.BOOL)


def by_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """A reference that calls numpy's reduction over normalised axes."""

    def numpy(x: np.ndarray, axis: Any, keepdim: bool) -> Any:
        return function(x, axis=axes_of(axis, x.ndim), keepdims=keepdim)

    return numpy


def by_reduce(name: str, dtype: str | None = None) -> Callable[..., Any]:
    """A kernel of one reduction node, over ``x`` cast to ``dtype``."""

    def cpu(b: Any, x: Any, axis: Any, keepdim: bool) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        x = b.cast(x, dtype) if dtype else x
        return b.reduce(name, x, list(axes_of(axis, len(x.shape))), keepdim)

    return cpu


class _Reduction(Plain):
    signature = Signature.parse("x: Tensor, axis: ints = (), keepdim: bool = False -> out")
    infer = reduced
    cases = REDUCTIONS
    # Sums of huge and infinite values depend on their order, and Paddle's NaN handling on its SIMD.
    specials = False


def _sum_dtype(x: DType, dtype: DType | None) -> DType:
    return dtype or (DType.INT64 if x in _INTEGRAL else x)


class Sum(
    Plain,
    name="sum",
    signature="x: Tensor, axis: ints = (), dtype: dtype = None, keepdim: bool = False -> out",
):
    """The sum over ``axis``; bool and small integers are summed in int64."""

    cases = [
        *REDUCTIONS,
        _EMPTY,
        {"x": (2, 3), "axis": [0], "dtype": "float64", "dtypes": ("float32", "int64")},
    ]
    specials = False  # depends on the order

    def infer(x: TensorType, axis: Any, dtype: DType | None, keepdim: bool) -> TensorType:
        return reduced(x, axis, keepdim).with_dtype(_sum_dtype(x.dtype, dtype))

    def numpy(x: np.ndarray, axis: Any, dtype: DType | None, keepdim: bool) -> Any:
        wide = _sum_dtype(DType.of(x.dtype), dtype).numpy
        return x.astype(wide).sum(axis=axes_of(axis, x.ndim), keepdims=keepdim)

    def cpu(b: Any, x: Any, axis: Any, dtype: DType | None, keepdim: bool) -> Any:
        wide = _sum_dtype(DType.of(x.dtype), dtype)
        if wide.is_complex or x.dtype.startswith("complex"):
            return b.reference()
        axes = list(axes_of(axis, len(x.shape)))
        return b.reduce("sum", b.cast(x, wide.value), axes, keepdim)


class Nansum(
    Plain,
    name="nansum",
    signature="x: Tensor, axis: ints = (), dtype: dtype = None, keepdim: bool = False -> out",
):
    """The sum over ``axis`` without the NaNs."""

    cases = [{"x": values([[1.0, np.nan], [2.0, 3.0]]), "axis": [0]}, {"x": (2, 3), "axis": []}]
    dtypes = ("float32", "float64")
    specials = False  # depends on the order
    infer = Sum.infer

    def numpy(x: np.ndarray, axis: Any, dtype: DType | None, keepdim: bool) -> Any:
        return np.nansum(x, axis=axes_of(axis, x.ndim), keepdims=keepdim)

    def cpu(b: Any, x: Any, axis: Any, dtype: DType | None, keepdim: bool) -> Any:
        clean = b.map(lambda s, v: s.select(s.ne(v, v), 0.0, v), x) if "float" in x.dtype else x
        return Sum.cpu(b, clean, axis, dtype, keepdim)


def _mean(x: np.ndarray, axis: Any, keepdim: bool) -> Any:
    axes = axes_of(axis, x.ndim)
    if x.dtype.kind in "fc":
        return x.mean(axis=axes, keepdims=keepdim)
    count = int(np.prod([x.shape[a] for a in axes], dtype=np.int64))
    return np.trunc(x.sum(axis=axes, keepdims=keepdim) / count)


class Mean(_Reduction, name="mean"):
    """The arithmetic mean over ``axis``."""

    dtypes = ("float32", "float64", "complex64")
    numpy = _mean

    def cpu(b: Any, x: Any, axis: Any, keepdim: bool) -> Any:
        if "float" not in x.dtype:
            return b.reference()
        return b.mean(x, list(axes_of(axis, len(x.shape))), keepdim)


class MeanAll(Plain, name="mean_all", signature="x: Tensor -> out"):
    """The mean of all elements."""

    infer = lambda x: x.with_shape(())  # noqa: E731
    numpy = lambda x: x.mean()  # noqa: E731
    cpu = lambda b, x: b.mean(x) if "float" in x.dtype else b.reference()  # noqa: E731
    cases = [{"x": (2, 3)}, {"x": ("N", 2)}, {"x": ()}]
    dtypes = ("float32", "float64")
    specials = False  # depends on the order


class Max(_Reduction, name="max"):
    """The largest element over ``axis``."""

    numpy = by_numpy(np.max)
    cpu = by_reduce("max")
    dtypes = ("float32", "float64", "int32", "int64")


class Min(_Reduction, name="min"):
    """The smallest element over ``axis``."""

    numpy = by_numpy(np.min)
    cpu = by_reduce("min")
    dtypes = ("float32", "float64", "int32", "int64")


class Amax(_Reduction, name="amax"):
    """The largest element over ``axis`` (max, but its gradient is shared among ties)."""

    numpy = by_numpy(np.max)
    cpu = by_reduce("max")
    dtypes = ("float32", "float64", "int32", "int64")


class Amin(_Reduction, name="amin"):
    """The smallest element over ``axis`` (min, but its gradient is shared among ties)."""

    numpy = by_numpy(np.min)
    cpu = by_reduce("min")
    dtypes = ("float32", "float64", "int32", "int64")


class Prod(
    Plain,
    name="prod",
    signature="x: Tensor, axis: ints = (), keepdim: bool = False, reduce_all: bool = False -> out",
):
    """The product over ``axis``; over all axes with ``reduce_all``."""

    cases = [{**c, "reduce_all": not c["axis"]} for c in REDUCTIONS[:7]]
    dtypes = ("float32", "float64", "int32", "int64")
    specials = False  # depends on the order

    def infer(x: TensorType, axis: Any, keepdim: bool, reduce_all: bool) -> TensorType:
        return reduced(x, () if reduce_all else axis, keepdim)

    def numpy(x: np.ndarray, axis: Any, keepdim: bool, reduce_all: bool) -> Any:
        axes = axes_of(() if reduce_all else axis, x.ndim)
        return x.prod(axis=axes, keepdims=keepdim, dtype=x.dtype)

    def cpu(b: Any, x: Any, axis: Any, keepdim: bool, reduce_all: bool) -> Any:
        return by_reduce("prod")(b, x, () if reduce_all else axis, keepdim)


class Any_(_Reduction, name="any"):
    """Whether one element is non-zero."""

    infer = _as_bool
    numpy = by_numpy(np.any)
    cpu = by_reduce("any", "bool")
    cases = [*REDUCTIONS, _EMPTY]


class All(_Reduction, name="all"):
    """Whether all elements are non-zero."""

    infer = _as_bool
    numpy = by_numpy(np.all)
    cpu = by_reduce("all", "bool")
    cases = [*REDUCTIONS, _EMPTY]


def _log_sum_exp(x: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> Any:
    top = x.max(axis=axes, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    total = np.log(np.exp(x - top).sum(axis=axes, keepdims=True)) + top
    return total if keepdim else total.reshape(reduced_shape(x.shape, axes, False))  # type: ignore[arg-type]


class Logsumexp(
    Plain,
    name="logsumexp",
    signature="x: Tensor, axis: ints = (), keepdim: bool = False, reduce_all: bool = False -> out",
):
    """log(sum(exp(x))) over ``axis``, without overflow."""

    cases = REDUCTIONS
    dtypes = ("float32", "float64")
    specials = False  # depends on the order

    def infer(x: TensorType, axis: Any, keepdim: bool, reduce_all: bool) -> TensorType:
        x = x.with_dtype(DType.FLOAT32) if x.dtype.is_integer else x
        return reduced(x, () if reduce_all else axis, keepdim)

    def numpy(x: np.ndarray, axis: Any, keepdim: bool, reduce_all: bool) -> Any:
        x = x if x.dtype.kind == "f" else x.astype(np.float32)
        return _log_sum_exp(x, axes_of(() if reduce_all else axis, x.ndim), keepdim)

    def cpu(b: Any, x: Any, axis: Any, keepdim: bool, reduce_all: bool) -> Any:
        x = x if "float" in x.dtype else b.cast(x, "float32")
        axes = list(axes_of(() if reduce_all else axis, len(x.shape)))
        if not axes:
            return x
        top = b.reduce("max", x, axes, True)
        top = b.map(lambda s, v: s.select(s.isfinite(v), v, 0.0), top)
        total = b.reduce("sum", b.map(lambda s, v, t: s.exp(v - t), x, top), axes, True)
        out = b.map(lambda s, v, t: s.log(v) + t, total, top)
        return out if keepdim else b.reshape(out, reduced_shape(x.shape, axes, False))


class _Moment(Plain):
    signature = Signature.parse(
        "x: Tensor, axis: ints = (), keepdim: bool = False, unbiased: bool = True, "
        "correction: float = 1.0 -> out"
    )
    infer = lambda x, axis, keepdim: reduced(x, axis, keepdim)  # noqa: E731
    cases = [*REDUCTIONS[:6], {"x": (2, 5), "axis": [1], "correction": 0.0, "unbiased": False}]
    dtypes = ("float32", "float64")
    specials = False  # depends on the order


def _variance_node(b: Any, x: Any, axis: Any, keepdim: bool, correction: float) -> Any:
    axes = list(axes_of(axis, len(x.shape)))
    count = math.prod(x.shape[a] for a in axes)
    middle = b.mean(x, axes, True)
    squares = b.map(lambda s, v, m: (v - m) * (v - m), x, middle)
    total = b.reduce("sum", squares, axes, keepdim)
    divisor = float(max(count - correction, 0))
    return b.map(lambda s, v: v / divisor, total)


def _variance(x: np.ndarray, axis: Any, keepdim: bool, correction: float) -> Any:
    axes = axes_of(axis, x.ndim)
    return np.var(x, axis=axes, keepdims=keepdim, ddof=correction)  # type: ignore[call-overload]


class Var(_Moment, name="var"):
    """The variance over ``axis``, divided by the count less ``correction``."""

    numpy = lambda x, axis, keepdim, correction: _variance(x, axis, keepdim, correction)  # noqa: E731
    cpu = lambda b, x, axis, keepdim, correction: _variance_node(b, x, axis, keepdim, correction)  # noqa: E731


class Std(_Moment, name="std"):
    """The standard deviation over ``axis``, from the count less ``correction``."""

    numpy = lambda x, axis, keepdim, correction: np.sqrt(_variance(x, axis, keepdim, correction))  # noqa: E731

    def cpu(b: Any, x: Any, axis: Any, keepdim: bool, correction: float) -> Any:
        return b.elementwise("sqrt", _variance_node(b, x, axis, keepdim, correction))

"""Pools in two and three dimensions, plain and adaptive, and maxima with their positions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dy2st.ir.dims import Dim, Shape
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import values
from dy2st.ops.rules import static
from dy2st.ops.windows import (
    checked_count,
    pad_spatial,
    repeated,
    resolve_pads,
    spatial_first,
    to_channels_first,
    to_channels_last,
    window_count,
    windows,
)


class Pool:
    """Sizes, kernel, pads and strides of one pool, channels first."""

    def __init__(self, shape: Shape, kernel_size: Any, attrs: dict[str, Any]) -> None:
        count = len(shape) - 2
        self.last = spatial_first(attrs.get("data_format", "NCHW"))
        self.outer = (shape[0], shape[-1] if self.last else shape[1])
        self.sizes: tuple[Dim, ...] = tuple(shape[1:-1] if self.last else shape[2:])
        self.adaptive = attrs["adaptive"]
        self.ceil = attrs["ceil_mode"]
        self.kernel: tuple[Dim, ...] = repeated(kernel_size, count, "kernel_size")
        self.strides = repeated(attrs["strides"], count, "strides")
        if attrs["global_pooling"]:
            self.kernel, self.adaptive = self.sizes, False
            self.strides, self.pads = (1,) * count, ((0, 0),) * count
            return
        self.pads, _ = resolve_pads(
            attrs.get("padding_algorithm", "EXPLICIT"),
            attrs["paddings"],
            self.sizes,
            self.kernel,
            self.strides,
            (1,) * count,
        )

    def counts(self) -> tuple[Dim, ...]:
        """The spatial sizes of the result."""
        if self.adaptive:
            return tuple(n if k == -1 else k for n, k in zip(self.sizes, self.kernel))
        return tuple(
            checked_count(window_count(n, k, p, s, self.ceil), "pool")
            for n, k, p, s in zip(self.sizes, self.kernel, self.pads, self.strides)
        )

    def shape(self) -> Shape:
        """The result's shape in the data format."""
        n, c = self.outer
        return (n, *self.counts(), c) if self.last else (n, c, *self.counts())

    def even(self) -> bool:
        """Whether an adaptive pool is a plain one: its sizes divide evenly."""
        return all(n % k == 0 for n, k in zip(self.sizes, self.counts()))  # type: ignore[operator]

    def bounds(self, axis: int) -> list[tuple[int, int]]:
        """First and last element (excluded) of each window along an axis, clipped to the input."""
        size = static(self.sizes[axis], "a pooled size")
        count = static(self.counts()[axis], "a pooled size")
        if self.adaptive:
            return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
        low, step, k = self.pads[axis][0], self.strides[axis], self.kernel[axis]
        starts = [i * step - low for i in range(count)]
        return [(max(s, 0), min(s + k, size)) for s in starts]  # type: ignore[type-var]

    def divisors(self, exclusive: bool) -> np.ndarray:
        """How many elements each window's average divides by."""
        out = np.ones((), np.float64)
        for axis in range(len(self.sizes)):
            if exclusive or self.adaptive:
                lengths = [b - a for a, b in self.bounds(axis)]
            else:
                size, (low, high) = self.sizes[axis], self.pads[axis]
                ends = [
                    (i * self.strides[axis] - low, i * self.strides[axis] - low + self.kernel[axis])
                    for i in range(len(self.bounds(axis)))
                ]
                lengths = [min(b, size + high) - a for a, b in ends]  # type: ignore[type-var,operator]
            out = np.multiply.outer(out, np.array(lengths, np.float64))
        return out


def _pooled(x: np.ndarray, pool: Pool, kind: str, exclusive: bool) -> np.ndarray:
    """A pool of ``x[N, C, …]``."""
    counts = tuple(static(c, "a pooled size") for c in pool.counts())
    dims = len(counts)
    if pool.adaptive:
        return _adaptive(x, pool, kind)
    pads = []
    for n, k, (low, _), s, count in zip(pool.sizes, pool.kernel, pool.pads, pool.strides, counts):
        pads.append((low, (count - 1) * s + k - n - low))  # type: ignore[operator]
    fill = _lowest(x.dtype) if kind == "max" else 0
    padded = np.ascontiguousarray(pad_spatial(x, pads, fill))  # type: ignore[arg-type]
    view = windows(padded, pool.kernel, pool.strides, (1,) * dims, counts)  # type: ignore[arg-type]
    axes = tuple(range(-dims, 0))
    if kind == "max":
        return np.asarray(view.max(axis=axes))
    return np.asarray(view.sum(axis=axes) / pool.divisors(exclusive).astype(x.dtype))


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _adaptive(x: np.ndarray, pool: Pool, kind: str) -> np.ndarray:
    # Windows are products of intervals, so one axis after the other.
    for axis in range(len(pool.sizes)):
        parts = [
            np.take(x, range(*bound), axis=2 + axis).max(axis=2 + axis)
            if kind == "max"
            else np.take(x, range(*bound), axis=2 + axis).mean(axis=2 + axis)
            for bound in pool.bounds(axis)
        ]
        x = np.stack(parts, axis=2 + axis)
    return x


def _pool_numpy(x: np.ndarray, kernel_size: Any, attrs: dict[str, Any]) -> Any:
    pool = Pool(x.shape, kernel_size, attrs)
    first = x.transpose(to_channels_first(x.ndim)) if pool.last else x
    out = _pooled(first, pool, attrs["pooling_type"], attrs["exclusive"])
    return out.transpose(to_channels_last(out.ndim)) if pool.last else out


def _pool_cpu(b: Any, x: Any, kernel_size: Any, attrs: dict[str, Any]) -> Any:
    pool = Pool(x.shape, kernel_size, attrs)
    kind, rank = attrs["pooling_type"], len(x.shape)
    counts = pool.counts()
    if 0 in x.shape or "float" not in x.dtype:
        return b.reference()
    spatial = list(range(1, rank - 1)) if pool.last else list(range(2, rank))
    whole = all(
        c == 1 and (pool.adaptive or (p == (0, 0) and k == n))
        for c, p, k, n in zip(counts, pool.pads, pool.kernel, pool.sizes)
    )
    if whole:
        return b.reduce("max", x, spatial, True) if kind == "max" else b.mean(x, spatial, True)
    node = b.permute(x, to_channels_first(rank)) if pool.last else x
    out = _windows_node(b, node, pool, kind, attrs["exclusive"])
    if out is None:
        return b.reference()
    return b.permute(out, to_channels_last(rank)) if pool.last else out


def _windows_node(b: Any, x: Any, pool: Pool, kind: str, exclusive: bool) -> Any:
    if pool.adaptive and not pool.even():
        return _adaptive_mean(b, x, pool) if kind == "avg" else None
    if pool.adaptive:
        kernel = tuple(n // c for n, c in zip(pool.sizes, pool.counts()))  # type: ignore[operator]
        strides, pads, ceil = kernel, ((0, 0),) * len(kernel), False
    else:
        kernel, strides, pads, ceil = pool.kernel, pool.strides, pool.pads, pool.ceil  # type: ignore[assignment]
    if kind == "avg" and not exclusive and ceil:
        return None  # the padding that rounding up adds is not counted: oneDNN cannot say so
    name = "max" if kind == "max" else ("avg" if exclusive else "avg_padded")
    return b.pool(name, x, kernel=kernel, stride=strides, padding=pads, ceil_mode=ceil)


def _adaptive_mean(b: Any, x: Any, pool: Pool) -> Any:
    """An uneven adaptive average as one small matrix product an axis."""
    for axis, size in enumerate(pool.sizes):
        bounds = pool.bounds(axis)
        weights = np.zeros((static(size, "a pooled size"), len(bounds)))
        for i, (low, high) in enumerate(bounds):
            weights[low:high, i] = 1 / (high - low)
        order = [i for i in range(len(x.shape)) if i != 2 + axis] + [2 + axis]
        turned = b.matmul(b.permute(x, order), b.constant(weights.astype(x.dtype)))
        x = b.permute(turned, [order.index(i) for i in range(len(order))])
    return x


def pool_rules(function: Any, builder: bool = False) -> Any:
    """``function(x, kernel_size, attrs)`` with the parameters that call_rule passes by name."""
    import inspect

    names = (
        "strides", "paddings", "ceil_mode", "exclusive", "data_format", "pooling_type",
        "global_pooling", "adaptive", "padding_algorithm",
    )  # fmt: skip

    def rule(*b: Any, x: Any, kernel_size: Any, **attrs: Any) -> Any:
        return function(*b, x, kernel_size, attrs)

    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(n, kind) for n in ("x", "kernel_size", *names)]
    if builder:
        parameters.insert(0, inspect.Parameter("b", inspect.Parameter.POSITIONAL_ONLY))
    rule.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return rule


_SIGNATURE = (
    "x: Tensor, kernel_size: ints, strides: ints = (1, 1), paddings: ints = (0, 0), "
    "ceil_mode: bool = False, exclusive: bool = True, data_format: str = 'NCHW', "
    "pooling_type: str = 'max', global_pooling: bool = False, adaptive: bool = False, "
    "padding_algorithm: str = 'EXPLICIT' -> out"
)


class _Pool(Plain):
    infer = pool_rules(lambda x, k, attrs: x.with_shape(Pool(x.shape, k, attrs).shape()))
    numpy = pool_rules(_pool_numpy)
    cpu = pool_rules(_pool_cpu, builder=True)
    dtypes = ("float32", "float64")
    specials = False  # sums depend on their order, and Paddle's maxima ignore NaN


class Pool2d(_Pool, name="pool2d", signature=_SIGNATURE):
    """Maxima or averages of two-dimensional windows."""

    cases = [
        {"x": ("N", 3, 6, 6), "kernel_size": [2, 2], "strides": [2, 2]},
        {"x": ("N", 3, 7, 7), "kernel_size": [3, 3], "strides": [2, 2], "paddings": [1, 1]},
        {"x": (1, 2, 7, 6), "kernel_size": [3, 2], "strides": [2, 2], "ceil_mode": True},
        {"x": (1, 2, 6, 6), "kernel_size": [3, 3], "strides": [2, 2], "paddings": [0, 1, 1, 0]},
        {"x": ("N", 3, 6, 6), "kernel_size": [2, 2], "strides": [2, 2], "pooling_type": "avg"},
        {
            "x": (1, 2, 7, 7),
            "kernel_size": [3, 3],
            "strides": [2, 2],
            "paddings": [1, 1],
            "pooling_type": "avg",
            "exclusive": False,
        },
        {
            "x": (1, 2, 7, 7),
            "kernel_size": [3, 3],
            "strides": [2, 2],
            "paddings": [1, 1],
            "pooling_type": "avg",
        },
        {
            "x": (1, 2, 8, 8),
            "kernel_size": [3, 3],
            "strides": [2, 2],
            "paddings": [1, 1],
            "ceil_mode": True,
            "exclusive": False,
            "pooling_type": "avg",
        },
        {"x": ("N", 3, "M", 4), "kernel_size": [1, 1], "adaptive": True, "pooling_type": "avg"},
        {"x": (2, 3, 6, 4), "kernel_size": [3, 2], "adaptive": True, "pooling_type": "avg"},
        {"x": (2, 3, 7, 5), "kernel_size": [3, 2], "adaptive": True, "pooling_type": "avg"},
        {"x": ("N", 3, 4, 4), "kernel_size": [1, 1], "global_pooling": True, "pooling_type": "avg"},
        {"x": (2, 6, 6, 3), "kernel_size": [2, 2], "strides": [2, 2], "data_format": "NHWC"},
        {
            "x": (2, 7, 5, 3),
            "kernel_size": [3, 2],
            "adaptive": True,
            "data_format": "NHWC",
            "pooling_type": "avg",
        },
        {
            "x": (1, 2, 7, 7),
            "kernel_size": [2, 2],
            "strides": [2, 2],
            "padding_algorithm": "SAME",
        },
    ]


class Pool3d(
    _Pool,
    name="pool3d",
    signature=_SIGNATURE.replace("(1, 1)", "(1, 1, 1)").replace("(0, 0)", "(0, 0, 0)"),
):
    """Maxima or averages of three-dimensional windows."""

    cases = [
        {
            "x": ("N", 2, 4, 4, 4),
            "kernel_size": [2, 2, 2],
            "strides": [2, 2, 2],
            "data_format": "NCDHW",
        },
        {
            "x": (1, 2, 4, 5, 4),
            "kernel_size": [3, 3, 3],
            "paddings": [1, 1, 1],
            "pooling_type": "avg",
            "data_format": "NCDHW",
        },
        {
            "x": ("N", 2, 4, 4, 4),
            "kernel_size": [1, 1, 1],
            "adaptive": True,
            "pooling_type": "avg",
            "data_format": "NCDHW",
        },
    ]


def _positions(x: np.ndarray, kernel_size: Any, attrs: dict[str, Any]) -> Any:
    pool = Pool(x.shape, kernel_size, attrs)
    counts = tuple(static(c, "a pooled size") for c in pool.counts())
    dims = len(counts)
    bounds = [pool.bounds(axis) for axis in range(dims)]
    places = np.arange(math.prod(x.shape[2:])).reshape(x.shape[2:])
    out = np.empty((*x.shape[:2], *counts), x.dtype)
    index = np.empty(out.shape, np.int32)
    for at in np.ndindex(*counts):
        part: Any = (Ellipsis, *(slice(*bounds[d][i]) for d, i in enumerate(at)))
        window = x[part].reshape(*x.shape[:2], -1)
        best = window.argmax(-1)
        out[(slice(None), slice(None), *at)] = np.take_along_axis(window, best[..., None], -1)[
            ..., 0
        ]
        index[(slice(None), slice(None), *at)] = places[part].reshape(-1)[best]
    return out, index


def _with_index(x: TensorType, kernel_size: Any, attrs: dict[str, Any]) -> Any:
    out = x.with_shape(Pool(x.shape, kernel_size, attrs).shape())
    return out, out.with_dtype(DType.INT32)


def _index_rule(function: Any) -> Any:
    import inspect

    names = ("strides", "paddings", "global_pooling", "adaptive", "ceil_mode")

    def rule(*, x: Any, kernel_size: Any, **attrs: Any) -> Any:
        return function(x, kernel_size, attrs)

    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(n, kind) for n in ("x", "kernel_size", *names)]
    rule.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return rule


class MaxPool2dWithIndex(
    Plain,
    name="max_pool2d_with_index",
    signature=(
        "x: Tensor, kernel_size: ints, strides: ints = (1, 1), paddings: ints = (0, 0), "
        "global_pooling: bool = False, adaptive: bool = False, ceil_mode: bool = False -> out, mask"
    ),
):
    """Maxima of windows, and their places in the flattened plane."""

    dtypes = ("float32", "float64")
    specials = False  # Paddle's maxima ignore NaN
    cases = [
        {"x": ("N", 3, 6, 6), "kernel_size": [2, 2], "strides": [2, 2]},
        {"x": (1, 2, 7, 7), "kernel_size": [3, 3], "strides": [2, 2], "paddings": [1, 1]},
        {"x": (1, 2, 7, 5), "kernel_size": [3, 2], "adaptive": True},
    ]
    infer = _index_rule(_with_index)
    numpy = _index_rule(_positions)

    def cpu(b: Any) -> Any:
        return b.reference()


class MaxPool3dWithIndex(
    Plain,
    name="max_pool3d_with_index",
    signature=(
        "x: Tensor, kernel_size: ints, strides: ints = (1, 1, 1), paddings: ints = (0, 0, 0), "
        "global_pooling: bool = False, adaptive: bool = False, ceil_mode: bool = False -> out, mask"
    ),
):
    """Maxima of windows, and their places in the flattened volume."""

    dtypes = ("float32", "float64")
    specials = False  # Paddle's maxima ignore NaN
    cases = [{"x": ("N", 2, 4, 4, 4), "kernel_size": [2, 2, 2], "strides": [2, 2, 2]}]
    infer = _index_rule(_with_index)
    numpy = _index_rule(_positions)

    def cpu(b: Any) -> Any:
        return b.reference()


def put_back(b: Any, x: Any, indices: Any, size: Any) -> Any:
    """The elements of ``x[N, C, ...]`` at flat places of zeros of spatial ``size``."""
    n, c = x.shape[:2]
    empty = b.full((n, c, math.prod(size)), 0, x.dtype)
    planes = [b.iota((n, 1, 1), 0), b.iota((1, c, 1), 1)]
    at = b.reshape(indices, (n, c, -1))
    return b.reshape(b.scatter(empty, [*planes, at], b.reshape(x, (n, c, -1))), (n, c, *size))


class Unpool(
    Plain,
    name="unpool",
    signature=(
        "x: Tensor, indices: Tensor, ksize: ints, strides: ints, padding: ints, "
        "output_size: ints, data_format: str = 'NCHW' -> out"
    ),
):
    """The elements at the places that a pool took them from, zero elsewhere."""

    eager = False  # writes outside for an index outside
    dtypes = ("float32", "float64")
    specials = False  # repeated places take any of their values
    cases = [
        {
            "x": (1, 2, 2, 2),
            "indices": values([[[[0, 3], [9, 15]], [[5, 2], [8, 10]]]], "int32"),
            "ksize": [2, 2],
            "strides": [2, 2],
            "padding": [0, 0],
            "output_size": [4, 4],
        }
    ]

    def infer(x: TensorType, output_size: Any) -> TensorType:
        return x.with_shape((*x.shape[:2], *output_size[-2:]))

    def numpy(x: np.ndarray, indices: np.ndarray, output_size: Any) -> Any:
        out = np.zeros((*x.shape[:2], math.prod(output_size[-2:])), x.dtype)
        flat = indices.reshape(*x.shape[:2], -1).astype(np.int64)
        np.put_along_axis(out, flat, x.reshape(*x.shape[:2], -1), -1)
        return out.reshape(*x.shape[:2], *output_size[-2:])

    def cpu(b: Any, x: Any, indices: Any, output_size: Any) -> Any:
        return put_back(b, x, indices, output_size[-2:])

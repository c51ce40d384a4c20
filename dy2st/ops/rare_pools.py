"""Pools that few models use: by norms, by fractions, and the inverse of maxima in volumes."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np

from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import values
from dy2st.ops.pooling import Pool, put_back
from dy2st.ops.rules import reference, static
from dy2st.ops.windows import pad_spatial, to_channels_first, to_channels_last, windows

FLOATS = ("float32", "float64")
_NAMES = (
    "strides", "paddings", "ceil_mode", "exclusive", "data_format", "pooling_type",
    "global_pooling", "adaptive", "padding_algorithm", "norm_type",
)  # fmt: skip


def _rule(function: Any, builder: bool = False) -> Any:
    def rule(*b: Any, x: Any, kernel_size: Any, **attrs: Any) -> Any:
        return function(*b, x, kernel_size, attrs)

    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(n, kind) for n in ("x", "kernel_size", *_NAMES)]
    if builder:
        parameters.insert(0, inspect.Parameter("b", inspect.Parameter.POSITIONAL_ONLY))
    rule.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return rule


def _lp_numpy(x: np.ndarray, kernel_size: Any, attrs: dict[str, Any]) -> Any:
    pool = Pool(x.shape, kernel_size, attrs)
    first = x.transpose(to_channels_first(x.ndim)) if pool.last else x
    counts = [static(c, "a pooled size") for c in pool.counts()]
    pads = [
        (low, (count - 1) * s + k - n - low)  # type: ignore[operator]
        for n, k, (low, _), s, count in zip(
            pool.sizes, pool.kernel, pool.pads, pool.strides, counts
        )
    ]
    padded = np.ascontiguousarray(pad_spatial(first, pads))  # type: ignore[arg-type]
    view = windows(padded, pool.kernel, pool.strides, (1, 1), counts)  # type: ignore[arg-type]
    p = attrs["norm_type"]
    out = np.power(np.power(view, p).sum(axis=(-1, -2)), 1 / p)
    return out.transpose(to_channels_last(out.ndim)) if pool.last else out


def _lp_cpu(b: Any, x: Any, kernel_size: Any, attrs: dict[str, Any]) -> Any:
    pool = Pool(x.shape, kernel_size, attrs)
    if pool.adaptive or pool.ceil or pool.last or 0 in x.shape:
        return b.reference()
    p = float(attrs["norm_type"])
    powers = b.elementwise("square", x) if p == 2 else b.elementwise("pow", x, p)
    area = float(math.prod(static(k, "a kernel") for k in pool.kernel))
    mean = b.pool("avg_padded", powers, kernel=pool.kernel, stride=pool.strides, padding=pool.pads)
    return b.map(lambda s, v: s.sqrt(v * area) if p == 2 else s.pow(v * area, 1 / p), mean)


class LpPool2d(
    Plain,
    name="lp_pool2d",
    signature=(
        "x: Tensor, kernel_size: ints, strides: ints = (1, 1), paddings: ints = (0, 0), "
        "ceil_mode: bool = False, exclusive: bool = True, data_format: str = 'NCHW', "
        "pooling_type: str = '', global_pooling: bool = False, adaptive: bool = False, "
        "padding_algorithm: str = 'EXPLICIT', norm_type: float = 0.0 -> out"
    ),
):
    """The p-norm of each window of a plane."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    infer = _rule(lambda x, k, attrs: x.with_shape(Pool(x.shape, k, attrs).shape()))
    numpy = _rule(_lp_numpy)
    cpu = _rule(_lp_cpu, builder=True)
    cases = [
        {"x": ("N", 2, 6, 6), "kernel_size": [2, 2], "strides": [2, 2], "norm_type": 2.0},
        {
            "x": values(np.arange(49).reshape(1, 1, 7, 7) % 5 + 0.5),
            "kernel_size": [3, 2],
            "strides": [2, 2],
            "norm_type": 3.0,
            "ceil_mode": True,
        },
    ]


class SpectralNorm(
    Plain,
    name="spectral_norm",
    signature=(
        "weight: Tensor, u: Tensor, v: Tensor, dim: int = 0, power_iters: int = 1, "
        "eps: float = 1e-12 -> out"
    ),
):
    """A weight over its largest singular value, found by power iterations (Miyato et al. 2018)."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    cases = [
        {"weight": (4, 6), "u": (4,), "v": (6,), "power_iters": 2},
        {"weight": (2, 3, 2, 2), "u": (3,), "v": (8,), "dim": 1},
        {"weight": (4, 6), "u": (4,), "v": (6,), "power_iters": 0},
    ]
    infer = lambda weight: weight  # noqa: E731

    def numpy(
        weight: np.ndarray, u: np.ndarray, v: np.ndarray, dim: int, power_iters: int, eps: float
    ) -> Any:
        mat = np.moveaxis(weight, dim, 0).reshape(weight.shape[dim], -1)
        for _ in range(power_iters):
            v = mat.T @ u
            v = v / (np.sqrt((v * v).sum()) + eps)
            u = mat @ v
            u = u / (np.sqrt((u * u).sum()) + eps)
        return weight / (u @ mat @ v)

    def cpu(b: Any, weight: Any, u: Any, v: Any, dim: int, power_iters: int, eps: float) -> Any:
        order = [dim, *(i for i in range(len(weight.shape)) if i != dim)]
        size = weight.shape[dim]
        mat = b.reshape(b.permute(weight, order), (size, math.prod(weight.shape) // size))
        row, column = b.reshape(u, (1, -1)), b.reshape(v, (-1, 1))

        def unit(x: Any) -> Any:
            total = b.reduce("sum", b.elementwise("square", x), [0, 1], True)
            return b.map(lambda s, w, t: w / (s.sqrt(t) + eps), x, total)

        for _ in range(power_iters):
            column = unit(b.reshape(b.matmul(row, mat), (-1, 1)))
            row = unit(b.reshape(b.matmul(mat, column), (1, -1)))
        sigma = b.reshape(b.matmul(b.matmul(row, mat), column), ())
        return b.div(weight, sigma)


class Unpool3d(
    Plain,
    name="unpool3d",
    signature=(
        "x: Tensor, indices: Tensor, ksize: ints, strides: ints = (1, 1, 1), "
        "paddings: ints = (0, 0, 0), output_size: ints = (0, 0, 0), data_format: str = 'NCDHW' "
        "-> out"
    ),
):
    """The elements at the places of a volume that a pool took them from, zero elsewhere."""

    eager = False  # writes outside for an index outside
    dtypes = FLOATS
    specials = False  # repeated places take any of their values
    cases = [
        {
            "x": (1, 2, 1, 1, 2),
            "indices": values([[[[[0, 7]]], [[[5, 10]]]]], "int32"),
            "ksize": [2, 2, 2],
            "strides": [2, 2, 2],
            "output_size": [2, 2, 4],
        }
    ]

    def infer(x: TensorType, output_size: Any) -> TensorType:
        return x.with_shape((*x.shape[:2], *output_size[-3:]))

    def numpy(x: np.ndarray, indices: np.ndarray, output_size: Any) -> Any:
        out = np.zeros((*x.shape[:2], math.prod(output_size[-3:])), x.dtype)
        flat = indices.reshape(*x.shape[:2], -1).astype(np.int64)
        np.put_along_axis(out, flat, x.reshape(*x.shape[:2], -1), -1)
        return out.reshape(*x.shape[:2], *output_size[-3:])

    def cpu(b: Any, x: Any, indices: Any, output_size: Any) -> Any:
        return put_back(b, x, indices, output_size[-3:])


def _cuts(size: int, count: int, kernel: int, u: float) -> list[tuple[int, int]]:
    """The windows of one axis (Graham 2014), by phi's arithmetic."""
    alpha = np.float32(size - kernel) / np.float32(count - (1 if kernel > 0 else 0))
    if kernel <= 0:
        base = np.float32(size // count)
        most = min((base + 2) / alpha - 1, (size + 1 - base) / alpha - (count - 1))
        u = float(np.float32(u) * most)
    shift = int(np.float32(u) * alpha)
    starts = [int((np.float32(i) + np.float32(u)) * alpha) - shift for i in range(count)]
    if kernel > 0:
        return [(s, s + kernel) for s in starts]
    ends = [int((np.float32(i + 1) + np.float32(u)) * alpha) - shift for i in range(count)]
    return list(zip(starts, ends))


class FractionalMaxPool2d(
    Plain,
    name="fractional_max_pool2d",
    signature=(
        "x: Tensor, output_size: ints, kernel_size: ints = (0, 0), random_u: float = 0.0, "
        "return_mask: bool = True -> out, mask"
    ),
):
    """Maxima of windows whose sizes vary by one, and their places in the flattened plane."""

    dtypes = FLOATS
    specials = False  # Paddle's maxima ignore NaN
    cpu = reference()
    cases = [
        {"x": (2, 3, 8, 9), "output_size": [3, 4], "random_u": 0.3},
        {"x": ("N", 2, 7, 7), "output_size": [3, 3], "kernel_size": [2, 2], "random_u": 0.6},
    ]

    def infer(x: TensorType, output_size: Any) -> Any:
        out = x.with_shape((*x.shape[:2], *output_size))
        return out, out.with_dtype(DType.INT32)

    def numpy(x: np.ndarray, output_size: Any, kernel_size: Any, random_u: float) -> Any:
        high, wide = x.shape[2:]
        rows = _cuts(high, output_size[0], kernel_size[0], random_u)
        columns = _cuts(wide, output_size[1], kernel_size[1], random_u)
        places = np.arange(high * wide).reshape(high, wide)
        out = np.empty((*x.shape[:2], *output_size), x.dtype)
        mask = np.empty(out.shape, np.int32)
        for i, (a, c) in enumerate(rows):
            for j, (d, e) in enumerate(columns):
                window = x[:, :, a:c, d:e].reshape(*x.shape[:2], -1)
                best = window.argmax(-1)
                out[:, :, i, j] = window.max(-1)
                mask[:, :, i, j] = places[a:c, d:e].reshape(-1)[best]
        return out, mask

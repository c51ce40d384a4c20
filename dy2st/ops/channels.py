"""Moving elements between channels and positions, and activations that know channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.dims import floordiv, normalize_axis
from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.normalization import channel_axis
from dy2st.ops.rules import require
from dy2st.ops.windows import (
    checked_count,
    explicit_pads,
    pad_spatial,
    spatial_first,
    window_count,
    windows,
)

FLOATS = ("float32", "float64")


def _first(x: Any, data_format: str, permute: Any) -> Any:
    return permute(x, (0, 3, 1, 2)) if spatial_first(data_format) else x


def _back(x: Any, data_format: str, permute: Any) -> Any:
    return permute(x, (0, 2, 3, 1)) if spatial_first(data_format) else x


def _shuffle(x: Any, r: int, data_format: str, reshape: Any, permute: Any) -> Any:
    """Channels into positions, over arrays or nodes alike."""
    x = _first(x, data_format, permute)
    n, c, h, w = x.shape
    x = permute(reshape(x, (n, c // (r * r), r, r, h, w)), (0, 1, 4, 2, 5, 3))
    return _back(reshape(x, (n, c // (r * r), h * r, w * r)), data_format, permute)


def _unshuffle(x: Any, r: int, data_format: str, reshape: Any, permute: Any) -> Any:
    x = _first(x, data_format, permute)
    n, c, h, w = x.shape
    x = permute(reshape(x, (n, c, h // r, r, w // r, r)), (0, 1, 3, 5, 2, 4))
    return _back(reshape(x, (n, c * r * r, h // r, w // r)), data_format, permute)


def _groups(x: Any, groups: int, data_format: str, reshape: Any, permute: Any) -> Any:
    x = _first(x, data_format, permute)
    n, c, h, w = x.shape
    x = permute(reshape(x, (n, groups, c // groups, h, w)), (0, 2, 1, 3, 4))
    return _back(reshape(x, (n, c, h, w)), data_format, permute)


class PixelShuffle(
    Plain,
    name="pixel_shuffle",
    signature="x: Tensor, upscale_factor: int = 1, data_format: str = 'NCHW' -> out",
):
    """Blocks of channels spread over positions: a plane ``upscale_factor`` times as large."""

    cases = [
        {"x": ("N", 8, 2, 3), "upscale_factor": 2},
        {"x": (2, 2, 3, 4), "upscale_factor": 2, "data_format": "NHWC"},
    ]
    dtypes = FLOATS

    def infer(x: TensorType, upscale_factor: int, data_format: str) -> TensorType:
        r = upscale_factor
        if spatial_first(data_format):
            n, h, w, c = x.shape
            return x.with_shape((n, h * r, w * r, floordiv(c, r * r)))
        n, c, h, w = x.shape
        require(not isinstance(c, int) or c % (r * r) == 0, f"{c} channels for a factor of {r}")
        return x.with_shape((n, floordiv(c, r * r), h * r, w * r))

    def numpy(x: np.ndarray, upscale_factor: int, data_format: str) -> Any:
        return _shuffle(x, upscale_factor, data_format, np.reshape, np.transpose)

    def cpu(b: Any, x: Any, upscale_factor: int, data_format: str) -> Any:
        return _shuffle(x, upscale_factor, data_format, b.reshape, b.permute)


class PixelUnshuffle(
    Plain,
    name="pixel_unshuffle",
    signature="x: Tensor, downscale_factor: int = 1, data_format: str = 'NCHW' -> out",
):
    """Blocks of positions gathered into channels."""

    cases = [
        {"x": ("N", 2, 4, 6), "downscale_factor": 2},
        {"x": (2, 4, 6, 2), "downscale_factor": 2, "data_format": "NHWC"},
    ]
    dtypes = FLOATS

    def infer(x: TensorType, downscale_factor: int, data_format: str) -> TensorType:
        r = downscale_factor
        if spatial_first(data_format):
            n, h, w, c = x.shape
            return x.with_shape((n, floordiv(h, r), floordiv(w, r), c * r * r))
        n, c, h, w = x.shape
        return x.with_shape((n, c * r * r, floordiv(h, r), floordiv(w, r)))

    def numpy(x: np.ndarray, downscale_factor: int, data_format: str) -> Any:
        return _unshuffle(x, downscale_factor, data_format, np.reshape, np.transpose)

    def cpu(b: Any, x: Any, downscale_factor: int, data_format: str) -> Any:
        return _unshuffle(x, downscale_factor, data_format, b.reshape, b.permute)


class ChannelShuffle(
    Plain,
    name="channel_shuffle",
    signature="x: Tensor, groups: int, data_format: str = 'NCHW' -> out",
):
    """The channels of several groups dealt out in turn."""

    cases = [
        {"x": ("N", 6, 2, 2), "groups": 3},
        {"x": (2, 2, 2, 4), "groups": 2, "data_format": "NHWC"},
    ]
    dtypes = FLOATS
    infer = lambda x: x  # noqa: E731

    def numpy(x: np.ndarray, groups: int, data_format: str) -> Any:
        return _groups(x, groups, data_format, np.reshape, np.transpose)

    def cpu(b: Any, x: Any, groups: int, data_format: str) -> Any:
        return _groups(x, groups, data_format, b.reshape, b.permute)


class ShuffleChannel(Plain, name="shuffle_channel", signature="x: Tensor, group: int = 1 -> out"):
    """As channel_shuffle."""

    cases = [{"x": ("N", 6, 2, 2), "group": 2}]
    dtypes = ("float32",)  # Paddle's kernel copies half of each double
    infer = lambda x: x  # noqa: E731
    numpy = lambda x, group: _groups(x, group, "NCHW", np.reshape, np.transpose)  # noqa: E731
    cpu = lambda b, x, group: _groups(x, group, "NCHW", b.reshape, b.permute)  # noqa: E731


class TemporalShift(
    Plain,
    name="temporal_shift",
    signature=(
        "x: Tensor, seg_num: int, shift_ratio: float = 0.25, data_format: str = 'NCHW' -> out"
    ),
):
    """A share of the channels taken from the segment before, another from the one after."""

    cases = [
        {"x": (6, 8, 2, 2), "seg_num": 3},
        {"x": (4, 4, 2, 3), "seg_num": 2, "shift_ratio": 0.3},
        {"x": (4, 2, 3, 4), "seg_num": 2, "data_format": "NHWC"},
    ]
    dtypes = FLOATS
    infer = lambda x: x  # noqa: E731

    def numpy(x: np.ndarray, seg_num: int, shift_ratio: float, data_format: str) -> Any:
        x = _first(x, data_format, np.transpose)
        parts = x.reshape(-1, seg_num, *x.shape[1:])
        c = x.shape[1]
        one, two = int(c * shift_ratio), int(c * 2 * shift_ratio)
        out = np.zeros_like(parts)
        out[:, 1:, :one] = parts[:, :-1, :one]
        out[:, :-1, one:two] = parts[:, 1:, one:two]
        out[:, :, two:] = parts[:, :, two:]
        return _back(out.reshape(x.shape), data_format, np.transpose)

    def cpu(b: Any, x: Any, seg_num: int, shift_ratio: float, data_format: str) -> Any:
        x = _first(x, data_format, b.permute)
        n, c, h, w = x.shape
        parts = b.reshape(x, (n // seg_num, seg_num, c, h, w))
        one, two = int(c * shift_ratio), int(c * 2 * shift_ratio)
        none = [0] * 5
        before = b.pad(b.narrow(parts, 2, 0, one), [0, 1, 0, 0, 0], [0, -1, 0, 0, 0])
        after = b.pad(b.narrow(parts, 2, one, two), [0, -1, 0, 0, 0], [0, 1, 0, 0, 0])
        rest = b.pad(b.narrow(parts, 2, two, c), none, none)
        joined = b.concat([p for p in (before, after, rest) if p.shape[2]], 2)
        return _back(b.reshape(joined, (n, c, h, w)), data_format, b.permute)


class Prelu(
    Plain,
    name="prelu",
    signature="x: Tensor, alpha: Tensor, data_format: str = 'NCHW', mode: str = 'all' -> out",
):
    """x where it is positive, alpha * x elsewhere; alpha is one number, by channel or by element."""

    cases = [
        {"x": ("N", 3, 2, 2), "alpha": (1,), "mode": "all"},
        {"x": ("N", 3, 2, 2), "alpha": (3,), "mode": "channel"},
        {"x": (2, 2, 2, 3), "alpha": (3,), "mode": "channel", "data_format": "NHWC"},
        {"x": (2, 3, 2), "alpha": (1, 3, 2), "mode": "element"},
    ]
    dtypes = FLOATS
    infer = lambda x: x  # noqa: E731

    def numpy(x: np.ndarray, alpha: np.ndarray, data_format: str, mode: str) -> Any:
        return np.where(x > 0, x, alpha.reshape(_alpha_shape(x, alpha, data_format, mode)) * x)

    def cpu(b: Any, x: Any, alpha: Any, data_format: str, mode: str) -> Any:
        slope = b.reshape(alpha, _alpha_shape(x, alpha, data_format, mode))
        return b.map(lambda s, v, a: s.select(v > 0, v, a * v), x, slope)


def _alpha_shape(x: Any, alpha: Any, data_format: str, mode: str) -> tuple[int, ...]:
    rank = len(x.shape)
    if mode == "all":
        return (1,) * rank
    if mode == "element":
        return (1, *x.shape[1:])
    axis = channel_axis(data_format, rank)
    return tuple(-1 if i == axis else 1 for i in range(rank))


class Maxout(Plain, name="maxout", signature="x: Tensor, groups: int, axis: int = 1 -> out"):
    """The largest of each group of channels."""

    cases = [{"x": ("N", 4, 2, 2), "groups": 2}, {"x": (2, 2, 2, 6), "groups": 3, "axis": -1}]
    dtypes = FLOATS
    specials = False  # Paddle's maxima ignore NaN

    def infer(x: TensorType, groups: int, axis: int) -> TensorType:
        at = normalize_axis(axis, x.rank)
        return x.with_shape((*x.shape[:at], floordiv(x.shape[at], groups), *x.shape[at + 1 :]))

    def numpy(x: np.ndarray, groups: int, axis: int) -> Any:
        at = normalize_axis(axis, x.ndim)
        return x.reshape(*x.shape[:at], -1, groups, *x.shape[at + 1 :]).max(axis=at + 1)

    def cpu(b: Any, x: Any, groups: int, axis: int) -> Any:
        at = normalize_axis(axis, len(x.shape))
        split = (*x.shape[:at], x.shape[at] // groups, groups, *x.shape[at + 1 :])
        return b.reduce("max", b.reshape(x, split), [at + 1])


class Swiglu(Plain, name="swiglu", signature="x: Tensor, y: Tensor? = None -> out"):
    """silu(x) * y; without y the halves of the last axis."""

    cases = [{"x": ("N", 3), "y": ("N", 3)}, {"x": ("N", 6)}]
    dtypes = FLOATS

    def infer(x: TensorType, y: TensorType | None) -> TensorType:
        if y is not None:
            return x
        return x.with_shape((*x.shape[:-1], floordiv(x.shape[-1], 2)))

    def numpy(x: np.ndarray, y: np.ndarray | None) -> Any:
        if y is None:
            x, y = np.split(x, 2, -1)
        return x / (1 + np.exp(-x)) * y

    def cpu(b: Any, x: Any, y: Any) -> Any:
        if y is None:
            half = x.shape[-1] // 2
            x, y = b.split(x, [half, half], -1)
        return b.map(lambda s, u, v: u / (1 + s.exp(-u)) * v, x, y)


_UNFOLD = "x: Tensor, kernel_sizes: ints, strides: ints, paddings: ints, dilations: ints -> out"


def _unfold_pads(paddings: Any) -> Any:
    # Four numbers are top, left, bottom, right here.
    if len(paddings) == 4:
        return ((paddings[0], paddings[2]), (paddings[1], paddings[3]))
    return explicit_pads(paddings, 2)


def _unfold_counts(sizes: Any, kernel: Any, strides: Any, paddings: Any, dilations: Any) -> Any:
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations)]
    return [
        checked_count(window_count(n, k, p, s, False), "unfold")
        for n, k, p, s in zip(sizes, spans, _unfold_pads(paddings), strides)
    ]


class Unfold(Plain, name="unfold", signature=_UNFOLD):
    """All windows of a plane as columns."""

    cases = [
        {
            "x": ("N", 2, 4, 5),
            "kernel_sizes": [2, 3],
            "strides": [1, 2],
            "paddings": [0, 1, 1, 0],
            "dilations": [1, 1],
        },
        {
            "x": (1, 2, 6, 6),
            "kernel_sizes": [2, 2],
            "strides": [2, 2],
            "paddings": [0, 0, 0, 0],
            "dilations": [2, 1],
        },
    ]
    dtypes = FLOATS

    def infer(
        x: TensorType, kernel_sizes: Any, strides: Any, paddings: Any, dilations: Any
    ) -> TensorType:
        n, c, *sizes = x.shape
        high, wide = _unfold_counts(sizes, kernel_sizes, strides, paddings, dilations)
        return x.with_shape((n, c * kernel_sizes[0] * kernel_sizes[1], high * wide))

    def numpy(x: np.ndarray, kernel_sizes: Any, strides: Any, paddings: Any, dilations: Any) -> Any:
        counts = _unfold_counts(x.shape[2:], kernel_sizes, strides, paddings, dilations)
        padded = np.ascontiguousarray(pad_spatial(x, _unfold_pads(paddings)))
        view = windows(padded, kernel_sizes, strides, dilations, counts)
        n, c = x.shape[:2]
        out = view.transpose(0, 1, 4, 5, 2, 3)
        return out.reshape(n, c * kernel_sizes[0] * kernel_sizes[1], -1)

    def cpu(b: Any, x: Any, kernel_sizes: Any, strides: Any, paddings: Any, dilations: Any) -> Any:
        n, c = x.shape[:2]
        counts = _unfold_counts(x.shape[2:], kernel_sizes, strides, paddings, dilations)
        (t, u), (v, w) = _unfold_pads(paddings)
        padded = b.pad(x, [0, 0, t, v], [0, 0, u, w])
        shape = (n, c, *kernel_sizes, *counts)

        def place(s: Any, i: Any, j: Any, p: Any, q: Any, y: Any, z: Any) -> Any:
            return i, j, y * strides[0] + p * dilations[0], z * strides[1] + q * dilations[1]

        taken = b.index_map(padded, shape, place, mode="unchecked")
        return b.reshape(taken, (n, c * kernel_sizes[0] * kernel_sizes[1], counts[0] * counts[1]))


class Fold(
    Plain,
    name="fold",
    signature=(
        "x: Tensor, output_sizes: ints, kernel_sizes: ints, strides: ints, paddings: ints, "
        "dilations: ints -> out"
    ),
):
    """Columns of windows added up in a plane."""

    cases = [
        {
            "x": ("N", 8, 12),
            "output_sizes": [4, 5],
            "kernel_sizes": [2, 2],
            "strides": [1, 1],
            "paddings": [0, 0, 0, 0],
            "dilations": [1, 1],
        }
    ]
    dtypes = FLOATS
    specials = False  # sums depend on their order

    def infer(x: TensorType, output_sizes: Any, kernel_sizes: Any) -> TensorType:
        channels = floordiv(x.shape[1], kernel_sizes[0] * kernel_sizes[1])
        return x.with_shape((x.shape[0], channels, *output_sizes))

    def numpy(
        x: np.ndarray, output_sizes: Any, kernel_sizes: Any, strides: Any, paddings: Any,
        dilations: Any,
    ) -> Any:  # fmt: skip
        counts = _unfold_counts(output_sizes, kernel_sizes, strides, paddings, dilations)
        (t, u), (v, w) = _unfold_pads(paddings)
        kh, kw = kernel_sizes
        parts = x.reshape(x.shape[0], -1, kh, kw, *counts)
        high, wide = output_sizes
        out = np.zeros((*parts.shape[:2], high + t + u, wide + v + w), x.dtype)
        for p in range(kh):
            for q in range(kw):
                y, z = p * dilations[0], q * dilations[1]
                rows = slice(y, y + counts[0] * strides[0], strides[0])
                columns = slice(z, z + counts[1] * strides[1], strides[1])
                out[:, :, rows, columns] += parts[:, :, p, q]
        return out[:, :, t : t + high, v : v + wide]

    def cpu(b: Any) -> Any:
        return b.reference()

"""Normalisation over batches, layers, groups and instances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dy2st.ir.dims import floordiv, product, require_equal
from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import between
from dy2st.ops.rules import require
from dy2st.ops.windows import spatial_first

FLOATS = ("float32", "float64")


def channel_axis(data_format: str, rank: int) -> int:
    """The axis of the channels."""
    return rank - 1 if spatial_first(data_format) and rank > 2 else 1


def _along(vector: Any, axis: int, rank: int) -> tuple[int, ...]:
    return tuple(vector.shape[0] if i == axis else 1 for i in range(rank))


def normalized(
    x: np.ndarray,
    axes: Sequence[int],
    epsilon: float,
    scale: np.ndarray | None = None,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """(x - mean) / sqrt(variance + epsilon) over ``axes``, then scale and bias (which broadcast)."""
    mean = x.mean(axis=tuple(axes), keepdims=True)
    variance = x.var(axis=tuple(axes), keepdims=True)
    out: np.ndarray = (x - mean) / np.sqrt(variance + epsilon)
    out = out if scale is None else out * scale
    return out if bias is None else out + bias


def normalized_node(
    b: Any, x: Any, axes: Sequence[int], epsilon: float, scale: Any, bias: Any
) -> Any:
    """The same as kernel graph nodes: two reductions and maps that fuse to one kernel a row."""
    mean = b.mean(x, list(axes), True)
    squares = b.map(lambda s, v, m: (v - m) * (v - m), x, mean)
    factor = b.map(lambda s, v: s.rsqrt(v + epsilon), b.mean(squares, list(axes), True))
    return scaled_node(b, b.map(lambda s, v, m, f: (v - m) * f, x, mean, factor), scale, bias, x)


def scaled_node(b: Any, out: Any, scale: Any, bias: Any, x: Any) -> Any:
    """``out * scale + bias`` where they are given, in the dtype of ``x``."""
    if scale is not None and bias is not None:
        return b.map(lambda s, v, k, c: v * k + c, out, scale, bias, dtype=x.dtype)
    if scale is not None:
        return b.map(lambda s, v, k: v * k, out, scale, dtype=x.dtype)
    if bias is not None:
        return b.map(lambda s, v, c: v + c, out, bias, dtype=x.dtype)
    return out


class BatchNorm(
    Plain,
    name="batch_norm",
    signature=(
        "x: Tensor, mean: Tensor, variance: Tensor, scale: Tensor?, bias: Tensor?, "
        "is_test: bool = False, momentum: float = 0.9, epsilon: float = 1e-5, "
        "data_format: str = 'NCHW', use_global_stats: bool = False, "
        "trainable_statistics: bool = False "
        "-> out, mean_out, variance_out, saved_mean, saved_variance, reserve_space"
    ),
):
    """Normalisation of each channel, by given statistics or by those of the batch.

    With the batch's statistics ``mean_out`` and ``variance_out`` are the moving averages, which eager
    writes into the operands ``mean`` and ``variance``.
    """

    dtypes = FLOATS
    specials = False  # sums depend on their order
    # In inference eager leaves the last three results uninitialised.
    compared = (0, 1, 2)
    _vectors = {
        "mean": (3,),
        "variance": between((3,), 0.5, 2),
        "scale": (3,),
        "bias": (3,),
    }
    cases = [
        {"x": ("N", 3, 4, 5), **_vectors, "is_test": True},
        {"x": ("N", 3, "M", 5), **_vectors, "momentum": 0.8},
        {"x": (4, 3), **_vectors, "is_test": True, "data_format": "NCHW"},
        {"x": (2, 3, 4, 4), **_vectors, "is_test": True, "trainable_statistics": True},
        {"x": (4, 3), **_vectors, "data_format": "NCHW"},
        {"x": (2, 3, 4), **_vectors, "is_test": True, "data_format": "NCHW"},
        {"x": (2, 4, 4, 3), **_vectors, "is_test": True, "data_format": "NHWC"},
        {"x": (2, 4, 4, 3), **_vectors, "data_format": "NHWC"},
        {"x": (2, 3, 2, 2, 2), **_vectors, "is_test": True},
        {"x": (2, 3, 4, 4), **_vectors, "use_global_stats": True},
        {
            "x": (2, 3, 4, 4),
            "mean": (3,),
            "variance": between((3,), 0.5, 2),
            "scale": (3,),
            "bias": (3,),
            "is_test": True,
            "epsilon": 0.1,
        },
    ]

    def writes(attrs: dict[str, Any]) -> dict[str, int]:
        given = attrs["is_test"] and not attrs["trainable_statistics"]
        return {} if given or attrs["use_global_stats"] else {"mean": 1, "variance": 2}

    def infer(x: TensorType, mean: TensorType, variance: TensorType, data_format: str) -> Any:
        channels = x.shape[channel_axis(data_format, x.rank)]
        require_equal(mean.shape[0], channels, f"batch_norm of {x}: statistics of {mean}")
        return (x, mean, variance, mean, variance, x.with_shape((0,)))

    def numpy(
        x: np.ndarray, mean: np.ndarray, variance: np.ndarray, scale: Any, bias: Any, is_test: bool,
        momentum: float, epsilon: float, data_format: str, use_global_stats: bool,
        trainable_statistics: bool,
    ) -> Any:  # fmt: skip
        axis = channel_axis(data_format, x.ndim)
        mean_out, variance_out, used_mean, used_variance = mean, variance, mean, variance
        if not (is_test and not trainable_statistics) and not use_global_stats:
            axes = tuple(i for i in range(x.ndim) if i != axis)
            used_mean, used_variance = x.mean(axis=axes), x.var(axis=axes)
            mean_out = mean * momentum + used_mean * (1 - momentum)
            variance_out = variance * momentum + used_variance * (1 - momentum)
        shape = _along(mean, axis, x.ndim)
        inverse = 1 / np.sqrt(used_variance + epsilon)
        factor = inverse if scale is None else inverse * scale
        out = (x - used_mean.reshape(shape)) * factor.reshape(shape)
        out = out if bias is None else out + bias.reshape(shape)
        return out, mean_out, variance_out, used_mean, inverse, np.zeros((0,))

    def cpu(
        b: Any, x: Any, mean: Any, variance: Any, scale: Any, bias: Any, is_test: bool,
        momentum: float, epsilon: float, data_format: str, use_global_stats: bool,
        trainable_statistics: bool,
    ) -> Any:  # fmt: skip
        axis = channel_axis(data_format, len(x.shape))
        mean_out, variance_out, used_mean, used_variance = mean, variance, mean, variance
        if not (is_test and not trainable_statistics) and not use_global_stats:
            axes = [i for i in range(len(x.shape)) if i != axis]
            middle = b.mean(x, axes, True)
            squares = b.map(lambda s, v, m: (v - m) * (v - m), x, middle)
            used_mean = b.reshape(middle, mean.shape)
            used_variance = b.mean(squares, axes)
            moving = lambda s, old, new: old * momentum + new * (1 - momentum)  # noqa: E731
            mean_out = b.map(moving, mean, used_mean, dtype=mean.dtype)
            variance_out = b.map(moving, variance, used_variance, dtype=mean.dtype)
        inverse = b.map(lambda s, v: s.rsqrt(v + epsilon), used_variance)
        # One multiplication and one addition an element; both vectors are the prologue's.
        factor = inverse if scale is None else b.mul(inverse, scale)
        shift = b.map(lambda s, m, f: -(m * f), used_mean, factor)
        shift = shift if bias is None else b.add(shift, bias)
        shape = _along(mean, axis, len(x.shape))
        factor, shift = b.reshape(factor, shape), b.reshape(shift, shape)
        out = b.map(lambda s, v, f, c: v * f + c, x, factor, shift, dtype=x.dtype)
        none = b.full((0,), 0, x.dtype)
        return out, mean_out, variance_out, used_mean, inverse, none


class LayerNorm(
    Plain,
    name="layer_norm",
    signature=(
        "x: Tensor, scale: Tensor?, bias: Tensor?, epsilon: float = 1e-5, "
        "begin_norm_axis: int = 1 -> out"
    ),
):
    """Normalisation over the axes from ``begin_norm_axis`` on; scale and bias are flat vectors."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    cases = [
        {"x": ("N", 4), "scale": (4,), "bias": (4,)},
        {"x": (2, "M", 6), "scale": (6,), "bias": (6,), "begin_norm_axis": 2},
        {"x": (2, 3, 4), "scale": (12,), "bias": (12,), "begin_norm_axis": 1, "epsilon": 0.001},
        {"x": (2, 3, 4), "scale": (4,), "begin_norm_axis": 2},
        {"x": (2, 3, 4), "bias": (4,), "begin_norm_axis": 2},
        {"x": (2, 67), "begin_norm_axis": 1},
    ]

    def infer(x: TensorType, scale: Any, bias: Any, begin_norm_axis: int) -> TensorType:
        size = product(x.shape[begin_norm_axis:])
        for vector in (scale, bias):
            if vector is not None:
                require_equal(product(vector.shape), size, f"layer_norm of {x} with {vector}")
        return x

    def numpy(x: np.ndarray, scale: Any, bias: Any, epsilon: float, begin_norm_axis: int) -> Any:
        inner = x.shape[begin_norm_axis:]
        scale = scale if scale is None else scale.reshape(inner)
        bias = bias if bias is None else bias.reshape(inner)
        return normalized(x, range(begin_norm_axis, x.ndim), epsilon, scale, bias)

    def cpu(b: Any, x: Any, scale: Any, bias: Any, epsilon: float, begin_norm_axis: int) -> Any:
        size = math.prod(x.shape[begin_norm_axis:])
        # One axis to reduce: outer axes stay, inner ones are flattened (they are one already mostly).
        flat = b.reshape(x, (*x.shape[:begin_norm_axis], size))
        scale = scale if scale is None else b.reshape(scale, (size,))
        bias = bias if bias is None else b.reshape(bias, (size,))
        return b.reshape(normalized_node(b, flat, [-1], epsilon, scale, bias), x.shape)


class RmsNorm(
    Plain,
    name="rms_norm",
    signature=(
        "x: Tensor, scale: Tensor?, normalized_shape: ints = (), epsilon: float = 1e-5 "
        "-> out, invvar"
    ),
):
    """x / sqrt(mean(x * x) + epsilon) over the last axes, times scale."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    not_compared = "Paddle 3.3.1 has this kernel on devices other than the CPU only"
    cases = [{"x": ("N", 4), "scale": (4,), "normalized_shape": [4]}]

    def infer(x: TensorType, scale: Any, normalized_shape: Any) -> Any:
        return x, x.with_shape(x.shape[: x.rank - len(normalized_shape)])

    def numpy(x: np.ndarray, scale: Any, normalized_shape: Any, epsilon: float) -> Any:
        axes = tuple(range(x.ndim - len(normalized_shape), x.ndim))
        inverse = 1 / np.sqrt((x * x).mean(axis=axes, keepdims=True) + epsilon)
        out = x * inverse
        return (out if scale is None else out * scale), inverse.reshape(x.shape[: axes[0]])

    def cpu(b: Any, x: Any, scale: Any, normalized_shape: Any, epsilon: float) -> Any:
        first = len(x.shape) - len(normalized_shape)
        axes = list(range(first, len(x.shape)))
        inverse = b.map(
            lambda s, v: s.rsqrt(v + epsilon), b.mean(b.elementwise("square", x), axes, True)
        )
        out = scaled_node(b, b.mul(x, inverse), scale, None, x)
        return out, b.reshape(inverse, x.shape[:first])


class GroupNorm(
    Plain,
    name="group_norm",
    signature=(
        "x: Tensor, scale: Tensor?, bias: Tensor?, epsilon: float = 1e-5, groups: int = -1, "
        "data_format: str = 'NCHW' -> out"
    ),
):
    """Normalisation over groups of channels and all positions."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    cases = [
        {"x": ("N", 4, 3, 3), "scale": (4,), "bias": (4,), "groups": 2},
        {"x": (2, 4, "M", 3), "scale": (4,), "bias": (4,), "groups": 1},
        {"x": (2, 4, 3), "groups": 4},
        {"x": (2, 3, 3, 4), "scale": (4,), "bias": (4,), "groups": 2, "data_format": "NHWC"},
    ]

    def infer(x: TensorType, groups: int, data_format: str) -> TensorType:
        channels = x.shape[channel_axis(data_format, x.rank)]
        require(
            not isinstance(channels, int) or channels % groups == 0,
            f"{channels} channels in {groups} groups",
        )
        return x

    def numpy(
        x: np.ndarray, scale: Any, bias: Any, epsilon: float, groups: int, data_format: str
    ) -> Any:
        axis = channel_axis(data_format, x.ndim)
        split, axes = _grouped(x.shape, axis, groups)
        out = normalized(x.reshape(split), axes, epsilon).reshape(x.shape)
        out = out if scale is None else out * scale.reshape(_along(scale, axis, x.ndim))
        return out if bias is None else out + bias.reshape(_along(bias, axis, x.ndim))

    def cpu(
        b: Any, x: Any, scale: Any, bias: Any, epsilon: float, groups: int, data_format: str
    ) -> Any:
        axis = channel_axis(data_format, len(x.shape))
        split, axes = _grouped(x.shape, axis, groups)
        # Scale and bias in the grouped shape too: a reshape in the middle would end the kernel.
        inner = [1] * len(split)
        inner[axis], inner[axis + 1] = split[axis], split[axis + 1]
        scale = scale if scale is None else b.reshape(scale, inner)
        bias = bias if bias is None else b.reshape(bias, inner)
        out = normalized_node(b, b.reshape(x, split), axes, epsilon, scale, bias)
        return b.reshape(out, x.shape)


def _grouped(shape: Any, axis: int, groups: int) -> tuple[tuple[Any, ...], list[int]]:
    """The shape with the channels split into (groups, rest), and the axes of one group."""
    split = (*shape[:axis], groups, floordiv(shape[axis], groups), *shape[axis + 1 :])
    return split, [i for i in range(1, len(split)) if i != axis]


class InstanceNorm(
    Plain,
    name="instance_norm",
    signature="x: Tensor, scale: Tensor?, bias: Tensor?, epsilon: float = 1e-5 -> out",
):
    """Normalisation over the positions of each channel of each sample."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    cases = [
        {"x": ("N", 3, 4, 4), "scale": (3,), "bias": (3,)},
        {"x": (2, 3, "M"), "scale": (3,), "bias": (3,), "epsilon": 0.1},
        {"x": (2, 3, 2, 2, 2)},
    ]
    infer = lambda x: x  # noqa: E731

    def numpy(x: np.ndarray, scale: Any, bias: Any, epsilon: float) -> Any:
        scale = scale if scale is None else scale.reshape(_along(scale, 1, x.ndim))
        bias = bias if bias is None else bias.reshape(_along(bias, 1, x.ndim))
        return normalized(x, range(2, x.ndim), epsilon, scale, bias)

    def cpu(b: Any, x: Any, scale: Any, bias: Any, epsilon: float) -> Any:
        rank = len(x.shape)
        scale = scale if scale is None else b.reshape(scale, _along(scale, 1, rank))
        bias = bias if bias is None else b.reshape(bias, _along(bias, 1, rank))
        return normalized_node(b, x, list(range(2, rank)), epsilon, scale, bias)


class Norm(
    Plain,
    name="norm",
    signature="x: Tensor, axis: int, epsilon: float, is_test: bool = False -> out, norm",
):
    """x / sqrt(sum(x * x) + epsilon) along ``axis``, and that root."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    compared = (0,)
    cases = [
        {"x": ("N", 4), "axis": 1, "epsilon": 1e-10},
        {"x": (2, 3, 4), "axis": -2, "epsilon": 0.1},
    ]

    def infer(x: TensorType, axis: int) -> Any:
        at = axis % x.rank
        return x, x.with_shape(tuple(1 if i == at else d for i, d in enumerate(x.shape)))

    def numpy(x: np.ndarray, axis: int, epsilon: float) -> Any:
        root = np.sqrt((x * x).sum(axis=axis, keepdims=True) + epsilon)
        return x / root, root

    def cpu(b: Any, x: Any, axis: int, epsilon: float) -> Any:
        total = b.reduce("sum", b.elementwise("square", x), [axis], True)
        root = b.map(lambda s, v: s.sqrt(v + epsilon), total)
        return b.div(x, root), root


class AffineChannel(
    Plain,
    name="affine_channel",
    signature="x: Tensor, scale: Tensor, bias: Tensor, data_layout: str = 'AnyLayout' -> out",
):
    """x * scale + bias by channel."""

    dtypes = FLOATS
    cases = [
        {"x": ("N", 3, 2, 2), "scale": (3,), "bias": (3,), "data_layout": "NCHW"},
        {"x": (2, 2, 2, 3), "scale": (3,), "bias": (3,), "data_layout": "NHWC"},
    ]
    infer = lambda x: x  # noqa: E731

    def numpy(x: np.ndarray, scale: np.ndarray, bias: np.ndarray, data_layout: str) -> Any:
        shape = _along(scale, channel_axis(data_layout, x.ndim), x.ndim)
        return x * scale.reshape(shape) + bias.reshape(shape)

    def cpu(b: Any, x: Any, scale: Any, bias: Any, data_layout: str) -> Any:
        shape = _along(scale, channel_axis(data_layout, len(x.shape)), len(x.shape))
        return scaled_node(b, x, b.reshape(scale, shape), b.reshape(bias, shape), x)

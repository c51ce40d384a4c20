"""Convolutions and their transposes, in two and three dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.errors import ShapeError
from dy2st.ir.dims import Dim, Shape, require_equal
from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.rules import require
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

FLOATS = ("float32", "float64")


class Geometry:
    """Sizes, pads, strides and dilations of one convolution, channels first."""

    def __init__(self, x: Shape, w: Shape, attrs: dict[str, Any], transposed: bool = False) -> None:
        count = len(w) - 2
        require(len(x) == count + 2, f"an input of shape {x} for a filter of shape {w}")
        last = spatial_first(attrs["data_format"])
        self.batch = x[0]
        self.channels = x[-1] if last else x[1]
        self.sizes = tuple(x[1:-1] if last else x[2:])
        self.last = last
        self.groups = attrs["groups"]
        self.kernel = tuple(w[2:])
        self.strides = repeated(attrs["strides"], count, "strides")
        dilations = repeated(attrs["dilations"], count, "dilations")
        self.pads, self.dilations = resolve_pads(
            attrs["padding_algorithm"],
            attrs["paddings"],
            self.sizes,
            self.kernel,
            self.strides,
            dilations,
        )
        need = w[0] if transposed else w[1] * self.groups
        require_equal(self.channels, need, f"channels of {x} for a filter of {w}")
        self.features = w[1] * self.groups if transposed else w[0]

    @property
    def spans(self) -> tuple[Dim, ...]:
        """The kernel with its dilation."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations))

    def counts(self) -> tuple[Dim, ...]:
        """The spatial sizes of a convolution's result."""
        return tuple(
            checked_count(window_count(n, k, p, s, False), "convolution")
            for n, k, p, s in zip(self.sizes, self.spans, self.pads, self.strides)
        )

    def spread(self, extra: Any, wanted: Any) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
        """The spatial sizes of a transposed convolution's result, and its output padding."""
        least = tuple(
            (n - 1) * s - p[0] - p[1] + k
            for n, k, p, s in zip(self.sizes, self.spans, self.pads, self.strides)
        )
        if wanted:
            wanted = repeated(wanted, len(least), "output_size")
            return tuple(wanted), tuple(w - n for w, n in zip(wanted, least))
        extra = repeated(extra or (0,), len(least), "output_padding")
        return tuple(n + e for n, e in zip(least, extra)), extra

    def shape(self, counts: tuple[Dim, ...]) -> Shape:
        """The result's shape in the data format."""
        if self.last:
            return (self.batch, *counts, self.features)
        return (self.batch, self.features, *counts)


def _convolve(x: np.ndarray, w: np.ndarray, g: Geometry, counts: Any) -> np.ndarray:
    """``x[N, C, …]`` padded, ``w[O, C/groups, …]``; ``[N, O, …]``."""
    dims = len(g.kernel)
    view = windows(x, g.kernel, g.strides, g.dilations, counts)  # type: ignore[arg-type]
    n, c = x.shape[:2]
    view = view.reshape(n, g.groups, c // g.groups, *view.shape[2:])
    grouped = w.reshape(g.groups, -1, *w.shape[1:])
    letters = "xyz"[:dims]
    taps = "abc"[:dims]
    out = np.einsum(f"ngi{letters}{taps},goi{taps}->ngo{letters}", view, grouped, optimize=True)
    return np.ascontiguousarray(out).reshape(n, -1, *counts)


def _conv_infer(input: TensorType, filter: TensorType, attrs: dict[str, Any]) -> TensorType:
    g = Geometry(input.shape, filter.shape, attrs)
    return input.with_shape(g.shape(g.counts()))


def _conv_numpy(input: np.ndarray, filter: np.ndarray, attrs: dict[str, Any]) -> Any:
    g = Geometry(input.shape, filter.shape, attrs)
    x = input.transpose(to_channels_first(input.ndim)) if g.last else input
    x = np.ascontiguousarray(pad_spatial(x, g.pads))
    out = _convolve(x, filter, g, g.counts())
    return out.transpose(to_channels_last(out.ndim)) if g.last else out


def _conv_cpu(b: Any, input: Any, filter: Any, attrs: dict[str, Any]) -> Any:
    if 0 in input.shape or 0 in filter.shape:
        return b.reference()
    g = Geometry(input.shape, filter.shape, attrs)
    rank = len(input.shape)
    x = b.permute(input, to_channels_first(rank)) if g.last else input
    out = b.conv(x, filter, stride=g.strides, padding=g.pads, dilation=g.dilations, groups=g.groups)
    return b.permute(out, to_channels_last(rank)) if g.last else out


def _rules(names: str, functions: dict[str, Any], lead: int) -> dict[str, Any]:
    """Give functions over (operands…, attrs) the parameters that call_rule passes by name."""
    import inspect

    out = {}
    for key, function in functions.items():
        operands = names.split()[:lead]
        attributes = names.split()[lead:]

        def rule(
            *b: Any, _f: Any = function, _o: Any = operands, _a: Any = attributes, **v: Any
        ) -> Any:
            return _f(*b, *(v[o] for o in _o), {a: v[a] for a in _a})

        kind = inspect.Parameter.KEYWORD_ONLY
        parameters = [inspect.Parameter(n, kind) for n in (*operands, *attributes)]
        if key == "cpu":
            parameters.insert(0, inspect.Parameter("b", inspect.Parameter.POSITIONAL_ONLY))
        rule.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        out[key] = rule
    return out


_CONV = _rules(
    "input filter strides paddings padding_algorithm dilations groups data_format",
    {"infer": _conv_infer, "numpy": _conv_numpy, "cpu": _conv_cpu},
    2,
)


class _Conv(Plain):
    dtypes = FLOATS
    specials = False  # sums depend on their order
    infer = _CONV["infer"]
    numpy = _CONV["numpy"]
    cpu = _CONV["cpu"]


class Conv2d(
    _Conv,
    name="conv2d",
    signature=(
        "input: Tensor, filter: Tensor, strides: ints = (1, 1), paddings: ints = (0, 0), "
        "padding_algorithm: str = 'EXPLICIT', dilations: ints = (1, 1), groups: int = 1, "
        "data_format: str = 'NCHW' -> out"
    ),
):
    """Two-dimensional convolution (cross-correlation), in groups."""

    cases = [
        {"input": (2, 3, 5, 6), "filter": (4, 3, 3, 3)},
        {"input": ("N", 3, 7, 7), "filter": (4, 3, 3, 3), "strides": [2, 2], "paddings": [1, 1]},
        {"input": ("N", 2, "M", 6), "filter": (4, 2, 1, 1)},
        {"input": (1, 4, 6, 6), "filter": (4, 2, 3, 3), "groups": 2, "dilations": [2, 1]},
        {"input": (1, 2, 6, 6), "filter": (3, 2, 3, 3), "paddings": [0, 1, 2, 0]},
        {
            "input": (1, 2, "N", "M"),
            "filter": (3, 2, 3, 2),
            "padding_algorithm": "SAME",
            "strides": [2, 2],
        },
        {
            "input": (1, 2, 6, 6),
            "filter": (3, 2, 2, 3),
            "padding_algorithm": "SAME",
            "strides": [2, 2],
        },
        {"input": (1, 2, 6, 6), "filter": (3, 2, 3, 3), "padding_algorithm": "VALID"},
        {"input": (2, 5, 5, 3), "filter": (4, 3, 3, 3), "data_format": "NHWC"},
    ]


class DepthwiseConv2d(
    _Conv,
    name="depthwise_conv2d",
    signature=(
        "input: Tensor, filter: Tensor, strides: ints = (1, 1), paddings: ints = (0, 0), "
        "padding_algorithm: str = 'EXPLICIT', groups: int = 1, dilations: ints = (1, 1), "
        "data_format: str = 'NCHW' -> out"
    ),
):
    """Two-dimensional convolution with as many groups as channels."""

    cases = [
        {"input": ("N", 4, 6, 6), "filter": (4, 1, 3, 3), "groups": 4, "paddings": [1, 1]},
        {"input": (1, 2, 6, 6), "filter": (4, 1, 3, 3), "groups": 2, "strides": [2, 2]},
    ]


class Conv3d(
    _Conv,
    name="conv3d",
    signature=(
        "input: Tensor, filter: Tensor, strides: ints = (1, 1, 1), paddings: ints = (0, 0, 0), "
        "padding_algorithm: str = 'EXPLICIT', groups: int = 1, dilations: ints = (1, 1, 1), "
        "data_format: str = 'NCDHW' -> out"
    ),
):
    """Three-dimensional convolution, in groups."""

    cases = [
        {"input": ("N", 2, 4, 5, 5), "filter": (3, 2, 3, 3, 3), "paddings": [1, 1, 1]},
        {"input": (1, 2, 4, 5, 5), "filter": (4, 1, 2, 2, 2), "groups": 2, "strides": [1, 2, 2]},
        {"input": (1, 4, 5, 5, 2), "filter": (3, 2, 2, 2, 2), "data_format": "NDHWC"},
    ]


def _transpose_infer(x: TensorType, filter: TensorType, attrs: dict[str, Any]) -> TensorType:
    g = Geometry(x.shape, filter.shape, attrs, transposed=True)
    return x.with_shape(g.shape(g.spread(attrs["output_padding"], attrs["output_size"])[0]))


def _transpose_numpy(x: np.ndarray, filter: np.ndarray, attrs: dict[str, Any]) -> Any:
    g = Geometry(x.shape, filter.shape, attrs, transposed=True)
    counts, extra = g.spread(attrs["output_padding"], attrs["output_size"])
    x = x.transpose(to_channels_first(x.ndim)) if g.last else x
    # Zeros between the elements, then a convolution with the kernel turned round.
    spread = np.zeros(
        (*x.shape[:2], *((n - 1) * s + 1 for n, s in zip(g.sizes, g.strides))),  # type: ignore[operator,misc]
        x.dtype,
    )
    spread[(slice(None), slice(None), *(slice(None, None, s) for s in g.strides))] = x
    pads = [
        (k - 1 - p[0], k - 1 - p[1] + e)  # type: ignore[operator]
        for k, p, e in zip(g.spans, g.pads, extra)
    ]
    turned = filter[(slice(None), slice(None), *(slice(None, None, -1),) * len(g.kernel))]
    groups = turned.reshape(g.groups, -1, *turned.shape[1:])
    swapped = np.swapaxes(groups, 1, 2).reshape(-1, groups.shape[1], *turned.shape[2:])
    g.strides = (1,) * len(g.kernel)
    padded = np.ascontiguousarray(pad_spatial(spread, pads))  # type: ignore[arg-type]
    out = _convolve(padded, np.ascontiguousarray(swapped), g, counts)
    return out.transpose(to_channels_last(out.ndim)) if g.last else out


def _transpose_cpu(b: Any, x: Any, filter: Any, attrs: dict[str, Any]) -> Any:
    if 0 in x.shape:
        return b.reference()
    g = Geometry(x.shape, filter.shape, attrs, transposed=True)
    _, extra = g.spread(attrs["output_padding"], attrs["output_size"])
    if any(e < 0 for e in extra):  # type: ignore[operator]
        raise ShapeError(f"output_size {attrs['output_size']} is below the least size")
    rank = len(x.shape)
    node = b.permute(x, to_channels_first(rank)) if g.last else x
    out = b.conv_transpose(
        node,
        filter,
        stride=g.strides,
        padding=g.pads,
        dilation=g.dilations,
        groups=g.groups,
        output_padding=extra,
    )
    return b.permute(out, to_channels_last(rank)) if g.last else out


_TRANSPOSED = _rules(
    "x filter strides paddings output_padding output_size padding_algorithm groups dilations "
    "data_format",
    {"infer": _transpose_infer, "numpy": _transpose_numpy, "cpu": _transpose_cpu},
    2,
)


class _ConvTranspose(Plain):
    dtypes = FLOATS
    specials = False  # sums depend on their order
    infer = _TRANSPOSED["infer"]
    numpy = _TRANSPOSED["numpy"]
    cpu = _TRANSPOSED["cpu"]


_TRANSPOSE_SIGNATURE = (
    "x: Tensor, filter: Tensor, strides: ints = (1, 1), paddings: ints = (0, 0), "
    "output_padding: ints = (), output_size: ints = (), padding_algorithm: str = 'EXPLICIT', "
    "groups: int = 1, dilations: ints = (1, 1), data_format: str = 'NCHW' -> out"
)


class Conv2dTranspose(_ConvTranspose, name="conv2d_transpose", signature=_TRANSPOSE_SIGNATURE):
    """The transpose of a two-dimensional convolution."""

    cases = [
        {"x": ("N", 3, 4, 5), "filter": (3, 2, 3, 3)},
        {"x": (1, 3, 4, 5), "filter": (3, 2, 2, 2), "strides": [2, 2]},
        {
            "x": (1, 4, 4, 4),
            "filter": (4, 3, 3, 3),
            "groups": 2,
            "paddings": [1, 1],
            "strides": [2, 2],
        },
        {"x": (1, 2, 4, 4), "filter": (2, 3, 3, 3), "strides": [2, 2], "output_padding": [1, 1]},
        {"x": (1, 2, 4, 4), "filter": (2, 3, 3, 3), "strides": [2, 2], "output_size": [10, 9]},
        {"x": (1, 2, 4, 4), "filter": (2, 3, 3, 3), "dilations": [2, 1], "paddings": [1, 0]},
        {"x": (1, 4, 4, 2), "filter": (2, 3, 3, 3), "data_format": "NHWC"},
    ]


class DepthwiseConv2dTranspose(
    _ConvTranspose, name="depthwise_conv2d_transpose", signature=_TRANSPOSE_SIGNATURE
):
    """The transpose of a two-dimensional convolution with as many groups as channels."""

    cases = [{"x": ("N", 3, 4, 5), "filter": (3, 1, 3, 3), "groups": 3, "strides": [2, 2]}]


class Conv3dTranspose(
    _ConvTranspose,
    name="conv3d_transpose",
    signature=_TRANSPOSE_SIGNATURE.replace("(1, 1)", "(1, 1, 1)").replace("(0, 0)", "(0, 0, 0)"),
):
    """The transpose of a three-dimensional convolution."""

    cases = [{"x": (1, 2, 3, 3, 3), "filter": (2, 3, 2, 2, 2), "strides": [2, 2, 2]}]

"""Resizing by interpolation: axis by axis, each a weighted sum of a few gathered elements."""

from __future__ import annotations

import inspect
from fractions import Fraction
from typing import Any

import numpy as np

from dy2st.ir.dims import Dim, floordiv
from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import values
from dy2st.ops.windows import spatial_first

Taps = list[tuple[np.ndarray, np.ndarray]]


def _ratio(size: int, count: int, scale: float, align_corners: bool) -> Any:
    if align_corners:
        return np.float32((size - 1) / (count - 1)) if count > 1 else np.float32(0)
    return np.float32(1 / scale) if scale > 0 else np.float32(size) / np.float32(count)


def _cubic(t: np.ndarray) -> list[np.ndarray]:
    """The weights of the four neighbours (Keys 1981, a = -0.75)."""
    a = -0.75
    near = lambda d: ((a + 2) * d - (a + 3)) * d * d + 1  # noqa: E731
    far = lambda d: ((a * d - 5 * a) * d + 8 * a) * d - 4 * a  # noqa: E731
    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def taps(
    kind: str, size: int, count: int, scale: float, align_corners: bool, align_mode: int
) -> Taps:
    """Indices and weights along one axis, one pair of vectors a neighbour."""
    ratio = _ratio(size, count, scale, align_corners)
    at = np.arange(count, dtype=np.float32)
    last = size - 1
    if kind == "nearest":
        index = (ratio * at + np.float32(0.5 if align_corners else 0)).astype(np.int64)
        return [(np.minimum(index, last), np.ones(count, np.float32))]
    half = not align_corners and (align_mode == 0 or kind == "bicubic")
    if kind == "bicubic":  # phi's half is a double here
        wide = np.float64(ratio) * (at + 0.5) - 0.5 if half else (ratio * at).astype(np.float64)
        low = np.floor(wide).astype(np.int64)
        weights = _cubic(wide - low)
        return [(np.clip(low + k - 1, 0, last), w) for k, w in enumerate(weights)]
    if half:  # in double, then rounded
        source = (np.float64(ratio) * (at + 0.5) - 0.5).astype(np.float32)
    else:
        source = ratio * at
    source = np.maximum(source, 0)
    low = np.minimum(source.astype(np.int64), last)
    share = (source - low).astype(np.float32)
    return [(low, 1 - share), (np.minimum(low + 1, last), share)]


class Resize:
    """Axes, sizes and scales of one call. ``given`` are sizes that came in as tensors."""

    def __init__(self, shape: Any, attrs: dict[str, Any], given: tuple[Any, ...] = ()) -> None:
        rank = len(shape)
        first = 1 if spatial_first(attrs["data_format"]) else 2
        self.axes = range(first, first + rank - 2)
        self.sizes = [shape[a] for a in self.axes]
        count = rank - 2
        self.scales = list(attrs["scale"] or ())
        self.scales = self.scales * count if len(self.scales) == 1 else self.scales
        wanted = [attrs["out_d"], attrs["out_h"], attrs["out_w"]][3 - count :]
        self.counts: list[Dim]
        if given:
            self.counts, self.scales = list(given), [0.0] * count
        elif self.scales:
            self.counts = [_scaled(n, s) for n, s in zip(self.sizes, self.scales)]
        else:
            self.counts, self.scales = list(wanted), [0.0] * count

    def shape(self, shape: Any) -> tuple[Dim, ...]:
        """The result's shape."""
        out = list(shape)
        for axis, count in zip(self.axes, self.counts):
            out[axis] = count
        return tuple(out)

    def taps(self, attrs: dict[str, Any]) -> list[tuple[int, Taps]]:
        """For each axis that changes its taps."""
        kind = _KINDS.get(attrs["interp_method"], attrs["interp_method"])
        out = []
        for axis, size, count, scale in zip(self.axes, self.sizes, self.counts, self.scales):
            if size != count or (scale and scale != 1):
                mode = attrs["align_corners"], attrs["align_mode"]
                out.append((axis, taps(kind, int(size), int(count), scale, *mode)))  # type: ignore[arg-type]
        return out


_KINDS = {"bilinear": "linear", "trilinear": "linear"}


def _scaled(size: Dim, scale: float) -> Dim:
    if isinstance(size, int):
        return int(size * scale)
    share = Fraction(scale).limit_denominator(1 << 16)
    return floordiv(size * share.numerator, share.denominator)


def _interp_infer(fresh: Any, x: TensorType, attrs: dict[str, Any]) -> TensorType:
    dynamic = attrs["out_size"] is not None or attrs["size_tensor"] or attrs["scale_tensor"]
    given = tuple(fresh() for _ in range(x.rank - 2)) if dynamic else ()
    return x.with_shape(Resize(x.shape, attrs, given).shape(x.shape))


def _given(x: np.ndarray, attrs: dict[str, Any]) -> tuple[int, ...]:
    if attrs["size_tensor"]:
        return tuple(int(t.reshape(())) for t in attrs["size_tensor"])
    if attrs["out_size"] is not None:
        return tuple(int(n) for n in attrs["out_size"])
    if attrs["scale_tensor"] is not None:
        scales = np.broadcast_to(attrs["scale_tensor"].reshape(-1), (x.ndim - 2,))
        first = 1 if spatial_first(attrs["data_format"]) else 2
        return tuple(int(n * float(s)) for n, s in zip(x.shape[first:], scales))
    return ()


def _interp_numpy(x: np.ndarray, attrs: dict[str, Any]) -> Any:
    out = x
    for axis, pairs in Resize(x.shape, attrs, _given(x, attrs)).taps(attrs):
        shape = [1] * x.ndim
        shape[axis] = -1
        wide = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
        if len(pairs) == 1:
            out = np.take(out, pairs[0][0], axis)
            continue
        out = sum(np.take(out, i, axis) * w.astype(wide).reshape(shape) for i, w in pairs)  # type: ignore[assignment]
    return out


def _interp_cpu(b: Any, x: Any, attrs: dict[str, Any]) -> Any:
    dynamic = attrs["out_size"] is not None or attrs["size_tensor"] or attrs["scale_tensor"]
    if dynamic or "float" not in x.dtype:
        return b.reference()
    out = x
    for axis, pairs in Resize(x.shape, attrs).taps(attrs):
        shape = [1] * len(x.shape)
        shape[axis] = len(pairs[0][0])
        parts = [b.gather(out, b.constant(i), axis, mode="unchecked") for i, _ in pairs]
        if len(parts) == 1:
            out = parts[0]
            continue
        wide = "float32" if "16" in x.dtype else x.dtype
        weights = [b.constant(w.astype(wide).reshape(shape)) for _, w in pairs]
        out = b.map(_weighted, *parts, *weights, dtype=x.dtype)
    return out


def _weighted(s: Any, *terms: Any) -> Any:
    half = len(terms) // 2
    total = terms[0] * terms[half]
    for part, weight in zip(terms[1:half], terms[half + 1 :]):
        total = total + part * weight
    return total


_NAMES = [
    "out_size",
    "size_tensor",
    "scale_tensor",
    "data_format",
    "out_d",
    "out_h",
    "out_w",
    "scale",
    "interp_method",
    "align_corners",
    "align_mode",
]


def _rule(function: Any, lead: str = "") -> Any:
    """``function(x, attrs)`` with the parameters that call_rule passes by name."""

    def rule(*first: Any, x: Any, **attrs: Any) -> Any:
        return function(*first, x, attrs)

    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(n, kind) for n in ("x", *_NAMES)]
    if lead:
        parameters.insert(0, inspect.Parameter(lead, inspect.Parameter.POSITIONAL_ONLY))
    rule.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return rule


def _signature(method: str) -> str:
    return (
        "x: Tensor, out_size: Tensor? = None, size_tensor: Tensor[] = None, "
        f"scale_tensor: Tensor? = None, data_format: str = 'NCHW', out_d: int = 0, "
        f"out_h: int = 0, out_w: int = 0, scale: floats = (), interp_method: str = '{method}', "
        "align_corners: bool = True, align_mode: int = 1 -> out"
    )


_MODES: list[dict[str, Any]] = [
    {"align_corners": True, "align_mode": 1},
    {"align_corners": False, "align_mode": 1},
    {"align_corners": False, "align_mode": 0},
]
_PLANE: list[dict[str, Any]] = [
    *({"x": ("N", 2, 4, 5), "out_h": 7, "out_w": 9, **m} for m in _MODES),
    *({"x": (1, 2, 5, 6), "out_h": 3, "out_w": 2, **m} for m in _MODES),
    {"x": ("N", 2, 3, 4), "scale": [2.0, 2.0], "align_corners": False, "align_mode": 0},
    {"x": (1, 2, 5, 4), "scale": [1.5, 0.7], "align_corners": False, "align_mode": 1},
    {"x": (1, 3, 4, 2), "data_format": "NHWC", "out_h": 6, "out_w": 5, "align_corners": False},
    {"x": (1, 2, 3, 4), "out_size": values([5, 6], "int32"), "align_corners": False},
    {"x": (1, 2, 4, 4), "out_h": 1, "out_w": 4, "align_corners": True},
]


class _Interpolation(Plain):
    infer = _rule(_interp_infer, "fresh")
    numpy = _rule(_interp_numpy)
    cpu = _rule(_interp_cpu, "b")
    dtypes = ("float32", "float64")
    specials = False  # sums depend on their order


class BilinearInterp(_Interpolation, name="bilinear_interp", signature=_signature("bilinear")):
    """A plane resized, linearly along both axes."""

    cases = _PLANE


class NearestInterp(_Interpolation, name="nearest_interp", signature=_signature("nearest")):
    """A plane (or volume) resized by the nearest elements."""

    cases = [
        *({**c, "interp_method": "nearest"} for c in _PLANE),
        {
            "x": (1, 1, 2, 3, 2),
            "out_d": 4,
            "out_h": 5,
            "out_w": 4,
            "align_corners": False,
        },
    ]


class BicubicInterp(_Interpolation, name="bicubic_interp", signature=_signature("bicubic")):
    """A plane resized by cubic convolution."""

    cases = [{**c, "interp_method": "bicubic"} for c in _PLANE]
    tolerance = (1e-4, 1e-4)  # sixteen products, added in another order


class LinearInterp(_Interpolation, name="linear_interp", signature=_signature("linear")):
    """A line resized linearly."""

    cases = [{"x": ("N", 2, 5), "out_w": 8, **m} for m in _MODES]


class TrilinearInterp(_Interpolation, name="trilinear_interp", signature=_signature("trilinear")):
    """A volume resized linearly along all axes."""

    cases = [{"x": (1, 2, 3, 3, 4), "out_d": 4, "out_h": 5, "out_w": 3, **m} for m in _MODES]

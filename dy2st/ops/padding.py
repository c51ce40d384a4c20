"""Padding by constants and by elements of the tensor itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.rules import require
from dy2st.ops.scalar_math import number_for
from dy2st.ops.windows import spatial_first


def _widths(rank: int, paddings: Any, data_format: str) -> list[tuple[Any, Any]]:
    """(low, high) for every axis from phi's order: the last spatial axis first."""
    require(len(paddings) == 2 * (rank - 2), f"paddings {tuple(paddings)} for rank {rank}")
    pairs = list(zip(paddings[::2], paddings[1::2]))[::-1]
    if spatial_first(data_format):
        return [(0, 0), *pairs, (0, 0)]
    return [(0, 0), (0, 0), *pairs]


_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


_SPARE = {"reflect": 1, "circular": 0}


def _require_source(size: Any, pair: tuple[Any, Any], mode: str) -> None:
    for width in pair:
        if isinstance(size, int) and isinstance(width, int):
            require(width <= size - _SPARE[mode], f"{mode} padding of {width} for a size of {size}")


def pad_array(x: np.ndarray, widths: Any, mode: str, value: Any) -> np.ndarray:
    """numpy's pad; negative widths crop."""
    crop = tuple(
        slice(max(-low, 0), size - max(-high, 0)) for (low, high), size in zip(widths, x.shape)
    )
    grow = [(max(low, 0), max(high, 0)) for low, high in widths]
    if mode == "constant":
        return np.pad(x[crop], grow, constant_values=np.asarray(value).astype(x.dtype))
    return np.asarray(np.pad(x[crop], grow, mode=_MODES[mode]))  # type: ignore[call-overload]


def pad_node(b: Any, x: Any, widths: Any, mode: str, value: Any) -> Any:
    """The same as a kernel graph's node."""
    if mode == "constant":
        low, high = zip(*widths)
        return b.pad(x, low, high, number_for(x.dtype, value))
    if any(low < 0 or high < 0 for low, high in widths):
        return b.reference()
    for axis, (low, high) in enumerate(widths):
        if low or high:
            index = np.pad(np.arange(x.shape[axis]), (low, high), mode=_MODES[mode])  # type: ignore[call-overload]
            x = b.gather(x, b.constant(index), axis, mode="unchecked")
    return x


class Pad3d(
    Plain,
    name="pad3d",
    signature=(
        "x: Tensor, paddings: ints, mode: str = 'constant', pad_value: float = 0.0, "
        "data_format: str = 'NCDHW' -> out"
    ),
):
    """The spatial axes of a batch of volumes padded: constant, reflect, replicate or circular."""

    cases = [
        {"x": ("N", 2, 3, 4, 5), "paddings": [1, 2, 0, 1, 1, 0], "mode": m, "pad_value": 1.5}
        for m in ("constant", "reflect", "replicate", "circular")
    ] + [
        {"x": (1, 3, 4, 5, 2), "paddings": [1, 0, 2, 1, 0, 1], "data_format": "NDHWC"},
        {"x": (1, 2, 1, "N", 4), "paddings": [1, 1, 2, 0, 0, 0]},
        {"x": (1, 1, 2, 3, 4), "paddings": [-1, 1, 0, 0, 0, 0]},
    ]
    dtypes = ("float32", "float64", "int32", "int64")

    def infer(x: TensorType, paddings: Any, mode: str, data_format: str) -> TensorType:
        widths = _widths(x.rank, paddings, data_format)
        if mode in _SPARE:  # what is mirrored or wound round must be there
            for size, pair in zip(x.shape, widths):
                _require_source(size, pair, mode)
        return x.with_shape(tuple(d + a + c for d, (a, c) in zip(x.shape, widths)))

    def numpy(x: np.ndarray, paddings: Any, mode: str, pad_value: float, data_format: str) -> Any:
        return pad_array(x, _widths(x.ndim, paddings, data_format), mode, pad_value)

    def cpu(b: Any, x: Any, paddings: Any, mode: str, pad_value: float, data_format: str) -> Any:
        return pad_node(b, x, _widths(len(x.shape), paddings, data_format), mode, pad_value)


class Pad(Plain, name="pad", signature="x: Tensor, paddings: ints, pad_value: scalar = 0.0 -> out"):
    """Every axis padded by a constant; pairs from the first axis on."""

    cases = [
        {"x": (2, 3), "paddings": [1, 0, 2, 1], "pad_value": 1.0},
        {"x": ("N", 3), "paddings": [0, 1, 0, 0]},
    ]
    dtypes = ("float32", "float64", "int32", "int64")

    def infer(x: TensorType, paddings: Any) -> TensorType:
        pairs = zip(paddings[::2], paddings[1::2])
        return x.with_shape(tuple(d + a + c for d, (a, c) in zip(x.shape, pairs)))

    def numpy(x: np.ndarray, paddings: Any, pad_value: Any) -> Any:
        return pad_array(x, list(zip(paddings[::2], paddings[1::2])), "constant", pad_value)

    def cpu(b: Any, x: Any, paddings: Any, pad_value: Any) -> Any:
        return pad_node(b, x, list(zip(paddings[::2], paddings[1::2])), "constant", pad_value)

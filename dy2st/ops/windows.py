"""Arithmetic of sliding windows, shared by convolutions and pools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dy2st.errors import ShapeError
from dy2st.ir.dims import Dim, ceildiv, floordiv, max_

Pads = tuple[tuple[Any, Any], ...]


def spatial_first(data_format: str) -> bool:
    """Whether channels come last (``NHWC``, ``NDHWC``)."""
    return data_format.endswith("C")


def to_channels_first(rank: int) -> tuple[int, ...]:
    """The permutation from channels-last to channels-first."""
    return (0, rank - 1, *range(1, rank - 1))


def to_channels_last(rank: int) -> tuple[int, ...]:
    """The permutation from channels-first to channels-last."""
    return (0, *range(2, rank), 1)


def repeated(value: Sequence[int], count: int, what: str) -> tuple[int, ...]:
    """``value`` for each spatial axis; a single one serves all. Raises ShapeError."""
    out = tuple(value)
    if len(out) == 1:
        out = out * count
    if len(out) != count:
        raise ShapeError(f"{what} {tuple(value)} for {count} spatial axes")
    return out


def explicit_pads(paddings: Sequence[int], count: int) -> Pads:
    """(low, high) for each spatial axis from 1, ``count`` or ``2 * count`` numbers."""
    values = tuple(paddings)
    if len(values) == 2 * count:
        return tuple(zip(values[::2], values[1::2]))
    if len(values) == 2 * (count + 2):  # with pairs for batch and channels
        return explicit_pads(values[4:] if values[:4] == (0, 0, 0, 0) else values[2:-2], count)
    return tuple((p, p) for p in repeated(values, count, "paddings"))


def resolve_pads(
    algorithm: str,
    paddings: Sequence[int],
    sizes: Sequence[Dim],
    kernel: Sequence[Dim],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> tuple[Pads, tuple[int, ...]]:
    """Pads and dilations under a padding algorithm (phi's UpdatePaddingAndDilation).

    ``SAME`` also sets the dilations to 1, as phi does.
    """
    count = len(sizes)
    if algorithm == "VALID":
        return ((0, 0),) * count, tuple(dilations)
    if algorithm != "SAME":
        return explicit_pads(paddings, count), tuple(dilations)
    pads = []
    for size, k, stride in zip(sizes, kernel, strides):
        total = (ceildiv(size, stride) - 1) * stride + k - size
        if not (isinstance(k, int) and k >= stride):  # else it cannot be negative
            total = max_(total, 0)
        pads.append((floordiv(total, 2), total - floordiv(total, 2)))
    return tuple(pads), (1,) * count


def window_count(size: Dim, kernel: Dim, pad: tuple[Any, Any], stride: int, ceil: bool) -> Dim:
    """How many windows of ``kernel`` (dilation included) fit along an axis."""
    span = size + pad[0] + pad[1] - kernel
    return (ceildiv if ceil else floordiv)(span, stride) + 1


def checked_count(count: Dim, what: str) -> Dim:
    """``count``, which a window that exceeds its input makes negative. Raises ShapeError."""
    if isinstance(count, int) and count < 1:
        raise ShapeError(f"{what}: the window exceeds the padded input")
    return count


def windows(
    x: np.ndarray,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    counts: Sequence[int],
) -> np.ndarray:
    """A view ``[..., counts…, kernel…]`` of the windows over the last axes of a padded array."""
    lead = x.ndim - len(kernel)
    steps = x.strides[lead:]
    shape = (*x.shape[:lead], *counts, *kernel)
    jumps = tuple(s * k for s, k in zip(steps, strides))
    inner = tuple(s * d for s, d in zip(steps, dilations))
    view: np.ndarray = np.lib.stride_tricks.as_strided(
        x, shape, (*x.strides[:lead], *jumps, *inner), writeable=False
    )
    return view


def pad_spatial(x: np.ndarray, pads: Sequence[tuple[int, int]], value: float = 0) -> np.ndarray:
    """``x[N, C, …]`` with its spatial axes padded; negative widths crop."""
    lead = x.ndim - len(pads)
    crop = tuple(
        slice(max(-low, 0), size - max(-high, 0)) for (low, high), size in zip(pads, x.shape[lead:])
    )
    x = x[(slice(None),) * lead + crop]
    widths = [(0, 0)] * lead + [(max(a, 0), max(b, 0)) for a, b in pads]
    return np.pad(x, widths, constant_values=value)

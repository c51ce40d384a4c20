"""Pooling of regions by maxima and by position-sensitive averages. Source: phi/kernels/cpu."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import values
from dy2st.ops.rules import reference
from dy2st.ops.sampling import _roi_batches, sane_regions

FLOATS = ("float32", "float64")
_REGIONS: dict[str, Any] = {
    "boxes": values([[0.0, 0, 4, 4], [1.2, 2, 7.4, 6], [3, 3, 12, 9]]),
    "boxes_num": values([2, 1], "int32"),
}


def _round(value: Any) -> int:
    return int(np.floor(abs(value) + 0.5) * np.sign(value))


class RoiPool(
    Plain,
    name="roi_pool",
    signature=(
        "x: Tensor, boxes: Tensor, boxes_num: Tensor?, pooled_height: int = 1, "
        "pooled_width: int = 1, spatial_scale: float = 1.0 -> out"
    ),
):
    """The largest element in each cell of a grid over each box; 0 where the cell is empty."""

    eager = sane_regions
    dtypes = FLOATS
    specials = False  # Paddle's maxima ignore NaN
    cpu = reference()
    cases = [
        {"x": (2, 2, 8, 8), **_REGIONS, "pooled_height": 2, "pooled_width": 3, "spatial_scale": s}
        for s in (0.5, 1.0)
    ]

    def infer(
        x: TensorType, boxes: TensorType, pooled_height: int, pooled_width: int
    ) -> TensorType:
        return x.with_shape((boxes.shape[0], x.shape[1], pooled_height, pooled_width))

    def numpy(
        x: np.ndarray, boxes: np.ndarray, boxes_num: Any, pooled_height: int, pooled_width: int,
        spatial_scale: float,
    ) -> Any:  # fmt: skip
        high, wide = x.shape[2:]
        out = np.zeros((len(boxes), x.shape[1], pooled_height, pooled_width), x.dtype)
        for k, image in enumerate(_roi_batches(boxes, boxes_num)):
            left, top, right, bottom = (_round(v * spatial_scale) for v in boxes[k])
            rows = _bins(top, max(bottom - top + 1, 1), pooled_height, high)
            columns = _bins(left, max(right - left + 1, 1), pooled_width, wide)
            for i, row in enumerate(rows):
                for j, column in enumerate(columns):
                    part = x[image, :, row, column]
                    out[k, :, i, j] = part.max(axis=(1, 2)) if part.size else 0
        return out


def _bins(start: int, size: int, count: int, limit: int) -> list[slice]:
    step = np.float32(size) / np.float32(count)
    edges = [
        (int(np.floor(i * step)) + start, int(np.ceil((i + 1) * step)) + start)
        for i in range(count)
    ]
    return [slice(min(max(a, 0), limit), min(max(b, 0), limit)) for a, b in edges]


class PsroiPool(
    Plain,
    name="psroi_pool",
    signature=(
        "x: Tensor, boxes: Tensor, boxes_num: Tensor?, pooled_height: int = 1, "
        "pooled_width: int = 1, output_channels: int = 1, spatial_scale: float = 1.0 -> out"
    ),
):
    """The mean over each cell of a grid over each box, each cell from channels of its own."""

    eager = sane_regions
    dtypes = FLOATS
    specials = False  # sums depend on their order
    cpu = reference()
    cases = [
        {
            "x": (2, 12, 8, 8),
            **_REGIONS,
            "pooled_height": 2,
            "pooled_width": 3,
            "output_channels": 2,
            "spatial_scale": 0.5,
        }
    ]

    def infer(
        x: TensorType,
        boxes: TensorType,
        pooled_height: int,
        pooled_width: int,
        output_channels: int,
    ) -> TensorType:
        return x.with_shape((boxes.shape[0], output_channels, pooled_height, pooled_width))

    def numpy(
        x: np.ndarray, boxes: np.ndarray, boxes_num: Any, pooled_height: int, pooled_width: int,
        output_channels: int, spatial_scale: float,
    ) -> Any:  # fmt: skip
        high, wide = x.shape[2:]
        out = np.zeros((len(boxes), output_channels, pooled_height, pooled_width), x.dtype)
        planes = x.reshape(x.shape[0], output_channels, pooled_height, pooled_width, high, wide)
        for k, image in enumerate(_roi_batches(boxes, boxes_num)):
            left, top = (_round(v) * spatial_scale for v in boxes[k, :2])
            right, bottom = ((_round(v) + 1) * spatial_scale for v in boxes[k, 2:])
            rows = _spans(top, max(bottom - top, 0.1), pooled_height, high)
            columns = _spans(left, max(right - left, 0.1), pooled_width, wide)
            for i, row in enumerate(rows):
                for j, column in enumerate(columns):
                    part = planes[image, :, i, j, row, column]
                    out[k, :, i, j] = part.mean(axis=(1, 2)) if part.size else 0
        return out


def _spans(start: float, size: float, count: int, limit: int) -> list[slice]:
    step = size / count
    edges = [
        (int(np.floor(i * step + start)), int(np.ceil((i + 1) * step + start)))
        for i in range(count)
    ]
    return [slice(min(max(a, 0), limit), min(max(b, 0), limit)) for a, b in edges]

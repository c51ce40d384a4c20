"""Reading between the elements: grid sampling, region pooling, deformable convolution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dy2st.ir.dims import Dim, require_equal
from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import Arg, between, values
from dy2st.ops.rules import require, static
from dy2st.ops.windows import explicit_pads, window_count

FLOATS = ("float32", "float64")


def _clamp(s: Any, v: Any, high: float) -> Any:
    return s.min(s.max(v, 0.0), high)


def _reflect(s: Any, v: Any, size: int, align: bool) -> Any:
    if align and size == 1:
        return v * 0.0
    span = 2.0 * (size - 1) if align else 2.0 * size
    shifted = s.abs(v) if align else s.abs(v + 0.5)
    extra = shifted - s.floor(shifted / span) * span
    back = s.min(extra, span - extra)
    return _clamp(s, back if align else back - 0.5, float(size - 1))


def position(s: Any, g: Any, size: int, padding: str, align: bool) -> Any:
    """A coordinate in [-1, 1] as a place among ``size`` elements, by the scalar functions ``s``."""
    at = (g + 1.0) * (0.5 * (size - 1)) if align else ((g + 1.0) * float(size) - 1.0) * 0.5
    if padding == "border":
        return _clamp(s, at, float(size - 1))
    return _reflect(s, at, size, align) if padding == "reflection" else at


class _Numpy:
    """The scalar functions that ``position`` needs, over arrays."""

    min, max, abs, floor = np.minimum, np.maximum, np.abs, np.floor


def gather_corners(x: np.ndarray, places: list[np.ndarray]) -> np.ndarray:
    """``x[N, C, …]`` read linearly at places (each ``[N, …]``), 0 outside; ``[N, C, …]``."""
    lows = [np.floor(p) for p in places]
    out: Any = 0
    for corner in np.ndindex(*(2,) * len(places)):
        weight: Any = 1
        inside: Any = True
        index = []
        for low, place, up, size in zip(lows, places, corner, x.shape[2:]):
            at = low + up
            weight = weight * (place - low if up else 1 - (place - low))
            inside = inside & (at >= 0) & (at <= size - 1)
            index.append(np.where(np.isfinite(at), np.clip(at, 0, size - 1), 0).astype(np.int64))
        out = out + _read(x, index, inside) * np.where(inside, weight, 0)[:, None]
    return np.asarray(out)


def _read(x: np.ndarray, index: list[np.ndarray], inside: Any) -> np.ndarray:
    """Elements at integer places that lie inside; 0 elsewhere."""
    batch = np.arange(x.shape[0]).reshape(-1, *(1,) * (index[0].ndim - 1))
    place: Any = (batch, slice(None), *index)
    taken = x[place]  # the sliced channels come last
    return np.where(inside[:, None], np.moveaxis(taken, -1, 1), 0)


class GridSample(
    Plain,
    name="grid_sample",
    signature=(
        "x: Tensor, grid: Tensor, mode: str = 'bilinear', padding_mode: str = 'zeros', "
        "align_corners: bool = True -> out"
    ),
):
    """``x`` read at the places that a grid of coordinates in [-1, 1] names, x before y."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    cases = [
        {
            "x": ("N", 2, 4, 5),
            "grid": Arg(("N", 3, 3, 2), None, -1.4, 1.4),
            "mode": m,
            "padding_mode": p,
            "align_corners": a,
        }
        for m in ("bilinear", "nearest")
        for p in ("zeros", "border", "reflection")
        for a in (True, False)
    ] + [{"x": (1, 2, 3, 4, 3), "grid": Arg((1, 2, 3, 3, 3), None, -1.2, 1.2)}]

    def infer(x: TensorType, grid: TensorType) -> TensorType:
        require(x.rank == grid.rank and x.rank in (4, 5), f"grid_sample of {x} by {grid}")
        require_equal(grid.shape[0], x.shape[0], f"grid_sample of {x} by {grid}: batch sizes")
        return x.with_shape((*x.shape[:2], *grid.shape[1:-1]))

    def numpy(
        x: np.ndarray, grid: np.ndarray, mode: str, padding_mode: str, align_corners: bool
    ) -> Any:
        dims = x.ndim - 2
        places = [
            position(_Numpy, grid[..., dims - 1 - d], x.shape[2 + d], padding_mode, align_corners)
            for d in range(dims)
        ]
        if mode == "bilinear":
            return gather_corners(x, places)
        near = [np.rint(p) for p in places]
        inside: Any = True
        for p, size in zip(near, x.shape[2:]):
            inside = inside & (p >= 0) & (p <= size - 1)
        index = [np.clip(p, 0, n - 1).astype(np.int64) for p, n in zip(near, x.shape[2:])]
        return _read(x, index, inside)

    def cpu(b: Any, x: Any, grid: Any, mode: str, padding_mode: str, align_corners: bool) -> Any:
        if mode != "bilinear" or len(x.shape) != 4 or 0 in x.shape or 0 in grid.shape:
            return b.reference()
        n, _, *sizes = x.shape
        shape = (n, 1, *grid.shape[1:3])
        wide, high = (b.reshape(b.pick(grid, -1, i), shape) for i in (0, 1))
        where = [
            b.map(lambda s, v, k=k: position(s, v, k, padding_mode, align_corners), g)
            for g, k in zip((high, wide), sizes)
        ]
        total = None
        for up in ((0, 0), (0, 1), (1, 0), (1, 1)):
            part = _corner(b, x, where, up)
            total = part if total is None else b.add(total, part)
        return total


def _corner(b: Any, x: Any, where: list[Any], up: tuple[int, int]) -> Any:
    """One of four elements around each place times its weight; 0 outside."""
    n, c, high, wide = x.shape

    def index(size: int, k: int) -> Any:
        return lambda s, v: s.cast(_clamp(s, s.floor(v) + float(k), float(size - 1)), "int64")

    def weight(s: Any, y: Any, z: Any) -> Any:
        out: Any = None
        for v, k, size in ((y, up[0], high), (z, up[1], wide)):
            at = s.floor(v) + float(k)
            share = v - s.floor(v) if k else 1.0 - (v - s.floor(v))
            inside = s.logical_and(at >= 0.0, at <= float(size - 1))
            share = s.select(inside, share, 0.0)
            out = share if out is None else out * share
        return out

    rows = b.map(index(high, up[0]), where[0])
    columns = b.map(index(wide, up[1]), where[1])
    taken = b.index(
        x, [b.iota((n, 1, 1, 1), 0), b.iota((1, c, 1, 1), 1), rows, columns], mode="clip"
    )
    return b.mul(taken, b.map(weight, *where))


class AffineGrid(
    Plain,
    name="affine_grid",
    signature="input: Tensor, output_shape: ints = (), align_corners: bool = True -> out",
):
    """The coordinates in [-1, 1] that an affine map gives the places of an output."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    cases = [
        {"input": (2, 2, 3), "output_shape": [2, 1, 3, 4], "align_corners": a}
        for a in (True, False)
    ]

    def infer(input: TensorType, output_shape: Any) -> TensorType:
        sizes = output_shape[2:]
        return input.with_shape((input.shape[0], *sizes, len(sizes)))

    def numpy(input: np.ndarray, output_shape: Any, align_corners: bool) -> Any:
        lines = []
        for size in output_shape[2:]:
            line = np.linspace(-1, 1, size) if size > 1 else np.zeros(1)
            lines.append(line if align_corners else line * (size - 1) / size)
        mesh = np.meshgrid(*lines, indexing="ij")[::-1]
        base = np.stack([*mesh, np.ones_like(mesh[0])], -1).astype(input.dtype)
        return np.einsum("...k,nik->n...i", base, input)

    def cpu(b: Any) -> Any:
        return b.reference()


def _roi_batches(boxes: np.ndarray, boxes_num: Any) -> np.ndarray:
    if boxes_num is None:
        return np.zeros(len(boxes), np.int64)
    return np.repeat(np.arange(len(boxes_num)), boxes_num)


def sane_regions(boxes: np.ndarray, boxes_num: Any) -> bool:
    """Whether Paddle's kernels take these boxes: NaN and very large ones end the process."""
    counted = boxes_num is None or (boxes_num.min(initial=0) >= 0 and boxes_num.sum() == len(boxes))
    return bool(counted and np.abs(boxes).max(initial=0) < 1e6)  # false for NaN


def _roi_lines(low: float, size: float, bins: int, ratio: int, length: int) -> Any:
    """Sample places along one axis ``[bins, samples]``, moved inside, and whether they count."""
    samples = ratio if ratio > 0 else max(math.ceil(size / bins), 0)
    step = size / bins
    at = low + np.arange(bins)[:, None] * step + (np.arange(samples) + 0.5) * step / max(samples, 1)
    counted = (at >= -1.0) & (at <= length)
    return np.clip(at, 0, length - 1), counted


class RoiAlign(
    Plain,
    name="roi_align",
    signature=(
        "x: Tensor, boxes: Tensor, boxes_num: Tensor?, pooled_height: int = 1, "
        "pooled_width: int = 1, spatial_scale: float = 1.0, sampling_ratio: int = -1, "
        "aligned: bool = False -> out"
    ),
):
    """The average of samples in each cell of a grid over each box."""

    eager = sane_regions
    dtypes = FLOATS
    specials = False  # sums depend on their order
    cases = [
        {
            "x": (2, 2, 8, 8),
            "boxes": values([[0.0, 0, 4, 4], [1.5, 2, 7.5, 6], [3, 3, 12, 9]]),
            "boxes_num": values([2, 1], "int32"),
            "pooled_height": 2,
            "pooled_width": 3,
            "spatial_scale": 0.5,
            "sampling_ratio": r,
            "aligned": a,
        }
        for r in (-1, 2)
        for a in (True, False)
    ]

    def infer(
        x: TensorType, boxes: TensorType, pooled_height: int, pooled_width: int
    ) -> TensorType:
        return x.with_shape((boxes.shape[0], x.shape[1], pooled_height, pooled_width))

    def numpy(
        x: np.ndarray, boxes: np.ndarray, boxes_num: Any, pooled_height: int, pooled_width: int,
        spatial_scale: float, sampling_ratio: int, aligned: bool,
    ) -> Any:  # fmt: skip
        out = np.zeros((len(boxes), x.shape[1], pooled_height, pooled_width), x.dtype)
        scaled = boxes * x.dtype.type(spatial_scale) - (0.5 if aligned else 0)
        for k, image in enumerate(_roi_batches(boxes, boxes_num)):
            left, top, right, bottom = (float(v) for v in scaled[k])
            wide, high = right - left, bottom - top
            if not aligned:
                wide, high = max(wide, 1.0), max(high, 1.0)
            rows, row_ok = _roi_lines(top, high, pooled_height, sampling_ratio, x.shape[2])
            columns, column_ok = _roi_lines(left, wide, pooled_width, sampling_ratio, x.shape[3])
            count = max(rows.shape[1] * columns.shape[1], 1)
            y = np.broadcast_to(rows[:, None, :, None], (*_cells(rows, columns),))
            z = np.broadcast_to(columns[None, :, None, :], y.shape)
            ok = row_ok[:, None, :, None] & column_ok[None, :, None, :]
            read = gather_corners(x[image : image + 1], [y[None], z[None]])[0]
            out[k] = (read * ok).sum(axis=(-1, -2)) / count
        return out

    def cpu(b: Any) -> Any:
        return b.reference()


def _cells(rows: np.ndarray, columns: np.ndarray) -> tuple[int, ...]:
    return (rows.shape[0], columns.shape[0], rows.shape[1], columns.shape[1])


class DeformableConv(
    Plain,
    name="deformable_conv",
    signature=(
        "x: Tensor, offset: Tensor, filter: Tensor, mask: Tensor?, strides: ints, paddings: ints, "
        "dilations: ints, deformable_groups: int = 1, groups: int = 1, im2col_step: int = 1 -> out"
    ),
):
    """A convolution whose taps are moved by offsets and weighed by a mask."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    _attrs = {"strides": [1, 1], "paddings": [1, 1], "dilations": [1, 1]}
    cases = [
        {
            "x": (2, 4, 5, 5),
            "offset": between((2, 36, 5, 5), -1.5, 1.5),
            "filter": (4, 2, 3, 3),
            "mask": between((2, 18, 5, 5), 0, 1),
            "deformable_groups": 2,
            "groups": 2,
            **_attrs,
        },
        {
            "x": (1, 2, 5, 5),
            "offset": between((1, 18, 5, 5), -2, 2),
            "filter": (3, 2, 3, 3),
            **_attrs,
        },
    ]

    def infer(
        x: TensorType, offset: TensorType, filter: TensorType, strides: Any, paddings: Any,
        dilations: Any,
    ) -> TensorType:  # fmt: skip
        require_equal(offset.shape[0], x.shape[0], f"deformable_conv of {x} by offsets {offset}")
        counts = _deformed(x.shape[2:], filter.shape[2:], strides, paddings, dilations)
        return x.with_shape((x.shape[0], filter.shape[0], *counts))

    def numpy(
        x: np.ndarray, offset: np.ndarray, filter: np.ndarray, mask: Any, strides: Any,
        paddings: Any, dilations: Any, deformable_groups: int, groups: int,
    ) -> Any:  # fmt: skip
        kh, kw = filter.shape[2:]
        counts = _deformed(x.shape[2:], (kh, kw), strides, paddings, dilations)
        high, wide = (static(c, "a size") for c in counts)
        (top, _), (left, _) = explicit_pads(paddings, 2)
        n, c = x.shape[:2]
        moves = offset.reshape(n, deformable_groups, kh, kw, 2, high, wide)
        rows = np.arange(high)[:, None] * strides[0] - top
        columns = np.arange(wide)[None, :] * strides[1] - left
        y = moves[..., 0, :, :] + rows + (np.arange(kh) * dilations[0])[:, None, None, None]
        z = moves[..., 1, :, :] + columns + (np.arange(kw) * dilations[1])[None, :, None, None]
        part = c // deformable_groups
        read = np.concatenate(
            [
                gather_corners(x[:, g * part : (g + 1) * part], [y[:, g], z[:, g]])
                * (
                    1
                    if mask is None
                    else mask.reshape(moves.shape[:4] + (high, wide))[:, g][:, None]
                )
                for g in range(deformable_groups)
            ],
            1,
        )
        grouped = read.reshape(n, groups, c // groups, kh, kw, high, wide)
        weights = filter.reshape(groups, -1, *filter.shape[1:])
        out = np.einsum("ngiabyz,goiab->ngoyz", grouped, weights, optimize=True)
        return out.reshape(n, -1, high, wide)

    def cpu(b: Any) -> Any:
        return b.reference()


def _deformed(sizes: Any, kernel: Any, strides: Any, paddings: Any, dilations: Any) -> list[Dim]:
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations)]
    return [
        window_count(n, k, p, s, False)
        for n, k, p, s in zip(sizes, spans, explicit_pads(paddings, 2), strides)
    ]

"""Reading by index: gather and its kin. Every index is checked; eager reads outside in some."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.errors import IndexOutOfRangeError
from dy2st.ir.dims import Dim, Shape, broadcast_shapes, normalize_axis, require_equal
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import Arg, bools, ints
from dy2st.ops.rules import reference, require, require_rank, static


def checked(name: str, index: Any, size: int, wrap: bool = True) -> Any:
    """``index`` counted from the front. Raises IndexOutOfRangeError."""
    low = -size if wrap else 0
    if index.size and (index.min() < low or index.max() >= size):
        bad = index[(index < low) | (index >= size)].reshape(-1)[0]
        raise IndexOutOfRangeError(f"{name}: index {bad} is out of range for size {size}")
    return np.where(index < 0, index + size, index) if wrap else index


def no_wrap(b: Any, index: Any, size: int) -> Any:
    """Negative indices made too large, so that the kernel's check fails on them."""
    return b.map(lambda s, i: s.select(i < 0, size, i), b.cast(index, "int64"))


def _axis(axis: Any) -> int:
    return int(axis) if axis is not None else 0


class Gather(Plain, name="gather", signature="x: Tensor, index: Tensor, axis: scalar = 0 -> out"):
    """Slices of ``x`` along ``axis`` by an index of rank 0 or 1 (or ``[n, 1]``)."""

    rejects = True
    cases = [
        {"x": (4, 3), "index": ints((2,), 4), "axis": 0},
        {"x": (4, "N"), "index": ints((5,), 4, -4), "axis": 0},
        {"x": ("N", 3, 2), "index": ints((2,), 3, dtype="int32"), "axis": 1},
        {"x": (4, 3), "index": ints((), 4), "axis": 0},
        {"x": (4, 3), "index": ints(("M",), 3), "axis": -1},
    ]

    def infer(x: TensorType, index: TensorType, axis: Any) -> TensorType:
        at = normalize_axis(_axis(axis), x.rank)
        require_rank(index, 0, 1, 2, what="index")
        middle = index.shape[:1]
        return x.with_shape((*x.shape[:at], *middle, *x.shape[at + 1 :]))

    def numpy(x: Any, index: Any, axis: Any) -> Any:
        at = _axis(axis) % max(x.ndim, 1)
        flat = index.reshape(-1) if index.ndim == 2 else index
        return np.take(x, checked("gather", flat, x.shape[at]), at)

    def cpu(b: Any, x: Any, index: Any, axis: Any) -> Any:
        flat = b.reshape(index, (-1,)) if len(index.shape) == 2 else index
        return b.gather(x, flat, _axis(axis) % max(len(x.shape), 1))


class IndexSelect(
    Plain, name="index_select", signature="x: Tensor, index: Tensor, axis: int = 0 -> out"
):
    """Slices of ``x`` along ``axis`` by an index of rank 1."""

    rejects = True
    cases = [
        {"x": (4, 3), "index": ints((2,), 4), "axis": 0},
        {"x": ("N", 3), "index": ints(("M",), 3, -3), "axis": 1},
    ]

    def infer(x: TensorType, index: TensorType, axis: int) -> TensorType:
        at = normalize_axis(axis, x.rank)
        require_rank(index, 1, what="index")
        return x.with_shape((*x.shape[:at], *index.shape, *x.shape[at + 1 :]))

    def numpy(x: Any, index: Any, axis: int) -> Any:
        return np.take(x, checked("index_select", index, x.shape[axis]), axis)

    def cpu(b: Any, x: Any, index: Any, axis: int) -> Any:
        return b.gather(x, index, axis % len(x.shape))


class Embedding(
    Plain,
    name="embedding",
    signature=("x: Tensor, weight: Tensor, padding_idx: int = -1, sparse: bool = False -> out"),
):
    """Rows of ``weight`` by ``x``; zeros where ``x`` is ``padding_idx``. Raises for an index outside."""

    rejects = True
    eager = False  # ends the process for an index outside
    dtypes = ("float32", "float64")
    cases = [
        {"x": ints((2, 3), 5), "weight": (5, 4)},
        {"x": ints(("N",), 5, dtype="int32"), "weight": (5, 4), "padding_idx": 2},
        {"x": ints((), 5), "weight": (5, 4)},
    ]

    def infer(x: TensorType, weight: TensorType) -> TensorType:
        require_rank(weight, 2, what="weight")
        return weight.with_shape((*x.shape, weight.shape[1]))

    def numpy(x: Any, weight: Any, padding_idx: int) -> Any:
        out = weight[checked("embedding", x, weight.shape[0], wrap=False)]
        return np.where((x == padding_idx)[..., None], weight.dtype.type(0), out)

    def cpu(b: Any, x: Any, weight: Any, padding_idx: int) -> Any:
        out = b.gather(weight, no_wrap(b, x, weight.shape[0]), 0)
        if padding_idx < 0:
            return out
        index = b.unsqueeze(x, (len(x.shape),))
        return b.map(lambda s, i, o: s.select(s.eq(i, padding_idx), 0, o), index, out)


class GatherNd(Plain, name="gather_nd", signature="x: Tensor, index: Tensor -> out"):
    """``x[index[..., 0], index[..., 1], …]``."""

    rejects = True
    cases = [
        {"x": (4, 3), "index": ints((2, 1), 4)},
        {"x": (4, 3, "N"), "index": ints((5, 2, 2), 3, -3)},
        {"x": ("N", 3), "index": ints((2, 2), 3, dtype="int32")},
        {"x": (2, 3), "index": Arg((2, 0), "int64")},
    ]

    def infer(x: TensorType, index: TensorType) -> TensorType:
        depth = static(index.shape[-1], "the last size of index")
        require(depth <= x.rank, f"index has depth {depth}, more than the rank of {x}")
        return x.with_shape((*index.shape[:-1], *x.shape[depth:]))

    def numpy(x: Any, index: Any) -> Any:
        depth = index.shape[-1]
        if depth == 0:
            return np.broadcast_to(x, (*index.shape[:-1], *x.shape)).copy()
        parts = [checked("gather_nd", index[..., i], x.shape[i]) for i in range(depth)]
        return x[tuple(parts)]

    def cpu(b: Any, x: Any, index: Any) -> Any:
        depth = index.shape[-1]
        lead = len(index.shape) - 1
        shape = (*index.shape[:-1], *x.shape[depth:])
        tail = len(x.shape) - depth
        parts = [
            b.reshape(b.pick(index, lead, i), (*index.shape[:-1], *(1,) * tail))
            for i in range(depth)
        ]
        parts += [b.iota(shape, lead + i) for i in range(tail)]
        return b.index(x, parts, shape) if parts else b.expand(x, shape)


class IndexSample(Plain, name="index_sample", signature="x: Tensor, index: Tensor -> out"):
    """``out[i, j] = x[i, index[i, j]]``."""

    rejects = True
    dtypes = ("float32", "float64", "int32", "int64")
    cases = [{"x": ("N", 4), "index": ints(("N", 2), 4)}]

    def infer(x: TensorType, index: TensorType) -> TensorType:
        require_rank(x, 2)
        require_rank(index, 2, what="index")
        require_equal(index.shape[0], x.shape[0], "the rows of index and x")
        return x.with_shape(index.shape)

    def numpy(x: Any, index: Any) -> Any:
        return np.take_along_axis(x, checked("index_sample", index, x.shape[1], wrap=False), 1)

    def cpu(b: Any, x: Any, index: Any) -> Any:
        rows = b.iota(index.shape, 0)
        return b.index(x, [rows, no_wrap(b, index, x.shape[1])], index.shape)


class TakeAlongAxis(
    Plain,
    name="take_along_axis",
    signature="arr: Tensor, indices: Tensor, axis: int -> out",
):
    """``out[i, j] = arr[indices[i, j], j]`` for axis 0; other axes alike."""

    rejects = True
    cases = [
        {"arr": (4, 3), "indices": ints((2, 3), 4), "axis": 0},
        {"arr": ("N", 3), "indices": ints(("N", 2), 3, -3), "axis": 1},
    ]

    def infer(arr: TensorType, indices: TensorType, axis: int) -> TensorType:
        require(arr.rank == indices.rank, f"{arr} and {indices} differ in rank")
        at = normalize_axis(axis, arr.rank)
        shape = list(broadcast_shapes(_but(arr.shape, at), _but(indices.shape, at)))
        return arr.with_shape((*shape[:at], indices.shape[at], *shape[at + 1 :]))

    def numpy(arr: Any, indices: Any, axis: int) -> Any:
        at = axis % arr.ndim
        shape = np.broadcast_shapes(_but(arr.shape, at), _but(indices.shape, at))
        index = np.broadcast_to(indices, (*shape[:at], indices.shape[at], *shape[at + 1 :]))
        values = np.broadcast_to(arr, (*shape[:at], arr.shape[at], *shape[at + 1 :]))
        return np.take_along_axis(values, checked("take_along_axis", index, arr.shape[at]), at)

    def cpu(b: Any, arr: Any, indices: Any, axis: int) -> Any:
        at = axis % len(arr.shape)
        shape = np.broadcast_shapes(_but(arr.shape, at), _but(indices.shape, at))
        shape = (*shape[:at], indices.shape[at], *shape[at + 1 :])
        parts = [
            b.iota(shape, i) if arr.shape[i] != 1 else b.full(shape, 0, "int64")
            for i in range(len(shape))
        ]
        parts[at] = b.expand(b.cast(indices, "int64"), shape)
        return b.index(arr, parts, shape)


def _but(shape: Any, axis: int) -> Any:
    """``shape`` with 1 at ``axis``."""
    return (*shape[:axis], 1, *shape[axis + 1 :])


# --- masks --------------------------------------------------------------------------------------


class Where(Plain, name="where", signature="condition: Tensor, x: Tensor, y: Tensor -> out"):
    """``x`` where the condition holds, else ``y`` (phi wants equal shapes; here they broadcast)."""

    inplace_of = 1

    cases = [
        {"condition": bools(2, 3), "x": (2, 3), "y": (2, 3)},
        {"condition": bools("N", 3), "x": ("N", 3), "y": ("N", 3)},
        {"condition": bools(), "x": (), "y": ()},
    ]

    def infer(condition: TensorType, x: TensorType, y: TensorType) -> TensorType:
        return x.with_shape(broadcast_shapes(condition.shape, x.shape, y.shape))

    def numpy(condition: Any, x: Any, y: Any) -> Any:
        return np.where(condition, x, y)

    def cpu(b: Any, condition: Any, x: Any, y: Any) -> Any:
        if DType.of(x.dtype).is_complex:
            return b.reference()
        return b.select(condition, x, y)


class MaskedFill(
    Plain, name="masked_fill", signature="x: Tensor, mask: Tensor, value: Tensor -> out"
):
    """``value`` where the mask holds, else ``x``; the three broadcast."""

    cases = [
        {"x": (2, 3), "mask": bools(2, 3), "value": ()},
        {"x": ("N", 3), "mask": bools(3), "value": (1,)},
    ]

    def infer(x: TensorType, mask: TensorType, value: TensorType) -> TensorType:
        return x.with_shape(broadcast_shapes(x.shape, mask.shape, value.shape))

    def numpy(x: Any, mask: Any, value: Any) -> Any:
        return np.where(mask, value, x)

    def cpu(b: Any, x: Any, mask: Any, value: Any) -> Any:
        if DType.of(x.dtype).is_complex:
            return b.reference()
        return b.select(mask, value, x)


class Nonzero(Plain, name="nonzero", signature="condition: Tensor -> out"):
    """Positions of the elements that are not zero, ``[count, rank]``; the count is a run-time size."""

    cases = [{"condition": (2, 3)}, {"condition": bools("N")}, {"condition": bools(2, "N", 2)}]
    cpu = reference()

    def infer(fresh: Any, condition: TensorType) -> TensorType:
        return TensorType(DType.INT64, (fresh(), condition.rank))

    def numpy(condition: Any) -> Any:
        return np.argwhere(condition).astype(np.int64)


class MaskedSelect(Plain, name="masked_select", signature="x: Tensor, mask: Tensor -> out"):
    """The elements where the mask holds, in row-major order; the count is a run-time size."""

    cases = [
        {"x": (2, 3), "mask": bools(2, 3)},
        {"x": ("N", 3), "mask": bools("N", 1)},
    ]
    cpu = reference()

    def infer(fresh: Any, x: TensorType, mask: TensorType) -> TensorType:
        broadcast_shapes(x.shape, mask.shape)
        return x.with_shape((fresh(),))

    def numpy(x: Any, mask: Any) -> Any:
        x, mask = np.broadcast_arrays(x, mask)
        return x[mask]


def index_shape(indices: tuple[TensorType, ...]) -> Shape:
    """The shape that index tensors broadcast to."""
    out: tuple[Dim, ...] = broadcast_shapes(*(i.shape for i in indices), what="index")
    return out

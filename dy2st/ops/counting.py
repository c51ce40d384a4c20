"""Searching, counting and choosing: what depends on the order or number of equal elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.dims import Dim, normalize_axis
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import ints, values
from dy2st.ops.rules import axes_of, reduced_shape, reference

_NUMBERS = ("float32", "float64", "int32", "int64")


class SequenceMask(
    Plain, name="sequence_mask", signature="x: Tensor, max_len: scalar, out_dtype: dtype -> y"
):
    """Ones up to each length along a new last axis."""

    cases = [
        {"x": ints(("N",), 5), "max_len": 4, "out_dtype": "int64"},
        {"x": ints((2, 3), 5), "max_len": 6, "out_dtype": "float32"},
        {"x": values([1, 3], "int64"), "max_len": -1, "out_dtype": "bool"},
    ]
    dtypes = ("int64",)

    def infer(fresh: Any, x: TensorType, max_len: Any, out_dtype: DType) -> TensorType:
        size = fresh() if isinstance(max_len, int) and max_len < 0 else max_len
        return TensorType(out_dtype, (*x.shape, size))

    def numpy(x: np.ndarray, max_len: int) -> Any:
        size = int(x.max()) if max_len < 0 else int(max_len)
        return np.arange(size) < x[..., None]

    def cpu(b: Any, x: Any, max_len: int, out_dtype: DType) -> Any:
        if max_len < 0:
            return b.reference()
        place = b.iota((*(1,) * len(x.shape), int(max_len)), -1)
        mask = b.elementwise("lt", place, b.unsqueeze(x, -1))
        return b.cast(mask, out_dtype.value)


class Searchsorted(
    Plain,
    name="searchsorted",
    signature=(
        "sorted_sequence: Tensor, values: Tensor, out_int32: bool = False, right: bool = False "
        "-> out"
    ),
):
    """Where each value would stand in a sorted sequence (one for each row)."""

    dtypes = _NUMBERS
    specials = False  # NaN has no place in an order
    cases = [
        {
            "sorted_sequence": values([1.0, 2.0, 2.0, 5.0]),
            "values": values([[2.0, 0.0], [6.0, 3.0]]),
        },
        {
            "sorted_sequence": values([[1.0, 2.0, 3.0], [4.0, 5.0, 5.0]]),
            "values": values([[2.0, 9.0], [5.0, 4.0]]),
            "right": True,
            "out_int32": True,
        },
    ]

    def infer(values: TensorType, out_int32: bool) -> TensorType:
        return values.with_dtype(DType.INT32 if out_int32 else DType.INT64)

    def numpy(sorted_sequence: np.ndarray, values: np.ndarray, right: bool) -> Any:
        side: Any = "right" if right else "left"
        if sorted_sequence.ndim == 1:
            return np.searchsorted(sorted_sequence, values, side)
        rows = sorted_sequence.reshape(-1, sorted_sequence.shape[-1])
        wanted = values.reshape(-1, values.shape[-1])
        found = [np.searchsorted(r, v, side) for r, v in zip(rows, wanted)]
        return np.stack(found).reshape(values.shape)

    def cpu(b: Any, sorted_sequence: Any, values: Any, out_int32: bool, right: bool) -> Any:
        n = sorted_sequence.shape[-1]
        shape = values.shape
        lead = [b.iota(shape, i) for i in range(len(sorted_sequence.shape) - 1)]
        found = b.full(shape, 0, "int64")
        for step in (1 << e for e in range(n.bit_length() - 1, -1, -1)):
            # How many elements are known to stand before the value grows bit by bit.
            at = b.map(lambda s, k, d=step: s.min(k + (d - 1), n - 1), found)
            there = b.index(sorted_sequence, [*lead, at], shape, "unchecked")
            found = b.map(
                lambda s, k, v, w, d=step: s.select(
                    (k + d <= n) & (w <= v if right else w < v), k + d, k
                ),
                found,
                values,
                there,
            )
        return b.cast(found, "int32" if out_int32 else "int64")


class Bincount(
    Plain, name="bincount", signature="x: Tensor, weights: Tensor?, minlength: scalar = 0 -> out"
):
    """How often (or with what weight) each number occurs; a size known at run time."""

    cpu = reference()
    dtypes = ("int32", "int64")
    cases = [
        {"x": ints((7,), 5)},
        {"x": ints((7,), 5), "minlength": 9},
        {"x": ints((4,), 5), "weights": values([0.5, 1.0, 2.0, 3.0], "float32")},
    ]

    def infer(fresh: Any, x: TensorType, weights: Any) -> TensorType:
        return TensorType(weights.dtype if weights is not None else DType.INT64, (fresh(),))

    def numpy(x: np.ndarray, weights: Any, minlength: int) -> Any:
        return np.bincount(x, weights, int(minlength))


class Histogram(
    Plain,
    name="histogram",
    signature=(
        "input: Tensor, weight: Tensor?, bins: int = 100, min: float = 0.0, max: float = 0.0, "
        "density: bool = False -> out"
    ),
):
    """How many elements fall into each of ``bins`` equal ranges."""

    cpu = reference()
    dtypes = _NUMBERS
    specials = False  # an infinite range has no bins
    cases = [{"input": (20,), "bins": 4}, {"input": ("N", 7), "bins": 5, "min": -1.0, "max": 2.0}]

    def infer(weight: Any, bins: int, density: bool) -> TensorType:
        return TensorType(DType.FLOAT32 if density or weight is not None else DType.INT64, (bins,))

    def numpy(
        input: np.ndarray, weight: Any, bins: int, min: float, max: float, density: bool
    ) -> Any:
        low, high = (min, max) if min != max else (float(input.min()), float(input.max()))
        low, high = (low - 1, high + 1) if low == high else (low, high)
        return np.histogram(input, bins, (low, high), density, weight)[0]


def _left_out(results: Any, x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Results of the right sizes for those that nobody asked for."""
    out, *others = results
    sizes = (x.size, len(out)) if len(others) == 2 else (len(out), x.size, len(out))
    return out, *(np.zeros(n, o.dtype) for n, o in zip(sizes, others))


class Unique(
    Plain,
    name="unique",
    signature=(
        "x: Tensor, return_index: bool, return_inverse: bool, return_counts: bool, axis: ints, "
        "dtype: dtype = 'int64', is_sorted: bool = True -> out, indices, inverse, counts"
    ),
):
    """The distinct elements (or slices) in order, where they first stood, and how often."""

    def eager(return_index: bool, return_inverse: bool, return_counts: bool, axis: Any) -> Any:
        # Paddle's kernel is slow where more is asked for, and leaves out what is not.
        return not (return_index or return_inverse or return_counts or axis) and _left_out

    cpu = reference()
    dtypes = _NUMBERS
    specials = False  # NaN equals nothing
    cases = [
        {
            "x": values([3, 1, 2, 3, 1]),
            "return_index": True,
            "return_inverse": True,
            "return_counts": True,
            "axis": [],
        },
        {
            "x": values([[1, 2], [0, 1], [1, 2]]),
            "return_index": True,
            "return_inverse": True,
            "return_counts": True,
            "axis": [0],
        },
    ]

    def infer(fresh: Any, x: TensorType, axis: Any, dtype: DType) -> Any:
        n = fresh()
        index = TensorType(dtype, (n,))
        if not axis:
            total: Dim = 1
            for d in x.shape:
                total = total * d
            return x.with_shape((n,)), index, TensorType(dtype, (total,)), index
        at = normalize_axis(axis[0], x.rank)
        out = x.with_shape((*x.shape[:at], n, *x.shape[at + 1 :]))
        return out, index, TensorType(dtype, (x.shape[at],)), index

    def numpy(x: np.ndarray, axis: Any) -> Any:
        out, index, inverse, counts = np.unique(x, True, True, True, axis=axis[0] if axis else None)
        return out, index, inverse.reshape(-1), counts


class UniqueConsecutive(
    Plain,
    name="unique_consecutive",
    signature=(
        "x: Tensor, return_inverse: bool = False, return_counts: bool = False, axis: ints = (), "
        "dtype: dtype = 'int64' -> out, index, counts"
    ),
):
    """Runs of equal elements of the flattened tensor as one each."""

    def eager(return_inverse: bool, return_counts: bool, axis: Any) -> Any:
        return not (return_inverse or return_counts or axis) and _left_out

    cpu = reference()
    dtypes = _NUMBERS
    specials = False  # NaN equals nothing
    cases = [{"x": values([1, 1, 2, 2, 2, 1]), "return_inverse": True, "return_counts": True}]

    def infer(fresh: Any, x: TensorType, dtype: DType) -> Any:
        n = fresh()
        total: Dim = 1
        for d in x.shape:
            total = total * d
        return x.with_shape((n,)), TensorType(dtype, (total,)), TensorType(dtype, (n,))

    def numpy(x: np.ndarray, axis: Any) -> Any:
        if axis:
            raise NotImplementedError("unique_consecutive along an axis")
        flat = x.reshape(-1)
        new = np.ones(len(flat), bool)
        new[1:] = flat[1:] != flat[:-1]
        starts = np.flatnonzero(new)
        return flat[starts], np.cumsum(new) - 1, np.diff(np.append(starts, len(flat)))


class Median(
    Plain,
    name="median",
    signature=(
        "x: Tensor, axis: ints = (), keepdim: bool = True, mode: str = 'avg' -> out, medians"
    ),
):
    """The middle element in order over ``axis``; of an even number the mean of two, or the lower."""

    cpu = reference()
    compared = (0,)
    dtypes = ("float32", "float64")
    specials = False  # NaN has no place in an order
    cases = [
        {"x": ("N", 5), "axis": [1], "keepdim": False},
        {"x": (2, 4), "axis": [1]},
        {"x": (2, 4), "axis": [0, 1], "keepdim": False},
        {"x": (2, 4), "axis": [1], "mode": "min", "keepdim": False},
    ]

    def infer(x: TensorType, axis: Any, keepdim: bool, mode: str) -> Any:
        axes = axes_of(axis, x.rank)
        out = x.with_shape(reduced_shape(x.shape, axes, keepdim))
        pair = (2,) if mode == "avg" else ()
        return out, TensorType(DType.INT64, (*reduced_shape(x.shape, axes, False), *pair))

    def numpy(x: np.ndarray, axis: Any, keepdim: bool, mode: str) -> Any:
        axes = axes_of(axis, x.ndim)
        rest = [i for i in range(x.ndim) if i not in axes]
        flat = x.transpose([*rest, *axes]).reshape(*(x.shape[i] for i in rest), -1)
        order = np.argsort(flat, -1, kind="stable")
        low, high = order[..., (flat.shape[-1] - 1) // 2], order[..., flat.shape[-1] // 2]
        a, c = (np.take_along_axis(flat, k[..., None], -1)[..., 0] for k in (low, high))
        out = (a + c) / 2 if mode == "avg" else a
        places = np.stack([low, high], -1) if mode == "avg" else low
        shape: Any = reduced_shape(x.shape, axes, keepdim)
        return out.reshape(shape), places


class Mode(
    Plain, name="mode", signature="x: Tensor, axis: int = -1, keepdim: bool = False -> out, indices"
):
    """The most frequent element along ``axis`` (the smallest of several), and its last position."""

    cpu = reference()
    dtypes = _NUMBERS
    specials = False  # NaN equals nothing
    cases = [
        {"x": values([[1, 2, 2, 3], [3, 3, 1, 1]]), "axis": -1},
        {"x": values([[1, 2], [1, 3], [2, 3]]), "axis": 0, "keepdim": True},
    ]

    def infer(x: TensorType, axis: int, keepdim: bool) -> Any:
        out = x.with_shape(reduced_shape(x.shape, (normalize_axis(axis, x.rank),), keepdim))
        return out, out.with_dtype(DType.INT64)

    def numpy(x: np.ndarray, axis: int, keepdim: bool) -> Any:
        rows = np.moveaxis(x, axis, -1)
        same = rows[..., :, None] == rows[..., None, :]
        counts = same.sum(-1)
        best = np.where(counts == counts.max(-1, keepdims=True), rows, rows.max())
        top = best.min(-1, keepdims=True)
        place = rows.shape[-1] - 1 - np.argmax((rows == top)[..., ::-1], -1)[..., None]
        out = [np.moveaxis(v, -1, axis) for v in (top, place)]
        return out if keepdim else [v.squeeze(axis) for v in out]


class ShardIndex(
    Plain,
    name="shard_index",
    signature=(
        "input: Tensor, index_num: int, nshards: int, shard_id: int, ignore_value: int = -1 -> out"
    ),
):
    """An index within its shard, ``ignore_value`` where another shard holds it."""

    dtypes = ("int32", "int64")
    cases = [
        {"input": ints(("N", 1), 20, dtype="int64"), "index_num": 20, "nshards": 2, "shard_id": 1}
    ]
    infer = lambda input: input  # noqa: E731

    def numpy(
        input: np.ndarray, index_num: int, nshards: int, shard_id: int, ignore_value: int
    ) -> Any:
        size = (index_num + nshards - 1) // nshards
        return np.where(input // size == shard_id, input % size, ignore_value)

    def cpu(
        b: Any, input: Any, index_num: int, nshards: int, shard_id: int, ignore_value: int
    ) -> Any:
        size = (index_num + nshards - 1) // nshards
        return b.map(
            lambda s, v: s.select(s.eq(v // size, shard_id), v % size, ignore_value),
            input,
            dtype=input.dtype,
        )

"""Messages along the edges of a graph, and reductions of segments. Source: phi/kernels/cpu."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.dims import Dim, broadcast_shapes
from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import between, ints, values
from dy2st.ops.rules import reference
from dy2st.ops.scattering import rows_of

_NUMBERS = ("float32", "float64", "int32", "int64")
_EDGES = {"src_index": ints((6,), 4), "dst_index": ints((6,), 4)}


def received(messages: np.ndarray, target: np.ndarray, rows: int, how: str) -> np.ndarray:
    """The messages of each target row summed, averaged, or the least or largest; 0 for none."""
    shape = (rows, *messages.shape[1:])
    count = np.bincount(target, minlength=rows)[:rows].reshape(-1, *(1,) * (messages.ndim - 1))
    if how in ("SUM", "MEAN"):
        out = np.zeros(shape, messages.dtype)
        np.add.at(out, target, messages)
        return out if how == "SUM" else (out / np.maximum(count, 1)).astype(out.dtype)
    worst: Any = _worst(messages.dtype, how)
    out = np.full(shape, worst, messages.dtype)
    (np.minimum if how == "MIN" else np.maximum).at(out, target, messages)
    return np.where(count > 0, out, 0)


def _worst(dtype: np.dtype[Any], how: str) -> Any:
    if dtype.kind == "f":
        return np.inf if how == "MIN" else -np.inf
    return np.iinfo(dtype).max if how == "MIN" else np.iinfo(dtype).min


def inside(x: np.ndarray, src_index: np.ndarray, dst_index: np.ndarray) -> bool:
    """Whether the edges join rows of x; Paddle's kernels read outside for others."""
    low = min(src_index.min(initial=0), dst_index.min(initial=0))
    return bool(low >= 0 and max(src_index.max(initial=-1), dst_index.max(initial=-1)) < len(x))


_COMBINE = {"ADD": np.add, "MUL": np.multiply}
_NODES = {"ADD": "add", "MUL": "mul"}


def _rows(x: Any, out_size: Any) -> Dim:
    size: Dim = out_size[0] if out_size else 0
    return x.shape[0] if isinstance(size, int) and size <= 0 else size


class SendURecv(
    Plain,
    name="send_u_recv",
    signature=(
        "x: Tensor, src_index: Tensor, dst_index: Tensor, reduce_op: str = 'SUM', "
        "out_size: ints = (0,) -> out"
    ),
):
    """Rows of x sent along edges and reduced where they arrive."""

    eager = inside
    dtypes = _NUMBERS
    specials = False  # sums depend on their order
    cases = [{"x": (4, 3), **_EDGES, "reduce_op": how} for how in ("SUM", "MEAN", "MIN", "MAX")] + [
        {"x": (4, 3), **_EDGES, "out_size": [6]}
    ]

    def infer(x: TensorType, out_size: Any) -> TensorType:
        return x.with_shape((_rows(x, out_size), *x.shape[1:]))

    def numpy(
        x: np.ndarray, src_index: np.ndarray, dst_index: np.ndarray, reduce_op: str, out_size: Any
    ) -> Any:
        rows = int(_rows(x, out_size))  # type: ignore[arg-type]
        return received(x[src_index], dst_index, rows, reduce_op)

    def cpu(b: Any, x: Any, src_index: Any, dst_index: Any, reduce_op: str, out_size: Any) -> Any:
        rows = int(_rows(x, out_size))  # type: ignore[arg-type]
        return _received(b, b.gather(x, src_index, 0), dst_index, rows, reduce_op)


def _received(b: Any, messages: Any, target: Any, rows: int, how: str) -> Any:
    """``received`` as kernels."""
    shape = (rows, *messages.shape[1:])
    at = rows_of(b, target, messages.shape)
    if how == "SUM":
        return b.scatter(b.full(shape, 0, messages.dtype), at, messages, op="add")
    ones = b.full(target.shape, 1, "int64")
    count = b.scatter(b.full((rows,), 0, "int64"), [target], ones, op="add")
    count = b.reshape(count, (rows, *(1,) * (len(shape) - 1)))
    if how == "MEAN":
        total = b.scatter(b.full(shape, 0, messages.dtype), at, messages, op="add")
        return b.map(
            lambda s, t, n: s.div(t, s.cast(s.max(n, 1), t.dtype)),
            total,
            count,
            dtype=messages.dtype,
        )
    start = b.full(shape, _worst(np.dtype(messages.dtype), how), messages.dtype)
    best = b.scatter(start, at, messages, op=how.lower())
    return b.map(lambda s, n, v: s.select(n > 0, v, 0), count, best, dtype=messages.dtype)


class SendUeRecv(
    Plain,
    name="send_ue_recv",
    signature=(
        "x: Tensor, y: Tensor, src_index: Tensor, dst_index: Tensor, message_op: str = 'ADD', "
        "reduce_op: str = 'SUM', out_size: ints = (0,) -> out"
    ),
):
    """Rows of x combined with features of the edges, and reduced where they arrive."""

    eager = inside
    dtypes = _NUMBERS
    specials = False  # sums depend on their order
    cases = [
        {"x": (4, 3), "y": (6, 3), **_EDGES},
        {"x": (4, 3), "y": (6, 1), **_EDGES, "message_op": "MUL", "reduce_op": "MAX"},
    ]

    def infer(x: TensorType, y: TensorType, out_size: Any) -> TensorType:
        inner = broadcast_shapes(x.shape[1:], y.shape[1:])
        return x.with_shape((_rows(x, out_size), *inner))

    def numpy(
        x: np.ndarray, y: np.ndarray, src_index: np.ndarray, dst_index: np.ndarray,
        message_op: str, reduce_op: str, out_size: Any,
    ) -> Any:  # fmt: skip
        rows = int(_rows(x, out_size))  # type: ignore[arg-type]
        messages = _COMBINE[message_op](x[src_index], y)
        return received(messages, dst_index, rows, reduce_op)

    def cpu(
        b: Any, x: Any, y: Any, src_index: Any, dst_index: Any, message_op: str, reduce_op: str,
        out_size: Any,
    ) -> Any:  # fmt: skip
        rows = int(_rows(x, out_size))  # type: ignore[arg-type]
        messages = b.elementwise(_NODES[message_op], b.gather(x, src_index, 0), y)
        return _received(b, messages, dst_index, rows, reduce_op)


class SendUv(
    Plain,
    name="send_uv",
    signature=(
        "x: Tensor, y: Tensor, src_index: Tensor, dst_index: Tensor, message_op: str = 'ADD' -> out"
    ),
):
    """Features of both ends of each edge combined."""

    eager = inside
    dtypes = ("float32", "float64")
    cases = [
        {"x": (4, 3), "y": between((4, 3), 1, 2), **_EDGES, "message_op": how}
        for how in ("ADD", "MUL")  # Paddle's Python makes the others of these
    ]

    def infer(x: TensorType, y: TensorType, src_index: TensorType) -> TensorType:
        inner = broadcast_shapes(x.shape[1:], y.shape[1:])
        return x.with_shape((src_index.shape[0], *inner))

    def numpy(
        x: np.ndarray, y: np.ndarray, src_index: np.ndarray, dst_index: np.ndarray, message_op: str
    ) -> Any:
        return _COMBINE[message_op](x[src_index], y[dst_index])

    def cpu(b: Any, x: Any, y: Any, src_index: Any, dst_index: Any, message_op: str) -> Any:
        left, right = b.gather(x, src_index, 0), b.gather(y, dst_index, 0)
        return b.elementwise(_NODES[message_op], left, right)


class SegmentPool(
    Plain,
    name="segment_pool",
    signature="x: Tensor, segment_ids: Tensor, pooltype: str = 'SUM' -> out",
):
    """Rows of one segment after the other reduced; as many rows as the last id says."""

    dtypes = ("float32", "float64")
    specials = False  # sums depend on their order
    cpu = reference()
    cases = [
        {"x": (5, 3), "segment_ids": values([0, 0, 1, 3, 3], "int64"), "pooltype": how}
        for how in ("SUM", "MEAN", "MIN", "MAX")
    ]

    def infer(fresh: Any, x: TensorType) -> TensorType:
        return x.with_shape((fresh(), *x.shape[1:]))

    def numpy(x: np.ndarray, segment_ids: np.ndarray, pooltype: str) -> Any:
        rows = int(segment_ids[-1]) + 1 if len(segment_ids) else 0
        return received(x, segment_ids, rows, pooltype)

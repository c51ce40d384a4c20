"""Joining tensors and taking them apart along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.errors import ShapeError
from dy2st.ir.dims import Dim, broadcast_shapes, floordiv, normalize_axis, require_equal
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.rules import promote_types, require, static


class Concat(Plain, name="concat", signature="x: Tensor[], axis: scalar = 0 -> out"):
    """The tensors one after the other along ``axis``; dtypes are promoted."""

    cases = [
        {"x": [(2, 3), (4, 3)], "axis": 0},
        {"x": [("N", 3), ("N", 2)], "axis": -1},
        {"x": [("N", 3), (1, 3), ("M", 3)], "axis": 0},
        {"x": [(2, 0), (2, 3)], "axis": 1},
        {"x": [(2,)], "axis": 0},
    ]

    def infer(x: tuple[TensorType, ...], axis: int) -> TensorType:
        require(bool(x), "nothing to join")
        at = normalize_axis(int(axis), x[0].rank)
        total: Dim = 0
        dtype = x[0].dtype
        shape = list(x[0].shape)
        for t in x:
            require(t.rank == x[0].rank, f"{t} and {x[0]} differ in rank")
            for i, (a, b) in enumerate(zip(shape, t.shape)):
                if i != at:
                    require_equal(b, a, f"axis {i} of {t} and {x[0]}")
                    shape[i] = a if isinstance(a, int) else b
            total = total + t.shape[at]
            dtype = promote_types(dtype, t.dtype)
        shape[at] = total
        return TensorType(dtype, tuple(shape))

    numpy = lambda x, axis: np.concatenate(x, int(axis))  # noqa: E731

    def cpu(b: Any, x: Any, axis: int) -> Any:
        dtype = DType.of(x[0].dtype)
        for node in x[1:]:
            dtype = promote_types(dtype, DType.of(node.dtype))
        if dtype.is_complex:
            return b.reference()
        return b.concat([b.cast(node, dtype.value) for node in x], int(axis))


class Stack(Plain, name="stack", signature="x: Tensor[], axis: int = 0 -> out"):
    """The tensors along a new axis."""

    cases = [
        {"x": [(2, 3), (2, 3)], "axis": 0},
        {"x": [("N", 3), ("N", 3), ("N", 3)], "axis": -1},
        {"x": [(), ()], "axis": 0},
        {"x": [(0, 2), (0, 2)], "axis": 1},
    ]

    def infer(x: tuple[TensorType, ...], axis: int) -> TensorType:
        require(bool(x), "nothing to join")
        for t in x:
            require(t.rank == x[0].rank, f"{t} and {x[0]} differ in rank")
            for a, b in zip(x[0].shape, t.shape):
                require_equal(a, b, f"{t} and {x[0]}")
        at = normalize_axis(axis, x[0].rank + 1)
        shape = list(x[0].shape)
        shape.insert(at, len(x))
        return x[0].with_shape(tuple(shape))

    numpy = lambda x, axis: np.stack(x, axis)  # noqa: E731
    cpu = lambda b, x, axis: b.stack(list(x), axis)  # noqa: E731


def split_sizes(size: Dim, wanted: Any) -> tuple[Dim, ...]:
    """The sizes of the parts; one -1 takes what is left. Raises ShapeError."""
    sections: tuple[Dim, ...] = tuple(wanted)
    holes = [i for i, s in enumerate(sections) if isinstance(s, int) and s == -1]
    require(len(holes) <= 1, f"sections {sections} have more than one -1")
    total: Dim = 0
    for i, s in enumerate(sections):
        total = total + (0 if i in holes else s)
    if holes:
        rest = size - total
        require(not isinstance(rest, int) or rest >= 0, f"sections {sections} exceed {size}")
        return tuple(rest if i in holes else s for i, s in enumerate(sections))
    require_equal(total, size, f"sections {sections}")
    return sections


def _split_types(x: TensorType, sections: Any, axis: int) -> tuple[TensorType, ...]:
    at = normalize_axis(int(axis), x.rank)
    sizes = split_sizes(x.shape[at], sections)
    return tuple(x.with_shape((*x.shape[:at], s, *x.shape[at + 1 :])) for s in sizes)


def _split_arrays(x: np.ndarray, sections: Any, axis: int) -> list[np.ndarray]:
    sizes = split_sizes(x.shape[int(axis)], sections)
    ends = np.cumsum(np.asarray(sizes, np.int64))
    return list(np.split(x, ends[:-1], int(axis)))


def _split_nodes(b: Any, x: Any, sections: Any, axis: int) -> Any:
    return tuple(b.split(x, split_sizes(x.shape[int(axis)], sections), int(axis)))


class Split(Plain, name="split", signature="x: Tensor, sections: ints, axis: scalar -> outs[]"):
    """Parts of the given sizes along ``axis``; -1 takes what is left."""

    cases = [
        {"x": (2, 6), "sections": [1, 2, 3], "axis": 1},
        {"x": ("N", 6), "sections": [4, -1], "axis": 1},
        {"x": (5, 2), "sections": [0, 5], "axis": 0},
    ]
    infer = _split_types
    numpy = _split_arrays
    cpu = _split_nodes


def _equal_parts(size: Dim, num: int) -> tuple[Dim, ...]:
    if isinstance(size, int) and size % num:
        raise ShapeError(f"size {size} does not split into {num} equal parts")
    return (floordiv(size, num),) * num


class SplitWithNum(
    Plain, name="split_with_num", signature="x: Tensor, num: int, axis: scalar -> outs[]"
):
    """``num`` equal parts along ``axis``."""

    cases = [
        {"x": (2, 6), "num": 3, "axis": 1},
        {"x": ("N", 6), "num": 2, "axis": 1},
        {"x": (4, 2), "num": 1, "axis": 0},
    ]

    def infer(x: TensorType, num: int, axis: int) -> tuple[TensorType, ...]:
        at = normalize_axis(int(axis), x.rank)
        return _split_types(x, _equal_parts(x.shape[at], num), at)

    numpy = lambda x, num, axis: np.split(x, num, int(axis))  # noqa: E731

    def cpu(b: Any, x: Any, num: int, axis: int) -> Any:
        return _split_nodes(b, x, _equal_parts(x.shape[int(axis)], num), axis)


def _unbound(x: TensorType, axis: int) -> tuple[TensorType, ...]:
    at = normalize_axis(axis, x.rank)
    count = static(x.shape[at], f"the size of axis {axis} of {x}")
    return (x.with_shape((*x.shape[:at], *x.shape[at + 1 :])),) * count


def _unbind_nodes(b: Any, x: Any, axis: int) -> Any:
    return tuple(b.pick(x, axis, i) for i in range(x.shape[axis]))


class Unbind(Plain, name="unbind", signature="input: Tensor, axis: int = 0 -> outs[]"):
    """The slices along ``axis``, without it."""

    view = True
    cases = [{"input": (2, 3)}, {"input": ("N", 3), "axis": -1}, {"input": (1, 2, 2), "axis": 1}]
    infer = lambda input, axis: _unbound(input, axis)  # noqa: E731
    numpy = lambda input, axis: list(np.moveaxis(input, axis, 0))  # noqa: E731
    cpu = lambda b, input, axis: _unbind_nodes(b, input, axis)  # noqa: E731


class Unstack(Plain, name="unstack", signature="x: Tensor, axis: int = 0, num: int = 0 -> outs[]"):
    """The slices along ``axis``, without it."""

    cases = [{"x": (2, 3), "num": 2}, {"x": ("N", 3), "axis": -1, "num": 3}]
    infer = lambda x, axis: _unbound(x, axis)  # noqa: E731
    numpy = lambda x, axis: list(np.moveaxis(x, axis, 0))  # noqa: E731
    cpu = lambda b, x, axis: _unbind_nodes(b, x, axis)  # noqa: E731


class Meshgrid(Plain, name="meshgrid", signature="inputs: Tensor[] -> outs[]"):
    """Grids of coordinates, one for each vector (numpy's ``indexing="ij"``)."""

    cases = [{"inputs": [(2,), (3,)]}, {"inputs": [("N",), (3,), ("M",)]}, {"inputs": [(2,)]}]

    def infer(inputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        shape = tuple(t.shape[0] if t.rank else 1 for t in inputs)
        return tuple(t.with_shape(shape) for t in inputs)

    numpy = lambda inputs: np.meshgrid(*inputs, indexing="ij")  # noqa: E731

    def cpu(b: Any, inputs: Any) -> Any:
        shape = tuple(x.shape[0] if x.shape else 1 for x in inputs)
        rank = len(shape)
        return tuple(
            b.expand(b.reshape(x, [shape[i] if i == d else 1 for i in range(rank)]), shape)
            for d, x in enumerate(inputs)
        )


class BroadcastTensors(Plain, name="broadcast_tensors", signature="input: Tensor[] -> outs[]"):
    """All tensors expanded to their common shape."""

    cases = [{"input": [(2, 1), (3,)]}, {"input": [("N", 1), (1, 3), ()]}]

    def infer(input: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        shape = broadcast_shapes(*(t.shape for t in input))
        return tuple(t.with_shape(shape) for t in input)

    numpy = lambda input: np.broadcast_arrays(*input)  # noqa: E731

    def cpu(b: Any, input: Any) -> Any:
        shape = broadcast_shapes(*(x.shape for x in input))
        return tuple(b.expand(x, shape) for x in input)

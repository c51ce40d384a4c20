"""Reading and writing of slices: ``slice``, ``strided_slice``, ``set_value`` and their kin."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.errors import IndexOutOfRangeError, ShapeError
from dy2st.ir.dims import Dim, Shape, broadcast_shapes, ceildiv, max_, min_, normalize_axis
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.rules import at_least_0, is_negative, is_not_negative, known, smaller

_HUGE = 2**31 - 1


def _from_the_front(bound: Dim, size: Dim) -> Dim:
    """A bound as Python counts it: a negative one from the back, also where only a run knows."""
    if _has_any_sign(bound):
        return bound - size * max_(min_(bound, 0), -1)  # minus one below 0, else 0
    return bound + size if is_negative(bound) or known("<", bound, 0) else bound


def _has_any_sign(bound: Dim) -> bool:
    """Whether only a run knows on which side of 0 ``bound`` lies."""
    if is_negative(bound) or is_not_negative(bound):
        return False
    return known("<", bound, 0) is None


def _bound(bound: Dim, size: Dim, lowest: Dim, highest: Dim) -> Dim:
    """A slice's bound counted from the front, clamped where an order is known."""
    if isinstance(bound, int) and isinstance(size, int):
        lowest, highest = int(lowest), int(highest)  # type: ignore[arg-type]
        return min(max(bound + size if bound < 0 else bound, lowest), highest)
    if isinstance(bound, int) and bound >= _HUGE:
        return highest
    bound = _from_the_front(bound, size)
    if known("<", bound, lowest):
        return lowest
    return smaller(bound, highest) if known("<=", bound, highest) is not None else bound


def slice_range(start: Dim, end: Dim, step: int, size: Dim) -> tuple[Dim, Dim]:
    """First index and count of Python's ``start:end:step`` over an axis of ``size``.

    Where neither structure nor an example orders a bound and the size, a start is taken to lie
    inside, and an end to be the smaller of the two.
    """
    if step > 0:
        first = _bound(start, size, 0, size)
        if not isinstance(end, int) or end < _HUGE:
            last = _bound(end, size, 0, size)
            inside = known("<=", last, size)
            last = smaller(last, size) if inside is None else last
        else:
            last = size
        count = last - first
        open_ended = _has_any_sign(start) or _has_any_sign(end)
        return first, ceildiv(max_(count, 0) if open_ended else at_least_0(count), step)
    first = _bound(start, size, -1, size - 1)
    last = _bound(end, size, -1, size - 1)
    return first, ceildiv(at_least_0(first - last), -step)


class Ranges:
    """The slices of a call: for each axis of ``shape`` a first index, a count and a step."""

    def __init__(self, shape: Shape, axes: Any, starts: Any, ends: Any, steps: Any) -> None:
        self.first: list[Dim] = [0] * len(shape)
        self.count: list[Dim] = list(shape)
        self.step: list[int] = [1] * len(shape)
        for axis, start, end, step in zip(axes, starts, ends, steps):
            at = normalize_axis(axis, len(shape))
            if step == 0:
                raise ShapeError("the step of a slice is 0")
            self.first[at], self.count[at] = slice_range(start, end, step, shape[at])
            self.step[at] = step

    def without(self, decreased: Any) -> Shape:
        """The counts but those of the axes that integers index. Raises ShapeError."""
        gone = {normalize_axis(a, len(self.count)) for a in decreased}
        for axis in gone:
            if isinstance(self.count[axis], int) and self.count[axis] < 1:  # type: ignore[operator]
                raise ShapeError(f"index is out of range for axis {axis}")
        return tuple(c for i, c in enumerate(self.count) if i not in gone)

    def slices(self) -> tuple[slice, ...]:
        """Python's slices, for concrete sizes."""
        out = []
        for first, count, step in zip(self.first, self.count, self.step):
            last = first + count * step  # type: ignore[operator]
            end = None if last < 0 else last  # type: ignore[operator]
            # An empty range must not reach "to the very front".
            out.append(slice(first, end, step) if count else slice(0, 0, 1))
        return tuple(out)

    def node(self, b: Any, x: Any) -> Any:
        """The slice of a kernel graph's node."""
        parts = self.slices()
        stops = [-len(x.shape) - 2**40 if s.stop is None else s.stop for s in parts]
        return b.slice(x, [s.start for s in parts], stops, [s.step for s in parts])


def _check_bounds(ranges: Ranges, decreased: Any) -> None:
    for axis in decreased:
        if ranges.count[axis] == 0:
            raise IndexOutOfRangeError(f"index is out of range for axis {axis}")


class Slice(
    Plain,
    name="slice",
    signature=(
        "input: Tensor, axes: ints, starts: ints, ends: ints, infer_flags: ints = (), "
        "decrease_axis: ints = () -> out"
    ),
):
    """``starts:ends`` along ``axes``; the axes of ``decrease_axis`` are dropped."""

    view = True
    cases = [
        {"input": (4, 5), "axes": [0], "starts": [1], "ends": [3], "infer_flags": [1]},
        {
            "input": (4, 5),
            "axes": [0, 1],
            "starts": [-3, 0],
            "ends": [100, -1],
            "infer_flags": [1, 1],
        },
        {
            "input": (4, 5),
            "axes": [0],
            "starts": [2],
            "ends": [3],
            "infer_flags": [1],
            "decrease_axis": [0],
        },
        {
            "input": ("N", 5),
            "axes": [1],
            "starts": [-1],
            "ends": [5],
            "infer_flags": [1],
            "decrease_axis": [1],
        },
        {"input": ("N", 5), "axes": [0], "starts": [1], "ends": [_HUGE], "infer_flags": [1]},
        {"input": ("N", 5), "axes": [0], "starts": [0], "ends": [-1], "infer_flags": [1]},
        {"input": ("N", 5), "axes": [0], "starts": [0], "ends": [4], "infer_flags": [1]},
        {
            "input": (4,),
            "axes": [0],
            "starts": [0],
            "ends": [1],
            "infer_flags": [1],
            "decrease_axis": [0],
        },
        {"input": (4, 3), "axes": [0], "starts": [3], "ends": [2], "infer_flags": [1]},
        {"input": (0, 3), "axes": [1], "starts": [1], "ends": [2], "infer_flags": [1]},
    ]

    def infer(
        input: TensorType, axes: Any, starts: Any, ends: Any, decrease_axis: Any
    ) -> TensorType:
        ranges = Ranges(input.shape, axes, starts, ends, [1] * len(axes))
        return input.with_shape(ranges.without(decrease_axis))

    def numpy(input: np.ndarray, axes: Any, starts: Any, ends: Any, decrease_axis: Any) -> Any:
        ranges = Ranges(input.shape, axes, starts, ends, [1] * len(axes))
        _check_bounds(ranges, decrease_axis)
        return input[ranges.slices()].reshape(ranges.without(decrease_axis))

    def cpu(b: Any, input: Any, axes: Any, starts: Any, ends: Any, decrease_axis: Any) -> Any:
        ranges = Ranges(input.shape, axes, starts, ends, [1] * len(axes))
        return b.reshape(ranges.node(b, input), ranges.without(decrease_axis))


class StridedSlice(
    Plain,
    name="strided_slice",
    signature="x: Tensor, axes: ints, starts: ints, ends: ints, strides: ints -> out",
):
    """``starts:ends:strides`` along ``axes``; an end below -size lies before the first element."""

    view = True
    cases = [
        {"x": (4, 6), "axes": [1], "starts": [0], "ends": [6], "strides": [2]},
        {"x": (4, 6), "axes": [0, 1], "starts": [3, 5], "ends": [-5, 0], "strides": [-1, -2]},
        {"x": ("N", 7), "axes": [1], "starts": [1], "ends": [100], "strides": [3]},
        {"x": (4, 6), "axes": [1], "starts": [-1], "ends": [-100], "strides": [-1]},
        {"x": ("N", 7), "axes": [0], "starts": [0], "ends": [_HUGE], "strides": [2]},
        {"x": (4, 6), "axes": [1], "starts": [4], "ends": [2], "strides": [1]},
    ]

    def infer(x: TensorType, axes: Any, starts: Any, ends: Any, strides: Any) -> TensorType:
        return x.with_shape(tuple(Ranges(x.shape, axes, starts, ends, strides).count))

    def numpy(x: np.ndarray, axes: Any, starts: Any, ends: Any, strides: Any) -> Any:
        return x[Ranges(x.shape, axes, starts, ends, strides).slices()]

    def cpu(b: Any, x: Any, axes: Any, starts: Any, ends: Any, strides: Any) -> Any:
        return Ranges(x.shape, axes, starts, ends, strides).node(b, x)


def _target_shape(ranges: Ranges, decreased: Any, inserted: Any) -> Shape:
    """The shape that a value is broadcast to: of the slice, less ints, plus None."""
    shape = list(ranges.without(decreased))
    for position in inserted:
        shape.insert(position, 1)
    return tuple(shape)


def _assign(
    x: np.ndarray, value: np.ndarray, ranges: Ranges, decreased: Any, inserted: Any
) -> np.ndarray:
    _check_bounds(ranges, decreased)
    out = x.copy()
    wanted = _target_shape(ranges, decreased, inserted)
    # numpy drops leading axes of size 1 of an assigned value; broadcasting to it does not.
    while value.ndim > len(wanted) and value.shape[0] == 1:
        value = value[0]
    part: np.ndarray = np.broadcast_to(value, wanted).reshape(ranges.count)  # type: ignore[arg-type]
    out[ranges.slices()] = part.astype(x.dtype)
    return out


def _assign_nodes(b: Any, x: Any, value: Any, ranges: Ranges, decreased: Any, inserted: Any) -> Any:
    wanted = _target_shape(ranges, decreased, inserted)
    while len(value.shape) > len(wanted) and value.shape[0] == 1:
        value = b.reshape(value, value.shape[1:])
    counts = tuple(ranges.count)
    part = b.cast(b.reshape(b.expand(value, wanted), counts), x.dtype)
    if counts == tuple(x.shape) and set(ranges.step) == {1}:
        return part
    if set(ranges.step) == {1}:
        return _paste(b, x, part, ranges)
    indices = []
    for axis, (first, step) in enumerate(zip(ranges.first, ranges.step)):
        line = b.iota(tuple(n if i == axis else 1 for i, n in enumerate(counts)), axis)
        indices.append(b.map(lambda s, v, f=first, k=step: v * k + f, line))
    return b.scatter(x, indices, part, mode="unchecked")


def _paste(b: Any, x: Any, part: Any, ranges: Ranges) -> Any:
    """``part`` over a dense block of ``x``: what lies before and after it is joined on, axis by axis."""
    axes = [i for i, n in enumerate(ranges.count) if n != x.shape[i]]
    block = x
    blocks = []
    for axis in axes:
        blocks.append(block)
        first = ranges.first[axis]
        block = b.narrow(block, axis, first, first + ranges.count[axis])
    for axis, outer in zip(reversed(axes), reversed(blocks)):
        first, last = ranges.first[axis], ranges.first[axis] + ranges.count[axis]
        pieces = [
            b.narrow(outer, axis, 0, first),
            part,
            b.narrow(outer, axis, last, outer.shape[axis]),
        ]
        part = b.concat([p for p in pieces if p.shape[axis]], axis)
    return part


_SET_CASES: list[dict[str, Any]] = [
    {"x": (4, 5), "starts": [1], "ends": [3], "steps": [1], "axes": [0], "values": (2, 5)},
    {"x": (4, 5), "starts": [1], "ends": [3], "steps": [1], "axes": [0], "values": (5,)},
    {
        "x": (4, 5),
        "starts": [0, 0],
        "ends": [4, 5],
        "steps": [1, 2],
        "axes": [0, 1],
        "values": (4, 1),
    },
    {
        "x": (4, 5),
        "starts": [2, 0],
        "ends": [3, 3],
        "steps": [1, 1],
        "axes": [0, 1],
        "decrease_axes": [0],
        "values": (3,),
    },
    {"x": (4, 5), "starts": [3], "ends": [-5], "steps": [-1], "axes": [0], "values": (4, 5)},
    {"x": ("N", 5), "starts": [0], "ends": [3], "steps": [1], "axes": [1], "values": ("N", 3)},
    {"x": ("N", 5), "starts": [], "ends": [], "steps": [], "axes": [], "values": ()},
]


class SetValueWithTensor(
    Plain,
    name="set_value_with_tensor",
    signature=(
        "x: Tensor, values: Tensor, starts: ints, ends: ints, steps: ints, axes: ints, "
        "decrease_axes: ints = (), none_axes: ints = () -> out"
    ),
):
    """x with ``values``, broadcast, written over a slice; ``decrease_axes`` were indexed by ints."""

    cases = _SET_CASES

    def infer(
        x: TensorType, values: TensorType, starts: Any, ends: Any, steps: Any, axes: Any,
        decrease_axes: Any, none_axes: Any,
    ) -> TensorType:  # fmt: skip
        ranges = Ranges(x.shape, axes, starts, ends, steps)
        wanted = _target_shape(ranges, decrease_axes, none_axes)
        shape = values.shape
        while len(shape) > len(wanted) and shape[0] == 1:
            shape = shape[1:]
        broadcast_shapes(wanted, shape, what="the assigned value")
        return x

    def numpy(
        x: np.ndarray, values: np.ndarray, starts: Any, ends: Any, steps: Any, axes: Any,
        decrease_axes: Any, none_axes: Any,
    ) -> Any:  # fmt: skip
        ranges = Ranges(x.shape, axes, starts, ends, steps)
        return _assign(x, values, ranges, decrease_axes, none_axes)

    def cpu(
        b: Any, x: Any, values: Any, starts: Any, ends: Any, steps: Any, axes: Any,
        decrease_axes: Any, none_axes: Any,
    ) -> Any:  # fmt: skip
        ranges = Ranges(x.shape, axes, starts, ends, steps)
        return _assign_nodes(b, x, values, ranges, decrease_axes, none_axes)


class SetValue(
    Plain,
    name="set_value",
    signature=(
        "x: Tensor, starts: ints, ends: ints, steps: ints, axes: ints, decrease_axes: ints, "
        "none_axes: ints, shape: ints, values: scalars -> out"
    ),
):
    """x with constant values of a given shape written over a slice."""

    cases = [
        {
            "x": (4, 5),
            "starts": [1],
            "ends": [3],
            "steps": [1],
            "axes": [0],
            "decrease_axes": [],
            "none_axes": [],
            "shape": [1],
            "values": [2.0],
        },
        {
            "x": ("N", 5),
            "starts": [0],
            "ends": [5],
            "steps": [2],
            "axes": [1],
            "decrease_axes": [],
            "none_axes": [],
            "shape": [3],
            "values": [1, 2, 3],
        },
    ]
    infer = lambda x: x  # noqa: E731

    def numpy(
        x: np.ndarray, starts: Any, ends: Any, steps: Any, axes: Any, decrease_axes: Any,
        none_axes: Any, shape: Any, values: Any,
    ) -> Any:  # fmt: skip
        ranges = Ranges(x.shape, axes, starts, ends, steps)
        value = np.asarray(values).astype(x.dtype).reshape(shape)
        return _assign(x, value, ranges, decrease_axes, none_axes)

    def cpu(
        b: Any, x: Any, starts: Any, ends: Any, steps: Any, axes: Any, decrease_axes: Any,
        none_axes: Any, shape: Any, values: Any,
    ) -> Any:  # fmt: skip
        ranges = Ranges(x.shape, axes, starts, ends, steps)
        value = b.constant(np.asarray(values).astype(DType.of(x.dtype).numpy).reshape(shape))
        return _assign_nodes(b, x, value, ranges, decrease_axes, none_axes)


class Crop(Plain, name="crop", signature="x: Tensor, shape: ints = (), offsets: ints = () -> out"):
    """The block of ``shape`` that begins at ``offsets``; -1 reaches to the end."""

    view = False
    cases = [
        {"x": (4, 5), "shape": [2, 3], "offsets": [1, 2]},
        {"x": ("N", 5), "shape": [-1, 2], "offsets": [0, 1]},
    ]

    def infer(x: TensorType, shape: Any, offsets: Any) -> TensorType:
        return x.with_shape(_crop_shape(x.shape, shape, offsets))

    def numpy(x: np.ndarray, shape: Any, offsets: Any) -> Any:
        sizes = _crop_shape(x.shape, shape, offsets)
        return x[tuple(slice(o, o + n) for o, n in zip(offsets, sizes))]  # type: ignore[operator]

    def cpu(b: Any, x: Any, shape: Any, offsets: Any) -> Any:
        sizes = _crop_shape(x.shape, shape, offsets)
        return b.slice(x, list(offsets), [o + n for o, n in zip(offsets, sizes)])


def _crop_shape(shape: Shape, wanted: Any, offsets: Any) -> Shape:
    return tuple(n - o if w == -1 else w for n, w, o in zip(shape, wanted, offsets))

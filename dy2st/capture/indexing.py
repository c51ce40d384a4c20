"""``x[index]`` and ``x[index] = value`` as eager does them, in phi operations.

Basic indices (ints, slices, None, Ellipsis) become ``slice`` / ``strided_slice`` and reshapes, which
are views; tensors, lists, arrays and bool masks become ``gather`` / ``gather_nd``, which copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dy2st.capture import storage, symint
from dy2st.capture.dispatch import is_tensor
from dy2st.errors import CaptureError
from dy2st.ir import dims
from dy2st.ir.dims import Dim
from dy2st.ir.types import DType

if TYPE_CHECKING:
    from dy2st.capture.recorder import Recorder


@dataclass
class Parsed:
    """An index taken apart. Axes count the dimensions of the indexed tensor."""

    starts: list[Any]
    ends: list[Any]
    steps: list[int]
    axes: list[int]
    decrease: list[int]  # axes of integer indices
    new_axes: list[int]  # positions of None among the result's basic dimensions
    advanced: dict[int, Any]  # axis → integer index tensor
    identity: bool  # the whole tensor


def get(recorder: Recorder, tensor: Any, index: Any) -> Any:
    """``tensor[index]``."""
    parsed = _parse(recorder, tensor, index)
    out = _basic(recorder, tensor, parsed)
    if not parsed.advanced:
        return storage.alias(recorder, out) if out is tensor else out
    return _gather(recorder, out, _result_axes(parsed))


def set_(recorder: Recorder, tensor: Any, index: Any, value: Any) -> None:
    """``tensor[index] = value`` in place."""
    parsed = _parse(recorder, tensor, index)
    target = recorder.value_of(tensor)
    value = _as_value(recorder, value, target.dtype)
    if not parsed.advanced:
        attrs = {
            "starts": tuple(parsed.starts),
            "ends": tuple(parsed.ends),
            "steps": tuple(parsed.steps),
            "axes": tuple(parsed.axes),
            "decrease_axes": tuple(parsed.decrease),
            "none_axes": tuple(parsed.new_axes),
        }
        op = recorder.emit("set_value_with_tensor", (target, recorder.value_of(value)), attrs)
        recorder.rebind(tensor, op.results[0])
        return
    _scatter(recorder, tensor, parsed, value)


def _as_value(recorder: Recorder, value: Any, dtype: DType) -> Any:
    if is_tensor(value):
        value = recorder.lift(value)
    elif isinstance(value, (bool, int, float, complex)):
        number = symint.plain(value)
        return recorder.full((), number, dtype)
    else:
        value = recorder.constant(np.asarray(value))
    return value if recorder.value_of(value).dtype is dtype else recorder.call("cast", value, dtype)


# --- taking an index apart ----------------------------------------------------------------------


def _parse(recorder: Recorder, tensor: Any, index: Any) -> Parsed:
    items = list(index) if isinstance(index, tuple) else [index]
    items = _expand_masks(recorder, [_as_index(recorder, i) for i in items])
    rank = recorder.value_of(tensor).type.rank
    used = sum(1 for i in items if i is not None and i is not Ellipsis)
    if used > rank:
        raise IndexError(f"too many indices ({used}) for a tensor of rank {rank}")
    if not any(i is Ellipsis for i in items):
        items.append(Ellipsis)
    parsed = Parsed([], [], [], [], [], [], {}, False)
    shape = recorder.value_of(tensor).shape
    axis = position = 0
    for item in items:
        if item is None:
            parsed.new_axes.append(position)
            position += 1
        elif item is Ellipsis:
            axis += rank - used
            position += rank - used
        else:
            position += _place(recorder, parsed, item, axis, shape[axis])
            axis += 1
    return parsed


def _as_index(recorder: Recorder, item: Any) -> Any:
    """A list, array or tensor as a symbolic tensor; Python values stay."""
    if isinstance(item, range):
        item = list(item)
    if isinstance(item, (list, tuple)) and any(is_tensor(i) or symint.is_symint(i) for i in item):
        parts = [
            recorder.lift(i) if is_tensor(i) else recorder.tensor_of(symint.dim_of(i) or 0)
            for i in item
        ]  # type: ignore[arg-type]
        return recorder.call("stack", parts, 0)
    if isinstance(item, (list, tuple, np.ndarray)):
        array = np.asarray(item)
        if array.size == 0 and array.dtype.kind == "f":
            array = array.astype(np.int64)
        return recorder.constant(array)
    if is_tensor(item):
        return recorder.lift(item)
    if isinstance(item, (np.integer, np.bool_)):
        return item.item()
    return item


def _expand_masks(recorder: Recorder, items: list[Any]) -> list[Any]:
    """Each bool tensor of rank k becomes k integer index tensors (its true positions)."""
    out: list[Any] = []
    for item in items:
        if isinstance(item, bool):
            raise CaptureError(
                "a bool as an index", location=recorder.location, remedy="use a bool tensor"
            )
        if is_tensor(item) and recorder.value_of(item).dtype is DType.BOOL:
            rank = recorder.value_of(item).type.rank
            if rank == 0:
                raise CaptureError("a 0-D bool tensor as an index", location=recorder.location)
            positions = recorder.call("nonzero", item)
            out.extend(positions[:, i] for i in range(rank))
        else:
            out.append(item)
    return out


def _place(recorder: Recorder, parsed: Parsed, item: Any, axis: int, size: Dim) -> int:
    """Enter one item for one axis; returns how many basic result dimensions it makes."""
    if isinstance(item, slice):
        _place_slice(recorder, parsed, item, axis, size)
        return 1
    if is_tensor(item):
        value = recorder.value_of(item)
        if value.type.rank == 0 or (
            recorder.known_content(value) is not None and value.type.rank == 0
        ):
            item = recorder.item(item)
        else:
            parsed.advanced[axis] = item
            return 1
    dim = symint.dim_of(item)
    if dim is None:
        raise IndexError(f"a tensor cannot be indexed with {type(item).__name__}")
    if isinstance(dim, int) and isinstance(size, int) and not -size <= dim < size:
        raise IndexError(f"index {dim} is out of range for an axis of size {size}")
    parsed.axes.append(axis)
    parsed.starts.append(dim)
    # -1 + 1 would be 0: the end of the last element is the size itself.
    parsed.ends.append(size if dim == -1 else dim + 1)
    parsed.steps.append(1)
    parsed.decrease.append(axis)
    return 0


def _place_slice(recorder: Recorder, parsed: Parsed, item: slice, axis: int, size: Dim) -> None:
    step = _bound(recorder, item.step)
    step = 1 if step is None else int(recorder.symint(step))
    start, stop = _bound(recorder, item.start), _bound(recorder, item.stop)
    if start is None and stop is None and step == 1:
        return
    if step == 0:
        raise ValueError("slice step cannot be zero")
    if start is None:
        start = 0 if step > 0 else size - 1
    if stop is None:
        # Below every index: a negative end counts from the back, so the size is taken off too.
        stop = size if step > 0 else -size - 1
    parsed.axes.append(axis)
    parsed.starts.append(start)
    parsed.ends.append(stop)
    parsed.steps.append(step)


def _bound(recorder: Recorder, value: Any) -> Dim | None:
    if value is None:
        return None
    if is_tensor(value):
        value = recorder.item(recorder.lift(value))
    if isinstance(value, np.generic):
        value = value.item()
    dim = symint.dim_of(value)
    if dim is None:
        raise TypeError(f"slice indices must be integers, not {type(value).__name__}")
    return dim


# --- reading ----------------------------------------------------------------------------------------


def _basic(recorder: Recorder, tensor: Any, parsed: Parsed) -> Any:
    out = tensor
    if parsed.axes:
        if all(s == 1 for s in parsed.steps):
            axes, starts, ends = tuple(parsed.axes), tuple(parsed.starts), tuple(parsed.ends)
            out = recorder.call(
                "slice", out, axes, starts, ends, (1,) * len(axes), tuple(parsed.decrease)
            )
        else:
            out = recorder.call(
                "strided_slice", out, parsed.axes, parsed.starts, parsed.ends, parsed.steps
            )
            if parsed.decrease:
                out = recorder.call("squeeze", out, tuple(parsed.decrease))
    if parsed.new_axes:
        out = recorder.call("unsqueeze", out, tuple(parsed.new_axes))
    return out


def _result_axes(parsed: Parsed) -> dict[int, Any]:
    """Advanced indices by the axis that they index in the result of the basic part."""
    out = {}
    for axis, index in parsed.advanced.items():
        position = axis - sum(1 for d in parsed.decrease if d < axis)
        for new in parsed.new_axes:
            if new <= position:
                position += 1
        out[position] = index
    return out


def _gather(recorder: Recorder, tensor: Any, advanced: dict[int, Any]) -> Any:
    axes = sorted(advanced)
    if len(axes) == 1 and recorder.value_of(advanced[axes[0]]).type.rank == 1:
        index = _wrap_negative(recorder, tensor, axes[0], advanced[axes[0]])
        return recorder.call("gather", tensor, index, axes[0])
    index, rank = _stacked(recorder, tensor, advanced, axes)
    front = _to_front(recorder, tensor, axes)
    out = recorder.call("gather_nd", front, index)
    if axes == list(range(axes[0], axes[0] + len(axes))) and axes[0] > 0:
        out = recorder.call("transpose", out, _move_block(out.ndim, rank, axes[0]))
    return out


def _stacked(
    recorder: Recorder, tensor: Any, advanced: dict[int, Any], axes: list[int]
) -> tuple[Any, int]:
    """The index tensors broadcast against each other and stacked along a last axis, and their rank."""
    wrapped = [_wrap_negative(recorder, tensor, a, advanced[a]) for a in axes]
    shapes = [recorder.value_of(i).shape for i in wrapped]
    shape = dims.broadcast_shapes(*shapes, what="index")
    full = [
        i if recorder.value_of(i).shape == shape else recorder.call("expand", i, shape)
        for i in wrapped
    ]
    return recorder.call("stack", full, -1), len(shape)


def _wrap_negative(recorder: Recorder, tensor: Any, axis: int, index: Any) -> Any:
    """Indices counted from the front, int64. Range errors stay errors of the gather."""
    if recorder.value_of(index).dtype is not DType.INT64:
        index = recorder.call("cast", index, DType.INT64)
    content = None
    from dy2st.capture.content import content_of

    content = content_of(recorder.builder.program, recorder.value_of(index))
    if content is not None and all(isinstance(c, int) and c >= 0 for c in content):
        return index
    size = recorder.value_of(tensor).shape[axis]
    zero = recorder.full((), 0, DType.INT64)
    shifted = recorder.call("scale", index, 1.0, size, True)
    return recorder.call("where", recorder.call("less_than", index, zero), shifted, index)


def _to_front(recorder: Recorder, tensor: Any, axes: list[int]) -> Any:
    rank = recorder.value_of(tensor).type.rank
    perm = [*axes, *(a for a in range(rank) if a not in axes)]
    return tensor if perm == list(range(rank)) else recorder.call("transpose", tensor, perm)


def _move_block(rank: int, width: int, to: int) -> list[int]:
    """The permutation that moves the first ``width`` axes to position ``to``."""
    rest = list(range(width, rank))
    return [*rest[:to], *range(width), *rest[to:]]


# --- writing ----------------------------------------------------------------------------------------


def _scatter(recorder: Recorder, tensor: Any, parsed: Parsed, value: Any) -> None:
    if parsed.axes or parsed.new_axes:
        # Through the view that the basic part makes: its write goes back into the tensor.
        view = _basic(recorder, tensor, parsed)
        _put(recorder, view, _result_axes(parsed), value)
        return
    _put(recorder, tensor, parsed.advanced, value)


def _put(recorder: Recorder, tensor: Any, advanced: dict[int, Any], value: Any) -> None:
    axes = sorted(advanced)
    index, rank = _stacked(recorder, tensor, advanced, axes)
    front = _to_front(recorder, tensor, axes)
    shape = (
        *recorder.value_of(index).shape[:-1],
        *recorder.value_of(front).shape[len(axes) :],
    )
    if axes[0] > 0 and axes == list(range(axes[0], axes[0] + len(axes))):
        # The value has the result's layout: its index dimensions stand where the first index stood.
        moved = _move_block(len(shape), rank, axes[0])
        value = recorder.call("expand", value, tuple(shape[m] for m in moved))
        value = recorder.call("transpose", value, [moved.index(i) for i in range(len(moved))])
    elif recorder.value_of(value).shape != shape:
        value = recorder.call("expand", value, shape)
    parts = [index[..., i] for i in range(len(axes))]
    new = recorder.call("index_put", front, parts, value, False)
    rank_all = recorder.value_of(tensor).type.rank
    perm = [*axes, *(a for a in range(rank_all) if a not in axes)]
    if perm != list(range(rank_all)):
        new = recorder.call("transpose", new, [perm.index(i) for i in range(rank_all)])
    recorder.rebind(tensor, recorder.value_of(new))

"""Writing by index: scatter and its kin. The result is a new tensor; every index is checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import between, ints, values
from dy2st.ops.indexing import checked, index_shape, no_wrap
from dy2st.ops.rules import require, same_as

_FLOATS = ("float32", "float64")


class IndexPut(
    Plain,
    name="index_put",
    signature="x: Tensor, indices: Tensor[], value: Tensor, accumulate: bool = False -> out",
):
    """``x[indices] = value``, or ``+=``; index tensors and the value broadcast."""

    rejects = True
    eager = False  # ends the process for an index outside
    specials = False
    cases = [
        {"x": (4, 3), "indices": [values([0, 2], "int64")], "value": (2, 3)},
        {
            "x": (4, 3),
            "indices": [values([0, -1], "int64"), values([1, 2], "int64")],
            "value": (1,),
        },
        {"x": ("N", 3), "indices": [values([1, 1], "int64")], "value": (3,), "accumulate": True},
        {"x": (4, "N"), "indices": [values([[0], [1]], "int64")], "value": (1,)},
    ]

    def infer(x: TensorType, indices: tuple[TensorType, ...]) -> TensorType:
        require(0 < len(indices) <= x.rank, f"{len(indices)} indices for {x}")
        index_shape(indices)
        return x

    def numpy(x: Any, indices: Any, value: Any, accumulate: bool) -> Any:
        out = x.copy()
        at = tuple(
            i if i.dtype == bool else checked("index_put", i, x.shape[n])
            for n, i in enumerate(indices)
        )
        if accumulate:
            np.add.at(out, at, value)
        else:
            out[at] = value
        return out

    def cpu(b: Any, x: Any, indices: Any, value: Any, accumulate: bool) -> Any:
        plain = all(i.dtype in ("int64", "int32") for i in indices)
        if not plain or x.dtype.startswith("complex") or (accumulate and x.dtype == "bool"):
            return b.reference()
        lead = np.broadcast_shapes(*(i.shape for i in indices))
        shape = (*lead, *x.shape[len(indices) :])
        tail = len(x.shape) - len(indices)
        at = [b.reshape(i, (*i.shape, *(1,) * tail)) for i in indices]
        at += [b.iota(shape, len(lead) + i) for i in range(tail)]
        return b.scatter(x, at, b.expand(value, shape), "add" if accumulate else "set")


class IndexAdd(
    Plain,
    name="index_add",
    signature="x: Tensor, index: Tensor, add_value: Tensor, axis: int = 0 -> out",
):
    """``x`` with slices added at ``index`` along ``axis``."""

    rejects = True
    specials = False
    dtypes = ("float32", "float64", "int32", "int64")
    cases = [
        {"x": (4, 3), "index": values([0, 2, 0], "int64"), "add_value": (3, 3), "axis": 0},
        {"x": ("N", 3), "index": values([1], "int64"), "add_value": ("N", 1), "axis": 1},
    ]
    infer = same_as("x")

    def numpy(x: Any, index: Any, add_value: Any, axis: int) -> Any:
        out = np.moveaxis(x.copy(), axis, 0)
        np.add.at(out, checked("index_add", index, x.shape[axis]), np.moveaxis(add_value, axis, 0))
        return np.moveaxis(out, 0, axis)

    def cpu(b: Any, x: Any, index: Any, add_value: Any, axis: int) -> Any:
        at = axis % len(x.shape)
        shape = add_value.shape
        parts = [b.iota(shape, i) for i in range(len(shape))]
        parts[at] = b.reshape(index, (*(1,) * at, -1, *(1,) * (len(shape) - at - 1)))
        return b.scatter(x, parts, add_value, "add")


class Scatter(
    Plain,
    name="scatter",
    signature="x: Tensor, index: Tensor, updates: Tensor, overwrite: bool = True -> out",
):
    """Rows of ``x`` replaced by ``updates`` at ``index``; without ``overwrite`` the rows named are
    set to zero first and updates that meet are summed."""

    rejects = True
    eager = False  # writes outside for a negative index
    specials = False
    dtypes = ("float32", "float64", "int32", "int64")
    cases = [
        {"x": (4, 3), "index": values([2, 0], "int64"), "updates": (2, 3), "overwrite": True},
        {"x": ("N", 3), "index": values([1, 1, 0], "int64"), "updates": (3, 3), "overwrite": False},
        {"x": (4,), "index": values([2, 0], "int64"), "updates": (2,), "overwrite": True},
    ]
    infer = same_as("x")

    def numpy(x: Any, index: Any, updates: Any, overwrite: bool) -> Any:
        out = x.copy()
        at = checked("scatter", index.reshape(-1), x.shape[0], wrap=False)
        if overwrite:
            out[at] = updates
        else:
            out[at] = 0
            np.add.at(out, at, updates)
        return out

    def cpu(b: Any, x: Any, index: Any, updates: Any, overwrite: bool) -> Any:
        at = rows_of(b, no_wrap(b, index, x.shape[0]), updates.shape)
        if overwrite:
            return b.scatter(x, at, updates)
        cleared = b.scatter(x, at, b.full(updates.shape, 0, x.dtype))
        return b.scatter(cleared, at, updates, "add")


def rows_of(b: Any, index: Any, shape: Any) -> list[Any]:
    """Indices of the elements of whole rows that lie at ``index``; ``shape`` is that of the rows."""
    rank = len(shape)
    first = b.reshape(index, (-1, *(1,) * (rank - 1)))
    return [first, *(b.iota(line(shape, axis), axis) for axis in range(1, rank))]


def line(shape: Any, axis: int) -> tuple[int, ...]:
    """The shape with every size 1 but that of ``axis``."""
    return tuple(n if i == axis else 1 for i, n in enumerate(shape))


class ScatterNdAdd(
    Plain,
    name="scatter_nd_add",
    signature="x: Tensor, index: Tensor, updates: Tensor -> out",
):
    """``x[index[..., 0], index[..., 1], …] += updates``; updates that meet are summed."""

    rejects = True
    specials = False
    dtypes = ("float32", "float64", "int32", "int64")
    cases = [
        {"x": (4, 3), "index": values([[2], [0], [2]], "int64"), "updates": (3, 3)},
        {"x": ("N", 3), "index": values([[1, 1], [0, 2]], "int64"), "updates": (2,)},
    ]
    infer = same_as("x")

    def numpy(x: Any, index: Any, updates: Any) -> Any:
        out = x.copy()
        at = tuple(
            checked("scatter_nd_add", index[..., i], x.shape[i]) for i in range(index.shape[-1])
        )
        np.add.at(out, at, updates)
        return out

    def cpu(b: Any, x: Any, index: Any, updates: Any) -> Any:
        depth, lead = index.shape[-1], len(index.shape) - 1
        if depth == 0:
            return b.reference()
        tail = len(x.shape) - depth
        at = [
            b.reshape(b.pick(index, lead, i), (*index.shape[:-1], *(1,) * tail))
            for i in range(depth)
        ]
        at += [b.iota(updates.shape, lead + i) for i in range(tail)]
        return b.scatter(x, at, updates, "add")


_REDUCERS: dict[str, tuple[Any, str]] = {
    "assign": (None, "set"),
    "add": (np.add, "add"),
    "mul": (np.multiply, "mul"),
    "multiply": (np.multiply, "mul"),
    "amax": (np.maximum, "max"),
    "amin": (np.minimum, "min"),
}


class PutAlongAxis(
    Plain,
    name="put_along_axis",
    signature=(
        "arr: Tensor, indices: Tensor, values: Tensor, axis: int, reduce: str = 'assign', "
        "include_self: bool = True -> out"
    ),
):
    """``arr[indices[i, j], j] = values[i, j]`` for axis 0, or combined by ``reduce``."""

    rejects = True
    specials = False
    dtypes = _FLOATS
    cases = [
        {"arr": (4, 3), "indices": values([[0, 2, 1]], "int64"), "values": (1, 3), "axis": 0},
        {
            "arr": (4, 3),
            "indices": ints((2, 3), 4),
            "values": (2, 3),
            "axis": 0,
            "reduce": "add",
        },
        {
            "arr": between(("N", 3), 0.5, 2.0),
            "indices": values([[0, 1]], "int64"),
            "values": (1, 2),
            "axis": 1,
            "reduce": "mul",
        },
        {
            "arr": (4, 3),
            "indices": values([[0, 0], [1, 2], [2, 2]], "int64"),
            "values": (3, 2),
            "axis": 1,
            "reduce": "amax",
            "include_self": False,
        },
    ]
    infer = same_as("arr")

    def numpy(
        arr: Any, indices: Any, values: Any, axis: int, reduce: str, include_self: bool
    ) -> Any:
        at = axis % arr.ndim
        index = checked("put_along_axis", indices, arr.shape[at])
        grid = list(np.ogrid[tuple(slice(n) for n in index.shape)])
        grid[at] = index
        out = arr.copy()
        update = np.broadcast_to(values, index.shape)
        function = _REDUCERS[reduce][0]
        if function is None:
            out[tuple(grid)] = update
            return out
        if not include_self:
            neutral = {"add": 0, "mul": 1, "multiply": 1, "amax": -np.inf, "amin": np.inf}[reduce]
            out[tuple(grid)] = neutral
        function.at(out, tuple(grid), update)
        return out

    def cpu(
        b: Any, arr: Any, indices: Any, values: Any, axis: int, reduce: str, include_self: bool
    ) -> Any:
        shape = indices.shape
        at = [b.iota(line(shape, i), i) for i in range(len(shape))]
        at[axis % len(shape)] = indices
        update = b.expand(values, shape)
        kind = _REDUCERS[reduce][1]
        if include_self or kind == "set":
            return b.scatter(arr, at, update, kind)
        # What is named starts from the first update that comes, whatever was there.
        neutral = {"add": 0, "mul": 1, "max": -np.inf, "min": np.inf}[kind]
        return b.scatter(b.scatter(arr, at, b.full(shape, neutral, arr.dtype)), at, update, kind)

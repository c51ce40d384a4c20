"""Repeating, turning, shifting and padding: elements keep their values and change their places."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.dims import Dim, Shape, broadcast, floordiv, normalize_axis
from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import ints, values
from dy2st.ops.rules import at_least_0, axes_of, require, same_along, smaller


def expanded_shape(shape: Shape, wanted: Any) -> Shape:
    """What ``expand`` gives: -1 keeps a size, new axes come in front. Raises ShapeError."""
    lead = len(wanted) - len(shape)
    require(lead >= 0, f"a tensor of shape {shape} does not expand to {tuple(wanted)}")
    out: list[Dim] = []
    for i, new in enumerate(wanted):
        if i < lead:
            require(not (isinstance(new, int) and new < 0), "a new axis has no size to keep")
            out.append(new)
            continue
        old = shape[i - lead]
        out.append(old if isinstance(new, int) and new == -1 else broadcast(new, old, "expand"))
    return tuple(out)


class Expand(Plain, name="expand", signature="x: Tensor, shape: ints = () -> out"):
    """x repeated along axes of size 1, and along new ones in front; -1 keeps a size."""

    cases = [
        {"x": (1, 3), "shape": [2, 3]},
        {"x": (3,), "shape": [2, -1]},
        {"x": ("N", 1, 3), "shape": [-1, 4, -1]},
        {"x": (), "shape": [2]},
        {"x": (1, 3), "shape": [0, 3]},
    ]
    infer = lambda x, shape: x.with_shape(expanded_shape(x.shape, shape))  # noqa: E731

    def numpy(x: np.ndarray, shape: Any) -> Any:
        return np.broadcast_to(x, expanded_shape(x.shape, shape))  # type: ignore[arg-type]

    cpu = lambda b, x, shape: b.expand(x, expanded_shape(x.shape, shape))  # noqa: E731


class ExpandAs(
    Plain, name="expand_as", signature="x: Tensor, y: Tensor?, target_shape: ints = () -> out"
):
    """x expanded to the shape of y."""

    cases = [{"x": (1, 3), "y": (2, 3)}, {"x": (3,), "y": ("N", 3)}, {"x": (), "y": (2, 2)}]

    def infer(x: TensorType, y: TensorType | None, target_shape: Any) -> TensorType:
        return x.with_shape(expanded_shape(x.shape, y.shape if y is not None else target_shape))

    def numpy(x: np.ndarray, y: np.ndarray | None, target_shape: Any) -> Any:
        return np.broadcast_to(x, y.shape if y is not None else target_shape)

    def cpu(b: Any, x: Any, y: Any, target_shape: Any) -> Any:
        return b.expand(x, y.shape if y is not None else target_shape)


def _tiled(shape: Shape, times: Any) -> tuple[Shape, tuple[Dim, ...]]:
    rank = max(len(shape), len(times))
    return (1,) * (rank - len(shape)) + shape, (1,) * (rank - len(times)) + tuple(times)


class Tile(Plain, name="tile", signature="x: Tensor, repeat_times: ints = () -> out"):
    """x repeated as a whole along each axis."""

    cases = [
        {"x": (2, 3), "repeat_times": [2, 1]},
        {"x": (3,), "repeat_times": [2, 2]},
        {"x": ("N", 2), "repeat_times": [3]},
        {"x": (), "repeat_times": [2]},
        {"x": (2, 3), "repeat_times": [1, 1]},
    ]

    def infer(x: TensorType, repeat_times: Any) -> TensorType:
        shape, times = _tiled(x.shape, repeat_times)
        return x.with_shape(tuple(n * t for n, t in zip(shape, times)))

    numpy = lambda x, repeat_times: np.tile(x, repeat_times)  # noqa: E731

    def cpu(b: Any, x: Any, repeat_times: Any) -> Any:
        shape, times = _tiled(x.shape, repeat_times)
        pairs = [n for pair in zip(times, shape) for n in pair]
        spread = b.reshape(x, [n for size in shape for n in (1, size)])
        return b.reshape(
            b.expand(spread, pairs),
            [n * t for n, t in zip(shape, times)],  # type: ignore[operator]
        )


class Flip(Plain, name="flip", signature="x: Tensor, axis: ints -> out"):
    """x in reverse order along ``axis``."""

    aliases = ("reverse",)
    cases = [
        {"x": (2, 3), "axis": [0]},
        {"x": ("N", 3), "axis": [-1]},
        {"x": (2, 3, 2), "axis": [0, 2]},
        {"x": (0, 2), "axis": [1]},
    ]
    infer = same_along("x")
    numpy = lambda x, axis: np.flip(x, axes_of(axis, x.ndim))  # noqa: E731
    cpu = lambda b, x, axis: b.flip(x, list(axes_of(axis, len(x.shape))))  # noqa: E731


def _rolled(x: TensorType, shifts: Any, axis: Any) -> TensorType:
    require(not axis or len(axis) == len(shifts), f"{len(shifts)} shifts along {len(axis)} axes")
    for a in axis:
        normalize_axis(a, x.rank)
    return x


class Roll(Plain, name="roll", signature="x: Tensor, shifts: ints = (), axis: ints = () -> out"):
    """x shifted in a circle along each axis; flattened where no axis is given."""

    cases = [
        {"x": (4, 3), "shifts": [1], "axis": [0]},
        {"x": (4, 3), "shifts": [-2, 1], "axis": [0, 1]},
        {"x": ("N", 3), "shifts": [1], "axis": [-1]},
        {"x": (2, 3), "shifts": [2], "axis": []},
        {"x": (2, 3), "shifts": [7], "axis": [1]},
    ]
    infer = _rolled

    def numpy(x: np.ndarray, shifts: Any, axis: Any) -> Any:
        return np.roll(x, shifts if axis else shifts[0], tuple(axis) if axis else None)

    def cpu(b: Any, x: Any, shifts: Any, axis: Any) -> Any:
        if axis:
            return b.roll(x, list(shifts), list(axis))
        return b.reshape(b.roll(b.reshape(x, (-1,)), list(shifts), [0]), x.shape)


class _Triangle(Plain):
    cases = [
        {"x": (3, 4)},
        {"x": (2, 3, 3), "diagonal": 1},
        {"x": ("N", "M"), "diagonal": -1},
        {"x": (0, 2)},
    ]
    infer = lambda x: x  # noqa: E731


def _triangle(b: Any, x: Any, keep: Any) -> Any:
    rows = b.iota(x.shape[-2:], 0)
    columns = b.iota(x.shape[-2:], 1)
    zero = False if x.dtype == "bool" else 0
    return b.map(
        lambda s, v, i, j: s.select(keep(s, i, j), v, zero), x, rows, columns, dtype=x.dtype
    )


class Tril(_Triangle, name="tril", signature="x: Tensor, diagonal: int = 0 -> out"):
    """The elements on and below the diagonal, zero above."""

    numpy = lambda x, diagonal: np.tril(x, diagonal)  # noqa: E731

    def cpu(b: Any, x: Any, diagonal: int) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        return _triangle(b, x, lambda s, i, j: j - i <= diagonal)


class Triu(_Triangle, name="triu", signature="x: Tensor, diagonal: int = 0 -> out"):
    """The elements on and above the diagonal, zero below."""

    numpy = lambda x, diagonal: np.triu(x, diagonal)  # noqa: E731

    def cpu(b: Any, x: Any, diagonal: int) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        return _triangle(b, x, lambda s, i, j: j - i >= diagonal)


class Diag(
    Plain, name="diag", signature="x: Tensor, offset: int = 0, padding_value: float = 0.0 -> out"
):
    """A vector as a diagonal matrix, or the diagonal of a matrix."""

    cases = [
        {"x": (3,)},
        {"x": (3,), "offset": 1, "padding_value": 2.0},
        {"x": (3, 4), "offset": -1},
        {"x": ("N", "N")},
        {"x": ("N",), "offset": -1},
    ]
    dtypes = ("float32", "float64", "int32", "int64")

    def infer(x: TensorType, offset: int) -> TensorType:
        require(x.rank in (1, 2), f"diag of {x}")
        if x.rank == 1:
            size = x.shape[0] + abs(offset)
            return x.with_shape((size, size))
        return x.with_shape((_diagonal_size(x.shape[0], x.shape[1], offset),))

    def numpy(x: np.ndarray, offset: int, padding_value: float) -> Any:
        out = np.diag(x, offset)
        if x.ndim == 1 and padding_value:
            out = np.where(np.diag(np.ones(x.shape, bool), offset), out, padding_value)
        return out

    def cpu(b: Any, x: Any, offset: int, padding_value: float) -> Any:
        if len(x.shape) == 1:
            return _embedded(b, x, offset, padding_value)
        rows, columns = x.shape
        size = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
        return b.index_map(
            x,
            (size,),
            lambda s, k: (k + max(-offset, 0), k + max(offset, 0)),
            "unchecked",
        )


def _embedded(b: Any, x: Any, offset: int, padding: float) -> Any:
    """The last axis of ``x`` as the diagonal of two last axes."""
    n = x.shape[-1]
    size = n + abs(offset)
    lead = len(x.shape) - 1
    row, column = (b.iota((size, 1), 0), b.iota((1, size), 1))
    place = row if offset >= 0 else column
    # Off the diagonal the place may lie outside; what is read there is not used.
    where = [
        b.iota((*(m if i == k else 1 for k, m in enumerate(x.shape[:-1])), 1, 1), i)
        for i in range(lead)
    ]
    shape = (*x.shape[:-1], size, size)
    values = b.index(x, [*where, place], shape, "clip")
    return b.map(
        lambda s, i, j, v: s.select(s.eq(j - i, offset), v, padding),
        row,
        column,
        values,
        dtype=x.dtype,
    )


def _diagonal_size(rows: Dim, columns: Dim, offset: int) -> Dim:
    if rows == columns:
        return rows - abs(offset)
    return at_least_0(smaller(rows + min(offset, 0), columns - max(offset, 0)))


class Diagonal(
    Plain,
    name="diagonal",
    signature="x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1 -> out",
):
    """The diagonals of the matrices that two axes form, as a last axis."""

    view = True
    cases = [
        {"x": (3, 4)},
        {"x": (2, 3, 4), "offset": 1, "axis1": 1, "axis2": 2},
        {"x": ("N", 4)},
        {"x": ("N", 3, 3), "offset": -1, "axis1": -2, "axis2": -1},
    ]

    def infer(x: TensorType, offset: int, axis1: int, axis2: int) -> TensorType:
        i, j = normalize_axis(axis1, x.rank), normalize_axis(axis2, x.rank)
        size = _diagonal_size(x.shape[i], x.shape[j], offset)
        return x.with_shape((*(d for k, d in enumerate(x.shape) if k not in (i, j)), size))

    numpy = lambda x, offset, axis1, axis2: np.diagonal(x, offset, axis1, axis2)  # noqa: E731

    def cpu(b: Any, x: Any, offset: int, axis1: int, axis2: int) -> Any:
        rank = len(x.shape)
        i, j = normalize_axis(axis1, rank), normalize_axis(axis2, rank)
        size = _diagonal_size(x.shape[i], x.shape[j], offset)
        shape = (*(d for k, d in enumerate(x.shape) if k not in (i, j)), size)

        def place(s: Any, *index: Any) -> Any:
            rest, k = iter(index[:-1]), index[-1]
            at = {i: k + max(-offset, 0), j: k + max(offset, 0)}
            return tuple(at[d] if d in at else next(rest) for d in range(rank))

        return b.index_map(x, shape, place, mode="unchecked")


class DiagEmbed(
    Plain,
    name="diag_embed",
    signature="input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1 -> out",
):
    """The last axis as the diagonals of matrices that two new axes form."""

    cases = [
        {"input": (2, 3)},
        {"input": ("N", 3), "offset": 1},
        {"input": (2, 3), "dim1": 0, "dim2": 2, "offset": -1},
    ]
    dtypes = ("float32", "float64", "int32", "int64")

    def infer(input: TensorType, offset: int, dim1: int, dim2: int) -> TensorType:
        size = input.shape[-1] + abs(offset)
        shape: list[Dim] = list(input.shape[:-1])
        for axis in sorted(normalize_axis(d, input.rank + 1) for d in (dim1, dim2)):
            shape.insert(axis, size)
        return input.with_shape(tuple(shape))

    def numpy(input: np.ndarray, offset: int, dim1: int, dim2: int) -> Any:
        n = input.shape[-1]
        size = n + abs(offset)
        out = np.zeros((*input.shape[:-1], size, size), input.dtype)
        k = np.arange(n)
        out[..., k + max(-offset, 0), k + max(offset, 0)] = input
        return np.moveaxis(out, (-2, -1), (dim1, dim2))

    def cpu(b: Any, input: Any, offset: int, dim1: int, dim2: int) -> Any:
        rank = len(input.shape) + 1
        first, second = dim1 % rank, dim2 % rank
        order = [i for i in range(rank) if i not in (first, second)]
        axes = [0] * rank
        for source, axis in enumerate([*order, first, second]):
            axes[axis] = source
        return b.permute(_embedded(b, input, offset, 0), axes)


class RepeatInterleave(
    Plain,
    name="repeat_interleave",
    signature="x: Tensor, repeats: int, axis: int, output_size: int = -1 -> out",
):
    """Each slice along ``axis`` repeated in place."""

    cases = [
        {"x": (2, 3), "repeats": 2, "axis": 1},
        {"x": ("N", 3), "repeats": 3, "axis": 0},
        {"x": (2, 3), "repeats": 1, "axis": -1},
    ]
    dtypes = ("float32", "float64", "int32", "int64")

    def infer(x: TensorType, repeats: int, axis: int) -> TensorType:
        at = normalize_axis(axis, x.rank)
        return x.with_shape((*x.shape[:at], x.shape[at] * repeats, *x.shape[at + 1 :]))

    numpy = lambda x, repeats, axis: np.repeat(x, repeats, axis)  # noqa: E731

    def cpu(b: Any, x: Any, repeats: int, axis: int) -> Any:
        at = normalize_axis(axis, len(x.shape))
        spread = b.unsqueeze(x, at + 1)
        shape = (*x.shape[: at + 1], repeats, *x.shape[at + 1 :])
        out = (*x.shape[:at], x.shape[at] * repeats, *x.shape[at + 1 :])
        return b.reshape(b.expand(spread, shape), out)


class RepeatInterleaveWithTensorIndex(
    Plain,
    name="repeat_interleave_with_tensor_index",
    signature="x: Tensor, repeats: Tensor, axis: int, output_size: int = -1 -> out",
):
    """Each slice along ``axis`` repeated as often as ``repeats`` says; a size known at run time."""

    cases = [
        {"x": (3, 2), "repeats": values([1, 0, 2], "int64"), "axis": 0},
        {"x": ("N", 3), "repeats": ints((3,), 4), "axis": 1},
    ]
    dtypes = ("float32", "float64", "int32", "int64")

    def infer(
        fresh: Any, x: TensorType, repeats: TensorType, axis: int, output_size: int
    ) -> TensorType:
        at = normalize_axis(axis, x.rank)
        size = fresh() if output_size in (-1, None) else output_size
        return x.with_shape((*x.shape[:at], size, *x.shape[at + 1 :]))

    def numpy(x: np.ndarray, repeats: np.ndarray, axis: int) -> Any:
        return np.repeat(x, repeats, axis)

    def cpu(b: Any) -> Any:
        return b.reference()


class Kron(Plain, name="kron", signature="x: Tensor, y: Tensor -> out"):
    """The Kronecker product."""

    cases = [{"x": (2, 3), "y": (3, 2)}, {"x": ("N",), "y": (2,)}]
    dtypes = ("float32", "float64", "int32", "int64")

    def infer(x: TensorType, y: TensorType) -> TensorType:
        rank = max(x.rank, y.rank)
        a = (1,) * (rank - x.rank) + x.shape
        c = (1,) * (rank - y.rank) + y.shape
        return x.with_shape(tuple(m * n for m, n in zip(a, c)))

    numpy = np.kron

    def cpu(b: Any) -> Any:
        return b.reference()


class TensorUnfold(
    Plain,
    name="tensor_unfold",
    signature="input: Tensor, axis: int, size: int, step: int -> out",
):
    """All slices of ``size`` along ``axis``, ``step`` apart, with a new last axis."""

    cases = [
        {"input": ("N", 7), "axis": 1, "size": 3, "step": 2},
        {"input": (5, 2), "axis": 0, "size": 2, "step": 1},
    ]

    def infer(input: TensorType, axis: int, size: int, step: int) -> TensorType:
        at = normalize_axis(axis, input.rank)
        count = floordiv(input.shape[at] - size, step) + 1
        return input.with_shape((*input.shape[:at], count, *input.shape[at + 1 :], size))

    def numpy(input: np.ndarray, axis: int, size: int, step: int) -> Any:
        at = normalize_axis(axis, input.ndim)
        return np.moveaxis(np.take(input, _windows(input.shape[at], size, step), at), at + 1, -1)

    def cpu(b: Any, input: Any, axis: int, size: int, step: int) -> Any:
        rank = len(input.shape)
        at = normalize_axis(axis, rank)
        index = b.constant(_windows(input.shape[at], size, step))
        taken = b.gather(input, index, at, mode="unchecked")
        order = [*(i for i in range(rank + 1) if i != at + 1), at + 1]
        return b.permute(taken, order)


def _windows(length: int, size: int, step: int) -> np.ndarray:
    count = (length - size) // step + 1
    return np.arange(count)[:, None] * step + np.arange(size)[None]

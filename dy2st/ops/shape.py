"""Views: other shapes over the same elements, and the sizes themselves as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.errors import ShapeError
from dy2st.ir.dims import Dim, Shape, floordiv, normalize_axis, product, require_equal
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.rules import axes_of, require


def resolve_reshape(x: Shape, wanted: Any) -> Shape:
    """The shape that ``reshape`` gives: 0 copies a size, one -1 takes what is left.

    Without elements 0 stays 0, and -1 is what is left of the other sizes (phi's ReshapeInferMeta).
    """
    out: list[Dim] = []
    empty = any(isinstance(d, int) and d == 0 for d in x)
    for i, dim in enumerate(wanted):
        if isinstance(dim, int) and dim == 0 and i < len(x) and not empty:
            out.append(x[i])
        else:
            out.append(dim)
    holes = [i for i, d in enumerate(out) if isinstance(d, int) and d == -1]
    require(len(holes) <= 1, f"shape {tuple(wanted)} has more than one -1")
    total = product(x)
    if not holes:
        require_equal(product(out), total, f"reshape of {x} to {tuple(wanted)}")
        return tuple(out)
    rest = product(d for i, d in enumerate(out) if i != holes[0])
    if isinstance(rest, int) and rest == 0:
        out[holes[0]] = floordiv(_of_others(x), _of_others(out[: holes[0]] + out[holes[0] + 1 :]))
        return tuple(out)
    if isinstance(rest, int) and isinstance(total, int) and total % rest:
        raise ShapeError(f"{total} elements of shape {x} do not fill {tuple(wanted)}")
    out[holes[0]] = floordiv(total, rest)
    return tuple(out)


def _of_others(shape: Any) -> Dim:
    """The product of the sizes that are not 0."""
    return product(d for d in shape if not (isinstance(d, int) and d == 0))


class Reshape(Plain, name="reshape", signature="x: Tensor, shape: ints -> out"):
    """The elements in order under another shape; 0 copies a size, -1 takes what is left."""

    view = True
    cases = [
        {"x": (2, 3, 4), "shape": [6, 4]},
        {"x": (2, 3, 4), "shape": [0, -1]},
        {"x": (2, 3, 4), "shape": [-1]},
        {"x": ("N", 4), "shape": [-1, 2, 2]},
        {"x": ("N", 6), "shape": [0, 3, 2]},
        {"x": ("N", 6), "shape": [-1]},
        {"x": (1,), "shape": []},
        {"x": (), "shape": [1, 1]},
        {"x": (0, 3), "shape": [3, 0]},
        {"x": (2, 0, 3), "shape": [0, -1]},
        {"x": (2, 0, 3), "shape": [3, -1]},
    ]
    infer = lambda x, shape: x.with_shape(resolve_reshape(x.shape, shape))  # noqa: E731
    numpy = lambda x, shape: x.reshape(resolve_reshape(x.shape, shape))  # noqa: E731
    cpu = lambda b, x, shape: b.reshape(x, resolve_reshape(x.shape, shape))  # noqa: E731


class ViewShape(Plain, name="view_shape", signature="input: Tensor, dims: ints = () -> out"):
    """As reshape."""

    view = True
    cases = [{"input": (2, 6), "dims": [3, 4]}, {"input": ("N", 6), "dims": [-1, 2]}]
    infer = lambda input, dims: input.with_shape(resolve_reshape(input.shape, dims))  # noqa: E731
    numpy = lambda input, dims: input.reshape(resolve_reshape(input.shape, dims))  # noqa: E731
    cpu = lambda b, input, dims: b.reshape(input, resolve_reshape(input.shape, dims))  # noqa: E731


def _permutation(rank: int, perm: Any) -> tuple[int, ...]:
    axes = tuple(normalize_axis(p, rank, "perm") for p in perm)
    require(sorted(axes) == list(range(rank)), f"perm {tuple(perm)} does not order {rank} axes")
    return axes


class Transpose(Plain, name="transpose", signature="x: Tensor, perm: ints -> out"):
    """The axes in another order."""

    aliases = ("trans_layout",)
    view = True
    cases = [
        {"x": (2, 3, 4), "perm": [2, 0, 1]},
        {"x": ("N", 3), "perm": [1, 0]},
        {"x": (2, 3), "perm": [-1, 0]},
        {"x": (0, 2, 1), "perm": [1, 2, 0]},
        {"x": (), "perm": []},
    ]

    def infer(x: TensorType, perm: Any) -> TensorType:
        return x.with_shape(tuple(x.shape[p] for p in _permutation(x.rank, perm)))

    numpy = lambda x, perm: x.transpose(_permutation(x.ndim, perm))  # noqa: E731
    cpu = lambda b, x, perm: b.permute(x, _permutation(len(x.shape), perm))  # noqa: E731


def squeezed_axes(shape: Shape, axis: Any) -> tuple[int, ...]:
    """The axes that ``squeeze`` drops: those of size 1, among ``axis`` where given."""
    if axis in (None, ()):
        return tuple(i for i, d in enumerate(shape) if isinstance(d, int) and d == 1)
    axes = axes_of(axis, len(shape))
    return tuple(a for a in axes if isinstance(shape[a], int) and shape[a] == 1)


def _squeeze_shape(shape: Shape, axis: Any) -> Shape:
    dropped = squeezed_axes(shape, axis)
    return tuple(d for i, d in enumerate(shape) if i not in dropped)


class Squeeze(Plain, name="squeeze", signature="x: Tensor, axis: ints = () -> out"):
    """Without axes of size 1: all of them, or those of ``axis`` that have it."""

    view = True
    cases = [
        {"x": (1, 3, 1), "axis": []},
        {"x": (1, 3, 1), "axis": [0, -1]},
        {"x": (2, 3, 1), "axis": [0, 2]},
        {"x": ("N", 1, 3), "axis": [1]},
        {"x": (1, 0), "axis": [0]},
        {"x": (), "axis": []},
    ]
    infer = lambda x, axis: x.with_shape(_squeeze_shape(x.shape, axis))  # noqa: E731
    numpy = lambda x, axis: x.reshape(_squeeze_shape(x.shape, axis))  # noqa: E731
    cpu = lambda b, x, axis: b.reshape(x, _squeeze_shape(x.shape, axis))  # noqa: E731


def _unsqueeze_shape(shape: Shape, axis: Any) -> Shape:
    out = list(shape)
    for a in axis:  # one after the other, as phi: an axis counts those inserted before it
        out.insert(normalize_axis(a, len(out) + 1), 1)
    return tuple(out)


class Unsqueeze(Plain, name="unsqueeze", signature="x: Tensor, axis: ints = () -> out"):
    """With axes of size 1 inserted, one after the other."""

    view = True
    cases = [
        {"x": (2, 3), "axis": [0]},
        {"x": (2, 3), "axis": [1, -1]},
        {"x": (2, 3), "axis": [-1, 0]},
        {"x": ("N",), "axis": [0, 2]},
        {"x": (), "axis": [0]},
        {"x": (0, 2), "axis": [1]},
    ]
    infer = lambda x, axis: x.with_shape(_unsqueeze_shape(x.shape, axis))  # noqa: E731
    numpy = lambda x, axis: x.reshape(_unsqueeze_shape(x.shape, axis))  # noqa: E731
    cpu = lambda b, x, axis: b.reshape(x, _unsqueeze_shape(x.shape, axis))  # noqa: E731


def _flatten_shape(shape: Shape, start: int, stop: int) -> Shape:
    if not shape:
        return (1,)
    first = normalize_axis(start, len(shape), "start_axis")
    last = normalize_axis(stop, len(shape), "stop_axis")
    require(first <= last, f"start_axis {start} lies behind stop_axis {stop}")
    return (*shape[:first], product(shape[first : last + 1]), *shape[last + 1 :])


class Flatten(
    Plain, name="flatten", signature="x: Tensor, start_axis: int = 1, stop_axis: int = 1 -> out"
):
    """The axes from start to stop as one."""

    view = True
    cases = [
        {"x": (2, 3, 4), "start_axis": 1, "stop_axis": -1},
        {"x": ("N", 3, 4), "start_axis": 0, "stop_axis": 1},
        {"x": ("N", "M", 2), "start_axis": 0, "stop_axis": -1},
        {"x": (2, 3), "start_axis": 1, "stop_axis": 1},
        {"x": (), "start_axis": 0, "stop_axis": -1},
        {"x": (2, 0, 3), "start_axis": 0, "stop_axis": 2},
    ]

    def infer(x: TensorType, start_axis: int, stop_axis: int) -> TensorType:
        return x.with_shape(_flatten_shape(x.shape, start_axis, stop_axis))

    def numpy(x: np.ndarray, start_axis: int, stop_axis: int) -> Any:
        return x.reshape(_flatten_shape(x.shape, start_axis, stop_axis))

    def cpu(b: Any, x: Any, start_axis: int, stop_axis: int) -> Any:
        return b.reshape(x, _flatten_shape(x.shape, start_axis, stop_axis))


class ShareData(Plain, name="share_data", signature="x: Tensor -> out"):
    """x itself, outside of the gradient (``detach``)."""

    view = True
    infer = lambda x: x  # noqa: E731
    numpy = lambda x: x  # noqa: E731
    cpu = lambda b, x: x  # noqa: E731
    cases = [{"x": (2, 3)}, {"x": ()}, {"x": ("N", 2)}]


class Shape64(Plain, name="shape64", signature="input: Tensor -> out"):
    """The sizes as an int64 vector."""

    infer = lambda input: TensorType(DType.INT64, (input.rank,))  # noqa: E731
    numpy = lambda input: np.array(input.shape, np.int64)  # noqa: E731
    cpu = lambda b, input: b.constant(np.array(input.shape, np.int64))  # noqa: E731
    cases = [{"input": (2, 3)}, {"input": ()}, {"input": ("N", 0, 4)}]


class Shape32(Plain, name="shape", signature="input: Tensor -> out"):
    """The sizes as an int32 vector."""

    infer = lambda input: TensorType(DType.INT32, (input.rank,))  # noqa: E731
    numpy = lambda input: np.array(input.shape, np.int32)  # noqa: E731
    cpu = lambda b, input: b.constant(np.array(input.shape, np.int32))  # noqa: E731
    cases = [{"input": (2, 3)}, {"input": ()}, {"input": ("N", 0, 4)}]


class Numel(Plain, name="numel", signature="x: Tensor -> out"):
    """The number of elements as an int64 of rank 0."""

    infer = lambda x: TensorType(DType.INT64, ())  # noqa: E731
    numpy = lambda x: np.array(x.size, np.int64)  # noqa: E731
    cpu = lambda b, x: b.full((), int(np.prod(x.shape, dtype=np.int64)), "int64")  # noqa: E731
    cases = [{"x": (2, 3)}, {"x": ()}, {"x": ("N", 0, 4)}]


class IsEmpty(Plain, name="is_empty", signature="x: Tensor -> out"):
    """Whether there are no elements."""

    infer = lambda x: TensorType(DType.BOOL, ())  # noqa: E731
    numpy = lambda x: np.array(x.size == 0)  # noqa: E731
    cpu = lambda b, x: b.full((), 0 in x.shape, "bool")  # noqa: E731
    cases = [{"x": (2, 3)}, {"x": ()}, {"x": ("N", 0, 4)}]
    dtypes = ("float32", "float64", "int32", "int64")


class ViewDtype(Plain, name="view_dtype", signature="input: Tensor, dtype: dtype -> out"):
    """The bits read as another dtype; the last size changes with the width."""

    widen = False
    cases = [
        {"input": (2, 4), "dtype": "int32", "dtypes": ("float32", "int64", "float64")},
        {"input": (2, 4), "dtype": "float64", "dtypes": ("float32", "int64")},
    ]

    def infer(input: TensorType, dtype: DType) -> TensorType:
        old, new = input.dtype.itemsize, dtype.itemsize
        if old == new:
            return input.with_dtype(dtype)
        require(input.rank > 0, "a tensor of rank 0 cannot be viewed at another width")
        last = (
            input.shape[-1] * (old // new) if old > new else floordiv(input.shape[-1], new // old)
        )
        return TensorType(dtype, (*input.shape[:-1], last))

    numpy = lambda input, dtype: np.ascontiguousarray(input).view(dtype.numpy)  # noqa: E731
    cpu = lambda b: b.reference()  # noqa: E731


class AsStrided(
    Plain,
    name="as_strided",
    signature="input: Tensor, dims: ints = (), stride: ints = (), offset: int = 0 -> out",
):
    """Elements at ``sum(index * stride)`` of the dense memory from byte ``offset`` on."""

    view = True
    widen = False
    cases = [
        {"input": (3, 4), "dims": [2, 3], "stride": [4, 1], "offset": 0},
        {"input": (3, 4), "dims": [2, 2], "stride": [1, 2], "offset": 8},
    ]
    infer = lambda input, dims: input.with_shape(tuple(dims))  # noqa: E731

    def numpy(input: np.ndarray, dims: Any, stride: Any, offset: int) -> Any:
        start = offset // input.dtype.itemsize
        return input.reshape(-1)[strided_positions(dims, stride, start)]

    def cpu(b: Any, input: Any, dims: Any, stride: Any, offset: int) -> Any:
        flat = b.reshape(input, (-1,))
        start = offset // DType.of(input.dtype).itemsize

        def position(s: Any, *index: Any) -> Any:
            total: Any = start
            for i, step in zip(index, stride):
                total = i * step + total
            return (total,)

        return b.index_map(flat, tuple(dims), position)


def strided_positions(dims: Any, stride: Any, offset: int) -> np.ndarray:
    """Flat positions of the elements of a strided view."""
    out = np.full(tuple(dims), offset, np.int64)
    for axis, (size, step) in enumerate(zip(dims, stride)):
        shape = [1] * len(dims)
        shape[axis] = size
        out += (np.arange(size) * step).reshape(shape)
    return out

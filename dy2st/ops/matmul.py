"""Matrix products and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.dims import broadcast_shapes, require_equal
from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.rules import require, require_rank

FLOATS = ("float32", "float64")


def matmul_type(x: TensorType, y: TensorType, transpose_x: bool, transpose_y: bool) -> TensorType:
    """The type of a product by numpy's rules for vectors and batches. Raises ShapeError."""
    require(x.rank > 0 and y.rank > 0, f"matmul of {x} and {y}: a factor has rank 0")
    require(x.dtype is y.dtype, f"matmul of {x} and {y}: the dtypes differ")
    a = list(x.shape) if x.rank > 1 else [1, x.shape[0]]
    b = list(y.shape) if y.rank > 1 else [y.shape[0], 1]
    if transpose_x and x.rank > 1:
        a[-1], a[-2] = a[-2], a[-1]
    if transpose_y and y.rank > 1:
        b[-1], b[-2] = b[-2], b[-1]
    require_equal(a[-1], b[-2], f"matmul of {x} and {y}: inner sizes")
    batch = broadcast_shapes(tuple(a[:-2]), tuple(b[:-2]), what=f"matmul of {x} and {y}")
    rows = (a[-2],) if x.rank > 1 else ()
    columns = (b[-1],) if y.rank > 1 else ()
    return x.with_shape((*batch, *rows, *columns))


class Matmul(
    Plain,
    name="matmul",
    signature=("x: Tensor, y: Tensor, transpose_x: bool = False, transpose_y: bool = False -> out"),
):
    """The matrix product; vectors and batches as in numpy, factors optionally transposed."""

    cases = [
        {"x": (2, 3), "y": (3, 4)},
        {"x": ("N", 3), "y": (3, 4)},
        {"x": (3, 2), "y": (4, 3), "transpose_x": True, "transpose_y": True},
        {"x": (2, 5, 3), "y": (3, 4)},
        {"x": ("N", 2, "M", 3), "y": ("N", 2, "M", 3), "transpose_y": True},
        {"x": (2, 1, 3, 4), "y": (5, 4, 2)},
        {"x": (3,), "y": (3,)},
        {"x": (3,), "y": (2, 3, 4)},
        {"x": (2, 4, 3), "y": (3,)},
        {"x": (0, 3), "y": (3, 2)},
        {"x": (2, 0), "y": (0, 3)},
    ]
    dtypes = FLOATS
    specials = False  # sums depend on their order
    infer = matmul_type

    def numpy(x: np.ndarray, y: np.ndarray, transpose_x: bool, transpose_y: bool) -> Any:
        x = np.swapaxes(x, -1, -2) if transpose_x and x.ndim > 1 else x
        y = np.swapaxes(y, -1, -2) if transpose_y and y.ndim > 1 else y
        return np.matmul(x, y)

    def cpu(b: Any, x: Any, y: Any, transpose_x: bool, transpose_y: bool) -> Any:
        return matmul_node(b, x, y, transpose_x, transpose_y)


def matmul_node(
    b: Any, x: Any, y: Any, transpose_x: bool = False, transpose_y: bool = False
) -> Any:
    """A product of kernel graph nodes with numpy's rules for vectors."""
    if "float" not in x.dtype:
        return b.reference()
    wide_x = x if len(x.shape) > 1 else b.reshape(x, (1, *x.shape))
    wide_y = y if len(y.shape) > 1 else b.reshape(y, (*y.shape, 1))
    out = b.matmul(
        wide_x, wide_y, transpose_x and len(x.shape) > 1, transpose_y and len(y.shape) > 1
    )
    if len(x.shape) > 1 and len(y.shape) > 1:
        return out
    shape = list(out.shape)
    if len(y.shape) == 1:
        del shape[-1]
    if len(x.shape) == 1:
        del shape[-1 if len(y.shape) == 1 else -2]
    return b.reshape(out, shape)


class Bmm(Plain, name="bmm", signature="x: Tensor, y: Tensor -> out"):
    """The products of two equal batches of matrices."""

    cases = [{"x": (2, 3, 4), "y": (2, 4, 5)}, {"x": ("N", 2, 3), "y": ("N", 3, 2)}]
    dtypes = FLOATS
    specials = False  # sums depend on their order

    def infer(x: TensorType, y: TensorType) -> TensorType:
        require_rank(x, 3)
        require_rank(y, 3, what="y")
        require_equal(x.shape[0], y.shape[0], f"bmm of {x} and {y}: batch sizes")
        return matmul_type(x, y, False, False)

    numpy = np.matmul
    cpu = lambda b, x, y: matmul_node(b, x, y)  # noqa: E731


class Mv(Plain, name="mv", signature="x: Tensor, vec: Tensor -> out"):
    """A matrix times a vector."""

    cases = [{"x": (2, 3), "vec": (3,)}, {"x": ("N", 3), "vec": (3,)}]
    dtypes = FLOATS
    specials = False  # sums depend on their order
    infer = lambda x, vec: matmul_type(x, vec, False, False)  # noqa: E731
    numpy = lambda x, vec: np.matmul(x, vec)  # noqa: E731
    cpu = lambda b, x, vec: matmul_node(b, x, vec)  # noqa: E731


class Dot(Plain, name="dot", signature="x: Tensor, y: Tensor -> out"):
    """The sum of products along the last axis."""

    cases = [{"x": (3,), "y": (3,)}, {"x": ("N", 3), "y": ("N", 3)}]
    dtypes = ("float32", "float64", "int32", "int64")
    specials = False  # sums depend on their order

    def infer(x: TensorType, y: TensorType) -> TensorType:
        require_equal(x.shape[-1], y.shape[-1], f"dot of {x} and {y}")
        return x.with_shape(x.shape[:-1])

    numpy = lambda x, y: (x * y).sum(-1)  # noqa: E731
    cpu = lambda b, x, y: b.reduce("sum", b.mul(x, y), [-1])  # noqa: E731


def _added(input: TensorType, x: TensorType, y: TensorType) -> TensorType:
    out = matmul_type(x, y, False, False)
    broadcast_shapes(out.shape, input.shape, what="addmm")
    return out


_ADDMM_CASES = [
    {"input": (2, 4), "x": (2, 3), "y": (3, 4)},
    {"input": (4,), "x": ("N", 3), "y": (3, 4), "beta": 0.5, "alpha": 2.0},
]


def _addmm(input: np.ndarray, x: np.ndarray, y: np.ndarray, beta: float, alpha: float) -> Any:
    return beta * input + alpha * np.matmul(x, y)


def _addmm_node(b: Any, input: Any, x: Any, y: Any, beta: float, alpha: float) -> Any:
    return b.map(lambda s, p, q: p * alpha + q * beta, b.matmul(x, y), input)


class Addmm(
    Plain,
    name="addmm",
    signature="input: Tensor, x: Tensor, y: Tensor, beta: float = 1.0, alpha: float = 1.0 -> out",
):
    """beta * input + alpha * x @ y."""

    cases = _ADDMM_CASES
    dtypes = FLOATS
    specials = False  # sums depend on their order
    infer = _added
    numpy = _addmm
    cpu = _addmm_node


class Baddbmm(
    Plain,
    name="baddbmm",
    signature="input: Tensor, x: Tensor, y: Tensor, beta: float = 1.0, alpha: float = 1.0 -> out",
):
    """beta * input + alpha * x @ y over a batch."""

    cases = [{"input": (2, 2, 4), "x": (2, 2, 3), "y": (2, 3, 4), "beta": 0.5}]
    dtypes = FLOATS
    specials = False  # sums depend on their order
    infer = _added
    numpy = _addmm
    cpu = _addmm_node


class Linear(Plain, name="linear", signature="x: Tensor, weight: Tensor, bias: Tensor? -> out"):
    """x @ weight + bias: one call in eager, a product with a sum here."""

    cases = [
        {"x": ("N", 3), "weight": (3, 4), "bias": (4,)},
        {"x": (2, "M", 3), "weight": (3, 4), "bias": (4,)},
        {"x": (3,), "weight": (3, 2), "bias": (2,)},
    ]
    dtypes = FLOATS
    specials = False  # sums depend on their order

    def infer(x: TensorType, weight: TensorType, bias: TensorType | None) -> TensorType:
        out = matmul_type(x, weight, False, False)
        if bias is not None:
            broadcast_shapes(out.shape, bias.shape, what=f"linear of {x} with bias {bias}")
        return out

    def numpy(x: np.ndarray, weight: np.ndarray, bias: Any) -> Any:
        out = np.matmul(x, weight)
        return out if bias is None else out + bias

    def cpu(b: Any, x: Any, weight: Any, bias: Any) -> Any:
        out = matmul_node(b, x, weight)
        return out if bias is None else b.add(out, bias)

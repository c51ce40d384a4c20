"""Linear algebra on batches of matrices, by LAPACK through numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.dims import Dim, broadcast_shapes, normalize_axis, require_equal
from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import values
from dy2st.ops.matmul import matmul_node, matmul_type
from dy2st.ops.rearrange import Diagonal
from dy2st.ops.rules import reference, require, same_as

FLOATS = ("float32", "float64")
_WELL = values([[4.0, 1, 0.5], [1, 3, 0.2], [0.3, 0.1, 2]])
_SYMMETRIC = values([[4.0, 1, 0.5], [1, 3, 0.2], [0.5, 0.2, 2]])
_BATCH = values([[[4.0, 1], [1, 3]], [[2, 0.5], [0.3, 1]]])


class _Algebra(Plain):
    dtypes = FLOATS
    specials = False  # a singular or infinite matrix has no defined result
    cpu = reference()


class Inverse(_Algebra, name="inverse", signature="x: Tensor -> out"):
    """The inverse of each matrix."""

    rejects = True
    cases = [{"x": _WELL}, {"x": _BATCH}]
    infer = same_as("x")
    numpy = np.linalg.inv


class Det(_Algebra, name="det", signature="x: Tensor -> out"):
    """The determinant of each matrix."""

    cases = [{"x": _WELL}, {"x": _BATCH}]
    infer = lambda x: x.with_shape(x.shape[:-2])  # noqa: E731
    numpy = np.linalg.det


class Slogdet(_Algebra, name="slogdet", signature="x: Tensor -> out"):
    """Sign and logarithm of the absolute determinant, stacked along a new first axis."""

    cases = [{"x": _WELL}, {"x": _BATCH}]
    infer = lambda x: x.with_shape((2, *x.shape[:-2]))  # noqa: E731
    numpy = lambda x: np.stack(np.linalg.slogdet(x))  # noqa: E731


class Cholesky(_Algebra, name="cholesky", signature="x: Tensor, upper: bool = False -> out"):
    """The Cholesky factor of each symmetric matrix."""

    rejects = True
    cases = [{"x": _SYMMETRIC}, {"x": _SYMMETRIC, "upper": True}]
    infer = same_as("x")

    def numpy(x: np.ndarray, upper: bool) -> Any:
        lower = np.linalg.cholesky(np.swapaxes(x, -1, -2) if upper else x)
        return np.swapaxes(lower, -1, -2) if upper else lower


class Solve(_Algebra, name="solve", signature="x: Tensor, y: Tensor -> out"):
    """The solution of x @ out = y."""

    rejects = True
    cases = [{"x": _WELL, "y": (3, 2)}, {"x": _BATCH, "y": (2, 2, 3)}]
    infer = lambda x, y: y  # noqa: E731

    def numpy(x: np.ndarray, y: np.ndarray) -> Any:
        return np.linalg.solve(x, y)


class TriangularSolve(
    _Algebra,
    name="triangular_solve",
    signature=(
        "x: Tensor, y: Tensor, upper: bool = True, transpose: bool = False, "
        "unitriangular: bool = False -> out"
    ),
):
    """The solution of a triangular system."""

    cases = [
        {"x": _WELL, "y": (3, 2)},
        {"x": _WELL, "y": (3, 2), "upper": False, "transpose": True},
        {"x": _WELL, "y": (3, 2), "unitriangular": True},
    ]

    def infer(x: TensorType, y: TensorType) -> TensorType:
        return y.with_shape((*broadcast_shapes(x.shape[:-2], y.shape[:-2]), *y.shape[-2:]))

    def numpy(
        x: np.ndarray, y: np.ndarray, upper: bool, transpose: bool, unitriangular: bool
    ) -> Any:
        part = np.triu(x) if upper else np.tril(x)
        if unitriangular:
            unit = np.eye(x.shape[-1], dtype=x.dtype)
            part = part * (1 - unit) + unit
        return np.linalg.solve(np.swapaxes(part, -1, -2) if transpose else part, y)


class MatrixPower(_Algebra, name="matrix_power", signature="x: Tensor, n: int -> out"):
    """Each matrix to an integer power."""

    cases = [{"x": _WELL, "n": 3}, {"x": _WELL, "n": -2}, {"x": _BATCH, "n": 0}]
    infer = same_as("x")
    numpy = lambda x, n: np.linalg.matrix_power(x, n)  # noqa: E731


class Eigvalsh(
    _Algebra,
    name="eigvalsh",
    signature="x: Tensor, uplo: str = 'L', is_test: bool = False -> eigenvalues, eigenvectors",
):
    """The eigenvalues of each symmetric matrix, ascending."""

    compared = (0,)
    cases = [{"x": _SYMMETRIC}]
    infer = lambda x: (x.with_shape(x.shape[:-1]), x)  # noqa: E731
    numpy = lambda x, uplo: tuple(np.linalg.eigh(x, uplo))  # noqa: E731


class Eigh(_Algebra, name="eigh", signature="x: Tensor, UPLO: str = 'L' -> out_w, out_v"):
    """Eigenvalues, ascending, and eigenvectors of each symmetric matrix."""

    compared = (0,)  # an eigenvector's sign is the library's choice
    cases = [{"x": _SYMMETRIC}, {"x": _SYMMETRIC, "UPLO": "U"}]
    infer = lambda x: (x.with_shape(x.shape[:-1]), x)  # noqa: E731
    numpy = lambda x, UPLO: tuple(np.linalg.eigh(x, UPLO))  # noqa: E731


class Svd(_Algebra, name="svd", signature="x: Tensor, full_matrices: bool = False -> u, s, vh"):
    """The singular value decomposition of each matrix."""

    compared = (1,)  # a singular vector's sign is the library's choice
    cases = [{"x": (4, 3)}, {"x": (2, 3, 4)}]

    def infer(x: TensorType, full_matrices: bool) -> Any:
        m, n = x.shape[-2:]
        k: Dim = min(m, n) if isinstance(m, int) and isinstance(n, int) else n
        lead = x.shape[:-2]
        rows, columns = (m, n) if full_matrices else (k, k)
        return (
            x.with_shape((*lead, m, rows)),
            x.with_shape((*lead, k)),
            x.with_shape((*lead, columns, n)),
        )

    numpy = lambda x, full_matrices: tuple(np.linalg.svd(x, full_matrices))  # noqa: E731


class Trace(
    Plain,
    name="trace",
    signature="x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1 -> out",
):
    """The sum along the diagonals of the matrices that two axes form."""

    cases = [{"x": (3, 4)}, {"x": ("N", 3, 3), "offset": 1, "axis1": 1, "axis2": 2}]
    dtypes = ("float32", "float64", "int32", "int64")
    specials = False  # sums depend on their order

    def infer(x: TensorType, axis1: int, axis2: int) -> TensorType:
        gone = {normalize_axis(axis1, x.rank), normalize_axis(axis2, x.rank)}
        return x.with_shape(tuple(d for i, d in enumerate(x.shape) if i not in gone))

    def numpy(x: np.ndarray, offset: int, axis1: int, axis2: int) -> Any:
        return np.trace(x, offset, axis1, axis2, dtype=x.dtype)

    def cpu(b: Any, x: Any, offset: int, axis1: int, axis2: int) -> Any:
        return b.reduce("sum", Diagonal.cpu(b, x, offset, axis1, axis2), [-1])


class Cross(Plain, name="cross", signature="x: Tensor, y: Tensor, axis: int = 9 -> out"):
    """The cross product along an axis of size 3: the first such one for axis 9."""

    cases = [{"x": ("N", 3), "y": ("N", 3), "axis": 1}, {"x": (3, 2), "y": (3, 2)}]
    dtypes = ("float32", "float64", "int32", "int64")
    specials = False  # inf - inf

    def infer(x: TensorType, y: TensorType) -> TensorType:
        return x.with_shape(broadcast_shapes(x.shape, y.shape))

    numpy = lambda x, y, axis: np.cross(x, y, axis=_of_size_3(x.shape, axis))  # noqa: E731

    def cpu(b: Any, x: Any, y: Any, axis: int) -> Any:
        at = _of_size_3(x.shape, axis)
        p, q = ([b.narrow(v, at, i, i + 1) for i in range(3)] for v in (x, y))
        part = lambda i, j: b.map(  # noqa: E731
            lambda s, a, c, d, e: a * e - c * d, p[i], p[j], q[i], q[j]
        )
        return b.concat([part(1, 2), part(2, 0), part(0, 1)], at)


def _of_size_3(shape: Any, axis: int) -> int:
    if axis != 9:
        return axis
    found = [i for i, d in enumerate(shape) if isinstance(d, int) and d == 3]
    require(bool(found), f"no axis of {tuple(shape)} has size 3")
    return found[0]


class MultiDot(_Algebra, name="multi_dot", signature="x: Tensor[] -> out"):
    """The product of several matrices."""

    cases = [{"x": [(2, 3), (3, 4), (4, 2)]}, {"x": [("N", 3), (3, 4)]}]

    def infer(x: tuple[TensorType, ...]) -> TensorType:
        out = x[0]
        for t in x[1:]:
            out = matmul_type(out, t, False, False)
        return out

    numpy = lambda x: np.linalg.multi_dot(x)  # noqa: E731

    def cpu(b: Any, x: Any) -> Any:
        out = x[0]
        for factor in x[1:]:
            out = matmul_node(b, out, factor)
        return out


class Bilinear(
    Plain, name="bilinear", signature="x: Tensor, y: Tensor, weight: Tensor, bias: Tensor? -> out"
):
    """x @ weight[k] @ y for each k, plus bias."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    cases = [{"x": ("N", 3), "y": ("N", 4), "weight": (5, 3, 4), "bias": (1, 5)}]

    def infer(x: TensorType, y: TensorType, weight: TensorType) -> TensorType:
        require_equal(x.shape[0], y.shape[0], f"bilinear of {x} and {y}")
        return x.with_shape((x.shape[0], weight.shape[0]))

    def numpy(x: np.ndarray, y: np.ndarray, weight: np.ndarray, bias: Any) -> Any:
        out = np.einsum("ni,kij,nj->nk", x, weight, y, optimize=True)
        return out if bias is None else out + bias

    def cpu(b: Any, x: Any, y: Any, weight: Any, bias: Any) -> Any:
        k, i, j = weight.shape
        left = b.matmul(x, b.reshape(b.permute(weight, (1, 0, 2)), (i, k * j)))
        out = b.reduce("sum", b.mul(b.reshape(left, (-1, k, j)), b.unsqueeze(y, 1)), [-1])
        return out if bias is None else b.add(out, bias)

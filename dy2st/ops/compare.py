"""Comparisons, logic and bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dy2st.ir.dims import broadcast_shapes
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.binary import common_kernel
from dy2st.ops.cases import BINARY, UNARY, Arg, between, values
from dy2st.ops.rules import broadcasting, promoting, same_as, shaped_as
from dy2st.ops.signature import Signature

_MIXED = [
    {"x": Arg((2, 3), "float32"), "y": Arg((2, 3), "float64"), "dtypes": ("float32",)},
    {"x": Arg((2, 3), "int64"), "y": Arg((), "float32"), "dtypes": ("float32",)},
]
_TIES = [{"x": values([0.5, 0.0, -0.0, 2.0, 1.0]), "y": values([0.5, -0.0, 0.0, 1.0, 2.0])}]


class _Comparison(Plain):
    signature = Signature.parse("x: Tensor, y: Tensor -> out")
    infer = broadcasting(DType.BOOL)
    cases = [*BINARY, *_TIES, *_MIXED]
    dtypes = ("float32", "float64", "int32", "int64", "bool", "float16", "bfloat16")


def _named(name: str) -> Callable[..., Any]:
    return common_kernel(lambda b, x, y: b.elementwise(name, x, y))


def equal(x: np.ndarray, y: np.ndarray) -> Any:
    """phi's equality: floats are equal when they differ by less than 1e-8."""
    if x.dtype.kind != "f":
        return x == y
    return (x == y) | (np.abs((x - y).astype(np.float64)) < 1e-8)


def _equal_kernel(b: Any, x: Any, y: Any) -> Any:
    if "float" not in x.dtype:
        return b.elementwise("eq", x, y)
    near = lambda s, u, v: s.cast(s.abs(u - v), "float64") < 1e-8  # noqa: E731
    return b.map(lambda s, u, v: s.logical_or(s.eq(u, v), near(s, u, v)), x, y)


class Equal(_Comparison, name="equal"):
    """x == y; floats are equal when they differ by less than 1e-8."""

    numpy = promoting(equal)
    cpu = common_kernel(_equal_kernel)


class NotEqual(_Comparison, name="not_equal"):
    """x != y; floats are equal when they differ by less than 1e-8."""

    numpy = promoting(lambda x, y: ~equal(x, y))
    cpu = common_kernel(lambda b, x, y: b.elementwise("logical_not", _equal_kernel(b, x, y)))


class LessThan(_Comparison, name="less_than"):
    """x < y."""

    numpy = promoting(np.less)
    cpu = _named("lt")


class LessEqual(_Comparison, name="less_equal"):
    """x <= y."""

    numpy = promoting(np.less_equal)
    cpu = _named("le")


class GreaterThan(_Comparison, name="greater_than"):
    """x > y."""

    numpy = promoting(np.greater)
    cpu = _named("gt")


class GreaterEqual(_Comparison, name="greater_equal"):
    """x >= y."""

    numpy = promoting(np.greater_equal)
    cpu = _named("ge")


class _Logical(Plain):
    signature = Signature.parse("x: Tensor, y: Tensor -> out")
    infer = lambda x, y: TensorType(DType.BOOL, broadcast_shapes(x.shape, y.shape))  # noqa: E731
    cases = BINARY
    dtypes = ("float32", "float64", "int32", "int64", "bool")


def _logical(name: str) -> Callable[..., Any]:
    def cpu(b: Any, x: Any, y: Any) -> Any:
        return b.elementwise(name, b.cast(x, "bool"), b.cast(y, "bool"))

    return cpu


class LogicalAnd(_Logical, name="logical_and"):
    """Whether both are non-zero."""

    numpy = np.logical_and
    cpu = _logical("logical_and")


class LogicalOr(_Logical, name="logical_or"):
    """Whether one is non-zero."""

    numpy = np.logical_or
    cpu = _logical("logical_or")


class LogicalXor(_Logical, name="logical_xor"):
    """Whether exactly one is non-zero."""

    numpy = np.logical_xor
    cpu = _logical("logical_xor")


class LogicalNot(Plain, name="logical_not", signature="x: Tensor -> out"):
    """Whether x is zero."""

    infer = shaped_as("x", DType.BOOL)
    numpy = np.logical_not
    cpu = lambda b, x: b.elementwise("logical_not", b.cast(x, "bool"))  # noqa: E731
    cases = UNARY
    dtypes = ("float32", "float64", "int32", "int64", "bool")


class _Bits(Plain):
    signature = Signature.parse("x: Tensor, y: Tensor -> out")
    infer = lambda x, y: x.with_shape(broadcast_shapes(x.shape, y.shape))  # noqa: E731
    cases = BINARY
    dtypes = ("int32", "int64", "bool", "uint8")


class BitwiseAnd(_Bits, name="bitwise_and"):
    """The bits set in both."""

    numpy = np.bitwise_and
    cpu = lambda b, x, y: b.elementwise("and_", x, y)  # noqa: E731


class BitwiseOr(_Bits, name="bitwise_or"):
    """The bits set in one or both."""

    numpy = np.bitwise_or
    cpu = lambda b, x, y: b.elementwise("or_", x, y)  # noqa: E731


class BitwiseXor(_Bits, name="bitwise_xor"):
    """The bits set in exactly one."""

    numpy = np.bitwise_xor
    cpu = lambda b, x, y: b.elementwise("xor", x, y)  # noqa: E731


class BitwiseNot(Plain, name="bitwise_not", signature="x: Tensor -> out"):
    """The bits that are not set; logical not of a bool."""

    infer = same_as("x")
    numpy = np.invert
    cpu = lambda b, x: b.elementwise("logical_not" if x.dtype == "bool" else "not_", x)  # noqa: E731
    cases = UNARY
    dtypes = ("int32", "int64", "bool", "uint8")


_SHIFTS = [
    {"x": (2, 3), "y": between((2, 3), 0, 5)},
    {"x": ("N", 3), "y": between((1,), 0, 5)},
    {"x": (2, 3), "y": between((2, 3), 0, 5), "is_arithmetic": False},
]


class LeftShift(
    Plain,
    name="bitwise_left_shift",
    signature="x: Tensor, y: Tensor, is_arithmetic: bool = True -> out",
):
    """x shifted left by y bits."""

    infer = _Bits.infer
    numpy = lambda x, y: np.left_shift(x, y)  # noqa: E731
    cpu = lambda b, x, y: b.elementwise("shl", x, y)  # noqa: E731
    cases = _SHIFTS
    dtypes = ("int32", "int64")


class RightShift(
    Plain,
    name="bitwise_right_shift",
    signature="x: Tensor, y: Tensor, is_arithmetic: bool = True -> out",
):
    """x shifted right by y bits; ``is_arithmetic`` keeps the sign."""

    infer = _Bits.infer
    cases = _SHIFTS
    dtypes = ("int32", "int64")

    def numpy(x: np.ndarray, y: np.ndarray, is_arithmetic: bool) -> Any:
        if is_arithmetic or x.dtype.kind == "u":
            return np.right_shift(x, y)
        unsigned = np.dtype(f"u{x.dtype.name}")
        return np.right_shift(x.view(unsigned), y.astype(unsigned)).view(x.dtype)

    def cpu(b: Any, x: Any, y: Any, is_arithmetic: bool) -> Any:
        return b.elementwise("shr", x, y) if is_arithmetic else b.reference()


class Isclose(
    Plain,
    name="isclose",
    signature="x: Tensor, y: Tensor, rtol: scalar = 1e-5, atol: scalar = 1e-8, equal_nan: bool = False -> out",
):
    """Whether abs(x - y) <= atol + rtol * abs(y); ``equal_nan`` makes NaN close to NaN."""

    infer = broadcasting(DType.BOOL)
    cases = [
        {"x": (2, 3), "y": (2, 3)},
        {"x": (40,), "y": (40,), "equal_nan": True},
        {"x": (4, 3), "y": (4, 3), "rtol": 0.5, "atol": 0.5},
        {"x": values([1.0, 2.0]), "y": values([1.0, 2.000001])},
    ]
    dtypes = ("float32", "float64")

    def numpy(x: np.ndarray, y: np.ndarray, rtol: float, atol: float, equal_nan: bool) -> Any:
        x, y = x.astype(np.float64), y.astype(np.float64)
        close = (x == y) | (np.abs(x - y) <= atol + np.abs(rtol * y))
        nan = np.isnan(x) | np.isnan(y)
        return np.where(nan, equal_nan & np.isnan(x) & np.isnan(y), close)

    def cpu(b: Any, x: Any, y: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
        def close(s: Any, u: Any, v: Any) -> Any:
            near = s.logical_or(s.eq(u, v), s.abs(u - v) <= atol + s.abs(v * rtol))
            if not equal_nan:
                return near
            return s.logical_or(near, s.logical_and(s.isnan(u), s.isnan(v)))

        return b.map(close, b.cast(x, "float64"), b.cast(y, "float64"))


class Allclose(Plain, name="allclose", signature=Isclose.signature):
    """Whether all elements are close, see isclose."""

    infer = lambda x, y: TensorType(DType.BOOL, ())  # noqa: E731
    cases = Isclose.cases
    dtypes = ("float32", "float64")

    def numpy(x: np.ndarray, y: np.ndarray, rtol: float, atol: float, equal_nan: bool) -> Any:
        return np.all(Isclose.numpy(x, y, rtol, atol, equal_nan))

    def cpu(b: Any, x: Any, y: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
        return b.reduce("all", Isclose.cpu(b, x, y, rtol, atol, equal_nan))


class EqualAll(Plain, name="equal_all", signature="x: Tensor, y: Tensor -> out"):
    """Whether shapes and all elements are equal."""

    infer = lambda x, y: TensorType(DType.BOOL, ())  # noqa: E731
    cases = [{"x": (2, 3), "y": (2, 3)}, {"x": (2, 3), "y": (2, 4)}, {"x": (0,), "y": (0,)}, *_TIES]
    dtypes = ("float32", "float64", "int32", "int64", "bool")

    def numpy(x: np.ndarray, y: np.ndarray) -> Any:
        if x.shape != y.shape:
            return np.False_
        return np.all(equal(x, y))

    def cpu(b: Any) -> Any:
        return b.reference()

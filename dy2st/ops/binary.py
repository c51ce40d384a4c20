"""Elementwise arithmetic of two tensors that broadcast, with phi's promotion of mixed dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dy2st.errors import DivisionByZeroError
from dy2st.ir.dims import broadcast_shapes
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import BINARY, Arg, between
from dy2st.ops.rules import broadcasting, common_dtype, promoting
from dy2st.ops.signature import Signature

_MIXED = [
    {"x": Arg((2, 3), "float32"), "y": Arg((2, 3), "float64"), "dtypes": ("float32",)},
    {"x": Arg((2, 3), "float32"), "y": Arg((), "int64"), "dtypes": ("float32",)},
    {"x": Arg((), "float64"), "y": Arg((2,), "float32"), "dtypes": ("float32",)},
    {"x": Arg((), "float64"), "y": Arg((), "float32"), "dtypes": ("float32",)},
    {"x": Arg((2,), "int64"), "y": Arg((), "float32"), "dtypes": ("float32",)},
]
_NONZERO = [
    {"x": (2, 3), "y": between((2, 3), 1, 9)},
    {"x": (2, 3), "y": between((3,), -9, -1)},
    {"x": ("N", 4), "y": between(("N", 1), 1, 5)},
    {"x": (), "y": between((), 1, 5)},
    {"x": (0, 2), "y": between((2,), 1, 5)},
]


def node_type(node: Any) -> TensorType:
    """The type of a kernel graph's node."""
    return TensorType(DType.of(node.dtype), node.shape)


def common_kernel(function: Callable[..., Any], scalars: bool = True) -> Callable[..., Any]:
    """``function(b, x, y)`` after both operands were cast to their common dtype."""

    def cpu(b: Any, x: Any, y: Any) -> Any:
        common = common_dtype(node_type(x), node_type(y), scalars)
        if common.is_complex:
            return b.reference()
        return function(b, b.cast(x, common.value), b.cast(y, common.value))

    return cpu


def named(name: str) -> Callable[..., Any]:
    """The kernel is one scalar function in the common dtype."""
    return common_kernel(lambda b, x, y: b.elementwise(name, x, y))


class _Binary(Plain):
    signature = Signature.parse("x: Tensor, y: Tensor -> out")
    infer = broadcasting()
    cases = [*BINARY, *_MIXED]


class Add(_Binary, name="add"):
    """x + y."""

    numpy = promoting(np.add)

    def cpu(b: Any, x: Any, y: Any) -> Any:
        if x.dtype == y.dtype == "bool":
            return b.elementwise("logical_or", x, y)
        return named("add")(b, x, y)


class Subtract(_Binary, name="subtract"):
    """x - y."""

    numpy = promoting(np.subtract)
    cpu = named("sub")


class Multiply(_Binary, name="multiply"):
    """x * y."""

    numpy = promoting(np.multiply)

    def cpu(b: Any, x: Any, y: Any) -> Any:
        if x.dtype == y.dtype == "bool":
            return b.elementwise("logical_and", x, y)
        return named("mul")(b, x, y)


def _float_if_integer(dtype: DType) -> DType:
    return dtype if dtype.is_floating or dtype.is_complex else DType.FLOAT32


class Divide(_Binary, name="divide"):
    """x / y; integers are divided in float32."""

    dtypes = ("float32", "float64", "int32", "int64", "complex64")

    def infer(x: TensorType, y: TensorType) -> TensorType:
        dtype = _float_if_integer(common_dtype(x, y))
        return TensorType(dtype, broadcast_shapes(x.shape, y.shape))

    def numpy(x: np.ndarray, y: np.ndarray) -> Any:
        common = _float_if_integer(
            common_dtype(
                TensorType(DType.of(x.dtype), x.shape), TensorType(DType.of(y.dtype), y.shape)
            )
        ).numpy
        return np.divide(x.astype(common), y.astype(common))

    def cpu(b: Any, x: Any, y: Any) -> Any:
        common = _float_if_integer(common_dtype(node_type(x), node_type(y)))
        if common.is_complex:
            return b.reference()
        return b.elementwise("div", b.cast(x, common.value), b.cast(y, common.value))


def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` that rejects an integer zero among the divisors."""

    def divide(x: np.ndarray, y: np.ndarray) -> Any:
        if y.dtype.kind in "iub" and y.size and not np.all(y):
            raise DivisionByZeroError("integer division by zero")
        return function(x, y)

    return divide


def _floordiv_kernel(b: Any, x: Any, y: Any) -> Any:
    if "float" not in x.dtype:
        return b.elementwise("floordiv", x, y)

    def divide(s: Any, u: Any, v: Any) -> Any:
        # By the remainder, as numpy and phi do it: floor(u / v) alone is off by rounding.
        rest = s.fmod(u, v)
        wrong_side = s.logical_and(s.ne(rest, 0.0), s.xor(v < 0, rest < 0))
        quotient = (u - rest) / v - s.cast(wrong_side, "float32")
        low = s.floor(quotient)
        whole = s.select(quotient - low > 0.5, low + 1.0, low)
        return s.select(s.eq(v, 0.0), u / v, whole)

    return b.map(divide, x, y)


class FloorDivide(_Binary, name="floor_divide"):
    """The quotient rounded down. Integers: an error when the divisor is 0."""

    rejects = staticmethod(lambda dtypes: not dtypes[-1].is_floating)
    infer = broadcasting(scalars=False)
    numpy = promoting(_checked(np.floor_divide), scalars=False)
    cpu = common_kernel(_floordiv_kernel, scalars=False)
    cases = _NONZERO


class Remainder(_Binary, name="remainder"):
    """The remainder with the divisor's sign. Integers: an error when the divisor is 0."""

    rejects = staticmethod(lambda dtypes: not dtypes[-1].is_floating)
    numpy = promoting(_checked(np.mod))
    cpu = named("mod")
    cases = [*_NONZERO, *_MIXED[:1], *_MIXED[2:4]]
    dtypes = ("float32", "float64", "int32", "int64")


class Maximum(_Binary, name="maximum"):
    """The larger of x and y; NaN where one is NaN."""

    numpy = promoting(np.maximum)
    cpu = named("max")
    cases = [*BINARY, *_MIXED[:1]]


class Minimum(_Binary, name="minimum"):
    """The smaller of x and y; NaN where one is NaN."""

    numpy = promoting(np.minimum)
    cpu = named("min")
    cases = [*BINARY, *_MIXED[:1]]


class Fmax(_Binary, name="fmax"):
    """The larger of x and y; NaN only where both are."""

    numpy = promoting(np.fmax)
    cases = BINARY
    cpu = common_kernel(
        lambda b, x, y: b.elementwise("fmax" if "float" in x.dtype else "max", x, y)
    )


class Fmin(_Binary, name="fmin"):
    """The smaller of x and y; NaN only where both are."""

    numpy = promoting(np.fmin)
    cases = BINARY
    cpu = common_kernel(
        lambda b, x, y: b.elementwise("fmin" if "float" in x.dtype else "min", x, y)
    )


def _power(x: np.ndarray, y: np.ndarray) -> Any:
    if x.dtype.kind in "iu":  # phi goes through double
        return np.power(x.astype(np.float64), y.astype(np.float64))
    return np.power(x, y)


class ElementwisePow(_Binary, name="elementwise_pow"):
    """x to the power of y."""

    numpy = promoting(_power)
    cases = [
        {"x": between((2, 3), 0.1, 4), "y": between((2, 3), 0, 4)},
        {"x": (2, 3), "y": between((2, 3), 0, 4)},
        {"x": between((2, 1, 4), 0.1, 3), "y": between((3, 1), 0, 3)},
        {"x": (), "y": between((2,), 0, 4)},
        {"x": ("N", 4), "y": between(("N", 1), 0, 4)},
        {"x": (0, 3), "y": (1, 3)},
    ]
    dtypes = ("float32", "float64", "int32", "int64")

    def cpu(b: Any, x: Any, y: Any) -> Any:
        common = common_dtype(node_type(x), node_type(y))
        if not common.is_floating:
            return b.reference()
        return b.elementwise("pow", b.cast(x, common.value), b.cast(y, common.value))


class Atan2(_Binary, name="atan2"):
    """The angle of the point (y, x); integers give float64."""

    # Eager reads outside of its operands where shapes differ; here they broadcast.
    cases = [c for c in BINARY if c["x"] == c["y"]]
    dtypes = ("float32", "float64", "int32", "int64")

    def infer(x: TensorType, y: TensorType) -> TensorType:
        dtype = x.dtype if x.dtype.is_floating else DType.FLOAT64
        return TensorType(dtype, broadcast_shapes(x.shape, y.shape))

    numpy = np.arctan2

    def cpu(b: Any, x: Any, y: Any) -> Any:
        dtype = x.dtype if "float" in x.dtype else "float64"
        return b.elementwise("atan2", b.cast(x, dtype), b.cast(y, dtype))


class Copysign(_Binary, name="copysign"):
    """The magnitude of x with the sign of y."""

    dtypes = ("float32", "float64")
    numpy = promoting(np.copysign)
    cpu = named("copysign")
    cases = BINARY


class Nextafter(_Binary, name="nextafter"):
    """The next number after x towards y."""

    numpy = promoting(np.nextafter)
    cases = BINARY

    def cpu(b: Any) -> Any:
        return b.reference()


class Heaviside(_Binary, name="heaviside"):
    """0 below 0 (and for NaN), y at 0, 1 above."""

    cases = BINARY
    dtypes = ("float32", "float64", "int32", "int64")
    numpy = promoting(lambda x, y: np.where(x == 0, y, x > 0))

    def cpu(b: Any, x: Any, y: Any) -> Any:
        step = lambda s, u: s.cast(u > 0, x.dtype)  # noqa: E731
        return b.map(lambda s, u, v: s.select(s.eq(u, 0), v, step(s, u)), x, y, dtype=x.dtype)


class Lerp(Plain, name="lerp", signature="x: Tensor, y: Tensor, weight: Tensor -> out"):
    """x + weight * (y - x)."""

    dtypes = ("float32", "float64")
    cases = [
        {"x": (2, 3), "y": (2, 3), "weight": (2, 3)},
        {"x": (2, 3), "y": (3,), "weight": ()},
        {"x": ("N", 3), "y": ("N", 1), "weight": (3,)},
    ]

    def infer(x: TensorType, y: TensorType, weight: TensorType) -> TensorType:
        return x.with_shape(broadcast_shapes(x.shape, y.shape, weight.shape))

    numpy = lambda x, y, weight: x + weight * (y - x)  # noqa: E731
    cpu = lambda b, x, y, weight: b.map(lambda s, u, v, w: u + w * (v - u), x, y, weight)  # noqa: E731

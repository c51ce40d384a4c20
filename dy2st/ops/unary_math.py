"""Elementwise mathematics of one tensor. Integers are computed in float32 where phi says so."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dy2st.ir.types import DType
from dy2st.ops.base import Plain
from dy2st.ops.cases import UNARY, between
from dy2st.ops.rules import float_result, real_result, reference, same_as, shaped_as
from dy2st.ops.signature import Signature

_PROPER = [{"x": between((3, 5), -0.95, 0.95)}, *UNARY]


def float_function(name: str) -> Callable[..., Any]:
    """The kernel is one scalar function; integers are cast to float32 first."""

    def cpu(b: Any, x: Any) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        return b.elementwise(name, x if "float" in x.dtype else b.cast(x, "float32"))

    return cpu


def real_function(name: str) -> Callable[..., Any]:
    """The kernel is one scalar function of any real dtype."""

    def cpu(b: Any, x: Any) -> Any:
        return b.reference() if x.dtype.startswith("complex") else b.elementwise(name, x)

    return cpu


def scalar_loop(function: Callable[[float], float]) -> Callable[..., Any]:
    """A reference over a function of one Python float (what numpy alone does not have)."""
    loop = np.frompyfunc(function, 1, 1)

    def numpy(x: np.ndarray) -> Any:
        wide = x.astype(np.float64)
        return np.asarray(loop(wide), np.float64).reshape(x.shape)

    return numpy


def half_to_even(s: Any, v: Any) -> Any:
    """C's ``rint`` as a scalar expression."""
    low = s.floor(v)
    even = low + s.fmod(s.abs(low), 2.0)
    near = s.select(v - low < 0.5, low, s.select(v - low > 0.5, low + 1.0, even))
    # Above 2**52 every number is whole, and infinities have no fraction.
    return s.select(s.abs(v) < 2.0**52, near, v)


class _Math(Plain):
    signature = Signature.parse("x: Tensor -> out")
    infer = float_result
    cases = UNARY


class Exp(_Math, name="exp"):
    """e to the power of x."""

    numpy = np.exp
    cpu = float_function("exp")


class Expm1(_Math, name="expm1"):
    """exp(x) - 1, accurate near 0."""

    numpy = np.expm1
    cpu = float_function("expm1")


class Log(_Math, name="log"):
    """Natural logarithm."""

    numpy = np.log
    cpu = float_function("log")


class Log2(_Math, name="log2"):
    """Logarithm to base 2."""

    numpy = np.log2
    cpu = float_function("log2")


class Log10(_Math, name="log10"):
    """Logarithm to base 10."""

    numpy = np.log10
    cpu = float_function("log10")


class Log1p(_Math, name="log1p"):
    """log(1 + x), accurate near 0."""

    numpy = np.log1p
    cpu = float_function("log1p")


class Sqrt(_Math, name="sqrt"):
    """Square root."""

    # Paddle's vectorised float32 code gives NaN for infinity and flushes denormals; its tail does not.
    specials = False

    numpy = np.sqrt
    cpu = float_function("sqrt")


class Rsqrt(_Math, name="rsqrt"):
    """1 / sqrt(x)."""

    specials = False  # as for sqrt

    def numpy(x: np.ndarray) -> Any:
        return 1 / np.sqrt(x)

    cpu = float_function("rsqrt")


class Reciprocal(_Math, name="reciprocal"):
    """1 / x."""

    def numpy(x: np.ndarray) -> Any:
        return 1 / (x if x.dtype.kind in "fc" else x.astype(np.float32))

    cpu = float_function("reciprocal")


class Sin(_Math, name="sin"):
    """Sine."""

    numpy = np.sin
    cpu = float_function("sin")


class Cos(_Math, name="cos"):
    """Cosine."""

    numpy = np.cos
    cpu = float_function("cos")


class Tan(_Math, name="tan"):
    """Tangent."""

    numpy = np.tan
    cpu = float_function("tan")


class Asin(_Math, name="asin"):
    """Inverse sine."""

    numpy = np.arcsin
    cpu = float_function("asin")
    cases = _PROPER


class Acos(_Math, name="acos"):
    """Inverse cosine."""

    numpy = np.arccos
    cpu = float_function("acos")
    cases = _PROPER


class Atan(_Math, name="atan"):
    """Inverse tangent."""

    numpy = np.arctan
    cpu = float_function("atan")


class Sinh(_Math, name="sinh"):
    """Hyperbolic sine."""

    numpy = np.sinh
    cpu = float_function("sinh")


class Cosh(_Math, name="cosh"):
    """Hyperbolic cosine."""

    numpy = np.cosh
    cpu = float_function("cosh")


class Tanh(_Math, name="tanh"):
    """Hyperbolic tangent."""

    numpy = np.tanh
    cpu = float_function("tanh")


class Asinh(_Math, name="asinh"):
    """Inverse hyperbolic sine."""

    numpy = np.arcsinh
    cpu = float_function("asinh")


class Acosh(_Math, name="acosh"):
    """Inverse hyperbolic cosine."""

    numpy = np.arccosh
    cpu = float_function("acosh")
    cases = [{"x": between((3, 5), 1.0, 9.0)}, *UNARY]


class Atanh(_Math, name="atanh"):
    """Inverse hyperbolic tangent."""

    numpy = np.arctanh
    cpu = float_function("atanh")
    cases = _PROPER


class Erf(_Math, name="erf"):
    """The error function."""

    numpy = scalar_loop(math.erf)
    cpu = float_function("erf")


def _lgamma(x: float) -> float:
    if math.isnan(x):
        return x
    try:
        return math.lgamma(x)
    except (OverflowError, ValueError):  # too large, or a pole
        return math.inf


class Lgamma(_Math, name="lgamma"):
    """Logarithm of the absolute value of the gamma function; inf at the poles."""

    numpy = scalar_loop(_lgamma)
    cpu = float_function("lgamma")


class Abs(_Math, name="abs"):
    """Absolute value (the magnitude of complex numbers)."""

    infer = real_result
    numpy = np.abs
    cpu = real_function("abs")


class Sign(_Math, name="sign"):
    """-1, 0 or 1 by the sign of x."""

    infer = same_as("x")
    numpy = np.sign

    def cpu(b: Any, x: Any) -> Any:
        return b.reference() if x.dtype.startswith("complex") else b.elementwise("sign", x)


class Square(_Math, name="square"):
    """x * x."""

    infer = same_as("x")
    numpy = np.square
    cpu = real_function("square")


class Floor(_Math, name="floor"):
    """The largest integer not above x."""

    infer = same_as("x")
    numpy = lambda x: np.floor(x) if x.dtype.kind == "f" else x  # noqa: E731

    def cpu(b: Any, x: Any) -> Any:
        return b.elementwise("floor", x) if "float" in x.dtype else x


class Ceil(_Math, name="ceil"):
    """The smallest integer not below x."""

    infer = same_as("x")
    numpy = lambda x: np.ceil(x) if x.dtype.kind == "f" else x  # noqa: E731

    def cpu(b: Any, x: Any) -> Any:
        return b.elementwise("ceil", x) if "float" in x.dtype else x


class Trunc(_Math, name="trunc", signature="input: Tensor -> out"):
    """x without its fraction."""

    infer = same_as("input")
    numpy = lambda input: np.trunc(input) if input.dtype.kind == "f" else input  # noqa: E731
    cases = [{"input": c["x"]} for c in UNARY]

    def cpu(b: Any, input: Any) -> Any:
        return b.elementwise("trunc", input) if "float" in input.dtype else input


class Round(_Math, name="round", signature="x: Tensor, decimals: int = 0 -> out"):
    """x rounded to ``decimals`` places, halves to even; integers stay."""

    infer = same_as("x")
    cases = [*UNARY, {"x": (3, 4), "decimals": 2}, {"x": (3, 4), "decimals": -1}]

    def numpy(x: np.ndarray, decimals: int) -> Any:
        if x.dtype.kind not in "fc":
            return x
        unit = x.real.dtype.type(10.0 ** abs(decimals))
        if decimals > 0:
            return np.rint(x * unit) / unit
        return np.rint(x / unit) * unit if decimals else np.rint(x)

    def cpu(b: Any, x: Any, decimals: int) -> Any:
        if "float" not in x.dtype:
            return b.reference()
        unit = 10.0 ** abs(decimals)
        if decimals > 0:
            return b.map(lambda s, v: half_to_even(s, v * unit) / unit, x)
        if decimals:
            return b.map(lambda s, v: half_to_even(s, v / unit) * unit, x)
        return b.map(half_to_even, x)


class Isnan(_Math, name="isnan"):
    """Whether each element is NaN."""

    infer = shaped_as("x", DType.BOOL)
    numpy = np.isnan

    def cpu(b: Any, x: Any) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        return b.elementwise("isnan", x) if "float" in x.dtype else b.full(x.shape, False, "bool")


class Isinf(_Math, name="isinf"):
    """Whether each element is infinite."""

    infer = shaped_as("x", DType.BOOL)
    numpy = np.isinf

    def cpu(b: Any, x: Any) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        return b.elementwise("isinf", x) if "float" in x.dtype else b.full(x.shape, False, "bool")


class Isfinite(_Math, name="isfinite"):
    """Whether each element is neither infinite nor NaN."""

    infer = shaped_as("x", DType.BOOL)
    numpy = np.isfinite

    def cpu(b: Any, x: Any) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        return b.elementwise("isfinite", x) if "float" in x.dtype else b.full(x.shape, True, "bool")


class Conj(_Math, name="conj"):
    """Complex conjugate; real numbers stay."""

    infer = same_as("x")
    numpy = np.conj
    cpu = lambda b, x: b.reference() if x.dtype.startswith("complex") else x  # noqa: E731


class Real(_Math, name="real"):
    """The real part of complex numbers."""

    infer = real_result
    numpy = np.real
    cpu = reference()
    cases = [{"x": (2, 3)}, {"x": ()}]


class Imag(_Math, name="imag"):
    """The imaginary part of complex numbers."""

    infer = real_result
    numpy = np.imag
    cpu = reference()
    cases = [{"x": (2, 3)}, {"x": ()}]


class Angle(_Math, name="angle"):
    """The phase of complex numbers; 0 or pi for real ones."""

    infer = real_result

    def numpy(x: np.ndarray) -> Any:
        if x.dtype.kind == "c":
            return np.angle(x)
        return np.where(np.isnan(x), x, np.where(x < 0, np.pi, 0)).astype(x.dtype)

    def cpu(b: Any, x: Any) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        return b.map(lambda s, v: s.select(s.isnan(v), v, s.select(v < 0, np.pi, 0.0)), x)

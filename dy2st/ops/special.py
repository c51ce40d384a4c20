"""Special functions of one tensor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dy2st.ops.base import Plain
from dy2st.ops.cases import UNARY, between
from dy2st.ops.rules import float_result, reference
from dy2st.ops.signature import Signature
from dy2st.ops.unary_math import scalar_loop


def _series(x: float, order: int) -> float:
    """The modified Bessel function of the first kind times exp(-abs(x)), order 0 or 1."""
    size = abs(x)
    if not math.isfinite(size):
        return math.nan if math.isnan(size) else 0.0
    if size < 30:
        term = total = (size / 2) ** order
        k = 1
        while term > 1e-17 * total:
            term *= (size / 2) ** 2 / (k * (k + order))
            total += term
            k += 1
        scaled = total * math.exp(-size)
    else:  # asymptotic (Abramowitz and Stegun 9.7.1)
        term = total = 1.0
        for k in range(1, 30):
            term *= -(4 * order * order - (2 * k - 1) ** 2) / (8 * k * size)
            if abs(term) < 1e-17:
                break
            total += term
        scaled = total / math.sqrt(2 * math.pi * size)
    return math.copysign(scaled, x) if order and x else scaled


def _grown(x: float, order: int) -> float:
    scaled = _series(x, order)
    if math.isinf(x):
        return math.copysign(math.inf, x) if order else math.inf
    return scaled * math.exp(abs(x)) if abs(x) < 700 else math.copysign(math.inf, scaled)


def _digamma(x: float) -> float:
    if math.isnan(x) or x == -math.inf:
        return math.nan
    if x == math.inf:
        return x
    if x <= 0 and x == math.floor(x):
        return math.nan if x else math.copysign(math.inf, -math.copysign(1, x))
    if x < 0:
        return _digamma(1 - x) - math.pi / math.tan(math.pi * x)
    total = 0.0
    while x < 10:
        total -= 1 / x
        x += 1
    inverse = 1 / (x * x)
    tail = inverse * (1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse / 240)))
    return total + math.log(x) - 0.5 / x - tail


def _erfinv(y: float) -> float:
    if math.isnan(y) or abs(y) > 1:
        return math.nan
    if abs(y) == 1:
        return math.copysign(math.inf, y)
    # Winitzki's approximation, then Newton's steps on erf.
    log = math.log1p(-y * y)
    part = 2 / (math.pi * 0.147) + log / 2
    x = math.copysign(math.sqrt(math.sqrt(part * part - log / 0.147) - part), y)
    for _ in range(4):
        slope = 2 / math.sqrt(math.pi) * math.exp(-x * x)
        x -= (math.erf(x) - y) / slope if slope else 0.0
    return x


class _Special(Plain):
    signature = Signature.parse("x: Tensor -> out")
    infer = float_result
    cases = UNARY
    cpu = reference()
    dtypes = ("float32", "float64", "int32", "int64")
    specials = False  # libraries differ at poles and infinities


class Erfinv(_Special, name="erfinv"):
    """The inverse of the error function."""

    cases = [{"x": between((3, 5), -0.99, 0.99)}, {"x": between(("N", 2), -0.5, 0.5)}]
    numpy = scalar_loop(_erfinv)


class Digamma(_Special, name="digamma"):
    """The logarithmic derivative of the gamma function."""

    cases = [{"x": between((3, 5), 0.1, 20)}, {"x": between(("N", 2), -3.7, -3.2)}]
    numpy = scalar_loop(_digamma)


class I0(_Special, name="i0"):
    """The modified Bessel function of the first kind of order 0."""

    numpy = scalar_loop(lambda x: _grown(x, 0))


class I0e(_Special, name="i0e"):
    """i0(x) * exp(-abs(x))."""

    numpy = scalar_loop(lambda x: _series(x, 0))


class I1(_Special, name="i1"):
    """The modified Bessel function of the first kind of order 1."""

    numpy = scalar_loop(lambda x: _grown(x, 1))


class I1e(_Special, name="i1e"):
    """i1(x) * exp(-abs(x))."""

    numpy = scalar_loop(lambda x: _series(x, 1))


class Gammaln(_Special, name="gammaln"):
    """The logarithm of the gamma function."""

    cases = [{"x": between((3, 5), 0.1, 20)}]
    dtypes = ("float32", "float64")
    numpy: Any = scalar_loop(lambda x: math.lgamma(x) if np.isfinite(x) and x > 0 else math.inf)

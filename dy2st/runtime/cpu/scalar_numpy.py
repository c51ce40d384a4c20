"""The scalar functions by numpy and Python's math: the meaning that kernels are tested against."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any


def _by_element(fn: Callable[[float], float]) -> Callable[[Array], Array]:
    def apply(x: Array) -> Array:
        wide = np.asarray(x, np.float64)
        return np.array([fn(v) for v in wide.ravel().tolist()], np.float64).reshape(wide.shape)

    return apply


def _lgamma(x: float) -> float:
    if math.isnan(x):
        return x
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _round(x: Array) -> Array:
    # Half away from zero, as C's round.
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= 0.5, whole + np.copysign(1, x), whole)


def _not(x: Array) -> Array:
    return np.logical_not(x) if x.dtype == np.bool_ else np.invert(x)


def _div(x: Array, y: Array) -> Array:
    if np.issubdtype(np.asarray(x).dtype, np.floating):
        return x / y
    quotient = np.abs(x) // np.where(y == 0, 1, np.abs(y))
    return np.where((x < 0) != (y < 0), -quotient, quotient)


def _relu(x: Array) -> Array:
    # As eager Paddle: NaN and -0.0 become 0.0.
    return np.where(x > 0, x, np.zeros_like(x))


FUNCTIONS: dict[str, Callable[..., Array]] = {
    **{
        name: getattr(np, name)
        for name in [
            "exp",
            "exp2",
            "expm1",
            "log",
            "log2",
            "log10",
            "log1p",
            "sqrt",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "floor",
            "ceil",
            "trunc",
            "abs",
            "sign",
            "square",
            "isnan",
            "isinf",
            "isfinite",
            "fmin",
            "fmax",
            "fmod",
            "copysign",
            "mod",
        ]
    },
    "neg": np.negative,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "atan2": np.arctan2,
    "erf": _by_element(math.erf),
    "lgamma": _by_element(_lgamma),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "sigmoid": _sigmoid,
    "round": _round,
    "rint": np.rint,
    "relu": _relu,
    "not_": _not,
    "pow": np.power,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": _div,
    "floordiv": np.floor_divide,
    "max": np.maximum,
    "min": np.minimum,
    "and_": np.bitwise_and,
    "or_": np.bitwise_or,
    "xor": np.bitwise_xor,
    "shl": np.left_shift,
    "shr": np.right_shift,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "select": np.where,
    "fma": lambda x, y, z: x * y + z,
}

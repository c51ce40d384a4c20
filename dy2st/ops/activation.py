"""Activations: elementwise functions of one tensor, with the parameters that phi gives them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dy2st.ops.base import Plain
from dy2st.ops.cases import UNARY, between
from dy2st.ops.rules import elementwise, float_result, same_as
from dy2st.ops.signature import Signature
from dy2st.ops.unary_math import float_function, scalar_loop

_SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
_erf = scalar_loop(math.erf)


def sigmoid(x: np.ndarray) -> Any:
    """1 / (1 + exp(-x)), which neither overflows nor gives NaN for infinities."""
    return 1 / (1 + np.exp(-x))


def softplus(x: np.ndarray) -> Any:
    """log(1 + exp(x)) without overflow."""
    return np.logaddexp(x, x.dtype.type(0))


class _Activation(Plain):
    signature = Signature.parse("x: Tensor -> out")
    infer = same_as("x")
    cases = UNARY
    dtypes = ("float32", "float64", "float16", "bfloat16", "int32", "int64")


class Relu(_Activation, name="relu"):
    """x where it is positive, 0 elsewhere (for NaN too)."""

    numpy = lambda x: np.where(x > 0, x, 0)  # noqa: E731
    cpu = elementwise("relu")


class Relu6(_Activation, name="relu6"):
    """x clipped to [0, 6]."""

    numpy = lambda x: np.clip(x, 0, 6)  # noqa: E731
    cpu = lambda b, x: b.elementwise("clip", x, 0, 6)  # noqa: E731


class Sigmoid(_Activation, name="sigmoid"):
    """1 / (1 + exp(-x))."""

    infer = float_result
    numpy = lambda x: sigmoid(x.astype(np.float32) if x.dtype.kind in "iu" else x)  # noqa: E731
    cpu = float_function("sigmoid")


class Silu(_Activation, name="silu"):
    """x * sigmoid(x)."""

    def numpy(x: np.ndarray) -> Any:
        return x / (1 + np.exp(-x))

    def cpu(b: Any, x: Any) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        return b.map(lambda s, v: v / (1 + s.exp(-v)), x)


class Swish(_Activation, name="swish"):
    """x * sigmoid(x)."""

    numpy = Silu.numpy
    cpu = Silu.cpu


class Gelu(_Activation, name="gelu", signature="x: Tensor, approximate: bool = False -> out"):
    """x times the normal distribution function of x, or its tanh approximation."""

    cases = [*UNARY, {"x": (3, 5), "approximate": True}]

    def numpy(x: np.ndarray, approximate: bool) -> Any:
        if approximate:
            return 0.5 * x * (1 + np.tanh(_SQRT_2_OVER_PI * (x + 0.044715 * x * x * x)))
        return 0.5 * x * (1 + _erf(x / math.sqrt(2)))

    def cpu(b: Any, x: Any, approximate: bool) -> Any:
        if approximate:
            return b.map(
                lambda s, v: 0.5 * v * (1 + s.tanh(_SQRT_2_OVER_PI * (v + 0.044715 * (v * v * v)))),
                x,
            )
        return b.map(lambda s, v: 0.5 * v * (1 + s.erf(v * math.sqrt(0.5))), x)


class Hardswish(_Activation, name="hardswish"):
    """x * clip(x + 3, 0, 6) / 6."""

    numpy = lambda x: x * np.clip(x + 3, 0, 6) / 6  # noqa: E731
    cpu = lambda b, x: b.map(lambda s, v: v * s.clip(v + 3, 0, 6) * (1 / 6), x)  # noqa: E731


class Hardsigmoid(
    _Activation,
    name="hardsigmoid",
    signature="x: Tensor, slope: float = 0.2, offset: float = 0.5 -> out",
):
    """slope * x + offset, clipped to [0, 1]."""

    cases = [*UNARY, {"x": (3, 5), "slope": 0.1666667, "offset": 0.4}]
    numpy = lambda x, slope, offset: np.clip(x * x.dtype.type(slope) + offset, 0, 1)  # noqa: E731

    def cpu(b: Any, x: Any, slope: float, offset: float) -> Any:
        return b.map(lambda s, v: s.clip(v * slope + offset, 0, 1), x)


class Hardtanh(
    _Activation,
    name="hardtanh",
    signature="x: Tensor, t_min: float = 0, t_max: float = 24 -> out",
):
    """x clipped to [t_min, t_max]."""

    cases = [*UNARY, {"x": (3, 5), "t_min": -1.0, "t_max": 1.0}]
    numpy = lambda x, t_min, t_max: np.clip(x, t_min, t_max)  # noqa: E731
    cpu = lambda b, x, t_min, t_max: b.elementwise("clip", x, t_min, t_max)  # noqa: E731


class LeakyRelu(
    _Activation, name="leaky_relu", signature="x: Tensor, negative_slope: float = 0.02 -> out"
):
    """x where it is positive, negative_slope * x elsewhere."""

    cases = [*UNARY, {"x": (3, 5), "negative_slope": 0.3}, {"x": (3, 5), "negative_slope": 2.0}]
    numpy = lambda x, negative_slope: np.where(x > 0, x, x * negative_slope)  # noqa: E731

    def cpu(b: Any, x: Any, negative_slope: float) -> Any:
        return b.map(lambda s, v: s.select(v > 0, v, v * negative_slope), x)


class Elu(_Activation, name="elu", signature="x: Tensor, alpha: float = 1.0 -> out"):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere."""

    cases = [*UNARY, {"x": (3, 5), "alpha": 0.3}]
    numpy = lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x))  # noqa: E731

    def cpu(b: Any, x: Any, alpha: float) -> Any:
        return b.map(lambda s, v: s.select(v > 0, v, alpha * s.expm1(v)), x)


class Celu(_Activation, name="celu", signature="x: Tensor, alpha: float = 1.0 -> out"):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""

    cases = [*UNARY, {"x": (3, 5), "alpha": 0.3}]
    numpy = lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x / alpha))  # noqa: E731

    def cpu(b: Any, x: Any, alpha: float) -> Any:
        return b.map(lambda s, v: s.select(v > 0, v, alpha * s.expm1(v / alpha)), x)


class Selu(
    _Activation,
    name="selu",
    signature="x: Tensor, scale: float = 1.0507009873554805, alpha: float = 1.6732632423543772 -> out",
):
    """scale * x where x is positive, scale * alpha * (exp(x) - 1) elsewhere."""

    numpy = lambda x, scale, alpha: scale * np.where(x > 0, x, alpha * np.expm1(x))  # noqa: E731

    def cpu(b: Any, x: Any, scale: float, alpha: float) -> Any:
        return b.map(lambda s, v: scale * s.select(v > 0, v, alpha * s.expm1(v)), x)


class Softplus(
    _Activation,
    name="softplus",
    signature="x: Tensor, beta: float = 1.0, threshold: float = 20.0 -> out",
):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x is above the threshold."""

    cases = [*UNARY, {"x": (3, 5), "beta": 2.0, "threshold": 1.0}]

    def numpy(x: np.ndarray, beta: float, threshold: float) -> Any:
        return np.where(x * beta > threshold, x, np.log1p(np.exp(x * beta)) / beta)

    def cpu(b: Any, x: Any, beta: float, threshold: float) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        soft = lambda s, v: s.log1p(s.exp(v * beta)) / beta  # noqa: E731
        return b.map(lambda s, v: s.select(v * beta > threshold, v, soft(s, v)), x)


class Softsign(_Activation, name="softsign"):
    """x / (1 + abs(x))."""

    numpy = lambda x: x / (1 + np.abs(x))  # noqa: E731

    def cpu(b: Any, x: Any) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        return b.map(lambda s, v: v / (1 + s.abs(v)), x)


class Mish(_Activation, name="mish", signature="x: Tensor, lambda_: float = 20.0 -> out"):
    """x * tanh(softplus(x)); phi calls the attribute ``lambda``."""

    def numpy(x: np.ndarray, lambda_: float) -> Any:
        return x * np.tanh(np.where(x > lambda_, x, np.log1p(np.exp(x))))

    def cpu(b: Any, x: Any, lambda_: float) -> Any:
        soft = lambda s, v: s.select(v > lambda_, v, s.log1p(s.exp(v)))  # noqa: E731
        return b.map(lambda s, v: v * s.tanh(soft(s, v)), x)


class TanhShrink(_Activation, name="tanh_shrink"):
    """x - tanh(x)."""

    numpy = lambda x: x - np.tanh(x)  # noqa: E731
    cpu = lambda b, x: b.map(lambda s, v: v - s.tanh(v), x)  # noqa: E731


class Softshrink(
    _Activation, name="softshrink", signature="x: Tensor, threshold: float = 0.5 -> out"
):
    """x moved towards 0 by the threshold; 0 between (NaN for infinities: phi multiplies by 0)."""

    numpy = lambda x, threshold: (  # noqa: E731
        (x > threshold) * (x - threshold) + (x < -threshold) * (x + threshold)
    )

    def cpu(b: Any, x: Any, threshold: float) -> Any:
        one = lambda s, c, v: s.cast(c, x.dtype) * v  # noqa: E731
        return b.map(
            lambda s, v: (
                one(s, v > threshold, v - threshold) + one(s, v < -threshold, v + threshold)
            ),
            x,
        )


class Hardshrink(
    _Activation, name="hardshrink", signature="x: Tensor, threshold: float = 0.5 -> out"
):
    """x outside of (-threshold, threshold), 0 inside."""

    numpy = lambda x, threshold: np.where(np.abs(x) < threshold, 0, x)  # noqa: E731

    def cpu(b: Any, x: Any, threshold: float) -> Any:
        return b.map(lambda s, v: s.select(s.abs(v) < threshold, 0.0, v), x)


class ThresholdedRelu(
    _Activation,
    name="thresholded_relu",
    signature="x: Tensor, threshold: float = 1.0, value: float = 0.0 -> out",
):
    """x above the threshold, ``value`` elsewhere."""

    cases = [*UNARY, {"x": (3, 5), "threshold": 0.2, "value": -1.0}]
    numpy = lambda x, threshold, value: (x > threshold) * x + (~(x > threshold)) * value  # noqa: E731

    def cpu(b: Any, x: Any, threshold: float, value: float) -> Any:
        above = lambda s, v: s.cast(v > threshold, x.dtype)  # noqa: E731
        return b.map(lambda s, v: above(s, v) * v + (1.0 - above(s, v)) * value, x)


class Logsigmoid(_Activation, name="logsigmoid"):
    """log(sigmoid(x)), without overflow (NaN for -inf, as phi's formula gives)."""

    def numpy(x: np.ndarray) -> Any:
        if x.dtype.kind == "c":
            return np.log(sigmoid(x))
        top = np.maximum(-x, 0)
        return -(np.log(np.exp(-top) + np.exp(-x - top)) + top)

    def cpu(b: Any, x: Any) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        top = lambda s, v: s.max(-v, 0.0)  # noqa: E731
        both = lambda s, v, t: s.exp(-t) + s.exp(-v - t)  # noqa: E731
        return b.map(lambda s, v: -(s.log(both(s, v, top(s, v))) + top(s, v)), x)


class Stanh(
    _Activation,
    name="stanh",
    signature="x: Tensor, scale_a: float = 0.67, scale_b: float = 1.7159 -> out",
):
    """scale_b * tanh(scale_a * x)."""

    infer = float_result
    numpy = lambda x, scale_a, scale_b: scale_b * np.tanh(scale_a * x)  # noqa: E731

    def cpu(b: Any, x: Any, scale_a: float, scale_b: float) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        x = x if "float" in x.dtype else b.cast(x, "float32")
        return b.map(lambda s, v: scale_b * s.tanh(scale_a * v), x)


class Logit(_Activation, name="logit", signature="x: Tensor, eps: float = 1e-6 -> out"):
    """log(x / (1 - x)) with x clipped to [eps, 1 - eps]; without eps NaN outside of [0, 1]."""

    infer = float_result
    cases = [*UNARY, {"x": (3, 5), "eps": 0.1}, {"x": between((3, 5), -0.1, 1.1), "eps": 0.0}]

    def numpy(x: np.ndarray, eps: float) -> Any:
        x = x if x.dtype.kind == "f" else x.astype(np.float32)
        if eps == 0:
            return np.where((x < 0) | (x > 1), np.nan, np.log(x / (1 - x)))
        clipped = np.clip(x, eps, 1 - eps)
        return np.log(clipped / (1 - clipped))

    def cpu(b: Any, x: Any, eps: float) -> Any:
        if eps == 0:
            return b.reference()
        x = x if "float" in x.dtype else b.cast(x, "float32")
        inside = lambda s, v: s.clip(v, eps, 1 - eps)  # noqa: E731
        return b.map(lambda s, v: s.log(inside(s, v) / (1 - inside(s, v))), x)

"""Elementwise arithmetic of a tensor with numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import UNARY, between
from dy2st.ops.rules import same_as


def _number(x: np.ndarray, value: Any) -> Any:
    """``value`` in the dtype of ``x``, as phi's ``Scalar::to<T>`` gives it (truncated)."""
    return np.asarray(value).astype(x.dtype)


def number_for(dtype: str, value: Any) -> Any:
    """``value`` as a Python number of the kind that ``dtype`` holds."""
    if "float" in dtype:
        return float(value)
    return bool(value) if dtype == "bool" else int(value)


class Scale(
    Plain,
    name="scale",
    signature=(
        "x: Tensor, scale: scalar = 1.0, bias: scalar = 0.0, bias_after_scale: bool = True -> out"
    ),
):
    """x * scale + bias, or (x + bias) * scale; the numbers are cast to the dtype of x."""

    infer = same_as("x")
    cases = [
        *UNARY,
        {"x": (2, 3), "scale": 2.0, "bias": 3.0},
        {"x": (2, 3), "scale": -1.0, "bias": 1.0, "bias_after_scale": False},
        {"x": (2, 3), "scale": 3, "bias": 1},
    ]
    dtypes = ("float32", "float64", "int32", "int64", "complex64")

    def numpy(x: np.ndarray, scale: Any, bias: Any, bias_after_scale: bool) -> Any:
        scale, bias = _number(x, scale), _number(x, bias)
        return x * scale + bias if bias_after_scale else (x + bias) * scale

    def cpu(b: Any, x: Any, scale: Any, bias: Any, bias_after_scale: bool) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        k, c = number_for(x.dtype, scale), number_for(x.dtype, bias)
        if bias_after_scale and c == 0:
            return b.map(lambda s, v: v * k, x, dtype=x.dtype)
        if bias_after_scale:
            return b.map(lambda s, v: (v * k if k != 1 else v) + c, x, dtype=x.dtype)
        return b.map(lambda s, v: (v + c) * k, x, dtype=x.dtype)


class DivScale(Plain, name="div_scale", signature="x: Tensor, scale: scalar = 1.0 -> out"):
    """x / scale; integers are divided as such, towards 0."""

    infer = same_as("x")
    cases = [{"x": (2, 3), "scale": 3.0}, {"x": ("N", 3), "scale": 2}, {"x": (), "scale": -4.0}]
    dtypes = ("float32", "float64", "int32", "int64")

    def numpy(x: np.ndarray, scale: Any) -> Any:
        if x.dtype.kind in "iu":
            return np.trunc(x / _number(x, scale))
        return x / _number(x, scale)

    def cpu(b: Any, x: Any, scale: Any) -> Any:
        if x.dtype.startswith("complex"):
            return b.reference()
        return b.map(lambda s, v: v / number_for(x.dtype, scale), x, dtype=x.dtype)


class Pow(Plain, name="pow", signature="x: Tensor, y: scalar = 1.0 -> out"):
    """x to the power of a number; integers stay integers."""

    specials = False  # Paddle's vectorised code gives inf for the cube of -3e30
    infer = same_as("x")
    cases = [
        {"x": (2, 3), "y": 2},
        {"x": ("N", 3), "y": 3.0},
        {"x": between((3, 3), 0.1, 4), "y": 0.5},
        {"x": between((3, 3), 1, 4), "y": -1.5, "dtypes": ("float32", "float64")},
        {"x": (), "y": 0},
    ]
    dtypes = ("float32", "float64", "int32", "int64")

    def numpy(x: np.ndarray, y: Any) -> Any:
        if x.dtype.kind in "iu":
            return np.power(x.astype(np.float64), float(int(y)))
        return np.power(x, _number(x, y))

    def cpu(b: Any, x: Any, y: Any) -> Any:
        if "float" not in x.dtype:
            return b.reference()
        simple = _POWERS.get(float(y))
        if simple is not None:
            return b.map(simple, x)
        return b.elementwise("pow", x, float(y))


# Powers that one or two instructions give. pow(-0.0, 0.5) and pow(-inf, 0.5) are not sqrt's results,
# so 0.5 is not among them.
_POWERS: dict[float, Any] = {
    1.0: lambda s, v: v,
    2.0: lambda s, v: v * v,
    3.0: lambda s, v: v * v * v,
    -1.0: lambda s, v: s.reciprocal(v),
}


class Clip(Plain, name="clip", signature="x: Tensor, min: scalar, max: scalar -> out"):
    """x limited to [min, max]; NaN stays."""

    infer = same_as("x")
    cases = [
        {"x": (2, 3), "min": -1.0, "max": 1.0},
        {"x": ("N", 3), "min": 0, "max": 3},
        {"x": (), "min": -2.5, "max": 2.5},
        {"x": (3, 67), "min": 0.0, "max": 3.4028234663852886e38},
        {"x": (0, 2), "min": 0, "max": 3},
    ]
    dtypes = ("float32", "float64", "int32", "int64")

    def numpy(x: np.ndarray, min: Any, max: Any) -> Any:
        low, high = _limits(x.dtype, min, max)
        return np.minimum(np.maximum(x, low), high)

    def cpu(b: Any, x: Any, min: Any, max: Any) -> Any:
        low, high = _limits(
            np.dtype("float32" if "16" in x.dtype and "f" in x.dtype else x.dtype), min, max
        )
        return b.elementwise("clip", x, low.item(), high.item(), dtype=x.dtype)


def _limits(dtype: np.dtype[Any], low: Any, high: Any) -> tuple[Any, Any]:
    if dtype.kind in "iu":  # float limits of unbounded sides exceed every integer
        info = np.iinfo(dtype)
        low, high = (int(np.clip(v, info.min, info.max)) for v in (low, high))
    return np.asarray(low).astype(dtype), np.asarray(high).astype(dtype)


class Increment(Plain, name="increment", signature="x: Tensor, value: scalar = 1.0 -> out"):
    """x + value, for a tensor of one element."""

    infer = same_as("x")
    cases = [{"x": (1,)}, {"x": (1,), "value": 3.0}]
    dtypes = ("float32", "float64", "int32", "int64")
    numpy = lambda x, value: x + _number(x, value)  # noqa: E731

    def cpu(b: Any, x: Any, value: Any) -> Any:
        return b.map(lambda s, v: v + number_for(x.dtype, value), x, dtype=x.dtype)


class AddN(Plain, name="add_n", signature="inputs: Tensor[] -> out"):
    """The sum of a list of tensors of one shape."""

    infer = lambda inputs: inputs[0]  # noqa: E731
    cases = [{"inputs": [(2, 3)]}, {"inputs": [("N", 3), ("N", 3), ("N", 3)]}, {"inputs": [(), ()]}]
    dtypes = ("float32", "float64", "int32", "int64")

    def numpy(inputs: tuple[np.ndarray, ...]) -> Any:
        total = inputs[0].copy()
        for x in inputs[1:]:
            total = total + x
        return total

    def cpu(b: Any, inputs: Any) -> Any:
        total = inputs[0]
        for x in inputs[1:]:
            total = b.add(total, x)
        return total


class Cast(Plain, name="cast", signature="x: Tensor, dtype: dtype -> out"):
    """x in another dtype; floats are truncated to integers, anything non-zero is True."""

    infer = lambda x, dtype: x.with_dtype(dtype)  # noqa: E731
    cases = [
        {"x": (2, 3), "dtype": d}
        for d in ("float32", "float64", "int32", "int64", "bool", "float16", "bfloat16", "uint8")
    ] + [{"x": ("N", 2), "dtype": "int64"}, {"x": (), "dtype": "float64"}]
    specials = False  # what NaN and infinity become as integers is the machine's choice
    dtypes = ("float32", "float64", "int32", "int64", "bool", "float16", "bfloat16")

    def numpy(x: np.ndarray, dtype: Any) -> Any:
        if dtype.value == "uint8" and x.dtype.kind == "f":
            return x.astype(np.int64).astype(np.uint8)
        return x != 0 if dtype.value == "bool" else x.astype(dtype.numpy)

    def cpu(b: Any, x: Any, dtype: Any) -> Any:
        if x.dtype == dtype.value:
            return x
        if x.dtype.startswith("complex") or dtype.is_complex:
            return b.reference()
        if dtype.value in ("uint8", "int8", "int16") and "float" in x.dtype:
            return b.cast(b.cast(x, "int64"), dtype.value)
        return b.cast(x, dtype.value)


def _same(x: TensorType) -> TensorType:
    return x


class Assign(Plain, name="assign", signature="x: Tensor -> out"):
    """A copy."""

    aliases = ("memcpy_d2h", "memcpy_h2d")
    infer = _same
    numpy = lambda x: x.copy()  # noqa: E731
    cpu = lambda b, x: x  # noqa: E731
    cases = UNARY

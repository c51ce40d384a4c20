"""What passes compute from weights, once per value of them: none of these is an operation of phi's."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import between


class NormAffine(
    Plain,
    name="norm_affine",
    signature=(
        "mean: Tensor, variance: Tensor, scale: Tensor, bias: Tensor, epsilon: float = 1e-5 "
        "-> gain, shift"
    ),
):
    """A batch norm by given statistics as ``x * gain + shift``; a vector for each channel.

    ``gain = scale / sqrt(variance + epsilon)``, ``shift = bias - mean * gain``.
    """

    dtypes = ("float32", "float64")
    specials = False  # a variance is not negative
    cases = [
        {"mean": (3,), "variance": between((3,), 0.5, 2), "scale": (3,), "bias": (3,)},
        {
            "mean": (3,),
            "variance": between((3,), 0.5, 2),
            "scale": (3,),
            "bias": (3,),
            "epsilon": 0.1,
        },
    ]

    def infer(mean: TensorType, variance: TensorType) -> Any:
        return (mean, mean)

    def numpy(
        mean: np.ndarray, variance: np.ndarray, scale: np.ndarray, bias: np.ndarray, epsilon: float
    ) -> Any:
        gain = scale * (1 / np.sqrt(variance + epsilon))
        return gain, bias - mean * gain

    def cpu(b: Any, mean: Any, variance: Any, scale: Any, bias: Any, epsilon: float) -> Any:
        gain = b.map(lambda s, v, k: k * s.rsqrt(v + epsilon), variance, scale)
        return gain, b.map(lambda s, c, m, g: c - m * g, bias, mean, gain)

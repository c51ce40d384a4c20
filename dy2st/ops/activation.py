"""Activations: elementwise functions of one tensor."""

from __future__ import annotations

import numpy as np

from dy2st.ops.base import Op, todo
from dy2st.ops.rules import elementwise, same_as

_UNARY_CASES = [{"x": (2, 3)}, {"x": ()}, {"x": ("N", 4)}, {"x": (0, 3)}]


class Tanh(Op, name="tanh", signature="x: Tensor -> out"):
    """Elementwise hyperbolic tangent."""

    infer = same_as("x")
    numpy = np.tanh
    cpu = elementwise("tanh")
    grad = todo("training")
    onnx = todo("onnx")
    cases = _UNARY_CASES

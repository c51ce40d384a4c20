"""Operations on symbolic sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Op, todo


class DimValue(Op, name="dim_value", signature="value: int -> out"):
    """An int64 tensor of shape [] that holds the value of a symbolic size.

    It has no counterpart in phi: it is what ``paddle.shape(x)[0]`` is known to be.
    """

    def infer(value: Any) -> TensorType:
        return TensorType(DType.INT64, ())

    def numpy(value: Any) -> Any:
        return np.asarray(value, np.int64)

    def cpu(b: Any, value: Any) -> Any:
        return b.full((), value, DType.INT64.value)

    grad = todo("training")
    onnx = todo("onnx")
    cases = [{"value": 3}, {"value": 0}]

"""Shared inference and kernel rules, for the bodies of operation classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dy2st.ir.dims import broadcast_shapes
from dy2st.ir.types import DType, TensorType


def same_as(operand: str) -> Callable[..., TensorType]:
    """The result has the type of the named operand."""

    def rule(**values: Any) -> TensorType:
        result: TensorType = values[operand]
        return result

    # call_rule passes by parameter name; give the rule exactly that one.
    import inspect

    rule.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(operand, inspect.Parameter.KEYWORD_ONLY)]
    )
    return rule


def broadcasting(dtype: DType | None = None) -> Callable[..., TensorType]:
    """Operands ``x`` and ``y`` broadcast; the result has ``dtype``, or that of ``x``."""

    def rule(x: TensorType, y: TensorType) -> TensorType:
        return TensorType(dtype or x.dtype, broadcast_shapes(x.shape, y.shape))

    return rule


def elementwise(function: str) -> Callable[..., Any]:
    """The kernel is one named scalar function of all operands."""

    def cpu(b: Any, *operands: Any) -> Any:
        return b.elementwise(function, *operands)

    return cpu

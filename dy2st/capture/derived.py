"""Values that a Program can be known to have while it is captured: those that are computed from
constants and sizes alone, such as the count that ``paddle.var`` compares with zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dy2st.errors import Dy2stError
from dy2st.ir.dims import SymExpr, product
from dy2st.ir.program import Operation, Value
from dy2st.ops import base

if TYPE_CHECKING:
    from dy2st.capture.recorder import Recorder

_LIMIT = 1 << 12  # elements: larger values are not worth computing at capture
_DEPTH = 64
# What these give depends on the shape of their operand only.
_OF_SHAPE = {"numel", "shape64", "shape", "full_like", "zeros_like", "ones_like", "is_empty"}
# And these of its dtype, where it holds integers.
_OF_INTEGERS = {"isfinite", "isnan", "isinf"}


class _Unknown(Exception):
    """The value depends on an input, a parameter, or a size without an example."""


def derived(recorder: Recorder, value: Value) -> np.ndarray | None:
    """The array that ``value`` must hold; None where it depends on data.

    Sizes are the example's; each one that was used becomes a guard, so that another size captures
    again.
    """
    evaluation = _Evaluation(recorder)
    try:
        out = evaluation.value(value, 0)
    except (_Unknown, Dy2stError, NotImplementedError):
        return None
    for dim in evaluation.used:
        recorder.concrete(dim)
    return out


class _Evaluation:
    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.used: dict[SymExpr, None] = {}
        self.known: dict[Value, np.ndarray] = {}

    def value(self, value: Value, depth: int) -> np.ndarray:
        if value not in self.known:
            op = value.owner
            if not isinstance(op, Operation) or op.regions or depth > _DEPTH:
                raise _Unknown
            for result, array in zip(op.results, self._run(op, depth)):
                self.known[result] = array
        return self.known[value]

    def _run(self, op: Operation, depth: int) -> tuple[np.ndarray, ...]:
        if op.name == "constant":
            return (self.recorder.builder.program.constants[str(op.attrs["name"])],)
        declared = base.find(op.name)
        if declared is None or declared.numpy is None or base.draws_random(op.name, op.attrs):
            raise _Unknown
        for result in op.results:
            count = self._plain(product(result.shape))
            if count > _LIMIT:
                raise _Unknown
        if op.name in _OF_SHAPE or _asks_integers(op):
            operands: list[Any] = [self._stand_in(v) for v in op.flat_operands()]
        else:
            operands = [self._operand(o, depth) for o in op.operands]
        attrs = {k: self._plain(v) for k, v in op.attrs.items()}
        return base.evaluate(declared, operands, attrs)

    def _operand(self, operand: Any, depth: int) -> Any:
        if isinstance(operand, tuple):
            return tuple(self.value(v, depth + 1) for v in operand)
        return None if operand is None else self.value(operand, depth + 1)

    def _stand_in(self, value: Value) -> np.ndarray:
        """An array of the shape of ``value`` that holds no memory."""
        shape = tuple(self._plain(d) for d in value.shape)
        return np.broadcast_to(np.zeros((), value.dtype.numpy), shape)

    def _plain(self, attr: Any) -> Any:
        """An attribute with sizes as numbers."""
        if isinstance(attr, tuple):
            return tuple(self._plain(a) for a in attr)
        if not isinstance(attr, SymExpr):
            return attr
        example = self.recorder.example(attr)
        if example is None:
            raise _Unknown
        self.used[attr] = None
        return example


def _asks_integers(op: Operation) -> bool:
    return op.name in _OF_INTEGERS and all(v.dtype.is_integer for v in op.flat_operands())

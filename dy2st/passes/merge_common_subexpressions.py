"""Common subexpressions: the same pure operation on the same operands is computed once."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.program import Attr, Block, Operation, Program, Value
from dy2st.passes.rewrite import Rewriter, is_pure


def merge_common_subexpressions(program: Program) -> Program:
    """Let one operation serve all equal ones that it dominates.

    >>> from dy2st.ir.parser import parse_program
    >>> print(merge_common_subexpressions(parse_program('''
    ... program f(%x: f32[2]) {
    ...   %0 = tanh(%x) : f32[2]
    ...   %1 = tanh(%x) : f32[2]
    ...   return(%0, %1)
    ... }''')), end="")
    program f(%x: f32[2]) {
      %0 = tanh(%x) : f32[2]
      return(%0, %0)
    }
    """
    return _Merge(program).run()


class _Merge(Rewriter):
    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.seen: list[dict[Any, tuple[Value, ...]]] = [{}]

    def region(self, region: Block) -> Block:
        self.seen.append({})
        try:
            return super().region(region)
        finally:
            self.seen.pop()

    def operation(self, op: Operation) -> None:
        # An operation that defines run-time sizes names them; another one's have other names.
        if not is_pure(op):
            self.copy(op)
            return
        key = (
            op.name,
            tuple(self.operand(o) for o in op.operands),
            tuple(sorted((k, _key(v)) for k, v in op.attrs.items())),
            tuple(r.type for r in op.results),
        )
        for scope in self.seen:
            if key in scope:
                self.replace(op, scope[key])
                return
        self.seen[-1][key] = self.copy(op).results


def _key(attr: Attr) -> Any:
    """A hashable form in which different values differ (1, True and 1.0 do, -0.0 and 0.0 do)."""
    if isinstance(attr, np.ndarray):
        return (str(attr.dtype), attr.shape, attr.tobytes())
    if isinstance(attr, tuple):
        return tuple(_key(a) for a in attr)
    return (type(attr).__name__, repr(attr))

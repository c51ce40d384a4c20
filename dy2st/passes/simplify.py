"""Operations that change nothing go."""

from __future__ import annotations

from collections.abc import Callable

from dy2st.ir.program import Operation, Program, Value
from dy2st.passes.rewrite import Rewriter


def simplify(program: Program) -> Program:
    """Let the operand stand for the result of an operation that copies it.

    >>> from dy2st.ir.parser import parse_program
    >>> print(simplify(parse_program('''
    ... program f(%x: f32[N, 2]) {
    ...   %0 = cast(%x, dtype=f32) : f32[N, 2]
    ...   %1 = tanh(%0) : f32[N, 2]
    ...   %2 = transpose(%1, perm=[0, 1]) : f32[N, 2]
    ...   return(%2)
    ... }''')), end="")
    program f(%x: f32[N, 2]) {
      %0 = tanh(%x) : f32[N, 2]
      return(%0)
    }
    """
    if not any(_copied(op) for op in program.walk()):
        return program
    return _Simplify(program).run()


class _Simplify(Rewriter):
    def operation(self, op: Operation) -> None:
        operand = _copied(op)
        if operand is not None:
            self.replace(op, [self.map[operand]])
            return
        self.copy(op)


def _copied(op: Operation) -> Value | None:
    """The operand that ``op`` does nothing but copy, or None."""
    rule = _NO_OPS.get(op.name)
    operand = op.operands[0] if op.operands else None
    copies = (
        rule is not None
        and isinstance(operand, Value)
        and op.results
        and operand.type == op.results[0].type
        and all(o is None for o in op.operands[1:])
        and rule(op)
    )
    return operand if copies and isinstance(operand, Value) else None


def _always(op: Operation) -> bool:
    return True


def _only_result(op: Operation) -> bool:
    return len(op.results) == 1


def _identity_scale(op: Operation) -> bool:
    return op.attrs.get("scale") == 1 and op.attrs.get("bias", 0) == 0


def _identity_order(op: Operation) -> bool:
    order = op.attrs.get("perm")
    rank = op.results[0].type.rank
    return isinstance(order, tuple) and [
        a % rank if isinstance(a, int) else a for a in order
    ] == list(range(rank))


def _inference(op: Operation) -> bool:
    return op.attrs.get("is_test") is True and op.attrs.get("mode") == "upscale_in_train"


# Each is asked only where the operand's type is the result's and there is no other operand.
_NO_OPS: dict[str, Callable[[Operation], bool]] = {
    "assign": _only_result,
    "cast": _only_result,
    "reshape": _always,
    "flatten": _always,
    "expand": _only_result,
    "transpose": _identity_order,
    "scale": _identity_scale,
    "dropout": _inference,
}

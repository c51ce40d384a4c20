"""Composites become the operations that they are made of."""

from __future__ import annotations

from dy2st.ir.program import Operation, Program
from dy2st.ops import base
from dy2st.passes.rewrite import Rewriter


def decompose(program: Program, field: str = "cpu") -> Program:
    """Expand every composite that does not define ``field`` (what the caller lowers through) itself."""
    if not any(_is_composite(op, field) for op in program.walk()):
        return program
    return _Decompose(program, field).run()


def _is_composite(op: Operation, field: str) -> bool:
    found = base.find(op.name)
    return found is not None and found.decompose is not None and getattr(found, field) is None


class _Decompose(Rewriter):
    def __init__(self, program: Program, field: str) -> None:
        super().__init__(program)
        self.field = field

    def operation(self, op: Operation) -> None:
        if not _is_composite(op, self.field):
            self.copy(op)
            return
        found = base.get(op.name)
        operands = [self.operand(o) for o in op.operands]
        start = len(self.builder.block.ops)
        values = base.expand(self.builder, found, base.bound_values(found, operands, op.attrs))
        made = self.builder.block.ops[start:]
        del self.builder.block.ops[start:]
        # A composite may be made of composites; what is emitted goes through this pass again.
        for inner in made:
            for walked in (inner, *(o for r in inner.regions for o in r.walk())):
                for value in walked.flat_operands():
                    self.map.setdefault(value, value)
        for inner in made:
            inner.location = op.location
            self.operation(inner)
        self.replace(op, [self.map.get(v, v) for v in values])

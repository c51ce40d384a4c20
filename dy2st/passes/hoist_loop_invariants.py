"""Loop-invariant code: what every round of a loop computes anew from the outside is computed once."""

from __future__ import annotations

from dy2st.ir.program import Block, Operation, Program, Value
from dy2st.ir.symbols import is_concrete
from dy2st.passes.rewrite import Rewriter, is_pure, rejects

# Operations on integers that cannot fail, whatever their values. All others may (an index out of
# range, a division by zero), and must not fail for a loop that runs no round.
_SAFE = frozenset(
    [
        "add",
        "subtract",
        "multiply",
        "scale",
        "cast",
        "reshape",
        "transpose",
        "squeeze",
        "unsqueeze",
        "flatten",
        "expand",
        "slice",
        "concat",
        "stack",
        "equal",
        "not_equal",
        "less_than",
        "less_equal",
        "greater_than",
        "greater_equal",
        "maximum",
        "minimum",
        "sum",
        "full_like",
        "assign",
        "tile",
    ]
)


def hoist_loop_invariants(program: Program) -> Program:
    """Move operations whose operands lie outside of a loop to before it.

    >>> from dy2st.ir.parser import parse_program
    >>> print(hoist_loop_invariants(parse_program('''
    ... program f(%c: bool[], %x: f32[2]) {
    ...   %0, %1 = while(%c, %x) (%a: bool[], %b: f32[2]) {
    ...     yield(%a)
    ...   } do (%d: bool[], %e: f32[2]) {
    ...     %2 = tanh(%x) : f32[2]
    ...     yield(%d, %2)
    ...   } : bool[], f32[2]
    ...   return(%1)
    ... }''')), end="")
    program f(%c: bool[], %x: f32[2]) {
      %0 = tanh(%x) : f32[2]
      %1, %2 = while(%c, %x) (%a: bool[], %b: f32[2]) {
        yield(%a)
      } do (%d: bool[], %e: f32[2]) {
        yield(%d, %0)
      } : bool[], f32[2]
      return(%2)
    }
    """
    if all(op.name != "while" for op in program.block.walk()):
        return program
    return _Hoist(program).run()


class _Hoist(Rewriter):
    def operation(self, op: Operation) -> None:
        if op.name == "while":
            for region in op.regions:
                self.hoist(region)
        if not (op.results and all(r in self.map for r in op.results)):
            self.copy(op)

    def hoist(self, region: Block) -> None:
        """Copy to here what ``region`` computes from values that are known here already.

        ``map`` knows the values of this block and those around it, and nothing of the region.
        """
        for op in region.ops:
            if op.name == "while":
                for inner in op.regions:
                    self.hoist(inner)
            elif self.may_move(op):
                self.copy(op)

    def may_move(self, op: Operation) -> bool:
        operands: list[Value] = list(op.flat_operands())
        if not operands or not is_pure(op) or any(v not in self.map for v in operands):
            return False
        # Sizes of the region's own mean nothing outside.
        if not all(is_concrete(a) for a in op.attrs.values()):
            return False
        if any(not isinstance(d, int) for r in op.results for d in r.shape):
            known = {s for v in operands for s in v.type.symbols()}
            if not all(r.type.symbols() <= known for r in op.results):
                return False
        integers = any(v.dtype.is_integer for v in operands)
        return op.name in _SAFE or not (integers or rejects(op))

"""Operations on small constants are computed once, now."""

from __future__ import annotations

import numpy as np

from dy2st.errors import Dy2stError
from dy2st.ir.program import Operation, Program, Value
from dy2st.ir.symbols import is_concrete
from dy2st.passes.rewrite import Rewriter, is_pure

_LIMIT = 4096  # elements; what is larger is computed once per process anyway (the prologue)


def fold_constants(program: Program) -> Program:
    """Compute pure operations whose operands are all small constants; take known branches.

    >>> from dy2st.ir.parser import parse_program
    >>> print(fold_constants(parse_program('''
    ... program f(%x: f32[2]) {
    ...   %0 = constant(name="c0", value=array(f32, [0.0, 0.0])) : f32[2]
    ...   %1 = tanh(%0) : f32[2]
    ...   return(%1)
    ... }''')), end="")
    program f(%x: f32[2]) {
      %0 = constant(name="c0", value=array(f32, [0.0, 0.0])) : f32[2]
      %1 = constant(name="folded0", value=array(f32, [0.0, 0.0])) : f32[2]
      return(%1)
    }
    """
    if not program.constants:
        return program
    return _Fold(program).run()


class _Fold(Rewriter):
    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.known: dict[Value, np.ndarray] = {}
        self.count = 0

    def operation(self, op: Operation) -> None:
        if op.name == "constant":
            self.copy(op)
            self.known[op.result] = self.old.constants[str(op.attrs["name"])]
            return
        if op.name == "if" and self.take_branch(op):
            return
        arrays = self.fold(op)
        if arrays is None:
            self.copy(op)
            return
        for value, array in zip(op.results, arrays):
            name = f"folded{self.count}"
            while name in self.old.constants:
                self.count += 1
                name = f"folded{self.count}"
            self.count += 1
            self.map[value] = self.builder.constant(array, name)
            self.known[value] = array

    def fold(self, op: Operation) -> list[np.ndarray] | None:
        """The results as arrays, or None where they cannot (or should not) be computed now."""
        operands = list(op.flat_operands())
        if not operands or not is_pure(op) or any(v not in self.known for v in operands):
            return None
        if not all(is_concrete(a) for a in op.attrs.values()):
            return None
        sizes = [r.type.numel for r in op.results] + [self.known[v].size for v in operands]
        if not all(isinstance(n, int) and n <= _LIMIT for n in sizes):
            return None
        from dy2st.runtime.reference.rules import kernel_of

        arrays = [
            None
            if o is None
            else tuple(self.known[v] for v in o)
            if isinstance(o, tuple)
            else self.known[o]
            for o in op.operands
        ]
        try:
            with np.errstate(all="ignore"):
                results = kernel_of(op.name)(arrays, op.attrs, np.random.default_rng(0), op)
        except (Dy2stError, ValueError, ArithmeticError, LookupError, TypeError):
            return None  # it fails at run time, if it is reached
        out = [np.array(a, r.dtype.numpy) for a, r in zip(results, op.results)]
        return out if all(a.shape == r.shape for a, r in zip(out, op.results)) else None

    def take_branch(self, op: Operation) -> bool:
        """Put the branch that a known condition takes in place of an ``if``."""
        condition = next(op.flat_operands())
        if condition not in self.known:
            return False
        region = op.regions[0 if self.known[condition].all() else 1]
        yields = list(region.terminator.flat_operands())
        if any(y.type != r.type for y, r in zip(yields, op.results)):
            return False  # the result's sizes have names of their own
        for inner in region.ops[:-1]:
            self.builder.location = inner.location
            self.operation(inner)
        for value, y in zip(op.results, yields):
            self.map[value] = self.map[y]
            if y in self.known:
                self.known[value] = self.known[y]
        return True

"""Dead code: operations without effects whose results nobody reads."""

from __future__ import annotations

from dy2st.ir.program import Block, Operation, Program, Value
from dy2st.ir.symbols import find_definitions, symbols_in
from dy2st.passes.rewrite import Rewriter, has_effect


def remove_dead_code(program: Program) -> Program:
    """Drop operations without effects whose results (and sizes) nobody reads.

    >>> from dy2st.ir.parser import parse_program
    >>> print(remove_dead_code(parse_program('''
    ... program f(%x: f32[2]) {
    ...   %w = parameter(name="w") : f32[2]
    ...   %0 = tanh(%w) : f32[2]
    ...   %1 = tanh(%x) : f32[2]
    ...   return(%1)
    ... }''')), end="")
    program f(%x: f32[2]) {
      %0 = tanh(%x) : f32[2]
      return(%0)
    }
    """
    live = _Liveness(program)
    return _Remove(program, live.ops).run()


class _Liveness:
    def __init__(self, program: Program) -> None:
        self.values: set[Value] = set()
        self.symbols: set[str] = set()
        self.ops: set[Operation] = set()
        self.definitions = find_definitions(program)
        before = -1
        # Sizes that a later operation mentions keep the one that defines them: to a fixed point.
        while before != len(self.ops):
            before = len(self.ops)
            self.block(program.block)

    def block(self, block: Block) -> None:
        for op in reversed(block.ops):
            if op in self.ops or self.wanted(op):
                self.keep(op)

    def wanted(self, op: Operation) -> bool:
        if op.name == "item":
            return str(op.attrs["symbol"]) in self.symbols or bool(self.values & set(op.results))
        if has_effect(op) or any(r in self.values for r in op.results):
            return True
        return any(d.symbol in self.symbols for d in self.definitions[op])

    def keep(self, op: Operation) -> None:
        self.ops.add(op)
        self.values.update(op.flat_operands())
        for attr in op.attrs.values():
            self.symbols |= symbols_in(attr)
        for value in op.results:
            self.symbols |= value.type.symbols()
        for region in op.regions:
            self.block(region)


class _Remove(Rewriter):
    def __init__(self, program: Program, live: set[Operation]) -> None:
        super().__init__(program)
        self.live = live

    def operation(self, op: Operation) -> None:
        if op in self.live:
            self.copy(op)

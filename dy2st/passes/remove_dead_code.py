"""Dead code: operations without effects whose results nobody reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dy2st.ir.program import Block, Operation, Program, Value
from dy2st.ir.symbols import find_definitions, symbols_in
from dy2st.passes.rewrite import Rewriter, has_effect, rejects


def remove_dead_code(program: Program) -> Program:
    """Drop operations that can neither fail nor do anything whose results (and sizes) nobody reads, and results of
    branches and loops that nobody reads.

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
    if not live.structured and len(live.ops) == len(program.block.ops) - 1:
        return program
    return _Remove(program, live).run()


class _Liveness:
    """What is needed: operations, values, and the symbols that define sizes that are."""

    def __init__(self, program: Program) -> None:
        self.values: set[Value] = set()
        self.symbols: set[str] = set()
        self.ops: set[Operation] = set()
        self.definitions = find_definitions(program)
        self.structured = any(op.regions for op in program.block.ops)
        before, outputs = -1, range(len(program.outputs))
        self.block(program.block, outputs)
        # What a loop carries may need what it carries: to a fixed point.
        while self.structured and before != (now := self.size()):
            before = now
            self.block(program.block, outputs)

    def size(self) -> int:
        """How much is known to be needed."""
        return len(self.ops) + len(self.values) + len(self.symbols)

    def block(self, block: Block, positions: Iterable[int]) -> None:
        """Keep what ``block`` needs for its results at ``positions``."""
        terminator = list(block.terminator.flat_operands())
        self.values.update(terminator[k] for k in positions)
        for op in reversed(block.ops[:-1]):
            if op in self.ops or self.wanted(op):
                self.keep(op)

    def wanted(self, op: Operation) -> bool:
        if op.name == "item":
            return str(op.attrs["symbol"]) in self.symbols or bool(self.values & set(op.results))
        if has_effect(op) or rejects(op) or any(r in self.values for r in op.results):
            return True
        return any(d.symbol in self.symbols for d in self.definitions[op])

    def keep(self, op: Operation) -> None:
        self.ops.add(op)
        for attr in op.attrs.values():
            self.symbols |= symbols_in(attr)
        if op.name in ("if", "while"):
            self.keep_structure(op)
            return
        self.values.update(op.flat_operands())
        for value in op.results:
            self.symbols |= value.type.symbols()

    def keep_structure(self, op: Operation) -> None:
        live = self.positions(op)
        operands = list(op.flat_operands())
        for k in live:
            self.symbols |= op.results[k].type.symbols()
        if op.name == "if":
            self.values.add(operands[0])
            for region in op.regions:
                self.block(region, live)
            return
        self.values.update(operands[k] for k in live)
        cond, body = op.regions
        self.block(cond, [0])
        self.block(body, live)

    def positions(self, op: Operation) -> list[int]:
        """The results of an ``if`` or ``while`` that somebody needs, a round of its own included."""
        places = [[r] for r in op.results]
        if op.name == "while":
            for k, place in enumerate(places):
                place += [region.args[k] for region in op.regions]
        return [
            k
            for k, place in enumerate(places)
            if any(v in self.values for v in place)
            or any(d.index == k and d.symbol in self.symbols for d in self.definitions[op])
        ]


class _Remove(Rewriter):
    def __init__(self, program: Program, live: _Liveness) -> None:
        super().__init__(program)
        self.live = live

    def operation(self, op: Operation) -> None:
        if op.name in ("if", "while") and op in self.live.ops:
            self.structure(op)
        elif op in self.live.ops or op.name in ("return", "yield"):
            self.copy(op)

    def structure(self, op: Operation) -> None:
        """Copy an ``if`` or ``while`` with the results, arguments and yields that are needed."""
        positions = self.live.positions(op)
        operands = list(op.flat_operands())
        new = Operation(op.name, (), dict(op.attrs))
        new.location = op.location
        if op.name == "if":
            new.operands = (self.map[operands[0]],)
            new.regions = tuple(self.part(r, (), positions) for r in op.regions)
        else:
            new.operands = tuple(self.map[operands[k]] for k in positions)
            cond, body = op.regions
            new.regions = (self.part(cond, positions, [0]), self.part(body, positions, positions))
        new.results = tuple(
            Value(op.results[k].type, op.results[k].name, new, i) for i, k in enumerate(positions)
        )
        self.builder.block.ops.append(new)
        self.map.update((op.results[k], r) for k, r in zip(positions, new.results))

    def part(self, region: Block, args: Sequence[int], yields: Sequence[int]) -> Block:
        """A copy of ``region`` with some of its arguments and yields."""
        with self.builder.region([region.args[k].type for k in args]) as block:
            for k, new in zip(args, block.args):
                new.name = region.args[k].name
                self.map[region.args[k]] = new
            for op in region.ops[:-1]:
                self.builder.location = op.location
                self.operation(op)
            terminator = list(region.terminator.flat_operands())
            self.builder.yield_([self.map[terminator[k]] for k in yields])
        return block

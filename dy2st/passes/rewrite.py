"""Copying a Program while changing it: what every pass is built from.

A pass is a function from a verified Program to a verified Program that leaves the given one as it
is. ``Rewriter`` copies operation by operation; a pass subclasses it and overrides ``operation``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dy2st.ir.builder import Builder
from dy2st.ir.program import Block, Operand, Operation, Program, Value
from dy2st.ops import base

# Operations that do something besides computing their results.
EFFECTS = frozenset({"print", "assert", "raise", "seed", "draw", "item", "return", "yield"})
STRUCTURE = frozenset({"parameter", "constant", "if", "while", "return", "yield"})


def has_effect(op: Operation) -> bool:
    """Whether ``op`` must stay even if nobody reads its results (regions included)."""
    if op.name == "if":
        # One walk over everything inside: asking each nested `if` again would double at each level.
        return any(_does(o) for region in op.regions for o in region.walk() if o.name != "yield")
    return _does(op)


def _does(op: Operation) -> bool:
    if op.name == "paddle_fallback":
        return str(op.attrs.get("op", "")).endswith("_")
    return op.name == "while" or op.name in EFFECTS


def rejects(op: Operation) -> bool:
    """Whether ``op`` may fail, depending on the values of its operands."""
    return base.rejects(op.name, [v.dtype for v in op.flat_operands()])


def is_random(op: Operation) -> bool:
    """Whether ``op`` draws random numbers, or may (Paddle's kernels are not known)."""
    return op.name == "paddle_fallback" or base.draws_random(op.name, op.attrs)


def is_pure(op: Operation) -> bool:
    """Whether equal operands always give equal results, and nothing else happens."""
    return op.name not in STRUCTURE and not op.regions and not has_effect(op) and not is_random(op)


class Rewriter:
    """Copies a Program; ``map`` takes old values to new ones."""

    def __init__(self, program: Program) -> None:
        self.old = program
        self.builder = Builder(program.name, base.infer)
        self.map: dict[Value, Value] = {}
        self._number_symbols()

    def _number_symbols(self) -> None:
        """Make the builder's fresh symbols differ from all that the Program uses."""
        used = {s for op in self.old.walk() for v in op.results for s in v.type.symbols()}
        used |= {str(op.attrs["symbol"]) for op in self.old.walk() if op.name == "item"}
        numbers = [int(s[1:]) for s in used if s[:1] == "u" and s[1:].isdigit()]
        self.builder._next_symbol = max(numbers, default=-1) + 1

    def run(self) -> Program:
        """The new Program."""
        old, new = self.old, self.builder.program
        for value in old.inputs:
            self.map[value] = self.builder.input(value.type, value.name)
        new.parameters = dict(old.parameters)
        new.constants = dict(old.constants)
        new.symbols = dict(old.symbols)
        new.guards = list(old.guards)
        new.writes = old.writes
        self.block(old.block)
        self.finish()
        return new

    def finish(self) -> None:
        """Called when everything is copied: drop parameters and constants that nothing reads."""
        new = self.builder.program
        read = {(o.name, str(o.attrs.get("name"))) for o in new.block.ops}
        kept = set(new.writes)
        new.parameters = {
            n: p for n, p in new.parameters.items() if n in kept or ("parameter", n) in read
        }
        new.constants = {n: a for n, a in new.constants.items() if ("constant", n) in read}

    def block(self, block: Block) -> None:
        """Copy the operations of ``block`` to the open block of the builder."""
        for op in block.ops:
            self.builder.location = op.location
            self.operation(op)

    def operation(self, op: Operation) -> None:
        """Copy or replace one operation; passes override this."""
        self.copy(op)

    def operand(self, operand: Operand) -> Operand:
        """The new value(s) of an operand."""
        if operand is None:
            return None
        if isinstance(operand, tuple):
            return tuple(self.map[v] for v in operand)
        return self.map[operand]

    def copy(self, op: Operation) -> Operation:
        """Append a copy of ``op`` with mapped operands and copied regions."""
        builder = self.builder
        operands = tuple(self.operand(o) for o in op.operands)
        regions = tuple(self.region(r) for r in op.regions)
        new = Operation(op.name, operands, dict(op.attrs), regions)
        new.location = op.location
        new.results = tuple(Value(r.type, r.name, new, r.index) for r in op.results)
        if op.name == "parameter":
            builder._named[str(op.attrs["name"])] = new.result
        if op.name in ("parameter", "constant"):  # they stand first, where the builder counts them
            builder.program.block.ops.insert(builder.entries, new)
            builder.entries += 1
        else:
            builder.block.ops.append(new)
        self.map.update(zip(op.results, new.results))
        return new

    def region(self, region: Block) -> Block:
        """A copy of a region."""
        with self.builder.region([a.type for a in region.args]) as block:
            for old, new in zip(region.args, block.args):
                new.name = old.name
                self.map[old] = new
            self.block(region)
        return block

    def replace(self, op: Operation, values: Sequence[Value]) -> None:
        """``values`` (of the new Program) stand for the results of ``op``."""
        self.map.update(zip(op.results, values))

    def emit(self, name: str, *args: Any, **kwargs: Any) -> Value:
        """Emit a registered operation with one result."""
        value: Value = getattr(base.Emitter(self.builder), name)(*args, **kwargs)
        return value

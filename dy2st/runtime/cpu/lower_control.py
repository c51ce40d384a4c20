"""Control flow, effects and run-time sizes, as items of a region; see ``lower.py``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from dy2st.ir.program import Block, Operation, Value
from dy2st.ir.types import TensorType
from dy2st.runtime.cpu.growing import Growing
from dy2st.runtime.cpu.regions import (
    Append,
    Begin,
    Collect,
    Copy,
    Grow,
    If,
    Interpret,
    Rebind,
    Region,
    Variable,
    While,
)


class ControlFlow(ABC):
    """The part of lowering that makes items other than segments."""

    growing: Growing
    grows: dict[Value, Grow]
    variables: dict[Value, Variable]

    @abstractmethod
    def block(self, block: Block, targets: Sequence[tuple[Value, Variable]]) -> Region:
        """The items of ``block``; afterwards each target variable holds its value."""

    @abstractmethod
    def materialise(self, region: Region, value: Value) -> Variable:
        """A variable that holds ``value``."""

    @abstractmethod
    def readable(self, region: Region, value: Value) -> Variable:
        """A variable that an interpreted run reads ``value`` from."""

    @abstractmethod
    def variable(self, type_: TensorType) -> Variable:
        """A fresh variable of this type."""

    @abstractmethod
    def is_dynamic_type(self, type_: TensorType) -> bool:
        """Whether a size of the type is known at run time only."""

    @abstractmethod
    def is_dynamic(self, op: Operation) -> bool:
        """Whether a size that ``op`` needs is."""

    # -- control flow, effects, run-time sizes ------------------------------------------------------

    def boundary(self, region: Region, op: Operation) -> None:
        """An operation that no segment holds."""
        if op.name == "if" and self.is_known(next(op.flat_operands())):
            self.if_(region, op)
        elif op.name == "while" and self.is_known(next(op.regions[0].terminator.flat_operands())):
            self.while_(region, op)
        elif op.results and op.results[0] in self.growing.links and not self.is_dynamic(op):
            self.append(region, op)
        else:
            self.interpret(region, op)

    def if_(self, region: Region, op: Operation) -> None:
        condition = self.materialise(region, next(op.flat_operands()))
        results = {k: self.variable(v.type) for k, v in enumerate(op.results) if self.is_known(v)}
        branches = []
        for block in op.regions:
            yields = list(block.terminator.flat_operands())
            moves, extra = self.moves([((op.results[k],), yields[k]) for k in self.framed(op)])
            targets = [(yields[k], v) for k, v in results.items()]
            branches.append(self.block(block, targets + extra))
            if moves:
                branches[-1].items.append(Rebind(op, moves, [(op, op.results)]))
            for k, value in enumerate(op.results):
                if value in self.growing.links:
                    self.grows[value] = self.grows[yields[k]]
        self.variables.update((op.results[k], v) for k, v in results.items())
        region.items.append(If(condition, *branches))

    def is_known(self, value: Value) -> bool:
        """Whether a value has memory that a plan can lay out."""
        return value not in self.growing.links and not self.is_dynamic_type(value.type)

    def framed(self, op: Operation) -> list[int]:
        """The results of an ``if`` or ``while`` that live in the call's frame."""
        grown = self.growing.loops.get(op, ())
        out = []
        for k, result in enumerate(op.results):
            values = [result, *(region.args[k] for region in op.regions if region.args)]
            links = k in grown or result in self.growing.links
            if not links and not all(self.is_known(v) for v in values):
                out.append(k)
        return out

    def moves(
        self, wanted: Sequence[tuple[tuple[Value, ...], Value]]
    ) -> tuple[list[tuple[tuple[Value, ...], Value | Variable]], list[tuple[Value, Variable]]]:
        """Moves in the frame, and the variables that their sources of known size have to be
        stored in first."""
        moves: list[tuple[tuple[Value, ...], Value | Variable]] = []
        extra: list[tuple[Value, Variable]] = []
        for targets, source in wanted:
            if self.is_dynamic_type(source.type):
                moves.append((targets, source))
            else:
                extra.append((source, self.variable(source.type)))
                moves.append((targets, extra[-1][1]))
        return moves, extra

    def while_(self, region: Region, op: Operation) -> None:
        cond, body = op.regions
        grown = self.lists(region, op)
        framed = self.framed(op)
        self.enter_loop(region, op, framed)
        carried = {
            k: self.variable(v.type)
            for k, v in enumerate(op.results)
            if k not in grown and k not in framed
        }
        initial = list(op.flat_operands())
        for k, variable in carried.items():
            region.items.append(Copy(variable, self.materialise(region, initial[k])))
            for block in op.regions:
                self.variables[block.args[k]] = variable
        (test,) = cond.terminator.flat_operands()
        condition = self.variable(test.type)
        before = self.block(cond, [(test, condition)])
        updates: list[Copy] = []
        targets: list[tuple[Value, Variable]] = []
        yields = list(body.terminator.flat_operands())
        for k, variable in carried.items():
            if self.variables.get(yields[k]) is variable:
                continue  # carried through unchanged
            updates.append(Copy(variable, self.variable(yields[k].type)))
            targets.append((yields[k], updates[-1].source))
        moves, extra = self.moves([((cond.args[k], body.args[k]), yields[k]) for k in framed])
        inner = self.block(body, targets + extra)
        if moves:
            inner.items.append(Rebind(op, moves, [(cond, cond.args), (body, body.args)]))
        self.variables.update((op.results[k], v) for k, v in carried.items())
        region.items.append(While(before, condition, inner, updates, list(carried.values())))
        self.leave_loop(region, op, framed, grown)

    def enter_loop(self, region: Region, op: Operation, framed: Sequence[int]) -> None:
        """Carried values of run-time size get their initial values."""
        cond, body = op.regions
        initial = list(op.flat_operands())
        moves: list[tuple[tuple[Value, ...], Value | Variable]] = []
        for k in framed:
            known = not self.is_dynamic_type(initial[k].type)
            source = self.materialise(region, initial[k]) if known else initial[k]
            moves.append(((cond.args[k], body.args[k]), source))
        if moves:
            region.items.append(Rebind(op, moves, [(cond, cond.args), (body, body.args)]))

    def leave_loop(
        self, region: Region, op: Operation, framed: Sequence[int], grown: dict[int, Grow]
    ) -> None:
        """Results of run-time size and lists go into the frame."""
        cond = op.regions[0]
        moves = [((op.results[k],), cond.args[k]) for k in framed]
        if moves:
            region.items.append(Rebind(op, list(moves), [(op, op.results)]))
        ended = {k: g for k, g in grown.items() if op.results[k] not in self.growing.links}
        if ended:
            region.items.append(Collect(op, ended))

    def lists(self, region: Region, op: Operation) -> dict[int, Grow]:
        """The lists that a loop appends to, begun where they are its own."""
        grown: dict[int, Grow] = {}
        initial = list(op.flat_operands())
        for k in self.growing.loops.get(op, ()):
            value, type_ = initial[k], op.regions[1].args[k].type
            if value in self.grows:
                grow = self.grows[value]
            else:
                grow = Grow(
                    self.variable(type_.with_shape(type_.shape[1:])).shape, str(type_.dtype.value)
                )
                region.items.append(Begin(grow))
                if 0 not in self.variable(value.type).shape:
                    region.items.append(Append(grow, self.materialise(region, value)))
            grown[k] = grow
            for place in (op.results[k], *(r.args[k] for r in op.regions)):
                self.grows[place] = grow
        return grown

    def append(self, region: Region, op: Operation) -> None:
        """``concat([list, rows])`` in a loop that does nothing else with the list."""
        value, rows = op.flat_operands()
        grow = self.grows[op.result] = self.grows[value]
        region.items.append(Append(grow, self.materialise(region, rows)))

    def interpret(self, region: Region, op: Operation) -> None:
        """Append ``op`` to the interpreted run that ends the region, or begin one."""
        last = region.items[-1] if region.items else None
        run = last if isinstance(last, Interpret) else Interpret([], [], [])
        known = {v for v, _ in run.loads} | {v for o in run.ops for v in o.results}
        loads = []
        for value in _free_values(op):
            if value not in known and not self.is_dynamic_type(value.type):
                loads.append((value, self.readable(region, value)))
        # Loads come first in a run: it cannot read what it stores under another name (a reshape).
        stored = {variable for _, variable in run.stores}
        own = any(variable in stored for _, variable in loads)
        if region.items and region.items[-1] is run and not own:
            run.ops.append(op)
        else:
            # Something had to be computed first: a run of its own.
            if run.ops:
                run = Interpret([], [], [])
                loads = [
                    (v, self.readable(region, v))
                    for v in _free_values(op)
                    if not self.is_dynamic_type(v.type)
                ]
            run.ops.append(op)
            region.items.append(run)
        run.loads.extend(loads)
        for value in op.results:
            if not self.is_dynamic_type(value.type):
                self.variables[value] = self.variable(value.type)
                run.stores.append((value, self.variables[value]))


def _free_values(op: Operation) -> list[Value]:
    """Values of outside that ``op`` and its regions read, once each."""
    own = {a for r in op.regions for a in r.args}
    read = list(op.flat_operands())
    for region in op.regions:
        for inner in region.walk():
            own.update(inner.results)
            own.update(a for r in inner.regions for a in r.args)
            read.extend(inner.flat_operands())
    return [v for v in dict.fromkeys(read) if v not in own]

"""Operations that a plan runs through the reference interpreter: effects, random numbers, and
whatever has a size that is known only at run time.

Where such a size turns up often, the pure operations between are worth a plan of their own
(``Outlined``): a loop whose cache grows is then driven from here, its rounds run natively.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dy2st.ir.program import Block, Operation, Program, Value
from dy2st.ir.symbols import Definitions, bind, symbols_in
from dy2st.passes.rewrite import is_pure
from dy2st.runtime.cpu.growing import GrowBuffer
from dy2st.runtime.cpu.instructions import Callback, Place, Rename
from dy2st.runtime.cpu.regions import Variable
from dy2st.runtime.paddle_kernels import fastest
from dy2st.runtime.plan import Plan, allocate_array, buffer_of
from dy2st.runtime.reference.interpreter import Compiler, Frame, Step, finish
from dy2st.runtime.reference.rules import Kernel

if TYPE_CHECKING:
    from dy2st.runtime.cpu.contexts import Context

# Makes a plan of a Program for known sizes of all its symbols.
PlanFor = Callable[[Program, Mapping[str, int]], Plan]
_PLANS = 128
_ENTRY = ("parameter", "constant")
# What making a plan is taken to cost before the first one has been made.
PLAN_SECONDS = 0.004


class Interpreted:
    """The interpreted part of one context: a frame for each call."""

    def __init__(
        self,
        program: Program,
        compiler: Compiler,
        sizes: Mapping[str, int],
        rng: Callable[[], np.random.Generator],
    ) -> None:
        self._program = program
        self._compiler = compiler
        self._sizes = sizes
        self._rng = rng
        self.frame = self.begin()

    def begin(self) -> Frame:
        """An empty frame for a new call."""
        self.frame = Frame({}, self._program.constants, self._rng())
        self.frame.symbols = dict(self._sizes)
        return self.frame

    def value(self, value: Value) -> np.ndarray[Any, Any]:
        """The array of a value that lives in the frame."""
        return self.frame.values[value]

    def bind(self, context: Context, callback: Callback) -> Callable[[int], None]:
        """The function that runs ``callback`` in ``context``."""
        item = callback.item
        steps = self._compiler.block(item.ops)
        loads, statics = [], []
        for (value, variable), place in zip(item.loads, callback.loads):
            read = context.reader(place, variable.shape, variable.dtype)
            if place.storage.root().kind == "static":
                statics.append((value, read))
            else:
                loads.append((value, read, _moves(place)))
        kept: dict[Value, Any] = {}  # the static ones, of the prologue's values of this serial
        serial = -1
        stores = [
            (value, context.reader(place, variable.shape, variable.dtype))
            for (value, variable), place in zip(item.stores, callback.stores)
        ]

        def call(user: int) -> None:
            nonlocal serial
            frame = self.frame
            if serial != context.statics:
                serial = context.statics
                kept.update((value, read()) for value, read in statics)
            frame.values.update(kept)
            for value, read, moves in loads:
                # Results may be views of it and outlive the arena's buffer.
                frame.values[value] = read().copy() if moves else read()
            with np.errstate(all="ignore"):
                for step in steps:
                    step(frame)
            for value, read in stores:
                # What only its own stretch reads has not left it.
                if value in frame.values:
                    read()[...] = frame.values[value]

        return call

    def collect(self, op: Operation, lists: Mapping[int, GrowBuffer]) -> Callable[[int], None]:
        """The function that puts lists that a loop made into the frame."""
        defined = self._compiler.definitions[op]

        def call(user: int) -> None:
            shapes: list[tuple[int, ...]] = [()] * len(op.results)
            for k, buffer in lists.items():
                rows = buffer.rows()
                self.frame.values[op.results[k]] = rows
                shapes[k] = rows.shape
            mine = [d for d in defined if d.index in lists]
            bind(mine, op.results, shapes, self.frame.symbols)

        return call

    def rename(self, context: Context, rename: Rename) -> Callable[[int], None]:
        """The function that gives values of run-time size their new names."""
        item = rename.item
        readers = {}
        for i, place in rename.sources.items():
            variable = item.moves[i][1]
            assert isinstance(variable, Variable)
            readers[i] = context.reader(place, variable.shape, variable.dtype)
        definitions = self._compiler.definitions
        moved = {v for targets, _ in item.moves for v in targets}

        def call(user: int) -> None:
            frame = self.frame
            arrays = [
                readers[i]().copy() if i in readers else frame.values[source]  # type: ignore[index]
                for i, (_, source) in enumerate(item.moves)
            ]
            for (targets, _), array in zip(item.moves, arrays):
                frame.values.update(dict.fromkeys(targets, array))
            for scope, values in item.scopes:
                mine = [v for v in values if v in moved]
                shapes = [frame.values[v].shape if v in moved else () for v in values]
                bind(definitions[scope], values, shapes, frame.symbols)
                finish(mine, [frame.values[v].shape for v in mine], item.op.location, (), frame)

        return call


def _moves(place: Place) -> bool:
    """Whether the memory of a place is used for something else later in the call."""
    return place.storage.root().kind != "input"


class NativeCompiler(Compiler):
    """Runs stretches of pure operations by plans, where their sizes come up again."""

    def __init__(self, program: Program, definitions: Definitions, plan_for: PlanFor) -> None:
        super().__init__(definitions)
        self._program = program
        self._plan_for = plan_for
        self._uses = Counter(v for op in program.walk() for v in op.flat_operands())

    def kernel(self, name: str) -> Kernel:
        return fastest(name)

    def block(self, ops: Sequence[Operation]) -> list[Step]:
        steps: list[Step] = []
        stretch: list[Operation] = []
        for op in ops:
            if op.name not in _ENTRY and self._joins(op):
                stretch.append(op)
                continue
            steps += self._stretch(stretch)
            stretch = []
            steps += super().block([op])
        return steps + self._stretch(stretch)

    def _joins(self, op: Operation) -> bool:
        # An operation that defines a size cannot be planned before it has run.
        return is_pure(op) and bool(op.results) and not self.definitions[op]

    def _stretch(self, ops: list[Operation]) -> list[Step]:
        if not ops:
            return []
        inside = Counter(v for op in ops for v in op.flat_operands())
        results = [v for op in ops for v in op.results if self._uses[v] > inside[v]]
        plain = [self.operation(op) for op in ops]
        return [Outlined(self._program, ops, results, plain, self._plan_for)]


class Outlined:
    """A stretch of pure operations as a Program of its own, with plans for sizes seen before."""

    def __init__(
        self,
        program: Program,
        ops: Sequence[Operation],
        results: Sequence[Value],
        plain: Sequence[Step],
        plan_for: PlanFor,
    ) -> None:
        self._plain = plain
        self._plan_for = plan_for
        self._program, self._inputs = outline(program, ops, results)
        self._results = results
        symbols = {s for op in self._program.walk() for v in op.results for s in v.type.symbols()}
        symbols |= {s for v in self._program.inputs for s in v.type.symbols()}
        symbols |= {s for op in ops for a in op.attrs.values() for s in symbols_in(a)}
        self._symbols = sorted(symbols)
        # Sizes get a plan when as much time has gone into them without one as making it takes:
        # whatever comes, that is at most about twice the least.
        self._cost = PLAN_SECONDS
        # The plan of a set of sizes, or the seconds that were spent on them without one.
        self._plans: OrderedDict[tuple[int, ...], Plan | float] = OrderedDict()

    def __call__(self, frame: Frame) -> None:
        key = tuple(frame.symbols[s] for s in self._symbols)
        plan = self._plans.get(key, 0.0)
        if isinstance(plan, float):
            if plan <= self._cost:
                start = time.perf_counter()
                for step in self._plain:
                    step(frame)
                self._remember(key, plan + time.perf_counter() - start)
                return
            start = time.perf_counter()
            plan = self._plan_for(self._program, dict(zip(self._symbols, key)))
            spent = time.perf_counter() - start
            # The first one also compiles kernels.
            self._cost = spent if self._cost == PLAN_SECONDS else min(spent, self._cost)
            self._remember(key, plan)
        arrays = [frame.values[v] for v in self._inputs]
        results = plan.run([buffer_of(a) for a in arrays], allocate_array)
        frame.values.update(zip(self._results, results))

    def _remember(self, key: tuple[int, ...], plan: Plan | float) -> None:
        self._plans[key] = plan
        self._plans.move_to_end(key)
        while len(self._plans) > _PLANS:
            self._plans.popitem(last=False)


def outline(
    program: Program, ops: Sequence[Operation], results: Sequence[Value]
) -> tuple[Program, list[Value]]:
    """A Program of copies of ``ops`` that returns ``results``, and the values that are its inputs.

    Parameters, constants and what is computed from them alone stay what they are: the prologue
    shares it.
    """
    new = Program(program.name, Block(), program.parameters, program.constants)
    mapped: dict[Value, Value] = {}
    inputs: list[Value] = []
    static: dict[Value, bool] = {}
    for value in dict.fromkeys(v for op in ops for v in op.flat_operands()):
        owner = value.owner
        if _is_static(value, static):
            _copy_chain(value, mapped, new.block)
        elif not (isinstance(owner, Operation) and owner in ops):
            inner = Value(value.type, "", new.block, len(inputs))
            mapped[value] = inner
            inputs.append(value)
            new.block.args += (inner,)
    for op in ops:
        _copy(op, mapped, new.block)
    new.block.ops.append(Operation("return", tuple(mapped[v] for v in results)))
    return new, inputs


def _is_static(value: Value, known: dict[Value, bool]) -> bool:
    """Whether a value depends on parameters and constants only."""
    if value not in known:
        owner = value.owner
        known[value] = isinstance(owner, Operation) and (
            owner.name in _ENTRY
            or (
                is_pure(owner)
                and not owner.regions
                and bool(owner.operands)
                and all(_is_static(v, known) for v in owner.flat_operands())
            )
        )
    return known[value]


def _copy_chain(value: Value, mapped: dict[Value, Value], block: Block) -> None:
    """Copy the operations that a static value is computed by."""
    owner = value.owner
    assert isinstance(owner, Operation)
    if value in mapped:
        return
    for operand in owner.flat_operands():
        _copy_chain(operand, mapped, block)
    _copy(owner, mapped, block)


def _copy(op: Operation, mapped: dict[Value, Value], block: Block) -> None:
    operands = tuple(
        tuple(mapped[v] for v in o) if isinstance(o, tuple) else (None if o is None else mapped[o])
        for o in op.operands
    )
    copy = Operation(op.name, operands, op.attrs, (), (), op.location)
    copy.results = tuple(Value(r.type, "", copy, r.index) for r in op.results)
    mapped.update(zip(op.results, copy.results))
    block.ops.append(copy)

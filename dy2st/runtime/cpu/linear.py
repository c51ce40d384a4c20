"""Regions become one list of instructions over storages; then storages become memory.

A *storage* is memory for one tensor at a time: in the arena, or at an address that a *slot* of the
call holds (inputs, outputs, parameters and other static values). Copies whose two ends can be the
same memory vanish: that is how results are computed in place, branches write their result where it
is wanted, and loops carry values without moving them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.regions import (
    Append,
    Begin,
    Collect,
    Copy,
    Grow,
    If,
    Interpret,
    Lowered,
    Region,
    Segment,
    Variable,
    While,
)
from dy2st.runtime.cpu.schedule import IsStatic, Scheduled, schedule
from dy2st.runtime.cpu.steps import Step
from dy2st.runtime.memory import Lifetime, assign_offsets


@dataclass(eq=False)
class Storage:
    """``slot`` is set where the memory is somebody else's; ``offset`` is into the arena.

    ``kind``: "arena", "input", "output" or "static". ``merged`` is the storage that this one
    turned out to share.
    """

    nbytes: int
    kind: str = "arena"
    slot: int = -1
    offset: int = 0
    writes: list[int] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    merged: Storage | None = None
    first: int = -1
    last: int = -1

    def root(self) -> Storage:
        """The storage that has the memory."""
        found = self
        while found.merged is not None:
            found = found.merged
        return found


@dataclass(frozen=True, eq=False)
class Place:
    """Where a tensor lies: ``offset`` bytes into a storage."""

    storage: Storage
    offset: int = 0


@dataclass(eq=False)
class Run:
    """One step, its operands and results in places."""

    step: Step
    operands: list[Place]
    results: list[Place]
    scratch: Storage | None = None


@dataclass(eq=False)
class Move:
    """Copy ``nbytes``; nothing where both ends are the same memory."""

    target: Place
    source: Place
    nbytes: int
    carried: bool = False


@dataclass(eq=False)
class Label:
    """A place to jump to."""


@dataclass(eq=False)
class Jump:
    """Continue at ``target``, always or where ``unless`` holds False; ``back`` edges poll."""

    target: Label
    unless: Place | None = None
    back: bool = False


@dataclass(eq=False)
class Callback:
    """Interpreted operations with the places of what they load and store."""

    item: Interpret
    loads: list[Place]
    stores: list[Place]


@dataclass(eq=False)
class Extend:
    """Rows are added to a list; without ``source``, it becomes empty."""

    grow: Grow
    source: Place | None = None
    nbytes: int = 0


Instruction: TypeAlias = "Run | Move | Label | Jump | Callback | Extend | Collect"


@dataclass(eq=False)
class Linear:
    """The whole plan as a list. ``statics[i]`` is the node whose value slot ``i`` of the statics
    points to (an Input of a parameter, a Constant, or what the prologue computes)."""

    code: list[Instruction]
    inputs: list[Storage]
    outputs: list[Storage | None]
    statics: list[g.Node]
    slots: int
    arena: int


def linearise(lowered: Lowered, is_static: IsStatic, split: bool = True) -> Linear:
    """Instructions and memory of a lowered Program; ``split`` leaves static values to others."""
    return _Linearizer(lowered, is_static, split).run()


class _Linearizer:
    def __init__(self, lowered: Lowered, is_static: IsStatic, split: bool) -> None:
        self.lowered = lowered
        self.is_static = is_static
        self.split = split
        self.code: list[Instruction] = []
        self.variables: dict[Variable, Storage] = {}
        self.statics: dict[g.Node, Storage] = {}
        self.slots = len(lowered.inputs) + len(lowered.outputs)
        self.loops: list[tuple[int, int]] = []

    def run(self) -> Linear:
        for index, variable in enumerate(self.lowered.inputs):
            self.variables[variable] = Storage(variable.nbytes, "input", index)
        outputs: list[Storage | None] = []
        for index, output in enumerate(self.lowered.outputs, len(self.lowered.inputs)):
            if isinstance(output, Variable):
                storage = Storage(output.nbytes, "output", index)
                self.variables[output] = storage
                outputs.append(storage)
            else:
                outputs.append(None)
        self.region(self.lowered.body)
        storages = self.lifetimes()
        inputs = [self.variables[v] for v in self.lowered.inputs]
        merge_copies(self.code, self.loops)
        arena = self.layout(storages)
        return Linear(self.code, inputs, outputs, list(self.statics), self.slots, arena)

    # -- control flow -----------------------------------------------------------------------------

    def region(self, region: Region) -> None:
        for item in region.items:
            _EMIT[type(item)](self, item)

    def copy(self, item: Copy, carried: bool = False) -> None:
        target, source = self.storage(item.target), self.storage(item.source)
        self.move(Place(target), Place(source), item.target.nbytes, carried)

    def move(self, target: Place, source: Place, nbytes: int, carried: bool = False) -> None:
        self.code.append(Move(target, source, nbytes, carried))
        self.touch(target.storage, write=True)
        self.touch(source.storage)

    def if_(self, item: If) -> None:
        orelse, end = Label(), Label()
        self.jump(orelse, item.condition)
        self.region(item.then)
        self.code.append(Jump(end))
        self.code.append(orelse)
        self.region(item.orelse)
        self.code.append(end)

    def while_(self, item: While) -> None:
        start, end = Label(), Label()
        begin = len(self.code)
        self.code.append(start)
        self.region(item.cond)
        self.jump(end, item.condition)
        self.region(item.body)
        for update in item.updates:
            self.copy(update, carried=True)
        for variable in item.carried:
            self.touch(self.storage(variable))
        self.code.append(Jump(start, back=True))
        self.code.append(end)
        self.loops.append((begin, len(self.code) - 1))

    def jump(self, target: Label, condition: Variable) -> None:
        storage = self.storage(condition)
        self.code.append(Jump(target, Place(storage)))
        self.touch(storage)

    def interpret(self, item: Interpret) -> None:
        loads = [Place(self.storage(v)) for _, v in item.loads]
        stores = [Place(self.storage(v)) for _, v in item.stores]
        self.code.append(Callback(item, loads, stores))
        for place in loads:
            self.touch(place.storage)
        for place in stores:
            self.touch(place.storage, write=True)

    def begin(self, item: Begin) -> None:
        self.code.append(Extend(item.grow))

    def append(self, item: Append) -> None:
        source = self.storage(item.source)
        self.code.append(Extend(item.grow, Place(source), item.source.nbytes))
        self.touch(source)

    def collect(self, item: Collect) -> None:
        self.code.append(item)

    # -- storages ---------------------------------------------------------------------------------

    def touch(self, storage: Storage, write: bool = False) -> None:
        (storage.writes if write else storage.reads).append(len(self.code) - 1)

    def storage(self, variable: Variable) -> Storage:
        """The storage of a variable that is no static value."""
        if variable not in self.variables:
            self.variables[variable] = Storage(variable.nbytes)
        return self.variables[variable]

    def static(self, node: g.Node) -> Storage:
        """The storage of a static node."""
        if node not in self.statics:
            self.statics[node] = Storage(nbytes_of(node), "static", self.slots)
            self.slots += 1
        return self.statics[node]

    # -- segments ---------------------------------------------------------------------------------

    def segment(self, item: Segment) -> None:
        scheduled = schedule([n for n, _ in item.outputs], self.is_static, self.split)
        _SegmentEmitter(self, scheduled, [v for _, v in item.outputs]).run()

    # -- memory -----------------------------------------------------------------------------------

    def lifetimes(self) -> list[Storage]:
        """All storages of the arena, their first and last instruction known."""
        found: dict[Storage, None] = {}
        for instruction in self.code:
            for storage in storages_of(instruction):
                found[storage] = None
        loops = sorted(self.loops)
        for storage in found:
            uses = sorted({*storage.writes, *storage.reads})
            storage.first, storage.last = uses[0], uses[-1]
            # What comes from before a loop and is read inside is needed in every round.
            for begin, end in loops:
                if storage.first < begin and any(begin <= use <= end for use in uses):
                    storage.last = max(storage.last, end)
        return list(found)

    def layout(self, storages: list[Storage]) -> int:
        """Offsets in the arena; its size."""
        arena = [s for s in storages if s.merged is None and s.kind == "arena"]
        lifetimes = [Lifetime(s.nbytes, s.first, s.last) for s in arena]
        offsets, total = assign_offsets(lifetimes)
        for storage, offset in zip(arena, offsets):
            storage.offset = offset
        return total


_EMIT: dict[type, Callable[[_Linearizer, object], None]] = {
    Segment: _Linearizer.segment,  # type: ignore[dict-item]
    Copy: _Linearizer.copy,  # type: ignore[dict-item]
    If: _Linearizer.if_,  # type: ignore[dict-item]
    While: _Linearizer.while_,  # type: ignore[dict-item]
    Interpret: _Linearizer.interpret,  # type: ignore[dict-item]
    Begin: _Linearizer.begin,  # type: ignore[dict-item]
    Append: _Linearizer.append,  # type: ignore[dict-item]
    Collect: _Linearizer.collect,  # type: ignore[dict-item]
}


class _SegmentEmitter:
    """The steps of one segment, in places."""

    def __init__(self, owner: _Linearizer, scheduled: Scheduled, variables: list[Variable]) -> None:
        self.owner = owner
        self.scheduled = scheduled
        self.targets = list(zip(scheduled.outputs, variables))
        self.places: dict[g.Node, Place] = {}
        self.produced = {n for step in scheduled.steps for n in step.results}
        self.roots = set(scheduled.roots)

    def run(self) -> None:
        done = {v for n, v in self.targets if self.claim(n, v)}
        for step in self.scheduled.steps:
            self.step(step)
        for node, variable in self.targets:
            if variable not in done:
                target = Place(self.owner.storage(variable))
                self.owner.move(target, self.place(node), variable.nbytes)

    def claim(self, node: g.Node, variable: Variable) -> bool:
        """Let the step that computes ``node`` write straight into ``variable``."""
        base, offset = self.base(node)
        if offset or base not in self.produced or base in self.places:
            return False
        if nbytes_of(base) != variable.nbytes:
            return False
        self.places[base] = Place(self.owner.storage(variable))
        return True

    def base(self, node: g.Node) -> tuple[g.Node, int]:
        """The node that has a buffer, and the offset of ``node`` in it."""
        offset = 0
        while node in self.scheduled.views:
            view = self.scheduled.views[node]
            node, offset = view.base, offset + view.offset
        return node, offset

    def place(self, node: g.Node) -> Place:
        base, offset = self.base(node)
        found = self.places.get(base)
        if found is None:
            found = self.places[base] = Place(self.new(base))
        return Place(found.storage, found.offset + offset) if offset else found

    def new(self, node: g.Node) -> Storage:
        owner = self.owner
        if isinstance(node, g.Input) and node.payload is not None:
            variable = node.payload
            if variable.kind in ("parameter", "static"):
                return owner.static(node)
            return owner.storage(variable)
        if isinstance(node, g.Constant) or node in self.roots:
            return owner.static(node)
        return Storage(nbytes_of(node))

    def step(self, step: Step) -> None:
        owner = self.owner
        operands = [self.place(n) for n in step.operands]
        results = [self.place(n) for n in step.results]
        for r, o in step.overwrites.items():
            # The step accumulates into its result: put the operand there first.
            owner.move(results[r], operands[o], nbytes_of(step.results[r]))
            operands[o] = results[r]
        scratch = Storage(step.scratch) if step.scratch else None
        owner.code.append(Run(step, operands, results, scratch))
        for place in operands:
            owner.touch(place.storage)
        for place in results:
            owner.touch(place.storage, write=True)
        if scratch is not None:
            owner.touch(scratch, write=True)


def nbytes_of(node: g.Node) -> int:
    """Bytes of a node's buffer."""
    from dy2st.ir.types import DType

    return node.size * DType.of(node.dtype).itemsize


def storages_of(instruction: Instruction) -> list[Storage]:
    """All storages that an instruction touches."""
    if isinstance(instruction, Run):
        found = [p.storage for p in (*instruction.operands, *instruction.results)]
        return [*found, instruction.scratch] if instruction.scratch else found
    if isinstance(instruction, Move):
        return [instruction.target.storage, instruction.source.storage]
    if isinstance(instruction, Jump):
        return [instruction.unless.storage] if instruction.unless else []
    if isinstance(instruction, Callback):
        return [p.storage for p in (*instruction.loads, *instruction.stores)]
    if isinstance(instruction, Extend):
        return [instruction.source.storage] if instruction.source else []
    return []


# --- copies that vanish ------------------------------------------------------------------------


def merge_copies(code: list[Instruction], loops: list[tuple[int, int]]) -> None:
    """Let both ends of a copy, and operands and results that steps allow, share memory."""
    for position, instruction in enumerate(code):
        if isinstance(instruction, Move):
            if instruction.target.offset or instruction.source.offset:
                continue
            target, source = instruction.target.storage.root(), instruction.source.storage.root()
            if instruction.carried:
                _merge_carried(target, source, position, code)
            else:
                _merge(target, source, position, loops)
        elif isinstance(instruction, Run):
            _merge_shares(instruction, position, loops)


def _merge_shares(run: Run, position: int, loops: list[tuple[int, int]]) -> None:
    for r, o in run.step.shares.items():
        result, operand = run.results[r], run.operands[o]
        if result.offset or operand.offset:
            continue
        target, source = result.storage.root(), operand.storage.root()
        # Another operand may read the same memory elsewhere than where the result is written.
        readers = sum(p.storage.root() is source for p in run.operands)
        writers = sum(p.storage.root() is source for p in run.results)
        if readers == 1 and writers == 0:
            _merge(target, source, position, loops)


def _merge(target: Storage, source: Storage, at: int, loops: list[tuple[int, int]]) -> bool:
    """Make ``target`` (born at ``at``) and ``source`` (dead after ``at``) one, where they are."""
    if target is source or target.nbytes != source.nbytes:
        return False
    if source.kind != "arena" or target.kind not in ("arena", "output"):
        return False
    if source.last > at or target.first < at:
        return False
    # A loop around `at` that the source was born before runs again with the source's value.
    if any(b <= at <= e and source.first < b for b, e in loops):
        return False
    _unite(target, source)
    return True


def _merge_carried(target: Storage, source: Storage, at: int, code: list[Instruction]) -> bool:
    """Let a round compute the next carried value in place of the present one, where the present
    one is not read any more once the next begins to be written."""
    if target is source or target.nbytes != source.nbytes or source.kind != "arena":
        return False
    if source.last > at or target.kind not in ("arena", "output"):
        return False
    uses = sorted({*target.reads, *target.writes})
    for use in uses[bisect_left(uses, source.first) : bisect_left(uses, at)]:
        if use != source.first or not _may_share(code[use], target, source):
            return False
    _unite(target, source)
    return True


def _may_share(instruction: Instruction, target: Storage, source: Storage) -> bool:
    if isinstance(instruction, Move):
        ends = (instruction.target.storage.root(), instruction.source.storage.root())
        return ends == (source, target)  # the copy vanishes too
    if not isinstance(instruction, Run):
        return False
    reads = [i for i, p in enumerate(instruction.operands) if p.storage.root() is target]
    writes = [i for i, p in enumerate(instruction.results) if p.storage.root() is source]
    shares = instruction.step.shares
    return all(shares.get(w) == r for r in reads for w in writes) and len(reads) <= 1


def _unite(target: Storage, source: Storage) -> None:
    source.merged = target
    target.first = min(target.first, source.first)
    target.last = max(target.last, source.last)
    target.writes = sorted(target.writes + source.writes)
    target.reads = sorted(target.reads + source.reads)

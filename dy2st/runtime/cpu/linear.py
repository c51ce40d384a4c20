"""Regions become one list of instructions over storages; then storages become memory.

Copies whose two ends can be the same memory vanish (``merging.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.instructions import (
    Callback,
    Extend,
    Instruction,
    Jump,
    Label,
    Move,
    Place,
    Rename,
    Run,
    Storage,
    storages_of,
)
from dy2st.runtime.cpu.merging import merge_copies
from dy2st.runtime.cpu.regions import (
    Append,
    Begin,
    Collect,
    Copy,
    If,
    Interpret,
    Lowered,
    Rebind,
    Region,
    Segment,
    Sliced,
    Variable,
    While,
)
from dy2st.runtime.cpu.schedule import IsStatic, Scheduled, schedule
from dy2st.runtime.cpu.steps import Step
from dy2st.runtime.memory import Lifetime, assign_offsets


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

    def rebind(self, item: Rebind) -> None:
        sources = {
            i: Place(self.storage(source))
            for i, (_, source) in enumerate(item.moves)
            if isinstance(source, Variable)
        }
        self.code.append(Rename(item, sources))
        for place in sources.values():
            self.touch(place.storage)

    # -- storages ---------------------------------------------------------------------------------

    def touch(self, storage: Storage, write: bool = False) -> None:
        (storage.writes if write else storage.reads).append(len(self.code) - 1)

    def storage(self, variable: Variable) -> Storage:
        """The storage of a variable."""
        if variable.kind == "static":
            return self.static(variable.key)
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
        _SegmentEmitter(self, scheduled, [v for _, v in item.outputs], {}).run()

    def sliced(self, item: Sliced) -> None:
        outputs = item.segment.outputs
        scheduled = schedule([n for n, _ in outputs], self.is_static, self.split)
        for index in range(item.count):
            places = {
                part: Place(self.storage(whole), index * part.nbytes)
                for part, whole in item.whole.items()
            }
            _SegmentEmitter(self, scheduled, [v for _, v in outputs], places).run()

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
    Sliced: _Linearizer.sliced,  # type: ignore[dict-item]
    Copy: _Linearizer.copy,  # type: ignore[dict-item]
    If: _Linearizer.if_,  # type: ignore[dict-item]
    While: _Linearizer.while_,  # type: ignore[dict-item]
    Interpret: _Linearizer.interpret,  # type: ignore[dict-item]
    Begin: _Linearizer.begin,  # type: ignore[dict-item]
    Append: _Linearizer.append,  # type: ignore[dict-item]
    Collect: _Linearizer.collect,  # type: ignore[dict-item]
    Rebind: _Linearizer.rebind,  # type: ignore[dict-item]
}


class _SegmentEmitter:
    """The steps of one segment, in places; ``parts`` are the places of variables of a slice."""

    def __init__(
        self,
        owner: _Linearizer,
        scheduled: Scheduled,
        variables: list[Variable],
        parts: dict[Variable, Place],
    ) -> None:
        self.owner = owner
        self.parts = parts
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
                self.owner.move(self.home(variable), self.place(node), variable.nbytes)

    def home(self, variable: Variable) -> Place:
        """Where a variable lies."""
        part = self.parts.get(variable)
        return part if part is not None else Place(self.owner.storage(variable))

    def claim(self, node: g.Node, variable: Variable) -> bool:
        """Let the step that computes ``node`` write straight into ``variable``."""
        base, offset = self.base(node)
        if offset or base not in self.produced or base in self.places:
            return False
        if nbytes_of(base) != variable.nbytes:
            return False
        self.places[base] = self.home(variable)
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
            found = self.places[base] = self.new(base)
        return Place(found.storage, found.offset + offset) if offset else found

    def new(self, node: g.Node) -> Place:
        owner = self.owner
        if isinstance(node, g.Input) and node.payload is not None:
            variable = node.payload
            if variable.kind in ("parameter", "static"):
                return Place(owner.static(node))
            return self.home(variable)
        if isinstance(node, g.Constant) or node in self.roots:
            return Place(owner.static(node))
        return Place(Storage(nbytes_of(node)))

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

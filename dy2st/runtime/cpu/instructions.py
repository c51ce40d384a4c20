"""The instructions of a plan, over storages.

A *storage* is memory for one tensor at a time: in the arena, or at an address that a *slot* of the
call holds (inputs, outputs, parameters and other static values).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from dy2st.records import record
from dy2st.runtime.cpu.regions import Collect, Grow, Interpret, Rebind
from dy2st.runtime.cpu.steps import Step


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


@record(frozen=True, eq=False)
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


@dataclass(eq=False)
class Rename:
    """Values of run-time size get other names; ``sources`` are places of those of known size."""

    item: Rebind
    sources: dict[int, Place]


Instruction: TypeAlias = "Run | Move | Label | Jump | Callback | Extend | Collect | Rename"


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
    if isinstance(instruction, Rename):
        return [p.storage for p in instruction.sources.values()]
    if isinstance(instruction, Extend):
        return [instruction.source.storage] if instruction.source else []
    return []

"""What a Program becomes before it is scheduled: regions of graph segments and control flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeAlias

from dy2st.ir.program import Block, Operation, Value
from dy2st.ir.types import DType
from dy2st.runtime.cpu.graph import Node, Shape


@dataclass(eq=False)
class Variable:
    """A place for a tensor of concrete shape, outside of any graph.

    ``kind`` is "local" (the planner finds memory for it), "input", "output" (``key`` is the
    index), "parameter" (the name) or "static" (a result of the prologue; what it computes).
    """

    shape: Shape
    dtype: str
    kind: str = "local"
    key: Any = None

    @property
    def nbytes(self) -> int:
        """Bytes of the row-major tensor."""
        return prod(self.shape) * DType.of(self.dtype).itemsize


@dataclass(eq=False)
class Segment:
    """Pure data flow: each output's node is computed and stored in its variable.

    Leaves of the graph are ``Input`` nodes whose payload is a Variable.
    """

    outputs: list[tuple[Node, Variable]] = field(default_factory=list)


@dataclass(eq=False)
class Sliced:
    """``segment`` runs ``count`` times, each time for the next rows of the variables that those in
    its graph are parts of (``whole``)."""

    segment: Segment
    count: int
    whole: dict[Variable, Variable]


@dataclass(eq=False)
class Copy:
    """``target = source``."""

    target: Variable
    source: Variable


@dataclass(eq=False)
class If:
    """One of two regions runs; each writes the result variables itself."""

    condition: Variable
    then: Region
    orelse: Region


@dataclass(eq=False)
class While:
    """``cond`` runs and writes ``condition``; while it is true ``body`` runs, then ``updates``.

    The updates (target carried variable, source) happen at once, after all sources are known.
    """

    cond: Region
    condition: Variable
    body: Region
    updates: list[Copy]
    carried: Sequence[Variable]


@dataclass(eq=False)
class Interpret:
    """Operations that run in numpy through a callback: effects, random numbers, run-time sizes.

    ``loads`` are values that lie in variables and are read, ``stores`` results that others read
    from variables; values of run-time size live in the call's frame only.
    """

    ops: list[Operation]
    loads: list[tuple[Value, Variable]]
    stores: list[tuple[Value, Variable]]


@dataclass(eq=False)
class Grow:
    """A tensor that a loop appends to: ``[n, *item]`` with ``n`` known when the loop ends."""

    item: Shape
    dtype: str

    @property
    def nbytes(self) -> int:
        """Bytes of one item."""
        return prod(self.item) * DType.of(self.dtype).itemsize


@dataclass(eq=False)
class Begin:
    """``grow`` becomes empty."""

    grow: Grow


@dataclass(eq=False)
class Append:
    """The rows of ``source`` are added to ``grow``."""

    grow: Grow
    source: Variable


@dataclass(eq=False)
class Collect:
    """The loop ``op`` is over: the results (by position) that grew go into the call's frame."""

    op: Operation
    grown: dict[int, Grow]


@dataclass(eq=False)
class Rebind:
    """Values of run-time size go from one name to others, at once: results of branches, what loops
    carry. ``moves`` are (targets, source), ``scopes`` the operations or blocks whose results or
    arguments the targets are (they define sizes)."""

    op: Operation
    moves: list[tuple[tuple[Value, ...], Value | Variable]]
    scopes: list[tuple[Operation | Block, tuple[Value, ...]]]


Item: TypeAlias = (
    "Segment | Sliced | Copy | If | While | Interpret | Begin | Append | Collect | Rebind"
)


@dataclass(eq=False)
class Region:
    """Items in order."""

    items: list[Item] = field(default_factory=list)


@dataclass(eq=False)
class DynamicOutput:
    """An output whose size is known only at run time: it stays in the frame."""

    value: Value


@dataclass(eq=False)
class Lowered:
    """A Program at concrete sizes: ``outputs`` in order of ``return``."""

    body: Region
    inputs: list[Variable]
    outputs: list[Variable | DynamicOutput]

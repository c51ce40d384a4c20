"""Loop kernels: what a group of fused nodes computes, before code is printed for it.

A kernel is a nest of loops over *outer* variables; in its body a sequence of *stages*, each a nest
over the *inner* (reduced) variables that stores values, saves them in a row buffer, or reduces
them. Values are expressions ``L`` over loads; an expression that depends on outer variables only is
computed once a row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dy2st.records import record
from dy2st.runtime.cpu.graph import Node


@record(frozen=True, eq=False)
class L:
    """An expression; equal expressions of one ``Pool`` are one object.

    Beside the scalar operations of ``scalar.py``:

    ``const``    data ``(value,)``
    ``index``    an int64, data ``(affine,)``
    ``size``     an int64 known at planning, data ``(value,)``
    ``load``     data ``(buffer, affine, strides)``: at ``affine + sum(stride * arg)``; args are the
                 dynamic indices, then one bool if the load is guarded
    ``wrap``     args (index, size), data ``(mode, site)``: a checked index
    ``inrange``  args (index, size): ``0 <= index < size``
    ``divisor``  args (x, y), data ``(site,)``: y, checked against zero, that cannot trap under x
    ``reduced``  data ``(reduction,)``: a finished reduction of this row
    ``saved``    data ``(row buffer,)``: what an earlier stage saved for this element
    """

    op: str
    dtype: str
    args: tuple[L, ...] = ()
    data: tuple[Any, ...] = ()


class Pool:
    """Makes expressions, each once."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], L] = {}

    def make(self, op: str, dtype: str, args: tuple[L, ...] = (), data: tuple[Any, ...] = ()) -> L:
        """The expression with these parts."""
        # repr tells -0.0 from 0.0, True from 1, and NaN from nothing.
        key = (op, dtype, tuple(map(id, args)), repr(data))
        found = self._made.get(key)
        if found is None:
            found = L(op, dtype, args, data)
            self._made[key] = found
        return found


@record(frozen=True)
class Store:
    """``buffer[place] = value``, every element (in a stage) or once a row. ``place`` is an Affine,
    or a Position once numbers are slots."""

    buffer: int
    place: Any
    value: L


@record(frozen=True)
class Save:
    """Keep ``value`` in row buffer ``slot`` for later stages."""

    slot: int
    value: L


@record(frozen=True)
class Reduction:
    """Reduction number ``number``: ``op`` over all elements of the row; ``position`` is the index
    that argmax and argmin report."""

    number: int
    op: str
    value: L
    position: L | None = None


@record(frozen=True)
class Running:
    """``buffer[place]`` = ``op`` over what came so far along the inner loop, with this value
    (``exclusive``: without)."""

    number: int
    op: str
    value: L
    buffer: int
    place: Any
    exclusive: bool


@record(frozen=True)
class Put:
    """``buffer[place + sum(stride * index)] op= value``, one after the other along inner loops."""

    buffer: int
    place: Any
    value: L
    indices: tuple[L, ...]
    strides: tuple[int, ...]
    op: str


Item = Store | Save | Reduction | Running | Put


@dataclass
class LoopKernel:
    """See the module's docstring. ``extents`` by variable; buffers: those written come first."""

    extents: dict[int, int]
    outer: list[int]
    inner: list[int]
    buffers: list[str] = field(default_factory=list)
    writes: int = 0
    stages: list[list[Item]] = field(default_factory=list)
    finals: list[Store] = field(default_factory=list)
    row_buffers: list[str] = field(default_factory=list)
    sites: list[Node] = field(default_factory=list)

    def items(self) -> list[Item]:
        """All items of all stages, then those of the row."""
        return [item for stage in self.stages for item in stage] + list(self.finals)


def roots(item: Item) -> list[L]:
    """The expressions of an item."""
    if isinstance(item, Reduction) and item.position is not None:
        return [item.value, item.position]
    if isinstance(item, Put):
        return [*item.indices, item.value]
    return [item.value]


def walk(expressions: list[L]) -> list[L]:
    """Every expression below ``expressions``, arguments first, each once."""
    seen: dict[L, None] = {}
    stack = [(e, False) for e in reversed(expressions)]
    while stack:
        e, ready = stack.pop()
        if e in seen:
            continue
        if ready:
            seen[e] = None
            continue
        stack.append((e, True))
        stack.extend((a, False) for a in reversed(e.args) if a not in seen)
    return list(seen)

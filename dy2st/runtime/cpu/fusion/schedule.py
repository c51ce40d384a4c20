"""From a loop kernel to what code is printed for: loops merged, lanes chosen, numbers taken out.

The result, ``Structure``, holds no size: extents, strides and offsets are slots of the ``sizes``
argument. Kernels with equal ``key`` share one object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dy2st.runtime.cpu.fusion.affine import Affine
from dy2st.runtime.cpu.fusion.lanes import choose_lane, choose_tile, choose_width, op_cost
from dy2st.runtime.cpu.fusion.loop import (
    Item,
    L,
    LoopKernel,
    Pool,
    Put,
    Reduction,
    Running,
    Save,
    Store,
    roots,
    walk,
)
from dy2st.runtime.cpu.fusion.structure import HEADER, Position, Structure, describe
from dy2st.runtime.cpu.llvm.sort import SortStructure
from dy2st.runtime.cpu.scalar import ITEMSIZE


@dataclass
class Scheduled:
    """A structure with the numbers of one use of it."""

    structure: Structure | SortStructure
    sizes: np.ndarray
    scratch: int
    cost: float
    chunks: int
    notes: dict[str, Any] = field(default_factory=dict)


# -- collapsing ----------------------------------------------------------------------------------


def _affines(kernel: LoopKernel) -> list[Affine]:
    found = [item.place for item in kernel.items() if isinstance(item, (Store, Running, Put))]
    for e in walk([r for item in kernel.items() for r in roots(item)]):
        found += [d for d in e.data if isinstance(d, Affine)]
    return list(dict.fromkeys(found))


def rewrite(
    kernel: LoopKernel, pool: Pool, data: Callable[[L], tuple[Any, ...]], affine: Callable[..., Any]
) -> LoopKernel:
    """The kernel with the ``data`` of each expression and the position of each store replaced."""
    memo: dict[L, L] = {}
    for e in walk([r for item in kernel.items() for r in roots(item)]):
        memo[e] = pool.make(e.op, e.dtype, tuple(memo[a] for a in e.args), data(e))

    def new(item: Item) -> Any:
        value = memo[item.value]
        if isinstance(item, (Store, Running)):
            return replace(item, place=affine(item.place), value=value)
        if isinstance(item, Put):
            indices = tuple(memo[i] for i in item.indices)
            return replace(item, place=affine(item.place), value=value, indices=indices)
        if isinstance(item, Save):
            return Save(item.slot, value)
        place = memo[item.position] if item.position is not None else None
        return Reduction(item.number, item.op, value, place)

    stages = [[new(item) for item in stage] for stage in kernel.stages]
    return replace(kernel, stages=stages, finals=[new(item) for item in kernel.finals])


def collapse(kernel: LoopKernel, pool: Pool) -> LoopKernel:
    """Merge loop variables that every access walks as one; drop those of extent one."""
    affines = _affines(kernel)
    gone: dict[int, int] = {}
    extents = dict(kernel.extents)
    outer, inner = list(kernel.outer), list(kernel.inner)
    in_order = any(isinstance(i, (Running, Put)) for i in kernel.items())
    for group in (outer, inner):
        for v in [v for v in group if extents[v] == 1]:
            group.remove(v)
            gone[v] = -1
        while (pair := _mergeable(group, affines, extents, in_order)) is not None:
            a, b = pair
            group.remove(a)
            gone[a] = b
            extents[b] *= extents.pop(a)
    if not gone:
        return kernel

    def reduce(affine: Affine) -> Affine:
        return Affine(affine.const, tuple((v, c) for v, c in affine.terms if v not in gone))

    def data(e: L) -> tuple[Any, ...]:
        return tuple(reduce(d) if isinstance(d, Affine) else d for d in e.data)

    out = rewrite(kernel, pool, data, reduce)
    left = {v: extents[v] for v in (*outer, *inner)}
    return replace(out, extents=left, outer=outer, inner=inner)


def _mergeable(
    group: list[int], affines: list[Affine], extents: dict[int, int], in_order: bool
) -> tuple[int, int] | None:
    """A pair of loops that is one; where order matters, only neighbours in the nest."""
    for i, a in enumerate(group):
        for b in group[i + 1 : i + 2] if in_order else group:
            if a != b and all(f.coefficient(a) == f.coefficient(b) * extents[b] for f in affines):
                return a, b
    return None


# -- slots ---------------------------------------------------------------------------------------


class _Slots:
    """Numbers that become slots of ``sizes``; which ones are slots depends on structure alone."""

    def __init__(self, lane: int | None, tile: int | None) -> None:
        self.values: list[int] = []
        self.units = (lane, tile)
        self._positions: dict[Affine, Position] = {}

    def slot(self, value: int) -> int:
        """A new slot."""
        self.values.append(value)
        return HEADER + len(self.values) - 1

    def position(self, affine: Affine) -> Position:
        """The position in slots; equal positions share them."""
        found = self._positions.get(affine)
        if found is None:
            strides = tuple(
                (v, -1 if v in self.units and c == 1 else self.slot(c)) for v, c in affine.terms
            )
            found = Position(self.slot(affine.const) if affine.const else None, strides)
            self._positions[affine] = found
        return found


_known: dict[tuple[Any, ...], Scheduled] = {}
_MOST_KNOWN = 1024


def schedule(kernel: LoopKernel, vector_bytes: int, threads: int) -> Scheduled:
    """Choose loops and lanes for a kernel of concrete extents and take its numbers out.

    Equal kernels (the layers of a network) are scheduled once.
    """
    key = (vector_bytes, threads, *_identity(kernel))
    found = _known.get(key)
    if found is None:
        found = _schedule(kernel, vector_bytes, threads)
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = found
    return found


def _identity(kernel: LoopKernel) -> tuple[Any, ...]:
    """Everything about a kernel, hashable."""
    number: dict[L, int] = {}
    parts: list[Any] = []
    for e in walk([r for item in kernel.items() for r in roots(item)]):
        # As text where -0.0, NaN or True would be mistaken for something else.
        data = repr(e.data) if e.op == "const" else e.data
        parts.append((e.op, e.dtype, tuple(number[a] for a in e.args), data))
        number[e] = len(number)
    stages: list[list[Item]] = [*kernel.stages, [*kernel.finals]]
    for stage in stages:
        parts.append("stage")
        for item in stage:
            own = [getattr(item, n, None) for n in ("buffer", "place", "slot", "number", "op")]
            more = [getattr(item, n, None) for n in ("exclusive", "strides")]
            values = tuple(number[r] for r in roots(item))
            parts.append((type(item).__name__, *own, *more, values))
    loops = (tuple(kernel.extents.items()), tuple(kernel.outer), tuple(kernel.inner))
    memory = (tuple(kernel.buffers), kernel.writes, tuple(kernel.row_buffers))
    return (loops, memory, tuple(parts))


def _schedule(kernel: LoopKernel, vector_bytes: int, threads: int) -> Scheduled:
    pool = Pool()
    kernel = collapse(kernel, pool)
    lane = choose_lane(kernel, vector_bytes // 4)
    width = choose_width(kernel, lane, vector_bytes)
    tile = choose_tile(kernel, lane, width)
    kernel, lane = _renumber(_order(kernel, lane, tile), lane, pool)
    if tile is not None:
        tile = len(kernel.outer) - 2
    slots = _Slots(lane, tile)
    extent_slot = {v: slots.slot(kernel.extents[v]) for v in (*kernel.outer, *kernel.inner)}

    def data(e: L) -> tuple[Any, ...]:
        if e.op == "load":
            buffer, affine, strides = e.data
            small = _span(kernel, affine, strides, e) < 1 << 31
            return buffer, slots.position(affine), tuple(map(slots.slot, strides)), small
        if e.op == "index":
            return (slots.position(e.data[0]),)
        if e.op == "size":
            return (slots.slot(e.data[0]),)
        return e.data

    symbolic = rewrite(kernel, Pool(), data, slots.position)
    for stage in symbolic.stages:
        stage[:] = [
            replace(i, strides=tuple(map(slots.slot, i.strides))) if isinstance(i, Put) else i
            for i in stage
        ]
    row_position, row_buffers, row_bytes = _row_buffers(kernel, lane, width, slots)
    structure = Structure(
        kernel.outer,
        kernel.inner,
        lane,
        width,
        kernel.buffers,
        kernel.writes,
        symbolic.stages,
        symbolic.finals,
        row_buffers,
        row_position,
        extent_slot,
        tile,
    )
    structure.key = describe(structure)
    cost = _cost(kernel, vector_bytes)
    chunks, place, length = _chunks(kernel, lane, tile, width, threads, cost)
    header = [chunks, place, length, row_bytes]
    sizes = np.array(header + slots.values, np.int64)
    return Scheduled(structure, sizes, row_bytes * chunks, cost, chunks)


def _span(kernel: LoopKernel, affine: Affine, strides: tuple[int, ...], e: L) -> int:
    low, high = affine.bounds(kernel.extents)
    reach = max(abs(low), abs(high))
    for arg, stride in zip(e.args, strides, strict=False):
        bound = arg.args[1].data[0] if arg.op == "wrap" else 1 << 40
        reach += bound * abs(stride)
    return reach


def _order(kernel: LoopKernel, lane: int | None, tile: int | None) -> LoopKernel:
    """The lane variable goes innermost among its own, that of tiles around it."""

    def last(group: list[int]) -> list[int]:
        rest = [v for v in group if v not in (lane, tile)]
        return rest + [v for v in (tile, lane) if v in group]

    return replace(kernel, outer=last(kernel.outer), inner=last(kernel.inner))


def _renumber(kernel: LoopKernel, lane: int | None, pool: Pool) -> tuple[LoopKernel, int | None]:
    """Variables by their place in the nest, so that equal kernels have equal keys."""
    new = {v: i for i, v in enumerate((*kernel.outer, *kernel.inner))}

    def affine(a: Affine) -> Affine:
        return Affine.of(a.const, [(new[v], c) for v, c in a.terms])

    def data(e: L) -> tuple[Any, ...]:
        return tuple(affine(d) if isinstance(d, Affine) else d for d in e.data)

    out = replace(
        rewrite(kernel, pool, data, affine),
        outer=[new[v] for v in kernel.outer],
        inner=[new[v] for v in kernel.inner],
        extents={new[v]: n for v, n in kernel.extents.items()},
    )
    return out, None if lane is None else new[lane]


def _row_buffers(
    kernel: LoopKernel, lane: int | None, width: int, slots: _Slots
) -> tuple[Position | None, list[tuple[str, int]], int]:
    if not kernel.row_buffers:
        return None, [], 0
    count, terms = 1, {}
    if lane is not None and lane not in kernel.inner:
        count = width
    for v in reversed(kernel.inner):
        terms[v] = count
        count *= kernel.extents[v]
    position = slots.position(Affine.of(0, terms))
    buffers, offset = [], 0
    for dtype in kernel.row_buffers:
        buffers.append((dtype, slots.slot(offset)))
        offset += -(-(count + width) * ITEMSIZE[dtype] // 64) * 64
    return position, buffers, offset


def _cost(kernel: LoopKernel, vector_bytes: int) -> float:
    """Nanoseconds on one thread, roughly (fitted on a Zen 4 with 64-byte vectors)."""
    total = 1.0
    for n in kernel.extents.values():
        total *= n
    expressions = walk([r for item in kernel.items() for r in roots(item)])
    per_element = 0.015 * sum(op_cost(e) for e in expressions)
    per_element += sum(0.02 * ITEMSIZE[e.dtype] / 4 for e in expressions if e.op == "load")
    per_element += 0.03 * sum(not isinstance(i, Reduction) for i in kernel.items())
    return total * per_element * 64 / vector_bytes


def _chunks(
    kernel: LoopKernel,
    lane: int | None,
    tile: int | None,
    width: int,
    threads: int,
    cost: float,
) -> tuple[int, int, int]:
    """(chunks, place of the divided variable in ``outer``, its length a chunk)."""
    if threads <= 1 or cost < PARALLEL_FROM or not kernel.outer:
        return 1, 0, max([kernel.extents[v] for v in kernel.outer[:1]], default=1)
    best: tuple[float, int, int, int] | None = None
    for place, v in enumerate(kernel.outer):
        n = kernel.extents[v]
        align = width if v in (lane, tile) else 1
        length = -(-n // threads)
        length = -(-length // align) * align
        chunks = -(-n // length)
        # The longest chunk decides; the outermost loop is the best to divide.
        candidate = (length / n, place, chunks, length)
        if best is None or candidate[0] < best[0] - 0.02:
            best = candidate
    assert best is not None
    return best[2], best[1], best[3]


# Nanoseconds of one-thread work from which a second thread pays (handing it work costs 1 to 2 us while it spins).
PARALLEL_FROM = 5000.0

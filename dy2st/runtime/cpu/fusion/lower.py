"""From a group of kept nodes to a loop kernel: expressions, then stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.fusion.affine import Affine, NeedSplit
from dy2st.runtime.cpu.fusion.loop import Item, L, LoopKernel, Pool, Store, roots, walk
from dy2st.runtime.cpu.fusion.pull import CannotInline, Index, NeedSegments, Puller
from dy2st.runtime.cpu.fusion.schedule import Scheduled, schedule
from dy2st.runtime.cpu.fusion.stages import Stager
from dy2st.runtime.cpu.fusion.views import View
from dy2st.runtime.cpu.graph import Node, Shape
from dy2st.runtime.cpu.scalar import ITEMSIZE, compute_dtype

if TYPE_CHECKING:
    from dy2st.runtime.cpu.fusion.groups import Group

ViewOf = Callable[[Node], View | None]


class MergeRefused(Exception):
    """A member is read at another position than the loops stand at."""


@dataclass
class Lowered:
    """A scheduled kernel with its buffers in ``ptrs`` order; see ``fuse.KernelStep``."""

    scheduled: Scheduled
    reads: list[Node]
    writes: list[Node]
    sites: list[Node]
    shares: dict[int, int] = field(default_factory=dict)
    overwrites: dict[int, int] = field(default_factory=dict)


class Domain:
    """Loop variables of a shape: one for each dimension, or several where a reshape splits it.

    ``ranges`` restricts dimensions (that are not split) to a part: start and stop.
    """

    def __init__(
        self,
        shape: Shape,
        axes: tuple[int, ...],
        splits: dict[int, list[int]],
        ranges: Mapping[int, tuple[int, int]] | None = None,
    ) -> None:
        self.shape = shape
        self.axes = axes
        self.extents: dict[int, int] = {}
        self.outer: list[int] = []
        self.inner: list[int] = []
        self.owner: dict[int, tuple[int, int]] = {}
        self.index: list[Affine] = []
        for d, n in enumerate(shape):
            start, stop = (ranges or {}).get(d, (0, n))
            self.index.append(self._dimension(d, splits.get(d, [stop - start])).shift(start))

    def _dimension(self, d: int, parts: list[int]) -> Affine:
        position = Affine()
        stride = prod(parts)
        for k, part in enumerate(parts):
            stride = stride // part if part else 1
            if part == 1:
                continue
            v = len(self.owner)
            self.owner[v] = (d, k)
            self.extents[v] = part
            (self.inner if d in self.axes else self.outer).append(v)
            position = position + Affine.of(0, {v: stride})
        return position

    def place(self, shape: Shape, row: bool) -> Index:
        """The index of a member of ``shape`` (equal to the domain's but for sizes of one)."""
        moving = iter(
            position
            for d, (position, n) in enumerate(zip(self.index, self.shape, strict=True))
            if n != 1 and not (row and d in self.axes)
        )
        return tuple(Affine() if n == 1 else next(moving) for n in shape)


class _Expressions:
    """The expression of each member over placeholders for the others."""

    def __init__(
        self,
        group: Group,
        view_of: ViewOf,
        splits: dict[int, list[int]],
        ranges: Mapping[int, tuple[int, int]],
    ) -> None:
        self.group = group
        self.domain = Domain(group.shape, group.axes, splits, ranges)
        self.members = set(group.members)
        self.pool = Pool()
        self.sites: list[Node] = []
        self.bases: list[Node] = []
        self.places = {m: self.domain.place(m.shape, m in group.rows) for m in group.members}
        self.view_of = view_of
        self.puller = Puller(
            self.pool,
            self.domain.extents,
            self._view_outside,
            self._member,
            self._buffer,
            self.sites,
        )
        self.expressions = {m: self._expression(m) for m in group.members}

    def _view_outside(self, node: Node) -> View | None:
        view = self.view_of(node)
        # A window on a member of ours has no memory yet: follow the movement instead.
        return None if view is not None and view.base in self.members else view

    def _member(self, node: Node, index: Index) -> L | None:
        if node not in self.members:
            return None
        if index != self.places[node] or self.puller.guards:
            raise MergeRefused
        return self.pool.make("member", _dtype_of(node), (), (_Name(node),))

    def _buffer(self, node: Node) -> int:
        if node in self.members:
            raise MergeRefused
        if node not in self.bases:
            self.bases.append(node)
        return self.bases.index(node)

    def _expression(self, m: Node) -> L:
        if isinstance(m, g.Reduce):
            x = m.operands[0]
            return self.puller.value(x, self.domain.place(x.shape, False))
        return self.puller.definition(m, self.places[m])


class _Name:
    """A member inside an expression's data; one text for each node, so that the pool keeps it."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def __repr__(self) -> str:
        return f"member {id(self.node)}"


def _dtype_of(node: Node) -> str:
    return compute_dtype(node.dtype)


Ranges = dict[int, tuple[int, int]]


class _Cut(Exception):
    """Compute dimension ``axis`` in parts, before and behind ``at``; because of ``node``."""

    def __init__(self, node: Node, axis: int, at: int) -> None:
        super().__init__(node, axis, at)
        self.node = node
        self.axis = axis
        self.at = at


def _with_splits(group: Group, view_of: ViewOf, ranges: Ranges | None = None) -> _Expressions:
    """Expressions over a domain split as reshapes need it. Raises _Cut where a concatenation is
    read across a border."""
    splits: dict[int, list[int]] = {}
    ranges = ranges or {}
    for _ in range(32):
        domain = Domain(group.shape, group.axes, splits, ranges)
        try:
            return _Expressions(group, view_of, splits, ranges)
        except NeedSplit as need:
            d, k = domain.owner[need.variable]
            start, stop = ranges.get(d, (0, group.shape[d]))
            parts = list(splits.get(d, [stop - start]))
            parts[k : k + 1] = [parts[k] // need.factor, need.factor]
            splits[d] = parts
        except NeedSegments as need:
            d, _ = domain.owner[need.variable]
            if d in splits or d in group.axes:
                raise CannotInline(need.node) from None
            raise _Cut(need.node, d, ranges.get(d, (0, 0))[0] + need.cut) from None
    raise MergeRefused


def expressions_of(group: Group, view_of: ViewOf) -> int:
    """The number of buffers that the merged group reads. Raises MergeRefused, CannotInline."""
    try:
        return len(_with_splits(group, view_of).bases) + len(group.members)
    except _Cut:
        raise MergeRefused from None


def lower_group(group: Group, view_of: ViewOf, vector_bytes: int, threads: int) -> list[Lowered]:
    """The kernels of a group: one, or one for each operand of a concatenation."""
    (first,) = group.members[:1]
    if isinstance(first, (g.Scan, g.Scatter)):
        from dy2st.runtime.cpu.fusion.sequential import lower_scan, lower_scatter

        lower: Callable[..., Lowered] = lower_scan if isinstance(first, g.Scan) else lower_scatter
        return [lower(first, view_of, vector_bytes, threads)]
    try:
        built = _with_splits(group, view_of)
    except _Cut as cut:
        if group.axes or len(group.members) > 1:
            raise CannotInline(cut.node) from None
        return _lower_parts(group, view_of, vector_bytes, threads)
    return [_lower_one(group, built, vector_bytes, threads)]


def _lower_one(group: Group, built: _Expressions, vector_bytes: int, threads: int) -> Lowered:
    writes = [m for m in group.stored if m.size]
    kernel = LoopKernel(
        dict(built.domain.extents), list(built.domain.outer), list(built.domain.inner)
    )
    kernel.writes = len(writes)
    kernel.sites = built.sites
    Stager(built, kernel, writes, group).run()
    kernel.buffers = [n.dtype for n in (*writes, *built.bases)]
    scheduled = schedule(kernel, vector_bytes, threads)
    shares = _shares(kernel, writes, built.bases)
    return Lowered(scheduled, built.bases, writes, built.sites, shares)


def _shares(kernel: LoopKernel, writes: list[Node], reads: list[Node]) -> dict[int, int]:
    """Which read buffer the one that is written may lie in: each element is read only where, and
    before, it is written."""
    if len(writes) != 1:
        return {}
    stages: list[list[Item]] = [*kernel.stages, [*kernel.finals]]
    at, store = next(
        (t, item) for t, stage in enumerate(stages) for item in stage if isinstance(item, Store)
    )
    if kernel.inner and at == len(kernel.stages):
        return {}
    fits = dict.fromkeys(range(len(reads)), True)
    # What its own stage has loaded by the time of the store is in a register afterwards.
    before = stages[at][: stages[at].index(store) + 1]
    loaded = set(walk([r for item in before for r in roots(item)]))
    for t, stage in enumerate(stages):
        for e in walk([r for item in stage for r in roots(item)]):
            if e.op == "load" and e.data[0] > 0:
                early = t < at or (t == at and e in loaded)
                fits[e.data[0] - 1] &= early and e.data[1] == store.place and not e.data[2]
    size = ITEMSIZE[writes[0].dtype]
    for r, ok in fits.items():
        if ok and reads[r].size == writes[0].size and ITEMSIZE[reads[r].dtype] == size:
            return {0: r}
    return {}


MOST_PARTS = 24


def _parts(group: Group, view_of: ViewOf) -> list[_Expressions]:
    """The expressions of each part that concatenations cut the domain into, in order."""
    (member,) = group.members
    pending: list[Ranges] = [{}]
    found: list[_Expressions] = []
    while pending:
        ranges = pending.pop()
        try:
            found.append(_with_splits(group, view_of, ranges))
        except _Cut as cut:
            start, stop = ranges.get(cut.axis, (0, group.shape[cut.axis]))
            pending.append({**ranges, cut.axis: (cut.at, stop)})
            pending.append({**ranges, cut.axis: (start, cut.at)})
            if cut.node is not member and len(found) + len(pending) > MOST_PARTS:
                raise CannotInline(cut.node) from None
    return found


def _lower_parts(group: Group, view_of: ViewOf, vector_bytes: int, threads: int) -> list[Lowered]:
    """A kernel for each part. Each but the last writes a stand-in for the whole, which the next
    must overwrite."""
    (member,) = group.members
    out: list[Lowered] = []
    begun: Node | None = None
    every = _parts(group, view_of)
    for built in every:
        kernel = LoopKernel(dict(built.domain.extents), list(built.domain.outer), [])
        kernel.writes = 1
        kernel.sites = built.sites
        Stager(built, kernel, [member], group).run()
        reads = built.bases if begun is None else [*built.bases, begun]
        kernel.buffers = [member.dtype, *(n.dtype for n in reads)]
        scheduled = schedule(kernel, vector_bytes, threads)
        whole = member
        if built is not every[-1]:
            whole = g.Input(shape=member.shape, dtype=member.dtype, name="part of a concatenation")
        overwrites = {} if begun is None else {0: len(reads) - 1}
        out.append(Lowered(scheduled, reads, [whole], built.sites, {}, overwrites))
        begun = whole
    return out


def _shift_buffers(built: _Expressions, by: int) -> dict[Node, L]:
    """The expressions with the buffers that are read numbered after ``by`` written ones."""
    memo: dict[L, L] = {}
    for e in walk(list(built.expressions.values())):
        data = e.data
        if e.op == "load":
            data = (data[0] + by, *data[1:])
        memo[e] = built.pool.make(e.op, e.dtype, tuple(memo[a] for a in e.args), data)
    return {m: memo[e] for m, e in built.expressions.items()}

"""From a group of kept nodes to a loop kernel: expressions, then stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.fusion.affine import Affine, NeedSplit, dot
from dy2st.runtime.cpu.fusion.loop import Item, L, LoopKernel, Pool, Store, roots, walk
from dy2st.runtime.cpu.fusion.pull import Index, Puller
from dy2st.runtime.cpu.fusion.schedule import Scheduled, schedule
from dy2st.runtime.cpu.fusion.stages import Stager
from dy2st.runtime.cpu.fusion.views import View
from dy2st.runtime.cpu.graph import Node, Shape, contiguous_strides
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
    """Loop variables of a shape: one for each dimension, or several where a reshape splits it."""

    def __init__(self, shape: Shape, axes: tuple[int, ...], splits: dict[int, list[int]]) -> None:
        self.shape = shape
        self.axes = axes
        self.extents: dict[int, int] = {}
        self.outer: list[int] = []
        self.inner: list[int] = []
        self.owner: dict[int, tuple[int, int]] = {}
        self.index: list[Affine] = []
        for d, n in enumerate(shape):
            parts = splits.get(d, [n])
            position = Affine()
            stride = n
            for k, part in enumerate(parts):
                stride = stride // part if part else 1
                if part == 1:
                    continue
                v = len(self.owner)
                self.owner[v] = (d, k)
                self.extents[v] = part
                (self.inner if d in axes else self.outer).append(v)
                position = position + Affine.of(0, {v: stride})
            self.index.append(position)

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

    def __init__(self, group: Group, view_of: ViewOf, splits: dict[int, list[int]]) -> None:
        self.group = group
        self.domain = Domain(group.shape, group.axes, splits)
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


def _with_splits(group: Group, view_of: ViewOf) -> _Expressions:
    splits: dict[int, list[int]] = {}
    for _ in range(32):
        try:
            return _Expressions(group, view_of, splits)
        except NeedSplit as need:
            domain = Domain(group.shape, group.axes, splits)
            d, k = domain.owner[need.variable]
            parts = list(splits.get(d, [group.shape[d]]))
            parts[k : k + 1] = [parts[k] // need.factor, need.factor]
            splits[d] = parts
    raise MergeRefused


def expressions_of(group: Group, view_of: ViewOf) -> int:
    """The number of buffers that the merged group reads. Raises MergeRefused, CannotInline."""
    return len(_with_splits(group, view_of).bases) + len(group.members)


def lower_group(group: Group, view_of: ViewOf, vector_bytes: int, threads: int) -> list[Lowered]:
    """The kernels of a group: one, or one for each operand of a concatenation."""
    (first,) = group.members[:1]
    if isinstance(first, (g.Scan, g.Scatter)):
        from dy2st.runtime.cpu.fusion.sequential import lower_scan, lower_scatter

        lower: Callable[..., Lowered] = lower_scan if isinstance(first, g.Scan) else lower_scatter
        return [lower(first, view_of, vector_bytes, threads)]
    if isinstance(first, g.Concat):
        return _lower_concat(first, view_of, vector_bytes, threads)
    built = _with_splits(group, view_of)
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
    return [Lowered(scheduled, built.bases, writes, built.sites, shares)]


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


def _lower_concat(
    node: g.Concat, view_of: ViewOf, vector_bytes: int, threads: int
) -> list[Lowered]:
    from dy2st.runtime.cpu.fusion.groups import Group

    out: list[Lowered] = []
    start = 0
    strides = contiguous_strides(node.shape)
    operands = [x for x in node.operands if x.size]
    begun: Node | None = None
    for x in operands:
        # A copy whose value is computed in place and stored into its part of the whole. Each part
        # but the last makes a stand-in for the whole, which the next must overwrite.
        copy = g.Reshape(shape=x.shape, dtype=x.dtype, operands=(x,), source=node.source)
        built = _with_splits(Group([copy], x.shape, ()), view_of)
        kernel = LoopKernel(dict(built.domain.extents), list(built.domain.outer), [])
        kernel.writes = 1
        kernel.sites = built.sites
        value = _shift_buffers(built, 1)[copy]
        place = dot(built.places[copy], strides, start * strides[node.axis])
        kernel.finals = [Store(0, place, value)]
        reads = built.bases if begun is None else [*built.bases, begun]
        kernel.buffers = [node.dtype, *(n.dtype for n in reads)]
        scheduled = schedule(kernel, vector_bytes, threads)
        whole: Node = node
        if x is not operands[-1]:
            whole = g.Input(shape=node.shape, dtype=node.dtype, name="part of a concatenation")
        overwrites = {} if begun is None else {0: len(reads) - 1}
        out.append(Lowered(scheduled, reads, [whole], built.sites, {}, overwrites))
        begun = whole
        start += x.shape[node.axis]
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

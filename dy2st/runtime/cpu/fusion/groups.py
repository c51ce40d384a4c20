"""Groups of kept nodes that become one kernel, and how they merge."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from math import prod

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.fusion.lower import MergeRefused, expressions_of
from dy2st.runtime.cpu.fusion.pull import CannotInline
from dy2st.runtime.cpu.fusion.views import View
from dy2st.runtime.cpu.graph import Node, Shape

MOST_MEMBERS = 16
MOST_BUFFERS = 24
# A kernel whose rows are fewer than this does not take in big producers: it has no parallel loop.
FEW_ROWS = 2
BIG = 1 << 15


@dataclass(eq=False)
class Group:
    """Kept nodes over one domain: loops over ``shape``, of which ``axes`` are reduced.

    A member is *full* (an element for each position) or of a *row* (one for each position outside
    ``axes``). ``stored``: the members that something outside reads.
    """

    members: list[Node]
    shape: Shape
    axes: tuple[int, ...]
    rows: set[Node] = field(default_factory=set)
    stored: list[Node] = field(default_factory=list)

    @property
    def row_shape(self) -> Shape:
        """The domain with reduced axes of size one."""
        return tuple(1 if d in self.axes else n for d, n in enumerate(self.shape))


# Nodes whose kernels are made for them alone (what they read in place fuses all the same).
ALONE = (g.Concat, g.Scan, g.Scatter)

Unit = Group | Node
ViewOf = Callable[[Node], View | None]


def squeezed(shape: Shape) -> Shape:
    """Without dimensions of size one."""
    return tuple(n for n in shape if n != 1)


def first_group(node: Node) -> Group:
    """A kept node alone."""
    if isinstance(node, g.Reduce):
        return Group([node], node.operands[0].shape, node.axes, {node})
    return Group([node], node.shape, ())


def merge_groups(
    order: list[Node],
    kept: set[Node],
    view_of: ViewOf,
    outputs: list[Node],
    available: AbstractSet[Node],
) -> list[Unit]:
    """Groups and opaque nodes in an order that computes operands first."""
    return _Merger(order, kept, view_of, outputs, available).run()


class _Merger:
    def __init__(
        self,
        order: list[Node],
        kept: set[Node],
        view_of: ViewOf,
        outputs: list[Node],
        available: AbstractSet[Node],
    ) -> None:
        self.available = available
        self.order = [
            n for n in order if n in kept or (isinstance(n, g.OPAQUE) and n not in available)
        ]
        self.index = {n: i for i, n in enumerate(self.order)}
        self.view_of = view_of
        self.outputs = set(outputs)
        self.cones: dict[Node, frozenset[Node]] = {}
        self.direct = {n: self._below(n) for n in self.order}
        self.unit_of: dict[Node, Unit] = {
            n: n if isinstance(n, g.OPAQUE) else first_group(n) for n in self.order
        }

    def _cone(self, node: Node) -> frozenset[Node]:
        """The ordered nodes that computing ``node`` in place reads, itself if it is one."""
        if node in self.available:
            return frozenset()
        if node in self.index:
            return frozenset((node,))
        found = self.cones.get(node)
        if found is None:
            found = frozenset().union(*(self._cone(x) for x in node.operands))
            self.cones[node] = found
        return found

    def _below(self, node: Node) -> frozenset[Node]:
        return frozenset().union(*(self._cone(x) for x in node.operands))

    def run(self) -> list[Unit]:
        """Merge along edges, then sort."""
        for node in self.order:
            changed = True
            while changed:
                changed = self._grow(self.unit_of[node])
        return self._sorted()

    def _grow(self, unit: Unit) -> bool:
        if not isinstance(unit, Group):
            return False
        producers = {self.unit_of[d] for m in unit.members for d in self.direct[m]}
        producers.discard(unit)
        ready = [p for p in producers if isinstance(p, Group)]
        for producer in sorted(ready, key=lambda p: -max(self.index[m] for m in p.members)):
            merged = self._merged(producer, unit)
            if merged is not None:
                for m in merged.members:
                    self.unit_of[m] = merged
                return True
        return False

    # -- whether two groups may merge ------------------------------------------------------------

    def _merged(self, a: Group, b: Group) -> Group | None:
        if len(a.members) + len(b.members) > MOST_MEMBERS:
            return None
        merged = _domain_of_both(a, b)
        if merged is None or self._path_between(a, b):
            return None
        merged.members.sort(key=lambda n: self.index[n])
        try:
            buffers = expressions_of(merged, self.view_of)
        except (MergeRefused, CannotInline):
            return None
        return merged if buffers <= MOST_BUFFERS else None

    def _path_between(self, a: Group, b: Group) -> bool:
        """Whether something outside stands between ``a`` and ``b``."""
        first = min(self.index[m] for m in a.members)
        stack = [d for m in b.members for d in self.direct[m]]
        seen: set[int] = set()
        while stack:
            unit = self.unit_of[stack.pop()]
            if unit is a or unit is b or id(unit) in seen:
                continue
            seen.add(id(unit))
            members = unit.members if isinstance(unit, Group) else [unit]
            for m in members:
                for d in self.direct[m]:
                    if self.unit_of[d] is a:
                        return True
                    if self.index[d] > first:
                        stack.append(d)
        return False

    # -- the order of units ----------------------------------------------------------------------

    def _sorted(self) -> list[Unit]:
        readers: set[Node] = set(self.outputs)
        for node in self.order:
            for d in self.direct[node]:
                if self.unit_of[d] is not self.unit_of[node]:
                    readers.add(d)
        done: dict[int, Unit] = {}
        result: list[Unit] = []

        def visit(unit: Unit) -> None:
            # Iterative would be longer; depth is bounded by processing nodes in order.
            if id(unit) in done:
                return
            done[id(unit)] = unit
            members = unit.members if isinstance(unit, Group) else [unit]
            for m in members:
                for d in sorted(self.direct[m], key=lambda n: self.index[n]):
                    visit(self.unit_of[d])
            if isinstance(unit, Group):
                unit.stored = [m for m in unit.members if m in readers]
            result.append(unit)

        for node in self.order:
            visit(self.unit_of[node])
        return result


def _domain_of_both(a: Group, b: Group) -> Group | None:
    """The domain that serves producer ``a`` and consumer ``b``, roles assigned; None if none does."""
    if any(isinstance(m, ALONE) for m in (*a.members, *b.members)):
        return None
    members = [*a.members, *b.members]
    for big, small in ((a, b), (b, a)):
        same = squeezed(big.shape) == squeezed(small.shape)
        if same and (not small.axes or _same_axes(big, small)):
            rows = set(big.rows) | set(small.rows)
            return _checked(Group(members, big.shape, big.axes, rows))
        if big.axes and not small.axes and squeezed(big.row_shape) == squeezed(small.shape):
            return _checked(Group(members, big.shape, big.axes, {*big.rows, *small.members}))
    return None


def _same_axes(a: Group, b: Group) -> bool:
    return squeezed(a.row_shape) == squeezed(b.row_shape) and (
        a.shape == b.shape and a.axes == b.axes
    )


def _checked(group: Group) -> Group | None:
    rows = prod(group.row_shape)
    if group.axes and rows < FEW_ROWS and prod(group.shape) > BIG:
        return None
    return group

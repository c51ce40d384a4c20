"""Which nodes become which kernels.

1. *Kept* nodes are those that must be a value of their own: outputs, what opaque nodes read,
   reductions, and what would cost too much to compute again in each of its readers. All others are
   computed where they are read.
2. Each kept node starts as a group of its own over a *domain*: the shape of its loops, and the axes
   that are reduced. Groups merge along edges where domains agree, every read is at the very same
   position (or the row's), and no path between them leaves the group. So softmax, layer norm and
   their neighbours become one kernel.
3. A kept node that only its own group reads needs no memory: it lives in registers, in a row
   buffer, or is computed again in a later stage, whichever is cheapest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from dy2st.debug import log
from dy2st.errors import InternalError
from dy2st.records import record
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.fusion.groups import Group, merge_groups
from dy2st.runtime.cpu.fusion.keep import choose_kept
from dy2st.runtime.cpu.fusion.lower import lower_group
from dy2st.runtime.cpu.fusion.pull import CannotInline
from dy2st.runtime.cpu.fusion.schedule import Scheduled
from dy2st.runtime.cpu.fusion.sequential import schedule_sort
from dy2st.runtime.cpu.fusion.views import View, through, whole
from dy2st.runtime.cpu.graph import Node, Shape
from dy2st.runtime.cpu.scalar import DTYPES, Scalar, compute_dtype

Accepts = Callable[[Node, int, View], bool]


@dataclass
class KernelStep:
    """One kernel: ``ptrs`` are ``reads``, ``writes``, a buffer of ``scratch`` bytes if that is not
    zero, and the table of run-time functions. ``sites[status >> 8]`` is the node that failed.

    ``shares[w] = r``: write w may lie in the memory of read r. ``overwrites[w] = r``: it must (the
    kernel fills in a part of what another has begun).
    """

    scheduled: Scheduled
    reads: list[Node]
    writes: list[Node]
    sites: list[Node]
    shares: dict[int, int] = field(default_factory=dict)
    overwrites: dict[int, int] = field(default_factory=dict)

    @property
    def scratch(self) -> int:
        """Bytes of row buffers."""
        return self.scheduled.scratch


@dataclass
class OpaqueStep:
    """A node that oneDNN or a callback serves; each result is a dense buffer: a ``Part`` of a
    ``Multi`` (None where nothing reads it), or the node itself."""

    node: Node
    operands: list[View]
    results: list[Node | None]


Step = KernelStep | OpaqueStep


@dataclass
class Fused:
    """Steps in order. ``views`` says where each node that a step or the caller reads lies; the
    buffers are the bases of views. ``outputs``: whole dense buffers, none of them an input's."""

    steps: list[Step] = field(default_factory=list)
    views: dict[Node, View] = field(default_factory=dict)
    outputs: list[View] = field(default_factory=list)


def default_accepts(node: Node, position: int, view: View) -> bool:
    """Opaque nodes read operands in place where they are row-major without gaps."""
    return view.is_whole if isinstance(node, g.Sort) else view.is_dense


def fuse(
    outputs: Iterable[Node],
    *,
    vector_bytes: int,
    threads: int,
    available: AbstractSet[Node] = frozenset(),
    accepts: Accepts = default_accepts,
    strides: Mapping[Node, Shape] | None = None,
) -> Fused:
    """The steps that compute ``outputs``.

    ``available``: nodes whose buffers somebody else fills. ``strides`` gives those of inputs that
    are not row-major. Raises InternalError where a node cannot be lowered.
    """
    outputs = _own_buffers(list(outputs), available)
    settings = _Settings(vector_bytes, threads, accepts, strides or {}, available)
    try:
        return keeping(outputs, settings, set())
    except InternalError as error:
        # Slower, and right: every node by itself.
        log(1, f"fusion gave up ({error.message}); each node becomes a kernel of its own")
        order = g.topological(outputs, available)
        return keeping(outputs, settings, {n for n in order if not is_leaf(n, available)})


def is_leaf(node: Node, available: AbstractSet[Node]) -> bool:
    """Whether a node is a buffer that no kernel fills."""
    return node in available or isinstance(node, (g.Input, g.Constant, g.Part, *g.OPAQUE))


def keeping(outputs: list[Node], settings: _Settings, forced: set[Node]) -> Fused:
    """Fuse with at least ``forced`` kept as values of their own."""
    for _ in range(200):
        try:
            return _Fuser(outputs, settings, forced).run()
        except CannotInline as error:
            if error.node not in forced:
                forced.add(error.node)
                continue
            # With a buffer of its own it still cannot be one kernel: give its operands buffers.
            rest = {
                n for n in error.node.operands if n not in forced and n not in settings.available
            }
            if not rest:
                kind = type(error.node).__name__
                raise InternalError(f"a {kind} node cannot be lowered") from error
            forced |= rest
    raise InternalError("fusion does not come to an end")


@record(frozen=True)
class _Settings:
    vector_bytes: int
    threads: int
    accepts: Accepts
    strides: Mapping[Node, Shape]
    available: AbstractSet[Node]


def _own_buffers(outputs: list[Node], available: AbstractSet[Node]) -> list[Node]:
    """For each output a node whose buffer it is, all different. A reshape of a value of ours costs
    nothing; inputs, constants and repeated outputs are copied."""
    taken: set[Node] = set(available)
    own: list[Node] = []
    for node in outputs:
        inner = node
        while isinstance(inner, g.Reshape) and inner not in available:
            inner = inner.operands[0]
        if inner in taken or isinstance(inner, (g.Input, g.Constant)):
            same = Scalar("arg", compute_dtype(node.dtype), value=0)
            inner = g.Map(shape=node.shape, dtype=node.dtype, operands=(node,), expr=same)
        taken.add(inner)
        own.append(inner)
    return own


class _Fuser:
    def __init__(self, outputs: list[Node], settings: _Settings, forced: set[Node]) -> None:
        self.wanted = outputs
        self.settings = settings
        self.order = g.topological(outputs, settings.available)
        self.users = g.consumers(self.order)
        self.views: dict[Node, View | None] = {}
        self.kept = choose_kept(
            self.order, self.users, outputs, forced, self._reads_in_place, self.is_buffer
        )

    # -- views -----------------------------------------------------------------------------------

    def is_buffer(self, node: Node) -> bool:
        """Whether a node has memory of its own before anything is fused."""
        if node in self.settings.available:
            return True
        if isinstance(node, g.Constant):
            read_whole = any(isinstance(u, g.OPAQUE) for u in self.users.get(node, ()))
            return node.size != 1 or node.dtype not in DTYPES or read_whole
        return isinstance(node, (g.Input, g.Part, *g.OPAQUE))

    def view_of(self, node: Node) -> View | None:
        """Where a node lies, once everything kept is in memory."""
        if node in self.views:
            return self.views[node]
        view: View | None = None
        if self.is_buffer(node) or node in self.kept:
            view = whole(node, self.settings.strides.get(node))
        elif isinstance(node, g.MOVEMENTS):
            inner = self.view_of(node.operands[0])
            view = through(node, inner) if inner is not None else None
        self.views[node] = view
        return view

    def _reads_in_place(
        self, node: Node | None, position: int, operand: Node, kept: set[Node]
    ) -> bool:
        """Whether ``node`` (None: a kernel) can read ``operand`` through a view on a buffer."""

        def find(x: Node) -> View | None:
            if self.is_buffer(x) or x in kept:
                return whole(x, self.settings.strides.get(x))
            if isinstance(x, g.MOVEMENTS):
                inner = find(x.operands[0])
                return through(x, inner) if inner is not None else None
            return None

        view = find(operand)
        if view is None:
            return False
        return node is None or self.settings.accepts(node, position, view)

    # -- steps -----------------------------------------------------------------------------------

    def run(self) -> Fused:
        """Group, lower, and put in order."""
        groups = merge_groups(
            self.order, self.kept, self.view_of, self.wanted, self.settings.available
        )
        fused = Fused()
        for unit in groups:
            if isinstance(unit, Group):
                self._kernel(unit, fused)
            else:
                self._opaque(unit, fused)
        for node in self.wanted:
            view = self.view_of(node)
            if view is None:
                raise InternalError("an output has no buffer")
            fused.outputs.append(view)
            fused.views[node] = view
        return fused

    def _kernel(self, group: Group, fused: Fused) -> None:
        if all(node.size == 0 for node in group.stored):
            return
        s = self.settings
        for one in lower_group(group, self.view_of, s.vector_bytes, s.threads):
            fused.steps.append(
                KernelStep(
                    one.scheduled, one.reads, one.writes, one.sites, one.shares, one.overwrites
                )
            )

    def _sort(self, node: g.Sort, fused: Fused) -> None:
        view = self.view_of(node.operands[0])
        if view is None or not view.is_whole:
            raise CannotInline(node.operands[0])
        parts = {u.index: u for u in self.users[node] if isinstance(u, g.Part)}
        writes = [
            parts.get(i) or g.Part(shape=s, dtype=d, operands=(node,), index=i)
            for i, (s, d) in enumerate(node.results)
        ]
        scheduled = schedule_sort(node, self.settings.threads)
        fused.steps.append(KernelStep(scheduled, [view.base], list(writes), [node]))

    def _opaque(self, node: Node, fused: Fused) -> None:
        if isinstance(node, g.Sort) and node.dtype in DTYPES and node.size:
            self._sort(node, fused)
            return
        operands = []
        for x in node.operands:
            view = self.view_of(x)
            if view is None:
                raise CannotInline(x)
            operands.append(view)
            fused.views[x] = view
        results: list[Node | None] = [node]
        if isinstance(node, g.Multi):
            parts = {u.index: u for u in self.users[node] if isinstance(u, g.Part)}
            results = [parts.get(i) for i in range(len(node.results))]
        fused.steps.append(OpaqueStep(node, operands, results))

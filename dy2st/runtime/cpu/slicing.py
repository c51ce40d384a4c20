"""A batch whose activations do not fit the caches is computed in slices.

The first layers of a convolutional network make large tensors out of few weights. Over a whole batch
each of them goes out to memory and comes back; slice by slice they stay in the cache (and the arena
holds one slice of them). From where the tensors are small, the batch runs as a whole again: large
weights are then read once.

``slice_batches`` divides the graph of a segment: the nodes up to the last large convolution whose
element ``i`` of the first axis depends on element ``i`` of the inputs alone become a ``Sliced``
segment at the size of a slice; what the rest reads of them is stored whole, channels last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from dy2st.ir.types import DType
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node
from dy2st.runtime.cpu.regions import If, Lowered, Region, Segment, Sliced, Variable, While

# Operands and result of a layer larger than this are worth slicing; a slice's are at most this large.
CACHE_BYTES = 4 << 20
# Each slice has instructions of its own.
MOST_SLICES = 32

IsStatic = Callable[[Node], bool]
_LAYERS = ("conv", "conv_transpose", "pool")


def slice_batches(lowered: Lowered, is_static: IsStatic) -> None:
    """Divide the segments of ``lowered``, in place, where that keeps large tensors in the cache."""
    _region(lowered.body, is_static)


def _region(region: Region, is_static: IsStatic) -> None:
    items = list(region.items)
    region.items.clear()
    for item in items:
        if isinstance(item, Segment):
            region.items.extend(_segment(item, is_static))
            continue
        if isinstance(item, If):
            _region(item.then, is_static)
            _region(item.orelse, is_static)
        elif isinstance(item, While):
            _region(item.cond, is_static)
            _region(item.body, is_static)
        region.items.append(item)


def _segment(segment: Segment, is_static: IsStatic) -> list[Segment | Sliced]:
    order = [n for n in g.topological([n for n, _ in segment.outputs]) if not is_static(n)]
    layers = [n for n in order if isinstance(n, g.Primitive) and n.kind in _LAYERS]
    batch = layers[0].shape[0] if layers else 0
    if batch < 2:
        return [segment]
    follows = _following(order, batch, is_static)
    large = {n: _bytes(n) + _bytes(n.operands[0]) for n in layers if n in follows}
    # Slices read the weights again: they have to be the smaller part.
    large = {n: b for n, b in large.items() if b > max(CACHE_BYTES, batch * _weights(n))}
    size = _slice_size(batch, max(large.values(), default=0))
    if not large or size == batch:
        return [segment]
    outputs = {n for n, _ in segment.outputs}
    last = max(i for i, n in enumerate(order) if n in large)
    inside = _cut(order, last, follows, outputs)
    return _Division(segment, order, inside, batch, size).items()


def _slice_size(batch: int, largest: int) -> int:
    """The largest divisor of ``batch`` at which the largest layer fits the cache, or the smallest
    that makes few enough slices."""
    sizes = [k for k in range(1, batch + 1) if batch % k == 0 and batch // k <= MOST_SLICES]
    fitting = [k for k in sizes if largest * k <= CACHE_BYTES * batch]
    return fitting[-1] if fitting else sizes[0]


def _weights(layer: Node) -> int:
    return sum(_bytes(x) for x in layer.operands[1:])


def _bytes(node: Node) -> int:
    return node.size * DType.of(node.dtype).itemsize


# --- which nodes go slice by slice ------------------------------------------------------------------


def _following(order: Sequence[Node], batch: int, is_static: IsStatic) -> set[Node]:
    """Nodes whose slice along the first axis depends on that slice of others and on static nodes."""
    follows: set[Node] = set()
    for node in order:
        if node.shape[:1] == (batch,) and _keeps_slices(node, batch, follows, is_static):
            follows.add(node)
    return follows


def _keeps_slices(node: Node, batch: int, follows: set[Node], is_static: IsStatic) -> bool:
    if isinstance(node, g.Input):
        return True
    first, *others = node.operands or (node,)
    if isinstance(node, g.Primitive):
        alone = first in follows and all(is_static(x) for x in others)
        return node.kind in _LAYERS and alone
    if isinstance(node, (g.Map, g.Concat)):
        return all(x in follows if _sliced(x, node, batch) else is_static(x) for x in node.operands)
    rule = _RULES.get(type(node))
    return rule is not None and first in follows and rule(node)


def _sliced(operand: Node, node: Node, batch: int) -> bool:
    """Whether an operand of a map has a slice for each of the result's."""
    return operand.rank == node.rank and operand.shape[0] == batch


# For nodes of one operand, which has ``batch`` rows too.
_RULES: dict[type[Node], Callable[..., bool]] = {
    g.Part: lambda n: True,
    g.Permute: lambda n: n.axes[0] == 0,
    g.Reduce: lambda n: 0 not in n.axes,
    g.Reshape: lambda n: True,
    g.Expand: lambda n: True,
    g.Slice: lambda n: n.starts[0] == 0 and n.steps[0] == 1,
    g.Pad: lambda n: n.low[0] == 0 == n.high[0],
}


def _cut(order: Sequence[Node], last: int, follows: set[Node], outputs: set[Node]) -> set[Node]:
    """The nodes of the first part: those that follow, up to the place behind ``last`` where least
    has to be stored. Cuts are in front of primitives only, so that maps stay with what they fuse
    with."""
    users = g.consumers(order)
    best: tuple[int, set[Node]] | None = None
    for position in range(last + 1, len(order) + 1):
        if position < len(order) and not isinstance(order[position], g.OPAQUE):
            continue
        inside = {n for n in order[:position] if n in follows}
        stored = sum(_bytes(n) for n in inside - outputs if _is_read(n, inside, users, outputs))
        if best is None or stored < best[0]:
            best = (stored, inside)
        if position > last + _LOOK_AHEAD and best is not None:
            break
    assert best is not None
    return best[1]


_LOOK_AHEAD = 30


def _is_read(
    node: Node, inside: set[Node], users: dict[Node, list[Node]], outputs: AbstractSet[Node]
) -> bool:
    """Whether others than ``inside`` read what ``node`` of them computes."""
    if isinstance(node, (g.Multi, g.Input)):
        return False
    return node in outputs or any(u not in inside for u in users[node])


# --- the two parts ----------------------------------------------------------------------------------


@dataclass(eq=False)
class _Division:
    """The nodes ``inside`` at ``size`` rows for ``batch`` of them, and the rest."""

    segment: Segment
    order: Sequence[Node]
    inside: set[Node]
    batch: int
    size: int

    def items(self) -> list[Segment | Sliced]:
        users = g.consumers(self.order)
        targets: dict[Node, Variable] = {}
        for node, variable in self.segment.outputs:
            targets.setdefault(node, variable)
        self.whole: dict[Variable, Variable] = {}
        self.small: dict[Node, Node] = {}
        self.rest: dict[Node, Node] = {}
        sliced = Segment()
        for node in self.order:
            if node not in self.inside:
                continue
            self.small[node] = self._resized(node)
            if _is_read(node, self.inside, users, targets.keys()):
                sliced.outputs.append(self._stored(node, targets.get(node)))
        rest = [(n, v) for n, v in self.segment.outputs if not self._done(n, v, targets)]
        items: list[Segment | Sliced] = [Sliced(sliced, self.batch // self.size, self.whole)]
        if rest:
            items.append(Segment([(self._replaced(n), v) for n, v in rest]))
        return items

    def _done(self, node: Node, variable: Variable, targets: dict[Node, Variable]) -> bool:
        inside = node in self.inside and not isinstance(node, g.Input)
        return inside and targets[node] is variable

    def _shape(self, shape: g.Shape) -> g.Shape:
        return (self.size, *shape[1:])

    def _part_of(self, whole: Variable) -> Variable:
        part = Variable(self._shape(whole.shape), whole.dtype)
        self.whole[part] = whole
        return part

    def _resized(self, node: Node) -> Node:
        """The same node for a slice."""
        shape = self._shape(node.shape)
        if isinstance(node, g.Input):
            return replace(node, shape=shape, payload=self._part_of(node.payload))
        operands = tuple(self.small.get(x, x) for x in node.operands)
        if isinstance(node, g.Multi):
            results = tuple((self._shape(s), d) for s, d in node.results)
            return replace(node, shape=shape, operands=operands, results=results)
        return replace(node, shape=shape, operands=operands)

    def _stored(self, node: Node, target: Variable | None) -> tuple[Node, Variable]:
        """What a slice stores of ``node``, and where; the rest reads it from there."""
        small = self.small[node]
        if target is not None:
            self.rest[node] = g.Input(shape=node.shape, dtype=node.dtype, payload=target)
            return small, self._part_of(target)
        if node.rank < 3:
            whole = Variable(node.shape, node.dtype)
            self.rest[node] = g.Input(shape=node.shape, dtype=node.dtype, payload=whole)
            return small, self._part_of(whole)
        # In the order that convolutions work in, so that nothing is turned on the way.
        axes = (0, *range(2, node.rank), 1)
        back = (0, node.rank - 1, *range(1, node.rank - 1))
        shape = tuple(node.shape[a] for a in axes)
        whole = Variable(shape, node.dtype)
        leaf = g.Input(shape=shape, dtype=node.dtype, payload=whole)
        self.rest[node] = g.Permute(
            shape=node.shape, dtype=node.dtype, operands=(leaf,), axes=back, source=node.source
        )
        turned = g.Permute(
            shape=self._shape(shape),
            dtype=node.dtype,
            operands=(small,),
            axes=axes,
            source=node.source,
        )
        return turned, self._part_of(whole)

    def _replaced(self, node: Node) -> Node:
        """A node of the rest, over what the slices stored."""
        for n in g.topological([node], leaves=self.rest.keys()):
            if n in self.rest:
                continue
            operands = tuple(self.rest[x] for x in n.operands)
            same = all(a is b for a, b in zip(operands, n.operands, strict=True))
            self.rest[n] = n if same else replace(n, operands=operands)
        return self.rest[node]

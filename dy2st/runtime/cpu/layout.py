"""Layout assignment: which order of axes each value is stored in.

Convolutions and pools work channels-last. In the graph such a value is a row-major node of shape
``(N, spatial..., C)`` under a ``Permute`` that gives it back its logical order; there is no other
notion of a layout. ``assign_layouts`` moves these permutes (and any other) down through maps,
reductions, concatenations, slices, borders and those reshapes that allow it, so that chains of
convolutions meet without a copy, and a copy stands only where the order really has to change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dy2st.records import record
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node, Shape

Axes = tuple[int, ...]
CHANNELS_LAST = ("conv", "conv_transpose", "pool")


@record(frozen=True)
class Stored:
    """A logical value kept in another order: ``logical.shape[i] == node.shape[axes[i]]``."""

    node: Node
    axes: Axes

    @property
    def plain(self) -> bool:
        """Whether it is stored in its logical order."""
        return self.axes == tuple(range(len(self.axes)))

    @property
    def shape(self) -> Shape:
        return tuple(self.node.shape[a] for a in self.axes)


def permute(node: Node, axes: Axes) -> Node:
    """``Permute``, or a ``Reshape`` where only axes of size one move; nothing for the identity."""
    if axes == tuple(range(len(axes))):
        return node
    shape = tuple(node.shape[a] for a in axes)
    kept = [a for a in axes if node.shape[a] != 1]
    if kept == sorted(kept):
        return reshape(node, shape)
    if isinstance(node, g.Permute):
        return permute(node.operands[0], tuple(node.axes[a] for a in axes))
    return g.Permute(shape=shape, dtype=node.dtype, operands=(node,), axes=axes, source=node.source)


def reshape(node: Node, shape: Shape) -> Node:
    """``Reshape``, merged with one below it; nothing where the shape is the same."""
    while isinstance(node, g.Reshape):
        node = node.operands[0]
    if node.shape == shape:
        return node
    return g.Reshape(shape=shape, dtype=node.dtype, operands=(node,), source=node.source)


def inverse(axes: Axes) -> Axes:
    out = [0] * len(axes)
    for i, a in enumerate(axes):
        out[a] = i
    return tuple(out)


def channels_last_axes(rank: int) -> Axes:
    """``Stored.axes`` of a channels-last value: logical (N, C, spatial...)."""
    return (0, rank - 1, *range(1, rank - 1))


def assign_layouts(outputs: Sequence[Node]) -> list[Node]:
    """The same graph with channels-last convolutions and as few changes of order as it can.

    Nodes of kind conv, conv_transpose and pool in the result have ``attrs["channels_last"]``:
    their operand and result are (N, spatial..., C). Outputs are row-major in logical order.
    """
    pass_ = _Assign()
    for node in g.topological(outputs):
        pass_.stored[node] = pass_.rewrite(node)
    return [pass_.logical(node) for node in outputs]


class _Assign:
    """Holds for each node of the old graph how it is stored in the new one."""

    def __init__(self) -> None:
        self.stored: dict[Node, Stored] = {}
        self._logical: dict[Node, Node] = {}

    def logical(self, node: Node) -> Node:
        """The new node of an old one, in logical order."""
        found = self._logical.get(node)
        if found is None:
            stored = self.stored[node]
            found = self._logical[node] = permute(stored.node, stored.axes)
        return found

    def in_order(self, node: Node, axes: Axes) -> Node:
        """The new node of an old one, stored as ``axes`` says."""
        stored = self.stored[node]
        if stored.axes == axes:
            return stored.node
        return permute(self.logical(node), inverse(axes))

    def rewrite(self, node: Node) -> Stored:
        rule = _RULES.get(type(node))
        if isinstance(node, g.Primitive) and node.kind in CHANNELS_LAST:
            return self.plain(_channels_last(self, node))
        if isinstance(node, g.Part):
            return self._part(node)
        found = rule(self, node) if rule is not None and node.operands else None
        return found or self.plain(self.same(node, [self.logical(x) for x in node.operands]))

    def same(self, node: Node, operands: list[Node]) -> Node:
        if len(operands) == len(node.operands) and all(
            a is b for a, b in zip(operands, node.operands, strict=True)
        ):
            return node
        return replace(node, operands=tuple(operands))

    @staticmethod
    def plain(node: Node) -> Stored:
        return Stored(node, tuple(range(node.rank)))

    def _part(self, node: g.Part) -> Stored:
        of = self.stored[node.operands[0]].node
        if isinstance(of, g.Primitive) and of.attrs.get("channels_last"):
            shape, dtype = of.results[node.index]
            part = replace(node, operands=(of,), shape=shape, dtype=dtype)
            return Stored(part, channels_last_axes(len(shape)))
        return self.plain(self.same(node, [of]))


def _channels_last(pass_: _Assign, node: g.Primitive) -> g.Primitive:
    x, *rest = node.operands
    axes = channels_last_axes(x.rank)
    operands = (pass_.in_order(x, axes), *(pass_.logical(w) for w in rest))
    results = tuple(((s[0], *s[2:], s[1]), dtype) for s, dtype in node.results)
    attrs = {**node.attrs, "channels_last": True}
    return replace(node, operands=operands, results=results, shape=results[0][0], attrs=attrs)


def _best_order(pass_: _Assign, nodes: Sequence[Node]) -> Axes | None:
    """The order that most bytes of ``nodes`` are in already; None for the logical one."""
    weight: dict[Axes, int] = {}
    for node in nodes:
        stored = pass_.stored[node]
        weight[stored.axes] = weight.get(stored.axes, 0) + node.size
    best = max(weight, key=lambda axes: (weight[axes], axes), default=None)
    return None if best is None or best == tuple(range(len(best))) else best


def _map(pass_: _Assign, node: g.Map) -> Stored | None:
    full = [x for x in node.operands if x.rank == node.rank and x.shape == node.shape]
    axes = _best_order(pass_, full)
    if axes is None:
        return None
    operands = []
    for x in node.operands:
        if x.rank == node.rank:
            operands.append(pass_.in_order(x, axes))
            continue
        lifted = reshape(pass_.logical(x), (1,) * (node.rank - x.rank) + x.shape)
        operands.append(permute(lifted, inverse(axes)) if x.size != 1 else pass_.logical(x))
    return _moved(node, operands, axes)


def _moved(node: Node, operands: Sequence[Node], order: Axes, **fields: object) -> Stored:
    """``node`` computed in ``order`` from operands that are in that order."""
    shape = tuple(node.shape[a] for a in inverse(order))
    new: Node = replace(node, operands=tuple(operands), shape=shape, **fields)  # type: ignore[arg-type]
    return Stored(new, order)


def _permute(pass_: _Assign, node: g.Permute) -> Stored:
    stored = pass_.stored[node.operands[0]]
    return Stored(stored.node, tuple(stored.axes[a] for a in node.axes))


def _reduce(pass_: _Assign, node: g.Reduce) -> Stored | None:
    stored = pass_.stored[node.operands[0]]
    if stored.plain or (node.op.startswith("arg") and len(node.axes) > 1):
        return None  # the first of ties is counted in logical order
    axes = tuple(sorted(stored.axes[a] for a in node.axes))
    return _moved(node, [stored.node], stored.axes, axes=axes)


def _concat(pass_: _Assign, node: g.Concat) -> Stored | None:
    axes = _best_order(pass_, node.operands)
    if axes is None:
        return None
    operands = [pass_.in_order(x, axes) for x in node.operands]
    return _moved(node, operands, axes, axis=axes[node.axis])


def _expand(pass_: _Assign, node: g.Expand) -> Stored | None:
    stored = pass_.stored[node.operands[0]]
    return None if stored.plain else _moved(node, [stored.node], stored.axes)


def _slice(pass_: _Assign, node: g.Slice) -> Stored | None:
    stored = pass_.stored[node.operands[0]]
    if stored.plain:
        return None
    back = inverse(stored.axes)
    starts, steps = tuple(node.starts[a] for a in back), tuple(node.steps[a] for a in back)
    return _moved(node, [stored.node], stored.axes, starts=starts, steps=steps)


def _pad(pass_: _Assign, node: g.Pad) -> Stored | None:
    stored = pass_.stored[node.operands[0]]
    if stored.plain:
        return None
    back = inverse(stored.axes)
    low, high = tuple(node.low[a] for a in back), tuple(node.high[a] for a in back)
    return _moved(node, [stored.node], stored.axes, low=low, high=high)


def _reshape(pass_: _Assign, node: g.Reshape) -> Stored | None:
    """Axes that are split or merged one group at a time keep the order of the groups.

    A group of several axes that are not beside each other in storage needs a copy; it is made
    into the order that keeps the groups where they are.
    """
    stored = pass_.stored[node.operands[0]]
    if stored.plain:
        return None
    old = node.operands[0].shape
    groups = reshape_groups(old, node.shape)
    if groups is None:
        return None
    # Where each group stands in storage: at its last axis of more than one element.
    place = {}
    for number, (axes, _) in enumerate(groups):
        real = [stored.axes[a] for a in axes if old[a] != 1]
        place[number] = max(real) if real else -1
    order = sorted(range(len(groups)), key=lambda n: (place[n], n))
    source = tuple(stored.axes[a] for n in order for a in groups[n][0])
    node_in = permute(stored.node, source)
    new_axes = [a for n in order for a in groups[n][1]]
    moved = reshape(node_in, tuple(node.shape[a] for a in new_axes))
    return Stored(moved, inverse(tuple(new_axes)))


def reshape_groups(old: Shape, new: Shape) -> list[tuple[Axes, Axes]] | None:
    """Pairs of (axes of ``old``, axes of ``new``) that hold the same elements, in order.

    None where a size is zero. Every axis is in exactly one pair.
    """
    if 0 in old or 0 in new:
        return None
    groups: list[tuple[Axes, Axes]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = i, j
        a = old[i] if i < len(old) else 1
        b = new[j] if j < len(new) else 1
        i, j = min(i + 1, len(old)), min(j + 1, len(new))
        while a != b:
            if a < b:
                a *= old[i]
                i += 1
            else:
                b *= new[j]
                j += 1
        groups.append((tuple(range(left, i)), tuple(range(right, j))))
    return groups


_RULES: dict[type[Node], Callable[..., Stored | None]] = {
    g.Map: _map,
    g.Permute: _permute,
    g.Reduce: _reduce,
    g.Concat: _concat,
    g.Expand: _expand,
    g.Slice: _slice,
    g.Pad: _pad,
    g.Reshape: _reshape,
}

"""Element-wise nodes behind a primitive that it may do itself, as post-ops.

A chain starts at a primitive's only result and goes on while the value has a single reader that
is a recognised map (or, behind a matrix product, a reshape). Behind a depthwise convolution any
map over the value and vectors of channels is a link, for window kernels can do them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from dy2st.records import record
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node
from dy2st.runtime.cpu.onednn.postops import Step, recognise

CHAINED = ("conv", "conv_transpose", "matmul")


@record(frozen=True)
class Link:
    """One node of a chain; ``steps`` make it from the one before (none for a reshape; None where
    oneDNN has no post-op for it)."""

    node: Node
    steps: tuple[Step, ...] | None = ()


@record(frozen=True)
class Chain:
    """``head``'s result ``part`` and the links behind it."""

    head: g.Primitive
    part: Node
    links: tuple[Link, ...] = field(default=())

    @property
    def tail(self) -> Node:
        return self.links[-1].node if self.links else self.part

    def cut(self, count: int) -> Chain:
        """The chain with its first ``count`` links."""
        return Chain(self.head, self.part, self.links[:count])


def is_depthwise(head: g.Primitive) -> bool:
    """Whether a channels-last node convolves each channel by itself, over one or two axes."""
    if head.kind != "conv" or head.operands[0].rank not in (3, 4):
        return False
    channels, groups = head.operands[0].shape[-1], head.attrs["groups"]
    return bool(groups == channels == head.operands[1].shape[0])


def find_chains(
    order: Sequence[Node], users: dict[Node, list[Node]], outputs: Sequence[Node]
) -> dict[Node, Chain]:
    """Chains by their tails. No node is in two of them."""
    kept, linked = frozenset(outputs), set[Node]()
    chains: dict[Node, Chain] = {}
    for node in order:
        if isinstance(node, g.Primitive) and node.kind in CHAINED and node.dtype == "float32":
            parts = users[node]
            if len(parts) == 1:
                chain = _follow(node, parts[0], users, kept, linked)
                linked.update(link.node for link in chain.links)
                chains[chain.tail] = chain
    return chains


def _follow(
    head: g.Primitive,
    part: Node,
    users: dict[Node, list[Node]],
    kept: frozenset[Node],
    linked: set[Node],
) -> Chain:
    """An output (one of ``kept``) may end a chain but not lie inside it."""
    links: list[Link] = []
    value = part
    while value not in kept and len(users[value]) == 1:
        link = _link(head, users[value][0], value)
        if link is None or link.node in linked:
            break
        links.append(link)
        value = link.node
    while links and isinstance(links[-1].node, g.Reshape):
        links.pop()
    return Chain(head, part, tuple(links))


def _link(head: g.Primitive, user: Node, value: Node) -> Link | None:
    if isinstance(user, g.Reshape) and head.kind == "matmul":
        return Link(user)
    if not isinstance(user, g.Map) or user.shape != value.shape:
        return None
    steps = recognise(user, value)
    if steps is not None:
        return Link(user, tuple(steps))
    return Link(user, None) if is_depthwise(head) and of_vectors(user, value) else None


def of_vectors(user: g.Map, value: Node) -> bool:
    """Whether a map reads, beside ``value``, only vectors along the last axis and numbers."""
    floats = all(x.dtype == "float32" for x in (user, *user.operands))
    others = (x for x in user.operands if x is not value)
    return floats and all(x.size == (x.shape[-1] if x.rank else 1) for x in others)

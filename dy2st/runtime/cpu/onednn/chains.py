"""Element-wise nodes behind a primitive that it may do itself, as post-ops.

A chain starts at a primitive's only result and goes on while the value has a single reader that
is a recognised map (or, behind a matrix product, a reshape).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node
from dy2st.runtime.cpu.onednn.postops import Step, recognise

CHAINED = ("conv", "conv_transpose", "matmul")


@dataclass(frozen=True)
class Link:
    """One node of a chain; ``steps`` make it from the one before (none for a reshape)."""

    node: Node
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
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
    if isinstance(user, g.Map) and user.shape == value.shape:
        steps = recognise(user, value)
        if steps is not None:
            return Link(user, tuple(steps))
    return None

"""Which nodes are kept as values of their own, and which are computed again where they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.fusion.lanes import HEAVY, LIBM_OPS
from dy2st.runtime.cpu.graph import Node
from dy2st.runtime.cpu.scalar import Scalar

# What may be computed again for each reader, in light instructions; and how long an expression may
# grow, for the sake of compile time.
CHEAP = 6.0
LONGEST = 400.0
# Nodes one inside the other; what follows operands recursively relies on it.
DEEPEST = 40

# What is always a value of its own.
ALWAYS = (g.Reduce, g.Concat, g.Scan, g.Scatter)

# (reader or None for one that takes any window, operand number, operand, kept so far)
ReadsInPlace = Callable[[Node | None, int, Node, set[Node]], bool]


def choose_kept(
    order: list[Node],
    users: dict[Node, list[Node]],
    outputs: Iterable[Node],
    forced: set[Node],
    reads_in_place: ReadsInPlace,
    is_buffer: Callable[[Node], bool],
) -> set[Node]:
    """The nodes that get a group (inputs, constants and opaque nodes are buffers by themselves)."""
    kept = {n for n in (*outputs, *forced) if not is_buffer(n)}
    costs: dict[Node, tuple[float, float]] = {}
    depth: dict[Node, int] = {}
    for node in order:
        if is_buffer(node):
            if isinstance(node, g.OPAQUE):
                _keep_operands(node, kept, reads_in_place, is_buffer)
            continue
        if isinstance(node, g.Constant):
            continue
        costs[node] = _cost(node, kept, costs)
        depth[node] = 1 + max((depth.get(x, 0) for x in node.operands if x not in kept), default=0)
        if (
            depth[node] > DEEPEST
            or (isinstance(node, ALWAYS) and not _melts(node, users, kept))
            or _worth_keeping(node, users[node], costs[node])
        ):
            kept.add(node)
        source = node.operands[0] if isinstance(node, (g.Scatter, g.Index)) else None
        if source is not None and not is_buffer(source):
            reader = node if isinstance(node, g.Scatter) else None
            if not reads_in_place(reader, 0, source, kept):
                kept.add(source)
    return kept


def _melts(node: Node, users: dict[Node, list[Node]], wanted: set[Node]) -> bool:
    """Whether a concatenation's only reader is a map or permute (perhaps after others) that is
    stored anyway for a reader of its own: then that is computed part by part instead."""
    if not isinstance(node, g.Concat) or node in wanted or len(node.operands) > 8:
        return False
    moved = False
    at: Node = node
    while len(users[at]) == 1 and at not in wanted:
        (user,) = users[at]
        if not isinstance(user, (g.Map, g.Permute, g.Reshape)) or user.size != node.size:
            return moved and isinstance(user, g.OPAQUE)
        moved = moved or not isinstance(user, g.Reshape)
        at = user
    return moved and at in wanted and at is not node


def _keep_operands(
    node: Node,
    kept: set[Node],
    reads_in_place: ReadsInPlace,
    is_buffer: Callable[[Node], bool],
) -> None:
    for position, x in enumerate(node.operands):
        if not is_buffer(x) and not reads_in_place(node, position, x, kept):
            kept.add(x)


def expression_cost(e: Scalar) -> float:
    """Light instructions of a scalar expression, shared parts counted once."""
    seen: set[Scalar] = set()
    total = 0.0
    stack = [e]
    while stack:
        x = stack.pop()
        if x in seen or x.op in ("arg", "const"):
            continue
        seen.add(x)
        total += 200.0 if x.op in LIBM_OPS else HEAVY.get(x.op, 1.0)
        stack.extend(x.args)
    return total


def _cost(
    node: Node, kept: set[Node], costs: dict[Node, tuple[float, float]]
) -> tuple[float, float]:
    """(instructions, full-size loads) of one element of ``node``, computed in place."""
    own = expression_cost(node.expr) if isinstance(node, g.Map) else 0.0
    loads = 0.0
    if isinstance(node, g.Index):
        own, loads = 3.0, 1.0
    operands = node.operands[1:] if isinstance(node, g.Index) else node.operands
    for x in dict.fromkeys(operands):
        share = min(1.0, x.size / max(node.size, 1))
        if x in kept or x not in costs:
            loads += share if x.size > 1 else 0.0
        else:
            own += costs[x][0] * (share if share > 0.25 else 0.3)
            loads += costs[x][1] * share
    return own, loads


def _worth_keeping(node: Node, users: list[Node], cost: tuple[float, float]) -> bool:
    arithmetic, loads = cost
    if isinstance(node, (g.Full, g.Iota)):
        return False
    if arithmetic > LONGEST:
        return True
    reads = sum(_reads(node, user) for user in users)
    if reads <= 1.01:
        return False
    if isinstance(node, g.MOVEMENTS):
        # A window costs nothing; whether its operand is kept is decided there.
        return arithmetic > CHEAP and isinstance(node, g.Pad)
    return arithmetic > CHEAP or (loads > 1.5 and len(users) > 1)


def _reads(node: Node, user: Node) -> float:
    """How often ``user`` reads an element of ``node``, on average."""
    size = max(node.size, 1)
    if isinstance(user, (g.Slice, g.Pad, *ALWAYS)):
        return min(1.0, user.size / size) if isinstance(user, g.Slice) else 1.0
    return max(1.0, user.size / size)

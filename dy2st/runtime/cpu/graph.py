"""The kernel graph: what is to be computed, in terms of few kinds of node.

Every node has a concrete shape and a dtype. Nodes are immutable and made by ``builder.Builder``,
which checks operands and brings them to the few canonical forms below (movement of movement is
merged, reductions always keep their dimensions, negative axes are gone).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import field
from math import prod
from typing import Any

from dy2st.records import record
from dy2st.runtime.cpu.scalar import Scalar

Shape = tuple[int, ...]


@record(frozen=True, eq=False, kw_only=True)
class Node:
    """A value of ``shape`` and ``dtype``; ``source`` is what errors at run time are blamed on."""

    shape: Shape
    dtype: str
    operands: tuple[Node, ...] = ()
    source: Any = None

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@record(frozen=True, eq=False, kw_only=True)
class Input(Node):
    """A buffer from outside: argument, parameter, or the result of another graph."""

    name: str = ""
    payload: Any = None


@record(frozen=True, eq=False, kw_only=True)
class Constant(Node):
    """A tensor known when the plan is made; ``array`` is a C-contiguous numpy array."""

    array: Any


@record(frozen=True, eq=False, kw_only=True)
class Map(Node):
    """``expr`` for each element; operands broadcast as numpy's do."""

    expr: Scalar


@record(frozen=True, eq=False, kw_only=True)
class Full(Node):
    """One constant everywhere."""

    value: int | float | bool


@record(frozen=True, eq=False, kw_only=True)
class Iota(Node):
    """The index along ``axis``."""

    axis: int


@record(frozen=True, eq=False, kw_only=True)
class Reshape(Node):
    """The same elements in row-major order under another shape."""


@record(frozen=True, eq=False, kw_only=True)
class Permute(Node):
    """``out.shape[i] == x.shape[axes[i]]``."""

    axes: tuple[int, ...]


@record(frozen=True, eq=False, kw_only=True)
class Expand(Node):
    """Broadcast of dimensions of size one; the rank stays."""


@record(frozen=True, eq=False, kw_only=True)
class Slice(Node):
    """``out[i] = x[start + i * step]`` in each dimension; a flip is a slice with step -1."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]


@record(frozen=True, eq=False, kw_only=True)
class Pad(Node):
    """Constant border; ``low`` and ``high`` are not negative."""

    low: tuple[int, ...]
    high: tuple[int, ...]
    value: int | float | bool


@record(frozen=True, eq=False, kw_only=True)
class Concat(Node):
    """Operands one after the other along ``axis``."""

    axis: int


@record(frozen=True, eq=False, kw_only=True)
class Index(Node):
    """``out[i] = x[index_0[i], index_1[i], ...]``: operands are x and one integer node for each of
    its dimensions, all of which broadcast to the shape.

    ``mode``: ``"raise"`` fails outside ``[-n, n)`` and wraps negatives; ``"clip"`` clamps to
    ``[0, n)``; ``"unchecked"`` is for indices that are in range by construction.
    """

    mode: str


@record(frozen=True, eq=False, kw_only=True)
class Reduce(Node):
    """Reduction over ``axes``, whose size in the shape becomes one.

    ``op``: sum, prod, max, min (NaN wins), any, all, argmax, argmin (int64; the first of ties, NaN
    passed over).
    """

    op: str
    axes: tuple[int, ...]


@record(frozen=True, eq=False, kw_only=True)
class Scan(Node):
    """Running sum, prod, max or min along ``axis``."""

    op: str
    axis: int
    exclusive: bool = False
    reverse: bool = False


@record(frozen=True, eq=False, kw_only=True)
class Scatter(Node):
    """A copy of x into which updates are written: operands are x, updates, and one integer node for
    each dimension of x, broadcasting to the shape of updates.

    ``op``: set (the last in row-major order wins), add, mul, max, min. ``mode`` as in ``Index``.
    """

    op: str
    mode: str


@record(frozen=True, eq=False, kw_only=True)
class Multi(Node):
    """A node with several results; its own shape and dtype are those of the first."""

    results: tuple[tuple[Shape, str], ...]


@record(frozen=True, eq=False, kw_only=True)
class Sort(Multi):
    """Stable sort along ``axis``, results (values, int64 indices); the first ``k`` of them."""

    axis: int
    descending: bool
    k: int


@record(frozen=True, eq=False, kw_only=True)
class Primitive(Multi):
    """An opaque node that oneDNN serves; ``kind`` and ``attrs`` are owned by its lowering."""

    kind: str
    attrs: dict[str, Any] = field(default_factory=dict)


@record(frozen=True, eq=False, kw_only=True)
class Reference(Multi):
    """A whole operation through its numpy definition, by a callback; ``payload`` is the operation."""

    payload: Any = None


@record(frozen=True, eq=False, kw_only=True)
class Part(Node):
    """One result of a ``Multi``."""

    index: int


MOVEMENTS = (Reshape, Permute, Expand, Slice, Pad)
OPAQUE = (Primitive, Reference, Sort)


def topological(outputs: Iterable[Node], leaves: AbstractSet[Node] = frozenset()) -> list[Node]:
    """All nodes that ``outputs`` depend on, operands first, each once; ``leaves`` are taken as
    they are, without what they depend on."""
    seen: set[Node] = set()
    order: list[Node] = []
    stack: list[tuple[Node, Iterator[Node]]] = []

    def below(node: Node) -> Iterator[Node]:
        return iter(() if node in leaves else node.operands)

    for output in outputs:
        if output not in seen:
            seen.add(output)
            stack.append((output, below(output)))
        while stack:
            node, operands = stack[-1]
            child = next(operands, None)
            if child is None:
                order.append(node)
                stack.pop()
            elif child not in seen:
                seen.add(child)
                stack.append((child, below(child)))
    return order


def consumers(order: Iterable[Node]) -> dict[Node, list[Node]]:
    """For each node those that read it, once each, in order."""
    users: dict[Node, list[Node]] = {}
    for node in order:
        users.setdefault(node, [])
        for operand in dict.fromkeys(node.operands):
            users.setdefault(operand, []).append(node)
    return users


def contiguous_strides(shape: Shape) -> Shape:
    """Row-major strides in elements."""
    strides = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))

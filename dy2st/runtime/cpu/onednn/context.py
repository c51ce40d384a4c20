"""What the lowerings of oneDNN nodes share: the new graph, and how operands are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node, Shape, contiguous_strides
from dy2st.runtime.cpu.onednn.descriptor import Desc
from dy2st.runtime.cpu.onednn.postops import Combine, Step
from dy2st.runtime.cpu.onednn.primitive import (
    Binary,
    Eltwise,
    PostOp,
    Primitives,
    Sum,
    post_op_arg,
)
from dy2st.runtime.cpu.views import View, view_of

_COMPUTED_ELSEWHERE = (g.Input, g.Constant, g.Full)


class Context:
    """``new`` maps nodes of the graph being rewritten to their successors."""

    def __init__(self, library: Primitives, is_static: Callable[[Node], bool]) -> None:
        self.library = library
        self.new: dict[Node, Node] = {}
        self.users: dict[Node, list[Node]] = {}
        self.position: dict[Node, int] = {}  # when a node is computed, chains at their end
        self.outputs: frozenset[Node] = frozenset()
        self.linked: set[Node] = set()  # nodes inside chains
        self._is_static = is_static
        self._static: dict[Node, bool] = {}

    def static(self, node: Node) -> bool:
        """Whether a new node depends on parameters and constants only."""
        found = self._static.get(node)
        if found is None:
            if isinstance(node, g.Input):
                found = self._is_static(node)
            elif isinstance(node, g.Reference):
                found = False
            else:
                found = all(self.static(x) for x in node.operands)
            self._static[node] = found
        return found

    def last_read_by(self, node: Node, reader: Node) -> bool:
        """Whether nothing needs an old node after ``reader``, so that it may be overwritten.

        Other readers must be primitives that run before: a kernel may be put off.
        """
        if node in self.outputs or sum(x is node for x in reader.operands) != 1:
            return False
        return all(
            user is reader
            or (isinstance(user, g.Primitive) and self.position[user] < self.position[reader])
            for user in self.users[node]
        )


def dense(node: Node) -> View:
    """``node`` as a view that is dense: of what lies below it if possible, else of itself."""
    view = view_of(node)
    return view if view.dense else View(node, node.shape, contiguous_strides(node.shape))


class PostOps:
    """Collects a chain's steps as bias, post-ops and their operands, in oneDNN's terms.

    ``shape`` is the result in the order of its buffer; ``axes`` brings that order to oneDNN's
    (logical) order; ``channel`` is the buffer's axis that a bias runs along.
    """

    def __init__(self, context: Context, shape: Shape, axes: Sequence[int], channel: int) -> None:
        self.context, self.shape = context, shape
        self.axes, self.channel = tuple(axes), channel % len(shape)
        self.bias: View | None = None
        self.post_ops: list[PostOp] = []
        self.operands: list[tuple[int, View]] = []
        self.accumulated: Node | None = None

    def add(self, step: Step, reader: Node, whole_only: bool = False) -> bool:
        """Append a step; False where oneDNN has no (fast) way to do it.

        ``whole_only``: the value has been reshaped, so that only operands of its full size can
        be brought to its shape.
        """
        if isinstance(step, Eltwise):
            self.post_ops.append(step)
            return True
        view = self._operand(step, whole_only)
        if view is None:
            return False
        if step.name == "add" and not self.post_ops and self.bias is None and self._vector(view):
            self.bias = view.reshape((self.shape[self.channel],))
            return True
        if step.name == "add" and self._may_accumulate(step, view, reader):
            self.accumulated = view.base
            self.post_ops.append(Sum())
            return True
        if not (view.whole and view.shape == self.shape) and not self._vector(view):
            return False
        number = post_op_arg(len(self.post_ops))
        self.post_ops.append(Binary(step.name, self._desc(view)))
        self.operands.append((number, view))
        return True

    def _operand(self, step: Combine, whole_only: bool) -> View | None:
        node = self.context.new[step.other]
        if whole_only:
            view = dense(node).reshape(self.shape) if node.size == _size(self.shape) else None
        else:
            view = dense(node).lift(len(self.shape)) if node.rank <= len(self.shape) else None
        return view

    def _vector(self, view: View) -> bool:
        """Whether ``view`` has one element a channel (or one in all)."""
        others = [n for axis, n in enumerate(view.shape) if axis != self.channel]
        return all(n == 1 for n in others) and view.shape[self.channel] == self.shape[self.channel]

    def _may_accumulate(self, step: Combine, view: View, reader: Node) -> bool:
        base = view.base
        return (
            self.accumulated is None
            and view.whole
            and view.shape == self.shape
            and base is self.context.new[step.other]
            and not isinstance(base, _COMPUTED_ELSEWHERE)
            and not self.context.static(base)
            and self.context.last_read_by(step.other, reader)
        )

    def _desc(self, view: View) -> Desc:
        at = view.permute(self.axes)
        if at.rank == 3 and self.axes[1] == 2:  # a convolution over one axis runs over two
            at = View(at.base, (*at.shape[:2], 1, at.shape[2]), (*at.strides[:2], 0, at.strides[2]))
        return self.context.library.descs.strided(at.shape, at.base.dtype, safe_strides(at))


def safe_strides(view: View) -> tuple[int, ...]:
    """Strides for a descriptor: those of axes of size one are made plausible.

    oneDNN takes no stride of 0, and tells layouts apart by strides even where a size is one.
    """
    out, step = list(view.strides), 1
    for axis in reversed(range(view.rank)):
        if view.shape[axis] == 1:
            out[axis] = step
        step = max(step, out[axis] * view.shape[axis])
    return tuple(out)


def describable(view: View) -> bool:
    """Whether oneDNN takes the strides: no element twice, and each axis steps over the whole of
    the next smaller one."""
    axes = sorted((step, n) for n, step in zip(view.shape, view.strides, strict=True) if n > 1)
    if axes and axes[0][0] == 0:
        return False
    return all(outer[0] >= inner[0] * inner[1] for inner, outer in pairwise(axes))


def _size(shape: Shape) -> int:
    total = 1
    for n in shape:
        total *= n
    return total

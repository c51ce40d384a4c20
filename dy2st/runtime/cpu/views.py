"""Reading a node where it lies: movement on top of a buffer as strides and an offset."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from dy2st.records import record
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node, Shape, contiguous_strides


@record(frozen=True)
class View:
    """Elements of ``base``'s row-major buffer: sizes, strides and offset, all in elements.

    A stride of 0 repeats an element along its axis.
    """

    base: Node
    shape: Shape
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def dense(self) -> bool:
        """Whether it is row-major without gaps (it may begin inside the buffer)."""
        return all(
            n == 1 or step == want
            for n, step, want in zip(
                self.shape, self.strides, contiguous_strides(self.shape), strict=True
            )
        )

    @property
    def whole(self) -> bool:
        """Whether it is all of the buffer in its own order."""
        return self.dense and self.offset == 0 and self.base.size == _size(self.shape)

    def permute(self, axes: Sequence[int]) -> View:
        shape = tuple(self.shape[a] for a in axes)
        return View(self.base, shape, tuple(self.strides[a] for a in axes), self.offset)

    def reshape(self, shape: Shape) -> View | None:
        """The same elements in row-major order under another shape; None where strides cannot
        say it."""
        strides = _reshape_strides(self.shape, self.strides, shape)
        return None if strides is None else View(self.base, shape, strides, self.offset)

    def lift(self, rank: int) -> View:
        """With leading axes of size one."""
        lead = rank - self.rank
        return View(self.base, (1,) * lead + self.shape, (0,) * lead + self.strides, self.offset)

    def swap_last(self) -> View:
        """The last two axes exchanged."""
        return self.permute((*range(self.rank - 2), self.rank - 1, self.rank - 2))


def view_of(node: Node) -> View:
    """``node`` as a view of the nearest node below it that needs a buffer of its own."""
    if isinstance(node, g.MOVEMENTS) and not isinstance(node, g.Pad):
        moved = _move(node, view_of(node.operands[0]))
        if moved is not None:
            return moved
    return View(node, node.shape, contiguous_strides(node.shape))


def _move(node: Node, below: View) -> View | None:
    if isinstance(node, g.Permute):
        return below.permute(node.axes)
    if isinstance(node, g.Reshape):
        return below.reshape(node.shape)
    if isinstance(node, g.Expand):
        strides = tuple(
            0 if old != new else step
            for old, new, step in zip(below.shape, node.shape, below.strides, strict=True)
        )
        return View(below.base, node.shape, strides, below.offset)
    if isinstance(node, g.Slice) and all(step > 0 for step in node.steps):
        offset = sum(a * s for a, s in zip(node.starts, below.strides, strict=True))
        strides = tuple(a * s for a, s in zip(node.steps, below.strides, strict=True))
        return View(below.base, node.shape, strides, below.offset + offset)
    return None


def _reshape_strides(old: Shape, strides: Sequence[int], new: Shape) -> tuple[int, ...] | None:
    from dy2st.runtime.cpu.layout import reshape_groups

    groups = reshape_groups(old, new)
    if groups is None:
        return contiguous_strides(new)  # no elements: any strides will do
    out = [0] * len(new)
    for left, right in groups:
        step = _merged_step([(old[a], strides[a]) for a in left if old[a] != 1])
        if step is None:
            return None
        for axis in reversed(right):
            out[axis] = step
            step *= new[axis]
    return tuple(out)


def _merged_step(axes: Sequence[tuple[int, int]]) -> int | None:
    """The stride of several axes seen as one; None where they do not follow each other."""
    for (_, outer), (size, inner) in pairwise(axes):
        if outer != size * inner:
            return None
    return axes[-1][1] if axes else 1


def _size(shape: Shape) -> int:
    total = 1
    for n in shape:
        total *= n
    return total

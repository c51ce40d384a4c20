"""Where a node's elements lie: a strided window on the buffer of another node."""

from __future__ import annotations

from dy2st.records import record
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.fusion.affine import Affine, NeedSplit, NotAffine, flatten, unflatten
from dy2st.runtime.cpu.graph import Node, Shape, contiguous_strides


@record(frozen=True)
class View:
    """Element ``i`` lies at ``offset + sum(i * strides)`` of ``base``'s buffer, in elements."""

    base: Node
    offset: int
    strides: Shape
    shape: Shape

    @property
    def is_dense(self) -> bool:
        """Row-major without gaps (dimensions of size one do not count)."""
        want = contiguous_strides(self.shape)
        pairs = zip(self.shape, self.strides, want, strict=True)
        return all(s == w for n, s, w in pairs if n != 1) or 0 in self.shape

    @property
    def is_whole(self) -> bool:
        """All of the base, in its order."""
        return self.offset == 0 and self.is_dense and self.base.size == _size(self.shape)


def _size(shape: Shape) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


def whole(node: Node, strides: Shape | None = None) -> View:
    """The buffer of a node itself, row-major unless ``strides`` says otherwise."""
    return View(node, 0, strides or contiguous_strides(node.shape), node.shape)


def through(node: Node, x: View) -> View | None:
    """The window that a movement ``node`` opens on its operand's window; None where a copy is
    needed (a pad, or a reshape across strides)."""
    if isinstance(node, g.Permute):
        return View(x.base, x.offset, tuple(x.strides[a] for a in node.axes), node.shape)
    if isinstance(node, g.Expand):
        pairs = zip(x.shape, node.shape, x.strides, strict=True)
        strides = tuple(0 if old == 1 and new != 1 else s for old, new, s in pairs)
        return View(x.base, x.offset, strides, node.shape)
    if isinstance(node, g.Slice):
        offset = sum(a * s for a, s in zip(node.starts, x.strides, strict=True))
        strides = tuple(s * step for s, step in zip(x.strides, node.steps, strict=True))
        return View(x.base, x.offset + offset, strides, node.shape)
    if isinstance(node, g.Reshape):
        return _reshaped(node, x)
    return None


def _reshaped(node: Node, x: View) -> View | None:
    if x.is_dense:
        return View(x.base, x.offset, contiguous_strides(node.shape), node.shape)
    variables = [Affine.of(0, {d: 1}) if n != 1 else Affine() for d, n in enumerate(node.shape)]
    extents = dict(enumerate(node.shape))
    try:
        inner = unflatten(flatten(variables, node.shape), x.shape, extents)
    except (NeedSplit, NotAffine):
        return None
    total = Affine(x.offset)
    for i, stride in zip(inner, x.strides, strict=True):
        total = total + i.scale(stride)
    strides = tuple(total.coefficient(d) for d in range(node.rank))
    return View(x.base, total.const, strides, node.shape)

"""From nodes to loop expressions: the value of a node at an index, by following its operands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dy2st.errors import InternalError
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.fusion.affine import Affine, NotAffine, dot, flatten, unflatten
from dy2st.runtime.cpu.fusion.loop import L, Pool
from dy2st.runtime.cpu.fusion.views import View
from dy2st.runtime.cpu.scalar import Scalar, compute_dtype, in_order, is_int

Index = tuple[Affine, ...]
Find = Callable[[g.Node, Index], L | None]


class CannotInline(Exception):
    """``node`` must be computed into memory before it can be read here."""

    def __init__(self, node: g.Node) -> None:
        super().__init__(node)
        self.node = node


class NeedSegments(Exception):
    """A concatenation is read across a border: compute the parts before and behind ``cut``, a value
    of ``variable``, one after the other."""

    def __init__(self, node: g.Concat, variable: int, cut: int) -> None:
        super().__init__(node, variable, cut)
        self.node = node
        self.variable = variable
        self.cut = cut


class Puller:
    """Builds expressions for one kernel.

    ``view_of(node)``: where a node lies in memory, or None where it is to be computed in place.
    ``find(node, index)``: the expression of a value that the kernel has already, or None.
    ``buffer_of(node)``: the kernel's number for a buffer.
    """

    def __init__(
        self,
        pool: Pool,
        extents: Mapping[int, int],
        view_of: Callable[[g.Node], View | None],
        find: Find,
        buffer_of: Callable[[g.Node], int],
        sites: list[g.Node],
    ) -> None:
        self.pool = pool
        self.extents = extents
        self.view_of = view_of
        self.find = find
        self.buffer_of = buffer_of
        self.sites = sites
        self.guards: tuple[L, ...] = ()
        self._memo: dict[tuple[g.Node, Index, tuple[L, ...]], L] = {}

    def value(self, node: g.Node, index: Index) -> L:
        """The value of ``node`` at ``index``, in its compute dtype."""
        key = (node, index, self.guards)
        found = self._memo.get(key)
        if found is None:
            found = self.find(node, index) or self._load_view(node, index)
            if found is None:
                found = self.definition(node, index)
            self._memo[key] = found
        return found

    def definition(self, node: g.Node, index: Index) -> L:
        """The value of ``node`` computed from its operands."""
        rule = _RULES.get(type(node))
        if rule is None:
            raise CannotInline(node)
        return rule(self, node, index)

    # -- loads -----------------------------------------------------------------------------------

    def _load_view(self, node: g.Node, index: Index) -> L | None:
        view = self.view_of(node)
        if view is None:
            return None
        return self.load(view, dot(index, view.strides, view.offset), (), ())

    def load(
        self, view: View, position: Affine, dynamic: tuple[L, ...], strides: tuple[int, ...]
    ) -> L:
        """The element of a buffer at ``position + sum(stride * dynamic)``."""
        guard = self._guard()
        args = dynamic if guard is None else (*dynamic, guard)
        dtype = compute_dtype(view.base.dtype)
        data = (self.buffer_of(view.base), position, strides)
        return self.pool.make("load", dtype, args, data)

    def _guard(self) -> L | None:
        guard: L | None = None
        for g_ in self.guards:
            guard = g_ if guard is None else self.pool.make("and_", "bool", (guard, g_))
        return guard

    def const(self, value: int | float | bool, dtype: str) -> L:
        """A constant in the compute dtype of ``dtype``."""
        return self.pool.make("const", compute_dtype(dtype), (), (value,))

    def position(self, affine: Affine) -> L:
        """A position as a value."""
        return self.pool.make("index", "int64", (), (affine,))

    # -- maps ------------------------------------------------------------------------------------

    def map(self, node: g.Map, index: Index) -> L:
        """The expression of a map over the values of its operands."""
        operands: list[L | None] = [None] * len(node.operands)
        memo: dict[Scalar, L] = {}

        def operand(i: int) -> L:
            found = operands[i]
            if found is None:
                x = node.operands[i]
                found = self.value(x, broadcast_index(index, x.shape))
                operands[i] = found
            return found

        for e in in_order(node.expr):
            memo[e] = self._scalar(e, operand, memo, node)
        return self._rounded(memo[node.expr], node.dtype)

    def _rounded(self, value: L, dtype: str) -> L:
        if dtype not in ("float16", "bfloat16") or value.op == "round_to":
            return value
        return self.pool.make("round_to", "float32", (value,), (dtype,))

    def _scalar(
        self,
        e: Scalar,
        operand: Callable[[int], L],
        done: Mapping[Scalar, L],
        node: g.Node,
    ) -> L:
        if e.op == "arg":
            assert isinstance(e.value, int)
            return operand(e.value)
        if e.op == "const":
            return self.pool.make("const", e.dtype, (), (e.value,))
        args = tuple(done[a] for a in e.args)
        if e.op == "round_to":
            return self._rounded(args[0], str(e.value))
        if e.op in ("div", "floordiv", "mod") and is_int(e.dtype):
            site = self.site(node)
            guard = self._guard()
            checked = args if guard is None else (*args, guard)
            args = (args[0], self.pool.make("divisor", e.dtype, checked, (site,)))
        return self.pool.make(e.op, e.dtype, args)

    def site(self, node: g.Node) -> int:
        """The number under which a failure of ``node`` is reported."""
        if node not in self.sites:
            self.sites.append(node)
        return self.sites.index(node)

    # -- sources and movement --------------------------------------------------------------------

    def full(self, node: g.Full, index: Index) -> L:
        """A constant."""
        return self.const(node.value, node.dtype)

    def constant(self, node: g.Constant, index: Index) -> L:
        """A constant tensor of one element; larger ones are buffers."""
        if node.size != 1 or node.dtype.startswith("complex"):
            raise CannotInline(node)
        return self.const(node.array.reshape(()).item(), node.dtype)

    def iota(self, node: g.Iota, index: Index) -> L:
        """The position along an axis."""
        value = self.position(index[node.axis])
        if node.dtype == "int64":
            return value
        return self.pool.make("cast", compute_dtype(node.dtype), (value,))

    def reshape(self, node: g.Reshape, index: Index) -> L:
        """Through the row-major position."""
        (x,) = node.operands
        view = self.view_of(x)
        if view is not None and view.is_dense:
            # Row-major memory is the same under any shape.
            position = flatten(index, node.shape).shift(view.offset)
            return self.load(view, position, (), ())
        try:
            inner = unflatten(flatten(index, node.shape), x.shape, self.extents)
        except NotAffine:
            raise CannotInline(x) from None
        return self.value(x, inner)

    def permute(self, node: g.Permute, index: Index) -> L:
        """Axes in another order."""
        inner = [Affine()] * len(index)
        for i, axis in zip(index, node.axes, strict=True):
            inner[axis] = i
        return self.value(node.operands[0], tuple(inner))

    def expand(self, node: g.Expand, index: Index) -> L:
        """Broadcast dimensions are read at zero."""
        x = node.operands[0]
        return self.value(x, broadcast_index(index, x.shape))

    def slice(self, node: g.Slice, index: Index) -> L:
        """Scaled and shifted."""
        inner = tuple(
            i.scale(step).shift(start)
            for i, start, step in zip(index, node.starts, node.steps, strict=True)
        )
        return self.value(node.operands[0], inner)

    def pad(self, node: g.Pad, index: Index) -> L:
        """A guarded read, or the border's value."""
        x = node.operands[0]
        if x.size == 0:
            return self.const(node.value, node.dtype)
        inner = tuple(i.shift(-low) for i, low in zip(index, node.low, strict=True))
        guards = []
        for i, n in zip(inner, x.shape, strict=True):
            low, high = i.bounds(self.extents)
            if low < 0 or high >= n:
                size = self.pool.make("size", "int64", (), (n,))
                guards.append(self.pool.make("inrange", "bool", (self.position(i), size)))
        if not guards:
            return self.value(x, inner)
        outside = self.guards
        self.guards = (*outside, *guards)
        try:
            value = self.value(x, inner)
        finally:
            self.guards = outside
        chosen: L = guards[0]
        for guard in guards[1:]:
            chosen = self.pool.make("and_", "bool", (chosen, guard))
        border = self.const(node.value, node.dtype)
        return self.pool.make("select", value.dtype, (chosen, value, border))

    def concat(self, node: g.Concat, index: Index) -> L:
        """The operand that the whole range of the position lies in."""
        position = index[node.axis]
        low, high = position.bounds(self.extents)
        start = 0
        for x in node.operands:
            stop = start + x.shape[node.axis]
            if start <= low and high < stop:
                moved = list(index)
                moved[node.axis] = position.shift(-start)
                return self.value(x, tuple(moved))
            if low < stop <= high:
                break
            start = stop
        if len(position.terms) != 1 or position.terms[0][1] != 1 or self.guards:
            raise CannotInline(node)
        raise NeedSegments(node, position.terms[0][0], stop - position.const)

    def index(self, node: g.Index, index: Index) -> L:
        """A load at computed positions."""
        x, *indices = node.operands
        view = self.view_of(x)
        if view is None:
            raise CannotInline(x)
        position, dynamic, strides = Affine(view.offset), [], []
        for node_i, n, stride in zip(indices, x.shape, view.strides, strict=True):
            value = self.value(node_i, broadcast_index(index, node_i.shape))
            known = self.known_index(value, n)
            if known is not None:
                position = position + known.scale(stride)
                continue
            dynamic.append(self.checked_index(value, n, node))
            strides.append(stride)
        return self.load(view, position, tuple(dynamic), tuple(strides))

    def known_index(self, value: L, n: int) -> Affine | None:
        """The index as a position that is in range for certain."""
        if value.op == "const":
            i = int(value.data[0])
            return Affine(i % n) if -n <= i < n else None
        if value.op != "index":
            return None
        affine: Affine = value.data[0]
        low, high = affine.bounds(self.extents)
        return affine if low >= 0 and high < n else None

    def checked_index(self, value: L, n: int, node: g.Index | g.Scatter) -> L:
        """An index as an int64 that is in range: wrapped and checked, or clamped."""
        if value.dtype != "int64":
            value = self.pool.make("cast", "int64", (value,))
        if node.mode == "unchecked":
            return value
        size = self.pool.make("size", "int64", (), (n,))
        args = (value, size) if not self.guards else (value, size, self._and_guards())
        return self.pool.make("wrap", "int64", args, (node.mode, self.site(node)))

    def _and_guards(self) -> L:
        guard = self._guard()
        if guard is None:
            raise InternalError("a guard was expected")
        return guard


def broadcast_index(index: Sequence[Affine], shape: g.Shape) -> Index:
    """``index`` for an operand of ``shape`` that broadcasts to the indexed shape."""
    tail = index[len(index) - len(shape) :]
    return tuple(Affine() if n == 1 else i for i, n in zip(tail, shape, strict=True))


_RULES: dict[type[g.Node], Callable[..., L]] = {
    g.Map: Puller.map,
    g.Full: Puller.full,
    g.Constant: Puller.constant,
    g.Iota: Puller.iota,
    g.Reshape: Puller.reshape,
    g.Permute: Puller.permute,
    g.Expand: Puller.expand,
    g.Slice: Puller.slice,
    g.Pad: Puller.pad,
    g.Index: Puller.index,
    g.Concat: Puller.concat,
}

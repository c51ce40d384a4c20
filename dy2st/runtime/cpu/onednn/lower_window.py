"""Lowering of depthwise convolutions and maximum pools to window kernels (``runtime/cpu/window``).

A depthwise convolution stays oneDNN's where that does all of its neighbours exactly; where the
function in front of it or behind it is one that oneDNN computes inexactly (relu6), the kernel of
ours takes both, which saves writing and reading the whole picture for each.
"""

from __future__ import annotations

from collections.abc import Sequence

from dy2st.records import record
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.builder import Builder
from dy2st.runtime.cpu.graph import Node
from dy2st.runtime.cpu.layout import permute, reshape
from dy2st.runtime.cpu.onednn.chains import Chain
from dy2st.runtime.cpu.onednn.context import Context
from dy2st.runtime.cpu.onednn.lower import WINDOW
from dy2st.runtime.cpu.scalar import Scalar
from dy2st.runtime.cpu.threads import get_num_threads
from dy2st.runtime.cpu.window.spec import Window, sizes_of


@record(frozen=True)
class _Geometry:
    """A window's numbers with two spatial axes."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pads: tuple[int, int]

    @staticmethod
    def of(kernel: Sequence[int], attrs: dict[str, tuple[int, ...]]) -> _Geometry:
        low = [p[0] for p in attrs["padding"]]  # type: ignore[index]
        one = (1,) * len(kernel)
        rows = [tuple(kernel), attrs["stride"], attrs.get("dilation", one), tuple(low)]
        lead: tuple[int, ...] = (1, 1, 1, 0) if len(kernel) == 1 else ()
        pairs = [(*lead[i : i + 1], *row) for i, row in enumerate(rows)]
        return _Geometry(*pairs)  # type: ignore[arg-type]


def lower_depthwise(context: Context, chain: Chain) -> Node | None:
    """The node for a depthwise convolution and all of its chain, or None."""
    head = chain.head
    x, w = head.operands
    source, pre = _in_front(context, head, x)
    if pre is None and all(link.steps is not None for link in chain.links):
        return None  # oneDNN does it exactly, and a little faster
    post = _Behind(context, head.results[0][0])
    if not all(post.take(node, before) for node, before in _with_values(chain)):
        return None
    geometry = _Geometry.of(w.shape[2:], head.attrs)
    window = Window(
        "dot",
        geometry.kernel,
        geometry.stride,
        geometry.dilation,
        pre,
        post.expr,
        len(post.vectors),
    )
    taps = permute(context.new[w], (*range(2, w.rank), 1, 0))
    weights = reshape(taps, (w.size // w.shape[0], w.shape[0]))
    operands = (context.new[source], weights, *post.vectors)
    return _emit(window, geometry, operands, head)


def lower_maximum(context: Context, node: g.Primitive) -> Node | None:
    """The node for a maximum pool over one or two axes, or None."""
    x = node.operands[0]
    if x.rank not in (3, 4):
        return None
    source, pre = _in_front(context, node, x)
    geometry = _Geometry.of(node.attrs["kernel"], node.attrs)
    window = Window("max", geometry.kernel, geometry.stride, geometry.dilation, pre)
    return _emit(window, geometry, (context.new[source],), node)


def _emit(
    window: Window, geometry: _Geometry, operands: tuple[Node, ...], head: g.Primitive
) -> Node:
    from dy2st.runtime.cpu.llvm.engine import host

    shape, dtype = head.results[0]
    x = operands[0].shape
    full, out = ((s[0], *((1,) if len(s) == 3 else ()), *s[1:]) for s in (x, shape))
    lanes = host().vector_bytes // 4
    sizes = sizes_of(window, full, out[1:3], geometry.pads, lanes, get_num_threads())  # type: ignore[arg-type]
    node = g.Primitive(
        shape=shape,
        dtype=dtype,
        operands=operands,
        results=((shape, dtype),),
        kind=WINDOW,
        attrs={"window": window, "sizes": sizes, "label": f"{head.kind} window {window.fold}"},
        source=head.source,
    )
    return g.Part(shape=shape, dtype=dtype, operands=(node,), index=0, source=head.source)


def _in_front(context: Context, head: g.Primitive, x: Node) -> tuple[Node, Scalar | None]:
    """What the kernel reads, and the function it applies to it: a map that nobody else reads."""
    if not isinstance(x, g.Map) or context.users[x] != [head] or x in context.outputs:
        return x, None
    if x in context.linked or len(set(x.operands)) != 1 or x.operands[0].shape != x.shape:
        return x, None
    if x.operands[0].dtype != "float32" or x.dtype != "float32":
        return x, None
    return x.operands[0], _renumber(x.expr, [0] * len(x.operands))


def _with_values(chain: Chain) -> list[tuple[g.Map, Node]]:
    """Each link's map with the value it reads."""
    out: list[tuple[g.Map, Node]] = []
    before = chain.part
    for link in chain.links:
        assert isinstance(link.node, g.Map)
        out.append((link.node, before))
        before = link.node
    return out


class _Behind:
    """The maps behind a depthwise convolution as one expression over vectors of channels."""

    def __init__(self, context: Context, shape: Sequence[int]) -> None:
        self.context, self.channels, self.rank = context, shape[-1], len(shape)
        self.expr: Scalar | None = None
        self.vectors: list[Node] = []

    def take(self, node: g.Map, before: Node) -> bool:
        """Append a map of ``before``; False where it reads anything but vectors."""
        value = self.expr if self.expr is not None else Scalar("arg", "float32", value=0)
        arguments: list[Scalar] = []
        for operand in node.operands:
            if operand is before:
                arguments.append(value)
            elif self._is_vector(operand):
                self.vectors.append(self._vector(operand))
                arguments.append(Scalar("arg", "float32", value=len(self.vectors)))
            else:
                return False
        self.expr = _replace(node.expr, arguments)
        return True

    def _is_vector(self, node: Node) -> bool:
        shape = (1,) * (self.rank - node.rank) + node.shape
        return node.dtype == "float32" and all(n == 1 for n in shape[:-1])

    def _vector(self, node: Node) -> Node:
        new = self.context.new[node]
        if new.size == self.channels:
            return reshape(new, (self.channels,))
        b = Builder()
        b.source = node.source
        return b.expand(b.reshape(new, (1,)), (self.channels,))


def _renumber(expr: Scalar, numbers: Sequence[int]) -> Scalar:
    arguments = [Scalar("arg", "float32", value=n) for n in numbers]
    return _replace(expr, arguments)


def _replace(expr: Scalar, arguments: Sequence[Scalar]) -> Scalar:
    """``expr`` with its arguments replaced; shared terms stay shared."""
    memo: dict[Scalar, Scalar] = {}

    def go(e: Scalar) -> Scalar:
        if e.op == "arg":
            return arguments[int(e.value)]
        if e not in memo:
            memo[e] = Scalar(e.op, e.dtype, tuple(go(a) for a in e.args), e.value)
        return memo[e]

    return go(expr)

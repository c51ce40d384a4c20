"""The oneDNN pass over a kernel graph: layouts, post-ops, packed weights, compiled primitives.

``rewrite`` leaves a graph in which every node of kind ``"onednn"`` is a compiled primitive with
its operands' layouts settled, and everything else is for kernels. Static operands (weights) are
packed by nodes of their own, which land in the prologue like everything static.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dy2st.debug import log
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node, consumers, topological
from dy2st.runtime.cpu.layout import assign_layouts, reshape
from dy2st.runtime.cpu.onednn.chains import Chain, find_chains, is_depthwise
from dy2st.runtime.cpu.onednn.context import Context
from dy2st.runtime.cpu.onednn.embedding import look_up_products
from dy2st.runtime.cpu.onednn.halves import widen_halves
from dy2st.runtime.cpu.onednn.lower_conv import lower_conv
from dy2st.runtime.cpu.onednn.lower_matmul import lower_matmul
from dy2st.runtime.cpu.onednn.lower_pool import lower_pool
from dy2st.runtime.cpu.onednn.lower_rnn import lower_rnn
from dy2st.runtime.cpu.onednn.lower_window import lower_depthwise
from dy2st.runtime.cpu.onednn.primitive import primitives
from dy2st.runtime.cpu.onednn.sequence import expand_recurrent
from dy2st.runtime.cpu.threads import get_num_threads, openmp_threads


def _conv(context: Context, chain: Chain) -> Node | None:
    node = lower_depthwise(context, chain) if is_depthwise(chain.head) else None
    return node or lower_conv(context, chain)


CHAIN_RULES: dict[str, Callable[[Context, Chain], Node | None]] = {
    "conv": _conv,
    "conv_transpose": lower_conv,
    "matmul": lower_matmul,
}
MULTI_RULES: dict[str, Callable[[Context, g.Primitive], tuple[Node, ...] | None]] = {
    "pool": lower_pool,
    "rnn": lower_rnn,
}


def rewrite(outputs: Sequence[Node], is_static: Callable[[Node], bool]) -> list[Node]:
    """The same graph with layouts assigned and primitives compiled, for the threads in force.

    ``is_static(node)`` is asked of ``Input`` nodes: whether it holds a parameter or a constant.
    Without a oneDNN library the graph is returned as it is.
    """
    library = primitives()
    if library is None:
        return list(outputs)
    outputs = look_up_products(outputs, is_static)
    outputs = assign_layouts(expand_recurrent(widen_halves(outputs)))
    with openmp_threads(get_num_threads()):
        return _Rewrite(Context(library, is_static), outputs).run()


class _Rewrite:
    def __init__(self, context: Context, outputs: Sequence[Node]) -> None:
        self.context, self.outputs = context, list(outputs)
        self.order = topological(self.outputs)
        context.users = consumers(self.order)
        context.outputs = frozenset(self.outputs)
        self.chains = find_chains(self.order, context.users, self.outputs)
        context.position = {node: i for i, node in enumerate(self.order)}
        self.inner = context.linked
        for chain in self.chains.values():
            inside = (chain.head, chain.part, *(link.node for link in chain.links))
            self.inner.update(inside)
            end = context.position[chain.tail]
            context.position.update(dict.fromkeys(inside, end))

    def run(self) -> list[Node]:
        new = self.context.new
        for node in self.order:
            chain = self.chains.get(node)
            if chain is not None:
                self._lower_chain(chain)
            elif node not in self.inner:
                new[node] = self._other(node)
        return [new[node] for node in self.outputs]

    def _lower_chain(self, chain: Chain) -> None:
        """With as many links as a fast implementation takes; the others stay maps."""
        new = self.context.new
        if chain.part.size == 0 or any(x.size == 0 for x in chain.head.operands):
            self._keep(chain, _zeros(chain.part))  # an empty sum
            return
        rule = CHAIN_RULES[chain.head.kind]
        for count in range(len(chain.links), -1, -1):
            result = rule(self.context, chain.cut(count))
            if result is not None:
                new[chain.cut(count).tail] = result
                for link in chain.links[count:]:
                    new[link.node] = self._same(link.node)
                return
        log(1, f"no fast oneDNN implementation of {_describe(chain.head)}")
        self._keep(chain, None)

    def _keep(self, chain: Chain, part: Node | None) -> None:
        """The chain as it was, for callbacks and kernels; ``part`` where it is known already."""
        new = self.context.new
        new[chain.head] = self._same(chain.head)
        new[chain.part] = part if part is not None else self._same(chain.part)
        for link in chain.links:
            new[link.node] = self._same(link.node)

    def _same(self, node: Node) -> Node:
        operands = tuple(self.context.new[x] for x in node.operands)
        if all(a is b for a, b in zip(operands, node.operands, strict=True)):
            return node
        if isinstance(node, g.Reshape):
            return reshape(operands[0], node.shape)
        return replace(node, operands=operands)

    def _other(self, node: Node) -> Node:
        known = self.context.new.get(node)
        if known is not None:
            return known
        if isinstance(node, g.Primitive) and node.dtype == "float32" and node.size:
            rule = MULTI_RULES.get(node.kind)
            parts = rule(self.context, node) if rule is not None else None
            if parts is not None:
                for part in self.context.users[node]:
                    assert isinstance(part, g.Part)
                    self.context.new[part] = parts[part.index]
                return parts[0]
            if node.kind in MULTI_RULES:
                log(1, f"no fast oneDNN implementation of {_describe(node)}")
        return self._same(node)


def _zeros(part: Node) -> Node:
    return g.Full(shape=part.shape, dtype=part.dtype, value=0, source=part.source)


def _describe(node: g.Primitive) -> str:
    shapes = ", ".join(f"{x.dtype}{list(x.shape)}" for x in node.operands)
    return f"{node.kind}({shapes})"

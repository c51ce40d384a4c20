"""Products and convolutions of float16 and bfloat16: computed in float32, rounded once.

Few machines have arithmetic of these types; where they are only storage this is the fastest way,
and its results are at least as good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.builder import Builder
from dy2st.runtime.cpu.graph import Node, topological

KINDS = ("conv", "conv_transpose", "matmul", "pool", "rnn")
HALVES = ("float16", "bfloat16")


def widen_halves(outputs: Sequence[Node]) -> list[Node]:
    """The same graph with casts around primitives over half types."""
    order = topological(outputs)
    if not any(_is_half(node) for node in order):
        return list(outputs)
    b = Builder()
    new: dict[Node, Node] = {}
    for node in order:
        operands = [new[x] for x in node.operands]
        b.source = node.source
        if _is_half(node):
            assert isinstance(node, g.Primitive)
            wide = tuple(b.cast(x, "float32") if x.dtype in HALVES else x for x in operands)
            results = tuple((s, "float32" if d in HALVES else d) for s, d in node.results)
            new[node] = replace(node, operands=wide, results=results, dtype="float32")
        elif isinstance(node, g.Part) and operands[0] is not node.operands[0]:
            whole = operands[0]
            assert isinstance(whole, g.Multi)
            part = replace(node, operands=(whole,), dtype=whole.results[node.index][1])
            new[node] = b.cast(part, node.dtype)
        elif all(a is b for a, b in zip(operands, node.operands, strict=True)):
            new[node] = node
        else:
            new[node] = replace(node, operands=tuple(operands))
    return [new[node] for node in outputs]


def _is_half(node: Node) -> bool:
    return isinstance(node, g.Primitive) and node.kind in KINDS and node.dtype in HALVES

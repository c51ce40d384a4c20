"""Recurrent layers at small batch sizes: one product for all inputs, then a kernel of our own.

oneDNN runs a step as a matrix product in a parallel region of its own. At one to three rows that
is a walk over the weights, and what stands between two walks counts (``window/recurrent.py``).
"""

from __future__ import annotations

from collections.abc import Sequence as Items
from dataclasses import replace
from typing import Any

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.builder import Builder
from dy2st.runtime.cpu.graph import Node, topological
from dy2st.runtime.cpu.threads import get_num_threads
from dy2st.runtime.cpu.window.recurrent import Sequence, sizes_of

KIND = "sequence"
_MOST_ROWS = 3


def expand_recurrent(outputs: Items[Node]) -> list[Node]:
    """The same graph with small recurrent layers as a product and a ``sequence`` node."""
    order = topological(outputs)
    if not any(_fits(node) for node in order):
        return list(outputs)
    new: dict[Node, Node] = {}
    for node in order:
        operands = tuple(new[x] for x in node.operands)
        if _fits(node):
            assert isinstance(node, g.Primitive)
            new[node] = _expanded(node, operands)
        elif all(a is b for a, b in zip(operands, node.operands, strict=True)):
            new[node] = node
        else:
            new[node] = replace(node, operands=operands)
    return [new[node] for node in outputs]


def _lanes() -> int:
    from dy2st.runtime.cpu.llvm.engine import host

    return host().vector_bytes // 4


def _fits(node: Node) -> bool:
    if not isinstance(node, g.Primitive) or node.kind != "rnn" or node.dtype != "float32":
        return False
    steps, rows, _ = node.operands[0].shape
    directions, _, hidden = node.operands[1].shape
    small = directions == 1 and 0 < rows <= _MOST_ROWS and steps > 1
    return small and hidden % _lanes() == 0 and hidden > 0 and node.operands[0].size > 0


def _expanded(node: g.Primitive, operands: tuple[Node, ...]) -> Node:
    mode = node.attrs["mode"]
    x, h, *rest = operands
    cell = [rest.pop(0)] if mode == "lstm" else []
    w_ih, w_hh, b_ih, b_hh = rest
    steps, rows, hidden = x.shape[0], x.shape[1], h.shape[2]
    b: Any = Builder()
    b.source = node.source
    sequence, lanes = Sequence(mode, rows), _lanes()
    if mode == "gru":  # the new gate's recurrent bias is inside the reset gate's product
        parts = b.split(b_hh, [2 * hidden, hidden], 0)
        bias = b.add(b_ih, b.concat([parts[0], b.full((hidden,), 0.0, "float32")], 0))
        extra = [parts[1]]
    else:
        bias, extra = b.add(b_ih, b_hh), []
    projected = b.add(b.matmul(x, w_ih, transpose_y=True), bias)
    packed = b.reshape(w_hh, (sequence.gates, hidden // lanes, lanes, hidden))
    packed = b.permute(packed, (1, 3, 0, 2))
    flat = [b.reshape(s, (rows, hidden)) for s in (h, *cell)]
    made = g.Primitive(
        shape=node.shape,
        dtype=node.dtype,
        operands=(projected, packed, *flat, *extra),
        results=node.results,
        kind=KIND,
        attrs={
            "sequence": sequence,
            "sizes": sizes_of(steps, hidden, lanes, get_num_threads(), node.attrs["reverse"]),
            "label": f"{mode} steps",
        },
        source=node.source,
    )
    return made

"""Lowering of recurrent layers: weights brought to oneDNN's order of axes and gates, and packed.

Operands of an ``rnn`` node: x (T, N, S), h (D, N, I), for lstm c (D, N, I), then for each
direction w_ih (G * I, S), w_hh (G * I, I), b_ih (G * I), b_hh (G * I), gates in Paddle's order.
"""

from __future__ import annotations

from collections.abc import Sequence

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.builder import Builder
from dy2st.runtime.cpu.graph import Node
from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.onednn.context import Context, dense
from dy2st.runtime.cpu.onednn.lower import Call, pack
from dy2st.runtime.cpu.onednn.rnn import (
    ARG_WEIGHTS_ITER,
    ARG_WEIGHTS_LAYER,
    Recurrence,
    make_rnn,
)

# Paddle's order is reset, update, new; oneDNN's update, reset, new.
_GATE_ORDER = {"gru": (1, 0, 2), "lstm": (0, 1, 2, 3)}


def lower_rnn(context: Context, node: g.Primitive) -> tuple[Node, ...] | None:
    """The nodes for output, last state and (lstm) last cell, or None where oneDNN is slow."""
    mode = node.attrs["mode"]
    operands = [context.new[x] for x in node.operands]
    x, h, rest = operands[0], operands[1], operands[2:]
    spec = Recurrence(
        mode, x.shape[0], x.shape[1], x.shape[2], h.shape[2], h.shape[0], node.attrs["reverse"]
    )
    primitive = make_rnn(context.library, spec)
    if primitive is None:
        return None
    b = Builder()
    b.source = node.source
    weights = rest[1:] if mode == "lstm" else rest
    call = Call(primitive, mode, node.source)
    call.read(c.ARG_SRC, dense(x)).read(c.ARG_SRC_1, dense(h))
    if mode == "lstm":
        call.read(c.ARG_SRC_2, dense(rest[0]))
    for number, first in ((ARG_WEIGHTS_LAYER, 0), (ARG_WEIGHTS_ITER, 1)):
        stacked = _weights(b, spec, weights[first::4])
        source = context.library.descs.row_major(stacked.shape)
        target = primitive.args[number]
        call.read(number, pack(context.library, dense(stacked), source, target, "pack weights"))
    call.read(c.ARG_BIAS, dense(_bias(b, spec, weights)))
    numbers = (c.ARG_DST, c.ARG_DST_1, c.ARG_DST_2)
    return call.give(*zip(numbers, node.results, strict=False))


def _gates(b: Builder, spec: Recurrence, x: Node) -> Node:
    """(G * I, ...) as (G, I, ...), gates in oneDNN's order."""
    split = b.reshape(x, (spec.gates, spec.hidden, *x.shape[1:]))
    order = _GATE_ORDER.get(spec.mode, (0,))
    if order == tuple(range(spec.gates)):
        return split
    return b.concat([b.narrow(split, 0, gate, gate + 1) for gate in order], 0)


def _weights(b: Builder, spec: Recurrence, weights: Sequence[Node]) -> Node:
    """(1, D, S, G, I)."""
    each = [b.unsqueeze(b.permute(_gates(b, spec, w), (2, 0, 1)), [0, 0]) for w in weights]
    return b.concat(each, 1)


def _bias(b: Builder, spec: Recurrence, weights: Sequence[Node]) -> Node:
    """(1, D, G, I), or (1, D, 4, I) for gru: the recurrent bias of the new gate stands alone."""
    each = []
    for d in range(spec.directions):
        b_ih, b_hh = (_gates(b, spec, w) for w in weights[4 * d + 2 : 4 * d + 4])
        if spec.mode == "gru":
            both = b.add(b.narrow(b_ih, 0, 0, 2), b.narrow(b_hh, 0, 0, 2))
            bias = b.concat([both, b.narrow(b_ih, 0, 2, 3), b.narrow(b_hh, 0, 2, 3)], 0)
        else:
            bias = b.add(b_ih, b_hh)
        each.append(b.unsqueeze(bias, [0, 0]))
    return b.concat(each, 1)

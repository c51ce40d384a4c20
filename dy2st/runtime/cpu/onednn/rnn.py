"""LSTM, GRU and simple recurrent layers.

oneDNN names: T steps, N batch, L layers, D directions, G gates, S input channels, I state.
``src_layer`` is (T, N, S), ``src_iter`` (L, D, N, I), weights (L, D, S, G, I), bias (L, D, G, I),
``dst_layer`` (T, N, D * I). Gate order: LSTM i, f, g, o; GRU update, reset, new.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dy2st.records import record
from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.onednn.descriptor import Desc
from dy2st.runtime.cpu.onednn.primitive import Primitive, Primitives

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


@record(frozen=True)
class Recurrence:
    """One layer of a recurrent network over whole sequences.

    ``mode`` is lstm, gru (with the reset gate applied after the product, as Paddle and cuDNN
    have it), rnn_tanh or rnn_relu; ``directions`` is 1 (left to right) or 2 (results side by
    side).
    """

    mode: str
    steps: int
    batch: int
    inputs: int
    hidden: int
    directions: int = 1
    reverse: bool = False

    @property
    def gates(self) -> int:
        return GATES[self.mode]

    @property
    def bias_gates(self) -> int:
        """A GRU of this kind has a second bias for the new gate's recurrent part."""
        return self.gates + (self.mode == "gru")


ARG_WEIGHTS_LAYER, ARG_WEIGHTS_ITER = 33, 34


def make_rnn(
    library: Primitives, spec: Recurrence, src: Desc | None = None, dst: Desc | None = None
) -> Primitive | None:
    """A recurrent layer; sources and destinations row-major unless given, weights packed.

    Arguments: SRC input, SRC_1 initial state, SRC_2 initial cell (LSTM), DST output, DST_1 last
    state, DST_2 last cell, ARG_WEIGHTS_LAYER, ARG_WEIGHTS_ITER, BIAS.
    """
    descs, engine = library.descs, library.library.engine
    d, state = spec.directions, (1, spec.directions, spec.batch, spec.hidden)
    src = src or descs.row_major((spec.steps, spec.batch, spec.inputs))
    dst = dst or descs.row_major((spec.steps, spec.batch, d * spec.hidden))
    iteration = descs.row_major(state).handle
    layer_w = descs.any((1, d, spec.inputs, spec.gates, spec.hidden)).handle
    iter_w = descs.any((1, d, spec.hidden, spec.gates, spec.hidden)).handle
    bias = descs.row_major((1, d, spec.bias_gates, spec.hidden)).handle
    direction = c.BIDIRECTIONAL_CONCAT if d == 2 else c.LEFT_TO_RIGHT
    if spec.reverse:
        direction = c.RIGHT_TO_LEFT

    def arguments(attr: int) -> Sequence[Any]:
        s, t = src.handle, dst.handle
        if spec.mode == "lstm":
            head = (engine, c.FORWARD_INFERENCE, direction, s, iteration, iteration)
            weights = (layer_w, iter_w, None, None, bias)
            return (*head, *weights, t, iteration, iteration, 0, attr)
        tail = (s, iteration, layer_w, iter_w, bias, t, iteration)
        if spec.mode == "gru":
            return (engine, c.FORWARD_INFERENCE, direction, *tail, 0, attr)
        activation = c.ELTWISE[spec.mode.removeprefix("rnn_")]
        return (engine, c.FORWARD_INFERENCE, activation, direction, *tail, 0, 0.0, 0.0, attr)

    name = {"lstm": "lstm", "gru": "lbr_gru"}.get(spec.mode, "vanilla_rnn")
    args = [c.ARG_SRC, c.ARG_SRC_1, ARG_WEIGHTS_LAYER, ARG_WEIGHTS_ITER, c.ARG_BIAS]
    args += [c.ARG_DST, c.ARG_DST_1]
    if spec.mode == "lstm":
        args += [c.ARG_SRC_2, c.ARG_DST_2]
    function = f"{name}_forward_primitive_desc_create"
    key = (spec, src, dst)
    return library.build("rnn", function, arguments, args, key=key, allow_slow=True)

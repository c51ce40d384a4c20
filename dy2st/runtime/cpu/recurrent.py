"""Builder method for recurrent layers, with sequences of different lengths made of other nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dy2st.errors import ShapeError
from dy2st.runtime.cpu.graph import Node

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


class RecurrentBuilder:
    """``rnn``; a mixin of the builder, whose other methods it uses."""

    def rnn(
        self,
        mode: str,
        x: Node,
        states: Sequence[Node],
        weights: Sequence[Sequence[Node]],
        *,
        lengths: Node | None = None,
        reverse: bool = False,
    ) -> tuple[Node, ...]:
        """One layer of a recurrent network over whole sequences.

        ``mode``: lstm, gru, rnn_tanh or rnn_relu. ``x`` (T, N, S); ``states`` h and, for lstm, c,
        each (D, N, I); ``weights`` for each of the D directions w_ih (G * I, S), w_hh (G * I, I),
        b_ih and b_hh (G * I), gates in Paddle's order. Gives output (T, N, D * I), last h and,
        for lstm, last c. With ``lengths`` (N, integers) steps beyond a sequence's length give
        zeros and keep its state; the second direction starts at each sequence's end.
        ``reverse``: the only direction is backwards.
        """
        if mode not in GATES:
            raise ShapeError(f"no recurrent layer {mode!r}")
        if len(weights) not in (1, 2) or any(len(w) != 4 for w in weights):
            raise ShapeError("a recurrent layer has four weights for each of 1 or 2 directions")
        if lengths is None:
            return self._whole(mode, x, states, weights, reverse)
        each = [
            self._with_lengths(mode, x, [self._direction(s, d) for s in states], w, lengths, back)
            for d, (w, back) in enumerate(zip(weights, (reverse, True)))
        ]
        if len(each) == 1:
            return each[0]
        b: Any = self
        forward, backward = each
        outputs = b.concat([forward[0], backward[0]], 2)
        lasts = [b.concat([f, r], 0) for f, r in zip(forward[1:], backward[1:], strict=True)]
        return (outputs, *lasts)

    def _direction(self, state: Node, d: int) -> Node:
        b: Any = self
        part: Node = b.narrow(state, 0, d, d + 1)
        return part

    def _whole(
        self,
        mode: str,
        x: Node,
        states: Sequence[Node],
        weights: Sequence[Sequence[Node]],
        reverse: bool,
    ) -> tuple[Node, ...]:
        b: Any = self
        hidden = states[0].shape[-1]
        results = [((*x.shape[:2], len(weights) * hidden), x.dtype)]
        results += [(s.shape, s.dtype) for s in states]
        operands = [x, *states, *(w for direction in weights for w in direction)]
        made: tuple[Node, ...] = b.primitive("rnn", operands, results, mode=mode, reverse=reverse)
        return made

    def _with_lengths(
        self,
        mode: str,
        x: Node,
        states: Sequence[Node],
        weights: Sequence[Node],
        lengths: Node,
        reverse: bool,
    ) -> tuple[Node, ...]:
        """One direction. A state's way up to its length does not depend on what comes after, so
        all steps run and the wanted ones are picked; an LSTM's cells are no output of the
        primitive, so it runs step by step."""
        b: Any = self
        x = self._turned(x, lengths) if reverse else x
        if mode == "lstm":
            y, *lasts = self._steps(x, states, weights, lengths)
        else:
            y, _ = self._whole(mode, x, states, [weights], reverse=False)
            lasts = [self._at_end(y, states[0], lengths)]
        y = b.map(
            lambda s, v, n, t: s.select(s.lt(t, n), v, 0.0),
            y,
            b.reshape(b.cast(lengths, "int64"), (1, lengths.size, 1)),
            b.iota((y.shape[0], 1, 1), 0),
        )
        return (self._turned(y, lengths) if reverse else y, *lasts)

    def _turned(self, x: Node, lengths: Node) -> Node:
        """Each sequence's first steps in reverse order; what is beyond them stays."""
        b: Any = self
        n = b.reshape(b.cast(lengths, "int64"), (1, lengths.size, 1))
        steps, batch, width = x.shape
        t = b.iota((steps, 1, 1), 0)
        turned = b.map(lambda s, i, k: s.select(s.lt(i, k), k - 1 - i, i), t, n)
        indices = (turned, b.iota((1, batch, 1), 1), b.iota((1, 1, width), 2))
        out: Node = b.index(x, indices, mode="clip")
        return out

    def _at_end(self, y: Node, first: Node, lengths: Node) -> Node:
        """(1, N, I): the output at each sequence's last step, or the first state at length 0."""
        b: Any = self
        _, batch, width = y.shape
        n = b.reshape(b.cast(lengths, "int64"), (1, batch, 1))
        at = b.map(lambda s, k: k - 1, n)
        indices = (at, b.iota((1, batch, 1), 1), b.iota((1, 1, width), 2))
        last = b.index(y, indices, mode="clip")
        out: Node = b.select(b.map(lambda s, k: k > 0, n), last, first)
        return out

    def _steps(
        self, x: Node, states: Sequence[Node], weights: Sequence[Node], lengths: Node
    ) -> tuple[Node, Node, Node]:
        """An LSTM step by step: outputs, last h and last c, each state kept beyond the length."""
        b: Any = self
        w_ih, w_hh, b_ih, b_hh = weights
        steps, batch, _ = x.shape
        h, cell = (b.reshape(s, s.shape[1:]) for s in states)
        inputs = b.add(b.add(b.matmul(x, w_ih, transpose_y=True), b_ih), b_hh)
        n = b.reshape(b.cast(lengths, "int64"), (batch, 1))
        outputs = []
        for t in range(steps):
            gates = b.add(b.matmul(h, w_hh, transpose_y=True), b.pick(inputs, 0, t))
            i, f, g, o = b.split(gates, [h.shape[1]] * 4, 1)
            new = b.map(
                lambda s, i, f, g, c: s.sigmoid(f) * c + s.sigmoid(i) * s.tanh(g), i, f, g, cell
            )
            out = b.map(lambda s, o, c: s.sigmoid(o) * s.tanh(c), o, new)
            alive = b.map(lambda s, k, now=t: k > now, n)
            h, cell = b.select(alive, out, h), b.select(alive, new, cell)
            outputs.append(out)
        return b.stack(outputs, 0), b.unsqueeze(h, 0), b.unsqueeze(cell, 0)

"""Layers of the benchmark that Paddle does not ship: an LSTM stack and a greedy decoder."""

from __future__ import annotations

from typing import Any

import paddle
from paddle import nn


class LstmStack(nn.Layer):
    """Two LSTM layers; returns the outputs and the last hidden and cell states."""

    def __init__(self, hidden: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(hidden, hidden, layers)

    def forward(self, x: Any) -> Any:
        y, (h, c) = self.lstm(x)
        return y, h, c


class GruDecoder(nn.Layer):
    """Greedy decoding until every row has produced ``eos`` or ``steps`` tokens are out.

    ``state`` is [batch, hidden]; returns the tokens [batch, steps taken] and the last state.
    """

    def __init__(self, vocabulary: int, hidden: int, steps: int, eos: int = 1) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.cell = nn.GRUCell(hidden, hidden)
        self.head = nn.Linear(hidden, vocabulary)
        self.steps = steps
        self.eos = eos

    def forward(self, state: Any) -> Any:
        token = paddle.zeros([state.shape[0]], "int64")
        finished = paddle.zeros([state.shape[0]], "bool")
        step = paddle.zeros([], "int64")
        tokens = []
        while step < self.steps and not finished.all():
            output, state = self.cell(self.embedding(token), state)
            token = self.head(output).argmax(-1)
            tokens.append(token)
            finished = finished | (token == self.eos)
            step = step + 1
        return paddle.stack(tokens, 1), state


def add_one(x: Any) -> Any:
    """The least that a call can do."""
    return x + 1.0

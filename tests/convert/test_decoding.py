"""``paddle.nn.dynamic_decode`` with Paddle's beam search and with a decoder of the user's."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from paddle.nn import BeamSearchDecoder, Embedding, GRUCell, Linear, LSTMCell, dynamic_decode

from dy2st import to_static


class Beams(paddle.nn.Layer):
    def __init__(self, cell, **options):
        super().__init__()
        self.embedding, self.out = Embedding(20, 8), Linear(8, 20)
        self.cell, self.options = cell(8, 8), options
        self.two = cell is LSTMCell
        self.decoder = BeamSearchDecoder(
            self.cell, 0, 1, beam_size=3, embedding_fn=self.embedding, output_fn=self.out
        )

    def forward(self, h):
        inits = (h, h * 0.5) if self.two else h
        return dynamic_decode(self.decoder, inits=inits, max_step_num=7, **self.options)


class Greedy(paddle.nn.decode.Decoder):
    def __init__(self, cell, embedding, out):
        self.cell, self.embedding, self.out = cell, embedding, out

    def initialize(self, inits):
        batch = inits.shape[0]
        start = self.embedding(paddle.zeros([batch], "int64"))
        return start, inits, paddle.zeros([batch], "bool")

    def step(self, time, inputs, states, **kwargs):
        output, states = self.cell(inputs, states)
        ids = self.out(output).argmax(-1)
        return ids, states, self.embedding(ids), ids < 4

    @property
    def tracks_own_finished(self):
        return False


class Own(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.embedding, self.out, self.cell = Embedding(20, 8), Linear(8, 20), GRUCell(8, 8)
        self.decoder = Greedy(self.cell, self.embedding, self.out)

    def forward(self, h):
        return dynamic_decode(
            self.decoder, inits=h, max_step_num=9, return_length=True, impute_finished=True
        )


def leaves(value):
    if isinstance(value, paddle.Tensor):
        return [value]
    return [t for v in value for t in leaves(v)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Beams(GRUCell),
        lambda: Beams(LSTMCell, return_length=True, output_time_major=True),
        Own,
    ],
)
def test_equals_eager(make):
    nets = []
    for _ in range(2):
        paddle.seed(3)
        nets.append(make())
        nets[-1].eval()
    net = to_static(nets[1])
    steps = set()
    with paddle.no_grad():
        for batch in (2, 4, 3, 2):
            h = paddle.randn([batch, 8])
            want, got = leaves(nets[0](h)), leaves(net(h))
            assert len(want) == len(got)
            for a, b in zip(want, got):
                np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-4, atol=1e-5)
            steps.add(tuple(want[0].shape))
    assert len(net.forward.programs) == 2
    assert len(steps) > 1

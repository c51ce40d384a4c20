"""Paddle's own large layers: Transformer, TransformerEncoder and the recurrent networks."""

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.static import InputSpec

from .harness import check

pytestmark = pytest.mark.models


def floats(*shape, seed=0):
    return paddle.to_tensor(np.random.default_rng(seed).standard_normal(shape, np.float32))


def spec(*shape, dtype="float32", name=None):
    return InputSpec(list(shape), dtype, name)


def seeded(build):
    def make():
        paddle.seed(0)
        return build()

    return make


@pytest.mark.parametrize("pre_norm", [False, True])
def test_transformer_encoder(pre_norm):
    def build():
        layer = nn.TransformerEncoderLayer(16, 4, 32, activation="gelu", normalize_before=pre_norm)
        return nn.TransformerEncoder(layer, 2, nn.LayerNorm(16) if pre_norm else None)

    calls = [(floats(2, 5, 16), floats(2, 1, 5, 5)), (floats(3, 7, 16), floats(3, 1, 7, 7))]
    specs = [spec(None, None, 16, name="x"), spec(None, 1, None, None, name="mask")]
    check(seeded(build), specs, calls, set())


def test_transformer():
    class Net(nn.Layer):
        def __init__(self):
            super().__init__()
            self.transformer = nn.Transformer(16, 4, 2, 2, 32)

        def forward(self, src, tgt, tgt_mask):
            return self.transformer(src, tgt, tgt_mask=tgt_mask)

    def call(batch, source, target):
        mask = nn.Transformer.generate_square_subsequent_mask(None, target)
        return floats(batch, source, 16), floats(batch, target, 16), mask

    specs = [
        spec(None, None, 16, name="src"),
        spec(None, None, 16, name="tgt"),
        spec(None, None, name="mask"),
    ]
    check(seeded(Net), specs, [call(2, 5, 4), call(3, 6, 7)], set())


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("direction", ["forward", "bidirect"])
@pytest.mark.parametrize("lengths", [False, True])
def test_recurrent(kind, direction, lengths):
    class Net(nn.Layer):
        def __init__(self):
            super().__init__()
            self.rnn = getattr(nn, kind)(6, 8, num_layers=2, direction=direction)

        def forward(self, x, sequence_length=None):
            return self.rnn(x, sequence_length=sequence_length)

    def call(batch, time):
        arguments = [floats(batch, time, 6)]
        if lengths:
            counts = np.random.default_rng(time).integers(1, time + 1, batch)
            arguments.append(paddle.to_tensor(counts))
        return tuple(arguments)

    specs = [spec(None, None, 6, name="x")]
    if lengths:
        specs.append(spec(None, dtype="int64", name="lengths"))
    check(seeded(Net), specs, [call(2, 5), call(3, 9)], set())


def test_recurrent_with_given_state_and_time_major():
    class Net(nn.Layer):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(6, 8, time_major=True)

        def forward(self, x, h, c):
            y, (h, c) = self.rnn(x, (h, c))
            return y, h, c

    def call(batch, time):
        return floats(time, batch, 6), floats(1, batch, 8, seed=1), floats(1, batch, 8, seed=2)

    specs = [spec(None, None, 6, name="x")]
    specs += [spec(1, None, 8, name=name) for name in "hc"]
    check(seeded(Net), specs, [call(2, 5), call(3, 9)], set())

"""Batches computed in slices: the same numbers as eager, where the cut falls, what is left whole."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from dy2st import to_static
from dy2st.runtime.cpu import executable, slicing
from dy2st.runtime.cpu.regions import Segment, Sliced


@pytest.fixture
def divided(monkeypatch):
    """Every layer counts as large; gives the items that segments became."""
    monkeypatch.setattr(slicing, "CACHE_BYTES", 0)
    seen = []

    def watch(lowered, is_static):
        slicing.slice_batches(lowered, is_static)
        seen.extend(lowered.body.items)

    monkeypatch.setattr(executable, "slice_batches", watch)
    return seen


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2D(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2D(8)
        self.deep = nn.Conv2D(8, 8, 3, padding=1, groups=8)
        self.last = nn.Conv2D(8, 4, 1)
        self.head = nn.Linear(4, 5)


def residual(net, x):
    y = F.relu6(net.norm(net.first(x)))
    return net.head(paddle.mean(net.last(y + net.deep(y)), axis=[2, 3]))


def joined(net, x):
    y = F.relu(net.first(x))
    z = F.max_pool2d(paddle.concat([y, net.deep(y)], axis=1), 2)
    return net.last(z[:, 4:12, 1:]), z


def over_the_batch(net, x):
    y = net.first(x)
    return net.last(y - y.mean(axis=0, keepdim=True)), y


def with_another_operand(net, x):
    """The second operand of the sum has one row for all: nothing to slice, but no weight either."""
    y = net.first(x)
    return net.last(y + net.first(x[:1] * 2.0))


def turned(net, x):
    y = paddle.flip(net.first(x), axis=[0])
    return net.last(y).flatten(1)


def in_a_branch(net, x):
    if x.sum() > 0:
        return net.last(F.relu(net.first(x)))
    return net.last(net.deep(net.first(x)))


def in_a_loop(net, x):
    y = net.first(x)
    for _ in range(int(paddle.to_tensor(2))):
        y = F.relu(net.deep(y)) + y
    return net.last(y)


FUNCTIONS = [
    residual,
    joined,
    over_the_batch,
    with_another_operand,
    turned,
    in_a_branch,
    in_a_loop,
]


@pytest.mark.parametrize("batch", [1, 2, 6, 7])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_slices_equal_the_whole(divided, function, batch):
    paddle.seed(1)
    net = Net()
    net.eval()
    converted = to_static(lambda x: function(net, x))
    x = paddle.to_tensor(np.random.default_rng(batch).normal(size=(batch, 3, 6, 8)).astype("f4"))
    with paddle.no_grad():
        got, expected = converted(x), function(net, x)
        again = converted(x * 2.0)
    got, expected = (v if isinstance(v, tuple) else (v,) for v in (got, expected))
    for g, e in zip(got, expected, strict=True):
        np.testing.assert_allclose(g.numpy(), e.numpy(), rtol=1e-4, atol=1e-5)
    assert again is not None
    if batch > 1 and function is residual:
        assert [type(i) for i in divided[:2]] == [Sliced, Segment]
        assert divided[0].count == batch


def test_a_slice_fits_the_cache():
    assert slicing._slice_size(4, 4 * 1024) == 4
    assert slicing._slice_size(8, 8 * slicing.CACHE_BYTES) == 1
    assert slicing._slice_size(8, 4 * slicing.CACHE_BYTES) == 2
    assert slicing._slice_size(128, 1 << 40) == 4  # at most 32 slices
    assert slicing._slice_size(37, 1 << 40) == 37  # no divisor makes few enough

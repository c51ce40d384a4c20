"""Python numbers that change at every call become inputs of the Program; never frozen, never lost."""

from __future__ import annotations

import math

import numpy as np
import paddle
import pytest

from dy2st import to_static

CALLS = 0


class Schedule(paddle.nn.Layer):
    """A counter, a float that decays, conditions, arithmetic, text and results of both."""

    def __init__(self):
        super().__init__()
        self.step = 0
        self.rate = 1.0
        self.fc = paddle.nn.Linear(4, 4)

    def forward(self, x):
        self.step += 1
        self.rate *= 0.9
        y = self.fc(x) * self.rate + self.step
        if self.step % 3 == 0:
            y = y * 2
        warm = self.step / 10 if self.step < 10 else 1.0
        return y * warm, self.step, math.sqrt(self.step), f"step {self.step:03d}"


class Cycle(paddle.nn.Layer):
    """Python needs the number itself: it stays a number."""

    def __init__(self):
        super().__init__()
        self.turn = 0
        self.parts = paddle.nn.LayerList([paddle.nn.Linear(4, 4) for _ in range(3)])

    def forward(self, x):
        self.turn = (self.turn + 1) % 3
        return self.parts[self.turn](x)


class Tail(paddle.nn.Layer):
    """A slice and a loop by the counter."""

    def __init__(self):
        super().__init__()
        self.n = 0

    def forward(self, x):
        self.n += 1
        for _ in range(self.n):
            x = x + 0.5
        return x[: self.n % 3 + 1]


def plain(value):
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    return value.numpy() if isinstance(value, paddle.Tensor) else value


def assert_same(a, b):
    if isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            assert_same(x, y)
    elif isinstance(a, np.ndarray):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    else:
        assert type(a) is type(b)
        assert a == pytest.approx(b) if isinstance(a, float) else a == b


@pytest.mark.parametrize(("kind", "programs"), [(Schedule, 3), (Cycle, 5), (Tail, 3)])
def test_every_call_equals_eager(kind, programs):
    paddle.seed(0)
    eager = kind()
    paddle.seed(0)
    net = to_static(kind())
    x = paddle.rand([3, 4])
    with paddle.no_grad():
        for _ in range(14):
            assert_same(plain(eager(x)), plain(net(x)))
            assert {k: v for k, v in vars(eager).items() if type(v) in (int, float)} == {
                k: v for k, v in vars(net).items() if type(v) in (int, float)
            }
    assert len(net.forward.programs) <= programs


def counting(x):
    global CALLS
    CALLS += 1
    return x * CALLS


def test_a_global_counts(monkeypatch):
    monkeypatch.setitem(globals(), "CALLS", 0)
    net, x = to_static(counting), paddle.ones([2])
    for i in range(1, 9):
        np.testing.assert_array_equal(net(x).numpy(), [i, i])
        assert CALLS == i
    assert len(net.programs) == 3


def test_a_closure_variable_of_another_type_is_seen():
    factor = 0.5

    def scaled(x):
        return x * factor

    net, x = to_static(scaled), paddle.ones([2])
    for factor in (0.0, 0.25, 0.5, 0.75, 1.0, 3, 4, True, 2.5):
        np.testing.assert_array_equal(net(x).numpy(), (x * factor).numpy())
    assert len(net.programs) <= 6


def test_gradients_use_the_number_of_the_forward():
    class Scaled(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.factor = 1.0

        def forward(self, x):
            return x * self.factor

    net, x = to_static(Scaled()), paddle.ones([2])
    x.stop_gradient = False
    for factor in (1.0, 2.0, 3.0, 4.0):
        net.factor = factor
        loss = net(x).sum()
        net.factor = 100.0
        x.clear_gradient()
        loss.backward()
        np.testing.assert_array_equal(x.grad.numpy(), [factor, factor])
    assert len(net.forward.programs) == 3


def test_gradients_use_the_mode_of_the_forward():
    net = paddle.nn.Sequential(paddle.nn.Linear(3, 3), paddle.nn.GELU())
    x = paddle.ones([2, 3])
    grads = []
    for layer in (net, to_static(net)):
        layer.train()
        loss = layer(x).sum()
        layer.eval()
        loss.backward()
        assert not layer[0].training
        grads.append(net[0].weight.grad.numpy())
        net[0].weight.clear_gradient()
    np.testing.assert_allclose(grads[0], grads[1], rtol=1e-5)

"""What would be silently wrong if a parameter's value were frozen at capture, or a symbolic tensor
reached C code: each function runs, its weights change, and it must follow eager."""

from __future__ import annotations

import copy

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from dy2st import to_static


class Weights(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.w = self.create_parameter([3, 3])
        self.b = self.create_parameter([3], default_initializer=paddle.nn.initializer.Normal())
        self.register_buffer("steps", paddle.arange(3))


class Case(Weights):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return self.body(self, x)


def _store(self, x):
    out = paddle.zeros([2, 3])
    for i in range(2):
        out[i] = x[i] * self.b
    return out


def _store_real(self, x):
    table = paddle.zeros_like(self.w)
    table[0] = self.w[1]
    table[:, 1] = x[0]
    return table


def _copied(self, x):
    out = paddle.empty([3, 3])
    out.copy_(self.w, True)
    return out + x.sum()


def _position_bias(self, x):
    index = paddle.to_tensor([[0, 1], [2, 0]])
    return self.w[index.reshape([-1])].reshape([2, 2, 3]).transpose([2, 0, 1]) + x.mean()


def _tied(self, x):
    return paddle.matmul(paddle.matmul(x, self.w), self.w, transpose_y=True)


BODIES = {
    "mul": lambda s, x: s.w * s.b + x.sum(),
    "add": lambda s, x: (s.w + 1) @ x.T,
    "radd": lambda s, x: 1 - s.w + x.sum(),
    "matmul": lambda s, x: x @ (s.w @ s.w),
    "compare": lambda s, x: paddle.where(s.w > 0, s.w, s.w * 2) + x.sum(),
    "item": lambda s, x: s.w[0] + x,
    "item_tensor": lambda s, x: s.w[s.steps[1:]] + x,
    "mask": lambda s, x: s.w[s.w > -10].sum() + x,
    "clone": lambda s, x: s.w.clone() + x.sum(),
    "detach": lambda s, x: s.w.detach() * x.sum(),
    "to_tensor": lambda s, x: paddle.to_tensor([1.0, 2.0, 3.0]) * s.b + x,
    "negative": lambda s, x: -s.w + x.sum(),
    "power": lambda s, x: s.b**2 + x,
    "iterate": lambda s, x: sum(row for row in s.w) + x,
    "astype": lambda s, x: s.w.astype("float64").sum() + x.sum().astype("float64"),
    "transpose": lambda s, x: x @ s.w.T,
    "norm": lambda s, x: x / s.w.norm(axis=0),
    "only_weights": lambda s, x: s.w.sum(),
    "store": _store,
    "store_real": _store_real,
    "copied": _copied,
    "position_bias": _position_bias,
    "tied": _tied,
    "unary": lambda s, x: paddle.exp(s.b) + F.gelu(x) + F.softmax(s.w, -1).sum(0),
    "aliases": lambda s, x: (
        s.w.sum(dim=0, keepdim=True) + x.argmax(axis=-1).astype("float32").sum()
    ),
    "any_all": lambda s, x: (s.w > 0).any().astype("float32") + (x > 0).all().astype("float32"),
    "expand": lambda s, x: s.b.expand([2, 3]) + x + s.b.expand_as(x),
    "amax": lambda s, x: s.w.amax(0) - x.amin(),
    "assign": lambda s, x: paddle.assign(s.b) + x,
    "deepcopy": lambda s, x: copy.deepcopy(x) + s.b,
}


@pytest.mark.parametrize("name", BODIES)
def test_weights_are_not_frozen(name):
    eager = Case(BODIES[name])
    net = Case(BODIES[name])
    net.set_state_dict(eager.state_dict())
    net = to_static(net)
    x = paddle.to_tensor(np.random.RandomState(1).randn(2, 3).astype("float32"))
    outs = []
    for scale in (1.0, -2.0):
        for p in eager.parameters():
            p.set_value(p * scale)
        net.set_state_dict(eager.state_dict())
        with paddle.no_grad():
            outs.append(net(x).numpy())
            np.testing.assert_allclose(outs[-1], eager(x).numpy(), rtol=1e-4, atol=1e-5)


def test_weight_norm_and_spectral_norm_follow():
    def make():
        paddle.seed(3)
        a = paddle.nn.utils.weight_norm(paddle.nn.Linear(3, 3))
        b = paddle.nn.utils.spectral_norm(paddle.nn.Linear(3, 3))
        return paddle.nn.Sequential(a, b)

    eager, net = make(), make()
    for layer in (eager, net):
        layer.eval()
    net = to_static(net)
    x = paddle.ones([2, 3])
    for scale in (1.0, 3.0):
        for p, q in zip(eager.parameters(), net.parameters()):
            p.set_value(p * scale)
            q.set_value(p)
        with paddle.no_grad():
            np.testing.assert_allclose(net(x).numpy(), eager(x).numpy(), rtol=1e-4, atol=1e-5)

"""Python values that change later are noticed: each case runs, changes something, and must follow
eager. Nothing is frozen in silence."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from dy2st import to_static
from dy2st.static.watch import Clock

SCALE = 1.0
CONFIG = {"scale": 1.0, "list": [1.0, 2.0]}


class Inner(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = paddle.nn.Linear(8, 8)
        self.factor = 1.0

    def forward(self, x):
        return self.fc(x) * self.factor


class Normalise(paddle.nn.LayerNorm):
    """A user's class whose forward is Paddle's."""


class Net(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.inner = Inner()
        self.user_norm = Normalise(8)
        self.norm = paddle.nn.LayerNorm(8)
        self.drop = paddle.nn.Dropout(0.5)
        self.pool = paddle.nn.AvgPool1D(1)
        self.blocks = paddle.nn.LayerList([paddle.nn.Linear(8, 8) for _ in range(2)])
        self.activation = paddle.nn.Tanh()
        self.options = {"bias": 0.0}
        self.mode = "add"
        self.table = paddle.ones([8])

    def forward(self, x):
        self.seen = {"x": x.shape}
        x = self.inner(self.user_norm(x))
        for block in self.blocks:
            x = self.activation(block(x))
        x = self.drop(self.norm(x))
        if self.mode == "add":
            x = x + self.table
        else:
            x = x - self.table
        return x + self.options["bias"]


def hook_pre(layer, inputs):
    return (inputs[0] * 2,)


def hook_post(layer, inputs, output):
    return output + 1


CHANGES = {
    "plain attribute": lambda n: setattr(n, "mode", "sub"),
    "attribute of a sublayer": lambda n: setattr(n.inner, "factor", 3.0),
    "item of a dict attribute": lambda n: n.options.__setitem__("bias", 5.0),
    "dict attribute replaced": lambda n: setattr(n, "options", {"bias": 7.0}),
    "tensor attribute replaced": lambda n: setattr(n, "table", paddle.full([8], 4.0)),
    "tensor attribute changed": lambda n: n.table.set_value(paddle.full([8], 9.0)),
    "forward pre hook": lambda n: n.inner.register_forward_pre_hook(hook_pre),
    "forward post hook": lambda n: n.inner.fc.register_forward_post_hook(hook_post),
    "sublayer replaced": lambda n: setattr(n, "activation", paddle.nn.Sigmoid()),
    "sublayer added": lambda n: n.blocks.append(paddle.nn.Linear(8, 8)),
    "sublayer of a list replaced": lambda n: n.blocks.__setitem__(0, paddle.nn.Identity()),
    "epsilon of a Paddle layer": lambda n: setattr(n.norm, "_epsilon", 1e-3),
    "epsilon of a subclass of it": lambda n: setattr(n.user_norm, "_epsilon", 1e-3),
    "weight replaced": lambda n: setattr(n.inner.fc, "weight", n.blocks[0].weight),
    "bias removed": lambda n: setattr(n.inner.fc, "bias", None),
    "method replaced": lambda n: setattr(n.inner, "forward", lambda x: x * 0.5),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_a_layer_is_seen(name):
    paddle.seed(0)
    eager = Net()
    paddle.seed(0)
    net = to_static(Net())
    x = paddle.to_tensor(np.random.RandomState(0).randn(2, 8).astype("float32"))
    outs = []
    for layer in (eager, net):
        layer.inner.fc.bias.set_value(paddle.full([8], 0.5))
        layer.eval()
    with paddle.no_grad():
        np.testing.assert_allclose(net(x).numpy(), eager(x).numpy(), rtol=1e-4, atol=1e-5)
        before = eager(x).numpy()
        for layer in (eager, net):
            paddle.seed(5)
            CHANGES[name](layer)
            layer.eval()
        outs = [net(x).numpy(), eager(x).numpy()]
    np.testing.assert_allclose(*outs, rtol=1e-4, atol=1e-5)
    assert np.abs(outs[1] - before).max() > 1e-6, "the case changes nothing"


def test_attributes_that_forward_sets_are_no_reason_to_look_at_all_layers():
    net = to_static(Net())
    net.eval()
    with paddle.no_grad():
        net(paddle.ones([2, 8]))
        before = Clock.layers
        net(paddle.ones([2, 8]))
    assert Clock.layers == before


@pytest.mark.filterwarnings("ignore:When training:UserWarning")  # eager says so too
def test_train_and_eval_have_programs_of_their_own():
    eager = paddle.nn.Sequential(paddle.nn.Linear(3, 3), paddle.nn.BatchNorm1D(3))
    net = paddle.nn.Sequential(paddle.nn.Linear(3, 3), paddle.nn.BatchNorm1D(3))
    net.set_state_dict(eager.state_dict())
    net = to_static(net)
    x = paddle.rand([8, 3])
    with paddle.no_grad():
        for mode in ("train", "eval", "train", "eval"):
            getattr(net, mode)()
            getattr(eager, mode)()
            np.testing.assert_allclose(net(x).numpy(), eager(x).numpy(), rtol=1e-4, atol=1e-5)
            for a, b in zip(net.buffers(), eager.buffers()):
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    assert len(net.forward.programs) == 2


def test_one_sublayer_in_another_mode():
    net, eager = Net(), Net()
    eager.set_state_dict(net.state_dict())
    net = to_static(net)
    x = paddle.rand([2, 8])
    for layer in (net, eager):
        layer.eval()
    with paddle.no_grad():
        net(x)
        for layer in (net, eager):
            layer.drop.train()
        paddle.seed(3)
        got = net(x).numpy()
        paddle.seed(3)
        np.testing.assert_allclose(got, eager(x).numpy(), rtol=1e-4, atol=1e-5)


def scaled(x):
    return x * SCALE


def test_a_global_is_guarded(monkeypatch):
    g = to_static(scaled)
    x = paddle.ones([2])
    assert float(g(x)[0]) == 1.0
    monkeypatch.setitem(globals(), "SCALE", 4.0)
    assert float(g(x)[0]) == 4.0


def configured(x):
    return x * CONFIG["scale"] + CONFIG["list"][1]


def test_items_of_a_global_are_guarded(monkeypatch):
    g = to_static(configured)
    x = paddle.ones([2])
    assert float(g(x)[0]) == 3.0
    monkeypatch.setitem(CONFIG, "scale", 4.0)
    assert float(g(x)[0]) == 6.0
    monkeypatch.setitem(CONFIG, "list", [0.0, 10.0])
    assert float(g(x)[0]) == 14.0


def helper(x):
    return x + 1


def calls_helper(x):
    return helper(x)


def test_a_replaced_helper_is_seen(monkeypatch):
    g = to_static(calls_helper)
    x = paddle.ones([2])
    assert float(g(x)[0]) == 2.0
    monkeypatch.setitem(globals(), "helper", lambda x: x + 10)
    assert float(g(x)[0]) == 11.0


def test_a_closure_variable_is_guarded():
    factor = 2.0

    def f(x):
        return x * factor

    g = to_static(f)
    x = paddle.ones([2])
    assert float(g(x)[0]) == 2.0
    factor = 5.0
    assert float(g(x)[0]) == 5.0


def test_a_counter_counts():
    class Counter(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.calls = 0
            self.seen = []

        def forward(self, x):
            self.calls += 1
            self.seen.append(self.calls)
            return x * self.calls

    eager, net = Counter(), to_static(Counter())
    x = paddle.ones([2])
    for _ in range(4):
        np.testing.assert_array_equal(net(x).numpy(), eager(x).numpy())
    assert net.calls == eager.calls == 4
    assert net.seen == eager.seen


def test_an_object_that_is_not_a_layer_is_guarded():
    class Config:
        scale = 2.0

    config = Config()
    g = to_static(lambda x: x * config.scale)
    x = paddle.ones([2])
    assert float(g(x)[0]) == 2.0
    config.scale = 3.0
    assert float(g(x)[0]) == 3.0
    Config.scale = 7.0
    del config.scale
    assert float(g(x)[0]) == 7.0

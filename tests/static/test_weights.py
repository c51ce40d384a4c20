"""Weights stay the user's: after any way of changing them, the next call uses the new values."""

from __future__ import annotations

import gc
import inspect
import weakref

import numpy as np
import paddle
import pytest

from dy2st import to_static


class Net(paddle.nn.Layer):
    """A buffer, a batch norm and two kinds of weights."""

    def __init__(self):
        super().__init__()
        self.conv = paddle.nn.Conv2D(3, 4, 3)
        self.norm = paddle.nn.BatchNorm2D(4)
        self.fc = paddle.nn.Linear(4, 2)
        self.register_buffer("shift", paddle.zeros([2]))

    def forward(self, x):
        x = self.norm(self.conv(x)).mean([2, 3])
        return self.fc(x) + self.shift


def make():
    paddle.seed(7)
    net = Net()
    net.eval()
    eager = Net()
    eager.set_state_dict(net.state_dict())
    eager.eval()
    return to_static(net), eager


def check(net, eager):
    """Both have the same weights now; the converted one must say the same as the eager one."""
    eager.set_state_dict(net.state_dict())
    x = paddle.to_tensor(np.random.RandomState(0).randn(2, 3, 6, 6).astype("float32"))
    with paddle.no_grad():
        np.testing.assert_allclose(net(x).numpy(), eager(x).numpy(), rtol=1e-4, atol=1e-5)
    return net(x).numpy()


def optimizers():
    skipped = {"Optimizer", "LBFGS"}  # the base class; LBFGS takes a closure (tested below)
    names = [
        n
        for n, c in vars(paddle.optimizer).items()
        if inspect.isclass(c) and issubclass(c, paddle.optimizer.Optimizer) and n not in skipped
    ]
    assert len(names) >= 10
    return sorted(names)


@pytest.mark.parametrize("name", optimizers())
def test_an_optimizer_step_is_seen(name):
    net, eager = make()
    before = check(net, eager)
    optimizer = getattr(paddle.optimizer, name)(learning_rate=0.1, parameters=net.parameters())
    for _ in range(2):
        net(paddle.ones([2, 3, 6, 6])).square().mean().backward()
        optimizer.step()
        optimizer.clear_grad()
        after = check(net, eager)
    assert np.abs(after - before).max() > 1e-5


@pytest.mark.filterwarnings("ignore:To copy construct:UserWarning")  # Paddle's own code
def test_lbfgs_is_seen():
    net, eager = make()
    before = check(net, eager)
    optimizer = paddle.optimizer.LBFGS(learning_rate=0.1, parameters=net.parameters())

    def closure():
        optimizer.clear_grad()
        loss = net(paddle.ones([2, 3, 6, 6])).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert np.abs(check(net, eager) - before).max() > 1e-5


def _set_state_dict(net, new):
    net.set_state_dict(new)


def _set_value(net, new):
    for name, p in net.named_parameters():
        p.set_value(new[name])


def _set_value_numpy(net, new):
    for name, p in net.named_parameters():
        p.set_value(new[name].numpy())


def _copy(net, new):
    for name, p in net.named_parameters():
        p.copy_(new[name], True)


def _item(net, new):
    with paddle.no_grad():
        for name, p in net.named_parameters():
            p[:] = new[name]


def _get_tensor(net, new):
    for name, p in net.named_parameters():
        p.get_tensor().set(new[name].numpy(), paddle.CPUPlace())


def _inplace(net, new):
    with paddle.no_grad():
        for name, p in net.named_parameters():
            p.multiply_(paddle.zeros([1]))
            p.add_(new[name])


def _assign(net, new):
    for name, p in net.named_parameters():
        paddle.assign(new[name], p)


def _replaced(net, new):
    for layer in (net.conv, net.fc):
        prefix = "conv." if layer is net.conv else "fc."
        for name in ("weight", "bias"):
            value = new[prefix + name]
            parameter = layer.create_parameter(value.shape)
            parameter.set_value(value)
            setattr(layer, name, parameter)


def _loaded(net, new, tmp_path):
    paddle.save(new, str(tmp_path / "w.pdparams"))
    net.set_state_dict(paddle.load(str(tmp_path / "w.pdparams")))


def _detached(net, new):
    for name, p in net.named_parameters():
        p.detach().copy_(new[name], True)


def _shared(net, new):
    for name, p in net.named_parameters():
        new[name]._share_buffer_to(p)


WAYS = [
    _set_state_dict,
    _set_value,
    _set_value_numpy,
    _copy,
    _item,
    _get_tensor,
    _inplace,
    _assign,
    _replaced,
    _loaded,
    _detached,
    _shared,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__.strip("_"))
def test_new_values_are_seen(way, tmp_path):
    net, eager = make()
    before = check(net, eager)
    new = {
        n: paddle.to_tensor(np.random.RandomState(5).randn(*t.shape).astype("float32") ** 2 + 0.1)
        for n, t in net.state_dict().items()
    }
    extra = (tmp_path,) if "tmp_path" in inspect.signature(way).parameters else ()
    way(net, new, *extra)
    assert np.abs(check(net, eager) - before).max() > 1e-3


def test_a_held_pointer_is_seen():
    net, eager = make()
    check(net, eager)
    pointer = net.fc.weight.get_tensor()
    check(net, eager)  # the write comes after the call that last saw the weight
    pointer.set(np.full([4, 2], 3.0, "float32"), paddle.CPUPlace())
    check(net, eager)


def test_buffers_are_seen():
    net, eager = make()
    before = check(net, eager)
    net.shift.set_value(paddle.ones([2]))
    np.testing.assert_allclose(check(net, eager), before + 1, rtol=1e-5)
    net.norm._mean.set_value(paddle.ones([4]))
    check(net, eager)


def test_another_dtype_is_captured_again():
    net, eager = make()
    check(net, eager)
    net.to(dtype="float64")
    eager.to(dtype="float64")
    x = paddle.ones([2, 3, 6, 6], "float64")
    eager.set_state_dict(net.state_dict())
    with paddle.no_grad():
        out = net(x)
        assert out.dtype == paddle.float64
        np.testing.assert_allclose(out.numpy(), eager(x).numpy(), rtol=1e-9)


def test_the_layer_is_dropped_with_its_program():
    net, eager = make()
    check(net, eager)
    gone = weakref.ref(net.fc.weight)
    del net
    gc.collect()
    assert gone() is None


def test_calling_in_a_loop_does_not_grow_memory():
    net, _ = make()
    x = paddle.ones([8, 3, 32, 32])
    with paddle.no_grad():
        for _ in range(20):
            net(x)
        before = _resident()
        for _ in range(300):
            net(x)
        assert _resident() - before < 4 << 20


def _resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096

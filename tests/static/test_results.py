"""Containers in and out, effects on the caller's tensors, identity of what is returned."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import OrderedDict, namedtuple

import numpy as np
import paddle
import pytest

from dy2st import InputSpec, to_static
from dy2st.errors import CaptureError, GuardError, InputError

Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass
class Box:
    value: paddle.Tensor
    label: str = "box"


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, paddle.Tensor):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for k in a:
            assert_same(a[k], b[k])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            assert_same(x, y)
    elif dataclasses.is_dataclass(a):
        assert_same(vars(a), vars(b))
    else:
        assert a == b


CONTAINERS = {
    "list": lambda x: [x + 1, x],
    "tuple": lambda x: (x + 1,),
    "dict": lambda x: {"a": x + 1, 3: (x, None)},
    "ordered": lambda x: OrderedDict(b=x + 1, a=2),
    "namedtuple": lambda x: Pair(x + 1, "r"),
    "dataclass": lambda x: Box(x + 1),
    "none": lambda x: None,
    "python": lambda x: (1, 2.5, "s", True),
    "shape": lambda x: (x.shape[0] * 2, x.shape),
    "nested": lambda x: [{"k": (x, [x * 2])}, Pair([x], {})],
    "twice": lambda x: (x * 2,) * 2,
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_results(name):
    f = CONTAINERS[name]
    g = to_static(f)
    for n in (2, 3, 2):
        x = paddle.rand([n, 3])
        assert_same(list_shapes(g(x)), list_shapes(f(x)))


def list_shapes(value):
    """``x.shape`` is a Size in eager and a list of ints here: compare as lists."""
    if type(value).__name__ == "Size":
        return list(value)
    if type(value) is tuple:
        return tuple(map(list_shapes, value))
    return value


def test_arguments_in_containers():
    def f(pair, options, *rest, scale=1.0, **more):
        total = pair.left * scale + options["x"][0]
        for r in rest:
            total = total + r
        return total + more.get("bias", 0)

    g = to_static(f)
    x, y = paddle.rand([3]), paddle.rand([3])
    for args, kwargs in [
        ((Pair(x, y), {"x": [y]}), {}),
        ((Pair(x, y), {"x": [y]}, x, y), {"scale": 2.0}),
        ((Pair(x, 0), {"x": [y]}), {"bias": y}),
    ]:
        assert_same(g(*args, **kwargs), f(*args, **kwargs))


def test_an_argument_comes_back_itself():
    g = to_static(lambda x: (x, x + 0))
    x = paddle.rand([3])
    same, other = g(x)
    assert same is x
    assert other is not x


def test_an_argument_changed_in_place():
    def f(x, y):
        x.add_(y)
        x[0] = 5.0
        return x * 2

    a, b, y = paddle.ones([3]), paddle.ones([3]), paddle.rand([3])
    g = to_static(f)
    for _ in range(2):
        assert_same(g(a, y), f(b, y))
        assert_same(a, b)


def test_views_are_views():
    def f(x):
        z = paddle.zeros([2, 3]) + x
        row = z[0]
        row.add_(paddle.ones([3]))
        z[1] = row
        flat = z.reshape([-1])
        z.multiply_(paddle.full([1], 2.0))
        return z, row, flat, z.transpose([1, 0])

    x = paddle.rand([3])
    assert_same(to_static(f)(x), f(x))


def test_outputs_are_fresh():
    g = to_static(lambda x: (x * 2, x + 1))
    inputs = [paddle.full([4], float(i)) for i in range(10)]
    kept = [g(x) for x in inputs]
    for i, (double, more) in enumerate(kept):
        np.testing.assert_array_equal(double.numpy(), np.full([4], 2.0 * i, "float32"))
        np.testing.assert_array_equal(more.numpy(), np.full([4], i + 1.0, "float32"))


def test_thirty_batch_sizes_make_two_programs():
    net = paddle.nn.Sequential(paddle.nn.Linear(4, 3), paddle.nn.ReLU())
    eager = paddle.nn.Sequential(paddle.nn.Linear(4, 3), paddle.nn.ReLU())
    eager.set_state_dict(net.state_dict())
    net = to_static(net)
    for n in range(2, 32):
        x = paddle.rand([n, 4])
        np.testing.assert_allclose(net(x).numpy(), eager(x).numpy(), rtol=1e-5, atol=1e-6)
    assert len(net.forward.programs) <= 2


def test_none_in_the_spec_makes_one_program():
    g = to_static(lambda x: x.sum(1), [InputSpec([None, 3], "float32", "x")])
    for n in (5, 2, 9):
        assert g(paddle.ones([n, 3])).shape == [n]
    assert len(g.programs) == 1
    assert "N" in str(g.main_program)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (lambda: (paddle.ones([2, 4]),), "'x' is a tensor .2, 4. of float32"),
        (lambda: (paddle.ones([2, 3, 1]),), "'x' is a tensor .2, 3, 1."),
        (lambda: (paddle.ones([2, 3], "float64"),), "float64"),
        (lambda: (3,), "'x' is a int"),
        (lambda: (), "missing"),
        (lambda: (paddle.ones([2, 3]), 1, 2), "too many"),
    ],
)
def test_arguments_that_do_not_fit(arguments, text):
    g = to_static(lambda x: x * 2, [InputSpec([None, 3], "float32", "x")])
    with pytest.raises(InputError, match=text):
        g(*arguments())
    assert_same(g(paddle.ones([2, 3])), paddle.ones([2, 3]) * 2)


def test_paddle_spec_objects_are_accepted():
    g = to_static(lambda x: x * 2, [paddle.static.InputSpec([-1, 3], "float32", "x")])
    assert g(paddle.ones([2, 3])).shape == [2, 3]
    assert g(paddle.ones([4, 3])).shape == [4, 3]
    assert len(g.programs) == 1


def test_python_random_numbers_are_drawn_at_each_call():
    import random

    def f(x):
        x = x * random.random() + np.random.uniform(0, 2)
        if np.random.rand() < 0.5:
            x = x + random.randint(1, 5)
        return x, x[np.random.randint(x.shape[0]) :]

    def results(function, seed):
        random.seed(seed)
        np.random.seed(seed)
        found = [t.tolist() for t in function(paddle.arange(3 + seed % 2, dtype="float32"))]
        return found, random.random(), np.random.rand()

    g = to_static(f)
    for seed in range(6):
        expected, actual = results(f, seed), results(g, seed)
        assert actual[1:] == expected[1:]
        for a, b in zip(actual[0], expected[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
    assert len(g.programs) == 2


def test_random_arrays_of_numpy_are_refused():
    g = to_static(lambda x: x * paddle.to_tensor(np.random.rand(2).astype("float32")))
    with pytest.raises(GuardError, match="random"):
        g(paddle.ones([2]))


def test_default_dtype_is_guarded():
    g = to_static(lambda x: paddle.ones([2]).sum() + x.shape[0])
    assert g(paddle.ones([2])).dtype == paddle.float32
    paddle.set_default_dtype("float64")
    try:
        assert g(paddle.ones([2])).dtype == paddle.float64
    finally:
        paddle.set_default_dtype("float32")


def test_gradients_are_eagers():
    lin = paddle.nn.Linear(3, 3)

    def f(x, y):
        h = paddle.tanh(lin(x)) * y
        return h.sum(), h.argmax(), {"h": h}

    def gradients(function):
        x, y = (paddle.to_tensor(np.float32([[1, 2, 3]]), stop_gradient=s) for s in (False, True))
        total, _, rest = function(x, y)
        (total + rest["h"].max()).backward()
        out = [x.grad.numpy(), lin.weight.grad.numpy(), lin.bias.grad.numpy()]
        lin.clear_gradients()
        assert y.grad is None
        return out

    for a, b in zip(gradients(to_static(f)), gradients(f)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_paddle_grad_is_refused_in_words():
    lin = paddle.nn.Linear(3, 2)
    net = to_static(lambda x: lin(x))
    x = paddle.ones([2, 3])
    x.stop_gradient = False
    with pytest.raises(CaptureError, match="use backward"):
        paddle.grad(net(x).sum(), [x, lin.weight])
    net(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), lin.weight.sum(1).expand([2, 3]).numpy(), rtol=1e-5)


@contextlib.contextmanager
def mixed_precision():
    """What ``auto_cast`` sets; itself it does nothing on a CPU wheel."""
    tracer = paddle.base.framework._dygraph_tracer()
    tracer._amp_level = paddle.base.core.AmpLevel.O1
    try:
        yield
    finally:
        tracer._amp_level = paddle.base.core.AmpLevel.O0


def test_mixed_precision_runs_eagerly():
    net = to_static(lambda x: (x, 1))
    x = paddle.rand([4, 4])
    with mixed_precision():
        net(x)
    assert net.programs == []
    net(x)
    assert len(net.programs) == 1


def test_mixed_precision_inside_is_refused_in_words():
    def f(x):
        with mixed_precision():
            return x @ x

    with pytest.raises(CaptureError, match="auto_cast"):
        to_static(f)(paddle.rand([4, 4]))

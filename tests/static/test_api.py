"""The ways of converting, and what a converted function offers."""

from __future__ import annotations

import copy

import numpy as np
import paddle
import pytest

import dy2st
from dy2st import InputSpec, enable_to_static, not_to_static, to_static
from dy2st.errors import CaptureError
from dy2st.ir.parser import parse_program


class Decorated(paddle.nn.Layer):
    def __init__(self, scale=2.0):
        super().__init__()
        self.fc = paddle.nn.Linear(3, 3)
        self.scale = scale

    @to_static
    def forward(self, x):
        if x.sum() > 0:
            return self.fc(x) * self.scale
        return self.helper(x)

    def helper(self, x):
        return x - self.scale

    @to_static(input_spec=[InputSpec([None, 3], "float32", "x")])
    def double(self, x):
        return x * 2


class Child(Decorated):
    def __init__(self):
        super().__init__(3.0)

    def forward(self, x):
        return super().forward(x) + 1


def same(a, b):
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)


def test_a_decorated_forward():
    net = Decorated()
    x = paddle.rand([2, 3])
    same(net(x), net.fc(x) * 2)
    same(net(-x), -x - 2)
    assert len(net.forward.programs) == 1
    other = Decorated(5.0)
    same(other(-x), -x - 5)
    same(net(-x), -x - 2)


def test_a_decorated_method_with_a_spec():
    net = Decorated()
    for n in (2, 5):
        same(net.double(paddle.ones([n, 3])), paddle.full([n, 3], 2.0))
    assert len(net.double.programs) == 1


def test_super_in_a_subclass():
    net = Child()
    x = paddle.rand([2, 3])
    same(net(x), net.fc(x) * 3 + 1)
    same(to_static(Child())(-x), -x - 3 + 1)


def test_a_bound_method():
    net = Decorated()
    helper = to_static(net.helper)
    same(helper(paddle.ones([2])), paddle.ones([2]) - 2)


def test_a_function_inside_another():
    @to_static
    def inner(x):
        return x + 1 if x.sum() > 0 else x - 1

    @to_static
    def outer(x):
        return inner(x) * 2

    for x in (paddle.ones([2]), -paddle.ones([2])):
        same(outer(x), (x + (1 if float(x.sum()) > 0 else -1)) * 2)
    assert "if(" in str(outer.main_program)


def test_shared_layers_have_one_parameter():
    fc = paddle.nn.Linear(3, 3)
    net = to_static(paddle.nn.Sequential(fc, paddle.nn.Tanh(), fc))
    x = paddle.rand([2, 3])
    same(net(x), fc(paddle.tanh(fc(x))))
    assert len(net.forward.main_program.parameters) == 2


def test_code_program_and_text():
    net = to_static(Decorated(), [InputSpec([None, 3], "float32", "x")])
    program = net.forward.main_program  # before any call
    text = str(program)
    assert text.startswith("program forward(%x: f32[N, 3])")
    assert str(parse_program(text)) == text
    assert "_d.if_(" in net.forward.code
    assert net.forward.concrete_program.program is program
    assert "2 weights" in net.forward.explain()


def test_without_spec_and_call_there_is_no_program():
    with pytest.raises(CaptureError, match="not called yet"):
        to_static(lambda x: x).main_program  # noqa: B018


def test_rollback_and_the_global_switch():
    net = paddle.nn.Linear(3, 3)
    original = net.forward
    to_static(net)
    x = paddle.rand([2, 3])
    net(x)
    assert net.forward.rollback() == original
    assert net.forward == original
    static = to_static(lambda x: x + 1)
    enable_to_static(False)
    try:
        same(static(x), x + 1)
        assert static.programs == []
    finally:
        enable_to_static(True)
    same(static(x), x + 1)
    assert len(static.programs) == 1


@pytest.mark.parametrize("mark", [not_to_static, paddle.jit.not_to_static])
def test_marked_functions_are_called_as_they_are(mark):
    calls = []

    @mark
    def count(x):
        calls.append(type(x).__name__)
        return x * 3

    g = to_static(lambda x: count(x) + 1)
    same(g(paddle.ones([2])), paddle.full([2], 4.0))
    assert calls == ["SymbolicTensor"]


def test_paddles_options_are_accepted_and_others_refused():
    same(to_static(lambda x: x + 1, full_graph=True)(paddle.ones([1])), paddle.full([1], 2.0))
    with pytest.raises(TypeError, match="unexpected"):
        to_static(lambda x: x, no_such_option=1)
    with pytest.raises(TypeError, match="takes a function"):
        to_static(3)


def test_a_copy_of_a_layer_has_weights_of_its_own():
    net = to_static(Decorated())
    x = paddle.rand([2, 3])
    net(x)
    twin = copy.deepcopy(net)
    twin.fc.weight.set_value(paddle.zeros([3, 3]))
    twin.fc.bias.set_value(paddle.ones([3]))
    same(twin(x), paddle.full([2, 3], 2.0))
    same(net(x), net.fc(x) * 2)


def test_state_dicts_and_repr_are_as_before():
    net = Decorated()
    keys = list(net.state_dict())
    text = repr(net)
    to_static(net)(paddle.rand([2, 3]))
    assert list(net.state_dict()) == keys
    assert repr(net) == text


def test_set_code_level_prints(capsys):
    def once(x):
        return x + 1 if x.sum() > 0 else x

    dy2st.set_code_level(100)
    try:
        to_static(once)(paddle.ones([2]))
    finally:
        dy2st.set_code_level(0)
    assert "_d.ifexp(" in capsys.readouterr().out


def test_after_an_error_everything_is_as_before():
    state = {"calls": 0, "list": [1]}

    def f(x, bad):
        state["calls"] += 1
        state["list"].append(2)
        x.add_(paddle.ones([2]))
        if bad:
            raise KeyError("mine")
        return x * 2

    g = to_static(f)
    x = paddle.ones([2])
    with pytest.raises(KeyError, match="mine"):
        g(x, True)
    assert state == {"calls": 0, "list": [1]}
    same(x, paddle.ones([2]))
    assert type(paddle.ones([2]) + 1) is paddle.Tensor
    same(g(x, False), paddle.full([2], 4.0))
    assert state == {"calls": 1, "list": [1, 2]}

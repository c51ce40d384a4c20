"""Sizes that are known only at run time: by plans where they come often."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from dy2st.errors import ExecutionError, ShapeError
from dy2st.ir.parser import parse_program
from dy2st.ir.verifier import verify
from dy2st.ops.base import infer
from dy2st.runtime import plan
from dy2st.runtime.cpu import executable, interpreted
from dy2st.runtime.cpu.instructions import Callback
from dy2st.runtime.reference import interpreter

GROWING = """program f(%n: i64[], %x: f32[1, 3]) {
    %w = parameter(name="w") : f32[3, 3]
    %zero = constant(name="z", value=array(i64, 0)) : i64[]
    %one = constant(name="o", value=array(i64, 1)) : i64[]
    %i, %h, %all = while(%zero, %x, %x) (%i1: i64[], %h1: f32[1, 3], %a1: f32[u0, 3]) {
      %go = less_than(%i1, %n) : bool[]
      yield(%go)
    } do (%i2: i64[], %h2: f32[1, 3], %a2: f32[u1, 3]) {
      %i3 = add(%i2, %one) : i64[]
      %m = matmul(%h2, %w, transpose_x=False, transpose_y=False) : f32[1, 3]
      %h3 = tanh(%m) : f32[1, 3]
      %a3 = concat([%a2, %h3], axis=0) : f32[u1 + 1, 3]
      yield(%i3, %h3, %a3)
    } : i64[], f32[1, 3], f32[u2, 3]
    %p = matmul(%all, %w, transpose_x=False, transpose_y=False) : f32[u2, 3]
    %s = sum(%p, axis=[0], dtype=None, keepdim=False) : f32[3]
    return(%all, %s, %h)
}"""


def test_a_list_that_grows_in_a_loop(monkeypatch):
    made = []
    original = executable.CpuPlan.__init__

    def count(self, program, source, prologue, sizes, rng):
        made.append(dict(sizes))
        original(self, program, source, prologue, sizes, rng)

    monkeypatch.setattr(executable.CpuPlan, "__init__", count)
    monkeypatch.setattr(interpreted, "PLAN_SECONDS", 0.0)  # the second time is soon enough
    program = verify(parse_program(GROWING), infer)
    rng = np.random.default_rng(0)
    w = rng.standard_normal((3, 3)).astype(np.float32)
    source = plan.ArraySource({"w": w})
    run = executable.make_executable(program, source)
    x = rng.standard_normal((1, 3)).astype(np.float32)
    for count_ in (4, 4, 4, 0, 2):
        inputs = [np.array(count_), x]
        want = interpreter.run(program, inputs, source.arrays)
        got = run.run_arrays(inputs)
        for g, e in zip(got, want, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-4, atol=1e-5)
    assert len(made) > 1  # sizes that came again got plans
    before = len(made)
    run.run_arrays([np.array(4), x])
    assert len(made) == before
    source.changed("w", w * 0.5)
    got = run.run_arrays([np.array(4), x])
    want = interpreter.run(program, [np.array(4), x], source.arrays)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-4, atol=1e-5)


NONZERO = """program f(%x: f32[N]) {
    %z = constant(name="z", value=array(f32, 0.0)) : f32[]
    %p = greater_than(%x, %z) : bool[N]
    %i = nonzero(%p) : i64[u0, 1]
    %j = reshape(%i, shape=[-1]) : i64[u0]
    %v = gather(%x, %j, axis=0) : f32[u0]
    %s = sum(%v, axis=[], dtype=None, keepdim=False) : f32[]
    %t = tanh(%s) : f32[]
    return(%v, %t)
}"""


@pytest.mark.parametrize("seed", range(3))
def test_sizes_that_depend_on_data(seed):
    program = parse_program(NONZERO)
    run = executable.make_executable(program, plan.ArraySource())
    rng = np.random.default_rng(seed)
    for n in (5, 5, 5, 0, 9, 5):
        x = rng.standard_normal(n).astype(np.float32)
        for g, e in zip(run.run_arrays([x]), interpreter.run(program, [x], {}), strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-4, atol=1e-5)


def test_a_shape_that_does_not_fit_raises_and_leaves_no_trace():
    program = parse_program(
        """program f(%n: i64[], %x: f32[6]) {
            item(%n, symbol=u0)
            %y = reshape(%x, shape=[u0, 2]) : f32[u0, 2]
            return(%y)
        }"""
    )
    run = executable.make_executable(program, plan.ArraySource())
    x = np.arange(6, dtype=np.float32)
    for _ in range(3):
        with pytest.raises(ShapeError):
            run.run_arrays([np.array(4), x])
        (y,) = run.run_arrays([np.array(3), x])
        np.testing.assert_array_equal(y, x.reshape(3, 2))


LISTS = """program f(%n: i64[], %k: i64[], %x: f32[2]) {
    %zero = constant(name="z", value=array(i64, 0)) : i64[]
    %one = constant(name="o", value=array(i64, 1)) : i64[]
    %two = constant(name="t", value=array(i64, 2)) : i64[]
    %empty = full(shape=[0, 2], value=0.0, dtype=f32) : f32[0, 2]
    %first = reshape(%x, shape=[1, 2]) : f32[1, 2]
    %i, %h, %all, %odd, %inner = while(%zero, %x, %empty, %first, %empty)
        (%i1: i64[], %h1: f32[2], %a1: f32[u0, 2], %b1: f32[u1, 2], %c1: f32[u2, 2]) {
      %go = less_than(%i1, %n) : bool[]
      yield(%go)
    } do (%i2: i64[], %h2: f32[2], %a2: f32[u3, 2], %b2: f32[u4, 2], %c2: f32[u5, 2]) {
      %i3 = add(%i2, %one) : i64[]
      %h3 = tanh(%h2) : f32[2]
      %row = reshape(%h3, shape=[1, 2]) : f32[1, 2]
      %a3 = concat([%a2, %row], axis=0) : f32[u3 + 1, 2]
      %rest = remainder(%i2, %two) : i64[]
      %is_odd = equal(%rest, %one) : bool[]
      %b3 = if(%is_odd) {
        %twice = concat([%row, %row], axis=0) : f32[2, 2]
        %b4 = concat([%b2, %twice], axis=0) : f32[u4 + 2, 2]
        yield(%b4)
      } else {
        yield(%b2)
      } : f32[u6, 2]
      %j, %c3 = while(%zero, %c2) (%j1: i64[], %d1: f32[u7, 2]) {
        %more = less_than(%j1, %k) : bool[]
        yield(%more)
      } do (%j2: i64[], %d2: f32[u8, 2]) {
        %j3 = add(%j2, %one) : i64[]
        %d3 = concat([%d2, %row], axis=0) : f32[u8 + 1, 2]
        yield(%j3, %d3)
      } : i64[], f32[u9, 2]
      yield(%i3, %h3, %a3, %b3, %c3)
    } : i64[], f32[2], f32[u10, 2], f32[u11, 2], f32[u12, 2]
    %t = transpose(%all, perm=[1, 0]) : f32[2, u10]
    return(%t, %odd, %inner, %h)
}"""


def test_lists_grow_natively():
    program = verify(parse_program(LISTS), infer)
    run = executable.make_executable(program, plan.ArraySource())
    x = np.array([0.5, -2.0], np.float32)
    for n, k in ((0, 0), (3, 2), (3, 2), (200, 1), (5, 0), (200, 1)):
        inputs = [np.array(n), np.array(k), x]
        want = interpreter.run(program, inputs, {})
        got = run.run_arrays(inputs)
        for g, e in zip(got, want, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-5, atol=1e-6)
    (made,) = run._plans.values()
    assert "Jump" in made.describe()  # the loop is in the table, not in a callback


# What a round does with the list besides appending: then it is a tensor in each round.
READING = {
    "its values": ("%s = sum(%a2, axis=[0], dtype=None, keepdim=False) : f32[2]", "%s"),
    "its size": ("%s = dim_value(value=u3) : i64[]\nprint(%s, template=[])", "%h2"),
}


@pytest.mark.parametrize("what", READING)
def test_lists_that_are_read_in_the_loop(what):
    code, result = READING[what]
    program = parse_program(
        f"""program f(%n: i64[], %x: f32[2]) {{
            %zero = constant(name="z", value=array(i64, 0)) : i64[]
            %one = constant(name="o", value=array(i64, 1)) : i64[]
            %first = reshape(%x, shape=[1, 2]) : f32[1, 2]
            %i, %h, %all = while(%zero, %x, %first)
                (%i1: i64[], %h1: f32[2], %a1: f32[u0, 2]) {{
              %go = less_than(%i1, %n) : bool[]
              yield(%go)
            }} do (%i2: i64[], %h2: f32[2], %a2: f32[u3, 2]) {{
              %i3 = add(%i2, %one) : i64[]
              {code}
              %row = reshape({result}, shape=[1, 2]) : f32[1, 2]
              %a3 = concat([%a2, %row], axis=0) : f32[u3 + 1, 2]
              yield(%i3, {result}, %a3)
            }} : i64[], f32[2], f32[u10, 2]
            return(%all, %h)
        }}"""
    )
    run = executable.make_executable(program, plan.ArraySource())
    x = np.array([0.5, -2.0], np.float32)
    for n in (0, 3, 3, 3):
        want = interpreter.run(program, [np.array(n), x], {})
        for g, e in zip(run.run_arrays([np.array(n), x]), want, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-5, atol=1e-6)


BRANCHES = """program f(%c: bool[], %n: i64[], %x: f32[2], %y: f32[3]) {
    %one = constant(name="o", value=array(i64, 1)) : i64[]
    %0, %1, %2 = if(%c) {
      %3 = tanh(%x) : f32[2]
      yield(%3, %x, %n)
    } else {
      %4 = concat([%x, %y], axis=0) : f32[5]
      yield(%y, %4, %one)
    } : f32[u0], f32[u1], i64[]
    %5 = tanh(%0) : f32[u0]
    %zero = constant(name="z", value=array(i64, 0)) : i64[]
    %i, %a, %b = while(%zero, %5, %1) (%i1: i64[], %a1: f32[u2], %b1: f32[u3]) {
      %go = less_than(%i1, %2) : bool[]
      yield(%go)
    } do (%i2: i64[], %a2: f32[u4], %b2: f32[u5]) {
      %i3 = add(%i2, %one) : i64[]
      %a3 = concat([%b2, %a2], axis=0) : f32[u4 + u5]
      %a4 = if(%c) {
        yield(%a3)
      } else {
        yield(%x)
      } : f32[u6]
      yield(%i3, %b2, %a4)
    } : i64[], f32[u7], f32[u8]
    %s = sum(%b, axis=[], dtype=None, keepdim=False) : f32[]
    return(%0, %a, %b, %s)
}"""


def test_branches_and_loops_of_unequal_sizes():
    program = verify(parse_program(BRANCHES), infer)
    run = executable.make_executable(program, plan.ArraySource())
    x, y = np.array([0.5, -2.0], np.float32), np.array([1, 2, 3], np.float32)
    for c in (True, False, True):
        for n in (0, 1, 4, 4):
            inputs = [np.array(c), np.array(n), x, y]
            want = interpreter.run(program, inputs, {})
            for g, e in zip(run.run_arrays(inputs), want, strict=True):
                np.testing.assert_allclose(g, e, rtol=1e-5, atol=1e-6)
    (made,) = run._plans.values()
    assert made.describe().count("Jump") >= 4  # control flow is in the table


def test_results_that_break_their_type_raise():
    program = parse_program(
        """program f(%c: bool[], %x: f32[2], %y: f32[3]) {
            %0, %1 = if(%c) {
              yield(%x, %x)
            } else {
              yield(%x, %y)
            } : f32[u0], f32[u0]
            return(%0, %1)
        }"""
    )
    run = executable.make_executable(program, plan.ArraySource())
    x, y = np.array([0.5, -2.0], np.float32), np.array([1, 2, 3], np.float32)
    run.run_arrays([np.array(True), x, y])
    with pytest.raises(ExecutionError, match="shape"):
        run.run_arrays([np.array(False), x, y])


def test_weights_of_a_stretch_are_read_where_they_lie(monkeypatch):
    """Runs of one loop or branch are one stretch, packed weights are the prologue's, and a new value
    of a weight is seen."""
    import paddle

    from dy2st import to_static

    monkeypatch.setattr(interpreted, "PLAN_SECONDS", 0.0)
    paddle.seed(3)
    layer = paddle.nn.Sequential(
        paddle.nn.Conv2D(3, 4, 3), paddle.nn.BatchNorm2D(4), paddle.nn.ReLU()
    )
    layer.eval()
    head = paddle.nn.Linear(4, 2)

    def function(x, mask):
        return head(layer(x[mask]).mean([2, 3]))

    converted = to_static(function)
    x = paddle.rand([6, 3, 5, 5])
    masks = [paddle.to_tensor([True] * n + [False] * (6 - n)) for n in (2, 3, 0, 6)]
    with paddle.no_grad():
        for change in (0.0, 0.5, -1.0):
            head.weight.set_value(head.weight + change)
            layer[0].weight.set_value(layer[0].weight + change)
            for mask in masks * 4:
                want = function(x, mask)
                np.testing.assert_allclose(
                    converted(x, mask).numpy(), want.numpy(), rtol=1e-4, atol=1e-5
                )
    plans = [o for o in gc.get_objects() if isinstance(o, executable.CpuPlan)]
    whole = max((p for p in plans if p._interprets), key=lambda p: p._used)
    runs = [i for i in whole.linear.code if isinstance(i, Callback)]
    assert len(runs) == 1, [[o.name for o in i.item.ops] for i in runs]

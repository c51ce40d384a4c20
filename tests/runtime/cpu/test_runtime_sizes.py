"""Sizes that are known only at run time: in numpy the first time, by plans when they come again."""

from __future__ import annotations

import numpy as np
import pytest

from dy2st.errors import ShapeError
from dy2st.ir.parser import parse_program
from dy2st.ir.verifier import verify
from dy2st.ops.base import infer
from dy2st.runtime import plan
from dy2st.runtime.cpu import executable
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
    %s = sum(%all, axis=[0], dtype=None, keepdim=False) : f32[3]
    return(%all, %s, %h)
}"""


def test_a_list_that_grows_in_a_loop(monkeypatch):
    made = []
    original = executable.CpuPlan._plan_part

    def count(self, program, sizes):
        made.append(dict(sizes))
        return original(self, program, sizes)

    monkeypatch.setattr(executable.CpuPlan, "_plan_part", count)
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
    assert made  # sizes that came again got plans
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

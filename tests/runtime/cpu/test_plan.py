"""The CPU plan: control flow, memory, fresh outputs, static values, errors; the reference is the oracle."""

from __future__ import annotations

import gc
import signal
import threading
import weakref

import numpy as np
import pytest

from dy2st.errors import (
    AssertionFailedError,
    DivisionByZeroError,
    IndexOutOfRangeError,
    Location,
)
from dy2st.ir.builder import Builder
from dy2st.ir.parser import parse_program
from dy2st.ir.types import DType, TensorType
from dy2st.ir.verifier import verify
from dy2st.ops.base import Emitter, infer
from dy2st.runtime import plan
from dy2st.runtime.cpu import executable as cpu_executable
from dy2st.runtime.cpu import prologue, threads
from dy2st.runtime.cpu.executable import make_executable
from dy2st.runtime.reference import interpreter

X = np.array([[0.5, -1.0, 3.0], [2.0, 0.0, -0.25]], np.float32)
Y = X[:, ::-1] * 2
T, F = np.array(True), np.array(False)

PROGRAMS = {
    "straight": """program f(%x: f32[N, 3], %y: f32[N, 3]) {
        %0 = tanh(%x) : f32[N, 3]
        %1 = add(%0, %y) : f32[N, 3]
        %2 = exp(%1) : f32[N, 3]
        return(%2, %0, %x, %2)
    }""",
    "parameters": """program f(%x: f32[N, 3], %y: f32[N, 3]) {
        %w = parameter(name="w") : f32[3]
        %c = constant(name="c", value=array(f32, [1.0, 2.0, 3.0])) : f32[3]
        %0 = exp(%w) : f32[3]
        %1 = add(%0, %c) : f32[3]
        %2 = add(%1, %x) : f32[N, 3]
        return(%2, %1, %w, %c)
    }""",
    "branch": """program f(%c: bool[], %x: f32[N, 3], %y: f32[N, 3]) {
        %0 = tanh(%x) : f32[N, 3]
        %1, %2, %3 = if(%c) {
          %4 = exp(%0) : f32[N, 3]
          yield(%4, %x, %0)
        } else {
          %5 = add(%0, %y) : f32[N, 3]
          yield(%y, %5, %0)
        } : f32[N, 3], f32[N, 3], f32[N, 3]
        %6 = add(%1, %0) : f32[N, 3]
        return(%6, %1, %2, %3)
    }""",
    "nested branch": """program f(%c: bool[], %d: bool[], %x: f32[N, 3], %y: f32[N, 3]) {
        %1 = if(%c) {
          %2 = if(%d) { yield(%x) } else {
            %3 = tanh(%x) : f32[N, 3]
            yield(%3)
          } : f32[N, 3]
          yield(%2)
        } else {
          yield(%y)
        } : f32[N, 3]
        return(%1)
    }""",
    "count": """program f(%n: i64[], %x: f32[N, 3], %y: f32[N, 3]) {
        %zero = constant(name="z", value=array(i64, 0)) : i64[]
        %one = constant(name="o", value=array(i64, 1)) : i64[]
        %i, %a, %b = while(%zero, %x, %y) (%i1: i64[], %a1: f32[N, 3], %b1: f32[N, 3]) {
          %go = less_than(%i1, %n) : bool[]
          yield(%go)
        } do (%i2: i64[], %a2: f32[N, 3], %b2: f32[N, 3]) {
          %i3 = add(%i2, %one) : i64[]
          %a3 = tanh(%b2) : f32[N, 3]
          yield(%i3, %a3, %a2)
        } : i64[], f32[N, 3], f32[N, 3]
        return(%i, %a, %b)
    }""",
    "swap": """program f(%n: i64[], %x: f32[N, 3], %y: f32[N, 3]) {
        %zero = constant(name="z", value=array(i64, 0)) : i64[]
        %one = constant(name="o", value=array(i64, 1)) : i64[]
        %i, %a, %b = while(%zero, %x, %y) (%i1: i64[], %a1: f32[N, 3], %b1: f32[N, 3]) {
          %go = less_than(%i1, %n) : bool[]
          yield(%go)
        } do (%i2: i64[], %a2: f32[N, 3], %b2: f32[N, 3]) {
          %i3 = add(%i2, %one) : i64[]
          yield(%i3, %b2, %a2)
        } : i64[], f32[N, 3], f32[N, 3]
        %s = add(%a, %x) : f32[N, 3]
        return(%i, %s, %b)
    }""",
    "nested loop with a branch": """program f(%n: i64[], %x: f32[N, 3], %y: f32[N, 3]) {
        %zero = constant(name="z", value=array(i64, 0)) : i64[]
        %one = constant(name="o", value=array(i64, 1)) : i64[]
        %w = parameter(name="w") : f32[3]
        %i, %a = while(%zero, %x) (%i1: i64[], %a1: f32[N, 3]) {
          %go = less_than(%i1, %n) : bool[]
          yield(%go)
        } do (%i2: i64[], %a2: f32[N, 3]) {
          %i3 = add(%i2, %one) : i64[]
          %j, %b = while(%zero, %a2) (%j1: i64[], %b1: f32[N, 3]) {
            %more = less_than(%j1, %i2) : bool[]
            yield(%more)
          } do (%j2: i64[], %b2: f32[N, 3]) {
            %j3 = add(%j2, %one) : i64[]
            %e = exp(%w) : f32[3]
            %b3 = add(%b2, %e) : f32[N, 3]
            yield(%j3, %b3)
          } : i64[], f32[N, 3]
          %even = equal(%j, %one) : bool[]
          %c = if(%even) {
            %t = tanh(%b) : f32[N, 3]
            yield(%t)
          } else {
            %u = add(%b, %a2) : f32[N, 3]
            yield(%u)
          } : f32[N, 3]
          yield(%i3, %c)
        } : i64[], f32[N, 3]
        return(%i, %a)
    }""",
    "run-time size": """program f(%n: i64[], %x: f32[N, 3], %y: f32[N, 3]) {
        %0 = tanh(%x) : f32[N, 3]
        item(%n, symbol=u0)
        %1 = dim_value(value=u0 + 1) : i64[]
        print(%0, template=["n is ", u0, "\\n"])
        %2 = add(%0, %y) : f32[N, 3]
        return(%2, %1)
    }""",
}


def inputs_of(program):
    out = []
    for value in program.inputs:
        if value.name == "n":
            out.append([np.array(0), np.array(1), np.array(5)])
        elif value.name in ("c", "d"):
            out.append([T, F])
        else:
            out.append([X if value.name == "x" else Y])
    combos = [[]]
    for choices in out:
        combos = [[*c, x] for c in combos for x in choices]
    return combos


def parameters_of(program):
    if "w" not in program.parameters:
        return {}
    return {"w": np.array([0.5, -0.5, 1.0], np.float32)}


def same(got, want):
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-6)
        assert g.dtype == w.dtype


@pytest.mark.parametrize("name", PROGRAMS)
def test_equals_reference(name):
    program = verify(parse_program(PROGRAMS[name]), infer)
    parameters = parameters_of(program)
    executable = make_executable(program, plan.ArraySource(parameters))
    kept = []
    for _ in range(2):
        for inputs in inputs_of(program):
            want = interpreter.run(program, inputs, parameters)
            before = [a.copy() for a in inputs]
            got = executable.run_arrays(inputs)
            same(got, want)
            same(inputs, before)
            kept.append((got, want))
    for got, want in kept:
        same(got, want)  # later calls leave earlier results alone


def test_parameters_change():
    program = parse_program(PROGRAMS["parameters"])
    source = plan.ArraySource(parameters_of(program))
    executable = make_executable(program, source)
    for scale in (1, 2, 3):
        source.changed("w", source.arrays["w"] * scale)
        same(executable.run_arrays([X, Y]), interpreter.run(program, [X, Y], source.arrays))
    source.arrays["w"][:] = 7
    source.changed("w")
    same(executable.run_arrays([X, Y]), interpreter.run(program, [X, Y], source.arrays))


def test_sizes_and_strides():
    program = parse_program(PROGRAMS["straight"])
    executable = make_executable(program, plan.ArraySource())
    wide = np.arange(60, dtype=np.float32).reshape(10, 6) / 60
    for n in (0, 1, 4, 10):
        x, y = wide[:n, ::2], wide[:n, ::-2]
        same(executable.run_arrays([x, y]), interpreter.run(program, [x, y], {}))


def test_threads_do_not_meet():
    program = parse_program(PROGRAMS["nested loop with a branch"])
    parameters = parameters_of(program)
    executable = make_executable(program, plan.ArraySource(parameters))
    failures = []

    def work(seed):
        x = np.random.default_rng(seed).standard_normal((2, 3)).astype(np.float32)
        inputs = [np.array(4), x, x]
        want = interpreter.run(program, inputs, parameters)
        try:
            for _ in range(20):
                same(executable.run_arrays(inputs), want)
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert not failures


def test_assert_and_recovery():
    program = parse_program(
        """program f(%c: bool[], %x: f32[N, 3]) {
            %0 = tanh(%x) : f32[N, 3]
            assert(%c, template=["no"])
            return(%0)
        }"""
    )
    executable = make_executable(program, plan.ArraySource())
    with pytest.raises(AssertionFailedError, match="no"):
        executable.run_arrays([F, X])
    same(executable.run_arrays([T, X]), [np.tanh(X)])


def test_an_executable_dies_with_its_last_reference():
    program = parse_program(PROGRAMS["nested loop with a branch"])
    executable = make_executable(program, plan.ArraySource(parameters_of(program)))
    executable.run_arrays([np.array(2), X, Y])
    weak = [weakref.ref(executable), *(weakref.ref(p) for p in executable._plans.values())]
    gc.disable()
    try:
        del executable
        assert [w() for w in weak] == [None, None]
    finally:
        gc.enable()


def test_ctrl_c_ends_a_native_loop():
    program = parse_program(
        """program f(%c: bool[], %x: f32[N, 3]) {
            %0, %1 = while(%c, %x) (%a: bool[], %b: f32[N, 3]) {
              yield(%a)
            } do (%d: bool[], %e: f32[N, 3]) {
              %2 = tanh(%e) : f32[N, 3]
              yield(%d, %2)
            } : bool[], f32[N, 3]
            return(%1)
        }"""
    )
    executable = make_executable(program, plan.ArraySource())
    same(executable.run_arrays([F, X]), [X])
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            executable.run_arrays([T, X])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    same(executable.run_arrays([F, X]), [X])


def test_old_static_values_are_freed():
    """Also those of plans that are not called any more."""
    program = parse_program(PROGRAMS["parameters"])
    source = plan.ArraySource(parameters_of(program))
    executable = make_executable(program, source)
    for n in (1, 2):
        executable.run_arrays([X[:n], Y[:n]])
    plans = list(executable._plans.values())
    values = [weakref.ref(v) for p in plans for v in p._statics.values]
    source.changed("w", source.arrays["w"] + 1)
    executable.run_arrays([X, Y])
    gc.collect()
    alive = [w() for w in values if w() is not None]
    assert all(v.epochs == () for v in alive), "only constants stay"
    same(
        executable.run_arrays([X[:1], Y[:1]]),
        interpreter.run(program, [X[:1], Y[:1]], source.arrays),
    )


def test_sizes_share_packed_weights(monkeypatch):
    program = parse_program(
        """program f(%x: f32[N, 64]) {
            %w = parameter(name="w") : f32[64, 48]
            %0 = matmul(%x, %w, transpose_x=False, transpose_y=False) : f32[N, 48]
            return(%0)
        }"""
    )
    computed = []
    original = prologue.Prologue._compute

    def count(self, wanted):
        computed.extend(wanted)
        return original(self, wanted)

    monkeypatch.setattr(prologue.Prologue, "_compute", count)
    w = np.random.default_rng(0).standard_normal((64, 48)).astype(np.float32)
    executable = make_executable(program, plan.ArraySource({"w": w}))
    for n in (16, 17, 18, 19):
        x = np.ones((n, 64), np.float32)
        np.testing.assert_allclose(executable.run_arrays([x])[0], x @ w, rtol=1e-4, atol=1e-5)
    assert len(computed) <= 1


def test_number_of_threads_from_the_next_call_on():
    program = parse_program(PROGRAMS["straight"])
    executable = make_executable(program, plan.ArraySource())
    before = threads.get_num_threads()
    try:
        for count in (1, 2, 1):
            threads.set_num_threads(count)
            same(executable.run_arrays([X, Y]), interpreter.run(program, [X, Y], {}))
        assert sorted(p._threads for p in executable._plans.values()) == [1, 2]
    finally:
        threads.set_num_threads(before)


def test_idle_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(cpu_executable, "IDLE_LIMIT", 1 << 20)
    program = parse_program(
        """program f(%x: f32[N]) {
            %0 = cumsum(%x, axis=0, flatten=False, exclusive=False, reverse=False) : f32[N]
            %1 = sum(%0, axis=[], dtype=None, keepdim=False) : f32[]
            return(%1)
        }"""
    )
    executable = make_executable(program, plan.ArraySource())
    for _ in range(2):
        for n in range(50_000, 51_200, 100):
            x = np.linspace(0, 1e-3, n, dtype=np.float32)
            got = executable.run_arrays([x])[0]
            want = np.cumsum(x, dtype=np.float64).sum()
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    plans = executable._plans.values()
    assert sum(p.idle_bytes() for p in plans) <= (1 << 20) + max(p.linear.arena for p in plans)
    assert max(p.linear.arena for p in plans) > 0


@pytest.mark.parametrize("loop", [False, True])
def test_bad_values_raise_at_the_users_line(loop):
    b = Builder("f", infer)
    emit = Emitter(b)
    x = b.input(TensorType(DType.FLOAT32, (4, 3)), "x")
    i = b.input(TensorType(DType.INT64, (2,)), "i")
    j = b.input(TensorType(DType.INT64, (2,)), "j")

    def body():
        b.location = Location("model.py", 7, 4)
        rows = emit.gather(x, i, 0)
        b.location = Location("model.py", 8, 4)
        return rows, emit.floor_divide(i, j)

    if loop:
        yes, no = b.constant(np.array(True)), b.constant(np.array(False))
        start = emit.full((2, 3), 0.0, DType.FLOAT32), emit.full((2,), 0, DType.INT64)
        types = [yes.type, *(v.type for v in start)]
        with b.region(types) as cond:
            b.yield_([cond.args[0]])
        with b.region(types) as region:
            b.yield_([no, *body()])
        results = b.while_([yes, *start], cond, region).results[1:]
    else:
        results = body()
    executable = make_executable(b.return_(results), plan.ArraySource())
    table = np.arange(12, dtype=np.float32).reshape(4, 3)
    good = [table, np.array([3, -4]), np.array([2, 5])]
    for _ in range(2):
        with pytest.raises(IndexOutOfRangeError, match="model.py:7"):
            executable.run_arrays([table, np.array([1, 4]), good[2]])
        with pytest.raises(IndexOutOfRangeError, match="model.py:7"):
            executable.run_arrays([table, np.array([-(2**62), 0]), good[2]])
        with pytest.raises(DivisionByZeroError, match="model.py:8"):
            executable.run_arrays([table, good[1], np.array([2, 0])])
        rows, quotient = executable.run_arrays(good)
        np.testing.assert_array_equal(rows, table[[3, 0]])
        np.testing.assert_array_equal(quotient, [1, -1])

"""Random Programs with nested branches and loops: the CPU plan computes what the reference does.

What is at stake is memory: buffers that are reused, copies that vanish, values that loops carry,
swap and hand through.
"""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dy2st.ir.builder import Builder
from dy2st.ir.types import DType, TensorType
from dy2st.ir.verifier import verify
from dy2st.ops import base
from dy2st.passes.pipeline import run_pipeline
from dy2st.runtime import plan
from dy2st.runtime.cpu.executable import make_executable
from dy2st.runtime.reference import interpreter

MATRIX = TensorType(DType.FLOAT32, (3, 3))
BOOL = TensorType(DType.BOOL, ())
INT = TensorType(DType.INT64, ())
UNARY = ("tanh", "relu", "sin")
BINARY = ("add", "subtract", "multiply", "maximum")


class Maker:
    """Appends random operations; every tensor is a 3 by 3 matrix."""

    def __init__(self, draw):
        self.draw = draw
        self.b = Builder("f", base.infer)
        self.emit = base.Emitter(self.b)
        inputs = [self.b.input(MATRIX, n) for n in ("x", "y")]
        self.conditions = [self.b.input(BOOL, n) for n in ("c", "d")]
        self.parameters = [self.b.parameter(n, MATRIX) for n in ("v", "w")]
        self.constants = [self.b.constant(np.array(i)) for i in range(4)]
        self.top = [*inputs, *self.parameters]

    def pick(self, things):
        return things[self.draw(st.integers(0, len(things) - 1))]

    def operation(self, scope):
        kind = self.draw(st.integers(0, 7))
        x, y = self.pick(scope), self.pick(scope)
        if kind <= 1:
            return getattr(self.emit, self.pick(UNARY))(x)
        if kind <= 3:
            return self.emit.tanh(getattr(self.emit, self.pick(BINARY))(x, y))
        if kind == 4:
            return self.emit.tanh(self.emit.matmul(x, y))
        if kind == 5:
            return self.emit.transpose(x, (1, 0))
        if kind == 6:
            total = self.emit.sum(x, (self.draw(st.integers(0, 1)),), None, True)
            return self.emit.sin(self.emit.add(y, total))
        rows = self.emit.slice(x, (0,), (1,), (3,), (), ())
        first = self.emit.slice(y, (0,), (0,), (1,), (), ())
        return self.emit.concat((rows, first), 0)

    def condition(self, scope):
        if self.draw(st.booleans()):
            return self.pick(self.conditions)
        return self.emit.any(self.emit.greater_than(self.pick(scope), self.pick(scope)), (), False)

    def statements(self, scope, depth):
        for _ in range(self.draw(st.integers(1, 4))):
            kind = self.draw(st.integers(0, 5 if depth else 3))
            if kind <= 3:
                scope.append(self.operation(scope))
            elif kind == 4:
                scope.extend(self.branch(scope, depth))
            else:
                scope.extend(self.loop(scope, depth))

    def branch(self, scope, depth):
        condition = self.condition(scope)
        count = self.draw(st.integers(1, 3))
        regions = []
        for _ in range(2):
            with self.b.region() as region:
                inner = list(scope)
                self.statements(inner, depth - 1)
                self.b.yield_([self.pick(inner[-6:]) for _ in range(count)])
            regions.append(region)
        return self.b.if_(condition, *regions).results

    def loop(self, scope, depth):
        initial = [self.pick(scope) for _ in range(self.draw(st.integers(1, 3)))]
        types = [INT, *(v.type for v in initial)]
        rounds = self.pick(self.constants)
        with self.b.region(types) as cond:
            self.b.yield_([self.emit.less_than(cond.args[0], rounds)])
        with self.b.region(types) as body:
            inner = [*scope, *body.args[1:]]
            self.statements(inner, depth - 1)
            following = [self.pick(inner[-6:]) for _ in initial]
            self.b.yield_([self.emit.add(body.args[0], self.constants[1]), *following])
        return self.b.while_([self.constants[0], *initial], cond, body).results[1:]


@st.composite
def programs(draw):
    maker = Maker(draw)
    scope = list(maker.top)
    maker.statements(scope, 2)
    maker.statements(scope, 2)
    results = [maker.pick(scope[-8:]) for _ in range(draw(st.integers(1, 4)))]
    return maker.b.return_(results)


def check(program):
    rng = np.random.default_rng(3)
    x, y, v, w = (rng.standard_normal((3, 3)).astype(np.float32) for _ in range(4))
    parameters = {"v": v, "w": w}
    verify(run_pipeline(program), base.infer)
    executable = make_executable(program, plan.ArraySource(parameters))
    for c in (True, False):
        for d in (True, False):
            inputs = [x, y, np.array(c), np.array(d)]
            want = interpreter.run(program, inputs, parameters)
            got = executable.run_arrays(inputs)
            for g, e in zip(got, want, strict=True):
                # One rounding can turn a comparison; values are bounded and mostly contracted.
                np.testing.assert_allclose(g, e, rtol=1e-3, atol=1e-4)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs(program):
    check(verify(program, base.infer))

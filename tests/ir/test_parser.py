"""print → parse → print is a fixed point, over random Programs; bad text is refused by line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dy2st.errors import ParseError, VerifyError
from dy2st.ir.builder import Builder
from dy2st.ir.dims import floordiv, max_, min_, mod, symbol
from dy2st.ir.parser import parse_program
from dy2st.ir.program import SymbolBinding
from dy2st.ir.types import DType, TensorType
from dy2st.ir.verifier import verify
from dy2st.ops.base import infer

N, M = symbol("N"), symbol("M")
ATOMS = st.sampled_from([1, 2, 3, 7, N, M])


def combine(children):
    pairs = st.tuples(children, children)
    return st.one_of(
        pairs.map(lambda p: p[0] + p[1]),
        pairs.map(lambda p: p[0] * p[1]),
        pairs.map(lambda p: p[0] - p[1]),
        pairs.map(lambda p: max_(*p)),
        pairs.map(lambda p: min_(*p)),
        st.tuples(children, st.sampled_from([2, 3, N + 1])).map(lambda p: floordiv(*p)),
        st.tuples(children, st.sampled_from([2, 3, N + 1])).map(lambda p: mod(*p)),
    )


DIMS = st.recursive(ATOMS, combine, max_leaves=6)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
ARRAYS = st.tuples(
    st.sampled_from([np.float32, np.int64, np.bool_, np.complex64, DType.BFLOAT16.numpy]),
    st.sampled_from([(), (2,), (3, 2), (0, 3), (5, 5)]),
).map(lambda p: (np.arange(np.prod(p[1], dtype=int)) - 1.5).reshape(p[1]).astype(p[0]))
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), FLOATS, st.text(), DIMS, ARRAYS,
    st.sampled_from(list(DType)), st.complex_numbers(allow_nan=False, allow_infinity=False),
)  # fmt: skip
ATTRS = st.dictionaries(
    st.sampled_from(["axis", "shape", "dtype", "value"]),
    st.recursive(LEAVES, lambda c: st.lists(c, max_size=3).map(tuple), max_leaves=4),
    max_size=3,
)


@st.composite
def programs(draw):
    b = Builder("f", infer)
    scope = [b.input(TensorType(DType.FLOAT32, (N, M, draw(DIMS))), "x")]
    scope.append(b.input(TensorType(DType.BOOL, ()), draw(st.sampled_from(["", "c", "7"]))))
    b.program.guards = [("==", N, 2 * M), ("<", N + 1, 9)][: draw(st.integers(0, 2))]
    if draw(st.booleans()):
        scope.append(b.parameter("fc.w", TensorType(DType.FLOAT32, (3, 4)), "buffer"))
        b.program.writes = ("fc.w",)
    if draw(st.booleans()):
        scope.append(b.constant(draw(ARRAYS)))
    block(draw, b, list(scope), draw(st.integers(0, 2)))
    results = draw(st.lists(st.sampled_from(scope), min_size=len(b.program.writes), max_size=3))
    return b.return_(results)


def block(draw, b, scope, depth):
    for _ in range(draw(st.integers(0, 3))):
        x = draw(st.sampled_from(scope))
        kind = draw(st.sampled_from(["op", "list", "if", "while"] if depth else ["op", "list"]))
        types = [TensorType(draw(st.sampled_from(list(DType))), (draw(DIMS),))]
        if kind == "op":
            made = b.emit("some_op", (x, None), draw(ATTRS), types=types * draw(st.integers(1, 2)))
        elif kind == "list":
            made = b.emit("concat", ((x, draw(st.sampled_from(scope))),), {}, types=types)
        elif kind == "if":
            regions = []
            for _ in range(2):
                with b.region() as region:
                    block(draw, b, list(scope), depth - 1)
                    b.yield_([x])
                regions.append(region)
            made = b.if_(scope[1], *regions)
        else:
            with b.region([x.type]) as cond:
                b.yield_([scope[1]])
            with b.region([x.type]) as body:
                block(draw, b, [*scope, *body.args], depth - 1)
                b.yield_([draw(st.sampled_from([x, *body.args]))])
            made = b.while_([x], cond, body)
        scope.extend(made.results)


@given(programs())
@settings(max_examples=150, deadline=None)
def test_fixed_point(program):
    text = str(program)
    again = parse_program(text, program.constants)
    assert str(again) == text
    verify(again)


def test_data_survives():
    b = Builder("f", infer)
    b.input(TensorType(DType.FLOAT32, (N, 2)), "x")
    w = b.parameter("w", TensorType(DType.FLOAT32, (3,)), "buffer")
    c = b.constant(np.array([1.5, np.nan, -np.inf, -0.0], np.float32))
    array = np.arange(40, dtype=np.int64)
    op = b.emit("some_op", (w,), {"table": array}, types=[w.type])
    program = parse_program(str(b.return_([c, op.result])))
    assert program.parameters["w"].kind == "buffer"
    assert program.symbols == {"N": SymbolBinding(0, 0)}
    (value,) = program.constants.values()
    assert value.tobytes() == np.array([1.5, np.nan, -np.inf, -0.0], np.float32).tobytes()
    np.testing.assert_array_equal(program.block.ops[-2].attrs["table"], array)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("program f(%x: f32[2]) {\n  return(%y)\n}", "line 2.*in scope"),
        ("program f(%x: f99[2]) { return(%x) }", "dtype"),
        ("program f(%x: f32[2], %x: f32[2]) { return(%x) }", "twice"),
        ("program f() { return() } more", "the end"),
        ("program f() { $ }", "cannot read"),
    ],
)
def test_bad_text(text, message):
    with pytest.raises(ParseError, match=message):
        parse_program(text)


BAD = {
    "twice a terminator": "program f() { return()\n return() }",
    "no terminator": "program f(%x: f32[2]) { %0 = tanh(%x) : f32[2] }",
    "wrong type": "program f(%x: f32[2]) { %0 = tanh(%x) : f32[3]\n return(%0) }",
    "wrong dtype": "program f(%x: f32[2]) { %0 = tanh(%x) : f64[2]\n return(%0) }",
    "condition is no bool": """program f(%x: f32[2]) {
        if(%x) { yield() } else { yield() } return() }""",
    "yields differ": """program f(%c: bool[], %x: f32[2], %y: f32[3]) {
        %0 = if(%c) { yield(%x) } else { yield(%y) } : f32[2]
        return(%0) }""",
    "number of yields": """program f(%c: bool[], %x: f32[2]) {
        %0 = if(%c) { yield(%x) } else { yield() } : f32[2]
        return(%0) }""",
    "while arguments": """program f(%c: bool[], %x: f32[2]) {
        %0 = while(%x) (%a: f32[2]) { yield(%c) } do (%b: f32[3]) { yield(%b) } : f32[2]
        return(%0) }""",
    "unknown symbol": "program f(%x: f32[2]) { print(template=[Q])\n return() }",
    "constant without data": "program f() { %0 = constant(name=\"c\") : f32[20]\n return(%0) }",
    "unknown write": 'program f(%x: f32[2]) writes "w" { return(%x) }',
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_verifier_refuses(name):
    with pytest.raises(VerifyError):
        verify(parse_program(BAD[name]), infer)


GOOD = {
    "run-time size of a branch": """program f(%c: bool[], %x: f32[2], %y: f32[3]) {
        %0 = if(%c) { yield(%x) } else { yield(%y) } : f32[u0]
        %1 = tanh(%0) : f32[u0]
        return(%1) }""",
    "a loop whose carried value grows": """program f(%c: bool[], %x: f32[2], %y: f32[3]) {
        %0 = while(%x) (%a: f32[u0]) { yield(%c) } do (%b: f32[u1]) { yield(%y) } : f32[u2]
        return(%0) }""",
    "a type that a guard decided": """program f(%x: f32[N], %t: f32[8]) where N <= 8 {
        %0 = slice(%t, axes=[0], starts=[0], ends=[N], infer_flags=[], decrease_axis=[]) : f32[N]
        return(%0) }""",
    "item": """program f(%n: i64[]) {
        item(%n, symbol=u0)
        print(template=[u0 + 1])
        return(%n) }""",
}


@pytest.mark.parametrize("name", GOOD)
def test_verifier_accepts(name):
    verify(parse_program(GOOD[name]), infer)

"""Where symbols get their values: solving a size for its symbol, scopes of regions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dy2st.ir.dims import evaluate, floordiv, symbol
from dy2st.ir.parser import parse_program
from dy2st.ir.symbols import find_definitions, solve

N, M = symbol("N"), symbol("M")


@given(st.integers(1, 9), st.integers(-9, 9), st.integers(0, 99), st.integers(0, 9))
def test_linear_sizes_are_solved(factor, offset, size, other):
    dim = factor * N + offset + M
    value = evaluate(dim, {"N": size, "M": other})
    assert solve(dim, "N", value, {"M": other}) == size


def test_what_has_no_solution():
    assert solve(2 * N, "N", 7, {}) is None
    assert solve(N + M, "N", 7, {"M": 3}) == 4
    assert solve(floordiv(N, 2) * 0 + 3, "N", 3, {}) is None


def test_regions_keep_their_symbols_to_themselves():
    program = parse_program(
        """program f(%c: bool[], %x: f32[N]) {
            %0 = while(%x) (%a: f32[u0]) { yield(%c) } do (%b: f32[u0]) {
              %1 = tanh(%b) : f32[u0]
              yield(%1)
            } : f32[u0]
            %2 = tanh(%0) : f32[u0]
            return(%2)
        }"""
    )
    found = find_definitions(program)
    loop = program.block.ops[0]
    for scope in (loop, *loop.regions):
        assert [d.symbol for d in found[scope]] == ["u0"]
    assert found[loop.regions[1].ops[0]] == ()
    assert found[program.block.ops[1]] == ()

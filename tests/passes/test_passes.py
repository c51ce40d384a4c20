"""Passes: doctests, text before and after, and equal results by the reference interpreter."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import dy2st.passes
from dy2st.ir.parser import parse_program
from dy2st.ir.verifier import verify
from dy2st.ops.base import infer
from dy2st.passes import pipeline
from dy2st.runtime.reference import interpreter

MODULES = [m.name for m in pkgutil.iter_modules(dy2st.passes.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    module = importlib.import_module(f"dy2st.passes.{name}")
    assert doctest.testmod(module).failed == 0


X = np.array([[0.5, -1.0], [2.0, 0.0]], np.float32)
PROGRAMS = {
    "dead code in a branch": (
        """program f(%c: bool[], %x: f32[N, 2]) {
            %0 = if(%c) {
              %1 = tanh(%x) : f32[N, 2]
              %2 = exp(%x) : f32[N, 2]
              yield(%1)
            } else {
              yield(%x)
            } : f32[N, 2]
            return(%0)
        }""",
        {"exp": 0, "tanh": 1},
    ),
    "an if that only prints stays": (
        """program f(%c: bool[], %x: f32[N, 2]) {
            if(%c) { print(template=["hello", N, "\\n"])
              yield() } else { yield() }
            return(%x)
        }""",
        {"if": 1, "print": 1},
    ),
    "an item that nobody needs goes": (
        """program f(%c: bool[], %x: f32[N, 2]) {
            %n = constant(name="n", value=array(i64, [3])) : i64[1]
            item(%n, symbol=u0)
            item(%n, symbol=u1)
            print(template=[u1])
            return(%x)
        }""",
        {"item": 1},
    ),
    "equal operations across a branch": (
        """program f(%c: bool[], %x: f32[N, 2]) {
            %0 = tanh(%x) : f32[N, 2]
            %1 = if(%c) {
              %2 = tanh(%x) : f32[N, 2]
              yield(%2)
            } else {
              yield(%x)
            } : f32[N, 2]
            %3 = tanh(%0) : f32[N, 2]
            return(%1, %3)
        }""",
        {"tanh": 2},
    ),
    "equal operations in two branches stay": (
        """program f(%c: bool[], %x: f32[N, 2]) {
            %1 = if(%c) {
              %2 = tanh(%x) : f32[N, 2]
              yield(%2)
            } else {
              %3 = tanh(%x) : f32[N, 2]
              yield(%3)
            } : f32[N, 2]
            return(%1)
        }""",
        {"tanh": 2},
    ),
    "a known branch": (
        """program f(%c: bool[], %x: f32[N, 2]) {
            %t = constant(name="t", value=array(bool, False)) : bool[]
            %0 = if(%t) {
              %1 = exp(%x) : f32[N, 2]
              yield(%1)
            } else {
              %2 = tanh(%x) : f32[N, 2]
              yield(%2)
            } : f32[N, 2]
            return(%0)
        }""",
        {"if": 0, "exp": 0, "tanh": 1, "constant": 0},
    ),
    "results that nobody reads": (
        """program f(%c: bool[], %x: f32[N, 2]) {
            %f = constant(name="f", value=array(bool, False)) : bool[]
            %0, %1 = if(%c) {
              %2 = tanh(%x) : f32[N, 2]
              %3 = exp(%x) : f32[N, 2]
              yield(%2, %3)
            } else {
              %4 = sin(%x) : f32[N, 2]
              yield(%x, %4)
            } : f32[N, 2], f32[N, 2]
            %g, %y, %z = while(%c, %x, %1)
                (%c1: bool[], %x1: f32[N, 2], %z1: f32[N, 2]) {
              yield(%c1)
            } do (%c2: bool[], %x2: f32[N, 2], %z2: f32[N, 2]) {
              %5 = cos(%x2) : f32[N, 2]
              %6 = exp(%z2) : f32[N, 2]
              yield(%f, %5, %6)
            } : bool[], f32[N, 2], f32[N, 2]
            return(%y, %0)
        }""",
        {"exp": 0, "sin": 0, "tanh": 1, "cos": 1},
    ),
    "a loop": (
        """program f(%c: bool[], %x: f32[N, 2]) {
            %f = constant(name="f", value=array(bool, False)) : bool[]
            %g, %y = while(%c, %x) (%c1: bool[], %x1: f32[N, 2]) {
              yield(%c1)
            } do (%c2: bool[], %x2: f32[N, 2]) {
              %3 = tanh(%x2) : f32[N, 2]
              %4 = tanh(%x2) : f32[N, 2]
              yield(%f, %4)
            } : bool[], f32[N, 2]
            return(%y)
        }""",
        {"while": 1, "tanh": 1},
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_pipeline(name):
    text, counts = PROGRAMS[name]
    program = parse_program(text)
    before = str(program)
    after = pipeline.run_pipeline(program)
    assert str(program) == before
    verify(after, infer)
    names = [op.name for op in after.walk()]
    assert {k: names.count(k) for k in counts} == counts
    for condition in (True, False):
        inputs = [np.array(condition), X]
        got = interpreter.run(after, inputs, {})
        want = interpreter.run(program, inputs, {})
        for g, w in zip(got, want, strict=True):
            np.testing.assert_array_equal(g, w)

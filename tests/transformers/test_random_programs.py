"""Random programs: converted code over Python values does what the original does."""

from __future__ import annotations

import itertools
import linecache

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from dy2st.transformers import convert_function

NAMES = ["a", "b", "c", "d", "s"]
_numbers = itertools.count()


class Stop(Exception):
    """The program ran long enough."""


class Writer:
    """Writes one random program; ``draw`` chooses."""

    def __init__(self, draw):
        self.draw = draw
        self.lines = []
        self.size = draw(st.integers(3, 30))
        self.has_nonlocal = False

    def pick(self, *choices):
        return self.draw(st.sampled_from(choices))

    def name(self):
        return self.pick(*NAMES)

    def expression(self, depth=2):
        if depth == 0:
            return self.pick("0", "1", "2", "-3", "a", "b", "c", "d", "s", "len(log)")
        e = lambda: self.expression(depth - 1)
        return self.pick(
            lambda: e(),
            lambda: f"({e()} {self.pick('+', '-')} {e()})",
            lambda: f"({e()} * {e()} % 1009)",
            lambda: f"({e()} % 7)",
            lambda: f"note({e()})",
            lambda: f"({e()} if {self.test(depth - 1)} else {e()})",
            lambda: f"({e()} {self.pick('and', 'or')} {e()})",
            lambda: f"(10 // {e()})",
            lambda: f"sum([x * {self.pick('2', 'a', 'x')} for x in range(abs({e()}) % 4)])",
            lambda: f"sum(x for x in range(3) if {self.test(depth - 1)})",
            lambda: f"({self.name()} := {e()})",
            lambda: f"(lambda x: x + {e()})({e()})",
            lambda: f"g({e()})",
            lambda: f"[{e()}, {e()}][{self.pick('0', '1', '-1', '2')}]",
            lambda: f"int(f'{{{e()}}}{{1:>{{2}}}}'[-2:])",
        )()

    def test(self, depth=1):
        e = lambda: self.expression(max(depth - 1, 0))
        return self.pick(
            lambda: f"{e()} {self.pick('<', '>', '==', '!=', '<=')} {e()}",
            lambda: f"{e()} < {e()} <= {e()}",
            lambda: f"not {e()}",
            lambda: f"{e()} in (1, 2, {e()})",
            lambda: f"{e()} is None",
            lambda: e(),
        )()

    def block(self, indent, depth, loop):
        before = len(self.lines)
        for _ in range(self.draw(st.integers(1, 4))):
            self.statement(indent, depth, loop)
            if self.size <= 0:
                break
        if len(self.lines) == before:
            self.add(indent, "pass")

    def add(self, indent, line):
        self.lines.append("    " * indent + line)

    def statement(self, indent, depth, loop):
        self.size -= 1
        simple = [self.assign, self.assign, self.augment, self.effect, self.effect, self.jump]
        rare = [self.delete, self.unpack, self.raising]
        nested = [self.if_, self.if_, self.while_, self.for_, self.try_, self.with_, self.inner]
        choices = simple + rare + (nested if depth > 0 else [])
        self.draw(st.sampled_from(choices))(indent, depth - 1, loop)

    def assign(self, indent, depth, loop):
        target = self.pick("a", "b", "c", "d", "s", "box['k']", "box['m']", "c = d")
        self.add(indent, f"{target} = {self.expression()}")

    def augment(self, indent, depth, loop):
        target = self.pick("a", "b", "c", "s", "box['k']")
        self.add(indent, f"{target} {self.pick('+=', '-=', '|=')} {self.expression(1)}")

    def effect(self, indent, depth, loop):
        self.add(indent, f"log.append({self.expression()})")

    def delete(self, indent, depth, loop):
        self.add(indent, self.pick("del d", "del c", "box.pop('m', None)", "del box['m']"))

    def unpack(self, indent, depth, loop):
        self.add(indent, self.pick("a, b = b, a", "c, (d, *s) = a, (b, 1, 2); s = s[0]"))

    def raising(self, indent, depth, loop):
        self.add(
            indent,
            self.pick("raise ValueError('v')", f"assert {self.test()}, note('m')", "{}['missing']"),
        )

    def jump(self, indent, depth, loop):
        jumps = [f"return {self.expression(1)}", "return", *(["break", "continue"] * bool(loop))]
        self.add(indent, f"if {self.test()}: {self.draw(st.sampled_from(jumps))}")

    def if_(self, indent, depth, loop):
        self.add(indent, f"if {self.test()}:")
        self.block(indent + 1, depth, loop)
        if self.draw(st.booleans()):
            self.add(indent, f"elif {self.test()}:")
            self.block(indent + 1, depth, loop)
        if self.draw(st.booleans()):
            self.add(indent, "else:")
            self.block(indent + 1, depth, loop)

    def while_(self, indent, depth, loop):
        self.add(indent, f"while fuel() and {self.test()}:")
        self.block(indent + 1, depth, True)
        self.else_(indent, depth, loop)

    def for_(self, indent, depth, loop):
        iterable = self.pick("range(3)", "[1, a, 2]", "range(abs(a) % 5)", "sorted(box)", "[]")
        target = self.pick("a", "b", "i", "box['k']")
        if iterable == "sorted(box)":
            target = "i"
        self.add(indent, f"for {target} in {iterable}:")
        self.block(indent + 1, depth, True)
        self.else_(indent, depth, loop)

    def else_(self, indent, depth, loop):
        if self.draw(st.booleans()):
            self.add(indent, "else:")
            self.block(indent + 1, depth, loop)

    def try_(self, indent, depth, loop):
        self.add(indent, "try:")
        self.block(indent + 1, depth, loop)
        kind = self.pick("except", "finally", "both", "else")
        if kind != "finally":
            clause = self.pick("ValueError", "(KeyError, ZeroDivisionError)", "Exception as e")
            self.add(indent, f"except {clause}:")
            self.block(indent + 1, depth, loop)
        if kind == "else":
            self.add(indent, "else:")
            self.block(indent + 1, depth, loop)
        if kind in ("finally", "both"):
            self.add(indent, "finally:")
            self.block(indent + 1, depth, loop)

    def with_(self, indent, depth, loop):
        self.add(indent, self.pick("with manager(log):", "with manager(log, True) as b:"))
        self.block(indent + 1, depth, loop)

    def inner(self, indent, depth, loop):
        self.add(indent, "def h(x):")
        if self.draw(st.booleans()):
            self.add(indent + 1, "nonlocal c, s")
            self.has_nonlocal = True
        else:
            self.add(indent + 1, "c = s = 1")
        size, self.size = self.size, min(self.size, 4)
        # No stores to the outer a, b, d: they are locals of `h` where it assigns them.
        self.block(indent + 1, min(depth, 1), False)
        self.size = size
        self.add(indent, f"log.append(h({self.expression(1)}))")


@st.composite
def programs(draw):
    writer = Writer(draw)
    writer.add(0, "def f(a, b, log, note, fuel, manager, g):")
    writer.add(1, "c = s = i = 0")
    writer.add(1, "box = {'k': 1}")
    if draw(st.booleans()):
        writer.add(1, "d = 5")
    while writer.size > 0:
        writer.statement(1, 3, False)
    writer.add(1, "return a, b, c, box, i")
    return "\n".join(writer.lines) + "\n"


def observe(function, a, b):
    """Everything that a caller sees of one call."""
    log, fuel = [], iter(range(60))

    def use_fuel():
        if next(fuel, None) is None:
            raise Stop
        return True

    def remember(x):
        log.append(("note", x))
        if len(log) > 500:
            raise Stop
        return x

    class Manager:
        def __init__(self, log, swallow=False):
            self.swallow = swallow

        def __enter__(self):
            log.append("enter")
            return 4

        def __exit__(self, kind, value, trace):
            log.append(("exit", kind))
            return self.swallow

    try:
        result = function(a, b, log, remember, use_fuel, Manager, lambda x: remember(x))
    except Exception as error:
        result = type(error), str(error) if not isinstance(error, NameError) else ""
    return repr(result), [repr(x)[:200] for x in log]


def check(source):
    try:
        code = compile(source, "<check>", "exec")
    except SyntaxError:
        return  # e.g. a walrus that rebinds the variable of a comprehension
    name = f"<random {next(_numbers)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    scope = {}
    try:
        exec(compile(source, name, "exec"), scope)
        converted = convert_function(scope["f"])
        note(source)
        note(converted.code)
        for a, b in ((0, 1), (3, -2), (6, 5)):
            assert observe(converted.function, a, b) == observe(scope["f"], a, b)
    finally:
        del linecache.cache[name]
    del code


SETTINGS = dict(
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)


@given(programs())
@settings(max_examples=150, derandomize=True, **SETTINGS)
def test_random_programs(source):
    check(source)


@given(programs())
@settings(max_examples=100, derandomize=True, **SETTINGS)
def test_liveness_of_random_programs(plain_meaning, source):
    before, plain_meaning.STRICT_LIVENESS = plain_meaning.STRICT_LIVENESS, True
    try:
        check(source)
    finally:
        plain_meaning.STRICT_LIVENESS = before


@pytest.mark.nightly
@given(programs())
@settings(max_examples=5000, **SETTINGS)
def test_many_random_programs(source):
    check(source)

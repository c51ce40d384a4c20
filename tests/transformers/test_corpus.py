"""Converted code over Python values does exactly what the original does: results, errors, effects."""

from __future__ import annotations

import copy
import io
import warnings
from contextlib import redirect_stdout

import pytest
from corpus import control, exceptions, expressions, scoping  # noqa: F401
from corpus_case import CASES

from dy2st.source.positions import without_position
from dy2st.transformers import convert_function

# The interpreter's text names the function that it calls, which is `call`.
OTHER_TEXT = {"repeated_keyword", "star_argument_not_iterable"}


def run(function, args):
    """What a call does: its result, or its exception, and what it printed."""
    out = io.StringIO()
    with redirect_stdout(out):
        try:
            result = ("returns", function(*args))
        except BaseException as error:
            result = ("raises", type(error), str(error))
    return result, out.getvalue()


def same(a, b):
    """Equality that also looks at types, and at objects' attributes where they compare by identity."""
    if type(a) is not type(b) and type(a).__qualname__ != type(b).__qualname__:
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(
            same(list(x), list(y)) for x, y in zip(a.items(), b.items())
        )
    return a == b or a is b


@pytest.mark.parametrize(
    ("function", "args"), CASES, ids=[f"{f.__name__}{i}" for i, (f, _) in enumerate(CASES)]
)
def test_same_as_the_original(function, args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = run(function, copy.deepcopy(args))
        converted = convert_function(function)
        found = run(converted.function, copy.deepcopy(args))
    if function.__name__ in OTHER_TEXT:
        found, expected = found[0][:2], expected[0][:2]
    assert same(found, expected), f"\n{converted.code}\n\nfound    {found}\nexpected {expected}"


@pytest.mark.parametrize(
    ("function", "args"), CASES, ids=[f"{f.__name__}{i}" for i, (f, _) in enumerate(CASES)]
)
def test_nothing_misses_a_name_that_is_not_live(function, args, plain_meaning, monkeypatch):
    monkeypatch.setattr(plain_meaning, "STRICT_LIVENESS", True)
    test_same_as_the_original(function, args)


@pytest.mark.parametrize("function", [f for f, _ in CASES], ids=lambda f: f.__name__)
def test_positions_and_metadata(function):
    converted = convert_function(function)
    made = converted.function
    assert not without_position(converted._template.tree)
    for name in (
        "__name__",
        "__qualname__",
        "__module__",
        "__doc__",
        "__defaults__",
        "__globals__",
    ):
        assert getattr(made, name) == getattr(function, name)
    assert made.__code__.co_filename == function.__code__.co_filename
    lines = {line for _, _, line in made.__code__.co_lines() if line}
    first = function.__code__.co_firstlineno
    last = max(line for line in _all_lines(function.__code__))
    assert all(first <= line <= last + 1 for line in lines)
    compile(converted.code, "<code>", "exec")


def _all_lines(code):
    for _, _, line in code.co_lines():
        if line:
            yield line
    for constant in code.co_consts:
        if hasattr(constant, "co_lines"):
            yield from _all_lines(constant)


def test_the_corpus_is_wide():
    assert len({f for f, _ in CASES}) >= 150

"""Functions of the standard library, converted, do what they did (pure Python, with sources)."""

from __future__ import annotations

import contextlib
import difflib
import fractions
import heapq
import inspect
import json.decoder
import json.encoder
import json.scanner
import random
import statistics
import string
import textwrap
import tokenize
import types
from fractions import Fraction

import pytest

from dy2st.errors import UnsupportedFeatureError
from dy2st.source.positions import without_position
from dy2st.transformers import convert_function

MODULES = [textwrap, json.decoder, json.encoder, heapq, difflib, statistics, fractions, contextlib,
           tokenize, string, inspect, random]  # fmt: skip


def functions_of(module):
    """Every plain function of a module and of its classes."""
    owners = [module] + [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
    for owner in owners:
        for name, value in vars(owner).items():
            function = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
            if isinstance(function, types.FunctionType) and function.__module__ == module.__name__:
                yield owner, name, value, function


@contextlib.contextmanager
def converted(module, meaning):
    """The module with every function replaced by its converted form."""
    before = []
    for owner, name, value, function in list(functions_of(module)):
        try:
            made = convert_function(function)
        except UnsupportedFeatureError:
            continue
        assert not without_position(made._template.tree), name
        new = made.function
        if isinstance(value, (staticmethod, classmethod)):
            new = type(value)(new)
        elif isinstance(value, property):
            new = property(new, value.fset, value.fdel)
        elif value is not function:
            continue
        before.append((owner, name, value))
        setattr(owner, name, new)
    meaning._FILES.add(module.__file__)
    try:
        yield
    finally:
        meaning._FILES.discard(module.__file__)
        for owner, name, value in before:
            setattr(owner, name, value)


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_everything_converts(module):
    refused = []
    count = 0
    for _, name, _, function in functions_of(module):
        try:
            convert_function(function).code  # noqa: B018
            count += 1
        except UnsupportedFeatureError as error:
            refused.append((name, str(error)))
    assert count > 3
    for name, message in refused:
        assert "coroutine" in message or "caller" in message or "asynchronous" in message, name


def wrap_text():
    text = "The quick brown fox, jumps-over the lazy dog.  " * 4 + "\tx\n\nsupercalifragilistic"
    return [
        textwrap.wrap(text, 20),
        textwrap.fill(text, 30, initial_indent="* ", subsequent_indent="  "),
        textwrap.shorten(text, 40),
        textwrap.dedent("   a\n     b\n   c"),
        textwrap.indent("a\n\nb", "> "),
        textwrap.wrap(text, 10, break_long_words=False, max_lines=3, drop_whitespace=False),
    ]


def decode_json():
    scanner = json.scanner.py_make_scanner
    decoder = json.decoder.JSONDecoder()
    decoder.parse_string = json.decoder.py_scanstring
    decoder.scan_once = scanner(decoder)
    found = [
        decoder.decode(text)
        for text in (
            '{"a": [1, 2.5, -3e2, {"b": null}], "c": "\\u00e9\\n\\ud83d\\ude00"}',
            "[]",
            " 5 ",
        )
    ]
    for bad in ('{"a" 1}', "[1,", '"\\x"', "{1: 2}", ""):
        try:
            decoder.decode(bad)
        except json.decoder.JSONDecodeError as error:
            found.append((error.msg, error.pos, error.lineno, error.colno))
    encoder = json.encoder.JSONEncoder(indent=2, sort_keys=True)
    found.append("".join(encoder.iterencode({"b": [1, {"a": (2, None)}], "a": 1.5})))
    return found


def heaps():
    rng = random.Random(5)
    data = [rng.randrange(50) for _ in range(40)]
    heap = list(data)
    heapq_py = {name: getattr(heapq, name) for name in ("_heapify_max", "nlargest", "nsmallest")}
    heapq_py["_heapify_max"](heap)
    return [
        heap,
        heapq.nlargest(5, data, key=lambda x: -x),
        heapq.nsmallest(3, data),
        list(heapq.merge([1, 4, 9], [2, 3], [5], reverse=False)),
    ]


def differences():
    a, b = "one two three four".split(), "zero one tree four".split()
    matcher = difflib.SequenceMatcher(None, "qabxcd", "abycdf")
    return [
        list(difflib.ndiff(a, b)),
        list(difflib.unified_diff(a, b, lineterm="")),
        matcher.get_opcodes(),
        matcher.ratio(),
        difflib.get_close_matches("appel", ["ape", "apple", "peach"]),
        list(matcher.get_matching_blocks()),
        list(difflib.context_diff(a, b, lineterm="")),
    ]


def figures():
    data = [2.5, 3.25, 5.5, 11.25, 11.75]
    return [
        statistics.mean(data),
        statistics.variance(data),
        statistics.stdev(data),
        statistics.median([3, 1, 2]),
        statistics.quantiles(data, n=4),
        statistics.mode("aabbb"),
        statistics.multimode("aabb"),
        statistics.linear_regression([1, 2, 3], [2, 4, 7]),
        statistics.harmonic_mean([40, 60]),
        statistics.NormalDist(1, 2).cdf(1.5),
        statistics.fmean([1, 2]),
        _error(lambda: statistics.mean([])),
    ]


def fraction_arithmetic():
    f = Fraction
    return [
        f(3, 4) + f("1/3") - 2,
        f(22, 7).limit_denominator(5),
        f("0.125") ** 2 / f(5, 3),
        f(7, 2) // 1,
        f(7, 2) % 2,
        round(f(7, 3), 1),
        str(f(-3, 9)),
        hash(f(1, 2)) == hash(0.5),
        f(1, 3) < 0.5 <= f(1, 2),
        _error(lambda: f(1, 0)),
        _error(lambda: f("x")),
    ]


def _error(thunk):
    try:
        thunk()
    except Exception as error:
        return type(error).__name__, str(error)


def signatures():
    def f(a, /, b: int = 3, *args, c, d=4, **kw) -> str:
        """Doc.

        More.
        """

    s = inspect.signature(f)
    return [
        str(s),
        s.bind(1, 2, 3, c=4, e=5).arguments,
        inspect.getdoc(f),
        _error(lambda: s.bind(1)),
        inspect.cleandoc("  a\n    b"),
    ]


@pytest.mark.parametrize(
    ("module", "use"),
    [
        (textwrap, wrap_text),
        (json.decoder, decode_json),
        (json.encoder, decode_json),
        (heapq, heaps),
        (difflib, differences),
        (statistics, figures),
        (fractions, fraction_arithmetic),
        (inspect, signatures),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_same_results(module, use, plain_meaning):
    expected = use()
    with converted(module, plain_meaning):
        found = use()
    assert found == expected
    assert [type(x) for x in found] == [type(x) for x in expected]

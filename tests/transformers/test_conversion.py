"""``convert_function``: sharing with the original, caching, what is refused and how."""

from __future__ import annotations

import gc
import pdb
import traceback
import weakref

import pytest

from dy2st.errors import UnsupportedFeatureError
from dy2st.transformers import contains_breakpoint, conversion, convert_function, is_converted

GLOBAL = 1


def test_globals_and_cells_are_shared():
    cell = 1

    def f(x):
        if x:
            return GLOBAL, cell
        return None

    def bump():
        nonlocal cell
        for _ in range(1):
            cell += 1

    made, made_bump = convert_function(f).function, convert_function(bump).function
    assert made(1) == (1, 1)
    cell = 5
    globals()["GLOBAL"] = 7
    try:
        assert made(1) == (7, 5)
        made_bump()
        assert cell == 6
        assert made(1) == (7, 6)
    finally:
        globals()["GLOBAL"] = 1
    assert made.__globals__ is f.__globals__


def test_defaults_and_attributes_follow_the_original():
    def f(a=1, *, b=2):
        return a, b

    f.tag = "t"
    assert convert_function(f).function() == (1, 2)
    assert convert_function(f).function.tag == "t"
    f.__defaults__ = (5,)
    f.__kwdefaults__ = {"b": 6}
    assert convert_function(f).function() == (5, 6)

    def g(a):
        return a * 10

    f.__code__ = g.__code__
    assert convert_function(f).function(2) == 20


def test_code_is_converted_once(monkeypatch):
    def make(n):
        def f(x):
            while x < n:
                x += 1
            return x

        return f

    first = convert_function(make(3))
    monkeypatch.setattr(conversion, "parse_function", None)
    second = convert_function(make(9))
    assert (first.function(0), second.function(0)) == (3, 9)
    assert first.function.__code__ is second.function.__code__
    assert first.code is second.code


def test_nothing_is_kept_alive():
    import linecache

    source = "def f(x):\n    def g(y): return f if y else x\n    return g\n"
    linecache.cache["<kept>"] = (len(source), None, source.splitlines(True), "<kept>")
    scope = {}
    exec(compile(source, "<kept>", "exec"), scope)
    made = convert_function(scope["f"])
    keys = id(scope["f"].__code__), id(made.function.__code__)
    assert keys[0] in conversion._templates
    assert keys[1] in conversion._by_generated
    inner = made.function(1)
    convert_function(scope["f"](1))
    gone = weakref.ref(scope["f"])
    generated = weakref.ref(made.function.__code__)
    del made, inner
    scope.clear()
    gc.collect()
    assert gone() is None
    assert generated() is None
    assert keys[0] not in conversion._templates
    assert keys[1] not in conversion._by_generated


def test_converted_functions_are_known():
    def f(x):
        def g(y):
            return y + x

        return g

    made = convert_function(f)
    inner = made.function(1)
    assert not is_converted(f)
    assert not is_converted(len)
    assert is_converted(made.function)
    assert is_converted(inner)
    again = convert_function(made.function)
    assert again.function is made.function
    assert again.code == made.code
    assert convert_function(inner).function is inner


def test_global_names():
    def f(x, ys):
        import math

        class K:
            z = GLOBAL

        return [len(y) + undefined + math.pi for y in ys] or (lambda: gc)  # noqa: F821

    names = convert_function(f).global_names
    assert set(names) >= {"GLOBAL", "len", "undefined", "gc"}
    assert not {"x", "ys", "y", "math", "K", "_d"} & set(names)
    assert not [name for name in names if name.startswith("_list")]


def test_generators_are_told():
    def f():
        yield 1

    def g():
        return (x for x in [1])

    assert convert_function(f).is_generator
    assert not convert_function(g).is_generator


def test_only_python_functions():
    with pytest.raises(TypeError):
        convert_function(len)


def breaks(x):
    if x:
        breakpoint()
    return x


def traces(x):
    pdb.set_trace()
    return x


def traces_inside(xs):
    def f(x):
        pdb.Pdb().set_trace()
        return x

    return [f(x) for x in xs]


def mentions(x):
    """breakpoint() in words only; set_trace."""
    breakpoints = "breakpoint()"
    set_trace = x
    return breakpoints, set_trace, x.set_trace


@pytest.mark.parametrize("function", [breaks, traces, traces_inside])
def test_functions_with_breakpoints(function, monkeypatch):
    made = convert_function(function)
    assert made.has_breakpoint
    assert "_d.debugger(" in made.code
    assert "_d.if_" not in made.code
    assert contains_breakpoint(conversion._templates[id(function.__code__)][1].tree) is False
    stops = []
    monkeypatch.setattr("python_meaning.debugger", lambda function: lambda: stops.append(function))
    argument = [1, 2] if function is traces_inside else 1
    assert made.function(argument) == argument
    assert len(stops) == (2 if function is traces_inside else 1)


def test_function_without_breakpoints():
    assert not convert_function(mentions).has_breakpoint


# What is refused


async def coroutine(x):
    return x


def inner_coroutine(x):
    async def f():
        return x

    return f


def uses_locals(x):
    return locals()


def uses_vars(x):
    if x:
        return vars()
    return None


def uses_dir(x):
    return [dir() for _ in x]


def uses_eval(x):
    return eval("x + 1")


def uses_exec(x):
    exec("y = x")
    return x


REFUSED = {
    coroutine: "coroutine",
    inner_coroutine: "coroutine",
    uses_locals: "locals()",
    uses_vars: "vars()",
    uses_dir: "dir()",
    uses_eval: "eval('x + 1')",
    uses_exec: "exec('y = x')",
}


@pytest.mark.parametrize("function", REFUSED, ids=lambda f: f.__name__)
def test_refused_by_file_line_and_name(function):
    with pytest.raises(UnsupportedFeatureError) as caught:
        convert_function(function)
    error = caught.value
    assert REFUSED[function] in error.message
    where = error.location
    first = function.__code__.co_firstlineno
    assert where.file == __file__
    assert first <= where.line <= first + 3
    assert error.remedy
    for text in (str(error), "".join(traceback.format_exception_only(type(error), error))):
        assert __file__ in text
        assert str(where.line) in text
        assert "    ^" in text
        assert "remedy: " in text
        assert "not_to_static" in text


def looks_alike(x):
    vars = eval = lambda *a: a
    return vars(), eval(x), dir(x), globals()["GLOBAL"]


def test_what_only_looks_like_it_is_not_refused():
    assert convert_function(looks_alike).function(3) == looks_alike(3)


def test_debug_level_prints_the_code(capsys):
    from dy2st import debug

    def f(x):
        return x if x else 1

    with debug.verbosity(3):
        convert_function(f)
    text = capsys.readouterr().err
    assert "_d.ifexp(x, lambda: x, lambda: 1)" in text
    assert "test_conversion.py" in text

"""From function objects to trees: lambdas, classes, decorators, closures, code without files."""

from __future__ import annotations

import ast
import doctest
import functools
import linecache
import textwrap

import pytest

from dy2st.errors import SourceNotFoundError
from dy2st.source.parse import parse_function


def text(function):
    return ast.unparse(parse_function(function).node)


def body(function):
    return ast.unparse(ast.Module(parse_function(function).node.body, []))


def test_lambdas_on_one_line():
    f, g, h = (lambda x: x + 1), (lambda x: x + 2), (lambda x: lambda y: x + 3)
    assert body(f) == "return x + 1"
    assert body(g) == "return x + 2"
    assert body(h) == "return lambda y: x + 3"
    assert body(h(1)) == "return x + 3"


def test_lambdas_on_one_line_without_columns():
    """As on Python 3.10, or with -X no_debug_ranges: told apart by what they compile to."""
    free = 5
    f, g, h = (lambda x: x + 1), (lambda x: x + free), (lambda x: x + 1.0)
    for function, expected in ((f, "x + 1"), (g, "x + free"), (h, "x + 1.0")):
        from dy2st.source import parse

        found = parse._find(function)
        assert ast.unparse(found[0].body) == expected
        every = [pair for pair in _lambdas_at(function)]
        chosen = [node for node, _ in every if parse._same_code(node, function.__code__)]
        assert [ast.unparse(node.body) for node in chosen] == [expected]


def _lambdas_at(function):
    from dy2st.source import parse

    lines = linecache.getlines(__file__)
    tree = ast.parse("".join(lines))
    return parse._functions(tree, function.__code__.co_firstlineno, None)


def test_lambda_over_several_lines():
    f = functools.partial(
        lambda a, *, b=(1, 2): [
            a,
            b,
        ],
        3,
    )
    assert body(f.func) == "return [a, b]"


def decorator(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(*args)

    return wrapper


@decorator
@decorator
def decorated(x):
    return x * 3


def test_decorators():
    assert text(decorated).startswith("def wrapper(*args):")
    inner = decorated.__wrapped__.__wrapped__
    assert text(inner) == "def decorated(x):\n    return x * 3"
    assert parse_function(inner).location.line == inner.__code__.co_firstlineno + 2


def test_closures_tell_their_free_variables():
    a = 1

    def inner(x):
        if x:
            return a
        return decorated

    assert parse_function(inner).freevars == ("a",)


class Outer:
    class __Inner:
        def __f(self, __x, **__kw):
            global __g
            from os import path as __p  # noqa: F401

            import __m as __n  # noqa: F401

            self.__y = __x
            __g = self.__dunder__
            return [__z for __z in __kw], dict(__k=1), lambda __q: __q

        class Nested:
            def f(self):
                return self.__deep

    _Inner = __Inner


def test_private_names_are_mangled_as_in_their_class():
    found = text(Outer._Inner._Inner__f)
    assert found == textwrap.dedent(
        """\
        def _Inner__f(self, _Inner__x, **_Inner__kw):
            global _Inner__g
            from os import path as _Inner__p
            import __m as _Inner__n
            self._Inner__y = _Inner__x
            _Inner__g = self.__dunder__
            return ([_Inner__z for _Inner__z in _Inner__kw], dict(_Inner__k=1), lambda _Inner__q: _Inner__q)"""
    )
    assert "self._Nested__deep" in text(Outer._Inner.Nested.f)


def test_same_name_twice_in_one_file():
    made = []
    for _ in range(1):

        def f(x):
            return 1

        made.append(f)

        def f(x):
            return 2

        made.append(f)
    assert [body(f) for f in made] == ["return 1", "return 2"]


def test_exec_without_source_is_refused():
    scope = {}
    exec("def f(x):\n    return x", scope)
    with pytest.raises(SourceNotFoundError) as caught:
        parse_function(scope["f"])
    assert caught.value.location.line == 1
    assert "not_to_static" in str(caught.value)


def test_exec_with_lines_in_linecache():
    source = "def f(x):\n    return x + 41\n"
    name = "<cell 1>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    scope = {}
    exec(compile(source, name, "exec"), scope)
    assert body(scope["f"]) == "return x + 41"
    # The next cell of the same name.
    source = "\n\ndef f(x):\n    return x + 42\n"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, "exec"), scope)
    assert body(scope["f"]) == "return x + 42"


def test_doctest():
    example = doctest.DocTestParser().get_doctest(
        ">>> def f(x):\n...     return x - 7\n>>> print(body(f))\nreturn x - 7\n",
        {"body": body},
        "an example",
        None,
        None,
    )
    assert doctest.DocTestRunner(verbose=False).run(example).failed == 0


def test_file_edited_since(tmp_path):
    path = tmp_path / "edited.py"
    path.write_text("def f(x):\n    y = x\n    return y\n")
    scope = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    path.write_text("# a comment\n\ndef f(x):\n    return x\n")
    linecache.checkcache(str(path))
    with pytest.raises(SourceNotFoundError, match="any more"):
        parse_function(scope["f"])
    path.write_text("def f(x):\n    z = x\n    return z\n")
    linecache.checkcache(str(path))
    with pytest.raises(SourceNotFoundError, match="changed since"):
        parse_function(scope["f"])


def test_text_at_the_margin_inside_of_a_string():
    """The quick way takes the lines up to the next one that starts at the margin."""
    path = "<margin>"
    source = 'class A:\n    def f(self):\n        x = """\nclass B:\ndef g(): pass\n"""\n        return x\n'
    linecache.cache[path] = (len(source), None, source.splitlines(True), path)
    scope = {}
    exec(compile(source, path, "exec"), scope)
    assert body(scope["A"].f).startswith("x = '\\nclass B:")


def test_conditional_definition_and_decorated_class():
    path = "<conditional>"
    source = (
        "if True:\n    def f(x):\n        return 1\nelse:\n    def f(x):\n        return 2\n"
        "def deco(c):\n    return c\n"
        "@deco\n@deco\nclass K:\n    def m(self):\n        return 3\n"
        "try:\n    def g(): return 4\nexcept ValueError:\n    pass\n"
    )
    linecache.cache[path] = (len(source), None, source.splitlines(True), path)
    scope = {}
    exec(compile(source, path, "exec"), scope)
    assert body(scope["f"]) == "return 1"
    assert body(scope["K"].m) == "return 3"
    assert body(scope["g"]) == "return 4"


def test_trees_are_not_shared():
    first, second = parse_function(decorated.__wrapped__), parse_function(decorated.__wrapped__)
    first.node.body.clear()
    assert second.node.body

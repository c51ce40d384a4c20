"""``return``, ``break`` and ``continue``."""

from __future__ import annotations

import ast

from dy2st.transformers.base import Transformer, Walk


class Return(Transformer):
    """In a generated function a ``return`` is an outcome; in the user's own it stays.

    >>> show("def f(c):\\n  while c:\\n    return c")
    def f(c):
        def _test_1():
            nonlocal c
            return c
        def _while_1():
            nonlocal c
            return _d.ret(c)
        def _rest_1():
            nonlocal c
            return _d.ret(None)
        return _d.result(_d.while_(_test_1, _while_1, None, ('c',), _rest_1))
    """

    nodes = (ast.Return,)

    def convert(self, node: ast.Return, walk: Walk) -> list[ast.stmt]:
        value = None if node.value is None else walk.expression(node.value)
        if walk.state.in_place or not walk.state.helper:
            node.value = value
            return [node]
        if value is None:
            value = ast.copy_location(ast.Constant(value=None), node)
        return walk.quote_block("return _d.ret(value)", node, value=value)


class Break(Transformer):
    """``break`` is an outcome of the loop's body.

    >>> show("def f(xs):\\n  for x in xs:\\n    break")
    def f(xs):
        if False:
            x = None
        def _for_1(_item_1):
            nonlocal xs, x
            x = _item_1
            return _d.BREAK
        _d.for_(xs, _for_1, None, ())
    """

    nodes = (ast.Break,)

    def convert(self, node: ast.Break, walk: Walk) -> list[ast.stmt]:
        return [node] if walk.state.in_place else walk.quote_block("return _d.BREAK", node)


class Continue(Transformer):
    """``continue`` is an outcome of the loop's body.

    >>> show("def f(xs):\\n  for x in xs:\\n    continue")
    def f(xs):
        if False:
            x = None
        def _for_1(_item_1):
            nonlocal xs, x
            x = _item_1
            return _d.CONTINUE
        _d.for_(xs, _for_1, None, ())
    """

    nodes = (ast.Continue,)

    def convert(self, node: ast.Continue, walk: Walk) -> list[ast.stmt]:
        return [node] if walk.state.in_place else walk.quote_block("return _d.CONTINUE", node)

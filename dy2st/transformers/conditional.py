"""``if``/``elif``/``else``."""

from __future__ import annotations

import ast

from dy2st.source.positions import header
from dy2st.transformers.base import ControlFlow, Walk


class If(ControlFlow):
    """An ``if`` becomes a call with its branches as functions.

    >>> show("def f(c, x):\\n  if c:\\n    x = x + 1\\n  else:\\n    x = 0\\n  return x")
    def f(c, x):
        def _if_1():
            nonlocal c, x
            x = x + 1
        def _else_1():
            nonlocal c, x
            x = 0
        _d.if_(c, _if_1, _else_1, ('x',))
        return x

    Where a branch jumps, what follows becomes a function too, so that each path ends in one outcome.

    >>> show("def f(c, x):\\n  if c:\\n    return 1\\n  return x")
    def f(c, x):
        def _if_1():
            nonlocal c, x
            return _d.ret(1)
        def _rest_1():
            nonlocal c, x
            return _d.ret(x)
        return _d.result(_d.if_(c, _if_1, None, ('x',), _rest_1))
    """

    nodes = (ast.If,)

    def convert(self, node: ast.If, walk: Walk) -> list[ast.stmt]:
        if not walk.state.in_place:
            return super().convert(node, walk)
        node.test = walk.quote("_d.truth(test)", node.test, test=walk.expression(node.test))
        node.body = walk.block(node.body)
        node.orelse = walk.block(node.orelse)
        return [node]

    def outcome(
        self, node: ast.If, walk: Walk, rest: ast.expr | None
    ) -> tuple[list[ast.stmt], ast.expr]:
        at = header(node)
        test = walk.expression(node.test)
        then, then_name = walk.body("if", node.body, at)
        orelse, else_name = walk.body("else", node.orelse, at)
        call = walk.quote(
            "_d.if_(test, then, orelse, live, rest)",
            at,
            test=test,
            then=then_name,
            orelse=else_name,
            live=walk.live(node, at),
            rest=[] if rest is None else [rest],
        )
        return [*then, *orelse], call

"""``while`` loops."""

from __future__ import annotations

import ast

from dy2st.source.positions import header
from dy2st.source.quote import quote_block
from dy2st.transformers.base import ControlFlow, Walk


class While(ControlFlow):
    """A ``while`` becomes a call with its test and its body as functions.

    >>> show("def f(n):\\n  while n > 1:\\n    n = n / 2\\n  return n")
    def f(n):
        def _test_1():
            nonlocal n
            return _d.compare(n, '>', lambda: 1)
        def _while_1():
            nonlocal n
            n = n / 2
        _d.while_(_test_1, _while_1, None, ('n',))
        return n
    """

    nodes = (ast.While,)

    def convert(self, node: ast.While, walk: Walk) -> list[ast.stmt]:
        if not walk.state.in_place:
            return super().convert(node, walk)
        node.test = walk.quote("_d.truth(test)", node.test, test=walk.expression(node.test))
        node.body = walk.block(node.body)
        node.orelse = walk.block(node.orelse)
        return [node]

    def outcome(
        self, node: ast.While, walk: Walk, rest: ast.expr | None
    ) -> tuple[list[ast.stmt], ast.expr]:
        at = header(node)
        test_name = walk.fresh.fresh("test")
        with walk.inside_helper():
            returned = walk.collected(
                lambda: quote_block("return test", at=node.test, test=walk.expression(node.test))
            )
            test = walk.helper(test_name, returned, node.test)
        body, body_name = walk.body("while", node.body, at)
        orelse, else_name = walk.body("else", node.orelse, at)
        call = walk.quote(
            "_d.while_(test, body, orelse, live, rest)",
            at,
            test=test_name,
            body=body_name,
            orelse=else_name,
            live=walk.live(node, at),
            rest=[] if rest is None else [rest],
        )
        return [*test, *body, *orelse], call

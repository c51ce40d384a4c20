"""``assert``."""

from __future__ import annotations

import ast

from dy2st.transformers.base import Transformer, Walk


class Assert(Transformer):
    """The message is evaluated only when the assertion fails.

    >>> show("def f(c, m):\\n  assert c, m.x")
    def f(c, m):
        _d.assert_(c, lambda: _d.get_attr(m, 'x'))
    """

    nodes = (ast.Assert,)

    def convert(self, node: ast.Assert, walk: Walk) -> list[ast.stmt]:
        if not __debug__:
            return walk.quote_block("pass", node)
        if walk.has_yield(node):
            return [walk.children(node)]
        test = walk.expression(node.test)
        message = [] if node.msg is None else [walk.thunk(node.msg)]
        call = walk.quote("_d.assert_(test, message)", node, test=test, message=message)
        return [ast.copy_location(ast.Expr(value=call), node)]

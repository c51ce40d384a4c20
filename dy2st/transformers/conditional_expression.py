"""``a if c else b``."""

from __future__ import annotations

import ast

from dy2st.transformers.base import Transformer, Walk


class IfExp(Transformer):
    """Only the chosen side is evaluated.

    >>> show("def f(c, a, b):\\n  return a if c else b")
    def f(c, a, b):
        return _d.ifexp(c, lambda: a, lambda: b)
    """

    nodes = (ast.IfExp,)

    def convert(self, node: ast.IfExp, walk: Walk) -> ast.expr:
        if walk.has_yield(node):
            made: ast.IfExp = walk.children(node)
            made.test = walk.quote("_d.truth(test)", made.test, test=made.test)
            return made
        test = walk.expression(node.test)
        then, orelse = walk.thunk(node.body), walk.thunk(node.orelse)
        call: ast.expr = walk.quote(
            "_d.ifexp(test, then, orelse)", node, test=test, then=then, orelse=orelse
        )
        return call

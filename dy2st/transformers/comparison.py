"""Comparisons, chained ones included."""

from __future__ import annotations

import ast

from dy2st.transformers.base import Transformer, Walk

_SYMBOLS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


class Compare(Transformer):
    """A chain stops at the first comparison that is false.

    >>> show("def f(a, b):\\n  return 0 < a <= b, a is not None")
    def f(a, b):
        return (_d.compare(0, '<', lambda: a, '<=', lambda: b), _d.compare(a, 'is not', lambda: None))
    """

    nodes = (ast.Compare,)

    def convert(self, node: ast.Compare, walk: Walk) -> ast.expr:
        if walk.has_yield(node):
            made: ast.expr = walk.children(node)
            return made
        left = walk.expression(node.left)
        pairs: list[ast.expr] = []
        for operator, operand in zip(node.ops, node.comparators):
            pairs.append(ast.copy_location(ast.Constant(value=_SYMBOLS[type(operator)]), node))
            pairs.append(walk.thunk(operand))
        call: ast.expr = walk.quote("_d.compare(left, pairs)", node, left=left, pairs=pairs)
        return call

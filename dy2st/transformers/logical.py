"""``and``, ``or``, ``not``."""

from __future__ import annotations

import ast

from dy2st.transformers.base import Transformer, Walk


class BoolOp(Transformer):
    """Short circuit: operands are evaluated when their turn comes.

    >>> show("def f(a, b):\\n  return a and b or a.c")
    def f(a, b):
        return _d.or_(lambda: _d.and_(lambda: a, lambda: b), lambda: _d.get_attr(a, 'c'))
    """

    nodes = (ast.BoolOp,)

    def convert(self, node: ast.BoolOp, walk: Walk) -> ast.expr:
        if walk.has_yield(node):
            made: ast.expr = walk.children(node)
            return made
        template = "_d.and_(parts)" if isinstance(node.op, ast.And) else "_d.or_(parts)"
        call: ast.expr = walk.quote(template, node, parts=[walk.thunk(v) for v in node.values])
        return call


class Not(Transformer):
    """``not`` of a tensor is a tensor.

    >>> show("def f(a):\\n  return not a, -a")
    def f(a):
        return (_d.not_(a), -a)
    """

    nodes = (ast.UnaryOp,)

    def convert(self, node: ast.UnaryOp, walk: Walk) -> ast.expr:
        operand = walk.expression(node.operand)
        if isinstance(node.op, ast.Not):
            call: ast.expr = walk.quote("_d.not_(operand)", node, operand=operand)
            return call
        node.operand = operand
        return node

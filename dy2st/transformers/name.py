"""Loads of local variables that some path leaves unbound, and walrus assignments."""

from __future__ import annotations

import ast

from dy2st.transformers.base import Transformer, Walk


class Name(Transformer):
    """Where data flow cannot prove that a local is bound, the load is checked.

    >>> show("def f(c):\\n  if c:\\n    x = 1\\n  return x")
    def f(c):
        if False:
            x = None
        def _if_1():
            nonlocal c, x
            x = 1
        _d.if_(c, _if_1, None, ('x',))
        return _d.local('x', lambda: x)
    """

    nodes = (ast.Name,)

    def convert(self, node: ast.Name, walk: Walk) -> ast.expr:
        if not getattr(node, "_unbound", False) or walk.state.in_place:
            return node
        text = ast.copy_location(ast.Constant(value=node.id), node)
        call: ast.expr = walk.quote("_d.local(text, lambda: name)", node, text=text, name=node.id)
        return call


class NamedExpr(Transformer):
    """A walrus binds the user's variable; in an operand that may not run it needs a ``def``.

    >>> show("def f(a):\\n  return a and (b := a.c)")
    def f(a):
        if False:
            b = None
        def _expr_1():
            nonlocal a, b
            return (b := _d.get_attr(a, 'c'))
        return _d.and_(lambda: a, _expr_1)
    """

    nodes = (ast.NamedExpr,)

    def convert(self, node: ast.NamedExpr, walk: Walk) -> ast.expr:
        node.value = walk.expression(node.value)
        return node

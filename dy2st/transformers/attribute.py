"""Attribute loads; stores are in ``assignment.py``, deletions in ``delete.py``."""

from __future__ import annotations

import ast

from dy2st.transformers.base import Transformer, Walk


class Attribute(Transformer):
    """Loads are noted, so that a value that Python changes later is guarded.

    >>> show("def f(x):\\n  return x.a.b")
    def f(x):
        return _d.get_attr(_d.get_attr(x, 'a'), 'b')
    """

    nodes = (ast.Attribute,)

    def convert(self, node: ast.Attribute, walk: Walk) -> ast.expr:
        name = ast.copy_location(ast.Constant(value=node.attr), node)
        owner = walk.expression(node.value)
        call: ast.expr = walk.quote("_d.get_attr(owner, name)", node, owner=owner, name=name)
        return call

"""Subscripts: loads here, stores in ``assignment.py``, deletions in ``delete.py``."""

from __future__ import annotations

import ast

from dy2st.transformers.base import Transformer, Walk


class Subscript(Transformer):
    """Loads of items.

    >>> show("def f(x, i):\\n  return x[i], x[1:, ..., 0]")
    def f(x, i):
        return (_d.get_item(x, i), _d.get_item(x, (_d.slice(1, None, None), ..., 0)))
    """

    nodes = (ast.Subscript,)

    def convert(self, node: ast.Subscript, walk: Walk) -> ast.expr:
        owner = walk.expression(node.value)
        call: ast.expr = walk.quote(
            "_d.get_item(owner, key)", node, owner=owner, key=key_of(node.slice, walk)
        )
        return call


def key_of(node: ast.expr, walk: Walk) -> ast.expr:
    """The key as an expression: slices become calls of ``slice``."""
    if isinstance(node, ast.Slice):
        nothing = ast.copy_location(ast.Constant(value=None), node)
        bounds = [
            nothing if part is None else walk.expression(part)
            for part in (node.lower, node.upper, node.step)
        ]
        call: ast.expr = walk.quote("_d.slice(bounds)", node, bounds=bounds)
        return call
    if isinstance(node, ast.Tuple):
        node.elts = [key_of(element, walk) for element in node.elts]
        return node
    return walk.expression(node)

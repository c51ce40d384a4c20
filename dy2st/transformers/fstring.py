"""f-strings."""

from __future__ import annotations

import ast

from dy2st.transformers.base import Transformer, Walk


class JoinedStr(Transformer):
    """Each field is formatted when its turn comes.

    >>> show("def f(x):\\n  return f'a{x!r:>{x}}b'")
    def f(x):
        return _d.join(['a', _d.format_(x, 'r', _d.join(['>', _d.format_(x, None, '')])), 'b'])
    """

    nodes = (ast.JoinedStr,)

    def convert(self, node: ast.JoinedStr, walk: Walk) -> ast.expr:
        if walk.has_yield(node) or all(isinstance(part, ast.Constant) for part in node.values):
            made: ast.expr = walk.children(node)
            return made
        empty = [p for p in node.values if isinstance(p, ast.Constant) and p.value == ""]
        parts = [self._part(part, walk) for part in node.values if part not in empty]
        call: ast.expr = walk.quote("_d.join([parts])", node, parts=parts)
        return call

    def _part(self, part: ast.expr, walk: Walk) -> ast.expr:
        if not isinstance(part, ast.FormattedValue):
            return part
        value = walk.expression(part.value)
        letter = chr(part.conversion) if part.conversion >= 0 else None
        conversion = ast.copy_location(ast.Constant(value=letter), part)
        spec: ast.expr = ast.copy_location(ast.Constant(value=""), part)
        if part.format_spec is not None:
            spec = walk.expression(part.format_spec)
        call: ast.expr = walk.quote(
            "_d.format_(value, conversion, spec)",
            part,
            value=value,
            conversion=conversion,
            spec=spec,
        )
        return call

"""``del``."""

from __future__ import annotations

import ast

from dy2st.transformers.base import Transformer, Walk
from dy2st.transformers.subscript import key_of


class Delete(Transformer):
    """Deletions of attributes, items, globals and outer variables go through the journal.

    >>> show("def f(x, o):\\n  del x, o.a, o[0]")
    def f(x, o):
        del x
        _d.del_attr(o, 'a')
        _d.del_item(o, 0)
    """

    nodes = (ast.Delete,)

    def convert(self, node: ast.Delete, walk: Walk) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for target in node.targets:
            made += self._delete(target, walk)
        return made

    def _delete(self, target: ast.expr, walk: Walk) -> list[ast.stmt]:
        if isinstance(target, (ast.Tuple, ast.List)):
            return [made for part in target.elts for made in self._delete(part, walk)]
        if isinstance(target, ast.Name):
            return self._delete_name(target, walk)
        assert isinstance(target, (ast.Attribute, ast.Subscript))
        owner = walk.expression(target.value)
        if isinstance(target, ast.Attribute):
            name = ast.copy_location(ast.Constant(value=target.attr), target)
            call = walk.quote("_d.del_attr(owner, name)", target, owner=owner, name=name)
        else:
            key = key_of(target.slice, walk)
            call = walk.quote("_d.del_item(owner, key)", target, owner=owner, key=key)
        return [ast.copy_location(ast.Expr(value=call), target)]

    def _delete_name(self, target: ast.Name, walk: Walk) -> list[ast.stmt]:
        scope, name = walk.state.scope, target.id
        text = ast.copy_location(ast.Constant(value=name), target)
        if name in scope.globals:
            call = walk.quote("_d.del_global(_d.globals(), text)", target, text=text)
        elif name in scope.nonlocals and not walk.state.in_place:
            call = walk.quote("_d.del_nonlocal(lambda: name)", target, name=name)
        else:
            made = walk.quote_block("del name", target, name=name)
            if getattr(target, "_unbound", False) and not walk.state.in_place:
                check = walk.quote("_d.local(text, lambda: name)", target, text=text, name=name)
                made.insert(0, ast.copy_location(ast.Expr(value=check), target))
            return made
        return [ast.copy_location(ast.Expr(value=call), target)]

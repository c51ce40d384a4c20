"""``with``."""

from __future__ import annotations

import ast

from dy2st.source.positions import header
from dy2st.source.quote import quote
from dy2st.transformers.assignment import is_plain, store
from dy2st.transformers.base import ControlFlow, Walk
from dy2st.transformers.try_statement import run_block


class With(ControlFlow):
    """``with`` stays Python's; where its block jumps, it becomes a function.

    >>> show("def f(g):\\n  with g() as g.x:\\n    g()")
    def f(g):
        with _d.call(g) as _entered_1:
            _d.set_attr(g, 'x', _entered_1)
            _d.call(g)
    """

    nodes = (ast.With,)

    def convert(self, node: ast.With, walk: Walk) -> list[ast.stmt]:
        return [self._native(node, walk)]

    def outcome(
        self, node: ast.With, walk: Walk, rest: ast.expr | None
    ) -> tuple[list[ast.stmt], ast.expr]:
        at = header(node)
        live = walk.live(node, at)
        name = walk.fresh.fresh("with")
        with walk.inside_helper():
            body = walk.collected(lambda: [self._native(node, walk)])
        return walk.helper(name, body, at), run_block(walk, at, name, live, rest)

    def _native(self, node: ast.With, walk: Walk) -> ast.With:
        for index, item in enumerate(node.items):
            item.context_expr = walk.expression(item.context_expr)
            target = item.optional_vars
            if target is None or is_plain(walk, target):
                continue
            name = walk.fresh.fresh("entered")
            item.optional_vars = ast.copy_location(ast.Name(id=name, ctx=ast.Store()), target)
            stores = walk.collected(lambda t=target: store(walk, t, quote("n", at=t, n=name)))  # type: ignore[misc]
            # The target is stored before the next manager is made.
            following = node.items[index + 1 :]
            if following:
                inner = ast.With(items=following, body=node.body, type_comment=None)
                body: list[ast.stmt] = [self._native(ast.copy_location(inner, node), walk)]
                node.items = node.items[: index + 1]
            else:
                body = walk.block(node.body)
            node.body = [*stores, *body]
            return node
        node.body = walk.block(node.body)
        return node

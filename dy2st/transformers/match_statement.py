"""``match``."""

from __future__ import annotations

import ast

from dy2st.source.positions import header
from dy2st.transformers.base import ControlFlow, Walk
from dy2st.transformers.try_statement import run_block


class Match(ControlFlow):
    """Patterns are matched by Python; a tensor-dependent guard or pattern is refused as it runs.

    >>> show("def f(x):\\n  match x:\\n    case [a, 0] if a > 1:\\n      x = a")
    def f(x):
        match x:
            case [a, 0] if _d.truth(_d.compare(a, '>', lambda: 1)):
                x = a
    """

    nodes = (ast.Match,)

    def convert(self, node: ast.Match, walk: Walk) -> list[ast.stmt]:
        return [self._native(node, walk)]

    def outcome(
        self, node: ast.Match, walk: Walk, rest: ast.expr | None
    ) -> tuple[list[ast.stmt], ast.expr]:
        at = header(node)
        live = walk.live(node, at)
        name = walk.fresh.fresh("match")
        with walk.inside_helper():
            body = walk.collected(lambda: [self._native(node, walk)])
        return walk.helper(name, body, at), run_block(walk, at, name, live, rest)

    def _native(self, node: ast.Match, walk: Walk) -> ast.Match:
        node.subject = walk.expression(node.subject)
        for case in node.cases:
            if case.guard is not None:
                guard = walk.expression(case.guard)
                case.guard = walk.quote("_d.truth(guard)", guard, guard=guard)
            case.body = walk.block(case.body)
        return node

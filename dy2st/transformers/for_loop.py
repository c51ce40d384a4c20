"""``for`` loops."""

from __future__ import annotations

import ast

from dy2st.source.positions import header
from dy2st.source.quote import quote
from dy2st.transformers.assignment import store
from dy2st.transformers.base import ControlFlow, Walk


class For(ControlFlow):
    """A ``for`` becomes a call whose body takes the item and stores it to the user's target.

    >>> show("def f(xs):\\n  s = 0\\n  for x in xs:\\n    s = s + x\\n  return s")
    def f(xs):
        if False:
            s = x = None
        s = 0
        def _for_1(_item_1):
            nonlocal xs, s, x
            x = _item_1
            s = _d.binary(s, '+', x)
        _d.for_(xs, _for_1, None, ('s',))
        return s
    """

    nodes = (ast.For,)

    def convert(self, node: ast.For, walk: Walk) -> list[ast.stmt]:
        if not walk.state.in_place:
            return super().convert(node, walk)
        node.iter = walk.quote("_d.iterate(xs)", node.iter, xs=walk.expression(node.iter))
        node.body = walk.block(node.body)
        node.orelse = walk.block(node.orelse)
        return [node]

    def outcome(
        self, node: ast.For, walk: Walk, rest: ast.expr | None
    ) -> tuple[list[ast.stmt], ast.expr]:
        at = header(node)
        iterable = walk.expression(node.iter)
        name, item = walk.fresh.fresh("for"), walk.fresh.fresh("item")
        with walk.inside_helper():
            value = quote("item", at=node.target, item=item)
            body = walk.collected(lambda: store(walk, node.target, value))
            body += walk.block(node.body)
        definition = walk.helper(name, body, at)
        function = definition[0]
        assert isinstance(function, ast.FunctionDef)
        function.args.args.append(ast.copy_location(ast.arg(arg=item, annotation=None), at))
        orelse, else_name = walk.body("else", node.orelse, at)
        call = walk.quote(
            "_d.for_(iterable, body, orelse, live, rest)",
            at,
            iterable=iterable,
            body=name,
            orelse=else_name,
            live=walk.live(node, at),
            rest=[] if rest is None else [rest],
        )
        return [*definition, *orelse], call

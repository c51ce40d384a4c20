"""``try``/``except``/``else``/``finally``."""

from __future__ import annotations

import ast

from dy2st.source.control import escapes
from dy2st.source.positions import header
from dy2st.transformers.base import ControlFlow, Walk


class Try(ControlFlow):
    """``try`` stays Python's; no handler of the user's eats an error of ours.

    >>> show("def f(g):\\n  try:\\n    x = g()\\n  except KeyError:\\n    x = 0\\n  return 1")
    def f(g):
        try:
            with _d.trying():
                x = _d.call(g)
        except _d.Dy2stError:
            raise
        except KeyError:
            x = 0
        return 1

    Where it jumps, it becomes a function, so that the jump is an outcome.

    >>> show("def f(g):\\n  try:\\n    return g()\\n  finally:\\n    g()")
    def f(g):
        def _try_1():
            nonlocal g
            try:
                with _d.trying():
                    return _d.ret(_d.call(g))
            finally:
                _d.call(g)
        def _rest_1():
            nonlocal g
            return _d.ret(None)
        return _d.result(_d.if_(True, _try_1, None, (), _rest_1))
    """

    nodes = (ast.Try,)

    def convert(self, node: ast.Try, walk: Walk) -> list[ast.stmt]:
        return self._native(node, walk)

    def outcome(
        self, node: ast.Try, walk: Walk, rest: ast.expr | None
    ) -> tuple[list[ast.stmt], ast.expr]:
        at = header(node)
        live = walk.live(node, at)
        name = walk.fresh.fresh("try")
        with walk.inside_helper():
            body = self._native(node, walk)
        definition = walk.helper(name, body, at)
        return definition, run_block(walk, at, name, live, rest)

    def _native(self, node: ast.Try, walk: Walk) -> list[ast.stmt]:
        at = header(node)
        if node.orelse and _jumps_inside(node.body, walk):
            body, orelse = self._with_else(node, walk, at)
        else:
            body, orelse = walk.block(node.body), walk.block(node.orelse)
        for handler in node.handlers:
            if handler.type is not None:
                handler.type = walk.expression(handler.type)
            handler.body = walk.block(handler.body)
        if _jumps_inside(node.finalbody, walk):
            node.finalbody = self._final(node, walk)
        else:
            node.finalbody = walk.block(node.finalbody)
        # A generator may be left and entered again inside of the block.
        if not walk.state.in_place:
            body = walk.quote_block("with _d.trying():\n body", at, body=body)
        node.body = body
        node.orelse = orelse
        if node.handlers:
            ours = walk.quote_block("try: pass\nexcept _d.Dy2stError: raise", at)[0]
            assert isinstance(ours, ast.Try)
            node.handlers = ours.handlers + node.handlers
        return [node]

    def _with_else(
        self, node: ast.Try, walk: Walk, at: ast.AST
    ) -> tuple[list[ast.stmt], list[ast.stmt]]:
        """A body that jumps from inside a branch: the ``else`` runs only where it fell through."""
        definition, name = walk.body("body", node.body, at)
        other, other_name = walk.body("else", node.orelse, at)
        outcome = walk.fresh.fresh("outcome")
        body = walk.quote_block("outcome = name()", at, outcome=outcome, name=name)
        orelse = walk.quote_block(
            "return _d.if_(True, lambda: outcome, None, live, rest)",
            at,
            outcome=outcome,
            live=walk.live(node, at),
            rest=other_name,
        )
        return [*definition, *body], [*other, *orelse]

    def _final(self, node: ast.Try, walk: Walk) -> list[ast.stmt]:
        """A ``finally`` that may jump: only a jump that is taken may end the function."""
        at = header(node.finalbody[0])
        definition, name = walk.body("finally", node.finalbody, at)
        outcome = walk.fresh.fresh("outcome")
        return [
            *definition,
            *walk.quote_block(
                "outcome = name()\n"
                "if _d.truth(_d.compare(outcome, 'is not', lambda: None)):\n"
                "    return outcome",
                at,
                outcome=outcome,
                name=name,
            ),
        ]


class TryStar(Try):
    """``except*`` (Python 3.11) cannot be jumped out of; it stays Python's."""

    nodes = (ast.TryStar,) if hasattr(ast, "TryStar") else ()  # type: ignore[assignment]

    def _native(self, node: ast.Try, walk: Walk) -> list[ast.stmt]:
        node.body = walk.block(node.body)
        for handler in node.handlers:
            handler.type = None if handler.type is None else walk.expression(handler.type)
            handler.body = walk.block(handler.body)
        node.orelse = walk.block(node.orelse)
        node.finalbody = walk.block(node.finalbody)
        return [node]


def _jumps_inside(body: list[ast.stmt], walk: Walk) -> bool:
    """Whether a compound statement of ``body`` jumps, which ends the generated function early."""
    return not walk.state.in_place and any(escapes(statement) for statement in body)


def run_block(
    walk: Walk, at: ast.AST, name: str, live: ast.expr, rest: ast.expr | None
) -> ast.expr:
    """A call that runs the block ``name`` and, where it fell through, ``rest``."""
    call: ast.expr = walk.quote(
        "_d.if_(True, name, None, live, rest)",
        at,
        name=name,
        live=live,
        rest=[] if rest is None else [rest],
    )
    return call

"""Names of values: today's programs know values by themselves, not by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate.edits import Replace
from dy2st.migrate.kinds import kind_of
from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import ScanRule

_FETCHING = ("fetch_list", "loss_name", "fetch_vars", "target_vars")
_MAKERS = ("inst:paddle.fluid.layers.", "inst:paddle.fluid.nets.", "inst:paddle.fluid.embedding")


class FetchByName(ScanRule):
    """``fetch_list=[loss.name]`` fetches the value itself; only inputs and parameters have names."""

    id = "PM260"
    name = "fetch_by_name"
    changes: ClassVar = (
        ("exe.run(main, fetch_list=[loss.name])", "exe.run(main, fetch_list=[loss])"),
    )

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """Every ``x.name`` that is fetched, or whose ``x`` is a layer's result."""
        if context.facts.dygraph and not context.facts.static:
            return
        fetched = _fetched_names(context)
        for chain in context.names.chains:
            node = chain.node
            if not isinstance(node, ast.Attribute) or node.attr != "name":
                continue
            if not isinstance(node.ctx, ast.Load):
                continue
            if _is_fetched(node, context, fetched) or _is_layer_result(node, chain.scope, context):
                yield node, chain.scope

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """Drop ``.name`` where the value is fetched; elsewhere the helper gives name or value."""
        assert isinstance(node, ast.Attribute)
        if _is_fetched(node, context, _fetched_names(context)):
            end = context.source.span(node)[1]
            context.edits.append(Replace(context.source.span(node.value)[1], end, b""))
            return "the value itself"
        if not context.options.compat:
            raise Decline("values have no name|hand the value itself on")
        return context.wrap("name_of", node, upto=node.value)


def _fetched_names(context: FileContext) -> set[str]:
    """The variables that are handed to ``fetch_list=``."""
    found = {"fetch_list", "fetches", "fetch_names", "fetch_vars"}
    for call, _ in context.names.calls:
        for keyword in call.keywords:
            if keyword.arg == "fetch_list" and isinstance(keyword.value, ast.Name):
                found.add(keyword.value.id)
    return found


def _is_fetched(node: ast.AST, context: FileContext, fetched: set[str]) -> bool:
    parents = context.names.parents
    inner, outer = node, parents.get(node)
    while isinstance(outer, (ast.List, ast.Tuple, ast.ListComp, ast.IfExp, ast.BinOp)):
        if isinstance(outer, ast.ListComp) and outer.elt is not inner:
            return False
        inner, outer = outer, parents.get(outer)
    if isinstance(outer, ast.keyword):
        return outer.arg in _FETCHING
    if isinstance(outer, ast.Assign) and isinstance(inner, (ast.List, ast.ListComp, ast.Tuple)):
        return any(isinstance(t, ast.Name) and t.id in fetched for t in outer.targets)
    if isinstance(outer, ast.Call) and isinstance(outer.func, ast.Attribute):
        target = outer.func.value
        adds = outer.func.attr in ("append", "extend", "insert")
        return adds and isinstance(target, ast.Name) and target.id in fetched
    return False


def _is_layer_result(node: ast.Attribute, scope: Scope, context: FileContext) -> bool:
    if kind_of(node.value, scope, context) == "gradient":
        return True
    candidates = context.names.resolve(node.value, scope)
    made = [c for c in candidates if c.startswith(_MAKERS) and ".layers.data" not in c]
    return bool(made) and len(made) == len(candidates)

"""Reductions: 1.x had no 0-D tensors, so a full reduction gave shape [1]."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate.calls import bind, literal, wrap_call
from dy2st.migrate.edits import Replace
from dy2st.migrate.forms import plain_call, to_helper
from dy2st.migrate.model import FileContext, Use
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import ScanRule, UseRule

_ONE_VALUE = {"inst:paddle.fluid.layers.accuracy", "inst:paddle.fluid.layers.mean"}


class Reduction(UseRule):
    """A reduction over all dimensions gave shape [1] and still does; over some it is a new name."""

    id = "PM203"
    name = "reduction"
    changes: ClassVar = (
        ("fluid.layers.reduce_sum(x)", "paddle.sum(x).reshape([1])"),
        ("fluid.layers.reduce_sum(x, dim=1)", "paddle.sum(x, axis=1)"),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Plain where the result's rank is certain; the row's helper otherwise."""
        if use.call is None:
            return None
        bound = bind(use.row, use.call)
        if bound.problem:
            return None
        dim = bound.given.get("dim")
        keep = bound.given.get("keep_dim")
        kept = literal(keep.value) if keep is not None else False
        if not isinstance(kept, bool):
            return None
        value = literal(dim.value) if dim is not None else None
        if value is None and not kept:
            new = plain_call(use, context, use.row.new)
            context.edits.append(wrap_call(use.call, "", ".reshape([1])", context.source))
            return new
        if kept or _rank_is_certain(value):
            return plain_call(use, context, use.row.new)
        return to_helper(use, context, use.row.helper)


def _rank_is_certain(dim: object) -> bool:
    """Whether a tensor that has these dimensions must have more than these."""
    dims = [dim] if isinstance(dim, int) else dim
    if not isinstance(dims, (list, tuple)) or not all(isinstance(d, int) for d in dims):
        return False
    return bool(dims) and all(d >= 0 for d in dims) and max(dims) + 1 > len(set(dims))


class FirstOfOne(ScanRule):
    """``accuracy(p, y)[0]`` had shape [1] like the whole: the index goes, it would give 0-D now."""

    id = "PM258"
    name = "first_of_one"
    changes: ClassVar = (
        ("acc = fluid.layers.accuracy(p, y)\nacc[0]", "acc = fluid_compat.accuracy(p, y)\nacc"),
    )

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """``[0]`` on what certainly has one value."""
        for chain in context.names.chains:
            parent = context.names.parents.get(chain.node)
            if not isinstance(parent, ast.Subscript) or parent.value is not chain.node:
                continue
            first = isinstance(parent.slice, ast.Constant) and literal(parent.slice) == 0
            if not first or not isinstance(parent.ctx, ast.Load):
                continue
            made = context.names.resolve(chain.node, chain.scope)
            if made and made <= _ONE_VALUE:
                yield parent, chain.scope

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """Take the index away."""
        assert isinstance(node, ast.Subscript)
        start, end = context.source.span(node.value)[1], context.source.span(node)[1]
        context.edits.append(Replace(start, end, b""))
        return "without [0]"

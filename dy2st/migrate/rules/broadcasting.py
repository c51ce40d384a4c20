"""Operators between variables of different ranks: 1.8 aligned some of them at the first dimension."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate.calls import literal
from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import ScanRule, keyword_of

_REDUCING = ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod")
_LOWER = ("sequence_mask", "squeeze", "data")  # what they give has often fewer dimensions
_SAME_SHAPE = ("log", "exp", "sqrt", "square", "abs", "scale", "clip", "cast", "rsqrt")
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_LAYERS = "paddle.fluid.layers."


class ReducedOperand(ScanRule):
    """``x - reduce_sum(x, dim=1)``: one number for each row, where numpy takes one for each column.

    The same holds for an input of shape [N] beside a value of shape [N, 1].
    """

    id = "PM278"
    name = "reduced_operand"
    changes: ClassVar = (
        (
            "x / fluid.layers.reduce_sum(x, dim=1)",
            "x / fluid_compat.aligned(paddle.sum(x, axis=1), x)",
        ),
    )
    leaves: ClassVar = ("x / y.sum()",)

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """Second operands that may have fewer dimensions than the first."""
        if context.facts.dygraph and not context.facts.static:
            return
        seen: set[ast.AST] = set()
        for call, scope in context.names.calls:
            flat = _is_flat_input(call, scope, context)
            if not flat and not _drops_dimension(call, scope, context):
                continue
            operand = _outermost(call, scope, context)
            for place in _places(operand, scope, context):
                parent = context.names.parents.get(place)
                if flat and isinstance(parent, ast.Call) and not _layer(parent, scope, context):
                    context.notes.append(
                        f"line {place.lineno}: handed on, an input of shape [N]; an operator between "
                        "it and a value of shape [N, 1] gave [N, 1] in 1.8 and gives [N, N] now: "
                        "there write fluid_compat.aligned(input, value), or reshape one of them"
                    )
                if not isinstance(parent, ast.BinOp) or not isinstance(parent.op, _OPERATORS):
                    continue
                other = parent.left if parent.right is place else parent.right
                if _is_plain(other) and (flat or parent.right is place) and parent not in seen:
                    seen.add(parent)
                    yield place, scope

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """Let the helper look at both shapes when the program is built."""
        if not context.options.compat:
            raise Decline("needs a helper of fluid_compat and --no-compat is given")
        parent = context.names.parents[node]
        assert isinstance(parent, ast.BinOp)
        other = parent.left if parent.right is node else parent.right
        return context.wrap("aligned", node, more=f", {context.source.segment(other).decode()}")


def _layer(call: ast.Call, scope: Scope, context: FileContext) -> str:
    """The name of the layer of 1.8 that is called, or nothing."""
    for candidate in context.names.resolve(call.func, scope):
        row = context.table.find(candidate)
        if row is not None and row[0].old.startswith(_LAYERS):
            return row[0].old[len(_LAYERS) :]
        if row is not None and row[0].old == "paddle.fluid.data":
            return "data"
    return ""


def _is_flat_input(call: ast.Call, scope: Scope, context: FileContext) -> bool:
    """Whether a call declares an input of one number for each row: shape [N], not [N, 1]."""
    func = call.func
    if (func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")) != "data":
        return False
    shape = keyword_of(call, "shape")
    given = shape.value if shape else call.args[1] if len(call.args) > 1 else None
    if not isinstance(given, (ast.List, ast.Tuple)):
        return False
    if _layer(call, scope, context) == "data":
        return not given.elts
    open_ends = len(given.elts) == 1 and literal(given.elts[0]) in (None, -1)
    return open_ends and context.names.resolve(func, scope) == {"paddle.fluid.data"}


def _drops_dimension(call: ast.Call, scope: Scope, context: FileContext) -> bool:
    """Whether a call's result may have fewer dimensions than what it is combined with."""
    func = call.func
    last = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    if last in _LOWER:
        return _layer(call, scope, context) in _LOWER
    if last not in _REDUCING or _layer(call, scope, context) not in _REDUCING:
        return False
    dim, keep = keyword_of(call, "dim"), keyword_of(call, "keep_dim")
    kept = keep.value if keep else call.args[2] if len(call.args) > 2 else None
    reduced = dim.value if dim else call.args[1] if len(call.args) > 1 else None
    return reduced is not None and (kept is None or literal(kept) is False)


def _outermost(call: ast.Call, scope: Scope, context: FileContext) -> ast.expr:
    """The expression around a call whose value has the same shape."""
    node: ast.expr = call
    while True:
        outer = context.names.parents.get(node)
        if isinstance(outer, ast.BinOp):
            other = outer.right if outer.left is node else outer.left
            keeps = isinstance(literal(other), (int, float))
        else:
            keeps = (
                isinstance(outer, ast.Call)
                and node in outer.args
                and _layer(outer, scope, context) in _SAME_SHAPE
            )
        if not keeps:
            return node
        assert isinstance(outer, (ast.BinOp, ast.Call))
        node = outer


def _places(node: ast.expr, scope: Scope, context: FileContext) -> Iterator[ast.expr]:
    """Where the value may be used: in place, or by the name that it is given."""
    parent = context.names.parents.get(node)
    if not isinstance(parent, ast.Assign):
        yield node
        return
    target = parent.targets[0]
    if isinstance(target, ast.Name):
        for chain in context.names.chains:
            named = isinstance(chain.node, ast.Name) and chain.node.id == target.id
            if named and chain.scope is scope:
                yield chain.node


def _is_plain(node: ast.expr) -> bool:
    """Whether an expression may be written twice."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)

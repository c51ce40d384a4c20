"""Calls whose plain form depends on what the arguments are."""

from __future__ import annotations

import ast
from typing import ClassVar

from dy2st.migrate.calls import Unfit, bind, is_missing, literal
from dy2st.migrate.edits import Replace
from dy2st.migrate.forms import plain_call, to_helper
from dy2st.migrate.model import FileContext, Use
from dy2st.migrate.rules import UseRule


class Squeeze(UseRule):
    """``squeeze`` with no axis named means all of size 1, which is now said by leaving it out."""

    id = "PM230"
    name = "squeeze"
    changes: ClassVar = (("fluid.layers.squeeze(x, [1])", "paddle.squeeze(x, [1])"),)

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Plain for a list that is known not to be empty, else the helper."""
        if use.call is None:
            return None
        bound = bind(use.row, use.call)
        axes = bound.given.get("axes")
        if bound.problem or axes is None:
            return None
        value = literal(axes.value)
        if is_missing(value) or not value:
            return to_helper(use, context, use.row.helper)
        return plain_call(use, context, use.row.new)


class Assign(UseRule):
    """``assign`` made float32 of numpy's float64; tensors are copied as before."""

    id = "PM231"
    name = "assign"
    changes: ClassVar = (("fluid.layers.assign(x * 2.0)", "fluid_compat.assign(x * 2.0)"),)

    def apply(self, use: Use, context: FileContext) -> str | None:
        """The helper, which looks at what it is given."""
        return to_helper(use, context, use.row.helper)


class Matmul(UseRule):
    """Two vectors gave shape [1] and now give 0-D; ``alpha`` is gone."""

    id = "PM232"
    name = "matmul"
    changes: ClassVar = (
        (
            "fluid.layers.matmul(x, y, transpose_y=True)",
            "paddle.matmul(x, y, transpose_y=True)",
        ),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Plain where a transposition shows that matrices are meant, else the helper."""
        if use.call is None:
            return None
        bound = bind(use.row, use.call)
        flags = [bound.literal(n) for n in ("transpose_x", "transpose_y")]
        if not bound.problem and True in flags:
            return None
        return to_helper(use, context, use.row.helper)


class Dropout(UseRule):
    """``dropout`` of 1.x scales at inference and follows the layer's mode in dynamic graphs."""

    id = "PM233"
    name = "dropout"
    changes: ClassVar = (
        (
            "fluid.layers.dropout(x, 0.5)",
            "paddle.nn.functional.dropout(x, 0.5, mode='downscale_in_infer')",
        ),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Literal ``is_test`` becomes ``training``; inside a Layer the layer's own flag is used."""
        if use.call is None:
            return None
        bound = bind(use.row, use.call)
        if bound.problem:
            return None
        given = bound.given.pop("is_test", None)
        value = literal(given.value) if given is not None else False
        if not isinstance(value, bool):
            return to_helper(use, context, use.row.helper)
        self_name = _layer_self(use, context)
        mode = bound.given.get("dropout_implementation")
        implementation = literal(mode.value) if mode is not None else "downgrade_in_infer"
        if given is not None or not isinstance(implementation, str):
            return to_helper(use, context, use.row.helper)
        new = plain_call(use, context, use.row.new)
        if mode is not None and implementation == "downgrade_in_infer":
            start, end = context.source.span(mode.value)
            context.edits.append(Replace(start, end, b"'downscale_in_infer'"))
        if self_name:
            text = f", training={self_name}.training"
            end = _last_argument_end(use.call, context)
            context.edits.append(Replace(end, end, text.encode()))
        return new


def _layer_self(use: Use, context: FileContext) -> str:
    """``self`` inside a method of a dynamic-graph Layer, else an empty string."""
    if not context.facts.dygraph:
        return ""
    scope = use.scope
    while scope is not None and scope.kind != "function":
        scope = scope.parent  # type: ignore[assignment]
    if scope is None or scope.parent is None or scope.parent.kind != "class":
        return ""
    node = scope.parent.node
    assert isinstance(node, ast.ClassDef)
    for base in node.bases:
        for candidate in context.names.resolve(base, scope.parent.parent or scope.parent):
            if candidate.endswith(".Layer"):
                return scope.self_name or ""
    return ""


def _last_argument_end(call: ast.Call, context: FileContext) -> int:
    values = [*call.args, *(k.value for k in call.keywords)]
    if not values:
        raise Unfit("no arguments")
    return max(context.source.span(v)[1] for v in values)

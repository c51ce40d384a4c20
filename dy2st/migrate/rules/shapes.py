"""Calls whose plain form depends on what the arguments are."""

from __future__ import annotations

from typing import ClassVar

from dy2st.migrate.calls import bind, is_missing, literal
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
    """``dropout`` of 1.x scales at inference; in dynamic graphs the mode of all decides.

    There ``train()`` or ``eval()`` of any layer, and ``no_grad``, say what every ``dropout`` does.
    """

    id = "PM233"
    name = "dropout"
    changes: ClassVar = (
        (
            "x = fluid.data('x', [4])\nfluid.layers.dropout(x, 0.5)",
            "paddle.nn.functional.dropout(x, 0.5, mode='downscale_in_infer')",
        ),
        (
            "fluid.layers.dropout(x, 0.5)",
            "fluid_compat.dropout(x, 0.5)",
        ),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Today's call where the file builds programs, else the helper that asks for the mode."""
        if use.call is None:
            return None
        bound = bind(use.row, use.call)
        if bound.problem:
            return None
        mode = bound.given.get("dropout_implementation")
        implementation = literal(mode.value) if mode is not None else "downgrade_in_infer"
        programs = context.facts.static and not context.facts.dygraph
        if not programs or "is_test" in bound.given or not isinstance(implementation, str):
            return to_helper(use, context, use.row.helper)
        new = plain_call(use, context, use.row.new)
        if mode is not None and implementation == "downgrade_in_infer":
            start, end = context.source.span(mode.value)
            context.edits.append(Replace(start, end, b"'downscale_in_infer'"))
        return new

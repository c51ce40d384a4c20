"""The three forms that a use can take: the new name, the new call, the helper of that name."""

from __future__ import annotations

from dy2st.migrate.calls import Unfit, rewrite_arguments, wrap_call
from dy2st.migrate.edits import Replace
from dy2st.migrate.model import Decline, FileContext, Use

ACTIVATIONS = {
    "relu": "paddle.nn.functional.relu",
    "sigmoid": "paddle.nn.functional.sigmoid",
    "tanh": "paddle.tanh",
    "exp": "paddle.exp",
    "sqrt": "paddle.sqrt",
    "abs": "paddle.abs",
    "square": "paddle.square",
    "relu6": "paddle.nn.functional.relu6",
    "softsign": "paddle.nn.functional.softsign",
    "softplus": "paddle.nn.functional.softplus",
    "log": "paddle.log",
    "softmax": "paddle.nn.functional.softmax",
}


def to_helper(use: Use, context: FileContext, helper: str) -> str:
    """Name the helper, which takes what the old callable took."""
    if not context.options.compat:
        raise Decline("needs a helper of fluid_compat and --no-compat is given")
    return replace_name(use, context, context.helper(helper))


def replace_name(use: Use, context: FileContext, new: str) -> str:
    """Put ``new`` where the old name stands."""
    start, end = context.source.span(use.node)
    context.edits.append(Replace(start, end, new.encode()))
    return new


def reference(use: Use, context: FileContext) -> str:
    """A name that is not called here: only what stands for it whole may replace it."""
    row = use.row
    if row.exact or (row.kind in ("class", "value") and row.new and not row.helper):
        return replace_name(use, context, context.new_name(row.new))
    if row.helper:
        return to_helper(use, context, row.helper)
    raise Decline("handed on without being called, and its arguments change|call it in a function")


def plain_call(use: Use, context: FileContext, new: str) -> str:
    """The row's plain form: new name, arguments rewritten, ``act`` and ``wrap`` around it."""
    row, call = use.row, use.call
    assert call is not None
    if row.exact and (
        not row.signature or row.signature == row.new_signature or "*" in row.signature
    ):
        return replace_name(use, context, context.new_name(new))
    act, act_expression = rewrite_arguments(row, call, context.source, context.edits)
    written = replace_name(use, context, context.new_name(new))
    if row.wrap:
        prefix, suffix = row.wrap.split("{}")
        context.edits.append(wrap_call(call, prefix, suffix, context.source))
    if act:
        if act not in ACTIVATIONS:
            raise Unfit(f"act={act!r} has no plain form")
        name = context.new_name(ACTIVATIONS[act])
        context.edits.append(wrap_call(call, f"{name}(", ")", context.source))
        written = f"{name}({written})"
    if act_expression:
        if not row.helper:
            if not context.options.compat:
                raise Unfit("act= is not a literal")
            name = context.helper("append_act")
            suffix = f", {act_expression})"
            context.edits.append(wrap_call(call, f"{name}(", suffix, context.source))
        else:
            raise Unfit("act= is not a literal")
    return written

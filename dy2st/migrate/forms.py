"""The three forms that a use can take: the new name, the new call, the helper of that name."""

from __future__ import annotations

import ast

from dy2st.migrate.calls import Unfit, literal, rewrite_arguments, wrap_call
from dy2st.migrate.edits import Replace
from dy2st.migrate.model import Decline, FileContext, Use
from dy2st.migrate.table import Row

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
    for keyword in use.call.keywords if use.call is not None else ():
        if keyword.arg == "act" and literal(keyword.value) == "sequence_softmax":
            context.helper("sequence_softmax")  # it is found by its name
    return replace_name(use, context, context.helper(helper))


def replace_name(use: Use, context: FileContext, new: str) -> str:
    """Put ``new`` where the old name stands."""
    start, end = context.source.span(use.node)
    context.edits.append(Replace(start, end, new.encode()))
    return new


def reference(use: Use, context: FileContext) -> str:
    """A name that is not called here: only what stands for it whole may replace it."""
    row = use.row
    named = row.exact or (row.new and not row.helper and row.kind == "value")
    if named or (row.kind == "class" and row.new and not row.helper and _is_asked(use, context)):
        return replace_name(use, context, context.new_name(row.new))
    if row.helper:
        return to_helper(use, context, row.helper)
    if isinstance(use.parent, ast.ClassDef) and row.kind == "class" and row.new:
        return _base_class(use, context)
    if _same_order(row) and context.options.compat and not context.facts.sets_up_optimizers:
        return _under_old_names(use, context)
    raise Decline("handed on without being called, and its arguments change|call it in a function")


def _is_asked(use: Use, context: FileContext) -> bool:
    """Whether a class is only asked about: isinstance, except, an annotation, a comparison."""
    if context.names.in_annotation(use.node):
        return True
    parent = use.parent
    while isinstance(parent, (ast.Tuple, ast.List)):
        parent = context.names.parents.get(parent)
    if isinstance(parent, ast.Call):
        return isinstance(parent.func, ast.Name) and parent.func.id in ("isinstance", "issubclass")
    return isinstance(parent, (ast.ExceptHandler, ast.Compare, ast.MatchClass, ast.Attribute))


def _base_class(use: Use, context: FileContext) -> str:
    """The new class under a class that calls its ``__init__`` with arguments that stayed."""
    row, owner = use.row, use.parent
    assert isinstance(owner, ast.ClassDef)
    changed = {*row.rename, *row.drop, *row.only}
    calls = [n for n in ast.walk(owner) if isinstance(n, ast.Call) and _is_init(n.func)]
    fits = bool(calls) and _same_order(row)
    for call in calls:
        names = {k.arg for k in call.keywords}
        fits = fits and None not in names and not names & changed
    if not fits:
        raise Decline(
            "a base class whose arguments change|"
            f"derive from {row.new} and call its __init__ with today's arguments"
        )
    return replace_name(use, context, context.new_name(row.new))


def _is_init(func: ast.expr) -> bool:
    return isinstance(func, ast.Attribute) and func.attr == "__init__"


def _same_order(row: Row) -> bool:
    """Whether positional arguments mean the same under the old and the new name."""
    if not row.new or row.drop or row.only or row.add or row.act or row.wrap:
        return False
    new = [p.name for p in row.new_parameters]
    old = [row.rename.get(p.name, p.name) for p in row.parameters]
    if "name" in old and set(old) <= set(new):  # what follows it nobody gives by its place
        old = old[: old.index("name")]
    return old == new[: len(old)]


def _under_old_names(use: Use, context: FileContext) -> str:
    """A callable that takes the old keywords, for a name that is handed on."""
    new = context.new_name(use.row.new)
    names = "".join(f", {old}={name!r}" for old, name in use.row.rename.items())
    helper = context.helper("with_old_names")
    replace_name(use, context, f"{helper}({new}{names})".replace("'", '"'))
    return helper


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

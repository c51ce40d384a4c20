"""Calls in the form of Paddle 1.6, which 1.8 refuses: told, not guessed at."""

from __future__ import annotations

import ast

from dy2st.migrate.calls import bind
from dy2st.migrate.model import FileContext, Use

_DYGRAPH = "paddle.fluid.dygraph."
_OPTIMIZERS = "paddle.fluid.optimizer."
_TAKES_A_NAME = ("mode", "name_scope", "name")


def form_of_1_6(use: Use, context: FileContext) -> str:
    """``reason|recipe`` where a call has the form of 1.6, else "".

    Layers of dynamic graphs took a name first and found out their input's size when they were
    called; optimizers found the parameters themselves.
    """
    call = use.call
    if call is None or use.row.kind != "class":
        return ""
    first = use.row.parameters[0].name if use.row.parameters else ""
    if use.row.old.startswith(_DYGRAPH) and call.args and _is_name(call.args[0], first):
        recipe = f"take the name out, and give what 1.8 wants first: {first}"
        return f"called as in 1.6, with a name before all else|{recipe}"
    dynamic = context.facts.dygraph and not context.facts.static
    if dynamic and use.row.old.startswith(_OPTIMIZERS) and _lacks_parameters(use, call):
        recipe = "add parameter_list=model.parameters()"
        return f"without parameter_list, which dynamic graphs of 1.8 ask for|{recipe}"
    return ""


def _lacks_parameters(use: Use, call: ast.Call) -> bool:
    starred = any(isinstance(a, ast.Starred) for a in call.args)
    if starred or any(k.arg is None for k in call.keywords):
        return False
    takes = any(p.name == "parameter_list" for p in use.row.parameters)
    return takes and "parameter_list" not in bind(use.row, call).given


def _is_name(node: ast.expr, parameter: str) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr == "full_name"
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_text and parameter not in _TAKES_A_NAME

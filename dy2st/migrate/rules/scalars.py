"""Arrays with one value used as numbers: numpy 2.4 takes only 0-D arrays for that."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate.edits import Replace
from dy2st.migrate.model import FileContext
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import ScanRule


class OneValue(ScanRule):
    """``float(loss.numpy())`` and ``"%f" % out[0]`` say ``.item()``: arrays of one are no numbers."""

    id = "PM261"
    name = "one_value"
    changes: ClassVar = (
        ("float(loss.numpy())", "float(loss.numpy().item())"),
        ('print("%f" % loss.numpy())', 'print("%f" % loss.numpy().item())'),
    )

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """Fetched values and ``.numpy()`` inside ``float``, ``int`` and number formats."""
        fetched = _fetched_variables(context)
        scopes = {id(call): scope for call, scope in context.names.calls}
        for node, value in _number_places(context):
            if _is_array(value, fetched):
                yield value, scopes.get(id(node), context.names.module)

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """Ask the array for its one value."""
        end = context.source.span(node)[1]
        context.edits.append(Replace(end, end, b".item()"))
        return ".item()"


def _fetched_variables(context: FileContext) -> set[str]:
    """Variables that hold what a run fetched."""
    found: set[str] = set()
    for call, _ in context.names.calls:
        is_run = isinstance(call.func, ast.Attribute) and call.func.attr == "run"
        if not is_run or not any(k.arg == "fetch_list" for k in call.keywords):
            continue
        parent = context.names.parents.get(call)
        if isinstance(parent, ast.Assign):
            for target in parent.targets:
                found |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
    return found


def _number_places(context: FileContext) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Calls of ``float`` and ``int`` and the values of ``%d``-like formats."""
    for call, _ in context.names.calls:
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name in ("float", "int") and len(call.args) == 1 and not call.keywords:
            yield call, call.args[0]
    for text in context.names.strings:
        parent = context.names.parents.get(text)
        if not isinstance(parent, ast.BinOp) or parent.left is not text:
            continue
        if not isinstance(parent.op, ast.Mod):
            continue
        kinds = _format_kinds(str(text.value))
        right = parent.right
        values = right.elts if isinstance(right, ast.Tuple) else [right]
        if len(kinds) == len(values):
            for kind, value in zip(kinds, values, strict=True):
                if kind in "diouxXeEfFgG":
                    yield parent, value


def _format_kinds(text: str) -> list[str]:
    """The letters of a format's conversions, ``*`` and ``%%`` seen."""
    kinds, at = [], 0
    while at < len(text):
        if text[at] != "%":
            at += 1
            continue
        at += 1
        while at < len(text) and text[at] in "#0- +.123456789*hlL(":
            if text[at] in "*(":
                return []
            at += 1
        if at < len(text) and text[at] != "%":
            kinds.append(text[at])
        at += 1
    return kinds


def _is_array(node: ast.expr, fetched: set[str]) -> bool:
    if isinstance(node, ast.Call):
        func = node.func
        return isinstance(func, ast.Attribute) and func.attr == "numpy" and not node.args
    while isinstance(node, ast.Subscript):
        node = node.value
        if isinstance(node, ast.Call):
            return _is_array(node, fetched)
    return isinstance(node, ast.Name) and node.id in fetched

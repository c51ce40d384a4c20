"""``breakpoint()`` and ``pdb.set_trace()``.

A function that stops in a debugger runs with real values, so that all of its control flow is
Python's own. Its code is therefore kept in one frame, as the user wrote it: any debugger steps from
line to line, ``p`` sees every variable, ``u`` and ``d`` find the user's functions. Only the call of
the debugger itself is replaced, by one whose debugger does not stop in frames of ours.
"""

from __future__ import annotations

import ast

from dy2st.source.quote import quote

_FUNCTIONS = {"breakpoint", "set_trace"}


def is_breakpoint(node: ast.AST) -> bool:
    """Whether ``node`` is a call that stops in a debugger: ``breakpoint()``, ``….set_trace()``."""
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr == "set_trace"
    return isinstance(function, ast.Name) and function.id in _FUNCTIONS


def contains_breakpoint(tree: ast.AST) -> bool:
    """Whether the code of ``tree`` stops in a debugger somewhere (inner functions count)."""
    return any(is_breakpoint(node) for node in ast.walk(tree))


def keep_for_debugger(tree: ast.FunctionDef, support: str) -> None:
    """Let every debugger call in ``tree`` go through ``support.debugger``, and change nothing else."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and is_breakpoint(node):
            node.func = quote("_d.debugger(function)", at=node.func, _d=support, function=node.func)

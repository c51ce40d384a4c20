"""Which statements hand control elsewhere: ``return``, and ``break``/``continue`` of an outer loop."""

from __future__ import annotations

import ast

RETURN, BREAK, CONTINUE = "return", "break", "continue"
_NOTHING: frozenset[str] = frozenset()
_JUMPS: dict[type, frozenset[str]] = {
    ast.Return: frozenset({RETURN}),
    ast.Break: frozenset({BREAK}),
    ast.Continue: frozenset({CONTINUE}),
}
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def mark_escapes(body: list[ast.stmt]) -> frozenset[str]:
    """What ``body`` may jump to outside of itself; noted on every compound statement as ``_escapes``."""
    found: set[str] = set()
    for statement in body:
        found |= _escapes(statement)
    return frozenset(found)


def escapes(statement: ast.stmt) -> frozenset[str]:
    """The jumps out of ``statement`` that ``mark_escapes`` found."""
    found: frozenset[str] = getattr(statement, "_escapes", _NOTHING)
    return found


def _escapes(statement: ast.stmt) -> frozenset[str]:
    jump = _JUMPS.get(type(statement))
    if jump is not None:
        return jump
    if isinstance(statement, _SCOPES):
        return _NOTHING
    found: set[str] = set()
    for block in blocks(statement):
        found |= mark_escapes(block)
    if isinstance(statement, (ast.For, ast.While)):
        found = set(mark_escapes(statement.body)) - {BREAK, CONTINUE}
        found |= mark_escapes(statement.orelse)
    result = frozenset(found)
    if result:
        statement._escapes = result  # type: ignore[attr-defined]
    return result


def blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks of a compound statement, in the order in which they are written."""
    found: list[list[ast.stmt]] = []
    for name in ("body", "handlers", "orelse", "finalbody", "cases"):
        part = getattr(statement, name, None)
        if not part:
            continue
        if name in ("handlers", "cases"):
            found.extend(inner.body for inner in part)
        else:
            found.append(part)
    return found

"""Positions: generated nodes carry the place of the user's code they stand for.

This is what keeps tracebacks, ``pdb`` and coverage on the user's own lines.
"""

from __future__ import annotations

import ast
from types import FrameType
from typing import TypeVar

from dy2st.errors import Location

Node = TypeVar("Node", bound=ast.AST)


def at(old: ast.AST, new: Node) -> Node:
    """``new`` and everything below it that has no position yet gets the position of ``old``."""
    for node in ast.walk(new):
        if "lineno" in node._attributes and getattr(node, "lineno", None) is None:
            ast.copy_location(node, old)
    return new


def span(first: ast.AST, last: ast.AST) -> ast.AST:
    """A node that carries the position from the start of ``first`` to the end of ``last``."""
    marker = ast.Pass()
    marker.lineno, marker.col_offset = first.lineno, first.col_offset  # type: ignore[attr-defined]
    marker.end_lineno = last.end_lineno  # type: ignore[attr-defined]
    marker.end_col_offset = last.end_col_offset  # type: ignore[attr-defined]
    return marker


def header(node: ast.stmt) -> ast.AST:
    """The position of a compound statement's first line: ``if test``, ``for x in xs``, ``try``."""
    if isinstance(node, (ast.If, ast.While)):
        return span(node, node.test)
    if isinstance(node, ast.For):
        return span(node, node.iter)
    if isinstance(node, ast.With):
        last = node.items[-1]
        return span(node, last.optional_vars or last.context_expr)
    if isinstance(node, ast.Match):
        return span(node, node.subject)
    marker = span(node, node)
    marker.end_lineno = node.lineno  # type: ignore[attr-defined]
    marker.end_col_offset = node.col_offset + 1  # type: ignore[attr-defined]
    return marker


def without_position(tree: ast.AST) -> list[ast.AST]:
    """Every node below ``tree`` that ought to have a position and has none."""
    return [
        node
        for node in ast.walk(tree)
        if "lineno" in node._attributes
        and (getattr(node, "lineno", None) is None or getattr(node, "end_lineno", None) is None)
    ]


def location_of(node: ast.AST, file: str, function: str = "") -> Location:
    """The place of ``node`` for an error message."""
    line = getattr(node, "lineno", 0)
    one_line = getattr(node, "end_lineno", line) == line
    return Location(
        file=file,
        line=line,
        column=getattr(node, "col_offset", 0),
        end_column=getattr(node, "end_col_offset", None) if one_line else None,
        function=function,
    )


def frame_location(frame: FrameType, last_instruction: int | None = None) -> Location:
    """The place where ``frame`` stands; with columns where the interpreter knows them (3.11+)."""
    code = frame.f_code
    lasti = frame.f_lasti if last_instruction is None else last_instruction
    line, column, end_column = frame.f_lineno or code.co_firstlineno, 0, None
    if hasattr(code, "co_positions") and lasti >= 0:
        for index, place in enumerate(code.co_positions()):
            if index == lasti // 2:
                first, last, start, end = place
                line, column = first or line, start or 0
                end_column = end if first == last else None
                break
    return Location(code.co_filename, line, column, end_column, code.co_name)

"""Comments in the code for the open points."""

from __future__ import annotations

import ast

from dy2st.migrate.edits import Replace
from dy2st.migrate.model import FileContext


def mark(context: FileContext) -> None:
    """Put one ``TODO(paddle-migrate ...)`` comment above each statement with open points."""
    source, done = context.source, set()
    newline = source.newline
    statements = _statement_lines(source.tree)
    for point in context.open_points:
        line = statements.get(point.line, point.line)
        key = (line, point.rule)
        above = source.text[: source.line_span(line)[0]].splitlines()[-4:]
        text = f"TODO(paddle-migrate {point.rule})"
        if key in done or any(text.encode() in a for a in above):
            continue
        done.add(key)
        at = source.line_span(line)[0]
        comment = f"# {text}: {' '.join(point.reason.split())}".encode()
        context.edits.append(Replace(at, at, source.indent(line) + comment + newline))


def _statement_lines(tree: ast.Module) -> dict[int, int]:
    """For each line the first line of the innermost statement that covers it."""
    lines: dict[int, int] = {}
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                body = getattr(child, "body", None)
                last = child.end_lineno or child.lineno
                if isinstance(body, list) and body:
                    last = max(child.lineno, body[0].lineno - 1)
                for line in range(child.lineno, last + 1):
                    lines[line] = child.lineno
                todo.append(child)
            elif isinstance(child, (ast.ExceptHandler, getattr(ast, "match_case", ast.stmt))):
                todo.append(child)
    return lines

"""What the new code needs in its file: imports, the static mode, helpers that stand in the file."""

from __future__ import annotations

import ast
from dataclasses import field

from dy2st.migrate import helpers
from dy2st.migrate.edits import Replace
from dy2st.migrate.model import FileContext
from dy2st.records import record

_BESIDE_IMPORTS = (ast.Import, ast.ImportFrom, ast.Expr, ast.Try, ast.If)


@record(frozen=False, eq=False)
class Tidy:
    """What is decided before any import is touched."""

    needed: set[tuple[int, str]] = field(default_factory=set)
    stars_needed: set[ast.AST] = field(default_factory=set)
    deletions: dict[ast.stmt, bytes] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)  # lines for old names that are still used


def add_needed(anchors: list[ast.stmt], context: FileContext, state: Tidy) -> None:
    new_lines: list[str] = []
    has_paddle = _has_paddle(context, state)
    enable = context.facts.static and not _calls_enable_static(context)
    enable = enable and bool(context.changes)
    inline = bool(context.helpers) and not context.compat_module
    if (context.needs_paddle or enable or inline) and not has_paddle:
        new_lines.append(_import_paddle(context))
    if context.helpers and context.compat_module and not _imports_compat(context):
        new_lines.append(_compat_import(context))
    if inline:
        bound = context.names.module.bindings
        wanted = helpers.imports_of(context.helpers).items()
        new_lines += [line for name, line in wanted if name not in bound]
    anchor = next((a for a in anchors if a in state.deletions), None)
    _place_lines(new_lines, anchor, context, state)
    after = _after_imports(context, anchor)
    tail: list[str] = []
    if enable:
        tail.append(f"{context.paddle}.enable_static()")
    if inline:
        tail.append(("\n" if tail else "") + _inline_helpers(context))
    lines = [*state.left, *context.statements]
    if lines:
        tail.append(("\n\n" if inline else "") + "\n".join(lines))
    if tail:
        _insert_block(after, tail, context)


def _import_paddle(context: FileContext) -> str:
    return "import paddle" if context.paddle == "paddle" else f"import paddle as {context.paddle}"


def _has_paddle(context: FileContext, state: Tidy) -> bool:
    for binding in context.names.module.bindings.get(context.paddle, ()):
        if binding.kind == "name" and binding.value == "paddle":
            node = binding.node
            if isinstance(node, ast.stmt) and node in state.deletions:
                continue
            if not _comes_late(node, context, state):
                return True
    return False


def _comes_late(node: ast.AST | None, context: FileContext, state: Tidy) -> bool:
    """Whether other code stands between an import that goes and this one of the module."""
    body = context.source.tree.body
    first = next((i for i, s in enumerate(body) if s in state.deletions), None)
    own = next(i for i, s in enumerate(body) if any(n is node for n in ast.walk(s)))
    if first is None:
        return False
    between = body[first:own] if body[own] is node else body[first : own + 1]
    return not all(isinstance(s, _BESIDE_IMPORTS) for s in between)


def _calls_enable_static(context: FileContext) -> bool:
    return any(c.dotted().endswith("paddle.enable_static") for c in context.names.chains)


def _imports_compat(context: FileContext) -> bool:
    return context.compat_module in context.names.module.bindings


def _compat_import(context: FileContext) -> str:
    level = context.imports_level
    if level:
        return f"from {'.' * level} import {context.compat_module}"
    return f"import {context.compat_module}"


def _place_lines(
    lines: list[str], anchor: ast.stmt | None, context: FileContext, state: Tidy
) -> None:
    if not lines:
        return
    newline = context.source.newline
    if anchor is not None:
        indent = context.source.indent(anchor.lineno)
        state.deletions[anchor] = (newline + indent).join(line.encode() for line in lines)
        return
    existing = _paddle_import(context)
    if existing is not None:
        end = context.source.line_span(existing.end_lineno or existing.lineno)[1]
        indent = context.source.indent(existing.lineno)
        text = b"".join(indent + line.encode() + newline for line in lines)
        context.edits.append(Replace(end, end, _own_line(end, context) + text))
        return
    at = _first_import_offset(context)
    text = b"".join(line.encode() + newline for line in lines)
    context.edits.append(Replace(at, at, _own_line(at, context) + text))


def _own_line(at: int, context: FileContext) -> bytes:
    """A line break where the file's last line has none."""
    if at and at == len(context.source.text) and context.source.text[-1:] not in b"\r\n":
        return context.source.newline
    return b""


def _paddle_import(context: FileContext) -> ast.stmt | None:
    for binding in context.names.module.bindings.get(context.paddle, ()):
        if isinstance(binding.node, (ast.Import, ast.ImportFrom)):
            parent = context.names.parents.get(binding.node)
            if isinstance(parent, ast.Module):
                return binding.node
    return None


def _first_import_offset(context: FileContext) -> int:
    """Before the first statement that is neither docstring nor ``__future__`` import."""
    for node in context.source.tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        # a notebook's magic, hidden: a cell magic must stay the first line of its cell
        magic = isinstance(node, ast.Pass) and b"paddle-migrate-magic" in _line(node, context)
        if not docstring and not future and not magic:
            return context.source.line_span(_first_line(node))[0]
    return len(context.source.text)


def _line(node: ast.stmt, context: FileContext) -> bytes:
    start, end = context.source.line_span(node.lineno)
    return context.source.text[start:end]


def _first_line(node: ast.stmt) -> int:
    lines: list[int] = [d.lineno for d in getattr(node, "decorator_list", ())]
    return min([node.lineno, *lines])


def _after_imports(context: FileContext, anchor: ast.stmt | None) -> int:
    """The offset after the leading imports (and after the import that the new code needs)."""
    body = context.source.tree.body
    last: ast.stmt | None = None
    important = anchor or _paddle_import(context)
    for node in body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_import = isinstance(node, (ast.Import, ast.ImportFrom, ast.Try, ast.If))
        holds = important is not None and any(n is important for n in ast.walk(node))
        if isinstance(node, (ast.Try, ast.If)) and not holds and not _only_imports(node):
            is_import = False
        if holds or is_import or docstring:
            last = node
            if holds:
                important = None
        elif important is None or not _imports_follow(body, node, important):
            break
    if last is None:
        return _first_import_offset(context)
    return context.source.line_span(last.end_lineno or last.lineno)[1]


def _imports_follow(body: list[ast.stmt], node: ast.stmt, important: ast.stmt) -> bool:
    rest = body[body.index(node) + 1 :]
    return any(n is important for later in rest for n in ast.walk(later))


def _only_imports(node: ast.stmt) -> bool:
    return any(isinstance(n, (ast.Import, ast.ImportFrom)) for n in ast.walk(node)) and not any(
        isinstance(n, (ast.FunctionDef, ast.ClassDef)) for n in ast.walk(node)
    )


def _insert_block(at: int, parts: list[str], context: FileContext) -> None:
    newline = context.source.newline
    text = b"".join(newline + part.encode().replace(b"\n", newline).rstrip() for part in parts)
    text += newline
    if helpers.MARK in parts[-1]:  # two blank lines around definitions
        blank_follows = context.source.text[at:].lstrip(b" \t").startswith(newline)
        text += newline if blank_follows else 2 * newline
    context.edits.append(Replace(at, at, _own_line(at, context) + text))


def _inline_helpers(context: FileContext) -> str:
    have = set(context.names.module.bindings)
    return f"\n{helpers.MARK}\n{helpers.inline_text(context.helpers, have)}\n"

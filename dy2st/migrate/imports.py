"""What surrounds the uses: imports that go, imports that come, mode, helpers in the file, marks."""

from __future__ import annotations

import ast
import re
from dataclasses import field
from typing import cast

from dy2st.migrate import helpers
from dy2st.migrate.edits import Replace
from dy2st.migrate.model import FileContext, OpenPoint
from dy2st.migrate.names import LEFT_OVER, Names, Scope
from dy2st.migrate.uses import Found
from dy2st.records import record

# Modules of 1.8 that Paddle 3 does not have, or has with other contents.
_GONE = ("paddle.fluid", "paddle.complex", "paddle.compat", "paddle.incubate.hapi")
_BESIDE_IMPORTS = (ast.Import, ast.ImportFrom, ast.Expr, ast.Try, ast.If)
_FREE_COMMENT = re.compile(rb"#(?!\s*(noqa|pylint|type:|isort|flake8))[^\r\n]*")


@record(frozen=False, eq=False)
class _Tidy:
    """What is decided before any import is touched."""

    needed: set[tuple[int, str]] = field(default_factory=set)
    stars_needed: set[ast.AST] = field(default_factory=set)
    deletions: dict[ast.stmt, bytes] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)  # lines for old names that are still used


def root_name(names: Names) -> str:
    """``paddle``, or another name where the file means something else by it."""
    for binding in names.module.bindings.get("paddle", ()):
        if binding.kind != "name" or binding.value != "paddle":
            return "_paddle"
    return "paddle"


def tidy(found: Found, context: FileContext) -> None:
    """Take away imports and aliases that nothing needs now; add what the new code needs."""
    state = _Tidy()
    _collect_needed(found, context, state)
    _drop_aliases(found, context, state)
    anchors = _drop_imports(context, state)
    _add_needed(anchors, context, state)
    _write_deletions(context, state)


def _binding_scope(name: str, scope: Scope | None) -> Scope | None:
    first = True
    while scope is not None:
        if (first or scope.kind != "class") and name in scope.bindings:
            return scope
        first = False
        scope = scope.parent
    return None


def _collect_needed(found: Found, context: FileContext, state: _Tidy) -> None:
    """Names that code which stays as it was still uses."""
    gone = _subtree(context.converted)
    aliases = {id(node) for _, node in found.module_aliases}
    for chain in context.names.chains:
        root: ast.AST = chain.node
        rewritten = id(root) in gone or id(root) in aliases
        while isinstance(root, ast.Attribute):
            root = root.value
            rewritten = rewritten or id(root) in gone  # the rest of the chain hangs on the new name
        if isinstance(root, ast.Name) and not rewritten:
            scope = _binding_scope(root.id, chain.scope)
            if scope is not None:
                state.needed.add((id(scope), root.id))
            else:
                for module, node, _ in context.names.stars:
                    if context.names.project.star(module, root.id, 0):
                        state.stars_needed.add(node)
    exported = _exported(context)
    state.needed |= {(id(context.names.module), n) for n in exported}


def _subtree(nodes: set[ast.AST]) -> set[int]:
    """The nodes and what their attribute chains pass through."""
    gone: set[int] = set()
    for node in nodes:
        inner: ast.AST = node
        gone.add(id(inner))
        if isinstance(inner, ast.Call):  # getattr(module, "name")
            gone.update(id(n) for n in ast.walk(inner))
        while isinstance(inner, ast.Attribute):
            inner = inner.value
            gone.add(id(inner))
    return gone


def _exported(context: FileContext) -> set[str]:
    for node in context.source.tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets
        ):
            return {
                n.value
                for n in ast.walk(node.value)
                if isinstance(n, ast.Constant) and isinstance(n.value, str)
            }
    return set()


def _drop_aliases(found: Found, context: FileContext, state: _Tidy) -> None:
    """``layers = fluid.layers`` goes when nothing uses ``layers`` now."""
    for statement, node in found.module_aliases:
        assert isinstance(statement, ast.Assign)
        if _alias_free(statement, context, state):
            state.deletions[statement] = b""
            continue
        root: ast.AST = node
        while isinstance(root, ast.Attribute):
            root = root.value
        scope = next(c.scope for c in context.names.chains if c.node is node)
        if isinstance(root, ast.Name):
            bound = _binding_scope(root.id, scope)
            if bound is not None:
                state.needed.add((id(bound), root.id))
        context.open_points.append(
            OpenPoint(
                "PM306",
                node.lineno,
                node.col_offset,
                context.source.segment(node).decode("utf-8", "replace"),
                "a module of paddle.fluid under another name, still used",
                "rewrite the uses that are listed, then take this line out",
                unknown=not isinstance(statement.targets[0], ast.Name),
            )
        )


def _alias_free(statement: ast.Assign, context: FileContext, state: _Tidy) -> bool:
    if len(statement.targets) != 1:
        return False
    target = statement.targets[0]
    if isinstance(target, ast.Name):
        for scope in _scopes(context.names):
            if any(b.node is target for b in scope.bindings.get(target.id, ())):
                return (id(scope), target.id) not in state.needed
        return False
    if isinstance(target, ast.Attribute):
        gone = _subtree(context.converted)
        return not any(
            isinstance(n, ast.Attribute)
            and n.attr == target.attr
            and n is not target
            and id(n) not in gone
            for n in ast.walk(context.source.tree)
        )
    return False


def _scopes(names: Names) -> list[Scope]:
    seen = {id(names.module): names.module}
    for chain in names.chains:
        scope: Scope | None = chain.scope
        while scope is not None and id(scope) not in seen:
            seen[id(scope)] = scope
            scope = scope.parent
    return list(seen.values())


def _drop_imports(context: FileContext, state: _Tidy) -> list[ast.stmt]:
    """Decide which imports go; returns those of the module's own scope, in order."""
    anchors: list[ast.stmt] = []
    for node, scope in context.names.imports:
        gone = [a for a in node.names if _import_goes(node, a, scope, context, state)]
        if context.options.compat and scope.kind == "module":
            kept = [a for a in node.names if a not in gone and _is_old(node, a, scope, context)]
            state.left += [_left_over(node, a, scope, context) for a in kept]
            gone = [a for a in node.names if a in gone or a in kept]
        if not gone:
            continue
        if scope.kind == "module":
            anchors.append(node)
        if len(gone) == len(node.names):
            state.deletions[node] = b""
        else:
            _drop_some(node, gone, context)
    return anchors


def _import_goes(
    node: ast.Import | ast.ImportFrom,
    alias: ast.alias,
    scope: Scope,
    context: FileContext,
    state: _Tidy,
) -> bool:
    if isinstance(node, ast.Import) and alias.asname is None:
        # binds ``paddle``; only goes when fluid is not reached by it
        return alias.name.startswith(_GONE) and not _old_by_paddle(context)
    if alias.name == "*":
        module = next(m for m, n, _ in context.names.stars if n is node)
        return module.startswith("paddle.fluid") and node not in state.stars_needed
    bound = alias.asname or alias.name
    return _is_old(node, alias, scope, context) and (id(scope), bound) not in state.needed


def _is_old(
    node: ast.Import | ast.ImportFrom, alias: ast.alias, scope: Scope, context: FileContext
) -> bool:
    """Whether an import binds a name to something of 1.x, and to nothing else."""
    if isinstance(node, ast.Import):
        return alias.asname is not None and alias.name.startswith(_GONE)
    found = _imported(node, alias, scope, context)
    return bool(found) and all(context.table.is_old(c) for c in found)


def _imported(
    node: ast.ImportFrom, alias: ast.alias, scope: Scope, context: FileContext
) -> set[str]:
    """What ``from ... import name`` may mean."""
    bound = scope.bindings.get(alias.asname or alias.name, ())
    pairs = [cast("tuple[str, str]", b.value) for b in bound if b.node is node and b.kind == "from"]
    member = context.names.project.member
    return {c for module, name in pairs for c in member(module, name, 0)}


def _left_over(
    node: ast.Import | ast.ImportFrom, alias: ast.alias, scope: Scope, context: FileContext
) -> str:
    """The line that binds a name whose uses stay: it fails where it is used, not where it is made.

    So a file with an open point in a function that is never called still runs.
    """
    old = alias.name
    if isinstance(node, ast.ImportFrom):
        old = min(_imported(node, alias, scope, context))
    return f'{alias.asname or alias.name} = {context.helper(LEFT_OVER)}("{old}")'


def _old_by_paddle(context: FileContext) -> bool:
    """Whether code that stays says ``paddle.fluid...`` or another module that is gone."""
    gone = _subtree(context.converted)
    for chain in context.names.chains:
        if id(chain.node) not in gone and chain.dotted().startswith(_GONE):
            return True
    return False


def _drop_some(
    node: ast.Import | ast.ImportFrom, gone: list[ast.alias], context: FileContext
) -> None:
    span = context.source.span
    kept_end: int | None = None
    for index, alias in enumerate(node.names):
        start, end = span(alias)
        if alias not in gone:
            kept_end = end
        elif any(a not in gone for a in node.names[index + 1 :]):
            context.edits.append(Replace(start, span(node.names[index + 1])[0], b""))
        else:
            assert kept_end is not None
            context.edits.append(Replace(kept_end, end, b""))
            kept_end = end


def _add_needed(anchors: list[ast.stmt], context: FileContext, state: _Tidy) -> None:
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
    if state.left:
        tail.append(("\n\n" if inline else "") + "\n".join(state.left))
    if tail:
        _insert_block(after, tail, context)


def _import_paddle(context: FileContext) -> str:
    return "import paddle" if context.paddle == "paddle" else f"import paddle as {context.paddle}"


def _has_paddle(context: FileContext, state: _Tidy) -> bool:
    for binding in context.names.module.bindings.get(context.paddle, ()):
        if binding.kind == "name" and binding.value == "paddle":
            node = binding.node
            if isinstance(node, ast.stmt) and node in state.deletions:
                continue
            if not _comes_late(node, context, state):
                return True
    return False


def _comes_late(node: ast.AST | None, context: FileContext, state: _Tidy) -> bool:
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
    lines: list[str], anchor: ast.stmt | None, context: FileContext, state: _Tidy
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
        if not docstring and not future:
            return context.source.line_span(_first_line(node))[0]
    return len(context.source.text)


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


def _write_deletions(context: FileContext, state: _Tidy) -> None:
    """Delete or replace whole statements; a block that would be empty gets ``pass``."""
    bodies: dict[int, list[ast.stmt]] = {}
    for node in state.deletions:
        parent = context.names.parents.get(node)
        for name in ("body", "orelse", "finalbody", "handlers"):
            block = getattr(parent, name, None)
            if isinstance(block, list) and node in block:
                bodies[id(block)] = block
    for block in bodies.values():
        emptied = all(s in state.deletions and not state.deletions[s] for s in block)
        if emptied and block is not context.source.tree.body:
            state.deletions[block[0]] = b"pass"
    for node, text in state.deletions.items():
        delete_statement(node, text, context)


def delete_statement(node: ast.stmt, text: bytes, context: FileContext) -> None:
    """Replace a statement by ``text``; without text its line goes too, comments stay."""
    source = context.source
    start, end = source.span(node)
    line_start = source.line_span(node.lineno)[0]
    line_end = source.line_span(node.end_lineno or node.lineno)[1]
    before, after = source.text[line_start:start], source.text[end:line_end]
    if text or before.strip() or after.lstrip().startswith(b";"):
        context.edits.append(Replace(start, end, text or b"pass"))
        return
    comment = _FREE_COMMENT.search(after)
    if comment:
        context.edits.append(Replace(start, end + comment.start(), b""))
    else:
        context.edits.append(Replace(line_start, line_end, b""))


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

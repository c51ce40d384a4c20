"""Imports and aliases that nothing needs once the uses are rewritten."""

from __future__ import annotations

import ast
import re
from typing import cast

from dy2st.migrate.additions import Tidy, add_needed
from dy2st.migrate.edits import Replace
from dy2st.migrate.model import FileContext, OpenPoint
from dy2st.migrate.names import LEFT_OVER, Names, Scope
from dy2st.migrate.uses import Found

# Modules of 1.8 that Paddle 3 does not have, or has with other contents.
_GONE = ("paddle.fluid", "paddle.complex", "paddle.compat", "paddle.incubate.hapi")
_FREE_COMMENT = re.compile(rb"#(?!\s*(noqa|pylint|type:|isort|flake8))[^\r\n]*")


def root_name(names: Names) -> str:
    """``paddle``, or another name where the file means something else by it."""
    for binding in names.module.bindings.get("paddle", ()):
        if binding.kind != "name" or binding.value != "paddle":
            return "_paddle"
    return "paddle"


def tidy(found: Found, context: FileContext) -> int:
    """Take away imports and aliases that nothing needs now; add what the new code needs.

    Returns how many open points came: aliases and imports that stay.
    """
    before = len(context.open_points)
    state = Tidy()
    _collect_needed(found, context, state)
    _drop_aliases(found, context, state)
    anchors = _drop_imports(context, state)
    add_needed(anchors, context, state)
    _write_deletions(context, state)
    return len(context.open_points) - before


def _binding_scope(name: str, scope: Scope | None) -> Scope | None:
    first = True
    while scope is not None:
        if (first or scope.kind != "class") and name in scope.bindings:
            return scope
        first = False
        scope = scope.parent
    return None


def _collect_needed(found: Found, context: FileContext, state: Tidy) -> None:
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
    others = _exported(context) | context.named_in_texts
    state.needed |= {(id(context.names.module), n) for n in others}


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
    found: set[str] = set()
    for node in context.source.tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
            texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
            found.update(t for t in texts if isinstance(t, str))
    return found


def _drop_aliases(found: Found, context: FileContext, state: Tidy) -> None:
    """``layers = fluid.layers`` goes when nothing uses ``layers`` now."""
    aliases = {id(node) for _, node in found.module_aliases}
    for statement, node in found.module_aliases:
        assert isinstance(statement, ast.Assign)
        if _alias_free(statement, aliases, context, state):
            state.deletions[statement] = b""
            continue
        root: ast.AST = node
        while isinstance(root, ast.Attribute):
            root = root.value
        scope = next((c.scope for c in context.names.chains if c.node is node), None)
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
                unknown=not all(isinstance(t, ast.Name) for t in _targets(statement)),
            )
        )


def _targets(statement: ast.Assign) -> list[ast.expr]:
    """What a statement gives its value to; the items where that is a tuple."""
    found: list[ast.expr] = []
    for target in statement.targets:
        found += target.elts if isinstance(target, ast.Tuple) else [target]
    return found


def _alias_free(
    statement: ast.Assign, aliases: set[int], context: FileContext, state: Tidy
) -> bool:
    """Whether a statement gives modules only, to names that nothing uses now."""
    values = statement.value.elts if isinstance(statement.value, ast.Tuple) else [statement.value]
    return all(id(v) in aliases for v in values) and all(
        _target_free(t, context, state) for t in _targets(statement)
    )


def _target_free(target: ast.expr, context: FileContext, state: Tidy) -> bool:
    if isinstance(target, ast.Name):
        for scope in _scopes(context.names):
            if any(b.node is target for b in scope.bindings.get(target.id, ())):
                free = (id(scope), target.id) not in state.needed
                return free and (scope.kind != "class" or _attribute_free(target, context))
        return False
    return isinstance(target, ast.Attribute) and _attribute_free(target, context)


def _attribute_free(target: ast.Name | ast.Attribute, context: FileContext) -> bool:
    """Whether no code of the run reads an attribute of that name."""
    name = target.attr if isinstance(target, ast.Attribute) else target.id
    gone = _subtree(context.converted)
    return name not in context.facts.read_elsewhere and not any(
        isinstance(n, ast.Attribute) and n.attr == name and n is not target and id(n) not in gone
        for n in ast.walk(context.source.tree)
    )


def _scopes(names: Names) -> list[Scope]:
    seen = {id(names.module): names.module}
    for chain in names.chains:
        scope: Scope | None = chain.scope
        while scope is not None and id(scope) not in seen:
            seen[id(scope)] = scope
            scope = scope.parent
    return list(seen.values())


def _drop_imports(context: FileContext, state: Tidy) -> list[ast.stmt]:
    """Decide which imports go; returns those of the module's own scope, in order."""
    anchors: list[ast.stmt] = []
    for node, scope in context.names.imports:
        gone = [a for a in node.names if _import_goes(node, a, scope, context, state)]
        if context.options.compat and scope.kind == "module":
            kept = [a for a in node.names if a not in gone and _is_old(node, a, scope, context)]
            _tell_exported(node, kept, context)
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


def _tell_exported(
    node: ast.Import | ast.ImportFrom, kept: list[ast.alias], context: FileContext
) -> None:
    """An import that stays for ``__all__`` alone is a use that no chain shows."""
    exported = _exported(context) if kept else set()
    for alias in kept:
        bound = alias.asname or alias.name
        if bound in exported:
            reason = "__all__ hands an old name on to whoever imports this module"
            recipe = "take it out of __all__ and import it where it is used"
            place = (node.lineno, node.col_offset)
            point = OpenPoint("PM306", *place, bound, reason, recipe, unknown=True)
            context.open_points.append(point)


def _import_goes(
    node: ast.Import | ast.ImportFrom,
    alias: ast.alias,
    scope: Scope,
    context: FileContext,
    state: Tidy,
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


def _write_deletions(context: FileContext, state: Tidy) -> None:
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

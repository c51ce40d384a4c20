"""Finds every use of an old name in a file and says for each what it is."""

from __future__ import annotations

import ast
from dataclasses import field

from dy2st.migrate.model import OpenPoint, Use
from dy2st.migrate.names import UNKNOWN, Chain, Names, Scope, left_over
from dy2st.migrate.source import Source
from dy2st.migrate.table import Table
from dy2st.records import record

AMBIGUOUS = (
    "PM302",
    "the name may mean different things here",
    "give the name one meaning, then run paddle-migrate again",
)


@record(frozen=False, eq=False)
class Found:
    """All uses of a file: those that mean a row, and those that cannot be decided."""

    uses: list[Use] = field(default_factory=list)
    unknown: list[OpenPoint] = field(default_factory=list)
    unknown_nodes: list[ast.expr] = field(default_factory=list)
    module_aliases: list[tuple[ast.stmt, ast.expr]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many uses there are."""
        return len(self.uses) + len(self.unknown)


def interesting(candidates: frozenset[str], table: Table) -> list[str]:
    """The candidates that are names of 1.x."""
    return [c for c in candidates if table.is_old(c)]


def find(names: Names, table: Table, source: Source) -> Found:
    """All uses in one file, in the order of the source."""
    found = Found()
    for chain in names.chains:
        _inspect(chain, names, table, source, found)
    found.uses.sort(key=lambda u: (u.node.lineno, u.node.col_offset))
    return found


def _inspect(chain: Chain, names: Names, table: Table, source: Source, found: Found) -> None:
    root: ast.AST = chain.node
    while isinstance(root, ast.Attribute):
        root = root.value
    if isinstance(root, ast.Call):
        if not _is_dynamic_import(root):
            return
    elif not isinstance(root, ast.Name):
        return
    stored = not isinstance(chain.node.ctx, ast.Load)
    if stored and not isinstance(chain.node, ast.Attribute):
        return
    node = chain.node.value if stored and isinstance(chain.node, ast.Attribute) else chain.node
    candidates = names.resolve(node, chain.scope)
    old = interesting(candidates, table)
    if not old:
        return
    if isinstance(root, ast.Name) and _called_object(root, chain.scope, names, table):
        return
    if len(candidates) > 1:
        agreed = {_meaning(c, table) for c in candidates}
        if len(agreed) > 1 or UNKNOWN in candidates:
            _unknown(chain, old[0], AMBIGUOUS, found)
            return
    _record(chain, old[0], names, table, found)


def _meaning(candidate: str, table: Table) -> str:
    row = table.find(candidate)
    return row[0].id if row else candidate


def _is_dynamic_import(call: ast.Call) -> bool:
    func = call.func
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return name in ("getattr", "import_module", "__import__")


def _called_object(root: ast.Name, scope: Scope, names: Names, table: Table) -> bool:
    """Whether the root is a local alias of a callable, whose value is rewritten where it is set."""
    node: ast.expr = root
    bindings = _bindings(names, root.id, scope)
    if not bindings or any(b.kind != "expr" or left_over(b.value) for b in bindings):
        return False
    candidates = names.resolve(node, scope)
    return all(table.find(c) is not None for c in candidates)


def _bindings(names: Names, name: str, scope: Scope | None) -> list:  # type: ignore[type-arg]
    first = True
    while scope is not None:
        if (first or scope.kind != "class") and name in scope.bindings:
            return scope.bindings[name]
        first = False
        scope = scope.parent
    return []


def _record(chain: Chain, dotted: str, names: Names, table: Table, found: Found) -> None:
    node: ast.expr = chain.node
    if not isinstance(getattr(node, "ctx", None), ast.Load):
        _unknown(
            chain,
            dotted,
            ("PM305", "code replaces a part of paddle.fluid", "take the assignment out"),
            found,
        )
        return
    match = table.find(dotted)
    if match is None:
        _module_reference(chain, dotted, names, table, found)
        return
    row, used = match
    surplus = dotted.split(".")[used:]
    rest = tuple(surplus)
    while surplus and isinstance(node, ast.Attribute):
        surplus.pop()
        node = node.value
    parent = names.parents.get(node)
    call = parent if isinstance(parent, ast.Call) and parent.func is node else None
    found.uses.append(Use(row, node, chain.scope, chain.dotted(), call, parent, rest))


def _module_reference(chain: Chain, dotted: str, names: Names, table: Table, found: Found) -> None:
    parent = names.parents.get(chain.node)
    is_module = dotted in table.prefixes or dotted == "paddle.fluid"
    if is_module and isinstance(parent, ast.Assign) and parent.value is chain.node:
        found.module_aliases.append((parent, chain.node))
        return
    if is_module and isinstance(parent, ast.Call) and _is_dynamic_import(parent):
        name = parent.args[1] if len(parent.args) > 1 else None
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            _literal_getattr(chain, f"{dotted}.{name.value}", parent, names, table, found)
            return
        problem = (
            "PM304",
            "getattr with a name that is known only at run time",
            "write a dict from the names in use to the functions of today's Paddle",
        )
        _unknown(chain, dotted, problem, found)
        return
    if is_module:
        problem = (
            "PM306",
            f"the module {dotted} itself is handed on",
            "name the functions that are used instead of handing the module on",
        )
    else:
        problem = (
            "PM301",
            f"{dotted} is no public name of Paddle 1.8.5 that this tool knows",
            "look for what the code needs it for, and for today's way to say that",
        )
    _unknown(chain, dotted, problem, found)


def _literal_getattr(
    chain: Chain, dotted: str, call: ast.Call, names: Names, table: Table, found: Found
) -> None:
    match = table.find(dotted)
    if match is None:
        _unknown(chain, dotted, ("PM301", f"{dotted} is not known", "look it up by hand"), found)
        return
    outer = names.parents.get(call)
    made = outer if isinstance(outer, ast.Call) and outer.func is call else None
    found.uses.append(Use(match[0], call, chain.scope, dotted, made, outer, (), call))


def _unknown(chain: Chain, dotted: str, problem: tuple[str, str, str], found: Found) -> None:
    rule, reason, recipe = problem
    found.unknown.append(
        OpenPoint(
            rule, chain.node.lineno, chain.node.col_offset, dotted, reason, recipe, unknown=True
        )
    )
    found.unknown_nodes.append(chain.node)

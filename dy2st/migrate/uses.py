"""Finds every use of an old name in a file and says for each what it is."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import field

from dy2st.migrate.model import OpenPoint, Use
from dy2st.migrate.names import (
    UNKNOWN,
    Chain,
    Names,
    Scope,
    imported_by_call,
    imports_by_call,
    left_over,
)
from dy2st.migrate.table import Table
from dy2st.records import record

AMBIGUOUS = (
    "PM302",
    "the name may mean different things here",
    "give the name one meaning, then run paddle-migrate again",
)


KEPT = (
    "PM306",
    "an attribute under which the project keeps a module of paddle.fluid",
    "import the module where it is used instead of reaching it through an object",
)
REPLACED = ("PM305", "code replaces a part of paddle.fluid", "take the assignment out")
DELETED = ("PM305", "code deletes a name of paddle.fluid", "take the del out")
DYNAMIC = (
    "PM304",
    "a module whose name is put together at run time",
    "import the module by a statement",
)


# Modules whose classes may be looked up by a name that is known at run time, and their helpers.
NAMED_MODULES = {
    "paddle.fluid.optimizer": "optimizer_named",
    "paddle.fluid.regularizer": "regularizer_named",
    "paddle.fluid.initializer": "initializer_named",
}


@record(frozen=False, eq=False)
class Found:
    """All uses of a file: those that mean a row, and those that cannot be decided."""

    uses: list[Use] = field(default_factory=list)
    unknown: list[OpenPoint] = field(default_factory=list)
    unknown_nodes: list[ast.expr] = field(default_factory=list)
    module_aliases: list[tuple[ast.stmt, ast.expr]] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)  # old names that the file assigns to

    @property
    def count(self) -> int:
        """How many uses there are."""
        return len(self.uses) + len(self.unknown)


def interesting(candidates: frozenset[str], table: Table) -> list[str]:
    """The candidates that are names of 1.x."""
    return [c for c in candidates if table.is_old(c)]


def find(names: Names, table: Table, kept: Collection[str] = ()) -> Found:
    """All uses in one file, in the order of the source.

    ``kept`` are the attributes under which the project keeps modules of 1.x.
    """
    found = Found()
    for chain in names.chains:
        _inspect(chain, names, table, kept, found)
    for call, _ in names.calls:
        if imports_by_call(call):
            _import_by_call(call, names, table, found)
    _leave_replaced(names, found)
    found.uses.sort(key=lambda u: (u.node.lineno, u.node.col_offset))
    return found


def _inspect(chain: Chain, names: Names, table: Table, kept: Collection[str], found: Found) -> None:
    root: ast.AST = chain.node
    while isinstance(root, ast.Attribute):
        root = root.value
    if kept and _of_kept_module(chain, names, table, kept):
        _unknown(chain, chain.dotted(), KEPT, found)
        return
    if not isinstance(root, ast.Name) and not (
        isinstance(root, ast.Call) and _is_dynamic_import(root)
    ):
        return
    stored = not isinstance(chain.node.ctx, ast.Load)
    node = chain.node.value if stored and isinstance(chain.node, ast.Attribute) else chain.node
    candidates = names.resolve(node, chain.scope)
    old = interesting(candidates, table)
    if not old:
        return
    if isinstance(root, ast.Name) and _is_value(chain, root, names, table):
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


def _is_value(chain: Chain, root: ast.Name, names: Names, table: Table) -> bool:
    """Whether a chain starts at a variable that holds a callable: that is rewritten where it is set.

    A variable is a local name, a parameter with a default, or an attribute of ``self``.
    """
    start: ast.expr = root
    bindings = _bindings(names, root.id, chain.scope)
    if root.id in names.self_names(chain.scope):
        inner: ast.expr = chain.node
        while isinstance(inner, ast.Attribute) and inner.value is not root:
            inner = inner.value
        owner = chain.scope.owner()
        if owner is None or not isinstance(inner, ast.Attribute):
            return False
        start, bindings = inner, owner.values_of(inner.attr)
    values = [b for b in bindings if b.kind == "expr"]
    if not values or any(b.kind in ("name", "from") or left_over(b.value) for b in bindings):
        return False
    candidates = set(names.resolve(start, chain.scope))
    if start is chain.node:  # used as it is: whatever else it may hold stands for itself
        candidates.discard(UNKNOWN)
    elif len(values) < len(bindings):
        return False
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
        deleted = isinstance(chain.node.ctx, ast.Del)
        if isinstance(node, ast.Attribute):
            found.replaced.add(f"{dotted}.{node.attr}")
        _unknown(chain, dotted, DELETED if deleted else REPLACED, found)
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
    assigned = _assigned(chain.node, names)
    if is_module and assigned is not None:
        found.module_aliases.append((assigned, chain.node))
        return
    if is_module and isinstance(parent, ast.Call) and _is_dynamic_import(parent):
        name = parent.args[1] if len(parent.args) > 1 else None
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            _literal_getattr(chain, f"{dotted}.{name.value}", parent, names, table, found)
            return
        if dotted in NAMED_MODULES and len(parent.args) == 2:
            return  # a rule looks at it
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


def _assigned(node: ast.expr, names: Names) -> ast.Assign | None:
    """The statement that gives this value, or the tuple that it is an item of, to names."""
    parent = names.parents.get(node)
    if isinstance(parent, ast.Tuple):
        outer = names.parents.get(parent)
        if isinstance(outer, ast.Assign) and outer.value is parent:
            shapes = [t for t in outer.targets if isinstance(t, ast.Tuple)]
            same = [t for t in shapes if len(t.elts) == len(parent.elts)]
            return outer if len(same) == len(outer.targets) else None
    return parent if isinstance(parent, ast.Assign) and parent.value is node else None


def _import_by_call(call: ast.Call, names: Names, table: Table, found: Found) -> None:
    """``fluid = importlib.import_module("paddle.fluid")`` is an alias; other names are unknown."""
    module = imported_by_call(call)
    if module:
        statement = _assigned(call, names)
        if statement is not None and table.is_old(module):
            found.module_aliases.append((statement, call))
        return
    texts = [n.value for n in ast.walk(call) if isinstance(n, ast.Constant)]
    if any(isinstance(t, str) and ("paddle" in t or "fluid" in t) for t in texts):
        rule, reason, recipe = DYNAMIC
        place = (call.lineno, call.col_offset)
        point = OpenPoint(rule, *place, "import_module", reason, recipe, unknown=True)
        found.unknown.append(point)


def _leave_replaced(names: Names, found: Found) -> None:
    """Uses of names that the file itself replaces mean what it put there."""
    if not found.replaced:
        return
    for use in [u for u in found.uses if {u.row.old, *u.row.aliases} & found.replaced]:
        found.uses.remove(use)
        _unknown(Chain(use.node, use.scope), use.row.old, REPLACED, found)  # type: ignore[arg-type]


def _of_kept_module(chain: Chain, names: Names, table: Table, kept: Collection[str]) -> bool:
    """Whether ``x.kept.member`` may reach a module of 1.x through an object that nobody knows."""
    node: ast.expr = chain.node
    while isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
        if node.value.attr in kept and table.is_member(node.attr):
            return names.resolve(node.value, chain.scope) == {UNKNOWN}
        node = node.value
    return False


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

"""What a name means: one pass over ``ast`` collects bindings, then names are resolved on demand.

A *candidate* is a string: a dotted name (``paddle.fluid.layers.fc``), ``@<path>`` for a module of
the project itself, ``fluid_compat.<name>`` for a helper that an earlier run wrote, ``inst:<name>``
for an object made by calling ``<name>``, or ``?`` where the value cannot be known. A name means something only when all its candidates agree.
"""

from __future__ import annotations

import ast
from typing import cast

from dy2st.migrate.scopes import UNKNOWN, Binding, Bindings, Chain, ProjectLike, Scope

OURS = "fluid_compat"  # the module of helpers, under whatever name a project has it
OUR_PREFIX = "_fluid_"  # of helpers that stand in a file of their user
LEFT_OVER = "NotMigrated"  # the helper that stands for an old name which is still used
_LIMIT = 40  # how far an alias is followed
__all__ = [
    "OURS",
    "OUR_PREFIX",
    "UNKNOWN",
    "Chain",
    "Names",
    "ProjectLike",
    "Scope",
    "imported_by_call",
    "imports_by_call",
    "left_over",
]


class Names(Bindings):
    """What the names of one module mean."""

    def __init__(self, tree: ast.Module, path: str, project: ProjectLike) -> None:
        self._memo: dict[tuple[int, str], frozenset[str]] = {}
        self._resolved: dict[ast.AST, frozenset[str]] = {}
        self._functions: dict[ast.AST, ast.AST | None] = {}
        super().__init__(tree, path, project)

    def function_around(self, node: ast.AST | None) -> ast.AST | None:
        """The function or lambda that a node stands in (or is), None at the module's level."""
        passed, at = [], node
        while at is not None and at not in self._functions:
            if isinstance(at, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                self._functions[at] = at
                break
            passed.append(at)
            at = self.parents.get(at)
        found = None if at is None else self._functions[at]
        self._functions.update(dict.fromkeys(passed, found))
        return found

    def in_annotation(self, node: ast.AST) -> bool:
        """Whether an expression stands in an annotation."""
        parent = self.parents.get(node)
        while isinstance(parent, (ast.Tuple, ast.List, ast.Subscript, ast.BinOp)):
            node, parent = parent, self.parents.get(parent)
        if isinstance(parent, ast.AnnAssign):
            return parent.annotation is node
        if not isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return False
        a = parent.args
        every = [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg]
        given = [arg.annotation for arg in every if arg is not None]
        return parent.returns is node or any(annotation is node for annotation in given)

    def resolve(self, node: ast.AST, scope: Scope, depth: int = 0) -> frozenset[str]:
        """All candidates of an expression; ``{"?"}`` where nothing is known."""
        if depth:
            return self._resolve(node, scope, depth)
        found = self._resolved.get(node)
        if found is None:
            found = self._resolved[node] = self._resolve(node, scope, depth)
        return found

    def _resolve(self, node: ast.AST, scope: Scope, depth: int) -> frozenset[str]:
        if depth > _LIMIT:
            return frozenset({UNKNOWN})
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        found = self._resolve_root(node, scope, attributes, depth)
        for attribute in reversed(attributes):
            found = frozenset(
                c for base in found for c in self.project.member(base, attribute, depth + 1)
            )
        return found

    def _resolve_root(
        self, node: ast.AST, scope: Scope, attributes: list[str], depth: int
    ) -> frozenset[str]:
        if isinstance(node, ast.Name):
            if attributes and node.id in self.self_names(scope):
                owner = scope.owner()
                name = attributes[-1]
                values = owner.values_of(name) if owner is not None else []
                if owner is not None and values:
                    attributes.pop()
                    return self._remember(owner, f"self.{name}", values, depth)
            return self.lookup(node.id, scope, depth)
        if isinstance(node, ast.Call):
            return self._resolve_call(node, scope, depth)
        if isinstance(node, ast.Constant) and node.value is None:
            return frozenset()
        if isinstance(node, ast.IfExp):
            return self.resolve(node.body, scope, depth + 1) | self.resolve(
                node.orelse, scope, depth + 1
            )
        return frozenset({UNKNOWN})

    def _resolve_call(self, node: ast.Call, scope: Scope, depth: int) -> frozenset[str]:
        old = left_over(node)
        if old:
            return frozenset({old})
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) >= 2:
            name = node.args[1]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                base = self.resolve(node.args[0], scope, depth + 1)
                return frozenset(
                    c for b in base for c in self.project.member(b, name.value, depth + 1)
                )
            return frozenset({UNKNOWN})
        module = imported_by_call(node)
        if module:
            return frozenset({module})
        made = set()
        for c in self.resolve(node.func, scope, depth + 1):
            if c == UNKNOWN or c.startswith(("@", "inst:")):
                made.add(UNKNOWN)
            else:
                made.add(f"inst:{c}")
        return frozenset(made)

    def _union(self, bindings: list[Binding], depth: int) -> frozenset[str]:
        found: set[str] = set()
        for binding in bindings:
            if binding.kind == "name":
                found.add(str(binding.value))
            elif binding.kind == "from":
                module, name = cast("tuple[str, str]", binding.value)
                found |= self.project.member(module, name, depth + 1)
            elif binding.kind == "expr":
                assert binding.scope is not None
                found |= self.resolve(binding.value, binding.scope, depth + 1)  # type: ignore[arg-type]
            else:
                name = getattr(binding.node, "name", None) or ""
                ours = name.startswith(OUR_PREFIX) and isinstance(binding.node, ast.stmt)
                found.add(f"{OURS}.{name[len(OUR_PREFIX) :]}" if ours else UNKNOWN)
        return frozenset(found)

    def _remember(
        self, scope: Scope, name: str, bindings: list[Binding], depth: int
    ) -> frozenset[str]:
        """The union of the bindings, computed once; a value that depends on itself is unknown."""
        key = (id(scope), name)
        found = self._memo.get(key)
        if found is None:
            self._memo[key] = frozenset({UNKNOWN})
            found = self._memo[key] = self._union(bindings, depth)
        return found

    def imports_itself(self, name: str) -> bool:
        """Whether a package binds a name by ``from . import name``: that is its own module."""
        bindings = self.module.bindings.get(name, ())
        return bool(bindings) and all(
            b.kind == "from" and b.value == (f"@{self.path}", name) for b in bindings
        )

    def lookup(self, name: str, scope: Scope | None, depth: int = 0) -> frozenset[str]:
        """Candidates of a bare name, by Python's own rule of scopes."""
        if depth > _LIMIT:
            return frozenset({UNKNOWN})
        first = True
        while scope is not None:
            if (first or scope.kind != "class") and name in scope.bindings:
                return self._remember(scope, name, scope.bindings[name], depth)
            first = first and scope.kind in ("comprehension",)
            scope = scope.parent
        found: set[str] = set()
        for module, node, _ in reversed(self.stars):  # a later import covers an earlier one
            given = self.project.star(module, name, depth)
            found |= given
            if given and isinstance(self.parents.get(node), ast.Module):
                break
        return frozenset(found) if found else frozenset({UNKNOWN})


def _called_name(func: ast.Name | ast.Attribute) -> str:
    return func.attr if isinstance(func, ast.Attribute) else func.id


def imports_by_call(node: ast.AST) -> bool:
    """Whether an expression is a call of ``import_module`` or ``__import__``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, (ast.Name, ast.Attribute)):
        return False
    return _called_name(node.func) in ("import_module", "__import__") and bool(node.args)


def imported_by_call(node: ast.AST) -> str:
    """The module that ``import_module("a.b")`` or ``__import__("a.b")`` gives; empty if unknown."""
    if not imports_by_call(node):
        return ""
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, (ast.Name, ast.Attribute))
    value = getattr(node.args[0], "value", None)
    if not isinstance(value, str):
        return ""
    if value.startswith("."):
        packages = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "package")]
        package = getattr(packages[0], "value", None) if packages else None
        plain = isinstance(package, str) and not value.startswith("..")
        return f"{package}{value}" if plain else ""
    whole = len(node.args) > 3 or any(k.arg == "fromlist" for k in node.keywords)
    if _called_name(node.func) == "__import__" and not whole:
        return value.split(".")[0]
    return value


def left_over(node: object) -> str:
    """The old name that ``NotMigrated("paddle.fluid...")`` stands for; empty for other code."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, (ast.Name, ast.Attribute)):
        return ""
    if not _called_name(node.func).endswith(LEFT_OVER) or len(node.args) != 1:
        return ""
    value = getattr(node.args[0], "value", None)
    return value if isinstance(value, str) else ""

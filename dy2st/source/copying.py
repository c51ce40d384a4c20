"""A tree of one's own: copies of parsed code, and the mangling of names private to a class."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any


@dataclass
class Copied:
    """A copy of a tree, the kinds of node in it, and every identifier, names of attributes included."""

    node: Any
    kinds: set[type]
    identifiers: set[str]

    @property
    def has_private_names(self) -> bool:
        """Whether some name is private to a class."""
        return any(mangle(name, "C") != name for name in self.identifiers)


def copy_tree(node: ast.AST) -> Copied:
    """A deep copy of ``node`` that shares nothing that anyone changes (contexts, operators)."""
    copied = Copied(None, set(), set())
    copied.node = _copy(node, copied.kinds, copied.identifiers)
    return copied


_SHARED = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
_NAMING = {"id", "arg", "attr", "name", "asname", "rest"}


def _copy(node: ast.AST, kinds: set[type], names: set[str]) -> ast.AST:
    kind = type(node)
    kinds.add(kind)
    made = kind.__new__(kind)
    into = made.__dict__
    for key, value in node.__dict__.items():
        if type(value) is list:
            value = [
                _copy(v, kinds, names) if isinstance(v, ast.AST) else _named(v, names)
                for v in value
            ]
        elif isinstance(value, ast.AST):
            if not isinstance(value, _SHARED):
                value = _copy(value, kinds, names)
        elif type(value) is str and key in _NAMING:
            names.add(value.split(".")[0])
        into[key] = value
    return made


def _named(value: Any, names: set[str]) -> Any:
    if type(value) is str:
        names.add(value)
    return value


def child_nodes(node: ast.AST) -> list[ast.AST]:
    """Children of ``node`` but for contexts and operators; quicker than ``ast.iter_child_nodes``."""
    found: list[ast.AST] = []
    for value in node.__dict__.values():
        if type(value) is list:
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and not isinstance(value, _SHARED):
            found.append(value)
    return found


def mangle(name: str, owner: str) -> str:
    """``__x`` as the class ``owner`` sees it (language reference, "private name mangling")."""
    owner = owner.lstrip("_")
    if not owner or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    return f"_{owner}{name}"


def mangled(copied: Copied, owner: str) -> None:
    """Mangle, in place, every private name outside of inner classes, as the compiler would."""
    if not copied.has_private_names:
        return
    _Mangler(owner).visit(copied.node)
    copied.identifiers |= {mangle(name, owner) for name in copied.identifiers}


class _Mangler(ast.NodeVisitor):
    def __init__(self, owner: str) -> None:
        self.owner = owner

    def generic_visit(self, node: ast.AST) -> None:
        for key in ("id", "attr", "arg", "name", "asname", "rest"):
            value = getattr(node, key, None)
            if type(value) is str and value.startswith("__"):
                self._rename(node, key, value)
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            node.names = [mangle(name, self.owner) for name in node.names]
        for child in child_nodes(node):
            self.visit(child)

    def _rename(self, node: ast.AST, key: str, value: str) -> None:
        new = mangle(value, self.owner)
        if isinstance(node, ast.alias) and key == "name" and new != value:
            # `import __x` imports `__x` and binds the mangled name.
            node.asname = mangle(node.asname or value, self.owner)
            return
        setattr(node, key, new)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """An inner class mangles for itself; only what stands outside of its body is ours."""
        node.name = mangle(node.name, self.owner)
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(part)

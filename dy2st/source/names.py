"""Fresh names that no identifier of the user's code collides with."""

from __future__ import annotations

import ast


def identifiers(tree: ast.AST) -> set[str]:
    """Every name that ``tree`` reads, binds or declares; attributes and keywords do not count."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            found.update(node.names)
        else:
            _add_rare(node, found)
    return found


def _add_rare(node: ast.AST, found: set[str]) -> None:
    if isinstance(node, ast.alias):
        found.add((node.asname or node.name).split(".")[0])
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        found.add(node.name)
    elif isinstance(node, ast.MatchMapping) and node.rest:
        found.add(node.rest)


class FreshNames:
    """Hands out names of the form ``_if_1`` that are neither in use nor handed out before."""

    def __init__(self, used: set[str]) -> None:
        self._used = set(used)
        self._next: dict[str, int] = {}

    def fresh(self, stem: str) -> str:
        """A new name ``_<stem>_<n>``; counting is per stem, so that the output is readable."""
        while True:
            number = self._next.get(stem, 0) + 1
            self._next[stem] = number
            name = f"_{stem}_{number}"
            if name not in self._used:
                self._used.add(name)
                return name

    def exactly(self, name: str) -> str:
        """``name`` itself where it is free, else a numbered variant."""
        if name not in self._used:
            self._used.add(name)
            return name
        return self.fresh(name.strip("_"))

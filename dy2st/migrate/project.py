"""The files of a run seen together: which module an import means and what it exports."""

from __future__ import annotations

import os
import re
from collections.abc import Container
from pathlib import Path

from dy2st.errors import SourceReadError
from dy2st.migrate import source as sources
from dy2st.migrate.helpers import MARK
from dy2st.migrate.names import OURS, UNKNOWN, Names, ProjectLike
from dy2st.migrate.table import Table

_REMEMBERED = 64  # analysed files kept: a tree is some 200 KB


class Project(ProjectLike):
    """Finds modules below the roots of a run; analyses them when a name leads there."""

    def __init__(self, roots: list[str], files: Container[str], table: Table) -> None:
        self.roots = [os.path.abspath(r) for r in roots]
        self.files = files
        self.table = table
        self._names: dict[str, Names | None] = {}
        self._ours: dict[str, bool] = {}
        self._located: dict[tuple[str, str, int], str | None] = {}

    def add(self, path: str, names: Names) -> None:
        """Remember an analysed file, so that it is not read again soon."""
        while len(self._names) >= _REMEMBERED:
            del self._names[next(iter(self._names))]
        self._names[path] = names

    def locate(self, path: str, module: str, level: int) -> str | None:
        """The project's own file that ``module`` means when imported from ``path``."""
        if not self.roots:
            return None
        key = (os.path.dirname(path), module, level)
        if key not in self._located:
            self._located[key] = self._locate(*key)
        return self._located[key]

    def _locate(self, folder: str, module: str, level: int) -> str | None:
        relative = module.replace(".", os.sep)
        if level:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            return self._file(os.path.join(folder, relative) if relative else folder)
        candidates = [folder]
        while any(folder.startswith(r + os.sep) for r in self.roots):
            folder = os.path.dirname(folder)
            candidates.append(folder)
        for base in candidates:
            found = self._file(os.path.join(base, relative))
            if found:
                return found
        return None

    def _file(self, stem: str) -> str | None:
        for name in (stem + ".py", os.path.join(stem, "__init__.py")):
            if name in self.files:
                return name
        return None

    def names_of(self, path: str) -> Names | None:
        """The analysed module at ``path``; None where it cannot be read."""
        if path not in self._names:
            self._names[path] = None  # a cycle of imports ends here
            try:
                raw = Path(path).read_bytes()
                if b"paddle" in raw or b"import" in raw:
                    read = sources.read(raw, path)
                    self.add(path, Names(read.tree, path, self))
            except (OSError, SourceReadError, RecursionError):
                pass
        return self._names.get(path)

    def member(self, base: str, name: str, depth: int) -> frozenset[str]:
        """Candidates of ``base.name``, through re-exports of the project's own files."""
        if base == UNKNOWN or depth > 40:
            return frozenset({UNKNOWN})
        if not base.startswith("@"):
            return frozenset({f"{base}.{name}"})
        path = base[1:]
        if os.path.basename(path).startswith(OURS) and self._is_ours(path):
            return frozenset({f"{OURS}.{name}"})
        names = self.names_of(path)
        if names is not None:
            found = names.lookup(name, names.module, depth + 1)
            if found != {UNKNOWN}:
                return found
            if name in names.module.bindings and not names.imports_itself(name):
                return found
        if os.path.basename(path) == "__init__.py":
            inner = self._file(os.path.join(os.path.dirname(path), name))
            if inner:
                return frozenset({f"@{inner}"})
        return frozenset({UNKNOWN})

    def _is_ours(self, path: str) -> bool:
        """Whether an earlier run wrote this module of helpers."""
        if path not in self._ours:
            try:
                with open(path, "rb") as stream:
                    self._ours[path] = stream.read(len(MARK)) == MARK.encode()
            except OSError:
                self._ours[path] = False
        return self._ours[path]

    def _mentions(self, path: str, name: str) -> bool:
        """Whether a file has the name in it, so that it may well define it."""
        try:
            return re.search(rf"\b{name}\b".encode(), Path(path).read_bytes()) is not None
        except OSError:
            return False

    def _binds(self, names: Names, name: str, depth: int) -> bool:
        """Whether a module of the project gives a name a meaning of its own."""
        if name in names.module.bindings:
            return True
        own = (self.names_of(m[1:]) for m, _, _ in names.stars if m.startswith("@"))
        return depth <= 40 and any(n is not None and self._binds(n, name, depth + 1) for n in own)

    def star(self, module: str, name: str, depth: int) -> frozenset[str]:
        """Candidates that ``from module import *`` gives ``name``."""
        if depth > 40:
            return frozenset()
        if module.startswith("@"):
            names = self.names_of(module[1:])
            if name.startswith("_"):
                return frozenset()
            if names is None:  # not analysed: it does not speak of Paddle
                return frozenset({UNKNOWN}) if self._mentions(module[1:], name) else frozenset()
            found = names.lookup(name, names.module, depth + 1)
            nothing = found == {UNKNOWN} and not self._binds(names, name, depth + 1)
            return frozenset() if nothing else found
        if self.table.exports(module, name):
            return frozenset({f"{module}.{name}"})
        return frozenset()

"""Where ``fluid_compat.py`` lies in a project and how a file of it is imported."""

from __future__ import annotations

import ast
import functools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dy2st.migrate import helpers, scan

NAME = "fluid_compat"
_MAIN = re.compile(rb"(?m)^if\s+__name__\s*==")
_RELATIVE = re.compile(rb"(?m)^\s*from\s+\.")


class Layout:
    """One top-level folder of a run.

    A file with ``__init__.py`` beside it may be part of a package, or a script in a folder that
    Python searches. The latter is known by what the folder's files, and those below, import.
    """

    def __init__(self, root: str, files: Mapping[str, scan.Known]) -> None:
        self.root = root
        self.files = files
        self._names: dict[str, str] = {}

    @functools.cached_property
    def _folders(self) -> set[str]:
        """All folders with files of the run in them or below."""
        found = {self.root}
        for path in self.files:
            folder = os.path.dirname(path)
            while folder not in found and len(folder) > len(self.root):
                found.add(folder)
                folder = os.path.dirname(folder)
        return found

    @functools.cached_property
    def _searched(self) -> set[tuple[str, str]]:
        """Pairs of a folder that Python searches and the name of what was imported from it."""
        found: set[tuple[str, str]] = set()
        for path in self.files:
            found.update((place, name) for name, place in self._places(path))
        return found

    def _places(self, path: str) -> Iterator[tuple[str, str]]:
        """Each name of the run's own that a file imports, and the folder where it lies."""
        folder = os.path.dirname(path)
        own = [folder] if self._has(folder, "__init__") else []  # searched last by a package's file
        above = list(self._above(folder))[len(own) :] + own
        for name in self.files[path].firsts:
            place = next((f for f in above if self._has(f, name)), None)
            if place is not None:
                yield name, place

    def _above(self, folder: str) -> Iterator[str]:
        """The folder and those around it, up to the root."""
        while True:
            yield folder
            if folder == self.root or len(folder) <= len(self.root):
                return
            folder = os.path.dirname(folder)

    def _has(self, folder: str, name: str) -> bool:
        inside = os.path.join(folder, name)
        return inside + ".py" in self.files or inside in self._folders

    @functools.cached_property
    def _starts(self) -> set[str]:
        """The folders that Python searches."""
        return {place for place, _ in self._searched}

    def _is_package(self, folder: str) -> bool:
        """Whether it is imported as a package; one that is searched is a folder of scripts."""
        return self._has(folder, "__init__") and folder not in self._starts

    def _home(self, folder: str) -> str:
        """The nearest searched folder from which a folder's files are imported, else itself."""
        if folder in self._starts:
            return folder
        below = folder
        for around in self._above(folder):
            if (around, os.path.basename(below)) in self._searched:
                return around
            below = around
        return folder

    def compat_folder(self, path: str) -> tuple[str, int]:
        """The folder of the helper module for ``path``, and how many dots lead to it (0: none)."""
        folder = os.path.dirname(path)
        relative = "." in self.files[path].firsts and self._has(folder, "__init__")
        if not relative and not self._is_package(folder):
            return self._home(folder), 0
        level = 1
        while folder != self.root and self._is_package(os.path.dirname(folder)):
            folder = os.path.dirname(folder)
            level += 1
        return folder, level

    def compat_for(self, path: str) -> str:
        """What the engine is told: ``.fluid_compat``, ``fluid_compat`` or "" for helpers inside."""
        folder, level = self.compat_folder(path)
        name = self._module_name(folder)
        content = (scan.read_file(path) or b"") if level else b""
        if level and _MAIN.search(content) and not _RELATIVE.search(content):
            # run as a script it has no package: its neighbours are found beside it, if at all
            if level == 1 and self._imports_neighbours(path, content):
                return name
            return ""
        return "." * level + name

    def _imports_neighbours(self, path: str, content: bytes) -> bool:
        folder = os.path.dirname(path)
        for match in re.finditer(rb"(?m)^\s*(?:from|import)\s+(\w+)", content):
            if os.path.join(folder, match.group(1).decode() + ".py") in self.files:
                return True
        return False

    def compat_path(self, path: str) -> str:
        """The helper module's file for ``path``."""
        folder, _ = self.compat_folder(path)
        return os.path.join(folder, self._module_name(folder) + ".py")

    def _module_name(self, folder: str) -> str:
        """``fluid_compat``, or another name where a user's own file has that one."""
        if folder not in self._names:
            name, number = NAME, 1
            while not _is_free(os.path.join(folder, name + ".py")):
                number += 1
                name = f"{NAME}_{number}"
            self._names[folder] = name
        return self._names[folder]


def _is_free(path: str) -> bool:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").startswith(helpers.MARK)
    except OSError:
        return True


def helpers_in(path: str) -> set[str]:
    """The helpers that an earlier run wrote to ``path``; they stay."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        body = ast.parse(text).body
    except (OSError, UnicodeError, SyntaxError):
        return set()
    if not text.startswith(helpers.MARK):
        return set()
    known = helpers.load()
    found = set()
    for node in body:
        name = getattr(node, "name", None)
        if name is None and isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        if name in known:
            found.add(name)
    return found

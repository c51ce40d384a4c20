"""Where ``fluid_compat.py`` lies in a project and how a file of it is imported."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from dy2st.migrate import helpers, scan

NAME = "fluid_compat"
_MAIN = re.compile(rb"(?m)^if\s+__name__\s*==")
_RELATIVE = re.compile(rb"(?m)^\s*from\s+\.")
_BARE = re.compile(rb"(?m)^[ \t]*(?:from|import)[ \t]+(\w+)\b(?!\.)")
_ELSEWHERE = sys.stdlib_module_names | {"__init__", "paddle", "numpy"}


class Layout:
    """One top-level folder of a run."""

    def __init__(self, root: str, files: frozenset[str], imported: Iterable[str] = ()) -> None:
        self.root = root
        self.files = files
        self._names: dict[str, str] = {}
        self._flat: dict[str, bool] = {}
        self._imported = frozenset(imported)  # first parts of the dotted modules that are imported

    def _is_package(self, folder: str) -> bool:
        return os.path.join(folder, "__init__.py") in self.files and not self._is_flat(folder)

    def _is_flat(self, folder: str) -> bool:
        """Whether a folder has an ``__init__.py`` and is none the less used as a place of scripts.

        Its files import each other by their bare names, which works only where Python starts in
        that folder; then nothing can be imported relatively.
        """
        if folder not in self._flat:
            own = [f for f in self.files if os.path.dirname(f) == folder and f.endswith(".py")]
            stems = {os.path.basename(f)[:-3] for f in own} - _ELSEWHERE
            stems.discard(os.path.basename(folder))
            texts = [scan.read_file(f) or b"" for f in own]
            imported = {m.decode() for t in texts for m in _BARE.findall(t)}
            relative = any(_RELATIVE.search(t) for t in texts)
            self._flat[folder] = bool(stems & imported) and not relative
        return self._flat[folder]

    def compat_folder(self, path: str) -> tuple[str, int]:
        """The folder of the helper module for ``path``, and how many dots lead to it (0: none)."""
        folder = os.path.dirname(path)
        if not self._is_package(folder):
            return self._script_folder(folder), 0
        level = 1
        while folder != self.root and self._is_package(os.path.dirname(folder)):
            folder = os.path.dirname(folder)
            level += 1
        return folder, level

    def _script_folder(self, folder: str) -> str:
        """Where absolute imports look: the root for a folder that others import from, else here."""
        top = os.path.relpath(folder, self.root).split(os.sep)[0]
        return self.root if top in self._imported else folder

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

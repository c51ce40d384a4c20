"""The functions of ``fluid_compat``: read as text from ``compat/``, never imported by us.

Each top-level definition of ``compat/*.py`` is a helper. What a user's project gets is the helpers
that its code calls and the ones that these call, in the order of the files.
"""

from __future__ import annotations

import ast
import builtins
import functools
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path

from dy2st.errors import DeclarationError
from dy2st.migrate import state
from dy2st.migrate.names import OUR_PREFIX
from dy2st.records import record

COMPAT = Path(__file__).with_name("compat")
MARK = "# Written by paddle-migrate: what Paddle 1.8 computed, said with Paddle 3."
INLINE_PREFIX = OUR_PREFIX
_MODULES = {
    "collections": "import collections",
    "contextlib": "import contextlib",
    "copy": "import copy",
    "functools": "import functools",
    "math": "import math",
    "os": "import os",
    "struct": "import struct",
    "subprocess": "import subprocess",
    "sys": "import sys",
    "time": "import time",
    "np": "import numpy as np",
}


@record
class Helper:
    """One definition: its text, the helpers that it needs, and where each is named in the text."""

    name: str
    text: str
    needs: tuple[str, ...]
    order: int
    modules: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()  # must stand before it in the file


@functools.cache
def load() -> dict[str, Helper]:
    """All helpers by name."""
    paths = sorted(COMPAT.glob("*.py"))
    found = state.derived("compat", lambda: [astuple(h) for h in _read(paths)])
    return {f[0]: Helper(f[0], f[1], tuple(f[2]), f[3], tuple(f[4]), tuple(f[5])) for f in found}


def _read(paths: list[Path]) -> list[Helper]:
    pieces: list[tuple[str, str, ast.stmt]] = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        for node in ast.parse(text).body:
            name = _defined(node)
            if name is None:
                continue
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
            pieces.append((name, "".join(lines[first - 1 : node.end_lineno]), node))
    names = {name for name, _, _ in pieces}
    if len(names) != len(pieces):
        raise DeclarationError("two helpers of one name in compat/")
    found = []
    for order, (name, text, node) in enumerate(pieces):
        mentioned, bound = _names_in(node)
        used = (mentioned & names) - {name} - bound
        modules = mentioned & _MODULES.keys()
        text = text.rstrip("\n") + "\n"
        bases = _run_at_once(node) & names - {name}
        needs, imported, first = (tuple(sorted(names)) for names in (used, modules, bases))
        found.append(Helper(name, text, needs, order, imported, first))
    return found


def _run_at_once(node: ast.stmt) -> set[str]:
    """The names that are looked up when the definition itself runs: bases, decorators, values."""
    parts: list[ast.expr] = [node.value] if isinstance(node, ast.Assign) else []
    parts += [*getattr(node, "bases", ()), *getattr(node, "decorator_list", ())]
    return {n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name)}


def _names_in(node: ast.stmt) -> tuple[set[str], set[str]]:
    """All names in a definition, and those that it binds itself: they are no helpers."""
    mentioned, bound = set(), set()
    methods = {m for c in ast.walk(node) if isinstance(c, ast.ClassDef) for m in c.body}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            mentioned.add(inner.id)
            if isinstance(inner.ctx, ast.Store):
                bound.add(inner.id)
        elif isinstance(inner, ast.arg):
            bound.add(inner.arg)
        elif isinstance(inner, ast.FunctionDef) and inner is not node and inner not in methods:
            bound.add(inner.name)
    own = isinstance(node, (ast.FunctionDef, ast.ClassDef))
    return mentioned, bound if own else set()


def _defined(node: ast.stmt) -> str | None:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id if not node.targets[0].id.startswith("__") else None
    return None


def closure(names: Iterable[str]) -> list[Helper]:
    """The named helpers and all that they need, by order of definition but bases before classes."""
    table = load()
    todo, seen = list(names), set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(table[name].needs)
    ordered: dict[str, Helper] = {}

    def place(helper: Helper) -> None:
        for base in helper.bases:
            place(table[base])
        ordered.setdefault(helper.name, helper)

    for helper in sorted((table[n] for n in seen), key=lambda h: h.order):
        place(helper)
    return list(ordered.values())


def module_text(names: Iterable[str]) -> str:
    """The text of ``fluid_compat.py`` with these helpers."""
    found = closure(names)
    body = "\n\n".join(h.text for h in found)
    head = f'{MARK}\n"""What Paddle 1.8 computed, for code that ran on it."""\n\n'
    imports = [line for line in imports_of(names).values() if "numpy" not in line]
    third = [line for line in imports_of(names).values() if "numpy" in line] + ["import paddle"]
    lines = "\n".join([*imports, *([""] if imports else []), *third])
    return f"{head}{lines}\n\n\n{body}"


def imports_of(names: Iterable[str]) -> dict[str, str]:
    """The modules that these helpers use: bound name to import statement."""
    used = {m for helper in closure(names) for m in helper.modules}
    return {name: _MODULES[name] for name in sorted(used)}


def inline_text(names: Iterable[str], have: Iterable[str] = ()) -> str:
    """The same helpers as private functions of one file, without those it already ``have``.

    A built-in name that the file gives to something else (``len = ...``) gets a private one, too.
    """
    parts = []
    skip = set(have)
    taken = {name for name in skip if hasattr(builtins, name)}
    lost: set[str] = set()
    for helper in closure(names):
        if INLINE_PREFIX + helper.name not in skip:
            mentioned, bound = _names_in(ast.parse(helper.text).body[0])
            hidden = (taken & mentioned) - bound
            lost |= hidden
            parts.append(_rename(helper, hidden))
    kept = [f"{INLINE_PREFIX}{n} = {n}\n" for n in sorted(lost) if INLINE_PREFIX + n not in skip]
    return "\n\n".join(["".join(kept), *parts] if kept else parts)


def _rename(helper: Helper, hidden: set[str]) -> str:
    """The helper's text with every helper's name made private (``fc`` to ``_fluid_fc``)."""
    tree = ast.parse(helper.text)
    names = {helper.name, *helper.needs, *hidden} - _names_in(tree.body[0])[1]
    lines = [line.encode() for line in helper.text.splitlines(keepends=True)]
    places = [
        (n.lineno, n.col_offset, n.id)
        for n in ast.walk(tree)
        if isinstance(n, ast.Name) and n.id in names
    ]
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            offset = lines[node.lineno - 1].index(node.name.encode())
            places.append((node.lineno, offset, node.name))
    for line, column, name in sorted(set(places), reverse=True):
        old = lines[line - 1]
        lines[line - 1] = old[:column] + INLINE_PREFIX.encode() + old[column:]
        assert old[column:].startswith(name.encode())
    return b"".join(lines).decode()

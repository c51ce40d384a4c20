"""The modules that declare operations; importing one registers its classes.

There are some fifty, and a Program needs a handful: an operation's module is imported when somebody
asks for the operation by name. Which module that is stands in the sources, where each class says
``name="…"`` and ``aliases = ("…",)`` (a test compares with the registry).
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path

# Modules of this package that are machinery, not families of operations.
_MACHINERY = {"base", "signature", "families", "rules", "cases", "coverage", "windows"}
_NAME = re.compile(r'name="(\w+)"')
_ALIASES = re.compile(r"aliases = \(([^)]*)\)")
_QUOTED = re.compile(r'"(\w+)"')


def load(name: str) -> None:
    """Import the family that declares the operation ``name``, if there is one."""
    known = homes()
    if not known:
        load_all()  # an installation without sources
    elif name in known:
        importlib.import_module(f"dy2st.ops.{known[name]}")


@cache
def load_all() -> None:
    """Import every family."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name not in _MACHINERY:
            importlib.import_module(f"dy2st.ops.{module.name}")


@cache
def homes() -> dict[str, str]:
    """The module that declares each operation, by the operation's names."""
    found: dict[str, str] = {}
    for path in Path(__file__).parent.glob("*.py"):
        if path.stem in _MACHINERY:
            continue
        text = path.read_text(encoding="utf-8")
        names = _NAME.findall(text)
        names += [name for group in _ALIASES.findall(text) for name in _QUOTED.findall(group)]
        found.update(dict.fromkeys(names, path.stem))
    return found

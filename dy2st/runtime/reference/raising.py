"""The operation ``raise``: an exception of the user's, raised when its branch is taken."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Sequence
from typing import Any


def find_exception(name: str) -> type[Exception]:
    """The exception class ``module:qualified.name``; RuntimeError where it is not loaded."""
    module_name, _, path = name.partition(":")
    found: Any = builtins if module_name == "builtins" else sys.modules.get(module_name)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else RuntimeError


def make_exception(name: str, args: Sequence[Any]) -> Exception:
    """The exception with plain arguments; RuntimeError with its text where it takes others."""
    try:
        return find_exception(name)(*args)
    except TypeError:
        return RuntimeError(f"{name.partition(':')[2]}{tuple(args)}")

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
        error = find_exception(name)(*args)
    except TypeError:
        error = RuntimeError(f"{name.partition(':')[2]}{tuple(args)}")
    error._dy2st_raised = True  # type: ignore[attr-defined]
    return error


def is_users(error: Exception) -> bool:
    """Whether ``raise`` made this error: it leaves the Program as it is."""
    return getattr(error, "_dy2st_raised", False) is True

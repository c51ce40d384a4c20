"""Copies of what a capture read from outside, for guards to compare with later.

Containers are copied down to their items, arrays to their values; everything else is itself. A container
of a class of its own (``OrderedDict``, ``deque``, a subclass of ``list``) is kept as ``Frozen``.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from dy2st.convert.places import Place

_DEPTH = 8
_EXCLUDED = {"paddle", "numpy", "dy2st", "ml_dtypes", "scipy", "_pytest", "pytest", "pluggy"}


@dataclass(frozen=True, eq=False)
class Frozen:
    """The contents of a container or an array, and its class."""

    kind: type
    contents: Any


def contents_of(value: Any) -> Any:
    """What a container of a class of its own, or an array, holds now; None for anything else."""
    if isinstance(value, dict):
        return dict(value.items())
    if isinstance(value, (list, deque)):
        return list(value)
    if isinstance(value, (set, frozenset)):
        return set(value)
    if type(value).__module__ == "numpy" and type(value).__name__ == "ndarray":
        return value.copy()
    return None


def frozen(value: Any, depth: int = 0) -> Any:
    """See the module's docstring."""
    kind = type(value)
    if depth > _DEPTH or kind is frozenset:
        return value
    if kind in (list, tuple):
        items = [frozen(v, depth + 1) for v in value]
        if kind is tuple and all(a is b for a, b in zip(items, value)):
            return value
        return kind(items)
    if kind is dict:
        return {k: frozen(v, depth + 1) for k, v in value.items()}
    if kind is set:
        return set(value)
    contents = contents_of(value)
    if contents is None:
        return value
    if isinstance(contents, (list, dict)):
        contents = frozen(contents, depth + 1)
    return Frozen(kind, contents)


def is_library(module: str) -> bool:
    """Whether a module of that name is Python's, Paddle's or ours: its values do not change."""
    package = module.split(".")[0]
    return package in _EXCLUDED or package in sys.stdlib_module_names


def keeps_state(owner: Any, name: str) -> bool | None:
    """Whether an attribute of a module, class, function or object with slots is to be guarded; None
    where ``owner`` is nothing of the kind."""
    if isinstance(owner, ModuleType):
        return not is_library(owner.__name__)
    if isinstance(owner, type):
        found = getattr(owner, name, None)
        return not (is_library(owner.__module__) or callable(found))
    if isinstance(owner, FunctionType):
        return name in vars(owner)
    slot = type(getattr(type(owner), name, None)).__name__ == "member_descriptor"
    return True if slot and not is_library(type(owner).__module__) else None


class EnvironmentPlace(Place):
    """The environment of the process."""

    def __init__(self) -> None:
        super().__init__(os.environ, "the environment")

    def read(self) -> Any:
        return dict(os.environ)


class GradModePlace(Place):
    """Whether gradients are enabled."""

    def __init__(self, tracer: Any) -> None:
        super().__init__(tracer, "paddle.is_grad_enabled()")

    def read(self) -> Any:
        return bool(self.owner._has_grad)


@dataclass(eq=False, repr=False)
class DefaultsPlace(Place):
    """The default values of a function's arguments."""

    def read(self) -> Any:
        return (self.owner.__defaults__, self.owner.__kwdefaults__)

"""What the user's running code can reach: which objects existed before a branch, who shares them.

Roots are the locals of the frames that run converted code, and what the session was called with.
Frames' own variables only (a cell that an inner frame borrows is counted where it belongs).
"""

from __future__ import annotations

import gc
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from dy2st.source import registry

_LEAF_TYPES = (str, bytes, int, float, complex, bool, type(None), ModuleType, type, CodeType)
_OURS = {"Union", "Ret"}  # of our own objects, those that hold the user's
CONTAINERS = (list, dict, set, deque)
_LIMIT = 200_000


class Reach:
    """Counts of references among reachable objects, by ``id``."""

    def __init__(self, roots: Iterable[Any]) -> None:
        self.count: Counter[int] = Counter()
        self._kept: list[Any] = []
        self._walk(list(roots))

    def __contains__(self, obj: object) -> bool:
        return id(obj) in self.count

    def shared(self, obj: object) -> bool:
        """Whether more than one reachable place refers to ``obj``."""
        return self.count[id(obj)] > 1

    def _walk(self, stack: list[Any]) -> None:
        while stack and len(self._kept) < _LIMIT:
            obj = stack.pop()
            if isinstance(obj, _LEAF_TYPES):
                continue
            self.count[id(obj)] += 1
            if self.count[id(obj)] > 1:
                continue
            self._kept.append(obj)
            stack.extend(_children(obj))


def _children(obj: Any) -> Iterable[Any]:
    if isinstance(obj, FunctionType):
        return [*(obj.__closure__ or ()), *(obj.__defaults__ or ())]
    if isinstance(obj, BuiltinFunctionType):
        return [obj.__self__]
    if isinstance(obj, FrameType) or type(obj).__name__ in ("generator", "coroutine"):
        return ()
    package = type(obj).__module__.split(".")[0]
    if package == "dy2st" and type(obj).__name__ not in _OURS:
        return ()
    if package in ("paddle", "numpy") and type(obj).__name__ in (
        "Tensor",
        "EagerParamBase",
        "ndarray",
    ):
        return ()
    return [child for child in gc.get_referents(obj) if not isinstance(child, type)]


def frames(stop: FrameType | None) -> Iterator[FrameType]:
    """The frames of this thread up to ``stop``, innermost first, without ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame is not stop:
        ours = str(frame.f_globals.get("__name__", "")).startswith("dy2st.")
        if not ours or registry.info(frame.f_code) is not None:
            yield frame
        frame = frame.f_back


def roots(stop: FrameType | None) -> list[Any]:
    """The values of all variables that belong to these frames, and containers among globals."""
    out: list[Any] = []
    seen: set[int] = set()
    for frame in frames(stop):
        code = frame.f_code
        own = {*code.co_varnames, *code.co_cellvars}
        variables = frame.f_locals
        out.extend(variables[name] for name in own if name in variables)
        if id(frame.f_globals) not in seen:
            seen.add(id(frame.f_globals))
            out.extend(v for v in list(frame.f_globals.values()) if isinstance(v, CONTAINERS))
    return out

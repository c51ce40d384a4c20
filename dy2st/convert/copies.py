"""Objects that stand for one of several: which other objects they may be in eager.

After ``if c: y = x`` the merged ``y`` is ``x`` or what it was before. As long as nobody changes one of
them in place that makes no difference; ``others`` says who would have to change as well.
"""

from __future__ import annotations

from typing import Any


class Copies:
    """A graph of objects (kept alive) with an edge where two may be the same in eager."""

    def __init__(self) -> None:
        self._edges: dict[int, tuple[Any, list[Any]]] = {}
        self._names: dict[int, str] = {}

    def __contains__(self, key: int) -> bool:
        return key in self._edges

    def add(self, new: Any, sources: tuple[Any, ...], name: str) -> None:
        """``new`` may be any of ``sources``."""
        self._names[id(new)] = name
        for source in sources:
            for a, b in ((new, source), (source, new)):
                self._edges.setdefault(id(a), (a, []))[1].append(b)

    def add_held(self, value: Any, holder: Any) -> None:
        """``holder`` has a copy of ``value``: a change of ``value`` would have to reach it."""
        self._edges.setdefault(id(value), (value, []))[1].append(holder)

    def others(self, obj: Any) -> list[Any]:
        """All objects that ``obj`` may be, directly or through others."""
        found = {id(obj): obj}
        stack = [obj]
        while stack:
            for other in self._edges.get(id(stack.pop()), (None, []))[1]:
                if id(other) not in found:
                    found[id(other)] = other
                    stack.append(other)
        del found[id(obj)]
        return list(found.values())

    def name_of(self, obj: Any) -> str:
        """The variable that ``obj`` was made for; empty where it is not known."""
        return self._names.get(id(obj), "")

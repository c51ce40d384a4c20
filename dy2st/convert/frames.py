"""Frames: the variables that generated functions share with the user's function around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import CellType, FunctionType, ModuleType
from typing import Any

from dy2st.convert.places import CellPlace, Place
from dy2st.source import registry


@dataclass(eq=False)
class Frame:
    """The variables that the body of a control statement can see, and which of them are live.

    Of variables of functions around the statement's own (``outer``) nobody knows: they count as live.
    """

    cells: dict[str, CellType] = field(default_factory=dict)
    live: frozenset[str] | None = None  # None: all
    outer: frozenset[str] = frozenset()

    @staticmethod
    def of(functions: Iterable[Any], live: Iterable[str] | None = None) -> Frame:
        """The cells in the closures of generated functions."""
        cells: dict[str, CellType] = {}
        outer: set[str] = set()
        for function in functions:
            closure = getattr(function, "__closure__", None) or ()
            code = getattr(function, "__code__", None)
            if code is None:
                continue
            cells.update(zip(code.co_freevars, closure))
            found = registry.info(code)
            if found is not None:
                outer.update(set(code.co_freevars).difference(found.owner.co_cellvars))
        cells = {name: cell for name, cell in cells.items() if not _is_machinery(cell)}
        return Frame(cells, None if live is None else frozenset(live), frozenset(outer))

    def places(self) -> Iterator[CellPlace]:
        """The places of the variables."""
        return (CellPlace(cell, name) for name, cell in self.cells.items())

    def is_dead(self, place: Place) -> bool:
        """Whether nobody reads this variable of the frame before writing it."""
        if self.live is None or not isinstance(place, CellPlace):
            return False
        known = self.live | self.outer
        return self.cells.get(place.name) is place.owner and place.name not in known


def _is_machinery(cell: CellType) -> bool:
    """Whether a cell holds generated code's own means: this package, or one of its helpers."""
    try:
        content = cell.cell_contents
    except ValueError:
        return False
    if type(content) is ModuleType:
        return content.__name__ == "dy2st.convert"
    if type(content) is not FunctionType:
        return False
    found = registry.info(content.__code__)
    return found is not None and found.helper

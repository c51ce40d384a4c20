"""Records: dataclasses that cost little to declare and to make.

A frozen dataclass compiles six functions for each class when its module is imported, and sets each
field through ``object.__setattr__``: a third of the imports of a first call, and most of the time in
which nodes of a graph are made. The type checker sees a frozen dataclass here; at run time nothing
stops an assignment. ``record(frozen=False, eq=False)`` is a plain mutable class with fields.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(cls=None, /, *, frozen=True, eq=True, kw_only=False):
        """``dataclass(frozen=…, eq=…, kw_only=…)``, with or without parentheses."""

        def decorate(cls):
            hashed = eq and frozen
            made = dataclass(repr=False, eq=eq, unsafe_hash=hashed, kw_only=kw_only)(cls)
            if "__repr__" not in vars(made):
                made.__repr__ = _repr
            return made

        return decorate if cls is None else decorate(cls)


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"

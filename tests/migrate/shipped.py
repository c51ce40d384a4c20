"""The helpers as a project gets them: their text, run as a module."""

from typing import Any

from dy2st.migrate import helpers


def load(*names: str) -> dict[str, Any]:
    """What a ``fluid_compat.py`` with these helpers (and those that they need) defines."""
    space: dict[str, Any] = {}
    exec(compile(helpers.module_text(names), "fluid_compat.py", "exec"), space)  # the text we ship
    return space


def as_class(*names: str) -> type:
    """The same, its functions and classes as attributes."""
    space = load(*names)
    return type("Compat", (), {k: staticmethod(v) for k, v in space.items() if callable(v)})

"""The way into ``transformers`` and ``convert`` from the call path."""

from __future__ import annotations

from typing import Any


def inline(function: Any, args: Any, kwargs: Any) -> Any:
    """Call a function that was given to ``to_static`` inside of another one's capture."""
    from dy2st.convert import call

    return call(function, *args, **kwargs)


def code_of(function: Any) -> str:
    """The generated Python of ``function``."""
    from dy2st.transformers import convert_function

    return convert_function(function).code

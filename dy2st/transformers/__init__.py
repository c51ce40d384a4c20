"""Python features, one a file; ``pipeline.py`` is the list. They know syntax and no tensor."""

from __future__ import annotations

from dy2st.transformers.breakpoints import contains_breakpoint
from dy2st.transformers.conversion import (
    ConvertedFunction,
    bind_support,
    convert_function,
    is_converted,
)

__all__ = [
    "ConvertedFunction",
    "bind_support",
    "contains_breakpoint",
    "convert_function",
    "is_converted",
]

"""Compile PaddlePaddle models written in ordinary Python. ``import dy2st`` never imports Paddle."""

from __future__ import annotations

from dy2st.debug import set_verbosity
from dy2st.static.api import enable_to_static, not_to_static, set_code_level, to_static
from dy2st.static.input_spec import InputSpec

__version__ = "0.1.0"
__all__ = [
    "InputSpec",
    "enable_to_static",
    "not_to_static",
    "set_code_level",
    "set_verbosity",
    "to_static",
]

"""Compile PaddlePaddle models written in ordinary Python. ``import dy2st`` never imports Paddle.

Names are imported when they are first used: the command lines must start in 0.3 s.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOMES = {"InputSpec": "dy2st.static.input_spec", "set_verbosity": "dy2st.debug"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'dy2st' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, "dy2st.static.api")), name)
    globals()[name] = value
    return value

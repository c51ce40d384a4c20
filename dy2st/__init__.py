"""Compile PaddlePaddle models written in ordinary Python. ``import dy2st`` never imports Paddle.

The public names are loaded when they are first used, so that importing the package, and the command
line with it, stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dy2st.debug import set_code_level, set_verbosity
    from dy2st.runtime.cpu.threads import get_num_threads, set_num_threads
    from dy2st.static.api import enable_to_static, not_to_static, to_static
    from dy2st.static.input_spec import InputSpec

__version__ = "0.1.0"
__all__ = [
    "InputSpec",
    "enable_to_static",
    "get_num_threads",
    "not_to_static",
    "set_code_level",
    "set_num_threads",
    "set_verbosity",
    "to_static",
]
_HOME = {
    "InputSpec": "dy2st.static.input_spec",
    "enable_to_static": "dy2st.static.api",
    "get_num_threads": "dy2st.runtime.cpu.threads",
    "not_to_static": "dy2st.static.api",
    "set_code_level": "dy2st.debug",
    "set_num_threads": "dy2st.runtime.cpu.threads",
    "set_verbosity": "dy2st.debug",
    "to_static": "dy2st.static.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'dy2st' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value

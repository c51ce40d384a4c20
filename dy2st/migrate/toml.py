"""TOML, read by the standard library where that has it."""

from __future__ import annotations

import sys
from typing import Any


def loads(text: str) -> dict[str, Any]:
    """The tables of a TOML text; raises ValueError for what is none."""
    if sys.version_info >= (3, 11):  # loaded here: few runs read any TOML
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)

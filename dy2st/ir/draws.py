"""The functions of Python and numpy that draw one random number, called as a Program runs."""

from __future__ import annotations

import importlib
from typing import Any

FLOATS = {
    "random": ("random", "uniform", "gauss", "normalvariate", "triangular", "betavariate"),
    "numpy.random": ("rand", "random", "random_sample", "uniform", "randn", "normal"),
}
INTEGERS = {"random": ("randint", "randrange", "getrandbits"), "numpy.random": ("randint",)}


def draw(function: str, args: tuple[Any, ...]) -> Any:
    """A number from ``"module:name"``, one of those above. Raises KeyError for any other."""
    module, _, name = function.partition(":")
    if name not in (*FLOATS[module], *INTEGERS[module]):
        raise KeyError(function)
    return getattr(importlib.import_module(module), name)(*args)

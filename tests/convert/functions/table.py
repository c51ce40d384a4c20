"""The table that the modules of this package fill: ``@case(arguments, …)``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A function, argument lists, and what makes its state (passed first) where it has one.

    An argument that is a list (of lists) of numbers becomes a tensor, anything else stays what it is;
    ``Py(value)`` is a list that stays a list.
    """

    function: Callable[..., Any]
    arguments: tuple[tuple[Any, ...], ...]
    setup: Callable[[], Any] | None

    @property
    def name(self) -> str:
        return f"{self.function.__module__.rsplit('.', 1)[-1]}.{self.function.__name__}"


@dataclass(frozen=True)
class Py:
    """A Python value, not a tensor."""

    value: Any


@dataclass(frozen=True)
class Scalar:
    """A 0-D tensor."""

    value: Any


CASES: list[Case] = []

UP = [1.0, 2.0, 3.0]  # sums to more than 0
DOWN = [-1.0, -2.0, 0.5]  # sums to less than 0
ZERO = [0.0, 0.0, 0.0]


def case(*arguments: Any, setup: Callable[[], Any] | None = None) -> Callable[[Any], Any]:
    """Add the decorated function; each of ``arguments`` is a tuple, or the only argument."""

    def add(function: Any) -> Any:
        sets = tuple(a if isinstance(a, tuple) else (a,) for a in (arguments or (UP, DOWN)))
        CASES.append(Case(function, sets, setup))
        return function

    return add

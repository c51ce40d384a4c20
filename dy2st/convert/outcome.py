"""Control as a value: how a piece of converted code ended.

``None`` means that it fell through to the next statement; ``BREAK`` and ``CONTINUE`` are what they
say; ``Ret`` carries a function's result. An outcome that depends on a tensor is a ``Union`` of
these. ``Diverged`` is raised where no path goes on, because every one of them raises.
"""

from __future__ import annotations

from typing import Any


class Ret:
    """The function returned ``value``."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"return {self.value!r}"


class _Jump:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


BREAK = _Jump("break")
CONTINUE = _Jump("continue")


def ret(value: Any) -> Ret:
    """What a converted ``return value`` gives to the control function around it."""
    return Ret(value)


class Diverged(BaseException):
    """Every path from here raises; ``operation`` is the ``if`` whose regions do it."""

    def __init__(self, operation: Any) -> None:
        self.operation = operation
        super().__init__("every path raises")


def is_terminal(outcome: Any) -> bool:
    """Whether control certainly does not fall through to the next statement."""
    return isinstance(outcome, (Ret, _Jump)) or outcome is DIVERGED


DIVERGED = _Jump("raise")

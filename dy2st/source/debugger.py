"""Breakpoints: a debugger that stops in the user's frames and never in ours."""

from __future__ import annotations

import builtins
import importlib
import os
import sys
from collections.abc import Callable
from functools import cache
from types import FrameType, MethodType
from typing import Any

SKIPPED = ("dy2st", "dy2st.*")


def debugger(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a breakpoint calls instead of ``function`` (``breakpoint``, ``pdb.set_trace`` …).

    Python's own debugger becomes one that does not stop in frames of ours; an instance of ``Pdb``
    is told to skip them; another debugger (an IDE's, a test runner's) is called as it is.
    """
    if function is builtins.breakpoint:
        plain = sys.breakpointhook is sys.__breakpointhook__
        return stop if plain and not os.environ.get("PYTHONBREAKPOINT") else function
    pdb: Any = sys.modules.get("pdb")
    if pdb is None:
        return function
    if function is stop or (function is pdb.set_trace and function.__module__ == "pdb"):
        return stop
    owner = function.__self__ if isinstance(function, MethodType) else None
    if isinstance(owner, pdb.Pdb):
        owner.skip = {*(owner.skip or ()), *SKIPPED}
    return function


def stop(*, header: str | None = None, commands: object = None) -> None:
    """Stop in the caller's frame, as ``pdb.set_trace`` does."""
    session = _pdb_class()(skip=SKIPPED)
    if header is not None:
        session.message(header)
    frame = sys._getframe().f_back
    if commands:
        session.rcLines.extend(commands)
    session.set_trace(frame)


def spare_running_debugger() -> None:
    """Tell a debugger that traces this thread (``python -m pdb``) not to stop in frames of ours."""
    trace = sys.gettrace()
    if trace is None:
        return
    owner = getattr(trace, "__self__", None)
    bdb: Any = sys.modules.get("bdb")
    if bdb is not None and isinstance(owner, bdb.Bdb):
        owner.skip = {*(owner.skip or ()), *SKIPPED}  # type: ignore[attr-defined]


class stopping:
    """Inside of this, ``pdb.set_trace`` (and ``breakpoint`` with it) skips frames of ours.

    For functions that are called with real values and as they are written; a converted function's
    breakpoints need no such help. (No generator: a debugger would step into ``contextlib``.)
    """

    def __enter__(self) -> None:
        self.pdb: Any = importlib.import_module("pdb")
        self.before = self.pdb.set_trace
        if self.before.__module__ == "pdb":
            setattr(self.pdb, "set_trace", stop)  # noqa: B010

    def __exit__(self, *error: object) -> None:
        self.pdb.set_trace = self.before


def is_ours(frame: FrameType) -> bool:
    """Whether ``frame`` runs code of this package (and not the user's, converted or not)."""
    name = frame.f_globals.get("__name__")
    return isinstance(name, str) and (name == "dy2st" or name.startswith("dy2st."))


@cache
def _pdb_class() -> Any:
    import pdb

    class UserPdb(pdb.Pdb):
        """``pdb`` whose stack holds no frame of ours, so that ``up`` leads to the user's caller."""

        def get_stack(self, f: FrameType | None, t: Any) -> tuple[list[tuple[FrameType, int]], int]:
            stack, index = super().get_stack(f, t)
            current = stack[index] if stack else None
            kept = [entry for entry in stack if entry is current or not is_ours(entry[0])]
            position = next((i for i, entry in enumerate(kept) if entry is current), 0)
            return kept, position

    return UserPdb

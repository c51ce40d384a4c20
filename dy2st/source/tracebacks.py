"""Tracebacks that show the user's frames: ours are taken out, pieces of one function become one.

``DY2ST_FULL_TRACEBACK=1`` keeps everything.
"""

from __future__ import annotations

import ast
import contextlib
import linecache
import sys
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import TypeVar

from dy2st import debug
from dy2st.errors import InternalError, Location
from dy2st.source.debugger import is_ours
from dy2st.source.positions import frame_location
from dy2st.source.quote import quote_block
from dy2st.source.registry import info

# Where an error that was raised while a Program ran says which place of the user's it stands for.
LOCATION = "_dy2st_location"
Error = TypeVar("Error", bound=BaseException)


def strip(error: Error) -> Error:
    """``error`` with only the user's frames in its traceback and in those of its causes.

    The frame that raises it again is added by Python; a hook takes that one out when an uncaught
    error is printed.
    """
    if debug.full_traceback():
        return error
    _install_hook()
    _strip_chain(error, set())
    return error


def _strip_chain(error: BaseException | None, seen: set[int]) -> None:
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        trace = user_frames(error.__traceback__)
        where = getattr(error, LOCATION, None)
        if isinstance(where, Location) and trace is not None:
            trace = _with_entry(trace, where)
            delattr(error, LOCATION)
        error.__traceback__ = trace
        _strip_chain(error.__cause__, seen)
        error = error.__context__


def _with_entry(trace: TracebackType, where: Location) -> TracebackType:
    """``trace`` with an innermost entry for a place whose frame is long gone.

    A ``raise`` of the user's that became an operation happens while the Program runs.
    """
    entries = []
    entry: TracebackType | None = trace
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    result = _entry(where)
    for entry in reversed(entries):
        result = TracebackType(result, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return result


def _entry(where: Location) -> TracebackType:
    """A traceback entry that stands at ``where``: of a function whose one statement raises there."""
    width = len(linecache.getline(where.file, where.line).rstrip())
    at = ast.Pass()
    at.lineno = at.end_lineno = max(where.line, 1)
    at.col_offset = where.column
    at.end_col_offset = where.end_column or max(width, where.column + 1)
    name = where.function if where.function.isidentifier() else "_place"
    body = quote_block("def name(error): raise error", at=at, name=name)
    code = compile(ast.Module(body=body, type_ignores=[]), where.file, "exec", dont_inherit=True)
    inner = next(c for c in code.co_consts if isinstance(c, CodeType))
    placed = _Placed()
    with contextlib.suppress(_Placed):
        FunctionType(inner, {"__name__": "__main__", "__builtins__": {}})(placed)
    trace = placed.__traceback__
    while trace is not None and trace.tb_frame.f_code is not inner:
        trace = trace.tb_next
    if trace is None:
        raise InternalError(f"no frame at {where}")
    return trace


class _Placed(Exception):
    """Raised and caught to make a frame."""


def user_frames(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without frames of ours; None stays None.

    A generated function continues the user's function around it, so of the two only the inner one,
    which stands on the line that failed, is kept. Where there are only frames of ours, all stay.
    """
    kept: list[TracebackType] = []
    through: FrameType | None = None
    entry = trace
    while entry is not None:
        if is_ours(entry.tb_frame):
            through = entry.tb_frame
        else:
            if kept and _continues(kept[-1], entry, through):
                kept.pop()
            kept.append(entry)
            through = None
        entry = entry.tb_next
    if not kept:
        return trace
    result: TracebackType | None = None
    for entry in reversed(kept):
        result = TracebackType(result, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return result


def _continues(outer: TracebackType, inner: TracebackType, through: FrameType | None) -> bool:
    """Whether ``inner`` is a piece of the very call that ``outer`` is."""
    around, inside = info(outer.tb_frame.f_code), info(inner.tb_frame.f_code)
    if around is None or inside is None or through is None:
        return False
    if inside.helper:
        return around.owner is inside.owner
    # An operand that is evaluated when its turn comes: `and`, comparisons, conditional expressions.
    code = inside.code
    thunk = code.co_name == "<lambda>" and not code.co_argcount
    return thunk and not through.f_code.co_name.startswith(("call", "_call"))


def error_location(error: BaseException) -> Location | None:
    """The place in converted code where ``error`` was raised, innermost first."""
    found: Location | None = None
    trace = error.__traceback__
    while trace is not None:
        if info(trace.tb_frame.f_code) is not None:
            found = frame_location(trace.tb_frame, trace.tb_lasti)
            found = Location(
                found.file, trace.tb_lineno, found.column, found.end_column, found.function
            )
        trace = trace.tb_next
    return found


_installed = False


def _install_hook() -> None:
    """Once an error of a converted function has been seen, uncaught ones print without our frames."""
    global _installed
    if _installed:
        return
    _installed = True
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not debug.full_traceback():
            _strip_chain(error, set())
            trace = error.__traceback__
        before(kind, error, trace)

    sys.excepthook = hook

"""Exceptions that user code raises under a tensor condition: raised when the Program runs."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from dy2st.convert import active
from dy2st.errors import Dy2stError, Location, OperandError, ShapeError, SideEffectError
from dy2st.source import registry

if TYPE_CHECKING:
    from dy2st.convert.session import Session


def emit_raise(session: Session, error: Exception, conditional: bool = True) -> bool:
    """Record that this path raises ``error``; False where it is not the user's to raise.

    Ours is every error of dy2st's own, and whatever Paddle or another library raised: that is a
    capture that failed. A ShapeError in a branch (``conditional``) is what eager
    raises there too. Raises SideEffectError where a ``try`` of the user's may wait for it.
    """
    if isinstance(error, (ShapeError, OperandError)) and conditional and not session.try_depth:
        # Eager refuses these operands as well, where this branch is taken.
        session.builder.location = error.location or active.location()
        name = f"dy2st.errors:{type(error).__name__}"
        shape_attrs = {"exception": name, "args": (error.message,)}
        session.builder.emit("raise", (), shape_attrs, types=[])
        return True
    if isinstance(error, Dy2stError) or type(error).__module__.startswith("dy2st."):
        return False
    where = _raised_at(error.__traceback__, getattr(session.recorder, "user_files", None))
    if where is None:
        return False
    if session.try_depth:
        raise SideEffectError(
            f"{type(error).__name__} is raised under a tensor condition inside of a try statement",
            location=where,
            remedy="move the check out of the try statement, or return a flag instead",
        ) from error
    kind = type(error)
    operands, args = _arguments(session, error)
    attrs: Any = {"exception": f"{kind.__module__}:{kind.__qualname__}", **args}
    session.builder.location = where
    session.builder.emit("raise", operands, attrs, types=[])
    return True


def _arguments(session: Session, error: Exception) -> tuple[list[Any], dict[str, Any]]:
    """Operands and attributes that make the exception's arguments when the Program runs."""
    from dy2st.convert.text import Text, template

    if len(error.args) == 1 and type(error.args[0]) is Text:
        operands, parts = template(session, error.args[0].parts)
        return operands, {"args": (), "template": parts}
    return [], {"args": tuple(a if isinstance(a, _PLAIN) else str(a) for a in error.args)}


_PLAIN = (type(None), bool, int, float, str)


def _raised_at(trace: TracebackType | None, files: set[str] | None) -> Location | None:
    """Where user code raised; None where the innermost frame that is not ours is a library's.

    Without any such frame it was an operation on a union, at the user's place that runs now.
    """
    where = active.location() or Location("<unknown>", 0)
    theirs = True
    while trace is not None:
        code = trace.tb_frame.f_code
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if not module.startswith("dy2st."):
            # Code of a library's that was converted raises as the user's does.
            theirs = files is None or code.co_filename in files or registry.is_generated(code)
            where = Location(code.co_filename, trace.tb_lineno, function=code.co_name)
        trace = trace.tb_next
    return where if theirs else None

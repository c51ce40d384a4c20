"""Which Session this thread is in."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from dy2st.errors import Location

if TYPE_CHECKING:
    from dy2st.convert.session import Session

_local = threading.local()


def current() -> Session | None:
    """The Session of this thread; None where everything is eager."""
    return getattr(_local, "session", None)


def enter(session: Session | None) -> Session | None:
    """Make ``session`` the thread's; returns the one before."""
    before = current()
    _local.session = session
    return before


def location() -> Location | None:
    """The user's place that runs now, where it is known."""
    session = current()
    return session.recorder.location if session is not None else None


def is_tensor(value: object) -> bool:
    """Whether ``value`` is a tensor, symbolic or real."""
    session = current()
    if session is not None:
        return session.is_tensor(value)
    paddle: Any = sys.modules.get("paddle")
    return paddle is not None and isinstance(value, paddle.Tensor)

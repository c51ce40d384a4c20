"""``trying``: the session knows that a ``try`` statement of the user's is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dy2st.convert import active


@contextmanager
def trying() -> Iterator[None]:
    """The body of a ``try`` statement runs inside."""
    session = active.current()
    if session is None:
        yield
        return
    session.try_depth += 1
    try:
        yield
    finally:
        session.try_depth -= 1

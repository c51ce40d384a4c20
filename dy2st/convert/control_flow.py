"""``if_``, ``while_``, ``for_``: what compound statements call.

Each returns a control outcome (see ``outcome``). ``rest`` is what follows in the same block; it
runs on every path that falls through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dy2st.convert import active
from dy2st.convert.logical import condition
from dy2st.convert.outcome import BREAK, CONTINUE, is_terminal
from dy2st.convert.session import Frame, Session
from dy2st.convert.unions import Union
from dy2st.ir.program import Value

Body = Callable[..., Any]
Names = Iterable[str] | None
_MAX_UNROLLED = 5000


def if_(
    cond: Any, body: Body, orelse: Body | None = None, live: Names = None, rest: Body | None = None
) -> Any:
    """``if cond: body() else: orelse()``, then ``rest()``."""
    found = condition(cond)
    if isinstance(found, bool):
        taken = body if found else orelse
        return then_rest(taken() if taken is not None else None, rest)
    session = active.current()
    assert session is not None
    other = orelse or _nothing
    functions = [f for f in (body, orelse, rest) if f is not None]
    frame = Frame.of(functions, live)
    if rest is None:
        return session.branch(found, body, other, frame)
    return _Split(session, found, (body, other), frame, rest).run()


def _nothing() -> None:
    return None


class _Split:
    """An ``if`` with statements after it. Where one branch surely jumps, they go into the other."""

    def __init__(
        self, session: Session, tag: Value, sides: tuple[Body, Body], frame: Frame, rest: Body
    ) -> None:
        self.session = session
        self.tag = tag
        self.sides = sides
        self.frame = frame
        self.rest = rest

    def run(self) -> Any:
        """The outcome of the ``if`` and what follows."""
        ends = [self._ends_in_jump(side, value) for side, value in zip(self.sides, (True, False))]
        # `live` speaks of the point before `rest`: after it, everything may still be read.
        after = Frame(self.frame.cells, None)
        if not any(ends):
            outcome = self.session.branch(self.tag, *self.sides, self.frame)
            return then_rest(outcome, self.rest, after)
        bodies = [
            side if end else (lambda side=side: then_rest(side(), self.rest, after))
            for side, end in zip(self.sides, ends)
        ]
        return self.session.branch(self.tag, bodies[0], bodies[1], after)

    def _ends_in_jump(self, side: Body, value: bool) -> bool:
        """Capture one side for its outcome alone; nothing of it stays."""
        from dy2st.convert.outcome import DIVERGED

        if side is _nothing:
            return False
        with self.session.builder.region() as block:
            found = self.session.capture(block, side, self.frame, (self.tag, value))
        outcome = found.outcome.obj
        return is_terminal(outcome) or outcome is DIVERGED


def then_rest(outcome: Any, rest: Body | None, frame: Frame | None = None) -> Any:
    """Run ``rest`` on the paths of ``outcome`` that fell through."""
    if rest is None:
        return outcome

    def follow(known: Any) -> Any:
        return rest() if known is None else known

    return dispatch(outcome, follow, frame or Frame.of((rest,)))


def dispatch(outcome: Any, follow: Callable[[Any], Any], frame: Frame) -> Any:
    """``follow`` of the outcome; where it depends on a tensor, a branch for each."""
    session = active.current()
    if session is None:
        return follow(outcome)
    outcome = session.simplify(outcome)
    if type(outcome) is not Union:
        return follow(outcome)
    return session.branch(
        outcome.tag,
        lambda: dispatch(outcome.then, follow, frame),
        lambda: dispatch(outcome.orelse, follow, frame),
        frame,
    )


__all__ = ["BREAK", "CONTINUE", "if_"]

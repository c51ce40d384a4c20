"""``while_`` and ``for_``: Python's own rounds, unrolled ones, and loops over tensors."""

from __future__ import annotations

from collections.abc import Callable
from types import CellType
from typing import Any

from dy2st import debug
from dy2st.convert import active
from dy2st.convert.control_flow import Body, Names, dispatch, then_rest
from dy2st.convert.frames import Frame
from dy2st.convert.iteration import Lazy, as_runtime, lazy_items, python_items
from dy2st.convert.logical import as_python_bool, condition
from dy2st.convert.loop import capture_loop
from dy2st.convert.outcome import BREAK, Ret
from dy2st.convert.session import Session
from dy2st.convert.unions import Union
from dy2st.errors import BranchMismatchError, CaptureError, ConcreteValueError
from dy2st.ir.program import Value

_MAX_UNROLLED = 5000


# --- while ------------------------------------------------------------------------------------


def while_(
    test: Body, body: Body, orelse: Body | None = None, live: Names = None, rest: Body | None = None
) -> Any:
    """``while test(): body() else: orelse()``, then ``rest()``."""
    session = active.current()
    if session is None:
        return then_rest(_plain_while(test, body, orelse), rest)
    functions = [f for f in (test, body, orelse, rest) if f is not None]
    loop = _While(session, test, body, orelse, Frame.of(functions, live))
    return then_rest(loop.run(), rest)


def _plain_while(test: Body, body: Body, orelse: Body | None) -> Any:
    while condition(test()):
        outcome = body()
        if outcome is BREAK:
            return None
        if isinstance(outcome, Ret):
            return outcome
    return orelse() if orelse is not None else None


class _While:
    def __init__(
        self, session: Session, test: Body, body: Body, orelse: Body | None, frame: Frame
    ) -> None:
        self.session = session
        self.test = test
        self.body = body
        self.orelse = orelse
        self.frame = frame

    def run(self) -> Any:
        """Python rounds as long as nothing depends on a tensor; a tensor loop from there on."""
        for _ in range(_MAX_UNROLLED):
            go = condition(self.test())
            if isinstance(go, Value):
                return self._tensor_loop(go)
            if not go:
                return self.orelse() if self.orelse is not None else None
            done, outcome = self._python_round()
            if done:
                return outcome
        raise CaptureError(
            f"a while loop whose condition is no tensor ran {_MAX_UNROLLED} rounds while capturing",
            location=active.location(),
            remedy="make the condition a tensor (paddle.to_tensor) so that it becomes a loop",
        )

    def _python_round(self) -> tuple[bool, Any]:
        """One round; (whether the loop is over, its outcome)."""
        outcome = _trial(self.session, self.body, self.frame)
        if outcome is BREAK:
            return True, None
        if isinstance(outcome, Ret):
            return True, outcome
        if outcome is not _SYMBOLIC:
            return False, None
        # The round ends in a way that only a run can tell: capture the loop as one.
        return True, self._loop_or_unroll()

    def _loop_or_unroll(self) -> Any:
        try:
            with self.session.attempt((BranchMismatchError, ConcreteValueError)):
                return self._tensor_loop(True)
        except (BranchMismatchError, ConcreteValueError):
            return self._unrolled(0)

    def _unrolled(self, depth: int) -> Any:
        """Rounds nested in one another, for loops whose Python state cannot be carried."""
        if depth > _MAX_NESTED:
            raise CaptureError(
                f"a loop that leaves by a tensor condition runs more than {_MAX_NESTED} rounds",
                location=active.location(),
                remedy="use tensors for what the loop counts or collects",
            )
        go = condition(self.test())
        if isinstance(go, Value):
            return self._tensor_loop(go)
        if not go:
            return self.orelse() if self.orelse is not None else None

        def follow(outcome: Any) -> Any:
            if outcome is BREAK:
                return None
            return outcome if isinstance(outcome, Ret) else self._unrolled(depth + 1)

        return dispatch(self.body(), follow, self.frame)

    def _tensor_loop(self, go: Value | bool) -> Any:
        return tensor_loop(
            self.session, go, self.body, lambda: condition(self.test()), self.orelse, self.frame
        )


_MAX_NESTED = 64
_SYMBOLIC = object()


def _trial(session: Session, body: Body, frame: Frame) -> Any:
    """Run a round of a Python loop; undo it and return ``_SYMBOLIC`` where its outcome is a Union."""
    from dy2st.convert.journal import Journal

    journal = Journal()
    splits = dict(session.splits)
    session.journals.append(journal)
    outcome: Any = _SYMBOLIC
    try:
        with session.builder.region() as block:
            session.touch_frame(frame)
            outcome = session.simplify(body())
    finally:
        session.journals.pop()
    if type(outcome) is Union:
        journal.rollback()
        session.splits = splits
        return _SYMBOLIC
    session.builder.block.ops.extend(block.ops)
    return outcome


def tensor_loop(
    session: Session,
    go: Value | bool,
    body: Body,
    test: Callable[[], bool | Value],
    orelse: Body | None,
    frame: Frame,
) -> Any:
    """A loop as a ``while`` operation: its outcome. ``test`` says whether another round runs."""
    control = _Control(frame, orelse is not None)

    def leave(outcome: Any) -> Any:
        if outcome is BREAK:
            control.broken.cell_contents = control.has_else
            return False
        if isinstance(outcome, Ret):
            control.returned.cell_contents = True
            control.value.cell_contents = outcome.value
            return False
        return as_python_bool(test())

    def step() -> Any:
        # `broken` and `returned` are False at the start of every round: a round that set one is
        # the last.
        control.broken.cell_contents = False
        control.returned.cell_contents = False
        control.value.cell_contents = _NEVER
        found = condition(dispatch(body(), leave, control.frame))
        return found

    capture_loop(session, go, step, control.frame)
    return control.outcome(session, orelse, frame)


class _Never:
    def __repr__(self) -> str:
        return "nothing returned"


_NEVER = _Never()


class _Control:
    """How a tensor loop was left: three more variables of its frame."""

    def __init__(self, frame: Frame, has_else: bool) -> None:
        self.has_else = has_else  # without one, nobody asks whether the loop was broken
        self.broken = CellType(False)
        self.returned = CellType(False)
        self.value: CellType = CellType(_NEVER)
        own = {
            "break of the loop": self.broken,
            "return of the loop": self.returned,
            "value returned from the loop": self.value,
        }
        live = None if frame.live is None else frame.live | set(own)
        self.frame = Frame({**frame.cells, **own}, live, frame.outer)

    def outcome(self, session: Session, orelse: Body | None, frame: Frame) -> Any:
        """The loop's outcome, after its ``else``."""
        returned = condition(self.returned.cell_contents)
        normal = lambda: self._normal(session, orelse, frame)  # noqa: E731
        if returned is False:
            return normal()
        value = self.value.cell_contents
        if type(value) is Union:
            value = _drop_never(value)
        if returned is True:
            return Ret(value)
        return session.branch(returned, lambda: Ret(value), normal, frame)

    def _normal(self, session: Session, orelse: Body | None, frame: Frame) -> Any:
        if orelse is None:
            return None
        broken = condition(self.broken.cell_contents)
        if isinstance(broken, bool):
            return None if broken else orelse()
        return session.branch(broken, lambda: None, orelse, frame)


def _drop_never(value: Any) -> Any:
    if type(value) is not Union:
        return value
    if value.then is _NEVER:
        return _drop_never(value.orelse)
    if value.orelse is _NEVER:
        return _drop_never(value.then)
    return value


# --- for ----------------------------------------------------------------------------------------


def for_(
    iterable: Any,
    body: Body,
    orelse: Body | None = None,
    live: Names = None,
    rest: Body | None = None,
) -> Any:
    """``for item in iterable: body(item) else: orelse()``, then ``rest()``."""
    functions = [f for f in (body, orelse, rest) if f is not None]
    frame = Frame.of(functions, live)
    return then_rest(_for(iterable, body, orelse, frame), rest)


def _for(iterable: Any, body: Body, orelse: Body | None, frame: Frame) -> Any:
    session = active.current()
    if session is None:
        return _plain_for(iter(iterable), body, orelse)
    iterable = session.simplify(iterable)
    if type(iterable) is Union:
        return dispatch(iterable, lambda known: _for(known, body, orelse, frame), frame)
    if session.split_of(iterable) is not None:
        return session.with_contents(iterable, lambda: _for(iterable, body, orelse, frame), frame)
    lazy = lazy_items(session, iterable)
    if type(iterable) is range and len(iterable) > _MOST_NESTED:
        return _long_for(session, iterable, body, orelse, frame)
    if lazy is None:
        return _unrolled_for(session, python_items(iterable), body, orelse, frame)
    if type(lazy.length) is int:
        return _unrolled_for(session, lazy.items(lazy.length), body, orelse, frame)
    try:
        with session.attempt((BranchMismatchError, ConcreteValueError)):
            return _tensor_for(session, lazy, body, orelse, frame)
    except (BranchMismatchError, ConcreteValueError) as error:
        length = lazy.example()
        if length is None:
            raise
        debug.log(1, f"a for loop is unrolled to {length} rounds: {error.message}")
        return _unrolled_for(session, lazy.items(int(lazy.length)), body, orelse, frame)


# Rounds behind a tensor-dependent break stand in one another; Python's stack holds about so many.
_MOST_NESTED = 64


class _TensorBreak(Exception):
    """A round of a long Python loop may end it, as a tensor says."""


def _long_for(
    session: Session, numbers: range, body: Body, orelse: Body | None, frame: Frame
) -> Any:
    """Python's own rounds; a loop over a run-time counter where a tensor may end it."""
    try:
        with session.attempt(_TensorBreak):
            session.touch_frame(frame)
            return _unrolled_for(session, iter(numbers), body, orelse, frame, may_nest=False)
    except _TensorBreak:
        length = as_runtime(session, len(numbers))
    lazy = Lazy(length, lambda index: numbers.start + index * numbers.step, "a range")
    return _tensor_for(session, lazy, body, orelse, frame)


def _plain_for(items: Any, body: Body, orelse: Body | None) -> Any:
    for item in items:
        outcome = body(item)
        if outcome is BREAK:
            return None
        if isinstance(outcome, Ret):
            return outcome
    return orelse() if orelse is not None else None


def _unrolled_for(
    session: Session,
    items: Any,
    body: Body,
    orelse: Body | None,
    frame: Frame,
    may_nest: bool = True,
) -> Any:
    """Python's own loop; behind a tensor-dependent ``break`` the later rounds stand in its branch."""
    for item in items:
        outcome = session.simplify(body(item))
        if outcome is BREAK:
            return None
        if isinstance(outcome, Ret):
            return outcome
        if type(outcome) is Union:
            if not may_nest:
                raise _TensorBreak
            return _nested_for(session, outcome, items, body, orelse, frame)
    return orelse() if orelse is not None else None


def _nested_for(
    session: Session, outcome: Any, items: Any, body: Body, orelse: Body | None, frame: Frame
) -> Any:
    left = items if isinstance(items, list) else list(items)

    def follow(known: Any) -> Any:
        if known is BREAK:
            return None
        if isinstance(known, Ret):
            return known
        return _unrolled_for(session, iter(left), body, orelse, frame)

    return dispatch(outcome, follow, frame)


def _tensor_for(session: Session, lazy: Lazy, body: Body, orelse: Body | None, frame: Frame) -> Any:
    """A loop over a length that only a run knows: a counter, a ``while`` and reads by index."""
    index = CellType(0)
    name = "index of the for loop"
    live = None if frame.live is None else frame.live | {name}
    inner = Frame({**frame.cells, name: index}, live, frame.outer)

    def more() -> bool | Value:
        return condition(index.cell_contents < lazy.length)

    def round_() -> Any:
        position = index.cell_contents
        index.cell_contents = position + 1
        return body(lazy.item(position))

    go = more()
    if go is False:
        return orelse() if orelse is not None else None
    return tensor_loop(session, go, round_, more, orelse, inner)

"""Running a whole function: the result, what the caller sees changed, what was read from outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dy2st.convert import active
from dy2st.convert.outcome import Diverged, Ret
from dy2st.convert.places import (
    UNBOUND,
    AttrPlace,
    CellPlace,
    Contents,
    Mapping,
    Place,
    TensorPlace,
)
from dy2st.convert.reach import Reach
from dy2st.convert.session import Session
from dy2st.convert.unions import Union


@dataclass(eq=False)
class Captured:
    """What a capture found.

    ``effects`` are (place, new value), to be written after each call; ``reads`` are (place, value) of
    places outside of the call that the capture depends on. Values may hold tensors, ``Union``,
    ``Scalar`` and symbolic integers.
    """

    result: Any
    effects: list[tuple[Place, Any]] = field(default_factory=list)
    reads: list[tuple[Place, Any]] = field(default_factory=list)


def result(outcome: Any) -> Any:
    """The value of the outermost outcome of a function."""
    if outcome is None:
        return None
    if isinstance(outcome, Ret):
        return outcome.value
    session = active.current()
    if session is None or type(outcome) is not Union:
        raise AssertionError(f"a function ended in {outcome!r}")
    outcome = session.simplify(outcome)
    if type(outcome) is not Union:
        return result(outcome)
    then, orelse = result(outcome.then), result(outcome.orelse)
    return Union(outcome.tag, then, orelse, "the result", outcome.where)


def run(recorder: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Captured:
    """Run ``function`` converted, on symbolic arguments; all of Python is as before afterwards."""
    from dy2st.convert.calls import call
    from dy2st.convert.layers import converting_layers

    session = Session(recorder)
    session.args = (*args, *kwargs.values(), function)
    with session.running(), converting_layers():
        journal = session.journals[0]
        try:
            try:
                value = call(function, *args, **kwargs)
            except Diverged:
                value = None  # every path raises as the Program runs
            found = _unsplit(session, value, 0)
            changed = [
                (place, _plain(session, place.read(), place))
                for place in journal.changed().values()
                if not isinstance(place, TensorPlace)
            ]
        finally:
            # Tensors keep their values: the caller of this asks the recorder what was written.
            journal.rollback(keep=(TensorPlace,))
        outside = Reach([*session.args, *_cells(function), *session.outside])
        effects = [(p, v) for p, v in changed if _is_visible(session, p, outside)]
    return Captured(found, effects, list(session.reads.values()))


def _cells(function: Any) -> list[Any]:
    return [function, getattr(function, "__self__", None)]


def _is_visible(session: Session, place: Place, outside: Reach) -> bool:
    if isinstance(place, CellPlace):
        return place.owner in outside
    if isinstance(place, AttrPlace) and isinstance(place.owner, type):
        return True
    return place.owner in outside or id(place.owner) in session.namespaces


def _plain(session: Session, value: Any, place: Place) -> Any:
    split = session.split_of(place.owner)
    if split is not None and isinstance(value, (Contents, Mapping)):
        return _unsplit(session, _with_plain_contents(split), 0)
    return _unsplit(session, _with_plain_contents(value), 0)


def _with_plain_contents(value: Any) -> Any:
    if isinstance(value, Contents):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if type(value) is Union:
        then, orelse = _with_plain_contents(value.then), _with_plain_contents(value.orelse)
        return Union(value.tag, then, orelse, value.name, value.where)
    return value


def _unsplit(session: Session, value: Any, depth: int) -> Any:
    """Containers with split contents as a Union of containers."""
    if depth > 16 or value is UNBOUND:
        return value
    split = session.split_of(value)
    if split is not None:
        return _unsplit(session, _with_plain_contents(split), depth)
    if type(value) is Union:
        then, orelse = (_unsplit(session, v, depth + 1) for v in (value.then, value.orelse))
        return Union(value.tag, then, orelse, value.name, value.where)
    if type(value) is list:
        return [_unsplit(session, v, depth + 1) for v in value] if session.splits else value
    if type(value) is tuple:
        return tuple(_unsplit(session, v, depth + 1) for v in value) if session.splits else value
    if type(value) is dict and session.splits:
        return {k: _unsplit(session, v, depth + 1) for k, v in value.items()}
    return value

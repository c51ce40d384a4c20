"""Running a whole function: the result, what the caller sees changed, what was read from outside."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, is_dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

from dy2st.capture.size import is_size_class, size_of
from dy2st.convert import active
from dy2st.convert.grown import Grown
from dy2st.convert.outcome import Diverged, Ret
from dy2st.convert.places import (
    UNBOUND,
    Contents,
    Mapping,
    Place,
    TensorPlace,
)
from dy2st.convert.reach import Reach
from dy2st.convert.session import Session, SplitMark
from dy2st.convert.snapshot import is_plain_object
from dy2st.convert.unions import Union
from dy2st.errors import InternalError


@dataclass(eq=False)
class Captured:
    """What a capture found.

    ``effects`` are (place, new value), to be written after each call; ``reads`` are (place, value) of
    places outside of the call that the capture depends on; ``read_buffers`` are the keys of buffers
    that were read before they were written. Values may hold tensors, ``Union``,
    ``Scalar`` and symbolic integers.
    """

    result: Any
    effects: list[tuple[Place, Any]] = field(default_factory=list)
    reads: list[tuple[Place, Any]] = field(default_factory=list)
    read_buffers: frozenset[Any] = frozenset()


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


def run(
    recorder: Any,
    function: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    numbers: Sequence[tuple[Place, Any]] = (),
) -> Captured:
    """Run ``function`` converted, on symbolic arguments; all of Python is as before afterwards.

    ``numbers`` are places that hold a symbolic number meanwhile.
    """
    from dy2st.convert.calls import call
    from dy2st.convert.layers import converting_layers

    session = Session(recorder)
    session.args = (*args, *kwargs.values(), function)
    with session.running(), converting_layers():
        journal = session.journals[0]
        try:
            for place, number in numbers:
                session.touch(place)
                place.write(number)
            try:
                value = call(function, *args, **kwargs)
            except Diverged as end:
                value = None  # every path raises as the Program runs
                if all(op is not end.operation for op in recorder.builder.program.walk()):
                    raise InternalError("a path that raises was lost") from None
            finals = [(place, place.read()) for place in journal.changed().values()]
            given = {place.key: number for place, number in numbers}
            finals = [(p, v) for p, v in finals if p.key not in given or v is not given[p.key]]
        finally:
            # Tensors keep their values: the caller of this asks the recorder what was written.
            journal.rollback(keep=(TensorPlace,))
        return _Finish(session, function, finals).captured(value)


class _Finish:
    """From the values that places had at the end to result and effects."""

    def __init__(self, session: Session, function: Any, finals: list[tuple[Place, Any]]) -> None:
        self.session = session
        self.function = function
        self.contents: dict[int, Any] = {}
        self.effects: list[tuple[Place, Any]] = []
        for place, value in finals:
            if isinstance(place, TensorPlace):
                continue
            if self._is_visible(place):
                self.effects.append((place, value))
                if isinstance(value, (Contents, Mapping)):
                    self.contents[id(place.owner)] = value
            else:
                place.write(value)  # an object of this call's own keeps what it became

    @cached_property
    def outside(self) -> Reach:
        """What the caller can see: a walk over all that the call was given, made when asked for."""
        session = self.session
        bound = getattr(self.function, "__self__", None)
        return Reach([*session.args, bound, *session.outside])

    def _is_visible(self, place: Place) -> bool:
        owner = place.owner
        return (
            owner in self.outside
            or isinstance(owner, (type, ModuleType))
            or id(owner) in self.session.namespaces
        )

    def captured(self, value: Any) -> Captured:
        """The whole."""
        effects = [(place, self.plain(self._of(place, v))) for place, v in self.effects]
        reads = list(self.session.reads.values())
        return Captured(self.plain(value), effects, reads, frozenset(self.session.read_buffers))

    def _of(self, place: Place, value: Any) -> Any:
        held = self.session.contents_of(place.owner)
        return held if held is not None and isinstance(value, (Contents, Mapping)) else value

    def plain(self, value: Any, depth: int = 0) -> Any:
        """``value`` with the final contents of all containers, and objects of this call as Made."""
        if depth > 32 or value is UNBOUND:
            return value
        split = self.session.split_of(value)
        if split is not None:
            return self.plain(split, depth + 1)
        grown = value if isinstance(value, Grown) else self.session.grown_of(value)
        if grown is not None:
            return GrownList(grown)
        if type(value) is SplitMark:
            raise InternalError("a container whose contents depend on a tensor was read natively")
        inner = lambda v: self.plain(v, depth + 1)  # noqa: E731
        if type(value) is Union:
            then, orelse = inner(value.then), inner(value.orelse)
            return Union(value.tag, then, orelse, value.name, value.where)
        contents = self.contents.get(id(value), value)
        if type(value) in _REBUILT or is_size_class(type(value)):
            items = [inner(v) for v in contents]
            return size_of(items) if is_size_class(type(value)) else _REBUILT[type(value)](items)
        if type(value) in (dict, Mapping):
            return {k: inner(v) for k, v in contents.items()}
        return self._made(value, inner)

    def _made(self, value: Any, inner: Any) -> Any:
        if not is_plain_object(value) or is_dataclass(value) or value in self.outside:
            return value
        return Made(type(value), {k: inner(v) for k, v in vars(value).items()})


_REBUILT: dict[type, Any] = {list: list, Contents: list, tuple: tuple, deque: deque}


@dataclass(eq=False)
class GrownList:
    """A list that grew in a loop: each call makes a Python list of its rows."""

    grown: Grown


@dataclass(eq=False)
class Made:
    """A plain object that the function made: each call makes one of its own."""

    cls: type
    attributes: dict[str, Any]

"""Merging the two sides of a branch, place by place, into one ``if`` operation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dy2st.convert.joining import Joiner
from dy2st.convert.outcome import Diverged
from dy2st.convert.places import (
    UNBOUND,
    Key,
    Place,
    TensorPlace,
)
from dy2st.convert.reach import Reach
from dy2st.convert.snapshot import Snap, Tensor
from dy2st.convert.templates import BOOL, AnyTensor, Keep, Mismatch, Template, leaf_types
from dy2st.convert.transfer import Injector, Rebuilder
from dy2st.convert.unions import show
from dy2st.errors import BranchMismatchError, Location
from dy2st.ir.program import Operation, Value
from dy2st.ops import base
from dy2st.records import record

if TYPE_CHECKING:
    from dy2st.convert.session import Frame, Session, Side


@record(frozen=True, eq=False)
class _Item:
    """One place (None: the outcome), what each side left there, and what holds both."""

    place: Place | None
    snaps: tuple[Snap, Snap]
    template: Template


class LazyReach:
    """``Session.reach()``, walked when it is first asked."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._reach: Reach | None = None

    def __contains__(self, obj: object) -> bool:
        if self._reach is None:
            self._reach = self._session.reach()
        return obj in self._reach


def merge_branch(
    session: Session,
    tag: Value,
    sides: Sequence[Side],
    frame: Frame,
    name: str,
    location: Location | None,
) -> Any:
    """Emit the ``if``; write the merged places; return the merged outcome."""
    merger = _Merger(session, sides, location)
    if all(side.diverged for side in sides):
        merger.emit(tag)
        raise Diverged(session.builder.block.ops[-1])
    dead: list[Place] = []
    for key, place in merger.places():
        if frame.is_dead(place):
            dead.append(place)
        else:
            merger.add(place, *merger.snaps(key, place))
    merger.add(None, sides[0].outcome, sides[1].outcome)
    outcome = merger.finish(tag, name)
    for place in dead:
        session.write(place, UNBOUND)
    return outcome


class _Merger:
    def __init__(self, session: Session, sides: Sequence[Side], location: Location | None) -> None:
        self.session = session
        self.sides = sides
        self.location = location
        self.local_values = sides[0].values | sides[1].values
        first = sides[0].first_symbol
        existed = LazyReach(session)
        self.joiner = Joiner(
            session.builder.fresh_symbol,
            local=lambda value: value in self.local_values,
            local_symbol=lambda symbol: is_newer(symbol, first),
            equal=session.agree,
            outside=lambda obj: obj in existed,
            aliased=lambda obj: id(obj) in session.copies,
        )
        self.existed = existed
        self.joiner.existing = {
            id(place.owner)
            for side in sides
            for place, _ in side.finals.values()
            if isinstance(place, TensorPlace) and self._existed(place)
        }
        # One a side: the same object is the same snapshot, so that aliases stay aliases.
        self.describers = [session.describer(side) for side in sides]
        self.items: list[_Item] = []

    def places(self) -> Iterator[tuple[Key, Place]]:
        """Changed places that existed before the branch."""
        seen: set[Key] = set()
        for side in self.sides:
            for key, (place, _) in side.finals.items():
                if key not in seen and self._existed(place):
                    yield key, place
                seen.add(key)

    def _existed(self, place: Place) -> bool:
        key = getattr(place, "place", place).key
        sides = [s for s in self.sides if key in s.finals]
        return all(self.session.existed(place, s, self.existed) for s in sides)

    def snaps(self, key: Key, place: Place) -> tuple[Snap, Snap]:
        """What the place holds at the end of each side."""
        out: list[Snap] = []
        for side, describer in zip(self.sides, self.describers):
            if key in side.finals:
                out.append(side.finals[key][1])
            else:
                out.append(describer.describe(self.session.held(place)))
        return out[0], out[1]

    def add(self, place: Place | None, a: Snap, b: Snap) -> None:
        """Merge one place (None: the outcome)."""
        try:
            template = self._template(a, b)
        except Mismatch as error:
            raise self._mismatch(place, a, b, str(error)) from None
        if isinstance(place, TensorPlace) and not isinstance(template, (AnyTensor, Keep)):
            raise self._mismatch(place, a, b, "a tensor changes its dtype or rank in place")
        self.items.append(_Item(place, (a, b), template))

    def _template(self, a: Snap, b: Snap) -> Template:
        if self.sides[0].diverged:
            return self.joiner.template(b)
        if self.sides[1].diverged:
            return self.joiner.template(a)
        return self.joiner.merge(a, b)

    def _mismatch(self, place: Place | None, a: Snap, b: Snap, why: str) -> BranchMismatchError:
        name = repr(place.name) if place is not None else "the result"
        return BranchMismatchError(
            f"{name} is {show(_shown(a))} in one branch and {show(_shown(b))} in the other: {why}",
            location=self.location,
            remedy="give both branches values of one kind",
        )

    def finish(self, tag: Value, name: str) -> Any:
        """Emit, rebuild, write; returns the outcome."""
        results = self.emit(tag)
        rebuilder = Rebuilder(self.session.recorder, name, self.location)
        made: dict[int, Any] = {}
        outcome: Any = None
        for item in self.items:
            place, template = item.place, item.template
            if id(template) not in made:
                rebuilder.name = place.name if place is not None else name or "the result"
                made[id(template)] = rebuilder.rebuild(template, results)
            value = made[id(template)]
            if place is None:
                outcome = value
            else:
                self.session.write(getattr(place, "place", place), value)
        self.session.adopt(rebuilder)
        return outcome

    def emit(self, tag: Value) -> Iterator[Value]:
        """The ``if`` operation; its results, with copies of the condition replaced by itself."""
        builder = self.session.builder
        leaves: list[list[Value]] = []
        items = list({id(i.template): i for i in self.items}.values())
        for index, side in enumerate(self.sides):
            with builder.reopen(side.block):
                injector = Injector(builder, self.joiner.made)
                values: list[Value] = []
                for item in items:
                    if side.diverged:
                        values += injector.dummies(item.template)
                    else:
                        values += injector.inject(item.snaps[index], item.template)
            leaves.append(values)
        types = [t for item in items for t in leaf_types(item.template)]
        same = [_tag_like(a, b) for a, b in zip(*leaves)] if leaves[0] else []
        kept = [i for i, s in enumerate(same) if s is None]
        for side, values in zip(self.sides, leaves):
            with builder.reopen(side.block):
                builder.yield_([values[i] for i in kept])
        if not kept and not any(_has_effect(side.block.ops) for side in self.sides):
            op_results: tuple[Value, ...] = ()
        else:
            builder.location = self.location
            blocks = [side.block for side in self.sides]
            op_results = builder.emit("if", (tag,), {}, blocks, [types[i] for i in kept]).results
        fresh = iter(op_results)
        return iter([next(fresh) if s is None else self._constant(tag, s) for s in same])

    def _constant(self, tag: Value, which: tuple[bool, bool]) -> Value:
        if which == (True, False):
            return tag
        if which == (False, True):
            return self.session.negation(tag)
        return Injector(self.session.builder).full(which[0])


def _tag_like(a: Value, b: Value) -> tuple[bool, bool] | None:
    """The bools that two constant leaves hold; None where one is not a constant bool of shape []."""
    found = []
    for value in (a, b):
        op = value.owner
        if not isinstance(op, Operation) or op.name != "full" or value.type != BOOL:
            return None
        found.append(bool(op.attrs["value"]))
    return found[0], found[1]


def _has_effect(ops: Sequence[Operation]) -> bool:
    for op in ops:
        if any(_has_effect(region.ops) for region in op.regions):
            return True
        known = base.find(op.name)
        if (known is None and op.name not in _PURE) or (known is not None and known.random):
            return True
    return False


_PURE = {"yield", "if", "while", "full", "item", "parameter", "constant"}


def _shown(snap: Snap) -> Any:
    return snap.obj if not isinstance(snap, Tensor) else snap.value


def is_newer(symbol: str, first: int) -> bool:
    """Whether a run-time symbol (``u7``) was made after the builder's counter stood at ``first``."""
    return symbol.startswith("u") and symbol[1:].isdigit() and int(symbol[1:]) >= first

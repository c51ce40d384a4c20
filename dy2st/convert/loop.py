"""Loops over tensors: the fixed point of what a round changes, and the ``while`` operation.

The loop is captured inverted: ``go`` says whether a round runs, the body ends with the next ``go``.
The first capture of the body starts from the entry state; places that it changed become carried, as
templates that hold both values; the body is captured again from values of these templates, until
nothing changes any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dy2st import debug
from dy2st.convert.joining import Joiner
from dy2st.convert.merge import LazyReach, is_newer
from dy2st.convert.places import (
    UNBOUND,
    CellPlace,
    DictPlace,
    Key,
    ListPlace,
    Place,
    SetPlace,
    TensorPlace,
)
from dy2st.convert.snapshot import Alt, Const, Group, Snap, Tensor
from dy2st.convert.templates import (
    BOOL,
    AnyRows,
    AnyTensor,
    Keep,
    Mismatch,
    OneOf,
    Template,
    equal_templates,
    leaf_types,
)
from dy2st.convert.transfer import Injector, Rebuilder, substitute_symbols
from dy2st.convert.unions import show
from dy2st.errors import BranchMismatchError, Location
from dy2st.ir.dims import SymExpr
from dy2st.ir.program import Block, Value

if TYPE_CHECKING:
    from dy2st.convert.session import Frame, Session, Side

MAX_ROUNDS = 16


@dataclass(eq=False)
class Carried:
    """A place that rounds change: what it holds at the entry, what it may hold later."""

    place: Place
    initial: Snap
    template: Template


def capture_loop(
    session: Session,
    go: Value | bool,
    step: Callable[[], Any],
    frame: Frame,
    name: str = "loop",
) -> None:
    """Emit a ``while`` that runs ``step`` as long as it returns a true bool; merge its effects.

    ``step`` returns a Python bool or a bool SSA value of shape []. Raises BranchMismatchError
    where a place changes from round to round in a way that no template holds.
    """
    try:
        _Loop(session, step, frame, True).run(go)
    except _Unshared:
        _Loop(session, step, frame, False).run(go)


class _Unshared(Exception):
    """Sizes that were taken for equal in every round are not."""


class _Loop:
    def __init__(
        self, session: Session, step: Callable[[], Any], frame: Frame, share: bool
    ) -> None:
        self.session = session
        self.step = step
        self.frame = frame
        self.location: Location | None = session.recorder.location
        self.carried: dict[Key, Carried] = {}
        self.joiner = Joiner(session.builder.fresh_symbol, in_loop=True, share=share)
        self.joiner.equal = session.agree
        self.dead: dict[Key, Place] = {}

    def run(self, go: Value | bool) -> None:
        """The fixed point, then the operation."""
        for count in range(MAX_ROUNDS):
            side = self._capture()
            if self._settled(side):
                debug.log(2, f"a loop settled after {count + 1} captures")
                self._emit(go, side)
                return
        names = ", ".join(sorted(c.place.name for c in self.carried.values()))
        raise BranchMismatchError(
            f"the loop does not settle: {names} change in a new way in every round",
            location=self.location,
            remedy="give the variables of the loop the same type and shape in every round",
        )

    # --- one capture --------------------------------------------------------------------------

    def _types(self) -> list[Any]:
        return [BOOL] + [t for c in self.carried.values() for t in leaf_types(c.template)]

    def _capture(self) -> Side:
        builder = self.session.builder
        with builder.region(self._types()) as block:
            values = iter(block.args[1:])
            side = self.session.capture(block, lambda: self._round(values), self.frame, None)
        return side

    def _round(self, values: Iterator[Value]) -> Any:
        for place in self.frame.places():
            if self.frame.is_dead(place):
                self.session.write(place, UNBOUND)
        self._restore(values, [c.template for c in self.carried.values()])
        return self.step()

    def _restore(self, values: Iterator[Value], templates: list[Template]) -> None:
        rebuilder = Rebuilder(self.session.recorder, "", self.location)
        for carried, template in zip(self.carried.values(), templates):
            rebuilder.name = carried.place.name
            value = rebuilder.rebuild(template, values)
            self.session.write(getattr(carried.place, "place", carried.place), value)
        self.session.adopt(rebuilder)

    # --- what changed -------------------------------------------------------------------------

    def _settled(self, side: Side) -> bool:
        existed = LazyReach(self.session)
        self.joiner.local = lambda value: value in side.values
        self.joiner.local_symbol = lambda symbol: (
            is_newer(symbol, side.first_symbol) and symbol not in self.joiner.made
        )
        self.joiner.outside = lambda obj: obj in existed
        self.joiner.aliased = lambda obj: id(obj) in self.session.copies
        if side.diverged:
            return True
        self.joiner.existing = {
            id(place.owner)
            for place, _ in side.finals.values()
            if isinstance(place, TensorPlace) and self.session.existed(place, side, existed)
        }
        settled = True
        for key, (place, final) in side.finals.items():
            if self.frame.is_dead(place):
                self.dead[key] = place
            elif key in self.carried or self.session.existed(place, side, existed):
                settled &= not self._join(key, place, final)
        if not self.joiner.end_round():
            raise _Unshared
        return settled

    def _join(self, key: Key, place: Place, final: Snap) -> bool:
        """Let the place's template hold ``final`` too; whether that changed it."""
        old = self.carried.get(key)
        if old is None:
            initial = self.session.describer().describe(self.session.held(place))
            old = Carried(place, initial, Keep(initial))
        try:
            template = old.template if key in self.carried else self.joiner.template(old.initial)
            new = self.joiner.join(template, final)
            self._check(place, new)
        except Mismatch as error:
            raise self._mismatch(place, old, final, str(error)) from None
        if key in self.carried and equal_templates(new, old.template):
            return False
        self.carried[key] = Carried(place, old.initial, new)
        return True

    def _check(self, place: Place, template: Template) -> None:
        if isinstance(place, (ListPlace, SetPlace, DictPlace)) and isinstance(template, OneOf):
            raise Mismatch("its length or its keys change from round to round")
        if isinstance(place, TensorPlace) and not isinstance(template, (AnyTensor, Keep)):
            raise Mismatch("a tensor changes its dtype or rank in place")

    def _mismatch(self, place: Place, old: Carried, final: Snap, why: str) -> BranchMismatchError:
        before, after = (s.value if isinstance(s, Tensor) else s.obj for s in (old.initial, final))
        return BranchMismatchError(
            f"{place.name!r} is {show(before)} before the loop and {show(after)} after a round: {why}",
            location=self.location,
            remedy="give it the same type, rank and length in every round "
            "(write into a preallocated tensor, or use concat instead of append)",
        )

    # --- the operation --------------------------------------------------------------------------

    def _emit(self, go: Value | bool, side: Side) -> None:
        builder = self.session.builder
        outer = Injector(builder, self.joiner.made)
        initial = [outer.full(go) if isinstance(go, bool) else go]
        for carried in self.carried.values():
            initial += outer.inject(carried.initial, carried.template)
            self._remember_rows(carried)
        with builder.reopen(side.block):
            builder.yield_(self._next(side))
        types = self._types()
        with builder.region(types) as cond:
            builder.yield_([cond.args[0]])
        names: dict[str, SymExpr] = {s: builder.fresh_symbol() for s in sorted(self.joiner.made)}
        after = [substitute_symbols(t, names) for t in types]
        builder.location = self.location
        op = builder.emit("while", initial, {}, (cond, side.block), after)
        always = isinstance(go, bool) and go and not side.diverged
        self._after(side, iter(op.results[1:]), always)

    def _remember_rows(self, carried: Carried) -> None:
        """Tensors whose values went into rows of a list are not to change in place from here on."""
        if isinstance(carried.template, AnyRows) and isinstance(carried.initial, Group):
            for item in carried.initial.items:
                if isinstance(item, Tensor):
                    self.session.copies.add_held(item.obj, carried.place.owner)

    def _next(self, side: Side) -> list[Value]:
        inner = Injector(self.session.builder, self.joiner.made)
        args = iter(side.block.args[1:])
        if side.diverged:
            return [inner.full(False), *args]
        out = [_go_value(inner, side.outcome)]
        describer = self.session.describer(side)
        for key, carried in self.carried.items():
            final = side.finals[key][1] if key in side.finals else None
            if final is None:
                final = describer.describe(self.session.held(carried.place))
            out += inner.inject(final, carried.template)
        return out

    def _after(self, side: Side, results: Iterator[Value], always: bool) -> None:
        rebuilder = Rebuilder(self.session.recorder, "", self.location)
        for key, carried in self.carried.items():
            rebuilder.name = carried.place.name
            value = rebuilder.rebuild(carried.template, results)
            if always and key in side.finals and not _may_be(UNBOUND, side.finals[key][1]):
                value = _without(UNBOUND, value)
            self.session.write(getattr(carried.place, "place", carried.place), value)
        self.session.adopt(rebuilder)
        for place in self.dead.values():
            self.session.write(place, UNBOUND)


def _go_value(injector: Injector, outcome: Snap) -> Value:
    if isinstance(outcome, Const) and isinstance(outcome.obj, bool):
        return injector.full(outcome.obj)
    assert isinstance(outcome, Tensor)
    return outcome.value


def _may_be(value: Any, snap: Snap) -> bool:
    if isinstance(snap, Alt):
        return _may_be(value, snap.then) or _may_be(value, snap.orelse)
    return snap.obj is value


def _without(unwanted: Any, value: Any) -> Any:
    """A Union without the alternative that cannot be."""
    from dy2st.convert.unions import Union

    if type(value) is not Union:
        return value
    if value.then is unwanted:
        return _without(unwanted, value.orelse)
    if value.orelse is unwanted:
        return _without(unwanted, value.then)
    rest = _without(unwanted, value.orelse)
    return value if rest is value.orelse else Union(value.tag, value.then, rest, value.name)


__all__ = ["Block", "CellPlace", "capture_loop"]

"""The Session of one capture: journals, branches, unions, first reads.

All control flow over tensors goes through ``Session.branch`` and ``dy2st.convert.loop``; nobody
else compares or merges branches.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any

from dy2st import debug
from dy2st.convert import active, reach
from dy2st.convert.conditions import Conditions
from dy2st.convert.copies import Copies
from dy2st.convert.frames import Frame
from dy2st.convert.grown import Grown
from dy2st.convert.journal import Journal
from dy2st.convert.outcome import DIVERGED, Diverged
from dy2st.convert.outside_reads import OutsideReads
from dy2st.convert.places import (
    UNBOUND,
    AttrPlace,
    CellPlace,
    Contents,
    DictPlace,
    Key,
    KeyPlace,
    ListPlace,
    Place,
    SetPlace,
    TensorPlace,
    contents_place,
)
from dy2st.convert.snapshot import Describer, Snap, Tensor
from dy2st.convert.transfer import Rebuilder
from dy2st.convert.unions import Union, need
from dy2st.errors import Dy2stError, SideEffectError
from dy2st.ir.program import Block, Value


@dataclass(eq=False)
class Side:
    """One captured branch: its block and what its places held at its end."""

    block: Block
    finals: dict[Key, tuple[Place, Snap]]
    outcome: Snap
    values: set[Value]
    first_symbol: int
    known: int

    @property
    def diverged(self) -> bool:
        return self.outcome.obj is DIVERGED


class Session(OutsideReads, Conditions):
    """See the module's docstring. ``recorder`` is the capture's."""

    def __init__(self, recorder: Any) -> None:
        OutsideReads.__init__(self, recorder)
        Conditions.__init__(self, recorder)
        self.journals: list[Journal] = []
        self.splits: dict[int, tuple[Any, Union | Grown]] = {}
        self.copies = Copies()
        self.try_depth = 0
        self.args: tuple[Any, ...] = ()
        self._stop: FrameType | None = None

    # --- being the thread's session ----------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[Session]:
        """Make this the thread's session; all writes inside go into its first journal."""
        before = active.enter(self)
        self._stop = sys._getframe(2)
        hook = self.recorder.write_hook
        self.recorder.write_hook = self._on_tensor_write
        self.recorder.raiser = self._raise_where
        self.journals.append(Journal())
        try:
            yield self
        finally:
            self.journals.pop()
            self.recorder.write_hook = hook
            self.recorder.raiser = None
            active.enter(before)

    def _raise_where(self, flag: Value, error: Exception) -> None:
        """The Program raises ``error`` where ``flag`` holds."""

        def fail() -> None:
            raise error

        self.branch(flag, fail, lambda: None, Frame())

    @contextmanager
    def outside_of_capture(self) -> Iterator[None]:
        """Run code inside as if nothing were captured: on the user's real tensors."""
        before = active.enter(None)
        try:
            with self.recorder.paused():
                yield
        finally:
            active.enter(before)

    def is_tensor(self, value: object) -> bool:
        """Whether ``value`` is a tensor, symbolic or real."""
        check = getattr(self.recorder, "is_tensor", None)
        if check is None:
            from dy2st.capture.dispatch import is_tensor

            check = is_tensor
        return bool(check(value))

    # --- places ------------------------------------------------------------------------------

    def touch(self, place: Place) -> None:
        """Let every open journal know the value that ``place`` has now."""
        self._written.setdefault(place.key, (len(self._written), place))
        for journal in self.journals:
            journal.touch(place)

    def touch_frame(self, frame: Frame) -> None:
        for place in frame.places():
            self.touch(place)

    def touch_closure(self, function: Any) -> None:
        """Variables that calling ``function`` may write."""
        if getattr(function, "__closure__", None):
            self.touch_frame(Frame.of((function,)))

    def write(self, place: Place, value: Any) -> None:
        """Store ``value`` in ``place``, with the journals told; a Union of contents is a split."""
        self.touch(place)
        if isinstance(place, (ListPlace, DictPlace, SetPlace)):
            self.refuse_copy(place.owner, place.name)
            if isinstance(value, (Union, Grown)):
                self.splits[id(place.owner)] = (place.owner, value)
                mark = SplitMark()  # a new one: journals see that the contents changed
                value = Contents((mark,)) if not isinstance(place, DictPlace) else {mark: 0}
            else:
                self.splits.pop(id(place.owner), None)
        place.write(value)

    def adopt(self, rebuilder: Rebuilder) -> None:
        """Note what a Rebuilder made: copies of objects, lists of run-time length."""
        for new, sources, name in rebuilder.copies:
            self.copies.add(new, sources, name)
        for container, grown in rebuilder.lists:
            place = ListPlace(container, "a list")
            self.touch(place)
            self.splits[id(container)] = (container, grown)
            place.write((SplitMark(),))

    def refuse_copy(self, obj: Any, name: str) -> None:
        """Refuse to change an object that may be another one in eager, if that one can be seen."""
        if id(obj) not in self.copies:
            return
        reached = self.reach()
        if any(other in reached for other in self.copies.others(obj)):
            raise SideEffectError(
                f"{(self.copies.name_of(obj) or name)!r} is changed in place, but which object it is "
                "depends on a tensor, and the other one may be seen elsewhere",
                location=self.recorder.location,
                remedy="make a new object (or a .clone()) in the branch or loop before changing it",
            )

    def _on_tensor_write(self, tensor: Any, old: Value) -> None:
        if getattr(tensor, "_view", None) is not None:
            return  # its base is written too, and the view is made again from that
        self.refuse_copy(tensor, "a tensor")
        self.touch(TensorPlace(tensor, "a tensor", self.recorder))

    # --- unions ------------------------------------------------------------------------------

    def distribute(
        self,
        function: Callable[[Any], Any],
        union: Union,
        frame: Frame | None = None,
        bound: bool = True,
    ) -> Any:
        """``function`` of a Union's value: a branch on its condition.

        ``frame`` holds the variables that ``function`` may write, beyond those of functions that it
        calls. ``function`` takes UNBOUND itself where not ``bound``; else it raises Python's error.
        """
        variables = frame or Frame()

        def side(value: Any) -> Any:
            value = self.simplify(value)
            if type(value) is Union:
                return self.distribute(function, value, frame, bound)
            return function(need(value, union.name) if bound else value)

        known = self.simplify(union)
        if known is not union:
            return side(known)
        return self.branch(
            union.tag, lambda: side(union.then), lambda: side(union.orelse), variables, union.name
        )

    # --- split containers ------------------------------------------------------------------------

    def split_of(self, container: Any) -> Union | None:
        """The Union of contents that ``container`` has, where it depends on a tensor."""
        found = self.contents_of(container)
        return found if isinstance(found, Union) else None

    def grown_of(self, container: Any) -> Grown | None:
        """The rows of a list whose length only a run knows."""
        found = self.contents_of(container)
        return found if isinstance(found, Grown) else None

    def contents_of(self, container: Any) -> Union | Grown | None:
        """What stands for the contents of ``container``; None where it holds them itself."""
        found = self.splits.get(id(container))
        return found[1] if found is not None and found[0] is container else None

    def held(self, place: Place) -> Any:
        """What ``place`` holds now; for split contents the Union, not its stand-in."""
        place = getattr(place, "place", place)
        union: Union | Grown | None = None
        if isinstance(place, (ListPlace, DictPlace, SetPlace)):
            union = self.contents_of(place.owner)
        return place.read() if union is None else union

    def with_contents(
        self, container: Any, function: Callable[[], Any], frame: Frame | None = None
    ) -> Any:
        """``function()`` with the contents of a split container in place, on each side."""
        union = self.split_of(container)
        place = contents_place(container, "a container")
        if union is None or place is None:
            return function()

        def side(contents: Any) -> Any:
            self.write(place, contents)
            return _detached(function())

        return self.distribute(side, union, frame)

    # --- capturing one side ------------------------------------------------------------------------

    @contextmanager
    def attempt(self, errors: type[Exception] | tuple[type[Exception], ...]) -> Iterator[None]:
        """Undo what was written and emitted inside, where it ends in one of ``errors``."""
        block = self.builder.block
        # Not a copy of the block: library calls are attempts, and there are as many as operations.
        length, entries = len(block.ops), self.builder.entries
        assumed = getattr(self.recorder, "equations", [])
        equations = len(assumed)
        journal = Journal()
        splits = dict(self.splits)
        self.journals.append(journal)
        try:
            yield
        except errors:
            journal.rollback()
            self.splits = splits
            # Parameters and constants stay: the builder hands out the same value again. They were
            # put in front of all others, in the entry block.
            if block is self.builder.program.block:
                length += self.builder.entries - entries
            del block.ops[length:]
            del assumed[equations:]
            raise
        finally:
            self.journals.remove(journal)

    def describer(self, side: Side | None = None) -> Describer:
        """Takes snapshots of values as they are now; of tensors, as ``side`` left them."""
        value_of = self.recorder.value_of
        if side is not None:
            by_id = {
                id(place.owner): snap
                for place, snap in side.finals.values()
                if isinstance(place, TensorPlace)
            }
            value_of = lambda tensor: self._value_after(tensor, by_id)  # noqa: E731
        return Describer(self.is_tensor, value_of, self.assumed, self.contents_of)

    def _value_after(self, tensor: Any, changed: dict[int, Snap]) -> Value:
        """The value that a tensor had at the end of a side that is rolled back by now."""
        found = changed.get(id(tensor))
        if isinstance(found, Tensor):
            return found.value
        view = getattr(tensor, "_view", None)
        while view is not None:
            if id(view.base) in changed:
                raise SideEffectError(
                    "a tensor is changed in place in one branch while a view of it is kept for later",
                    location=self.recorder.location,
                    remedy="make the view again after the branch, or .clone() the tensor first",
                )
            view = getattr(view.base, "_view", None)
        value: Value = self.recorder.value_of(tensor)
        return value

    def capture(
        self,
        block: Block,
        function: Callable[[], Any],
        frame: Frame,
        tag: tuple[Value, bool] | None,
    ) -> Side:
        """Run ``function`` into the open ``block``, take snapshots of what it left, roll back."""
        journal = Journal()
        first_symbol = self.builder._next_symbol
        splits = dict(self.splits)
        self.journals.append(journal)
        assumed = len(self._assumed)
        if tag is not None:
            self._assumed.append(tag)
        try:
            self.touch_frame(frame)
            known = len(self._written)
            outcome = self._run(function, tag is not None)
            describer = self.describer()
            finals = {k: (p, describer.describe(p.read())) for k, p in self._finals(journal)}
            result = describer.describe(outcome)
        finally:
            self.journals.pop()
            del self._assumed[assumed:]
            journal.rollback()
            self.splits = splits
        values = {v for op in block.walk() for v in op.results} | set(block.args)
        for op in block.walk():
            for region in op.regions:
                values.update(region.args)
        return Side(block, finals, result, values, first_symbol, known)

    def existed(self, place: Place, side: Side, reached: Container[object]) -> bool:
        """Whether a place that a side changed was there before the side began."""
        if isinstance(place, TensorPlace):
            return place.read() not in side.values
        place = getattr(place, "place", place)
        if isinstance(place, CellPlace):
            # A frame that the side entered has left nothing but what a function still holds.
            return self._written[place.key][0] < side.known or place.owner in reached
        if isinstance(place, (ListPlace, DictPlace, SetPlace, AttrPlace)):
            # Classes and modules are not walked: they are everybody's.
            return isinstance(place.owner, (type, ModuleType)) or place.owner in reached
        return True

    def _finals(self, journal: Journal) -> Iterator[tuple[Key, Place]]:
        for key, place in journal.changed().items():
            union = self.contents_of(place.owner)
            if union is not None and isinstance(place, (ListPlace, DictPlace, SetPlace)):
                place = _SplitPlace(place.owner, place.name, place, union)
            yield key, place

    def _run(self, function: Callable[[], Any], conditional: bool) -> Any:
        try:
            return function()
        except Diverged:
            return DIVERGED
        except Exception as error:
            from dy2st.convert.exceptions import emit_raise

            if not emit_raise(self, error, conditional):
                raise
            debug.log(1, f"a branch raises {type(error).__name__}: {error.args!r}")
            return DIVERGED

    def branch(
        self,
        tag: Value,
        then: Callable[[], Any],
        orelse: Callable[[], Any],
        frame: Frame,
        name: str = "",
    ) -> Any:
        """Run the side that the bool value ``tag`` selects; returns what it returned, merged."""
        from dy2st.convert.merge import merge_branch

        known = self.assumed(tag)
        if known is not None:
            return then() if known else orelse()
        location = self.recorder.location
        sides = []
        for value, function in ((True, then), (False, orelse)):
            with self.builder.region() as block:
                sides.append(self.capture(block, function, frame, (tag, value)))
        return merge_branch(self, tag, sides, frame, name, location)

    # --- which objects existed before -----------------------------------------------------------

    def reach(self, extra: Sequence[Any] = ()) -> reach.Reach:
        """What the user's code can reach now."""
        return reach.Reach([*reach.roots(self._stop), *self.args, *extra])


_CONTAINERS = (list, dict, set, deque)


class SplitMark:
    def __repr__(self) -> str:
        return "<contents depend on a tensor>"


@dataclass(eq=False)
class _SplitPlace(Place):
    """The contents of a split container: the Union, not its stand-in."""

    place: Place | None = None
    union: Union | Grown | None = None

    @property
    def key(self) -> Key:
        assert self.place is not None
        return self.place.key

    def read(self) -> Any:
        return self.union

    def write(self, value: Any) -> None:
        assert self.place is not None
        self.place.write(value)


__all__ = [
    "UNBOUND",
    "AttrPlace",
    "Dy2stError",
    "Frame",
    "KeyPlace",
    "Session",
    "Side",
]


_EMPTY: dict[Any, Any] = {}
_VIEWS = (type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items()))
_ITERATORS: Any = (
    type(iter(_EMPTY)),
    type(iter(_EMPTY.values())),
    type(iter(_EMPTY.items())),
    type(iter([])),
    type(iter(set())),
    type(reversed([])),
    *(zip, enumerate, reversed, map, filter),
)


def _detached(value: Any) -> Any:
    """A view or an iterator of a container whose contents will not stay there, as one of a copy."""
    if isinstance(value, _VIEWS):
        return list(value)
    return iter(list(value)) if isinstance(value, _ITERATORS) else value

"""Python numbers that go on changing (``self.step += 1``): inputs of the Program after a while.

A number that a capture read is guarded by its value. One that was seen with two values and now has a
third becomes a run-time number: the next Program takes it as an input of shape [], and what it becomes
is written back after each call like any effect. Where Python needs the number itself (an index of a
``ModuleList``, a key) such a capture fails; then the number stays guarded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from dy2st import debug
from dy2st.capture import Recorder
from dy2st.capture.scalar import Scalar
from dy2st.ir.types import DType, TensorType
from dy2st.records import record
from dy2st.runtime.plan import Buffer

_KINDS = {int: DType.INT64, float: DType.FLOAT64}
_VALUES = 2  # so many get Programs of their own


@record(frozen=True)
class Number:
    """A place that holds an ``int`` or ``float``, read at each call."""

    place: Any
    kind: type

    def fits(self) -> bool:
        """Whether the place holds a number of that kind that fits into its tensor."""
        value: Any = self.value()
        kind: Any = type(value)
        if kind is not self.kind:
            return False
        return self.kind is float or value.bit_length() < 64

    def value(self) -> Any:
        """The number now; None where reading it fails."""
        try:
            return self.place.read()
        except Exception:  # a property or __getattr__ of the user's may raise anything
            return None

    def buffer(self) -> Buffer:
        """The number in memory of its own."""
        array = np.array(self.value(), _KINDS[self.kind].numpy)
        return Buffer(array.ctypes.data, (), None, array)

    def input(self, recorder: Recorder, index: int) -> Any:
        """A new input of the Program: the number that the capture sees in its place."""
        name = "".join(c if c.isalnum() else "_" for c in str(self.place.name))
        tensor = recorder.input(f"{name}_{index}", TensorType(_KINDS[self.kind], ()))
        return recorder.item(tensor) if self.kind is int else Scalar("float", tensor)


@contextmanager
def held_at(places: Iterable[tuple[Any, Any]]) -> Iterator[None]:
    """Let each place hold its value inside: what a forward saw there, for its backward."""
    changed = [(place, place.read(), value) for place, value in places]
    changed = [(p, now, value) for p, now, value in changed if now is not value]
    for place, _, value in changed:
        place.write(value)
    try:
        yield
    finally:
        for place, now, _ in changed:
            place.write(now)


class Counters:
    """Which places of one group of Programs are inputs."""

    def __init__(self) -> None:
        self._lifted: dict[Any, Number] = {}
        self._guarded: set[Any] = set()

    def wanted(self, reads: Iterable[list[tuple[Any, Any]]]) -> list[Number]:
        """The numbers that the next Program takes; ``reads`` are those of the Programs so far."""
        seen: dict[Any, dict[Any, Any]] = {}
        for of_one in reads:
            for place, value in of_one:
                if type(value) in _KINDS:
                    seen.setdefault(place.key, {"place": place})[repr(value)] = None
        for key, values in seen.items():
            value = Number(values["place"], int).value()
            if type(value) not in _KINDS or repr(value) in values or key in self._guarded:
                continue
            number = Number(values["place"], type(value))
            if len(values) > _VALUES and number.fits():
                self._lifted.setdefault(key, number)
        return list(self._lifted.values())

    def give_up(self, numbers: list[Number], error: Exception) -> None:
        """The capture with ``numbers`` failed: they stay guarded."""
        for number in numbers:
            debug.log(1, f"{number.place} stays a Python number: {error}")
            self._lifted.pop(number.place.key, None)
            self._guarded.add(number.place.key)

"""Operations that a plan runs through the reference interpreter: effects, random numbers, and
whatever has a size that is known only at run time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dy2st.ir.program import Program, Value
from dy2st.ir.symbols import Definitions
from dy2st.runtime.cpu.linear import Callback
from dy2st.runtime.reference.interpreter import Frame, compile_operation

if TYPE_CHECKING:
    from dy2st.runtime.cpu.contexts import Context


class Interpreted:
    """The interpreted part of one context: a frame for each call."""

    def __init__(
        self,
        program: Program,
        definitions: Definitions,
        sizes: Mapping[str, int],
        rng: Callable[[], np.random.Generator],
    ) -> None:
        self._program = program
        self._definitions = definitions
        self._sizes = sizes
        self._rng = rng
        self.frame = self.begin()

    def begin(self) -> Frame:
        """An empty frame for a new call."""
        self.frame = Frame({}, self._program.constants, self._rng())
        self.frame.symbols = dict(self._sizes)
        return self.frame

    def value(self, value: Value) -> np.ndarray[Any, Any]:
        """The array of a value that lives in the frame."""
        return self.frame.values[value]

    def bind(self, context: Context, callback: Callback) -> Callable[[int], None]:
        """The function that runs ``callback`` in ``context``."""
        item = callback.item
        steps = [compile_operation(op, self._definitions) for op in item.ops]
        loads = [
            (value, context.reader(place, variable.shape, variable.dtype))
            for (value, variable), place in zip(item.loads, callback.loads)
        ]
        stores = [
            (value, context.reader(place, variable.shape, variable.dtype))
            for (value, variable), place in zip(item.stores, callback.stores)
        ]

        def call(user: int) -> None:
            frame = self.frame
            for value, read in loads:
                # Results may be views of it and outlive the arena's buffer.
                frame.values[value] = read().copy()
            with np.errstate(all="ignore"):
                for step in steps:
                    step(frame)
            for value, read in stores:
                read()[...] = frame.values[value]

        return call

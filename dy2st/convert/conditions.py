"""What is known about conditions at one point of a capture."""

from __future__ import annotations

from typing import Any

from dy2st.convert.unions import Union
from dy2st.ir.program import Block, Value


class Conditions:
    """The part of a Session that knows which branch it is in."""

    def __init__(self, recorder: Any) -> None:
        self.recorder = recorder
        self.builder = recorder.builder
        self._assumed: list[tuple[Value, bool]] = []
        # (condition, its opposite, the block where that was computed)
        self._negations: list[tuple[Value, Value, Block]] = []

    def assumed(self, tag: Value) -> bool | None:
        """The value of a condition inside of a branch on it; None elsewhere."""
        for known, value in reversed(self._assumed):
            if known is tag:
                return value
            if any({a, b} == {tag, known} for a, b, _ in self._negations):
                return not value
        return None

    def negation(self, tag: Value) -> Value:
        """The opposite of a condition."""
        open_blocks = self.builder._blocks
        for a, b, block in self._negations:
            if b is tag:
                return a  # it was there before its opposite
            if a is tag and any(block is o for o in open_blocks):
                return b
        opposite: Value = self.builder.emit("logical_not", (tag,), {}, types=[tag.type]).result
        self._negations.append((tag, opposite, self.builder.block))
        return opposite

    def agree(self, a: Any, b: Any) -> bool:
        """Whether the capture has come to rely on two sizes being equal."""
        guards = getattr(self.recorder, "guards", ())
        return any(
            answer and op == "==" and {str(x), str(y)} == {str(a), str(b)}
            for (op, x, y), answer in guards
        )

    def simplify(self, value: Any) -> Any:
        """A Union whose condition is known here: its value; anything else unchanged."""
        while type(value) is Union:
            known = self.assumed(value.tag)
            if known is None:
                return value
            value = value.then if known else value.orelse
        return value

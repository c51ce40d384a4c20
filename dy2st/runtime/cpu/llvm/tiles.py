"""Transposition in registers: where lanes would gather what another loop finds contiguous.

The loop around the lanes' is walked in blocks of as many rows as there are lanes. For each block
and full vector of lanes a square tile is loaded row by row, transposed by shuffles and put on the
stack; the rows of the block then read their vectors from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dy2st.runtime.cpu.fusion.loop import L, roots, walk
from dy2st.runtime.cpu.llvm.text import HELD, MEMORY_TYPE, V, type_of

if TYPE_CHECKING:
    from dy2st.runtime.cpu.llvm.emit import Emitter

_BLOCK = -2  # the pseudo variable of the loop over blocks


class Tiles:
    """The tiles of an ``Emitter``; ``row`` is set while rows of a loaded tile are computed."""

    def __init__(self, emitter: Emitter) -> None:
        self.e = emitter
        self.row: V | None = None
        self.slots: dict[L, V] = {}
        self.loads: dict[L, None] = {}
        s = emitter.s
        if s.tile is None:
            return
        for e in walk([r for item in s.finals for r in roots(item)]):
            if e.op == "load" and not e.args:
                strides = dict(e.data[1].strides)
                if strides.get(s.tile) == -1 and strides.get(s.lane, -1) != -1:  # type: ignore[arg-type]
                    self.loads[e] = None

    def load(self, load: L) -> V:
        """The vector of the current row, as memory holds it."""
        e, w = self.e, self.e.w
        assert self.row is not None
        dtype = e.s.buffers[load.data[0]]
        held = HELD.get(dtype, dtype)
        vector = type_of(held, e.s.width)
        at = w.value(
            f"getelementptr {vector}, ptr {self.slots[load].name}, i64 {self.row.name}", "int64", 0
        )
        return w.value(f"load {vector}, ptr {at.name}", held, e.s.width)

    def loop(self, low: dict[int, V], high: dict[int, V], body: Callable[[], None]) -> None:
        """The loops over rows and lanes: blocks of whole rows by tiles, the rest one by one."""
        e, s = self.e, self.e.s
        assert s.tile is not None
        assert s.lane is not None
        tile, lane = s.tile, s.lane

        def block() -> None:
            def full() -> None:
                self._fill()
                self._rows(body, True)

            def rest() -> None:
                self._rows(body, False)

            e.lane_loop(lane, low[lane], high[lane], full, rest)

        after = e.counted(_BLOCK, low[tile], high[tile], s.width, block)

        def single() -> None:
            e.lane_loop(lane, low[lane], high[lane], body, body)

        e.counted(tile, V(after, "int64", 0), high[tile], 1, single)

    def _rows(self, body: Callable[[], None], loaded: bool) -> None:
        e = self.e
        assert e.s.tile is not None
        tile = e.s.tile

        def row() -> None:
            with e.at(e.levels[-1]):
                counter = e.bases[tile]
                e.bases[tile] = e.w.add(counter, e.bases[_BLOCK])
                self.row = counter if loaded else None
                body()
                self.row = None

        zero = e.w.const(0, "int64")
        e.counted(tile, zero, e.w.const(e.s.width, "int64"), 1, row)

    def _fill(self) -> None:
        """Load, transpose and store the tile of each load."""
        for load in self.loads:
            with self.e.at(self.e.levels[-1]):
                self._fill_one(load)

    def _fill_one(self, load: L) -> None:
        e, w, n = self.e, self.e.w, self.e.s.width
        buffer, position, _, _ = load.data
        dtype = e.s.buffers[buffer]
        held = HELD.get(dtype, dtype)
        vector = type_of(held, n)
        if load not in self.slots:
            with e.at(e.entry):
                text = f"alloca [{n * n} x {MEMORY_TYPE[dtype]}], align 64"
                self.slots[load] = w.value(text, "int64", 0)
        stride = e.memory.lane_stride(position)
        assert stride is not None
        start = w.add(e.memory.scalar_part(position), e.bases[_BLOCK])
        rows = []
        for _ in range(n):
            at = e.memory.element(e.memory.base(buffer), start, dtype)
            rows.append(w.value(f"load {vector}, ptr {at.name}, align 1", held, n))
            start = w.add(start, e.slot(stride))
        for i, column in enumerate(self._transposed(rows)):
            at = w.value(
                f"getelementptr {vector}, ptr {self.slots[load].name}, i64 {i}", "int64", 0
            )
            w.line(f"store {column}, ptr {at.name}")

    def _transposed(self, rows: list[V]) -> list[V]:
        """log2(n) rounds of a perfect shuffle."""
        n = len(rows)
        rounds = n.bit_length() - 1
        half = n // 2
        for _ in range(rounds):
            mixed: list[V] = []
            for i in range(half):
                a, b = rows[i], rows[i + half]
                for first in (0, half):
                    picks = [k + first + (n if odd else 0) for k in range(half) for odd in (0, 1)]
                    mixed.append(self._shuffle(a, b, picks))
            rows = mixed
        return rows

    def _shuffle(self, a: V, b: V, picks: list[int]) -> V:
        mask = ", ".join(f"i32 {p}" for p in picks)
        text = f"shufflevector {a}, {b}, <{len(picks)} x i32> <{mask}>"
        return self.e.w.value(text, a.dtype, a.lanes)

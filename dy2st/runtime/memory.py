"""Arena layout: buffers with lifetimes get offsets; those that never live at once may overlap."""

from __future__ import annotations

from collections.abc import Sequence

from dy2st.records import record

ALIGNMENT = 64


@record(frozen=True)
class Lifetime:
    """A buffer of ``nbytes`` that is alive from instruction ``first`` to ``last``, both included."""

    nbytes: int
    first: int
    last: int


def align(nbytes: int) -> int:
    """``nbytes`` rounded up to whole cache lines."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


def assign_offsets(buffers: Sequence[Lifetime]) -> tuple[list[int], int]:
    """Offsets (64-byte aligned) in the order of ``buffers``, and the size of the arena.

    Greedy by size, each at the lowest gap that is free during its lifetime (Pisarchyk and Lee,
    "Efficient Memory Management for Deep Neural Net Inference", 2020, 5.2). Buffers of no bytes
    lie at 0.
    """
    offsets = [0] * len(buffers)
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first, last; by offset
    total = 0
    order = sorted(range(len(buffers)), key=lambda i: (-buffers[i].nbytes, buffers[i].first))
    for index in order:
        buffer = buffers[index]
        size = align(buffer.nbytes)
        if size == 0:
            continue
        at, best, best_gap = 0, None, None
        for offset, end, first, last in placed:
            if last < buffer.first or first > buffer.last:
                continue
            gap = offset - at
            if gap >= size and (best_gap is None or gap < best_gap):
                best, best_gap = at, gap
            at = max(at, end)
        position = at if best is None else best
        offsets[index] = position
        entry = (position, position + size, buffer.first, buffer.last)
        _insert(placed, entry)
        total = max(total, position + size)
    return offsets, total


def _insert(placed: list[tuple[int, int, int, int]], entry: tuple[int, int, int, int]) -> None:
    from bisect import insort

    insort(placed, entry)

"""What code is printed for: loops and expressions whose numbers are slots of ``sizes``."""

from __future__ import annotations

from dataclasses import dataclass

from dy2st.records import record
from dy2st.runtime.cpu.fusion.loop import Item, L, Put, Running, Save, Store, roots, walk

# sizes[0]: chunks, sizes[1]: the variable that is divided (its place in `outer`), sizes[2]: the
# length of a chunk, sizes[3]: bytes of row buffers a chunk; then the slots.
HEADER = 4


@record(frozen=True)
class Position:
    """An affine position in slots: ``offset`` is a slot or None; strides by variable are slots, or
    -1 for the constant 1 (lanes only)."""

    offset: int | None
    strides: tuple[tuple[int, int], ...]


@dataclass
class Structure:
    """What code generation needs, and nothing else."""

    outer: list[int]
    inner: list[int]
    lane: int | None
    width: int
    buffers: list[str]
    writes: int
    stages: list[list[Item]]
    finals: list[Store]
    row_buffers: list[tuple[str, int]]  # dtype, slot of its byte offset
    row_position: Position | None
    extent_slot: dict[int, int]
    # The loop around the lanes' is walked in blocks, so that what is contiguous along it is read by
    # whole tiles and transposed in registers.
    tile: int | None = None
    key: str = ""

    def ir(self, name: str, vector_bytes: int) -> str:
        """The module of the kernel called ``name``."""
        from dy2st.runtime.cpu.llvm.emit import kernel_ir

        return kernel_ir(self, name, vector_bytes)


def describe(s: Structure) -> str:
    """The text that says all there is to a structure, in a canonical order."""
    items = [item for stage in s.stages for item in stage] + [*s.finals]
    order = walk([r for item in items for r in roots(item)])
    number = {e: i for i, e in enumerate(order)}
    lines = [
        f"loop outer={s.outer} inner={s.inner} lane={s.lane} width={s.width}",
        f"buffers={s.buffers} writes={s.writes} rows={s.row_buffers} at={s.row_position}",
        f"extents={sorted(s.extent_slot.items())} tile={s.tile}",
    ]
    for e, i in number.items():
        lines.append(f"{i} = {e.op} {e.dtype} {[number[a] for a in e.args]} {e.data!r}")
    every: list[list[Item]] = [*s.stages, [*s.finals]]
    for k, stage in enumerate(every):
        lines.append(f"stage {k}")
        for item in stage:
            lines.append(_describe_item(item, number))
    return "\n".join(lines)


def _describe_item(item: Item, number: dict[L, int]) -> str:
    if isinstance(item, Store):
        return f"store {item.buffer} {item.place} {number[item.value]}"
    if isinstance(item, Save):
        return f"save {item.slot} {number[item.value]}"
    if isinstance(item, Running):
        start = f"running {item.number} {item.op} {item.exclusive}"
        return f"{start} {item.buffer} {item.place} {number[item.value]}"
    if isinstance(item, Put):
        where = f"{[number[i] for i in item.indices]} {item.strides}"
        return f"put {item.op} {item.buffer} {item.place} {where} {number[item.value]}"
    place = number[item.position] if item.position is not None else None
    return f"reduce {item.number} {item.op} {number[item.value]} {place}"

"""Loads and stores of an emitter: contiguous, broadcast, gathered, masked, and row buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dy2st.runtime.cpu.fusion.loop import L, Put
from dy2st.runtime.cpu.fusion.structure import Position
from dy2st.runtime.cpu.llvm import scalar_ops
from dy2st.runtime.cpu.llvm.text import HELD, MEMORY_TYPE, V, type_of
from dy2st.runtime.cpu.scalar import ITEMSIZE

if TYPE_CHECKING:
    from dy2st.runtime.cpu.llvm.emit import Emitter


class Memory:
    """The memory side of an ``Emitter``."""

    def __init__(self, emitter: Emitter) -> None:
        self.e = emitter

    # -- positions -------------------------------------------------------------------------------

    def lane_numbers(self, dtype: str = "int64") -> V:
        """0, 1, 2 ... in the lanes."""
        width = self.e.s.width
        element = type_of(dtype, 0)
        items = ", ".join(f"{element} {i}" for i in range(width))
        return V(f"<{items}>", dtype, width)

    def scalar_part(self, position: Position) -> V:
        """The position of lane 0 (without the lane's own loop counter where it has stride 1)."""
        e = self.e
        # Level by level, so that what an outer loop fixes is added there, once.
        total: V | None = e.slot(position.offset) if position.offset is not None else None
        strides = dict(position.strides)
        for level in e.levels:
            v = level.variable
            if v is None or v not in strides:
                continue
            key = ("position", position, v)
            if key not in level.memo:
                with e.at(level):
                    level.memo[key] = self._advance(total, v, strides[v])
            total = level.memo[key]
        return total if total is not None else e.w.const(0, "int64")

    def _advance(self, total: V | None, variable: int, stride: int) -> V:
        w, counter = self.e.w, self.e.bases[variable]
        term = counter if stride == -1 else w.mul(counter, self.e.slot(stride))
        return term if total is None else w.add(total, term)

    def lane_stride(self, position: Position) -> int | None:
        """-1 for 1, a slot, or None where the lane does not move the position."""
        return dict(position.strides).get(self.e.s.lane if self.e.s.lane is not None else -9)

    def index_value(self, position: Position, lanes: int) -> V:
        """A position as an int64."""
        w, base = self.e.w, self.scalar_part(position)
        stride = self.lane_stride(position)
        if not lanes or stride is None:
            return base
        steps = self.lane_numbers()
        if stride != -1:
            steps = w.mul(steps, w.splat(self.e.slot(stride), lanes))
        return w.add(w.splat(base, lanes), steps)

    def base(self, buffer: int) -> V:
        """The address of a buffer (0 is the first that is written, but those read are passed
        first)."""
        s = self.e.s
        reads = len(s.buffers) - s.writes
        return self._pointer(reads + buffer if buffer < s.writes else buffer - s.writes)

    def _pointer(self, place: int) -> V:
        e = self.e
        key = ("pointer", place)
        if key not in e.entry.memo:
            with e.at(e.entry):
                at = e.w.value(f"getelementptr ptr, ptr %ptrs, i64 {place}", "int64", 0)
                e.entry.memo[key] = e.w.value(f"load ptr, ptr {at.name}", "int64", 0)
        return e.entry.memo[key]

    def element(self, base: V, position: V, dtype: str) -> V:
        """The address of an element."""
        element = MEMORY_TYPE[dtype]
        return self.e.w.value(
            f"getelementptr {element}, ptr {base.name}, i64 {position.name}", "int64", 0
        )

    # -- loads -----------------------------------------------------------------------------------

    def load(self, load: L, lanes: int) -> V:
        """The value of a ``load`` expression, in its compute dtype."""
        e, w = self.e, self.e.w
        buffer, position, strides, small = load.data
        dtype = e.s.buffers[buffer]
        if e.tiles.row is not None and load in e.tiles.loads:
            return self.decode(e.tiles.load(load), dtype)
        dynamic = [e.value(a) for a in load.args[: len(strides)]]
        guard = e.value(load.args[-1]) if len(load.args) > len(strides) else None
        start = self.scalar_part(position)
        for index, slot in zip(dynamic, strides, strict=True):
            if not index.lanes:
                start = w.add(start, w.mul(index, e.slot(slot)))
        moving = [(i, s) for i, s in zip(dynamic, strides, strict=True) if i.lanes]
        base = self.base(buffer)
        if not lanes:
            return self._scalar_load(base, start, dtype, guard)
        stride = self.lane_stride(position)
        if stride == -1 and not moving:
            return self._vector_load(self.element(base, start, dtype), dtype, guard)
        if stride is None and not moving:
            # Only the guard varies with the lane.
            return self._guarded_broadcast(base, start, dtype, guard)
        offsets = self._offsets(stride, moving, "int32" if small else "int64")
        return self._gather(self.element(base, start, dtype), offsets, dtype, guard)

    def _scalar_load(self, base: V, start: V, dtype: str, guard: V | None) -> V:
        w = self.e.w
        if guard is not None:
            start = w.select(guard, start, w.const(0, "int64"))
        address = self.element(base, start, dtype)
        raw = w.value(f"load {MEMORY_TYPE[dtype]}, ptr {address.name}", HELD.get(dtype, dtype), 0)
        return self.decode(raw, dtype)

    def _all_of(self, guard: V | None) -> V | None:
        """The mask of the tail and the guard together; None where every lane counts."""
        e = self.e
        if guard is None:
            return e.mask
        wide = e.splat(guard, e.s.width)
        return wide if e.mask is None else e.w.op("and", wide, e.mask)

    def _vector_load(self, address: V, dtype: str, guard: V | None) -> V:
        w, lanes = self.e.w, self.e.s.width
        held = HELD.get(dtype, dtype)
        vector = type_of(held, lanes)
        mask = self._all_of(guard)
        align = ITEMSIZE[dtype]
        if mask is None:
            raw = w.value(f"load {vector}, ptr {address.name}, align {align}", held, lanes)
            return self.decode(raw, dtype)
        name = f"@llvm.masked.load.v{lanes}{_suffix(held)}.p0"
        w.declared.add(f"declare {vector} {name}(ptr, i32, <{lanes} x i1>, {vector})")
        raw = w.value(
            f"call {vector} {name}(ptr {address.name}, i32 {align}, {mask}, "
            f"{vector} zeroinitializer)",
            held,
            lanes,
        )
        return self.decode(raw, dtype)

    def _guarded_broadcast(self, base: V, start: V, dtype: str, guard: V | None) -> V:
        w, lanes = self.e.w, self.e.s.width
        any_lane = w.any_lane(guard) if guard is not None else None
        return w.splat(self._scalar_load(base, start, dtype, any_lane), lanes)

    def _offsets(self, stride: int | None, moving: list[tuple[V, int]], dtype: str) -> V:
        e, w, lanes = self.e, self.e.w, self.e.s.width

        def slot(number: int) -> V:
            value = e.slot(number)
            return w.splat(value if dtype == "int64" else w.convert("trunc", value, dtype), lanes)

        total: V | None = None
        if stride is not None:
            total = self.lane_numbers(dtype)
            if stride != -1:
                total = w.mul(total, slot(stride))
        for index, number in moving:
            narrow = index if dtype == "int64" else w.convert("trunc", index, dtype)
            term = w.mul(narrow, slot(number))
            total = term if total is None else w.add(total, term)
        assert total is not None
        return total

    def _gather(self, address: V, offsets: V, dtype: str, guard: V | None) -> V:
        w, lanes = self.e.w, self.e.s.width
        held = HELD.get(dtype, dtype)
        vector, pointers = type_of(held, lanes), f"<{lanes} x ptr>"
        at = w.value(
            f"getelementptr {MEMORY_TYPE[dtype]}, ptr {address.name}, {offsets}", "int64", lanes
        )
        mask = self._all_of(guard) or w.const(True, "bool", lanes)
        name = f"@llvm.masked.gather.v{lanes}{_suffix(held)}.v{lanes}p0"
        w.declared.add(f"declare {vector} {name}({pointers}, i32, <{lanes} x i1>, {vector})")
        raw = w.value(
            f"call {vector} {name}({pointers} {at.name}, i32 {ITEMSIZE[dtype]}, {mask}, "
            f"{vector} zeroinitializer)",
            held,
            lanes,
        )
        return self.decode(raw, dtype)

    # -- stores ----------------------------------------------------------------------------------

    def store(self, buffer: int, position: Position, value: V) -> None:
        """``buffer[position] = value``; varies with the lane where the position does."""
        e, w = self.e, self.e.w
        dtype = e.s.buffers[buffer]
        start = self.scalar_part(position)
        stride = self.lane_stride(position)
        address = self.element(self.base(buffer), start, dtype)
        lanes = e.s.width if stride is not None else 0
        raw = self._encode(e.splat(value, lanes), dtype)
        if not lanes:
            w.line(f"store {raw}, ptr {address.name}, align {ITEMSIZE[dtype]}")
        elif stride == -1:
            self._vector_store(address, raw, ITEMSIZE[dtype])
        else:
            self._scatter(address, raw, stride, dtype)

    def _vector_store(self, address: V, raw: V, align: int) -> None:
        w, mask = self.e.w, self.e.mask
        if mask is None:
            w.line(f"store {raw}, ptr {address.name}, align {align}")
            return
        name = f"@llvm.masked.store.v{raw.lanes}{_suffix(raw.dtype)}.p0"
        w.declared.add(f"declare void {name}({raw.type}, ptr, i32, <{raw.lanes} x i1>)")
        w.line(f"call void {name}({raw}, ptr {address.name}, i32 {align}, {mask})")

    def _scatter(self, address: V, raw: V, stride: int | None, dtype: str) -> None:
        w, lanes = self.e.w, self.e.s.width
        offsets = self._offsets(stride, [], "int64")
        at = w.value(
            f"getelementptr {MEMORY_TYPE[dtype]}, ptr {address.name}, {offsets}", "int64", lanes
        )
        mask = self.e.mask or w.const(True, "bool", lanes)
        pointers = f"<{lanes} x ptr>"
        name = f"@llvm.masked.scatter.v{lanes}{_suffix(raw.dtype)}.v{lanes}p0"
        w.declared.add(f"declare void {name}({raw.type}, {pointers}, i32, <{lanes} x i1>)")
        w.line(f"call void {name}({raw}, {pointers} {at.name}, i32 {ITEMSIZE[dtype]}, {mask})")

    def put(self, item: Put) -> None:
        """Read, combine and write one element (or a vector of neighbours) at computed places."""
        e, w = self.e, self.e.w
        dtype = e.s.buffers[item.buffer]
        start = self.scalar_part(item.place)
        for index, slot in zip(item.indices, item.strides, strict=True):
            start = w.add(start, w.mul(e.result(index), e.slot(slot)))
        address = self.element(self.base(item.buffer), start, dtype)
        value = e.result(item.value)
        lanes = e.s.width if self.lane_stride(item.place) is not None else 0
        value = e.splat(value, lanes)
        if item.op != "set":
            old = self._read_again(address, dtype, lanes)
            ops = {"add": w.add, "mul": w.mul}
            value = (
                ops[item.op](old, value) if item.op in ops else self._extreme(item.op, old, value)
            )
        raw = self._encode(value, dtype)
        if lanes:
            self._vector_store(address, raw, ITEMSIZE[dtype])
        else:
            w.line(f"store {raw}, ptr {address.name}, align {ITEMSIZE[dtype]}")

    def _read_again(self, address: V, dtype: str, lanes: int) -> V:
        if lanes:
            return self._vector_load(address, dtype, None)
        held = HELD.get(dtype, dtype)
        raw = self.e.w.value(f"load {MEMORY_TYPE[dtype]}, ptr {address.name}", held, 0)
        return self.decode(raw, dtype)

    def _extreme(self, op: str, old: V, new: V) -> V:
        return scalar_ops.emit(self.e.w, op, old.dtype, [old, new])

    # -- row buffers -----------------------------------------------------------------------------

    def _row_address(self, slot: int, dtype: str) -> V:
        e, w = self.e, self.e.w
        _, offset_slot = e.s.row_buffers[slot]
        key = ("row", slot)
        if key not in e.entry.memo:
            with e.at(e.entry):
                whole = self._pointer(len(e.s.buffers))
                skipped = w.mul(V("%chunk", "int64", 0), e.slot(3))
                skipped = w.add(skipped, e.slot(offset_slot))
                e.entry.memo[key] = w.value(
                    f"getelementptr i8, ptr {whole.name}, i64 {skipped.name}", "int64", 0
                )
        assert e.s.row_position is not None
        return self.element(e.entry.memo[key], self.scalar_part(e.s.row_position), dtype)

    def store_row(self, slot: int, value: V) -> None:
        """Keep a value of this element."""
        e = self.e
        dtype = e.s.row_buffers[slot][0]
        raw = self._encode(e.splat(value, e.s.width), dtype)
        address = self._row_address(slot, dtype)
        if not raw.lanes:
            e.w.line(f"store {raw}, ptr {address.name}, align {ITEMSIZE[dtype]}")
            return
        # The row buffers have room for a whole vector more: no mask needed.
        e.w.line(f"store {raw}, ptr {address.name}, align {ITEMSIZE[dtype]}")

    def load_row(self, slot: int, dtype: str) -> V:
        """What ``store_row`` kept."""
        e = self.e
        held_dtype = e.s.row_buffers[slot][0]
        held = HELD.get(held_dtype, held_dtype)
        address = self._row_address(slot, held_dtype)
        vector = type_of(held, e.s.width)
        raw = e.w.value(
            f"load {vector}, ptr {address.name}, align {ITEMSIZE[held_dtype]}", held, e.s.width
        )
        return self.decode(raw, held_dtype)

    # -- what memory holds -----------------------------------------------------------------------

    def decode(self, raw: V, dtype: str) -> V:
        """What memory holds, in the compute dtype."""
        w = self.e.w
        if dtype == "bool":
            return w.compare("ne", raw, w.like(0, raw))
        if dtype == "float16":
            return scalar_ops.half_value(w, raw)
        if dtype == "bfloat16":
            return scalar_ops.bfloat_value(w, raw)
        return raw

    def _encode(self, value: V, dtype: str) -> V:
        w = self.e.w
        if dtype == "bool":
            return w.convert("zext", value, "uint8")
        if dtype == "float16":
            return scalar_ops.half_bits(w, value)
        if dtype == "bfloat16":
            return scalar_ops.bfloat_bits(w, value)
        return value


def _suffix(dtype: str) -> str:
    return {"half": "f16", "float": "f32", "double": "f64"}.get(
        type_of(dtype, 0), type_of(dtype, 0)
    )

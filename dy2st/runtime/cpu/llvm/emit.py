"""A ``Structure`` as the LLVM IR of one kernel.

Every expression is written at the outermost loop level where its variables are known: a level is a
list of lines that runs before the loop inside it. The loop over lanes is written twice, for full
vectors and, masked, for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dy2st.errors import InternalError
from dy2st.runtime.cpu.fusion.loop import (
    Item,
    L,
    Put,
    Reduction,
    Running,
    Save,
    Store,
    roots,
    walk,
)
from dy2st.runtime.cpu.fusion.structure import Position, Structure
from dy2st.runtime.cpu.llvm import reductions, scalar_ops
from dy2st.runtime.cpu.llvm.entry import assemble, converts_half
from dy2st.runtime.cpu.llvm.memory import Memory
from dy2st.runtime.cpu.llvm.text import V, Writer
from dy2st.runtime.cpu.llvm.tiles import Tiles

DIVISION_BY_ZERO = 1
INDEX_OUT_OF_RANGE = 2


@dataclass
class Level:
    """The straight code of one loop level, and the values it has."""

    variable: int | None
    out: list[str] = field(default_factory=list)
    memo: dict[object, V] = field(default_factory=dict)


class Emitter:
    """Writes the function that computes one chunk."""

    def __init__(self, structure: Structure, native_half: bool = True) -> None:
        self.s = structure
        self.w = Writer(native_half)
        self.entry = Level(None)
        self.levels = [self.entry]
        self.mask: V | None = None
        self.bases: dict[int, V] = {}  # the loop counter of each variable that is open
        self.low: dict[int, V] = {}
        self.high: dict[int, V] = {}
        self.memory = Memory(self)
        self.tiles = Tiles(self)
        self.home: dict[str, Level] = {}  # the level at which a value was computed
        self._depends: dict[L, frozenset[int]] = {}
        items = [i for stage in structure.stages for i in stage] + list(structure.finals)
        every = walk([r for i in items for r in roots(i)])
        self._reduced = {e.data[0]: e for e in every if e.op == "reduced"}
        self._parts: dict[L, list[L]] = {}
        for e in every:
            self.depends(e)

    # -- levels ----------------------------------------------------------------------------------

    @contextmanager
    def at(self, level: Level) -> Iterator[None]:
        """Write at ``level``."""
        before = self.w.out
        self.w.out = level.out
        try:
            yield
        finally:
            self.w.out = before

    def depends(self, e: L) -> frozenset[int]:
        """The loop variables that an expression varies with."""
        found = self._depends.get(e)
        if found is None:
            found = frozenset().union(*(self.depends(a) for a in e.args))
            for d in e.data:
                if isinstance(d, Position):
                    found |= {v for v, _ in d.strides}
            if e.op == "saved":
                found |= set(self.s.inner)
                found |= set() if self.s.lane is None else {self.s.lane}
            if e.op == "reduced":
                found |= set(self.s.outer)
            self._depends[e] = found
        return found

    def level_of(self, variables: frozenset[int]) -> Level:
        """The outermost level at which all of ``variables`` are known."""
        for level in reversed(self.levels):
            if level.variable is None or level.variable in variables:
                return level
        return self.entry

    # -- expressions -----------------------------------------------------------------------------

    def result(self, root: L) -> V:
        """``value`` of a deep expression, parts first, so that nothing recurses far."""
        if root not in self._parts:
            self._parts[root] = walk([root])
        for e in self._parts[root]:
            self.value(e)
        return self.value(root)

    def value(self, e: L) -> V:
        """``e``, at the level where it belongs; a vector where it varies with the lane."""
        if e.op == "const":
            return self.w.const(e.data[0], e.dtype)
        variables = self.depends(e)
        level = self.level_of(variables)
        found = level.memo.get(e)
        if found is None:
            with self.at(level):
                found = self._compute(e, variables)
            level.memo[e] = found
            self.home[found.name] = level
        return found

    def lanes_of(self, variables: frozenset[int]) -> int:
        """The vector length of what varies with ``variables``."""
        return self.s.width if self.s.lane is not None and self.s.lane in variables else 0

    def splat(self, v: V, lanes: int) -> V:
        """``v`` in every lane, kept at the level that is written to."""
        if v.lanes or not lanes or v.number is not None:
            return self.w.splat(v, lanes)
        level = self.home.get(v.name)
        if level is None:
            return self.w.splat(v, lanes)
        key = ("splat", v.name)
        if key not in level.memo:
            with self.at(level):
                level.memo[key] = self.w.splat(v, lanes)
        return level.memo[key]

    def _compute(self, e: L, variables: frozenset[int]) -> V:
        lanes = self.lanes_of(variables)
        special = _SPECIAL.get(e.op)
        if special is not None:
            return special(self, e, lanes)
        args = [self.splat(self.value(a), lanes) for a in e.args]
        if e.op == "cast":
            return scalar_ops.cast(self.w, args[0], e.dtype)
        if e.op == "round_to":
            return scalar_ops.round_to(self.w, args[0], e.data[0])
        if e.op == "wrap":
            return self._wrap(e, args)
        if e.op == "inrange":
            return self.w.compare("ult", args[0], args[1])
        if e.op == "divisor":
            return self._divisor(e, args)
        return scalar_ops.emit(self.w, e.op, e.dtype, args)

    def _divisor(self, e: L, args: list[V]) -> V:
        safe, zero = scalar_ops.safe_divisor(self.w, args[0], args[1])
        failed = zero if len(args) < 3 else self.w.op("and", zero, args[2])
        self.check(failed, e.data[0], DIVISION_BY_ZERO)
        return safe

    def _wrap(self, e: L, args: list[V]) -> V:
        w, (mode, site) = self.w, e.data
        i, n = args[:2]
        zero = w.like(0, i)
        if mode == "clip":
            i = w.select(w.compare("slt", i, zero), zero, i)
            last = w.sub(n, w.like(1, n))
            return w.select(w.compare("sgt", i, last), last, i)
        wrapped = w.select(w.compare("slt", i, zero), w.add(i, n), i)
        bad = w.compare("uge", wrapped, n)
        failed = bad if len(args) < 3 else w.op("and", bad, args[2])
        self.check(failed, site, INDEX_OUT_OF_RANGE)
        # Lanes that fail, are masked or guarded still form an address: zero is always there.
        return w.select(bad, zero, wrapped)

    def check(self, bad: V, site: int, code: int) -> None:
        """Store a status where ``bad`` holds in a lane that counts; the kernel goes on."""
        w = self.w
        if bad.lanes and self.mask is not None:
            bad = w.op("and", bad, self.mask)
        label = w.fresh("check")
        any_bad = w.any_lane(bad)
        w.line(f"br i1 {any_bad.name}, label %{label}, label %{label}.end, !prof !0")
        w.line(f"{label}:")
        w.line(f"store i32 {code + (site << 8)}, ptr %status")
        w.line(f"br label %{label}.end")
        w.line(f"{label}.end:")

    # -- numbers from outside --------------------------------------------------------------------

    def slot(self, number: int) -> V:
        """A slot of ``sizes``, loaded once at the top."""
        key = ("slot", number)
        if key not in self.entry.memo:
            with self.at(self.entry):
                address = self.w.value(f"getelementptr i64, ptr %sizes, i64 {number}", "int64", 0)
                self.entry.memo[key] = self.w.value(f"load i64, ptr {address.name}", "int64", 0)
        return self.entry.memo[key]

    # -- loops -----------------------------------------------------------------------------------

    def loop(
        self, variables: list[int], low: dict[int, V], high: dict[int, V], body: Callable[[], None]
    ) -> None:
        """Nested loops over ``variables`` around ``body()``; the lane's loop, innermost, twice."""
        if not variables:
            body()
            return
        first, rest = variables[0], variables[1:]
        if first == self.s.lane:
            self.lane_loop(first, low[first], high[first], body, body)
            return
        if first == self.s.tile:
            self.tiles.loop(low, high, body)
            return
        self.counted(first, low[first], high[first], 1, lambda: self.loop(rest, low, high, body))

    def counted(self, v: int, low: V, high: V, step: int, inside: Callable[[], None]) -> str:
        """``for (v = low; v + step <= high; v += step)``; gives the name of the counter after it."""
        w = self.w
        outside = self.levels[-1]
        level = Level(v)
        tag = w.fresh("L")
        counter = V(f"%{tag}.i", "int64", 0)
        self.bases[v] = counter
        self.levels.append(level)
        with self.at(level):
            inside()
        self.levels.pop()
        del self.bases[v]
        with self.at(outside):
            w.line(f"br label %{tag}.pre")
            w.line(f"{tag}.pre:")
            limit = high if step == 1 else w.sub(high, w.const(step - 1, "int64"))
            w.line(f"br label %{tag}.head")
            w.line(f"{tag}.head:")
            w.line(
                f"{counter.name} = phi i64 [ {low.name}, %{tag}.pre ], [ %{tag}.n, %{tag}.latch ]"
            )
            more = w.compare("slt", counter, limit)
            w.line(f"br i1 {more.name}, label %{tag}.body, label %{tag}.end")
            w.line(f"{tag}.body:")
            w.out.extend(level.out)
            w.line(f"br label %{tag}.latch")
            w.line(f"{tag}.latch:")
            w.line(f"%{tag}.n = add i64 {counter.name}, {step}")
            w.line(f"br label %{tag}.head")
            w.line(f"{tag}.end:")
        return counter.name

    def lane_loop(
        self, v: int, low: V, high: V, body: Callable[[], None], rest: Callable[[], None]
    ) -> None:
        """Full vectors by ``body()``, then ``rest()`` under the mask of what is left."""
        w, width = self.w, self.s.width
        after = self.counted(v, low, high, width, body)
        outside = self.levels[-1]
        level = Level(v)
        counter = V(after, "int64", 0)
        self.bases[v] = counter
        self.levels.append(level)
        tag = w.fresh("T")
        with self.at(level):
            self.mask = self._tail_mask(counter, high)
            rest()
            self.mask = None
        self.levels.pop()
        del self.bases[v]
        with self.at(outside):
            left = w.compare("slt", counter, high)
            w.line(f"br i1 {left.name}, label %{tag}, label %{tag}.end")
            w.line(f"{tag}:")
            w.out.extend(level.out)
            w.line(f"br label %{tag}.end")
            w.line(f"{tag}.end:")

    def _tail_mask(self, counter: V, high: V) -> V:
        w = self.w
        left = w.convert("trunc", w.sub(high, counter), "int32")
        return w.compare("slt", self.memory.lane_numbers("int32"), w.splat(left, self.s.width))

    # -- the body --------------------------------------------------------------------------------

    def row(self) -> None:
        """Everything for one position of the outer variables."""
        for stage in self.s.stages:
            self._stage(stage)
        for item in self.s.finals:
            self.memory.store(item.buffer, item.place, self.result(item.value))

    def _stage(self, stage: list[Item]) -> None:
        outside = self.levels[-1]
        accumulators = {}
        for item in stage:
            if isinstance(item, (Reduction, Running)):
                accumulators[item.number] = reductions.start(self, item)

        def body() -> None:
            with self.at(self.levels[-1]):
                for item in stage:
                    self._item(item, accumulators)

        low = {v: self.w.const(0, "int64") for v in self.s.inner}
        high = {v: self.slot(self.s.extent_slot[v]) for v in self.s.inner}
        self.loop(self.s.inner, low, high, body)
        with self.at(outside):
            for item in stage:
                if isinstance(item, Reduction):
                    value = reductions.finish(self, item, accumulators[item.number])
                    if item.number in self._reduced:
                        outside.memo[self._reduced[item.number]] = value
                        self.home[value.name] = outside

    def _item(self, item: Item, accumulators: dict[int, list[V]]) -> None:
        if isinstance(item, Store):
            self.memory.store(item.buffer, item.place, self.result(item.value))
        elif isinstance(item, Save):
            self.memory.store_row(item.slot, self.result(item.value))
        elif isinstance(item, Put):
            self.memory.put(item)
        elif isinstance(item, Running):
            before, after = reductions.advance(self, item, accumulators[item.number])
            self.memory.store(item.buffer, item.place, before if item.exclusive else after)
        else:
            reductions.step(self, item, accumulators[item.number])

    def chunk(self, name: str) -> str:
        """The function of one chunk."""
        s = self.s
        with self.at(self.entry):
            self._bounds()
            self.loop(s.outer, self.low, self.high, self.row)
        body = "\n".join(self.entry.out)
        return (
            f"define internal void @{name}.chunk(ptr noalias %ptrs, ptr noalias %sizes, "
            f"i64 %chunk, ptr noalias %status) #0 {{\nentry:\n{body}\nret void\n}}\n"
        )

    def _bounds(self) -> None:
        """The range of each outer variable in this chunk."""
        w = self.w
        place = self.slot(1)
        length = self.slot(2)
        start = w.mul(V("%chunk", "int64", 0), length)
        end = w.add(start, length)
        for i, v in enumerate(self.s.outer):
            n = self.slot(self.s.extent_slot[v])
            chosen = w.compare("eq", place, w.const(i, "int64"))
            stop = w.select(w.compare("slt", end, n), end, n)
            self.low[v] = w.select(chosen, start, w.const(0, "int64"))
            self.high[v] = w.select(chosen, stop, n)


def _unfinished(emitter: Emitter, e: L, lanes: int) -> V:
    raise InternalError("a reduction is read before its stage is over")


_SPECIAL: dict[str, Callable[[Emitter, L, int], V]] = {
    "load": lambda emitter, e, lanes: emitter.memory.load(e, lanes),
    "index": lambda emitter, e, lanes: emitter.memory.index_value(e.data[0], lanes),
    "size": lambda emitter, e, lanes: emitter.slot(e.data[0]),
    "saved": lambda emitter, e, lanes: emitter.memory.load_row(e.data[0], e.dtype),
    "reduced": _unfinished,
}


def kernel_ir(structure: Structure, name: str, vector_bytes: int) -> str:
    """The module of a kernel called ``name``: ``int32 name(void **ptrs, int64 *sizes)``.

    ``ptrs``: the buffers that are read, those that are written, the row buffers if there are any,
    and the table of run-time functions (``launch.py``).
    """
    emitter = Emitter(structure, converts_half(vector_bytes))
    chunk = emitter.chunk(name)
    table = len(structure.buffers) + (1 if structure.row_buffers else 0)
    return assemble(name, chunk, sorted(emitter.w.declared), table, vector_bytes)

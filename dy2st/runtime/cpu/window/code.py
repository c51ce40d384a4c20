"""LLVM code of window kernels.

A chunk is a range of items; an item is one output row of one block of channels (one vector). Along
the row outputs are done four at a time, so that an input element is loaded (and put through
``pre``) once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dy2st.runtime.cpu.llvm import scalar_ops
from dy2st.runtime.cpu.llvm.entry import MAIN
from dy2st.runtime.cpu.llvm.text import V, Writer
from dy2st.runtime.cpu.scalar import Scalar
from dy2st.runtime.cpu.window.spec import LOWEST, SLOTS, Window

_UNROLLED = 16  # kernels wider than this loop over their taps


class Code(Writer):
    """Writes blocks and loops beside instructions; ``block`` is the label being written to."""

    def __init__(self) -> None:
        super().__init__()
        self.block = "entry"

    def start(self, label: str) -> None:
        self.line(f"{label}:")
        self.block = label

    def integer(self, value: int) -> V:
        return self.const(value, "int64")

    def least(self, a: V, b: V) -> V:
        return self.select(self.compare("slt", a, b), a, b)

    def most(self, a: V, b: V) -> V:
        return self.select(self.compare("sgt", a, b), a, b)

    def at(self, base: V, elements: V) -> V:
        """The address of a float32 element."""
        return self.value(f"getelementptr float, ptr {base.name}, i64 {elements.name}", "int64", 0)

    def loop(
        self,
        low: V,
        high: V,
        step: int,
        carried: Sequence[V],
        body: Callable[[V, list[V]], list[V]],
    ) -> tuple[V, list[V]]:
        """``for (i = low; i < high; i += step)``; gives i and the carried values after it."""
        tag, before = self.fresh("loop"), self.block
        self.line(f"br label %{tag}")
        self.start(tag)
        place = len(self.out)
        i = V(f"%{tag}.i", "int64", 0)
        inside = [V(f"%{tag}.c{n}", v.dtype, v.lanes) for n, v in enumerate(carried)]
        more = self.compare("slt", i, high)
        self.line(f"br i1 {more.name}, label %{tag}.body, label %{tag}.end")
        self.start(f"{tag}.body")
        after = body(i, list(inside))
        following = self.add(i, self.integer(step))
        self.line(f"br label %{tag}")
        pairs = [(i, low, following), *zip(inside, carried, after, strict=True)]
        self.out[place:place] = [
            f"{phi.name} = phi {phi.type} [ {first.name}, %{before} ], [ {last.name}, %{self.block} ]"
            for phi, first, last in pairs
        ]
        self.start(f"{tag}.end")
        return i, inside


class _Row:
    """The code of an output row for a range of blocks of channels; ``tail``: the one block whose
    channels do not fill the vector."""

    def __init__(self, window: Window, lanes: int, tail: bool) -> None:
        self.window, self.lanes, self.tail = window, lanes, tail
        self.mask: V | None = None
        self.w = w = Code()
        self.slots = slot = {name: self._slot(number) for number, name in enumerate(SLOTS)}
        self.channels, self.width, self.left = slot["channels"], slot["width"], slot["pad_left"]
        row = V("%row", "int64", 0)
        picture = w.op("sdiv", row, slot["out_height"])
        line = w.sub(row, w.mul(picture, slot["out_height"]))
        self.top = w.sub(w.mul(line, w.integer(window.stride[0])), slot["pad_top"])
        self.taps = self._range(self.top, slot["height"], window.kernel[0], window.dilation[0])
        area = w.mul(w.mul(slot["height"], self.width), self.channels)
        dot = window.fold == "dot"
        base = 2 if dot else 1
        self.pointers = [self._pointer(n) for n in range(base + window.vectors + 1)]
        picture_at = w.at(self.pointers[0], w.mul(picture, area))
        row_at = w.at(self.pointers[-1], w.mul(w.mul(row, slot["out_width"]), self.channels))

        def block(number: V, _: list[V]) -> list[V]:
            first = w.mul(number, w.integer(lanes))
            self.mask = self._mask(w.sub(self.channels, first)) if tail else None
            self.x, self.out = w.at(picture_at, first), w.at(row_at, first)
            self.weights = w.at(self.pointers[1], first) if dot else None
            at = [w.at(pointer, first) for pointer in self.pointers[base:-1]]
            self.vectors = [self._load(address) for address in at]
            self._outputs()
            return []

        w.loop(V("%start", "int64", 0), V("%stop", "int64", 0), 1, [], block)
        w.line("ret void")

    # -- memory ----------------------------------------------------------------------------------

    def _slot(self, number: int) -> V:
        at = self.w.value(f"getelementptr i64, ptr %sizes, i64 {number}", "int64", 0)
        return self.w.value(f"load i64, ptr {at.name}", "int64", 0)

    def _pointer(self, number: int) -> V:
        at = self.w.value(f"getelementptr ptr, ptr %ptrs, i64 {number}", "int64", 0)
        return self.w.value(f"load ptr, ptr {at.name}", "int64", 0)

    def _mask(self, left: V) -> V:
        w, lanes = self.w, self.lanes
        numbers = V(f"<{', '.join(f'i32 {n}' for n in range(lanes))}>", "int32", lanes)
        return w.compare("slt", numbers, w.splat(w.convert("trunc", left, "int32"), lanes))

    def _load(self, address: V) -> V:
        w, vector = self.w, f"<{self.lanes} x float>"
        if self.mask is None:
            return w.value(f"load {vector}, ptr {address.name}, align 4", "float32", self.lanes)
        name = f"@llvm.masked.load.v{self.lanes}f32.p0"
        w.declared.add(f"declare {vector} {name}(ptr, i32, <{self.lanes} x i1>, {vector})")
        call = f"call {vector} {name}(ptr {address.name}, i32 4, {self.mask}, "
        return w.value(f"{call}{vector} zeroinitializer)", "float32", self.lanes)

    def _store(self, value: V, address: V) -> None:
        w = self.w
        if self.mask is None:
            w.line(f"store {value}, ptr {address.name}, align 4")
            return
        name = f"@llvm.masked.store.v{self.lanes}f32.p0"
        w.declared.add(f"declare void {name}({value.type}, ptr, i32, <{self.lanes} x i1>)")
        w.line(f"call void {name}({value}, ptr {address.name}, i32 4, {self.mask})")

    # -- the row ---------------------------------------------------------------------------------

    def _outputs(self) -> None:
        """All outputs of the row, from left to right: by fours, then by twos, then one."""
        w, stop = self.w, self.slots["out_width"]
        at = w.integer(0)
        if self.window.kernel[1] > _UNROLLED:
            w.loop(at, stop, 1, [], lambda i, _: self._border(i))
            return
        most = 1 if self.tail else 4 if self.lanes >= 16 else 2
        for count in (4, 2, 1):
            if count <= most:
                last = w.sub(stop, w.integer(count - 1))
                at, _ = w.loop(at, last, count, [], lambda i, _, n=count: self._some(i, n))  # type: ignore[misc]

    def _some(self, place: V, count: int) -> list[V]:
        """``count`` outputs, without a look at the sides where all taps are inside."""
        w, slot = self.w, self.slots
        if count == 1:
            return self._beside(place, 1, check=True)
        after = w.add(place, w.integer(count))
        inside = w.op(
            "and",
            w.compare("sge", place, slot["inner_start"]),
            w.compare("sle", after, slot["inner_stop"]),
        )
        tag = w.fresh("side")
        w.line(f"br i1 {inside.name}, label %{tag}.in, label %{tag}.out")
        for suffix, check in (("in", False), ("out", True)):
            w.start(f"{tag}.{suffix}")
            self._beside(place, count, check)
            w.line(f"br label %{tag}.end")
        w.start(f"{tag}.end")
        return []

    def _range(self, start: V, size: V, taps: int, step: int) -> tuple[V, V]:
        """The taps of a window at ``start`` that lie inside."""
        w, by = self.w, self.w.integer(step)
        up = w.sub(w.integer(step - 1), start)
        low = w.most(w.op("sdiv", up, by), w.integer(0))
        left = w.add(w.sub(size, start), w.integer(step - 1))
        return low, w.least(w.op("sdiv", w.most(left, w.integer(0)), by), w.integer(taps))

    def _begin(self) -> V:
        number = LOWEST if self.window.fold == "max" else 0.0
        return self.w.const(number, "float32", self.lanes)

    def _element(self, address: V) -> V:
        value = self._load(address)
        pre = self.window.pre
        return value if pre is None else expression(self.w, pre, [value], {})

    def _fold(self, total: V, value: V, weight: V | None, inside: V | None = None) -> V:
        w = self.w
        if weight is not None:
            return w.fma(value, weight, total)
        best = w.select(w.compare("ogt", total, value), total, value)
        return best if inside is None else w.select(w.splat(inside, self.lanes), best, total)

    def _line(self, tap: V, column: V) -> V:
        """The address of the input at a vertical tap, ``column`` (which may be outside)."""
        w = self.w
        y = w.add(self.top, w.mul(tap, w.integer(self.window.dilation[0])))
        return w.at(self.x, w.mul(w.add(w.mul(y, self.width), column), self.channels))

    def _weight(self, tap: V, across: V) -> V | None:
        if self.weights is None:
            return None
        w = self.w
        number = w.add(w.mul(tap, w.integer(self.window.kernel[1])), across)
        return self._load(w.at(self.weights, w.mul(number, self.channels)))

    def _finish(self, place: V, value: V) -> None:
        w, post = self.w, self.window.post
        if post is not None:
            value = expression(w, post, [value, *self.vectors], {})
        self._store(value, w.at(self.out, w.mul(place, self.channels)))

    def _column(self, place: V) -> V:
        w = self.w
        return w.sub(w.mul(place, w.integer(self.window.stride[1])), self.left)

    def _beside(self, place: V, count: int, check: bool) -> list[V]:
        """``count`` outputs beside each other; ``check``: taps may be outside to the sides."""
        w, (_, across), step = self.w, self.window.kernel, self.window.dilation[1]
        stride = self.window.stride[1]
        column = self._column(place)
        needed = sorted({o * stride + k * step for o in range(count) for k in range(across)})
        columns = {j: w.add(column, w.integer(j)) for j in needed}
        inside = {j: w.compare("ult", at, self.width) for j, at in columns.items() if check}

        def line(tap: V, totals: list[V]) -> list[V]:
            weights = [self._weight(tap, w.integer(k)) for k in range(across)]
            base = self._line(tap, w.integer(0))
            values = {j: self._column_value(base, columns[j], inside.get(j)) for j in needed}
            for k in range(across):
                for o in range(count):
                    j = o * stride + k * step
                    totals[o] = self._fold(totals[o], values[j], weights[k], inside.get(j))
            return totals

        _, totals = w.loop(*self.taps, 1, [self._begin()] * count, line)
        for o, total in enumerate(totals):
            self._finish(w.add(place, w.integer(o)), total)
        return []

    def _column_value(self, base: V, column: V, inside: V | None) -> V:
        """An input element; where it is outside, column 0's (for a product: zero) stands in."""
        w = self.w
        if inside is not None:
            column = w.select(inside, column, w.integer(0))
        value = self._element(w.at(base, w.mul(column, self.channels)))
        if inside is None or self.window.fold != "dot":
            return value
        return w.select(w.splat(inside, self.lanes), value, w.const(0.0, "float32", self.lanes))

    def _border(self, place: V) -> list[V]:
        """One output, some taps of which may be outside."""
        w, step = self.w, self.window.dilation[1]
        column = self._column(place)
        low, high = self._range(column, self.width, self.window.kernel[1], step)

        def line(tap: V, totals: list[V]) -> list[V]:
            base = self._line(tap, column)

            def one(k: V, inner: list[V]) -> list[V]:
                offset = w.mul(w.mul(k, w.integer(step)), self.channels)
                value = self._element(w.at(base, offset))
                return [self._fold(inner[0], value, self._weight(tap, k))]

            return w.loop(low, high, 1, totals, one)[1]

        _, (total,) = w.loop(*self.taps, 1, [self._begin()], line)
        self._finish(place, total)
        return []


def expression(w: Writer, expr: Scalar, args: list[V], memo: dict[Scalar, V]) -> V:
    """The value of a scalar expression over ``args``."""
    found = memo.get(expr)
    if found is None:
        found = memo[expr] = _expression(w, expr, args, memo)
    return found


def _expression(w: Writer, expr: Scalar, args: list[V], memo: dict[Scalar, V]) -> V:
    lanes = args[0].lanes
    if expr.op == "arg":
        return args[int(expr.value)]
    if expr.op == "const":
        assert not isinstance(expr.value, str)
        return w.const(expr.value, expr.dtype, lanes)
    values = [expression(w, a, args, memo) for a in expr.args]
    if expr.op == "cast":
        return scalar_ops.cast(w, values[0], expr.dtype)
    if expr.op == "round_to":
        return scalar_ops.round_to(w, values[0], str(expr.value))
    return scalar_ops.emit(w, expr.op, expr.dtype, values)


_CHUNK = """
define internal void @{name}.chunk(ptr %ptrs, ptr %sizes, i64 %chunk, ptr %status) #0 {{
entry:
%length.at = getelementptr i64, ptr %sizes, i64 1
%length = load i64, ptr %length.at
%items.at = getelementptr i64, ptr %sizes, i64 2
%items = load i64, ptr %items.at
%channels.at = getelementptr i64, ptr %sizes, i64 {channels}
%channels = load i64, ptr %channels.at
%blocks.at = getelementptr i64, ptr %sizes, i64 {blocks}
%blocks = load i64, ptr %blocks.at
%start = mul i64 %chunk, %length
%end = add i64 %start, %length
%over = icmp slt i64 %end, %items
%stop = select i1 %over, i64 %end, i64 %items
%full = sdiv i64 %channels, {lanes}
br label %loop
loop:
%item = phi i64 [ %start, %entry ], [ %next, %latch ]
%more = icmp slt i64 %item, %stop
br i1 %more, label %body, label %done
body:
%row = sdiv i64 %item, %blocks
%row.item = mul i64 %row, %blocks
%first = sub i64 %item, %row.item
%row.next = add i64 %row.item, %blocks
%short = icmp slt i64 %row.next, %stop
%next = select i1 %short, i64 %row.next, i64 %stop
%last = sub i64 %next, %row.item
%cut = icmp slt i64 %last, %full
%main.last = select i1 %cut, i64 %last, i64 %full
call void @{name}.main(ptr %ptrs, ptr %sizes, i64 %row, i64 %first, i64 %main.last)
%rest = icmp sgt i64 %last, %full
br i1 %rest, label %tail, label %latch
tail:
call void @{name}.tail(ptr %ptrs, ptr %sizes, i64 %row, i64 %full, i64 %last)
br label %latch
latch:
br label %loop
done:
ret void
}}
"""


def window_ir(window: Window, name: str, vector_bytes: int) -> str:
    """The module of a kernel: ``ptrs`` are the input, weights (fold "dot"), the vectors, the
    output, and the table of run-time functions; ``sizes`` as ``spec.sizes_of`` gives them."""
    lanes = vector_bytes // 4
    declared: set[str] = set()
    functions = []
    for part in ("main", "tail"):
        row = _Row(window, lanes, tail=part == "tail")
        declared |= row.w.declared
        body = "\n".join(row.w.out)
        functions.append(
            f"define internal void @{name}.{part}(ptr noalias %ptrs, ptr noalias %sizes, "
            f"i64 %row, i64 %start, i64 %stop) #0 {{\nentry:\n{body}\n}}\n"
        )
    chunk = _CHUNK.format(
        name=name, lanes=lanes, channels=SLOTS.index("channels"), blocks=SLOTS.index("blocks")
    )
    table = 2 + window.vectors + (window.fold == "dot")
    bits = vector_bytes * 8
    attributes = (
        f'attributes #0 = {{ nounwind "prefer-vector-width"="{bits}" '
        f'"min-legal-vector-width"="{bits}" "no-trapping-math"="true" }}\n'
    )
    main = MAIN.format(name=name, table=table)
    return "\n".join((*sorted(declared), *functions, chunk, main, attributes))

"""The kernel of ``Sort``: stable, NaN largest, values and indices of the first k of each row.

Each element becomes one unsigned integer: a key in whose order the result is wanted, above the
element's position. So no two are equal, and any way of sorting them is stable. Few of many are
kept in a small sorted list; a long row is sorted by the bytes of its keys, the last first; a short one
is merged bottom up.
"""

from __future__ import annotations

from dy2st.records import record
from dy2st.runtime.cpu.llvm import scalar_ops
from dy2st.runtime.cpu.llvm.entry import assemble, converts_half
from dy2st.runtime.cpu.llvm.text import BITS, HELD, LLVM_TYPE, MEMORY_TYPE, UNSIGNED, V, Writer
from dy2st.runtime.cpu.scalar import ITEMSIZE, is_float

# ptrs: x, values, indices, scratch, table; sizes: the common header, then these.
SLOTS = ("n", "inner", "k", "rows")


@record(frozen=True)
class SortStructure:
    """What the code of a sort depends on; ``how``: "few", "bytes" or "merge"."""

    dtype: str
    descending: bool
    how: str

    @property
    def key(self) -> str:
        """Equal keys share an object."""
        return f"sort {self.dtype} descending={self.descending} {self.how}"

    def ir(self, name: str, vector_bytes: int) -> str:
        """The module of the kernel called ``name``."""
        return sort_ir(self, name, vector_bytes)


def choose(n: int, k: int) -> str:
    """How the first ``k`` of ``n`` are found soonest."""
    if k <= 32 and 4 * k <= n:
        return "few"
    return "bytes" if n >= 128 else "merge"


def scratch_bytes(n: int, k: int, dtype: str, how: str) -> int:
    """Bytes that a thread needs."""
    item = 16 if ITEMSIZE[dtype] == 8 else 8
    counts = 8 * 256 * _key_bytes(dtype) if how == "bytes" else 0
    return -(-((k + 1 if how == "few" else 2 * n) * item + counts) // 64) * 64


def _key_bytes(dtype: str) -> int:
    return 8 if ITEMSIZE[dtype] == 8 else 4


def _key_function(s: SortStructure, name: str, wide: str, native_half: bool) -> str:
    """``key(element as memory holds it, position)``."""
    w = Writer(native_half)
    held = HELD.get(s.dtype, s.dtype)
    raw = V("%raw", held, 0)
    if s.dtype == "bfloat16":
        value = scalar_ops.bfloat_value(w, raw)
    elif s.dtype == "float16":
        value = scalar_ops.half_value(w, raw)
    else:
        value = raw
    bits = 64 if ITEMSIZE[s.dtype] == 8 else 32
    word = f"int{bits}"
    if is_float(s.dtype):
        ordered = _float_key(w, value, word, bits)
    elif held in UNSIGNED:
        ordered = w.convert("zext", value, word)
    else:
        wide_value = (
            value if BITS[LLVM_TYPE[value.dtype]] == bits else w.convert("sext", value, word)
        )
        ordered = w.op("xor", wide_value, w.const(-(1 << (bits - 1)), word))
    if s.descending:
        ordered = w.op("xor", ordered, w.const(-1, word))
    body = "\n".join(w.out)
    return f"""
define internal {wide} @{name}.key({MEMORY_TYPE[s.dtype]} %raw, i64 %position) #0 {{
{body}
%high = zext {LLVM_TYPE[word]} {ordered.name} to {wide}
%shifted = shl {wide} %high, {bits}
%low = {"zext i64 %position to i128" if bits == 64 else "add i64 %position, 0"}
%key = or {wide} %shifted, %low
ret {wide} %key
}}
"""


def _float_key(w: Writer, value: V, word: str, bits: int) -> V:
    plain = w.add(value, w.like(0.0, value))  # -0.0 and 0.0 are equal
    pattern = w.convert("bitcast", plain, word)
    sign = w.op("ashr", pattern, w.const(bits - 1, word))
    flip = w.op("or", sign, w.const(-(1 << (bits - 1)), word))
    ordered = w.op("xor", pattern, flip)
    return w.select(w.compare("uno", value, value), w.const(-1, word), ordered)


_FEW = """
br label %scan
scan:
%i = phi i64 [ 0, %row ], [ %i.n, %scan.next ]
%held = phi i64 [ 0, %row ], [ %held.n, %scan.next ]
%scanning = icmp slt i64 %i, %n
br i1 %scanning, label %look, label %write
look:
%key = call {K} @{name}.element(ptr %x, i64 %base, i64 %inner, i64 %i)
%full = icmp eq i64 %held, %k
%last.i = sub i64 %held, 1
%last.at = getelementptr {K}, ptr %a, i64 %last.i
br i1 %full, label %against, label %insert
against:
%last = load {K}, ptr %last.at
%better = icmp ult {K} %key, %last
br i1 %better, label %insert, label %scan.next
insert:
%place = select i1 %full, i64 %last.i, i64 %held
br label %shift
shift:
%p = phi i64 [ %place, %insert ], [ %p.n, %move ]
%more = icmp sgt i64 %p, 0
%p.n = sub i64 %p, 1
%before.at = getelementptr {K}, ptr %a, i64 %p.n
%here.at = getelementptr {K}, ptr %a, i64 %p
br i1 %more, label %compare, label %put
compare:
%before = load {K}, ptr %before.at
%greater = icmp ugt {K} %before, %key
br i1 %greater, label %move, label %put
move:
store {K} %before, ptr %here.at
br label %shift
put:
store {K} %key, ptr %here.at
%grown = add i64 %place, 1
br label %scan.next
scan.next:
%held.n = phi i64 [ %held, %against ], [ %grown, %put ]
%i.n = add i64 %i, 1
br label %scan
write:
"""

_MERGE = """
br label %fill
fill:
%i = phi i64 [ 0, %row ], [ %i.n, %fill.body ]
%filling = icmp slt i64 %i, %n
br i1 %filling, label %fill.body, label %passes
fill.body:
%key = call {K} @{name}.element(ptr %x, i64 %base, i64 %inner, i64 %i)
%key.at = getelementptr {K}, ptr %a, i64 %i
store {K} %key, ptr %key.at
%i.n = add i64 %i, 1
br label %fill
passes:
%from = phi ptr [ %a, %fill ], [ %to, %pass.end ]
%to = phi ptr [ %b, %fill ], [ %from, %pass.end ]
%width = phi i64 [ 1, %fill ], [ %width.n, %pass.end ]
%unsorted = icmp slt i64 %width, %n
br i1 %unsorted, label %blocks, label %write
blocks:
%start = phi i64 [ 0, %passes ], [ %stop, %block.end ]
%left = icmp slt i64 %start, %n
br i1 %left, label %block, label %pass.end
block:
%middle.w = add i64 %start, %width
%middle = call i64 @llvm.smin.i64(i64 %middle.w, i64 %n)
%stop.w = add i64 %middle, %width
%stop = call i64 @llvm.smin.i64(i64 %stop.w, i64 %n)
br label %merge
merge:
%o = phi i64 [ %start, %block ], [ %o.n, %take ]
%l = phi i64 [ %start, %block ], [ %l.n, %take ]
%r = phi i64 [ %middle, %block ], [ %r.n, %take ]
%open = icmp slt i64 %o, %stop
br i1 %open, label %choose, label %block.end
choose:
%has.l = icmp slt i64 %l, %middle
%has.r = icmp slt i64 %r, %stop
%l.safe = select i1 %has.l, i64 %l, i64 %start
%r.safe = select i1 %has.r, i64 %r, i64 %start
%l.at = getelementptr {K}, ptr %from, i64 %l.safe
%r.at = getelementptr {K}, ptr %from, i64 %r.safe
%lv = load {K}, ptr %l.at
%rv = load {K}, ptr %r.at
%less = icmp ult {K} %lv, %rv
%no.r = xor i1 %has.r, true
%first = or i1 %less, %no.r
%use.l = and i1 %has.l, %first
br label %take
take:
%v = select i1 %use.l, {K} %lv, {K} %rv
%o.at = getelementptr {K}, ptr %to, i64 %o
store {K} %v, ptr %o.at
%o.n = add i64 %o, 1
%l.plus = add i64 %l, 1
%r.plus = add i64 %r, 1
%l.n = select i1 %use.l, i64 %l.plus, i64 %l
%r.n = select i1 %use.l, i64 %r, i64 %r.plus
br label %merge
block.end:
br label %blocks
pass.end:
%width.n = shl i64 %width, 1
br label %passes
write:
"""

# Counts of all bytes are taken while the keys are made; a byte that all keys share needs no pass.
_BYTES = """
%counts = getelementptr {K}, ptr %b, i64 %n
call void @llvm.memset.p0.i64(ptr %counts, i8 0, i64 {table}, i1 false)
br label %fill
fill:
%i = phi i64 [ 0, %row ], [ %i.n, %fill.body ]
%filling = icmp slt i64 %i, %n
br i1 %filling, label %fill.body, label %passes
fill.body:
%key = call {K} @{name}.element(ptr %x, i64 %base, i64 %inner, i64 %i)
%key.at = getelementptr {K}, ptr %a, i64 %i
store {K} %key, ptr %key.at
{count}
%i.n = add i64 %i, 1
br label %fill
passes:
%from = phi ptr [ %a, %fill ], [ %from.n, %pass.end ]
%to = phi ptr [ %b, %fill ], [ %to.n, %pass.end ]
%p = phi i64 [ 0, %fill ], [ %p.n, %pass.end ]
%more = icmp slt i64 %p, {bytes}
br i1 %more, label %pass, label %write
pass:
%table = getelementptr [256 x i64], ptr %counts, i64 %p
%shift.low = mul i64 %p, 8
%shift.i = add i64 %shift.low, {bits}
%shift = {widen}
%one = load {K}, ptr %from
%one.d = call i64 @{name}.digit({K} %one, {K} %shift)
%one.at = getelementptr i64, ptr %table, i64 %one.d
%one.n = load i64, ptr %one.at
%same = icmp eq i64 %one.n, %n
br i1 %same, label %pass.end, label %sum
sum:
%d = phi i64 [ 0, %pass ], [ %d.n, %sum ]
%before = phi i64 [ 0, %pass ], [ %after, %sum ]
%d.at = getelementptr i64, ptr %table, i64 %d
%d.c = load i64, ptr %d.at
store i64 %before, ptr %d.at
%after = add i64 %before, %d.c
%d.n = add i64 %d, 1
%summed = icmp eq i64 %d.n, 256
br i1 %summed, label %move, label %sum
move:
%j = phi i64 [ 0, %sum ], [ %j.n, %move ]
%v.at = getelementptr {K}, ptr %from, i64 %j
%v = load {K}, ptr %v.at
%v.d = call i64 @{name}.digit({K} %v, {K} %shift)
%c.at = getelementptr i64, ptr %table, i64 %v.d
%c = load i64, ptr %c.at
%o.at = getelementptr {K}, ptr %to, i64 %c
store {K} %v, ptr %o.at
%c.n = add i64 %c, 1
store i64 %c.n, ptr %c.at
%j.n = add i64 %j, 1
%moved = icmp eq i64 %j.n, %n
br i1 %moved, label %pass.end, label %move
pass.end:
%from.n = phi ptr [ %from, %pass ], [ %to, %move ]
%to.n = phi ptr [ %to, %pass ], [ %from, %move ]
%p.n = add i64 %p, 1
br label %passes
write:
"""

_COUNT = """
%q{p} = lshr {K} %key, {shift}
%r{p} = {low} %q{p}{to}
%s{p} = and i64 %r{p}, 255
%t{p} = getelementptr [256 x i64], ptr %counts, i64 {p}, i64 %s{p}
%u{p} = load i64, ptr %t{p}
%w{p} = add i64 %u{p}, 1
store i64 %w{p}, ptr %t{p}
"""

_DIGIT = """
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define internal i64 @{name}.digit({K} %key, {K} %shift) #0 {{
%high = lshr {K} %key, %shift
%narrow = {low} %high{to}
%digit = and i64 %narrow, 255
ret i64 %digit
}}
"""

_CHUNK = """
declare i64 @llvm.smin.i64(i64, i64)

define internal {K} @{name}.element(ptr %x, i64 %base, i64 %inner, i64 %i) #0 {{
%step = mul i64 %i, %inner
%at = add i64 %base, %step
%address = getelementptr {T}, ptr %x, i64 %at
%raw = load {T}, ptr %address
%key = call {K} @{name}.key({T} %raw, i64 %i)
ret {K} %key
}}

define internal void @{name}.chunk(ptr noalias %ptrs, ptr noalias %sizes, i64 %chunk, ptr noalias %status) #0 {{
entry:
{loads}
%scratch.from = mul i64 %chunk, %scratch.bytes
%a = getelementptr i8, ptr %scratch, i64 %scratch.from
%b = getelementptr {K}, ptr %a, i64 %n
%first.row = mul i64 %chunk, %length
%end.w = add i64 %first.row, %length
%end.row = call i64 @llvm.smin.i64(i64 %end.w, i64 %rows)
br label %rows.loop
rows.loop:
%r.i = phi i64 [ %first.row, %entry ], [ %r.next, %row.end ]
%rows.left = icmp slt i64 %r.i, %end.row
br i1 %rows.left, label %row, label %done
row:
%block.i = sdiv i64 %r.i, %inner
%column = srem i64 %r.i, %inner
%block.in = mul i64 %block.i, %n
%block.out = mul i64 %block.i, %k
%block.in.e = mul i64 %block.in, %inner
%block.out.e = mul i64 %block.out, %inner
%base = add i64 %block.in.e, %column
%base.out = add i64 %block.out.e, %column
{sort}
br label %out
out:
%w = phi i64 [ 0, %write ], [ %w.n, %out.body ]
%writing = icmp slt i64 %w, %k
br i1 %writing, label %out.body, label %row.end
out.body:
%k.at = getelementptr {K}, ptr {sorted}, i64 %w
%k.v = load {K}, ptr %k.at
%position = {position}
%x.step = mul i64 %position, %inner
%x.i = add i64 %base, %x.step
%x.at = getelementptr {T}, ptr %x, i64 %x.i
%x.v = load {T}, ptr %x.at
%y.step = mul i64 %w, %inner
%y.i = add i64 %base.out, %y.step
%y.at = getelementptr {T}, ptr %values, i64 %y.i
store {T} %x.v, ptr %y.at
%z.at = getelementptr i64, ptr %indices, i64 %y.i
store i64 %position, ptr %z.at
%w.n = add i64 %w, 1
br label %out
row.end:
%r.next = add i64 %r.i, 1
br label %rows.loop
done:
ret void
}}
"""


def sort_ir(s: SortStructure, name: str, vector_bytes: int) -> str:
    """The module of a sort."""
    wide = "i128" if ITEMSIZE[s.dtype] == 8 else "i64"
    loads = []
    for i, pointer in enumerate(("x", "values", "indices", "scratch")):
        loads.append(f"%{pointer}.p = getelementptr ptr, ptr %ptrs, i64 {i}")
        loads.append(f"%{pointer} = load ptr, ptr %{pointer}.p")
    slots = {"length": 2, "scratch.bytes": 3, **{n: 4 + i for i, n in enumerate(SLOTS)}}
    for slot, i in slots.items():
        loads.append(f"%{slot}.p = getelementptr i64, ptr %sizes, i64 {i}")
        loads.append(f"%{slot} = load i64, ptr %{slot}.p")
    narrow = "trunc i128 %k.v to i64" if wide == "i128" else "and i64 %k.v, 4294967295"
    chunk = _CHUNK.format(
        K=wide,
        T=MEMORY_TYPE[s.dtype],
        name=name,
        loads="\n".join(loads),
        sort=_sort_text(s, name, wide),
        sorted="%a" if s.how == "few" else "%from",
        position=narrow,
    )
    key = _key_function(s, name, wide, converts_half(vector_bytes))
    digit = _DIGIT.format(K=wide, name=name, **_low(wide)) if s.how == "bytes" else ""
    return assemble(name, key + digit + chunk, [], 4, vector_bytes)


def _low(wide: str) -> dict[str, str]:
    """The instruction that takes the low 64 bits of a key."""
    if wide == "i128":
        return {"low": "trunc i128", "to": " to i64"}
    return {"low": "or i64", "to": ", 0"}


def _sort_text(s: SortStructure, name: str, wide: str) -> str:
    if s.how != "bytes":
        return {"few": _FEW, "merge": _MERGE}[s.how].format(K=wide, name=name)
    count = _key_bytes(s.dtype)
    bits = 8 * count
    low = _low(wide)
    counts = [_COUNT.format(p=p, K=wide, shift=bits + 8 * p, **low) for p in range(count)]
    return _BYTES.format(
        K=wide,
        name=name,
        bytes=count,
        bits=bits,
        table=8 * 256 * count,
        count="".join(counts),
        widen="zext i64 %shift.i to i128" if wide == "i128" else "add i64 %shift.i, 0",
    )


__all__ = ["SLOTS", "SortStructure", "choose", "scratch_bytes", "sort_ir"]

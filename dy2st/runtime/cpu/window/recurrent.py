"""LLVM code of recurrent layers at small batch sizes.

At one to three rows a step is a walk over the recurrent weights at the speed of the cache. Threads
stay in one parallel region for all steps and meet at a barrier; each has its own hidden units and
walks their weights forwards and backwards by turns, so that what a cache still holds of the last
step comes first. Weights are packed as (blocks of hidden units, H, gates, lanes).
"""

from __future__ import annotations

import numpy as np

from dy2st.records import record
from dy2st.runtime.cpu.llvm import scalar_ops
from dy2st.runtime.cpu.llvm.text import V
from dy2st.runtime.cpu.window.code import Code

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
_UNROLL = 4


@record(frozen=True)
class Sequence:
    """A layer: mode as in ``Builder.rnn``; ``rows`` is the batch size.

    ``ptrs``: projected inputs (T, N, G * H) with biases, packed recurrent weights, h0 (N, H), for
    lstm c0, for gru the new gate's recurrent bias (H,); then output (T, N, H), last h, for lstm
    last c; then the table of run-time functions.
    """

    mode: str
    rows: int

    @property
    def gates(self) -> int:
        return GATES[self.mode]

    @property
    def key(self) -> str:
        """Equal for equal kernels."""
        return f"recurrent {self.mode} {self.rows}"

    @property
    def inputs(self) -> int:
        """How many operands it has."""
        return 4 if self.mode in ("lstm", "gru") else 3

    @property
    def results(self) -> int:
        """How many results it has."""
        return 3 if self.mode == "lstm" else 2


def sizes_of(steps: int, hidden: int, lanes: int, threads: int, reverse: bool) -> np.ndarray:
    """``sizes``: threads, steps, hidden units, blocks, first step, distance to the next."""
    blocks = hidden // lanes
    first, ahead = (steps - 1, -1) if reverse else (0, 1)
    return np.array([min(threads, blocks), steps, hidden, blocks, first, ahead], np.int64)


class _Work:
    """The code of one thread's share of all steps."""

    def __init__(self, sequence: Sequence, lanes: int) -> None:
        self.s, self.lanes = sequence, lanes
        self.w = w = Code()
        _, self.steps, self.hidden, self.blocks, self.first, self.ahead = (
            self._load_at("%sizes", n, "i64") for n in range(6)
        )
        count = sequence.inputs + sequence.results
        self.pointers = [self._load_at("%ptrs", n, "ptr") for n in range(count)]
        self.output = self.pointers[sequence.inputs]
        self.state = w.integer(sequence.rows)
        thread, threads = V("%thread", "int64", 0), V("%threads", "int64", 0)
        self.low = w.op("sdiv", w.mul(thread, self.blocks), threads)
        after = w.mul(w.add(thread, w.integer(1)), self.blocks)
        self.high = w.op("sdiv", after, threads)
        self.line = w.mul(self.hidden, w.integer(sequence.rows))  # elements of a state
        w.loop(w.integer(0), self.steps, 1, [], lambda t, _: self._step(t))
        w.line("ret void")

    def _load_at(self, base: str, number: int, kind: str) -> V:
        at = self.w.value(f"getelementptr {kind}, ptr {base}, i64 {number}", "int64", 0)
        return self.w.value(f"load {kind}, ptr {at.name}", "int64", 0)

    def _vector(self, base: V, element: V) -> V:
        at = self.w.at(base, element)
        text = f"load <{self.lanes} x float>, ptr {at.name}, align 4"
        return self.w.value(text, "float32", self.lanes)

    def _store(self, value: V, base: V, element: V) -> None:
        self.w.line(f"store {value}, ptr {self.w.at(base, element).name}, align 4")

    def _choose(self, condition: V, a: V, b: V) -> V:
        name = f"select {condition}, ptr {a.name}, ptr {b.name}"
        return self.w.value(name, "int64", 0)

    def _step(self, number: V) -> list[V]:
        w = self.w
        t = w.add(self.first, w.mul(number, self.ahead))
        begin = w.compare("eq", number, w.integer(0))
        last = w.compare("eq", number, w.sub(self.steps, w.integer(1)))
        before = w.at(self.output, w.mul(w.sub(t, self.ahead), self.line))
        h = self._choose(begin, self.pointers[2], before)
        cell = self.pointers[-1]
        old_cell = self._choose(begin, self.pointers[3], cell) if self.s.mode == "lstm" else None
        now = w.at(self.output, w.mul(t, self.line))
        gates = w.mul(self.line, w.integer(self.s.gates))
        x = w.at(self.pointers[0], w.mul(t, gates))
        odd = w.op("and", number, w.integer(1))
        backwards = w.compare("eq", odd, w.integer(1))
        ends = w.sub(w.add(self.low, self.high), w.integer(1))

        def block(i: V, _: list[V]) -> list[V]:
            j = w.select(backwards, w.sub(ends, i), i)
            self._block(j, x, h, old_cell, now)
            return []

        w.loop(self.low, self.high, 1, [], block)
        goal = w.mul(w.add(number, w.integer(1)), V("%threads", "int64", 0))
        w.line(f"call void @@NAME@@.barrier(ptr %arrived, i64 {goal.name}, ptr %yield)")
        self._last(last, now)
        return []

    def _last(self, last: V, now: V) -> None:
        """After the last step its output is the last state; the first thread copies it."""
        w = self.w
        mine = w.op("and", last, w.compare("eq", V("%thread", "int64", 0), w.integer(0)))
        tag = w.fresh("last")
        w.line(f"br i1 {mine.name}, label %{tag}.copy, label %{tag}.end")
        w.start(f"{tag}.copy")
        target = self.pointers[self.s.inputs + 1]

        def copy(i: V, _: list[V]) -> list[V]:
            self._store(self._vector(now, i), target, i)
            return []

        w.loop(w.integer(0), self.line, self.lanes, [], copy)
        w.line(f"br label %{tag}.end")
        w.start(f"{tag}.end")

    def _block(self, j: V, x: V, h: V, old_cell: V | None, now: V) -> None:
        """A vector of hidden units: all gates of all rows, then the new state."""
        w, s = self.w, self.s
        unit = w.mul(j, w.integer(self.lanes))
        begin: list[V] = []
        for n in range(s.rows):
            for gate in range(s.gates):
                begin.append(self._begin(n, gate, unit, x))
        per_block = w.mul(self.hidden, w.integer(s.gates * self.lanes))
        weights = w.at(self.pointers[1], w.mul(j, per_block))

        def some(k: V, totals: list[V]) -> list[V]:
            for ahead in range(_UNROLL):
                totals = self._tap(w.add(k, w.integer(ahead)), weights, h, totals)
            return totals

        _, totals = w.loop(w.integer(0), self.hidden, _UNROLL, begin, some)
        for n in range(s.rows):
            place = w.add(w.mul(self.hidden, w.integer(n)), unit)
            gates = totals[n * s.gates : (n + 1) * s.gates]
            value = self._new_state(n, gates, place, unit, x, h, old_cell)
            self._store(value, now, place)

    def _tap(self, k: V, weights: V, h: V, totals: list[V]) -> list[V]:
        w, s = self.w, self.s
        row = w.at(weights, w.mul(k, w.integer(s.gates * self.lanes)))
        loaded = [self._vector(row, w.integer(g * self.lanes)) for g in range(s.gates)]
        out = list(totals)
        for n in range(s.rows):
            at = w.at(h, w.add(w.mul(self.hidden, w.integer(n)), k))
            value = w.splat(w.value(f"load float, ptr {at.name}", "float32", 0), self.lanes)
            for g, weight in enumerate(loaded):
                out[n * s.gates + g] = w.fma(weight, value, out[n * s.gates + g])
        return out

    def _input(self, n: int, gate: int, unit: V, x: V) -> V:
        w = self.w
        offset = w.mul(self.hidden, w.integer(n * self.s.gates + gate))
        return self._vector(x, w.add(offset, unit))

    def _begin(self, n: int, gate: int, unit: V, x: V) -> V:
        if self.s.mode == "gru" and gate == 2:
            return self._vector(self.pointers[3], unit)
        return self._input(n, gate, unit, x)

    def _new_state(
        self, n: int, gates: list[V], place: V, unit: V, x: V, h: V, old_cell: V | None
    ) -> V:
        w = self.w

        def apply(name: str, value: V) -> V:
            return scalar_ops.emit(w, name, "float32", [value])

        if self.s.mode == "lstm":
            assert old_cell is not None
            i, f, o = (apply("sigmoid", gates[g]) for g in (0, 1, 3))
            cell = w.mul(f, self._vector(old_cell, place))
            cell = w.fma(i, apply("tanh", gates[2]), cell)
            self._store(cell, self.pointers[-1], place)
            return w.mul(o, apply("tanh", cell))
        if self.s.mode == "gru":
            reset, update = apply("sigmoid", gates[0]), apply("sigmoid", gates[1])
            new = apply("tanh", w.fma(reset, gates[2], self._input(n, 2, unit, x)))
            return w.fma(update, w.sub(self._vector(h, place), new), new)
        return apply("tanh" if self.s.mode == "rnn_tanh" else "relu", gates[0])


_FRAME = """
define internal void @{name}.barrier(ptr %arrived, i64 %goal, ptr %yield) #0 {{
entry:
%mine = atomicrmw add ptr %arrived, i64 1 acq_rel
br label %wait
wait:
%spins = phi i64 [ 0, %entry ], [ %more, %again ]
%now = load atomic i64, ptr %arrived acquire, align 8
%open = icmp sge i64 %now, %goal
br i1 %open, label %done, label %closed
closed:
%more = add i64 %spins, 1
%long = and i64 %more, 4095
%give = icmp eq i64 %long, 0
br i1 %give, label %rest, label %again
rest:
call i32 %yield()
br label %again
again:
br label %wait
done:
ret void
}}

define internal void @{name}.work(ptr %context) #0 {{
entry:
%ptrs = load ptr, ptr %context
%sizes.at = getelementptr i8, ptr %context, i64 8
%sizes = load ptr, ptr %sizes.at
%arrived = getelementptr i8, ptr %context, i64 64
%table.at = getelementptr ptr, ptr %ptrs, i64 {table}
%table = load ptr, ptr %table.at
%yield.at = getelementptr ptr, ptr %table, i64 3
%yield = load ptr, ptr %yield.at
%alone.at = getelementptr i8, ptr %context, i64 16
%alone = load i64, ptr %alone.at
%single = icmp ne i64 %alone, 0
br i1 %single, label %one, label %team
team:
%number.at = getelementptr ptr, ptr %table, i64 1
%number = load ptr, ptr %number.at
%thread32 = call i32 %number()
%count.at = getelementptr ptr, ptr %table, i64 2
%count = load ptr, ptr %count.at
%threads32 = call i32 %count()
%thread.team = sext i32 %thread32 to i64
%threads.team = sext i32 %threads32 to i64
br label %go
one:
br label %go
go:
%thread = phi i64 [ 0, %one ], [ %thread.team, %team ]
%threads = phi i64 [ 1, %one ], [ %threads.team, %team ]
call void @{name}.steps(ptr %ptrs, ptr %sizes, i64 %thread, i64 %threads, ptr %arrived, ptr %yield)
ret void
}}

define i32 @{name}(ptr %ptrs, ptr %sizes) #0 {{
entry:
%context = alloca [24 x i64], align 64
store ptr %ptrs, ptr %context
%sizes.at = getelementptr i8, ptr %context, i64 8
store ptr %sizes, ptr %sizes.at
%alone.at = getelementptr i8, ptr %context, i64 16
%arrived = getelementptr i8, ptr %context, i64 64
store i64 0, ptr %arrived
%threads = load i64, ptr %sizes
%table.at = getelementptr ptr, ptr %ptrs, i64 {table}
%table = load ptr, ptr %table.at
%parallel = load ptr, ptr %table
%none = icmp eq ptr %parallel, null
%few = icmp sle i64 %threads, 1
%alone = or i1 %none, %few
%flag = zext i1 %alone to i64
store i64 %flag, ptr %alone.at
br i1 %alone, label %single, label %fork
single:
call void @{name}.work(ptr %context)
br label %end
fork:
%count = trunc i64 %threads to i32
call void %parallel(ptr @{name}.work, ptr %context, i32 %count, i32 0)
br label %end
end:
ret i32 0
}}
"""


def sequence_ir(sequence: Sequence, name: str, vector_bytes: int) -> str:
    """The module of a kernel: ``int32 name(void **ptrs, int64 *sizes)``."""
    work = _Work(sequence, vector_bytes // 4)
    body = "\n".join(work.w.out).replace("@@NAME@@", f"@{name}")
    function = (
        f"define internal void @{name}.steps(ptr noalias %ptrs, ptr noalias %sizes, i64 %thread, "
        f"i64 %threads, ptr %arrived, ptr %yield) #0 {{\nentry:\n{body}\n}}\n"
    )
    bits = vector_bytes * 8
    attributes = (
        f'attributes #0 = {{ nounwind "prefer-vector-width"="{bits}" '
        f'"min-legal-vector-width"="{bits}" "no-trapping-math"="true" }}\n'
    )
    frame = _FRAME.format(name=name, table=sequence.inputs + sequence.results)
    return "\n".join((*sorted(work.w.declared), function, frame, attributes))

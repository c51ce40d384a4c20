"""The order of work within a row: which stage computes what, and what later stages find again.

A reduction is over when its stage is; what depends on it comes in a later stage. A full member that
several stages need is read back from its own output, computed again where that is cheap, or saved
in a row buffer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.fusion.affine import dot
from dy2st.runtime.cpu.fusion.lanes import op_cost
from dy2st.runtime.cpu.fusion.loop import L, LoopKernel, Reduction, Save, Store, walk
from dy2st.runtime.cpu.graph import Node, contiguous_strides
from dy2st.runtime.cpu.scalar import compute_dtype

if TYPE_CHECKING:
    from dy2st.runtime.cpu.fusion.groups import Group
    from dy2st.runtime.cpu.fusion.lower import _Expressions

# What a later stage may compute again rather than read from a row buffer.
AGAIN = 4.0


class Stager:
    """Fills the stages of a kernel from the members' expressions."""

    def __init__(
        self, built: _Expressions, kernel: LoopKernel, writes: list[Node], group: Group
    ) -> None:
        from dy2st.runtime.cpu.fusion.lower import _shift_buffers

        self.built = built
        self.kernel = kernel
        self.pool = built.pool
        self.group = group
        self.writes = {m: i for i, m in enumerate(writes)}
        self.expressions = _shift_buffers(built, len(writes))
        self.stage: dict[Node, int] = {}
        self.computed: dict[Node, set[int]] = {}
        self.saved: dict[Node, int] = {}
        self.reduction: dict[Node, int] = {}
        self.memo: dict[tuple[Node, int], L] = {}

    def run(self) -> None:
        """Assign stages, then write their items."""
        if not self.group.axes:
            for m in self.group.members:
                if m in self.writes:
                    self.kernel.finals.append(self._store(m, self._resolve(m, 0)))
            return
        self._assign()
        self._choose()
        count = 1 + max((self.stage[m] for m in self.group.members if self._staged(m)), default=0)
        self.kernel.stages = [[] for _ in range(count)]
        for m in self.group.members:
            self._items(m)
        self.kernel.stages = [s for s in self.kernel.stages if s]

    # -- helpers ---------------------------------------------------------------------------------

    def _is_row(self, m: Node) -> bool:
        return m in self.group.rows

    def _staged(self, m: Node) -> bool:
        """Whether a member does its work inside a stage's loop."""
        return isinstance(m, g.Reduce) or not self._is_row(m)

    def _members_in(self, e: L) -> list[Node]:
        return [x.data[0].node for x in walk([e]) if x.op == "member"]

    def _assign(self) -> None:
        """The first stage in which each member can be computed; for rows, the stage after which."""
        for m in self.group.members:
            first = 0 if self._staged(m) else -1
            for d in self._members_in(self.expressions[m]):
                after = 1 if self._is_row(d) and self._staged(m) else 0
                first = max(first, self.stage[d] + after)
            self.stage[m] = first

    def _choose(self) -> None:
        """For each full member the stages that compute it; the others find it again."""
        needed: dict[Node, set[int]] = {m: set() for m in self.group.members}
        for m in reversed(self.group.members):
            if self._is_row(m):
                work = {self.stage[m]} if isinstance(m, g.Reduce) else set()
            else:
                work = self._where(m, needed[m])
                self.computed[m] = work
            for d in self._members_in(self.expressions[m]):
                if not self._is_row(d):
                    needed[d] |= work

    def _where(self, m: Node, needed: set[int]) -> set[int]:
        if m in self.writes:
            first = min(needed | {self.stage[m]}) if needed else self.stage[m]
            return {first}
        if len(needed) <= 1 or self._cheap(m):
            return needed
        self.saved[m] = len(self.kernel.row_buffers)
        self.kernel.row_buffers.append(compute_dtype(m.dtype))
        return {min(needed)}

    def _cheap(self, m: Node) -> bool:
        every = walk([self.expressions[m]])
        loads = sum(e.op == "load" for e in every)
        return loads <= 1 and sum(op_cost(e) for e in every) <= AGAIN

    # -- items -----------------------------------------------------------------------------------

    def _items(self, m: Node) -> None:
        if isinstance(m, g.Reduce):
            self._reduce(m)
        elif self._is_row(m):
            pass
        else:
            for t in sorted(self.computed[m]):
                if m in self.writes:
                    self.kernel.stages[t].append(self._store(m, self._resolve(m, t)))
                elif m in self.saved:
                    self.kernel.stages[t].append(Save(self.saved[m], self._resolve(m, t)))
        if self._is_row(m) and m in self.writes:
            self.kernel.finals.append(self._store(m, self._resolve(m, self.stage[m] + 1)))

    def _reduce(self, m: g.Reduce) -> None:
        t = self.stage[m]
        number = len(self.reduction)
        self.reduction[m] = number
        value = self._at(self.expressions[m], t)
        position = None
        if m.op.startswith("arg"):
            place = self.built.domain.place(m.operands[0].shape, False)
            position = self.pool.make("index", "int64", (), (place[m.axes[0]],))
        self.kernel.stages[t].append(Reduction(number, m.op, value, position))

    def _store(self, m: Node, value: L) -> Store:
        strides = contiguous_strides(m.shape)
        return Store(self.writes[m], dot(self.built.places[m], strides), value)

    # -- values ----------------------------------------------------------------------------------

    def _resolve(self, m: Node, t: int) -> L:
        """The value of a member as stage ``t`` sees it."""
        key = (m, t)
        if key not in self.memo:
            self.memo[key] = self._value(m, t)
        return self.memo[key]

    def _value(self, m: Node, t: int) -> L:
        if isinstance(m, g.Reduce):
            dtype = "int64" if m.op.startswith("arg") else compute_dtype(m.dtype)
            value = self.pool.make("reduced", dtype, (), (self.reduction[m],))
            if m.dtype in ("float16", "bfloat16"):
                value = self.pool.make("round_to", "float32", (value,), (m.dtype,))
            return value
        if self._is_row(m) or not self.group.axes or t in self.computed[m]:
            return self._at(self.expressions[m], t)
        dtype = compute_dtype(m.dtype)
        if m in self.writes:
            position = dot(self.built.places[m], contiguous_strides(m.shape))
            return self.pool.make("load", dtype, (), (self.writes[m], position, ()))
        return self.pool.make("saved", dtype, (), (self.saved[m],))

    def _at(self, e: L, t: int) -> L:
        """``e`` with each member replaced by its value in stage ``t``."""
        memo: dict[L, L] = {}
        for x in walk([e]):
            if x.op == "member":
                memo[x] = self._resolve(x.data[0].node, t)
            elif x.args:
                memo[x] = self.pool.make(x.op, x.dtype, tuple(memo[a] for a in x.args), x.data)
            else:
                memo[x] = x
        return memo[e]

"""Lists that grow in a loop: carried tensors that a ``while`` does nothing with but append rows.

``find_growing`` recognises them in a Program (see docs/design/runtime.md for the form);
``GrowBuffer`` is their memory, which a native kernel appends to and Python enlarges when it is full.
"""

from __future__ import annotations

import ctypes
from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dy2st.ir.dims import Shape, symbols_of
from dy2st.ir.program import Block, Operation, Program, Value
from dy2st.ir.symbols import symbols_in
from dy2st.runtime.cpu.executor import guarded
from dy2st.runtime.cpu.llvm.engine import engine
from dy2st.runtime.cpu.regions import Grow


@dataclass(eq=False)
class Growing:
    """``loops[op]``: positions of carried values that only grow. ``links``: the values between a
    region's argument and its yield (arguments included), none of which needs memory."""

    loops: dict[Operation, tuple[int, ...]] = field(default_factory=dict)
    links: set[Value] = field(default_factory=set)


def find_growing(program: Program, known: Set[str]) -> Growing:
    """The carried values of ``program``'s loops that only grow; ``known`` are the symbols whose
    sizes are known."""
    return _Finder(program, known).found


class _Finder:
    def __init__(self, program: Program, known: Set[str]) -> None:
        self.found = Growing()
        self.known = known
        self.users: dict[Value, list[tuple[Operation, Block]]] = {}
        self.parent: dict[Block, tuple[Operation, Block]] = {}
        self._index(program.block)
        self._loops(program.block)

    def _index(self, block: Block) -> None:
        for op in block.ops:
            for value in op.flat_operands():
                self.users.setdefault(value, []).append((op, block))
            for region in op.regions:
                self.parent[region] = (op, block)
                self._index(region)

    def _loops(self, block: Block) -> None:
        # Inner loops first: an outer one may hand its list to them.
        for op in block.ops:
            for region in op.regions:
                self._loops(region)
            if op.name == "while":
                self._loop(op)

    def _loop(self, op: Operation) -> None:
        chains = {k: self._grows(op, k) for k in range(len(op.results))}
        grown = {k: links for k, links in chains.items() if links}
        before = -1
        while len(grown) != before:
            before = len(grown)
            links = self.found.links.union(*grown.values())
            # A size that something else asks for has to be known in each round.
            asked = _mentioned(op, links) - self.known
            grown = {k: v for k, v in grown.items() if not _sizes(v) & asked}
        if grown:
            self.found.loops[op] = tuple(grown)
            self.found.links.update(*grown.values())

    def _grows(self, op: Operation, k: int) -> set[Value]:
        """The links of carried value ``k``; none where something else is done with it."""
        cond, body = op.regions
        argument = body.args[k]
        shape = argument.shape
        if not shape or self._is_known(shape[:1]) or not self._is_known(shape[1:]):
            return set()
        if self.users.get(cond.args[k]):
            return set()
        links = {argument, cond.args[k]}
        return links if self._follow(argument, body, links) == k else set()

    def _follow(self, value: Value, block: Block, links: set[Value]) -> int | None:
        """The position at which ``block`` yields what ``value`` has grown to; None where something
        else is done with it."""
        users = [u for u in self.users.get(value, []) if self._within(u[1], block)]
        inside = [(op, b) for op, b in users if b is not block]
        if inside:
            return self._through_if(value, block, users, inside, links)
        if len(users) != 1:
            return None
        op = users[0][0]
        if op is block.terminator:
            return next(i for i, o in enumerate(op.operands) if o is value)
        following: Value | None = None
        if op.name == "concat" and self._appends(op, value):
            following = op.result
        elif op.name == "while":
            k = next(i for i, o in enumerate(op.operands) if o is value)
            if k in self.found.loops.get(op, ()):
                following = op.results[k]
        if following is None:
            return None
        links.add(following)
        return self._follow(following, block, links)

    def _through_if(
        self,
        value: Value,
        block: Block,
        users: list[tuple[Operation, Block]],
        inside: list[tuple[Operation, Block]],
        links: set[Value],
    ) -> int | None:
        owners = {self._owner(b, block) for _, b in inside}
        if len(inside) != len(users) or len(owners) != 1:
            return None
        (op,) = owners
        if op is None or op.name != "if":
            return None
        positions = {self._follow(value, region, links) for region in op.regions}
        position = positions.pop()
        if positions or position is None:
            return None
        links.add(op.results[position])
        return self._follow(op.results[position], block, links)

    def _within(self, block: Block, outer: Block) -> bool:
        return block is outer or self._owner(block, outer) is not None

    def _is_known(self, shape: Shape) -> bool:
        return symbols_of(shape) <= self.known

    def _appends(self, op: Operation, value: Value) -> bool:
        """Whether ``op`` is ``concat([value, rows], axis=0)`` with rows of known size."""
        parts = op.operands[0]
        if not isinstance(parts, tuple) or len(parts) != 2 or op.attrs.get("axis", 0) != 0:
            return False
        list_, rows = parts
        known = self._is_known(rows.shape)
        return list_ is value and rows is not value and known and rows.dtype is value.dtype

    def _owner(self, block: Block, outer: Block) -> Operation | None:
        """The operation of ``outer`` that ``block`` lies in."""
        while block in self.parent:
            op, block = self.parent[block]
            if block is outer:
                return op
        return None


def _sizes(values: set[Value]) -> set[str]:
    """The symbols in the types of ``values``."""
    return {s for v in values for s in v.type.symbols()}


def _mentioned(op: Operation, links: set[Value]) -> set[str]:
    """The symbols that a loop's regions ask for, other than in the types of ``links``."""
    found: set[str] = set()
    for region in op.regions:
        blocks = [region]
        for inner in region.walk():
            blocks += inner.regions
            found.update(s for a in inner.attrs.values() for s in symbols_in(a))
            found |= _sizes(set(inner.results) - links)
        for block in blocks:
            found |= _sizes(set(block.args) - links)
    return found


# --- memory ------------------------------------------------------------------------------------

_FIRST_ITEMS = 64


class GrowBuffer:
    """Rows of one list. ``state`` is what native code sees: [next free byte, end, begin]."""

    def __init__(self, grow: Grow, failures: list[BaseException]) -> None:
        self.grow = grow
        self._bytes: np.ndarray[Any, Any] = np.empty(_FIRST_ITEMS * max(grow.nbytes, 1), np.uint8)
        self.state = np.zeros(3, np.int64)
        self._place(0)
        self._callback = guarded(self._enlarge, failures)
        self.enlarge = ctypes.cast(self._callback, ctypes.c_void_p).value or 0

    def _place(self, used: int) -> None:
        begin = self._bytes.ctypes.data
        self.state[:] = (begin + used, begin + self._bytes.nbytes, begin)

    def _enlarge(self, needed: int) -> None:
        used = int(self.state[0] - self.state[2])
        larger: np.ndarray[Any, Any] = np.empty(2 * self._bytes.nbytes + needed, np.uint8)
        larger[:used] = self._bytes[:used]
        self._bytes = larger
        self._place(used)

    def rows(self) -> np.ndarray[Any, Any]:
        """A copy of the rows."""
        from dy2st.ir.types import DType

        used = int(self.state[0] - self.state[2])
        flat = self._bytes[:used].copy().view(DType.of(self.grow.dtype).numpy)
        n = used // self.grow.nbytes if self.grow.nbytes else 0
        return flat.reshape(n, *self.grow.item)


def append_kernel() -> int:
    """The address of ``append(ptrs, sizes)``: ptrs are the state, the rows and the callback that
    enlarges; sizes[0] is the number of bytes."""
    return engine().function("append to a list 1", _append_ir)


def _append_ir(name: str) -> str:
    return f"""
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define i32 @{name}(ptr %ptrs, ptr %sizes) {{
entry:
%state = load ptr, ptr %ptrs
%psource = getelementptr ptr, ptr %ptrs, i64 1
%source = load ptr, ptr %psource
%n = load i64, ptr %sizes
%pend = getelementptr i64, ptr %state, i64 1
%next = load i64, ptr %state
%end = load i64, ptr %pend
%after = add i64 %next, %n
%full = icmp ugt i64 %after, %end
br i1 %full, label %grow, label %copy
grow:
%pfn = getelementptr ptr, ptr %ptrs, i64 2
%fn = load ptr, ptr %pfn
%status = call i32 %fn(i64 %n)
%ok = icmp eq i32 %status, 0
br i1 %ok, label %copy, label %fail
copy:
%at = load i64, ptr %state
%target = inttoptr i64 %at to ptr
call void @llvm.memcpy.p0.p0.i64(ptr %target, ptr %source, i64 %n, i1 false)
%new = add i64 %at, %n
store i64 %new, ptr %state
ret i32 0
fail:
ret i32 %status
}}
"""

"""Execution contexts: an arena, the primitives' arguments, and an instruction table that names both.

A plan keeps a pool of them, one for each call that is under way, so threads do not meet. What
differs from call to call (inputs, outputs) and from weight to weight (static values) is read from
*slots*, an array of addresses: the head of the table puts them where kernels and primitives look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dy2st.errors import InternalError
from dy2st.ir.types import DType
from dy2st.runtime.cpu.executor import Assembler, executor, guarded
from dy2st.runtime.cpu.executor import Label as TableLabel
from dy2st.runtime.cpu.growing import GrowBuffer, append_kernel
from dy2st.runtime.cpu.instructions import (
    Callback,
    Extend,
    Instruction,
    Jump,
    Label,
    Move,
    Place,
    Rename,
    Run,
)
from dy2st.runtime.cpu.linear import Linear
from dy2st.runtime.cpu.regions import Collect, Grow
from dy2st.runtime.cpu.signals import Signals
from dy2st.runtime.cpu.steps import CallbackStep, KernelStep, PrimitiveStep
from dy2st.runtime.memory import ALIGNMENT
from dy2st.runtime.plan import Buffer, array_of

if TYPE_CHECKING:
    from dy2st.runtime.cpu.interpreted import Interpreted

# A slot's address goes to: a cell of the table (row, column), an address, or a dnnl_memory.
Patch = tuple[str, int, int, int, int]  # kind, slot, offset, a, b


class Context:
    """One set of memory for a plan, and the table that runs in it.

    ``slots`` are filled by the caller: inputs and outputs before each ``run``, static values when
    they changed, followed by ``load_statics``.
    """

    def __init__(self, linear: Linear, interpreted: Interpreted | None = None) -> None:
        self.linear = linear
        self.interpreted = interpreted
        self.failures: list[BaseException] = []
        self.signals: Signals | None = None
        self.statics = 0  # serial of the values that the static slots were loaded from
        self._keep: list[Any] = []
        self._raw = np.empty(linear.arena + ALIGNMENT, np.uint8)
        self.base = -(-self._raw.ctypes.data // ALIGNMENT) * ALIGNMENT
        self.slots = np.zeros(max(linear.slots, 1), np.int64)
        self._slots_at = self.slots.ctypes.data
        self._first_static = len(linear.inputs) + len(linear.outputs)
        self.asm = Assembler()
        self.owners: dict[int, Instruction] = {}
        self._patches: list[Patch] = []
        self._labels: dict[Label, TableLabel] = {}
        self._lists: dict[Grow, GrowBuffer] = {}
        self._assemble()

    # -- running ----------------------------------------------------------------------------------

    def _assemble(self) -> None:
        asm = self.asm
        for instruction in self.linear.code:
            row = len(asm.rows)
            _EMIT[type(instruction)](self, instruction)
            for index in range(row, len(asm.rows)):
                self.owners[index] = instruction
        asm.end()
        start, head = asm.label(), len(asm.rows)
        start.position = 0
        call = [p for p in self._patches if p[1] < self._first_static]
        static = [p for p in self._patches if p[1] >= self._first_static]
        cells = self._emit_patches(call)
        asm.jump(start)
        tail = len(asm.rows)
        cells += self._emit_patches(static)
        asm.end()
        self.table = asm.finish([start, *self._labels.values()])
        address = self.table.ctypes.data
        for patch_row, row, column in cells:
            self.table[patch_row, 1] = address + (row * self.table.shape[1] + column) * 8
        self.address, self.start, self._tail = address, head, tail
        self._entry = executor().entry

    def _emit_patches(self, patches: Sequence[Patch]) -> list[tuple[int, int, int]]:
        cells: list[tuple[int, int, int]] = []
        for kind, slot, offset, a, b in patches:
            source = self._slots_at + 8 * slot
            if kind == "memory":
                self.asm.set_handle(self._set_data_handle(), a, source, offset)
            elif kind == "address":
                self.asm.load_pointer(a, source, offset)
            else:
                cells.append((self.asm.load_pointer(0, source, offset), a, b))
        return cells

    def run(self) -> int:
        """Run on what the slots say: 0, or a packed failure (``executor.decode``)."""
        result: int = self._entry(self.address, self.start, None)
        return result

    def profile(self) -> list[tuple[float, Instruction | None]]:
        """Run, and give the cycles of each row of the table with what it belongs to."""
        cycles = np.zeros(len(self.table), np.uint64)
        executor().profile(self.address, cycles, self.start)
        return [(float(c), self.owners.get(row)) for row, c in enumerate(cycles)]

    def load_statics(self) -> None:
        """Put the addresses of static values where steps look for them."""
        if self._entry(self.address, self._tail, None):
            raise InternalError("loading the addresses of static values failed")

    # -- places -----------------------------------------------------------------------------------

    def resolve(self, place: Place) -> tuple[int, int, int]:
        """(address, -1, 0) of a place in the arena; (0, slot, offset) of one elsewhere."""
        storage = place.storage.root()
        if storage.kind == "arena":
            return self.base + storage.offset + place.offset, -1, 0
        return 0, storage.slot, place.offset

    def _pointer(self, array: np.ndarray[Any, Any], index: int, place: Place) -> None:
        address, slot, offset = self.resolve(place)
        array[index] = address
        if slot >= 0:
            self._patches.append(("address", slot, offset, array.ctypes.data + 8 * index, 0))

    def _cell(self, row: int, column: int, place: Place) -> None:
        address, slot, offset = self.resolve(place)
        self.asm.rows[row][column] = address
        if slot >= 0:
            self._patches.append(("cell", slot, offset, row, column))

    def reader(self, place: Place, shape: Sequence[int], dtype: str) -> Callable[[], Any]:
        """A function that gives the array at a place."""
        address, slot, offset = self.resolve(place)
        type_, size = DType.of(dtype), tuple(shape)
        if slot < 0:
            array = array_of(Buffer(address, size), type_)
            return lambda: array
        slots = self.slots
        return lambda: array_of(Buffer(int(slots[slot]) + offset, size), type_)

    # -- instructions -----------------------------------------------------------------------------

    def emit_run(self, run: Run) -> None:
        step = run.step
        if isinstance(step, KernelStep):
            self._kernel(step, run)
        elif isinstance(step, PrimitiveStep):
            self._primitive(step, run)
        else:
            assert isinstance(step, CallbackStep)
            self._python(step, run)

    def _kernel(self, step: KernelStep, run: Run) -> None:
        places = [*run.operands, *run.results]
        if run.scratch is not None:
            places.append(Place(run.scratch))
        ptrs = np.zeros(max(len(places) + len(step.extra), 1), np.int64)
        for i, place in enumerate(places):
            self._pointer(ptrs, i, place)
        ptrs[len(places) : len(places) + len(step.extra)] = step.extra
        sizes = np.ascontiguousarray(step.sizes, np.int64)
        self._keep += [ptrs, sizes]
        self.asm.call_kernel(step.function, ptrs.ctypes.data, sizes.ctypes.data)

    def _primitive(self, step: PrimitiveStep, run: Run) -> None:
        from dy2st.runtime.cpu.onednn.library import ExecArg

        library = self._primitives().library
        primitive = step.primitive
        array = (ExecArg * len(step.args))()
        for slot, arg in zip(array, step.args):
            if arg.kind == "scratch":
                assert run.scratch is not None
                place = Place(run.scratch)
                desc = self._primitives().descs.row_major((primitive.scratch_bytes,), "uint8")
            else:
                found = (run.operands if arg.kind == "operand" else run.results)[arg.index]
                place = Place(found.storage, found.offset + arg.offset)
                desc = primitive.args[arg.number]
            address, where, offset = self.resolve(place)
            memory = library.make("memory_create", desc.handle, library.engine, address or None)
            self._keep.append(_Memory(library, memory))
            slot.arg, slot.memory = arg.number, memory
            if where >= 0:
                self._patches.append(("memory", where, offset, memory, 0))
        self._keep += [array, primitive]
        import ctypes

        self.asm.call_primitive(
            library.address("primitive_execute"),
            primitive.handle,
            library.stream,
            len(step.args),
            ctypes.addressof(array),
        )

    def _primitives(self) -> Any:
        from dy2st.runtime.cpu.onednn.primitive import primitives

        made = primitives()
        assert made is not None
        return made

    def _set_data_handle(self) -> int:
        address: int = self._primitives().library.address("memory_set_data_handle")
        return address

    def _python(self, step: CallbackStep, run: Run) -> None:
        operands = [self.reader(p, n.shape, n.dtype) for p, n in zip(run.operands, step.operands)]
        results = [self.reader(p, n.shape, n.dtype) for p, n in zip(run.results, step.results)]

        def call(user: int) -> None:
            step.function([r() for r in operands], [r() for r in results])

        self.asm.callback(guarded(call, self.failures))

    def emit_move(self, move: Move) -> None:
        target, source = move.target, move.source
        same = target.storage.root() is source.storage.root()
        if move.nbytes == 0 or (same and target.offset == source.offset):
            return
        row = self.asm.memcpy(0, 0, move.nbytes)
        self._cell(row, 1, target)
        self._cell(row, 2, source)

    def emit_label(self, label: Label) -> None:
        self.asm.bind(self._label(label))

    def _label(self, label: Label) -> TableLabel:
        if label not in self._labels:
            self._labels[label] = self.asm.label()
        return self._labels[label]

    def emit_jump(self, jump: Jump) -> None:
        if jump.back:
            if self.signals is None:
                self.signals = Signals()
            self.asm.poll(self.signals.function, self.signals.user)
        if jump.unless is None:
            self.asm.jump(self._label(jump.target))
            return
        row = self.asm.branch_if_false(0, self._label(jump.target))
        self._cell(row, 1, jump.unless)

    def emit_callback(self, callback: Callback) -> None:
        assert self.interpreted is not None
        self.asm.callback(guarded(self.interpreted.bind(self, callback), self.failures))

    def list_of(self, grow: Grow) -> GrowBuffer:
        """This context's memory of a list."""
        if grow not in self._lists:
            self._lists[grow] = GrowBuffer(grow, self.failures)
        return self._lists[grow]

    def emit_extend(self, extend: Extend) -> None:
        buffer = self.list_of(extend.grow)
        state = buffer.state.ctypes.data
        if extend.source is None:
            self.asm.load_pointer(state, state + 16)
            return
        ptrs = np.array([state, 0, buffer.enlarge], np.int64)
        self._pointer(ptrs, 1, extend.source)
        sizes = np.array([extend.nbytes], np.int64)
        self._keep += [ptrs, sizes]
        self.asm.call_kernel(append_kernel(), ptrs.ctypes.data, sizes.ctypes.data)

    def emit_collect(self, collect: Collect) -> None:
        assert self.interpreted is not None
        lists = {k: self.list_of(g) for k, g in collect.grown.items()}
        self.asm.callback(guarded(self.interpreted.collect(collect.op, lists), self.failures))

    def emit_rename(self, rename: Rename) -> None:
        assert self.interpreted is not None
        self.asm.callback(guarded(self.interpreted.rename(self, rename), self.failures))


class _Memory:
    """Destroys a ``dnnl_memory_t`` with the context."""

    def __init__(self, library: Any, handle: int) -> None:
        self._library, self.handle = library, handle

    def __del__(self) -> None:
        self._library.destroy("memory", self.handle)


_EMIT: dict[type, Callable[[Context, Any], None]] = {
    Run: Context.emit_run,
    Move: Context.emit_move,
    Label: Context.emit_label,
    Jump: Context.emit_jump,
    Callback: Context.emit_callback,
    Extend: Context.emit_extend,
    Collect: Context.emit_collect,
    Rename: Context.emit_rename,
}


def blame(instruction: Instruction | None) -> Any:
    """The Operation that an instruction runs for, where one is known."""
    if isinstance(instruction, Run):
        return instruction.step.source
    if isinstance(instruction, Callback):
        return instruction.item.ops[0]
    if isinstance(instruction, Rename):
        return instruction.item.op
    return None

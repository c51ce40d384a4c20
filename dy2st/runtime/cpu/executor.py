"""The native executor: one function that walks a plan's table of instructions.

A table is an int64 array of ``[n, 8]``: opcode and up to seven arguments. Every address and size
is in the table, so the executor is compiled once and serves every plan; ``Assembler`` writes
tables with labels. The entry returns at the first callee whose status is not zero.

========================= =========================================================================
``end``                   success
``call_kernel``           ``status = fn(ptrs, sizes)``
``call_primitive``        ``status = dnnl_primitive_execute(primitive, stream, nargs, args)``
``callback``              ``status = fn(user)``; fn is a ctypes callback ``int32 (int64)``
``jump``                  continue at a label
``branch_if_false``       to a label where the bool byte at an address is 0
``poll``                  for back edges: every ``interval`` cycles ``status = fn(user)``
``memcpy``, ``memset``    bytes, by libc's function
``load_pointer``          ``*destination = *source + offset`` (arguments of a call into ptrs arrays)
``set_handle``            ``status = dnnl_memory_set_data_handle(memory, *source + offset)``
``swap``                  exchange the 8 bytes at two addresses (double buffers of loops)
``store``                 ``*destination = value`` (8 bytes)
========================= =========================================================================
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from dy2st.errors import InternalError
from dy2st.runtime.cpu.llvm.engine import Engine, engine
from dy2st.runtime.cpu.llvm.executor_ir import OPCODES, WIDTH, executor_ir

# Statuses of kernels: the low byte says what, the rest is the number of the failing site.
OK = 0
DIVISION_BY_ZERO = 1
INDEX_OUT_OF_RANGE = 2

CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64)
_RUN = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)


class Outcome(NamedTuple):
    """``status`` is 0 after success; ``instruction`` is the index of the one that failed."""

    status: int
    instruction: int


def decode(raw: int) -> Outcome:
    """The outcome packed in what ``Executor.entry`` returned."""
    status = raw & 0xFFFFFFFF
    return Outcome(status - (1 << 32) if status >> 31 else status, raw >> 32)


class Executor:
    """The two entries: plain, and one that adds up the cycles of each instruction.

    ``entry(table_address, start, 0)`` is a ctypes function for hot paths; 0 means success and
    ``decode`` explains anything else. It releases the GIL; callbacks take it again.
    """

    def __init__(self, jit: Engine | None = None) -> None:
        self._jit = jit or engine()
        self.address = self._jit.function("executor", lambda name: executor_ir(name, profile=False))
        self.entry = _RUN(self.address)
        self._profiled: Any = None

    def run(self, table: int, start: int = 0) -> Outcome:
        """Run the table at address ``table`` from instruction ``start``."""
        raw = self.entry(table, start, None)
        return Outcome(0, 0) if raw == 0 else decode(raw)

    def profile(self, table: int, cycles: np.ndarray, start: int = 0) -> Outcome:
        """Run and add the cycles of each instruction to ``cycles`` (uint64, one an instruction)."""
        if self._profiled is None:
            make = lambda name: executor_ir(name, profile=True)  # noqa: E731
            self._profiled = _RUN(self._jit.function("executor profiled", make))
        return decode(self._profiled(table, start, cycles.ctypes.data))


@lru_cache(maxsize=1)
def executor() -> Executor:
    """The executor of this process."""
    return Executor()


@dataclass
class Label:
    """A place in a table, bound later or before."""

    position: int | None = None
    uses: list[tuple[int, int]] = field(default_factory=list)


class Assembler:
    """Writes a table. Addresses are ints; what they point to must outlive the table: give it to
    ``keep``."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.kept: list[Any] = []

    def keep(self, thing: Any) -> None:
        """Hold a reference for as long as the assembler (or the table's owner) lives."""
        self.kept.append(thing)

    def label(self) -> Label:
        """A label that is not bound yet."""
        return Label()

    def bind(self, label: Label) -> None:
        """``label`` is the next instruction."""
        label.position = len(self.rows)

    def _emit(self, name: str, *args: int) -> int:
        self.rows.append([OPCODES[name], *args, *(0,) * (WIDTH - 1 - len(args))])
        return len(self.rows) - 1

    def end(self) -> int:
        """Stop with success. Each method gives the index of its instruction."""
        return self._emit("end")

    def call_kernel(self, fn: int, ptrs: int, sizes: int) -> int:
        """``fn(ptrs, sizes)``, see runtime.md for the convention."""
        return self._emit("call2", fn, ptrs, sizes)

    def call_primitive(self, execute: int, primitive: int, stream: int, n: int, args: int) -> int:
        """``execute`` is the address of ``dnnl_primitive_execute``."""
        return self._emit("call_primitive", execute, primitive, stream, n, args)

    def callback(self, fn: Callable[[int], int] | int, user: int = 0) -> int:
        """``fn(user)``: a Python function that returns a status, or a native address.

        An exception in a Python function must be caught and stored by it; see ``guarded``.
        """
        return self._emit("call1", self._native(fn), user)

    def _native(self, fn: Callable[[int], int] | int) -> int:
        if isinstance(fn, int):
            return fn
        wrapped = fn if isinstance(fn, CALLBACK) else CALLBACK(fn)
        self.keep(wrapped)
        return ctypes.cast(wrapped, ctypes.c_void_p).value or 0

    def _to(self, label: Label, column: int) -> int:
        label.uses.append((len(self.rows), column))
        return 0

    def jump(self, label: Label) -> int:
        """Continue at ``label``."""
        return self._emit("jump", self._to(label, 1))

    def branch_if_false(self, condition: int, label: Label) -> int:
        """To ``label`` where the byte at ``condition`` is 0."""
        return self._emit("branch_if_false", condition, self._to(label, 2))

    def poll(
        self, fn: Callable[[int], int] | int, user: int = 0, interval: int = 50_000_000
    ) -> int:
        """``fn(user)`` when ``interval`` cycles have gone by since the last one (on machines
        without a cycle counter: every ``interval >> 20`` times)."""
        last = np.zeros(1, np.int64)
        self.keep(last)
        return self._emit("poll", last.ctypes.data, interval, self._native(fn), user)

    def memcpy(self, destination: int, source: int, size: int) -> int:
        """Copy ``size`` bytes that do not overlap."""
        return self._emit("memcpy", destination, source, size)

    def memset(self, destination: int, value: int, size: int) -> int:
        """Fill ``size`` bytes."""
        return self._emit("memset", destination, value, size)

    def load_pointer(self, destination: int, source: int, offset: int = 0) -> int:
        """``*(char **)destination = *(char **)source + offset``."""
        return self._emit("load_pointer", destination, source, offset)

    def set_handle(self, set_data_handle: int, memory: int, source: int, offset: int = 0) -> int:
        """``set_data_handle`` is the address of ``dnnl_memory_set_data_handle``."""
        return self._emit("set_handle", set_data_handle, memory, source, offset)

    def swap(self, a: int, b: int) -> int:
        """Exchange the 8 bytes at ``a`` and ``b``."""
        return self._emit("swap", a, b)

    def store(self, destination: int, value: int) -> int:
        """``*(int64_t *)destination = value``."""
        return self._emit("store", destination, value)

    def finish(self, labels: list[Label] | None = None) -> np.ndarray:
        """The table, C-contiguous; pass every label used. Raises InternalError on an unbound one."""
        for label in labels or []:
            if label.position is None:
                raise InternalError("a label of an instruction table was never bound")
            for row, column in label.uses:
                self.rows[row][column] = label.position
        # Always: a label may be bound behind the last instruction.
        self.end()
        return np.array(self.rows, np.int64).reshape(-1, WIDTH)


def guarded(fn: Callable[[int], None], failures: list[BaseException], status: int = -1) -> Any:
    """A ctypes callback around ``fn`` that stores its exception in ``failures`` and returns
    ``status``; ctypes itself would swallow it and return garbage."""

    def call(user: int) -> int:
        try:
            fn(user)
        except BaseException as error:
            failures.append(error)
            return status
        return 0

    return CALLBACK(call)

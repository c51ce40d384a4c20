"""The CPU's Executable: passes once per Program, then a plan per set of sizes."""

from __future__ import annotations

import functools
import itertools
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dy2st import debug
from dy2st.errors import (
    DivisionByZeroError,
    ExecutionError,
    IndexOutOfRangeError,
)
from dy2st.ir.program import Program
from dy2st.ir.symbols import find_definitions
from dy2st.ir.types import DType
from dy2st.passes.pipeline import run_pipeline
from dy2st.runtime.cpu import executor, threads
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.contexts import Context, blame
from dy2st.runtime.cpu.instructions import Callback, Rename, Run
from dy2st.runtime.cpu.interpreted import Interpreted, NativeCompiler
from dy2st.runtime.cpu.linear import Linear, linearise
from dy2st.runtime.cpu.lower import is_static, lower
from dy2st.runtime.cpu.prologue import Prologue, Statics
from dy2st.runtime.cpu.regions import Collect, DynamicOutput, Lowered
from dy2st.runtime.cpu.slicing import slice_batches
from dy2st.runtime.cpu.steps import KernelStep
from dy2st.runtime.plan import (
    AllocateOutput,
    Buffer,
    Executable,
    ParameterSource,
    Plan,
    allocate_array,
    array_of,
)
from dy2st.runtime.reference.rules import translate


def make_executable(program: Program, source: ParameterSource) -> Executable:
    """An Executable of ``program`` on the CPU. ``program`` stays as it is."""
    optimised = run_pipeline(program)
    prologue = Prologue(source, run_graph)

    def make_plan(
        executable: Executable, sizes: Mapping[str, int], inputs: Sequence[Buffer]
    ) -> Plan:
        # The Executable holds its plans: they must not hold it, or packed weights would outlive
        # the layer until the garbage collector runs.
        weak = weakref.ref(executable)
        return CpuPlan(optimised, source, prologue, sizes, lambda: _rng_of(weak()))

    return Executable(optimised, source, make_plan, threads.get_num_threads)


# Memory that idle contexts of all plans may hold; a context is made again in milliseconds.
IDLE_LIMIT = 512 << 20
_clock = itertools.count()
_plans: weakref.WeakSet[CpuPlan] = weakref.WeakSet()


def trim_idle_memory(wanted: int) -> None:
    """Let go of idle contexts, of those plans first that were used longest ago, until ``wanted``
    bytes more stay within ``IDLE_LIMIT``."""
    plans = sorted(_plans, key=lambda p: p._used)
    total = wanted + sum(p.idle_bytes() for p in plans)
    for plan in plans:
        if total <= IDLE_LIMIT:
            return
        total -= plan.idle_bytes()
        plan.drop_idle()


def _rng_of(executable: Executable | None) -> np.random.Generator:
    return executable.rng if executable is not None else np.random.default_rng()


class CpuPlan:
    """One native entry for concrete sizes, a pool of contexts to run it in."""

    def __init__(
        self,
        program: Program,
        source: ParameterSource,
        prologue: Prologue,
        sizes: Mapping[str, int],
        rng: Callable[[], np.random.Generator],
    ) -> None:
        start = time.perf_counter()
        self._program = program
        self._source = source
        self._prologue = prologue
        self._rng = rng
        self._threads = threads.get_num_threads()
        self._set_threads = _thread_setter()
        self._sizes = dict(sizes)
        with threads.openmp_threads(self._threads):
            self._lowered = lower(program, sizes)
            memo: dict[g.Node, bool] = {}
            static = functools.partial(is_static, memo=memo)
            slice_batches(self._lowered, static)
            self.linear = linearise(self._lowered, static)
            self._statics: Statics | None = prologue.statics(self.linear.statics)
        prologue.register(self)
        self._compiler = NativeCompiler(
            program,
            find_definitions(program),
            lambda part, sizes: CpuPlan(part, source, prologue, sizes, rng),
        )
        self._interprets = any(isinstance(i, (Callback, Collect, Rename)) for i in self.linear.code)
        self._count = len(self.linear.inputs)
        self._outputs: list[tuple[int, DType, tuple[int, ...]] | None] = [
            None if isinstance(o, DynamicOutput) else (i, DType.of(o.dtype), tuple(o.shape))
            for i, o in enumerate(self._lowered.outputs)
        ]
        self._used = next(_clock)
        self._pool: list[Context] = []
        self._pool.append(self._context())
        _plans.add(self)
        spent = (time.perf_counter() - start) * 1e3
        debug.log(2, f"plan of {program.name} for {dict(sizes)}: {spent:.1f} ms")
        if debug.level() >= 2:
            debug.log(2, self.describe())

    def idle_bytes(self) -> int:
        """Bytes of the arenas that no call is using."""
        return len(self._pool) * self.linear.arena

    def drop_idle(self) -> None:
        """Let go of the contexts that no call is using."""
        self._pool.clear()

    def _context(self) -> Context:
        interpreted = None
        if self._interprets:
            interpreted = Interpreted(self._program, self._compiler, self._sizes, self._rng)
        trim_idle_memory(self.linear.arena)
        return Context(self.linear, interpreted)

    # -- calls ------------------------------------------------------------------------------------

    def run(self, inputs: Sequence[Buffer], allocate_output: AllocateOutput) -> list[Any]:
        """See ``Plan.run``. Several threads may be inside at once."""
        statics = self._statics
        if statics is None or statics.version != self._source.version():
            statics = self._refresh()
        try:
            context = self._pool.pop()
        except IndexError:
            context = self._context()
        self._used = next(_clock)
        slots = context.slots
        if context.statics != statics.serial:
            if len(statics.addresses):
                slots[-len(statics.addresses) :] = statics.addresses
            context.load_statics()
            context.statics = statics.serial
        index = 0
        copies: list[Any] | None = None
        for buffer in inputs:
            if buffer.strides is not None:
                buffer, copies = self._contiguous(index, buffer, copies)
            slots[index] = buffer.address
            index += 1
        outputs: list[Any] = []
        for spec in self._outputs:
            if spec is None:
                outputs.append(None)
            else:
                made, address = allocate_output(*spec)
                outputs.append(made)
                slots[index] = address
            index += 1
        self._enter(context)
        if context.interpreted is not None:
            self._dynamic_outputs(context.interpreted, outputs, allocate_output)
        self._pool.append(context)
        return outputs

    def _enter(self, context: Context) -> None:
        if context.interpreted is not None:
            context.interpreted.begin()
        restore = self._set_threads(self._threads)
        try:
            failure = context.run()
        finally:
            if restore is not None:
                self._set_threads(restore)
        if failure:
            error = self._error(context, failure)
            self._pool.append(context)
            raise error

    def _refresh(self) -> Statics:
        with threads.openmp_threads(self._threads):
            statics = self._prologue.statics(self.linear.statics)
        self._statics = statics
        return statics

    def forget_statics(self) -> None:
        """See ``prologue.Holder``; a call that is under way keeps what it works on."""
        self._statics = None

    def _contiguous(
        self, index: int, buffer: Buffer, copies: list[Any] | None
    ) -> tuple[Buffer, list[Any]]:
        """A contiguous copy of an input; ``copies`` keeps it alive during the call."""
        dtype = self._program.inputs[index].dtype
        array = np.ascontiguousarray(array_of(buffer, dtype))
        return Buffer(array.ctypes.data, buffer.shape), [*(copies or []), array]

    def _dynamic_outputs(
        self, interpreted: Interpreted, outputs: list[Any], allocate_output: AllocateOutput
    ) -> None:
        for i, output in enumerate(self._lowered.outputs):
            if isinstance(output, DynamicOutput):
                array = interpreted.value(output.value)
                dtype = output.value.dtype
                shape = tuple(array.shape)
                outputs[i], address = allocate_output(i, dtype, shape)
                array_of(Buffer(address, shape), dtype)[...] = array
        interpreted.begin()  # drop the call's values

    def _error(self, context: Context, failure: int) -> BaseException:
        """The exception of a failed call, at the user's line."""
        status, row = executor.decode(failure)
        instruction = context.owners.get(row)
        op = blame(instruction)
        interrupt = context.signals.take() if context.signals is not None else None
        if interrupt is not None:
            return interrupt
        if context.failures:
            error = context.failures.pop()
            context.failures.clear()
            if op is not None and isinstance(error, Exception):
                translated = translate(error, op)
                if translated is not error:
                    translated.__cause__ = error
                return translated
            return error
        return status_error(instruction, status)

    def profile(self, inputs: Sequence[Buffer], rounds: int = 5) -> list[tuple[float, str]]:
        """The least cycles that each instruction took in ``rounds`` runs, and what it is."""
        least: list[float] = []
        context = self._context()
        statics = self._refresh()
        if len(statics.addresses):
            context.slots[-len(statics.addresses) :] = statics.addresses
        context.load_statics()
        outputs = [allocate_array(*spec) if spec else (None, 0) for spec in self._outputs]
        addresses = [b.address for b in inputs] + [address for _, address in outputs]
        context.slots[: len(addresses)] = addresses
        with threads.openmp_threads(self._threads):
            for _ in range(rounds):
                if context.interpreted is not None:
                    context.interpreted.begin()
                rows = context.profile()
                cycles = [c for c, _ in rows]
                least = cycles if not least else [min(a, b) for a, b in zip(least, cycles)]
        return [(c, _name_of(i)) for c, (_, i) in zip(least, rows)]

    def describe(self) -> str:
        """The instructions, one a line, and the memory plan."""
        linear = self.linear
        lines = [f"arena {linear.arena} bytes, {len(linear.statics)} static values"]
        lines += [f"  {_name_of(instruction)}" for instruction in linear.code]
        return "\n".join(lines)


def _name_of(instruction: Any) -> str:
    if not isinstance(instruction, Run):
        return type(instruction).__name__
    step = instruction.step
    shapes = ", ".join(f"{r.dtype}{list(r.shape)}" for r in step.results)
    return f"{type(step).__name__} {step.label} -> {shapes}"


def status_error(instruction: Any, status: int) -> ExecutionError:
    """The error that a native status means."""
    op = blame(instruction)
    if isinstance(instruction, Run) and isinstance(instruction.step, KernelStep):
        kind, site = status & 0xFF, status >> 8
        sites = instruction.step.sites
        if 0 <= site < len(sites) and sites[site] is not None:
            op = getattr(sites[site], "source", sites[site])
        location = getattr(op, "location", None)
        name = getattr(op, "name", "kernel")
        if kind == executor.DIVISION_BY_ZERO:
            return DivisionByZeroError(f"{name}: integer division by zero", location=location)
        if kind == executor.INDEX_OUT_OF_RANGE:
            return IndexOutOfRangeError(f"{name}: index out of range", location=location)
    name = getattr(op, "name", "native code")
    return ExecutionError(
        f"{name}: failed with status {status}", location=getattr(op, "location", None)
    )


def _thread_setter() -> Callable[[int], int | None]:
    """A function that sets OpenMP's number of threads and gives the one before, or None where it
    was that already (or there is no OpenMP)."""
    from dy2st.runtime.cpu.onednn.library import openmp

    runtime = openmp()
    if runtime is None:
        return lambda count: None
    get, put = threads._thread_functions(runtime.max_threads, runtime.set_threads)

    def set_threads(count: int) -> int | None:
        before: int = get()
        if before == count:
            return None
        put(count)
        return before

    return set_threads


def run_graph(
    lowered: Lowered, address_of: Callable[[g.Node], int], outputs: Sequence[int]
) -> None:
    """Run a graph once: ``address_of`` its static leaves, ``outputs`` at these addresses."""
    linear: Linear = linearise(lowered, lambda node: True, split=False)
    context = Context(linear)
    values = [*outputs, *(address_of(n) for n in linear.statics)]
    context.slots[: len(values)] = values
    context.load_statics()
    failure = context.run()
    if failure:
        status, row = executor.decode(failure)
        instruction = context.owners.get(row)
        if context.failures:
            error, op = context.failures.pop(), blame(instruction)
            if op is not None and isinstance(error, Exception):
                raise translate(error, op) from error
            raise error
        raise status_error(instruction, status)

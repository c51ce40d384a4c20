"""What the rest of the package runs: an ``Executable``; and what one is specialised to: a ``Plan``.

::

    executable = compile_program(program, source)
    results = executable.run([Buffer(address, shape)], allocate_output)

A Program serves all sizes, a plan one set of concrete sizes; plans are kept in a bounded LRU.
Devices register how they plan (``runtime/cpu``); the reference runs every operation in numpy.
"""

from __future__ import annotations

import ctypes
import gc
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from dy2st import debug
from dy2st.ir.program import Program
from dy2st.ir.symbols import find_definitions
from dy2st.ir.types import DType
from dy2st.runtime.reference.interpreter import Reference, bind_inputs


class Buffer(NamedTuple):
    """Memory of somebody else's: an address, a shape, strides in elements (None: C-contiguous).

    ``owner`` is whatever keeps the memory alive. The dtype is the one that the Program says.
    """

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None = None
    owner: object = None


# (index of the output, dtype, shape) -> (what ``run`` shall return for it, its address)
AllocateOutput: TypeAlias = Callable[[int, DType, tuple[int, ...]], tuple[Any, int]]


class ParameterSource(Protocol):
    """Where the values of parameters and buffers come from, and when they may have changed."""

    def version(self) -> int:
        """A number that changes whenever anything of the source may have changed. Cheap."""

    def epoch(self, name: str) -> int:
        """A number that changes whenever the named value may have changed (or moved)."""

    def buffer(self, name: str) -> Buffer:
        """Where the named value lies now; the memory stays valid until its epoch changes."""


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the garbage collector from walking the whole process (Paddle is large) while many
    objects that live on are made."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Plan(Protocol):
    """A Program made ready for concrete sizes of its inputs."""

    def run(self, inputs: Sequence[Buffer], allocate_output: AllocateOutput) -> list[Any]:
        """Run; the outputs that ``allocate_output`` gave, filled."""

    def describe(self) -> str:
        """What it does, step by step, for people."""


class Executable:
    """A Program with its parameters, runnable for any sizes that the Program takes.

    ``run`` may be called from several threads at once. ``rng`` draws the random numbers.
    ``settings()`` is what else than sizes a plan depends on (the number of threads). At most
    ``limit`` plans are kept, those used last.
    """

    def __init__(
        self,
        program: Program,
        source: ParameterSource,
        make_plan: MakePlan,
        settings: Callable[[], Hashable] = lambda: None,
        limit: int = 32,
    ) -> None:
        self.program = program
        self.source = source
        self.rng = np.random.default_rng()
        self._make_plan = make_plan
        self._settings = settings
        self._definitions = find_definitions(program)
        self._plans: OrderedDict[tuple[Any, ...], Plan] = OrderedDict()
        self._limit = limit
        self._recent: Plan | None = None
        self._lock = threading.Lock()

    def run(self, inputs: Sequence[Buffer], allocate_output: AllocateOutput) -> list[Any]:
        """Run on ``inputs`` (dtypes as the Program says: the caller checks them).

        Returns the results of the Program's ``return`` in order, those of ``writes`` last, each
        as ``allocate_output`` returned it. Raises InputError for shapes that do not fit, and
        ExecutionError at the user's line.
        """
        key = (self._settings(), *[(b.shape, b.strides) for b in inputs])
        plan = self._plans.get(key)
        if plan is None:
            plan = self.plan_for(inputs)
        elif plan is not self._recent:
            self._use(key, plan)
        return plan.run(inputs, allocate_output)

    def _use(self, key: tuple[Any, ...], plan: Plan) -> None:
        """Note that ``plan`` is the one used last."""
        with self._lock:
            self._recent = plan
            if key in self._plans:
                self._plans.move_to_end(key)

    def plan_for(self, inputs: Sequence[Buffer]) -> Plan:
        """The plan for inputs of these shapes and strides, made where it is missing."""
        key = (self._settings(), *[(b.shape, b.strides) for b in inputs])
        with self._lock:
            plan = self._plans.get(key)
            if plan is None:
                sizes = bind_inputs(self.program, [b.shape for b in inputs], self._definitions)
                with collector_paused():
                    plan = self._make_plan(self, sizes, inputs)
                self._plans[key] = plan
                while len(self._plans) > self._limit:
                    self._plans.popitem(last=False)
            else:
                self._plans.move_to_end(key)
        return plan

    def run_arrays(self, arrays: Sequence[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        """``run`` on numpy arrays, into fresh ones."""
        return self.run([buffer_of(a) for a in arrays], allocate_array)


MakePlan: TypeAlias = Callable[[Executable, Mapping[str, int], Sequence[Buffer]], Plan]


def compile_program(program: Program, source: ParameterSource) -> Executable:
    """An Executable for the backend in force (``DY2ST_BACKEND``). ``program`` stays as it is."""
    if debug.backend() == "reference":
        return Executable(program, source, make_reference_plan)
    from dy2st.runtime.cpu.executable import make_executable

    return make_executable(program, source)


# --- numpy arrays as buffers -----------------------------------------------------------------


def buffer_of(array: np.ndarray[Any, Any]) -> Buffer:
    """The buffer of a numpy array."""
    strides = None
    if not array.flags.c_contiguous:
        strides = tuple(s // array.itemsize for s in array.strides)
    return Buffer(array.ctypes.data, array.shape, strides, array)


def array_of(buffer: Buffer, dtype: DType) -> np.ndarray[Any, Any]:
    """A numpy view of a buffer."""
    shape, item = buffer.shape, dtype.itemsize
    if 0 in shape:
        return np.empty(shape, dtype.numpy)
    if buffer.strides is None:
        whole = (ctypes.c_char * (math.prod(shape) * item)).from_address(buffer.address)
        flat: np.ndarray[Any, Any] = np.frombuffer(memoryview(whole), dtype.numpy)
        return flat.reshape(shape)
    strides = buffer.strides
    steps = [(n - 1) * s for n, s in zip(shape, strides)]
    low, high = sum(min(s, 0) for s in steps), sum(max(s, 0) for s in steps)
    raw = (ctypes.c_char * ((high - low + 1) * item)).from_address(buffer.address + low * item)
    return np.ndarray(shape, dtype.numpy, memoryview(raw), -low * item, [s * item for s in strides])


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides in elements of a C-contiguous array."""
    out: list[int] = []
    step = 1
    for n in reversed(shape):
        out.append(step)
        step *= n
    return tuple(reversed(out))


def allocate_array(
    index: int, dtype: DType, shape: tuple[int, ...]
) -> tuple[np.ndarray[Any, Any], int]:
    """An AllocateOutput that makes numpy arrays."""
    array: np.ndarray[Any, Any] = np.empty(shape, dtype.numpy)
    return array, array.ctypes.data


class ArraySource:
    """A ParameterSource over numpy arrays; ``changed`` says that a value was replaced or written."""

    def __init__(self, arrays: Mapping[str, np.ndarray[Any, Any]] | None = None) -> None:
        self.arrays = dict(arrays or {})
        self._epochs: dict[str, int] = {}
        self._version = 0

    def version(self) -> int:
        return self._version

    def epoch(self, name: str) -> int:
        return self._epochs.get(name, 0)

    def buffer(self, name: str) -> Buffer:
        return buffer_of(self.arrays[name])

    def changed(self, name: str, array: np.ndarray[Any, Any] | None = None) -> None:
        """Say that the named value changed (and give the new one, where it is another array)."""
        if array is not None:
            self.arrays[name] = array
        self._version += 1
        self._epochs[name] = self._version


# --- the plan that runs every operation in numpy -----------------------------------------------


class ReferencePlan:
    """Runs the interpreter; serves all sizes."""

    def __init__(self, executable: Executable) -> None:
        self._executable = executable
        self._reference = Reference(executable.program)

    def run(self, inputs: Sequence[Buffer], allocate_output: AllocateOutput) -> list[Any]:
        program, source = self._executable.program, self._executable.source
        arrays = [array_of(b, v.dtype) for b, v in zip(inputs, program.inputs)]
        parameters = {
            name: array_of(source.buffer(name), p.type.dtype)
            for name, p in program.parameters.items()
        }
        results = self._reference.run(arrays, parameters, self._executable.rng)
        outputs: list[Any] = []
        for index, (value, array) in enumerate(zip(program.outputs, results)):
            shape = tuple(array.shape)
            out, address = allocate_output(index, value.dtype, shape)
            array_of(Buffer(address, shape), value.dtype)[...] = array
            outputs.append(out)
        return outputs

    def describe(self) -> str:
        return f"reference plan of {self._executable.program.name}"


def make_reference_plan(
    executable: Executable, sizes: Mapping[str, int], inputs: Sequence[Buffer]
) -> Plan:
    """A MakePlan that runs every operation in numpy."""
    return ReferencePlan(executable)

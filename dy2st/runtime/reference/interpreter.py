"""The reference: runs a Program operation by operation in numpy. This is what Programs mean.

Everything else (the CPU and CUDA runtimes, passes, saved files, ONNX) is compared with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from dy2st.errors import ExecutionError, InputError, Location
from dy2st.ir.dims import evaluate
from dy2st.ir.program import Block, Operand, Operation, Program, Value
from dy2st.ir.symbols import Definitions, bind, concrete, find_definitions, is_concrete, symbol_name
from dy2st.runtime.reference.rules import Array, ArrayOperand, Kernel, kernel_of, translate


@dataclass(eq=False)
class Frame:
    """The values of one run: arrays by SSA value, sizes by symbol."""

    parameters: Mapping[str, Array]
    constants: Mapping[str, Array]
    rng: np.random.Generator
    values: dict[Value, Array] = field(default_factory=dict)
    symbols: dict[str, int] = field(default_factory=dict)

    def operand(self, operand: Operand) -> ArrayOperand:
        """The array (None, tuple of arrays) of an operand."""
        if operand is None:
            return None
        if isinstance(operand, tuple):
            return tuple(self.values[v] for v in operand)
        return self.values[operand]


Step: TypeAlias = Callable[[Frame], None]


def run(
    program: Program,
    inputs: Sequence[Array],
    parameters: Mapping[str, Array],
    rng: np.random.Generator | None = None,
) -> list[Array]:
    """Run ``program``; the results of its ``return`` in order, then those of its ``writes``.

    ``inputs`` are arrays of the inputs' dtypes, ``parameters`` the arrays of parameters and buffers
    by name. Results may share memory with either. Raises InputError for inputs that do not fit and
    ExecutionError, at the user's line, for an operation that fails.
    """
    return Reference(program).run(inputs, parameters, rng)


class Reference:
    """A Program made ready for running more than once."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._definitions = find_definitions(program)
        self._body = Compiler(self._definitions).block(program.block.ops)

    def run(
        self,
        inputs: Sequence[Array],
        parameters: Mapping[str, Array],
        rng: np.random.Generator | None = None,
    ) -> list[Array]:
        """See ``run`` of this module."""
        program = self.program
        frame = Frame(parameters, program.constants, rng or np.random.default_rng())
        frame.symbols = bind_inputs(program, [tuple(a.shape) for a in inputs], self._definitions)
        for value, array in zip(program.inputs, inputs):
            if array.dtype != value.dtype.numpy:
                raise InputError(
                    f"input {value.name!r} has dtype {array.dtype}, not {value.dtype.value}"
                )
            frame.values[value] = array
        with np.errstate(all="ignore"):
            for step in self._body:
                step(frame)
        return [frame.values[v] for v in program.outputs]


def bind_inputs(
    program: Program, shapes: Sequence[Sequence[int]], definitions: Definitions | None = None
) -> dict[str, int]:
    """The sizes of the inputs' symbols; InputError where the shapes do not fit the Program."""
    if len(shapes) != len(program.inputs):
        raise InputError(f"{len(shapes)} inputs for {len(program.inputs)} of {program.name!r}")
    symbols: dict[str, int] = {}
    for value, shape in zip(program.inputs, shapes):
        if len(shape) != len(value.shape):
            raise InputError(f"input {value.name!r} has rank {len(shape)}, not {len(value.shape)}")
    for name, binding in program.symbols.items():
        dim = program.inputs[binding.input].shape[binding.axis]
        size = shapes[binding.input][binding.axis]
        symbols[name] = size if str(dim) == name else _solve(dim, name, size, symbols)
    if definitions is not None:
        bind(definitions[program.block], program.inputs, shapes, symbols)
    for value, shape in zip(program.inputs, shapes):
        expected = tuple(evaluate(d, symbols) for d in value.shape)
        if expected != tuple(shape):
            raise InputError(
                f"input {value.name!r} has shape {list(shape)}, not {list(expected)} ({value.type})"
            )
    return symbols


def _solve(dim: object, name: str, size: int, symbols: Mapping[str, int]) -> int:
    from dy2st.ir.dims import SymExpr
    from dy2st.ir.symbols import solve

    assert isinstance(dim, SymExpr)
    found = solve(dim, name, size, symbols)
    if found is None:
        raise InputError(f"no size {name} makes {dim} equal to {size}")
    return found


# --- blocks and operations to steps ----------------------------------------------------------


class Compiler:
    """Makes steps of operations; a runtime may override ``block`` to run some of them better."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions

    def kernel(self, name: str) -> Kernel:
        """What runs the operation called ``name``."""
        return kernel_of(name)

    def block(self, ops: Sequence[Operation]) -> list[Step]:
        """The steps of all operations but the terminator."""
        return [self.operation(op) for op in ops if op.name not in _TERMINATORS]

    def operation(self, op: Operation) -> Step:
        """The step that runs ``op`` on a frame."""
        special = _STRUCTURAL.get(op.name)
        if special is not None:
            return special(op, self)
        return _plain(op, self.kernel(op.name), self.definitions)


_TERMINATORS = ("return", "yield")


def _plain(op: Operation, kernel: Kernel, definitions: Definitions) -> Step:
    fixed = all(is_concrete(a) for a in op.attrs.values())
    casts = [r.dtype.numpy for r in op.results]
    defined = definitions[op]

    def step(frame: Frame) -> None:
        operands = [frame.operand(o) for o in op.operands]
        try:
            attrs = op.attrs
            if not fixed:
                attrs = {
                    k: a if k == "symbol" else concrete(a, frame.symbols) for k, a in attrs.items()
                }
            results = kernel(operands, attrs, frame.rng, op)
        except Exception as error:
            raise translate(error, op) from error
        if len(results) < len(op.results):
            raise ExecutionError(f"{op.name} gave {len(results)} results", location=op.location)
        for value, dtype, array in zip(op.results, casts, results):
            frame.values[value] = np.asarray(array, dtype)
        if op.name == "item":
            frame.symbols[symbol_name(op.attrs["symbol"])] = int(np.asarray(operands[0]).item())
        finish(op.results, [frame.values[r].shape for r in op.results], op.location, defined, frame)

    return step


def finish(
    values: Sequence[Value],
    shapes: Sequence[tuple[int, ...]],
    location: Location | None,
    defined: tuple[object, ...],
    frame: Frame,
) -> None:
    """Bind the symbols that ``values`` define and check their shapes against their types."""
    if defined:
        bind(defined, values, shapes, frame.symbols)  # type: ignore[arg-type]
    for value, shape in zip(values, shapes):
        expected = value.shape
        if expected != shape and tuple(evaluate(d, frame.symbols) for d in expected) != shape:
            raise ExecutionError(
                f"a value of type {value.type} has shape {list(shape)} at run time",
                location=location,
            )


def _parameter(op: Operation, compiler: Compiler) -> Step:
    name, value = str(op.attrs["name"]), op.result

    def step(frame: Frame) -> None:
        frame.values[value] = frame.parameters[name]

    return step


def _constant(op: Operation, compiler: Compiler) -> Step:
    name, value = str(op.attrs["name"]), op.result

    def step(frame: Frame) -> None:
        frame.values[value] = frame.constants[name]

    return step


class _Region:
    """A region as a function of arrays."""

    def __init__(self, block: Block, compiler: Compiler, location: Location | None) -> None:
        self.block = block
        self.steps = compiler.block(block.ops)
        self.defined = compiler.definitions[block]
        self.location = location
        self.yields = list(block.terminator.flat_operands())

    def __call__(self, frame: Frame, arguments: Sequence[Array] = ()) -> list[Array]:
        block = self.block
        frame.values.update(zip(block.args, arguments))
        if block.args:
            shapes = [a.shape for a in arguments]
            finish(block.args, shapes, self.location, self.defined, frame)
        for step in self.steps:
            step(frame)
        return [frame.values[v] for v in self.yields]


def _store(op: Operation, arrays: Sequence[Array], definitions: Definitions, frame: Frame) -> None:
    frame.values.update(zip(op.results, arrays))
    finish(op.results, [a.shape for a in arrays], op.location, definitions[op], frame)


def _if(op: Operation, compiler: Compiler) -> Step:
    then, orelse = (_Region(r, compiler, op.location) for r in op.regions)
    definitions = compiler.definitions
    condition = next(op.flat_operands())

    def step(frame: Frame) -> None:
        taken = then if bool(frame.values[condition].all()) else orelse
        _store(op, taken(frame), definitions, frame)

    return step


def _while(op: Operation, compiler: Compiler) -> Step:
    cond, body = (_Region(r, compiler, op.location) for r in op.regions)
    definitions = compiler.definitions
    initial = list(op.flat_operands())

    def step(frame: Frame) -> None:
        carried = [frame.values[v] for v in initial]
        while True:
            (go_on,) = cond(frame, carried)
            if not bool(go_on.all()):
                break
            carried = body(frame, carried)
        _store(op, carried, definitions, frame)

    return step


_STRUCTURAL: dict[str, Callable[[Operation, Compiler], Step]] = {
    "parameter": _parameter,
    "constant": _constant,
    "if": _if,
    "while": _while,
}

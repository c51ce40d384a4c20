"""The Program: SSA values, operations with regions, blocks.

A ``Program`` is one entry ``Block`` whose arguments are the inputs and whose last operation is
``return``. Structured control flow is two operations with regions, each a ``Block`` that ends in
``yield``: ``if(cond)`` with two regions, and ``while(initial …)`` with a condition region and a
body region. Blocks see the values of the blocks around them. Parameters, buffers and constants
are results of the operations ``parameter`` and ``constant`` in the entry block, by name; their
data lives outside (parameters) or in ``Program.constants``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from dy2st.errors import Location
from dy2st.ir.dims import Dim, Relation, SymExpr
from dy2st.ir.types import DType, TensorType
from dy2st.records import record

Attr: TypeAlias = (
    None | bool | int | float | complex | str | DType | SymExpr | tuple["Attr", ...] | np.ndarray
)


@dataclass(eq=False)
class Value:
    """One SSA value. ``owner`` is the operation or block that defines it, ``index`` its position."""

    type: TensorType
    name: str = ""
    owner: Operation | Block | None = None
    index: int = 0

    @property
    def dtype(self) -> DType:
        return self.type.dtype

    @property
    def shape(self) -> tuple[Dim, ...]:
        return self.type.shape

    def __repr__(self) -> str:
        return f"%{self.name or '?'}: {self.type}"


Operand: TypeAlias = Value | None | tuple[Value, ...]


@dataclass(eq=False)
class Operation:
    """One operation: ``name`` is phi's; operands stand in the order of the signature.

    An operand is a Value, None (an optional tensor that is absent) or a tuple of Values (a list of
    tensors). ``attrs`` hold Python values, ``Dim`` expressions included, never tensors.
    """

    name: str
    operands: tuple[Operand, ...] = ()
    attrs: dict[str, Attr] = field(default_factory=dict)
    regions: tuple[Block, ...] = ()
    results: tuple[Value, ...] = ()
    location: Location | None = None

    def flat_operands(self) -> Iterator[Value]:
        """All operand Values in order, lists flattened, absent ones left out."""
        for operand in self.operands:
            if isinstance(operand, tuple):
                yield from operand
            elif operand is not None:
                yield operand

    @property
    def result(self) -> Value:
        """The only result."""
        (value,) = self.results
        return value

    def map_operands(self, replace: dict[Value, Value]) -> None:
        """Replace operands in place, here and in all regions inside."""
        self.operands = tuple(
            tuple(replace.get(v, v) for v in o)
            if isinstance(o, tuple)
            else (replace.get(o, o) if o is not None else None)
            for o in self.operands
        )
        for region in self.regions:
            for op in region.ops:
                op.map_operands(replace)


@dataclass(eq=False)
class Block:
    """A list of operations with arguments; the last one is its terminator."""

    args: tuple[Value, ...] = ()
    ops: list[Operation] = field(default_factory=list)

    @property
    def terminator(self) -> Operation:
        """The last operation (``return`` or ``yield``)."""
        return self.ops[-1]

    def walk(self) -> Iterator[Operation]:
        """All operations in order, regions included (an operation before its regions)."""
        for op in self.ops:
            yield op
            for region in op.regions:
                yield from region.walk()


@record(frozen=True)
class Parameter:
    """A named tensor of the user's: parameter or buffer. Shape and dtype as at capture."""

    name: str
    type: TensorType
    kind: str = "parameter"  # "parameter" | "buffer" | "tensor" (any other tensor of the user's)


@record(frozen=True)
class SymbolBinding:
    """Where an input symbol gets its value: axis ``axis`` of input ``input``."""

    input: int
    axis: int


@dataclass(eq=False)
class Program:
    """A verified unit of execution.

    ``symbols`` bind the symbols that inputs define; other symbols are bound by the operation whose
    result type (or ``symbol`` attribute, for ``item``) mentions them first. ``guards`` are the
    relations between sizes under which the Program was captured. ``writes`` lists names of
    parameters and buffers whose new values are the last results of ``return``, in that order.
    """

    name: str
    block: Block
    parameters: dict[str, Parameter] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    symbols: dict[str, SymbolBinding] = field(default_factory=dict)
    guards: list[Relation] = field(default_factory=list)
    writes: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The arguments of the entry block."""
        return self.block.args

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The operands of ``return``: the user's results, then the values of ``writes``."""
        return tuple(self.block.terminator.flat_operands())

    def walk(self) -> Iterator[Operation]:
        """All operations in order, regions included."""
        return self.block.walk()

    def __str__(self) -> str:
        from dy2st.ir.printer import print_program

        return print_program(self)

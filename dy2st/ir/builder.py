"""The builder: the one way to make operations, for capture, passes, tests and ONNX alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from dy2st.errors import Location
from dy2st.ir.dims import SymExpr, symbol
from dy2st.ir.program import Attr, Block, Operand, Operation, Parameter, Program, Value
from dy2st.ir.types import DType, TensorType


class Infer(Protocol):
    """Result types of an operation from its operands and attributes; raises ShapeError."""

    def __call__(
        self, builder: Builder, name: str, operands: tuple[Operand, ...], attrs: dict[str, Attr]
    ) -> Sequence[TensorType]: ...


class Builder:
    """Appends operations to the innermost open block of one Program.

    ``infer`` gives result types; the operator registry passes its own (``dy2st.ops.infer``), so
    that the IR knows no operation but ``parameter``, ``constant``, ``if``, ``while``, ``yield``
    and ``return``.
    """

    def __init__(self, name: str, infer: Infer) -> None:
        self.program = Program(name, Block())
        self._infer = infer
        self._blocks: list[Block] = [self.program.block]
        self._next_symbol = 0
        self._named: dict[str, Value] = {}
        self.entries = 0  # parameters and constants, which stand first in the entry block
        self.location: Location | None = None

    @property
    def block(self) -> Block:
        """The block that operations go to."""
        return self._blocks[-1]

    def within(self, block: Block) -> bool:
        """Whether ``block`` is open: what it has computed so far is known here."""
        return any(b is block for b in self._blocks)

    def input(self, type_: TensorType, name: str) -> Value:
        """A new input of the Program."""
        entry = self.program.block
        value = Value(type_, name, entry, len(entry.args))
        entry.args += (value,)
        return value

    def parameter(self, name: str, type_: TensorType, kind: str = "parameter") -> Value:
        """The value of the named parameter; the same Value for the same name."""
        if name not in self._named:
            self.program.parameters[name] = Parameter(name, type_, kind)
            self._named[name] = self._entry_op("parameter", {"name": name}, type_)
        return self._named[name]

    def constant(self, array: np.ndarray, name: str | None = None) -> Value:
        """The value of a constant array."""
        name = name or f"c{len(self.program.constants)}"
        self.program.constants[name] = array
        type_ = TensorType(DType.of(array.dtype), tuple(array.shape))
        return self._entry_op("constant", {"name": name}, type_)

    def _entry_op(self, name: str, attrs: dict[str, Attr], type_: TensorType) -> Value:
        # Always in the entry block and before everything else: a branch may be the first to read.
        op = Operation(name, (), attrs)
        op.results = (Value(type_, "", op, 0),)
        self.program.block.ops.insert(self.entries, op)
        self.entries += 1
        return op.results[0]

    def fresh_symbol(self, prefix: str = "u") -> SymExpr:
        """A symbol that nothing else in this Program uses (``u0``, ``u1`` … are run-time sizes)."""
        self._next_symbol += 1
        return symbol(f"{prefix}{self._next_symbol - 1}")

    def emit(
        self,
        name: str,
        operands: Sequence[Operand] = (),
        attrs: dict[str, Any] | None = None,
        regions: Sequence[Block] = (),
        types: Sequence[TensorType] | None = None,
    ) -> Operation:
        """Append an operation; result types are inferred unless ``types`` gives them."""
        op = Operation(name, tuple(operands), dict(attrs or {}), tuple(regions))
        op.location = self.location
        if types is None:
            types = self._infer(self, name, op.operands, op.attrs)
        op.results = tuple(Value(t, "", op, i) for i, t in enumerate(types))
        self.block.ops.append(op)
        return op

    @contextmanager
    def region(self, arg_types: Sequence[TensorType] = ()) -> Iterator[Block]:
        """Open a new block; operations go into it until the ``with`` ends. It is not yet attached."""
        block = Block()
        block.args = tuple(Value(t, "", block, i) for i, t in enumerate(arg_types))
        self._blocks.append(block)
        try:
            yield block
        finally:
            popped = self._blocks.pop()
            assert popped is block

    @contextmanager
    def reopen(self, block: Block) -> Iterator[Block]:
        """Let operations go into a region that was closed, until the ``with`` ends."""
        self._blocks.append(block)
        try:
            yield block
        finally:
            popped = self._blocks.pop()
            assert popped is block

    def yield_(self, values: Sequence[Value]) -> None:
        """End a region."""
        self.block.ops.append(Operation("yield", tuple(values)))

    def if_(self, condition: Value, then: Block, orelse: Block) -> Operation:
        """Append an ``if`` over two finished regions that yield values of equal types."""
        types = [v.type for v in then.terminator.flat_operands()]
        return self.emit("if", (condition,), {}, (then, orelse), types)

    def while_(self, initial: Sequence[Value], cond: Block, body: Block) -> Operation:
        """Append a ``while``; both regions take the carried values as arguments.

        ``cond`` yields one bool of shape [] (computed before each round), ``body`` the next
        carried values. The results are the carried values when ``cond`` first yields False.
        """
        return self.emit("while", tuple(initial), {}, (cond, body), [v.type for v in body.args])

    def return_(self, values: Sequence[Value]) -> Program:
        """End the Program."""
        self.program.block.ops.append(Operation("return", tuple(values)))
        return self.program

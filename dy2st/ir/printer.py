"""The text form of Programs; ``parser.py`` reads it back.

::

    program classify(%x: f32[N, 3]) {
      %w = parameter(name="fc.weight", kind="parameter") : f32[3, 4]
      %0 = matmul(%x, %w, transpose_x=False, transpose_y=False) : f32[N, 4]
      %1 = if(%c) {
        yield(%0)
      } else {
        yield(%2)
      } : f32[N, 4]
      %i, %h = while(%i0, %h0) (%a: i64[], %b: f32[N, 4]) {
        yield(%go)
      } do (%a: i64[], %b: f32[N, 4]) {
        yield(%a1, %b1)
      } : i64[], f32[N, 4]
      return(%1)
    }

A list of tensors prints as ``[%a, %b]``, an absent operand as ``none``. The header may go on with
``where N == 2*M`` (guards) and ``writes "bn.mean"``. A small constant prints its value, a large one
its name only; a large array among the attributes prints as ``bytes(f32, [2, 20], "…")`` in base64.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator

import numpy as np

from dy2st.ir.dims import SymExpr
from dy2st.ir.program import Attr, Block, Operand, Operation, Program, Value
from dy2st.ir.types import DType

ARRAY_LIMIT = 16
_UNREADABLE = re.compile(r"[^\w.]", re.ASCII)


def print_program(program: Program) -> str:
    """The whole Program as text."""
    return _Printer(program).text()


def format_attr(value: Attr) -> str:
    """One attribute: Python's literals; dtypes and sizes bare; arrays as ``array(dtype, [...])``."""
    if isinstance(value, (DType, SymExpr)):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(format_attr(v) for v in value)}]"
    if isinstance(value, np.ndarray):
        return _format_array(value)
    if isinstance(value, complex):
        return f"complex({value.real!r}, {value.imag!r})"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return repr(value)


def _format_array(array: np.ndarray) -> str:
    short = DType.of(array.dtype).short
    if 0 < array.size <= ARRAY_LIMIT and not DType.of(array.dtype).is_complex:
        return f"array({short}, {array.tolist()})"
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return f'bytes({short}, {list(array.shape)}, "{data}")'


class _Printer:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.names: dict[Value, str] = {}
        self.taken: set[str] = set()
        self.counter = 0

    def text(self) -> str:
        p = self.program
        name = _UNREADABLE.sub("_", p.name) or "_"
        header = (
            f"program {name if not name[0].isdigit() else '_' + name}({self.arguments(p.block)})"
        )
        if p.guards:
            header += " where " + ", ".join(f"{a} {op} {b}" for op, a, b in p.guards)
        if p.writes:
            header += " writes " + ", ".join(format_attr(w) for w in p.writes)
        return "\n".join([header + " {", *self.block(p.block, "  "), "}"]) + "\n"

    def define(self, value: Value) -> str:
        name = "" if value.name.isdigit() else _UNREADABLE.sub("_", value.name)
        while not name or name in self.taken:
            name = str(self.counter)
            self.counter += 1
        self.taken.add(name)
        self.names[value] = name
        return f"%{name}"

    def use(self, value: Value) -> str:
        return f"%{self.names.get(value, '<undefined>')}"

    def arguments(self, block: Block) -> str:
        return ", ".join(f"{self.define(a)}: {a.type}" for a in block.args)

    def operand(self, operand: Operand) -> str:
        if operand is None:
            return "none"
        if isinstance(operand, tuple):
            return f"[{', '.join(self.use(v) for v in operand)}]"
        return self.use(operand)

    def block(self, block: Block, indent: str) -> Iterator[str]:
        for op in block.ops:
            yield from self.operation(op, indent)

    def attributes(self, op: Operation) -> dict[str, Attr]:
        name = op.attrs.get("name")
        if op.name == "parameter" and name in self.program.parameters:
            kind = self.program.parameters[str(name)].kind
            return op.attrs if kind == "parameter" else {**op.attrs, "kind": kind}
        if op.name == "constant" and name in self.program.constants:
            array = self.program.constants[str(name)]
            if 0 < array.size <= ARRAY_LIMIT:
                return {**op.attrs, "value": array}
        return op.attrs

    def operation(self, op: Operation, indent: str) -> Iterator[str]:
        parts = [self.operand(o) for o in op.operands]
        parts += [f"{k}={format_attr(v)}" for k, v in self.attributes(op).items()]
        call = f"{op.name}({', '.join(parts)})"
        # Regions are printed before results get names: they cannot see them.
        body = list(self.regions(op, indent))
        left = ", ".join(self.define(r) for r in op.results)
        types = ", ".join(str(r.type) for r in op.results)
        head = f"{indent}{left} = {call}" if left else f"{indent}{call}"
        tail = f" : {types}" if left else ""
        if not body:
            yield head + tail
            return
        yield head + body[0]
        yield from body[1:-1]
        yield body[-1] + tail

    def regions(self, op: Operation, indent: str) -> Iterable[str]:
        between = "do" if op.name == "while" else "else"
        for i, region in enumerate(op.regions):
            arguments = f" ({self.arguments(region)})" if region.args else ""
            opening = f"{arguments} {{"
            if i == 0:
                yield opening
            else:
                yield f"{indent}}} {between}{opening}"
            yield from self.block(region, indent + "  ")
        if op.regions:
            yield f"{indent}}}"

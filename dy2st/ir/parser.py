"""Reads the text form of a Program back; see ``printer.py`` for the form.

``print(parse(print(p)))`` gives the same text. Constants whose values are not in the text, and
locations, are not in the result; symbols are bound to the first input whose type is the bare symbol.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from dy2st.errors import ParseError
from dy2st.ir import dims
from dy2st.ir.dims import Dim, Relation
from dy2st.ir.program import (
    Attr,
    Block,
    Operand,
    Operation,
    Parameter,
    Program,
    SymbolBinding,
    Value,
)
from dy2st.ir.types import DType, TensorType
from dy2st.records import record

_TOKEN = re.compile(
    r"""\s+
    | (?P<value>%[^\s,:(){}\[\]=]+)
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<number>\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+|\d+)
    | (?P<name>[A-Za-z_][\w.]*)
    | (?P<punct>//|==|!=|<=|[-+*%<=(){}\[\],:])
    """,
    re.VERBOSE,
)
_DTYPES = {d.short: d for d in DType}
_LITERALS: dict[str, Any] = {
    "None": None,
    "True": True,
    "False": False,
    "nan": float("nan"),
    "inf": float("inf"),
}


def parse_program(
    text: str, constants: Mapping[str, np.ndarray[Any, Any]] | None = None
) -> Program:
    """The Program that ``text`` describes; ``constants`` are values that the text leaves out.

    Raises ParseError, with the line.
    """
    parser = _Parser(text)
    program = parser.program()
    program.constants.update(constants or {})
    return program


@record(frozen=True)
class _Token:
    kind: str
    text: str
    line: int


def _tokenize(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ParseError(f"line {line}: cannot read {text[at : at + 20]!r}")
        if match.lastgroup is not None:
            tokens.append(_Token(match.lastgroup, match[0], line))
        line += match[0].count("\n")
        at = match.end()
    tokens.append(_Token("end", "", line))
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _tokenize(text)
        self.at = 0
        self.scopes: list[dict[str, Value]] = []
        self.result = Program("", Block())

    # -- tokens -----------------------------------------------------------------------------------

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def fail(self, wanted: str) -> ParseError:
        return ParseError(f"line {self.token.line}: expected {wanted}, found {self.token.text!r}")

    def accept(self, text: str) -> bool:
        if self.token.text == text and self.token.kind in ("punct", "name"):
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.fail(repr(text))

    def take(self, kind: str) -> str:
        token = self.token
        if token.kind != kind:
            raise self.fail(f"a {kind}")
        self.at += 1
        return token.text

    def string(self) -> str:
        body = self.take("string")[1:-1]
        escapes = {"n": "\n"}
        return re.sub(r"\\(.)", lambda m: escapes.get(m[1], m[1]), body)

    # -- structure --------------------------------------------------------------------------------

    def program(self) -> Program:
        self.expect("program")
        result = self.result
        result.name = self.take("name")
        self.scopes.append({})
        result.block.args = self.arguments(result.block)
        for i, value in enumerate(result.block.args):
            for axis, dim in enumerate(value.shape):
                if isinstance(dim, dims.SymExpr) and dim == dims.symbol(str(dim)):
                    result.symbols.setdefault(str(dim), SymbolBinding(i, axis))
        while self.accept("where") or (result.guards and self.accept(",")):
            result.guards.append(self.relation())
        if self.accept("writes"):
            result.writes = (self.string(),)
            while self.accept(","):
                result.writes += (self.string(),)
        self.body(result.block)
        if self.token.kind != "end":
            raise self.fail("the end")
        return result

    def relation(self) -> Relation:
        left = self.dim()
        op = self.take("punct")
        return (op, left, self.dim())

    def arguments(self, block: Block) -> tuple[Value, ...]:
        values: list[Value] = []
        self.expect("(")
        while not self.accept(")"):
            if values:
                self.expect(",")
            name = self.take("value")
            self.expect(":")
            values.append(self.define(name, self.type(), block, len(values)))
        return tuple(values)

    def define(self, name: str, type_: TensorType, owner: Operation | Block, index: int) -> Value:
        if any(name in scope for scope in self.scopes):
            raise ParseError(f"line {self.token.line}: {name} is defined twice")
        # Numbers are the printer's; it numbers anew.
        value = Value(type_, "" if name[1:].isdigit() else name[1:], owner, index)
        self.scopes[-1][name] = value
        return value

    def body(self, block: Block) -> None:
        self.expect("{")
        while not self.accept("}"):
            block.ops.append(self.operation())

    def region(self, name: str) -> Block:
        block = Block()
        self.scopes.append({})
        if self.token.text == "(":
            block.args = self.arguments(block)
        self.body(block)
        self.scopes.pop()
        return block

    def operation(self) -> Operation:
        names: list[str] = []
        while self.token.kind == "value":
            names.append(self.take("value"))
            if not self.accept(","):
                break
        if names:
            self.expect("=")
        op = Operation(self.take("name"))
        self.call(op)
        if self.token.text in ("(", "{"):
            regions = [self.region(op.name)]
            while self.accept("else") or self.accept("do"):
                regions.append(self.region(op.name))
            op.regions = tuple(regions)
        if names:
            self.expect(":")
            types = [self.type()]
            while self.accept(","):
                types.append(self.type())
            if len(types) != len(names):
                raise self.fail(f"{len(names)} types")
            op.results = tuple(
                self.define(n, t, op, i) for i, (n, t) in enumerate(zip(names, types))
            )
        self.data(op)
        return op

    def call(self, op: Operation) -> None:
        operands: list[Operand] = []
        self.expect("(")
        first = True
        while not self.accept(")"):
            if not first:
                self.expect(",")
            first = False
            following = self.tokens[self.at + 1]
            if self.token.kind == "name" and following.text == "=":
                key = self.take("name")
                self.expect("=")
                op.attrs[key] = self.attr()
            else:
                operands.append(self.operand())
        op.operands = tuple(operands)

    def data(self, op: Operation) -> None:
        """Parameters and constants are also entries of the Program."""
        name = op.attrs.get("name")
        if op.name == "parameter":
            kind = op.attrs.pop("kind", "parameter")
            self.result.parameters[str(name)] = Parameter(str(name), op.result.type, str(kind))
        elif op.name == "constant" and "value" in op.attrs:
            array = op.attrs.pop("value")
            self.result.constants[str(name)] = np.asarray(array).reshape(op.result.shape)  # type: ignore[arg-type]

    def operand(self) -> Operand:
        if self.accept("none"):
            return None
        if self.accept("["):
            values: list[Value] = []
            while not self.accept("]"):
                if values:
                    self.expect(",")
                values.append(self.use())
            return tuple(values)
        return self.use()

    def use(self) -> Value:
        name = self.token.text
        if self.token.kind == "value":
            for scope in reversed(self.scopes):
                if name in scope:
                    self.at += 1
                    return scope[name]
        raise self.fail("a value that is in scope")

    def type(self) -> TensorType:
        short = self.take("name")
        if short not in _DTYPES:
            raise self.fail("a dtype")
        self.expect("[")
        shape: list[Dim] = []
        while not self.accept("]"):
            if shape:
                self.expect(",")
            shape.append(self.dim())
        return TensorType(_DTYPES[short], tuple(shape))

    # -- attributes -------------------------------------------------------------------------------

    def attr(self) -> Attr:
        token = self.token
        if token.kind == "string":
            return self.string()
        if self.accept("["):
            items: list[Attr] = []
            while not self.accept("]"):
                if items:
                    self.expect(",")
                items.append(self.attr())
            return tuple(items)
        following = self.tokens[self.at + 1].text
        if token.text in ("array", "bytes") and following == "(":
            return self.array()
        if token.text in _DTYPES:
            self.at += 1
            return _DTYPES[token.text]
        if token.text in ("None", "True", "False"):
            self.at += 1
            literal: Attr = _LITERALS[token.text]
            return literal
        result: Attr = self.sum()
        return result

    def array(self) -> np.ndarray[Any, Any]:
        kind = self.take("name")
        self.expect("(")
        dtype = _DTYPES[self.take("name")].numpy
        self.expect(",")
        value = self.attr()
        if kind == "array":
            array = np.array(value, dtype)
        else:
            self.expect(",")
            data = base64.b64decode(self.string())
            array = np.frombuffer(data, dtype).reshape(value).copy()  # type: ignore[arg-type]
        self.expect(")")
        return array

    # -- sizes and numbers: Python's grammar of + - * // % max min ----------------------------------

    def dim(self) -> Dim:
        value = self.sum()
        if isinstance(value, (float, complex)):
            raise self.fail("a size")
        result: Dim = value
        return result

    def sum(self) -> Any:
        value = self.product()
        while self.token.text in ("+", "-"):
            if self.accept("+"):
                value = value + self.product()
            else:
                self.expect("-")
                value = value - self.product()
        return value

    def product(self) -> Any:
        value = self.unary()
        while self.token.text in ("*", "//", "%"):
            if self.accept("*"):
                value = value * self.unary()
            elif self.accept("//"):
                value = dims.floordiv(value, self.unary())
            else:
                self.expect("%")
                value = dims.mod(value, self.unary())
        return value

    def unary(self) -> Any:
        if self.accept("-"):
            return -self.unary()
        return self.atom()

    def atom(self) -> Any:
        token = self.token
        if self.accept("("):
            value = self.sum()
            self.expect(")")
            return value
        if token.kind == "number":
            self.at += 1
            return _number(token.text)
        name = self.take("name")
        if name == "complex" and self.accept("("):
            real = self.sum()
            self.expect(",")
            value = complex(real, self.sum())
            self.expect(")")
            return value
        if name in ("max", "min") and self.accept("("):
            a = self.sum()
            self.expect(",")
            b = self.sum()
            self.expect(")")
            return dims.max_(a, b) if name == "max" else dims.min_(a, b)
        return _LITERALS[name] if name in _LITERALS else dims.symbol(name)


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)

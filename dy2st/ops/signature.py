"""Signatures of operations: phi's names, order and defaults, written as Python people read them.

``"x: Tensor, axis: ints = (), keepdim: bool = False -> out"`` names the tensor operands first (in
phi they may come between attributes: order is free), then attributes with defaults, then results.

Kinds of operand: ``Tensor``, ``Tensor?`` (may be absent), ``Tensor[]`` (a list).
Kinds of attribute: ``int``, ``float``, ``bool``, ``str``, ``ints`` (elements may be symbolic sizes),
``floats``, ``dtype``, ``scalar`` (a Python number or a symbolic size), ``any``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dy2st.errors import DeclarationError, ShapeError
from dy2st.ir.dims import SymExpr
from dy2st.ir.program import Attr, Operand, Value
from dy2st.ir.types import DType

OPERAND_KINDS = ("Tensor", "Tensor?", "Tensor[]")
_REQUIRED = object()


def _int(value: Any) -> Attr:
    return value if isinstance(value, SymExpr) else int(value)


def _ints(value: Any) -> Attr:
    if isinstance(value, (list, tuple)) or hasattr(value, "__array__"):
        return tuple(_int(v) for v in value)
    return (_int(value),)


def _scalar(value: Any) -> Attr:
    if isinstance(value, (bool, int, float, complex, SymExpr)) or value is None:
        return value
    result: Attr = value.item()
    return result


def _dtype(value: Any) -> Attr:
    return None if value is None else DType.of(value)


_NORMALIZE: dict[str, Callable[[Any], Attr]] = {
    "int": _int,
    "float": lambda v: v if isinstance(v, SymExpr) else float(v),
    "bool": bool,
    "str": str,
    "ints": _ints,
    "floats": lambda v: tuple(float(x) for x in v),
    "dtype": _dtype,
    "scalar": _scalar,
    "any": lambda v: tuple(v) if isinstance(v, list) else v,
}


@dataclass(frozen=True)
class Field:
    """One operand or attribute: name, kind, default (``REQUIRED`` where there is none)."""

    name: str
    kind: str
    default: Any = _REQUIRED

    @property
    def is_operand(self) -> bool:
        return self.kind in OPERAND_KINDS

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED


@dataclass(frozen=True)
class Signature:
    """The fields of an operation in phi's order, and the names of its results."""

    fields: tuple[Field, ...]
    results: tuple[str, ...]

    @property
    def operands(self) -> tuple[Field, ...]:
        return tuple(f for f in self.fields if f.is_operand)

    @property
    def attributes(self) -> tuple[Field, ...]:
        return tuple(f for f in self.fields if not f.is_operand)

    @staticmethod
    def parse(text: str) -> Signature:
        """Read the text form. Raises DeclarationError."""
        left, arrow, right = text.partition("->")
        if not arrow:
            raise DeclarationError(f"signature without '->': {text!r}")
        fields = tuple(_parse_field(part) for part in _split(left))
        return Signature(fields, tuple(r.strip() for r in right.split(",") if r.strip()))

    def bind(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Operand, ...], dict[str, Attr]]:
        """Operands and normalised attributes of a call with phi's argument order or names.

        Tensors must be ``Value``s already. Raises ShapeError for missing or unknown arguments.
        """
        if len(args) > len(self.fields):
            raise ShapeError(f"{len(args)} arguments for {len(self.fields)} parameters")
        given = dict(zip((f.name for f in self.fields), args))
        for name, value in kwargs.items():
            if name in given or all(f.name != name for f in self.fields):
                raise ShapeError(f"unexpected argument {name!r}")
            given[name] = value
        operands: list[Operand] = []
        attrs: dict[str, Attr] = {}
        for field in self.fields:
            value = given.get(field.name, field.default)
            if value is _REQUIRED:
                if field.kind != "Tensor?":
                    raise ShapeError(f"argument {field.name!r} is missing")
                value = None
            if field.is_operand:
                operands.append(_operand(field, value))
            else:
                attrs[field.name] = None if value is None else _NORMALIZE[field.kind](value)
        return tuple(operands), attrs


def _operand(field: Field, value: Any) -> Operand:
    if field.kind == "Tensor[]":
        return tuple(value or ())
    if value is None and field.kind == "Tensor":
        raise ShapeError(f"operand {field.name!r} is missing")
    if value is not None and not isinstance(value, Value):
        raise ShapeError(f"operand {field.name!r} is {type(value).__name__}, not a tensor")
    return value


def _split(text: str) -> list[str]:
    """Split at commas outside of brackets."""
    parts, depth, current = [], 0, ""
    for char in text:
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += char
    return [p.strip() for p in [*parts, current] if p.strip()]


_FIELD = re.compile(r"(\w+)\s*:\s*(Tensor\?|Tensor\[\]|\w+)\s*(?:=\s*(.+))?$")


def _parse_field(text: str) -> Field:
    match = _FIELD.match(text)
    if match is None or match[2] not in (*OPERAND_KINDS, *_NORMALIZE):
        raise DeclarationError(f"not a field of a signature: {text!r}")
    name, kind, default = match.groups()
    return Field(name, kind) if default is None else Field(name, kind, _literal(default))


def _literal(text: str) -> Any:
    import ast

    return ast.literal_eval(text)

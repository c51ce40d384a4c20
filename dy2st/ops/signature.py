"""Signatures of operations: phi's names, order and defaults, written as Python people read them.

``"x: Tensor, axis: ints = (), keepdim: bool = False -> out"`` names the tensor operands first (in
phi they may come between attributes: order is free), then attributes with defaults, then results.

Kinds of operand: ``Tensor``, ``Tensor?`` (may be absent), ``Tensor[]`` (a list).
Kinds of attribute: ``int``, ``float``, ``bool``, ``str``, ``ints`` (elements may be symbolic sizes),
``floats``, ``dtype``, ``scalar`` (a Python number or a symbolic size), ``number`` (the same,
where phi takes a tensor of one element), ``scalars``, ``place``
(accepted and dropped: where a Program runs is not an operation's business), ``any``.

Paddle's generated wrappers hand arguments on as their callers wrote them, so ``bind`` also takes the
aliases of Paddle's Python layer (``input``, ``other``, ``dim``, ``keepdim`` …), ``out=None`` and ``name``,
dtypes as strings, numpy's or Paddle's enums (recognised by their text: nothing here imports Paddle),
and scalars where lists are meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dy2st.errors import DeclarationError, ShapeError
from dy2st.ir.dims import SymExpr
from dy2st.ir.program import Attr, Operand, Value
from dy2st.ir.types import DType
from dy2st.records import record

OPERAND_KINDS = ("Tensor", "Tensor?", "Tensor[]")
_REQUIRED = object()


# What Paddle's Python layer calls an argument besides phi's name; tried in order.
_ALIASES = {
    "input": ("x",),
    "other": ("y",),
    "dim": ("axis",),
    "axis": ("dim", "perm"),
    "keepdim": ("keepdims",),
    "keepdims": ("keepdim",),
    "dim1": ("axis1",),
    "dim2": ("axis2",),
    "x": ("input",),
    "tensors": ("x", "inputs"),
    "indices": ("index",),
}
# Arguments of the Python layer that mean nothing here when they are None.
_IGNORED = ("out", "name")


def _symbolic(value: Any) -> Any:
    """The expression inside of an integer-like object that carries one (``expr``), else ``value``."""
    return getattr(value, "expr", value) if not isinstance(value, (SymExpr, int)) else value


def _int(value: Any) -> Attr:
    value = _symbolic(value)
    return value if isinstance(value, SymExpr) else int(value)


def _float(value: Any) -> Attr:
    value = _symbolic(value)
    return value if isinstance(value, SymExpr) else float(value)


def _ints(value: Any) -> Attr:
    if isinstance(value, (list, tuple)) or hasattr(value, "__array__"):
        return tuple(_int(v) for v in value)
    return (_int(value),)


def _scalar(value: Any) -> Attr:
    value = _symbolic(value)
    if isinstance(value, (bool, int, float, complex, SymExpr)) or value is None:
        return value
    if isinstance(value, str):  # phi reads numbers from text: paddle.full([2], "-inf")
        return float(value)
    result: Attr = value.item()
    return result


# ``str()`` of Paddle's legacy enum, less its prefix.
_LEGACY = {"FP16": "float16", "BF16": "bfloat16", "FP32": "float32", "FP64": "float64"}


def _dtype(value: Any) -> Attr:
    """A DType from a DType, a name, a numpy dtype or scalar type, or one of Paddle's enums."""
    if value is None or isinstance(value, DType):
        return value
    if isinstance(value, (str, np.dtype, type)):
        return DType.of(value.removeprefix("paddle.") if isinstance(value, str) else value)
    name = str(getattr(value, "name", value)).rpartition(".")[2]
    if name.upper() in ("UNDEFINED", "ALL_DTYPE"):
        return None
    return DType.of(_LEGACY.get(name, name.lower()))


_NORMALIZE: dict[str, Callable[[Any], Attr]] = {
    "int": _int,
    "float": _float,
    "bool": lambda v: v not in ("none", "") if isinstance(v, str) else bool(v),
    "str": str,
    "ints": _ints,
    "floats": lambda v: tuple(float(x) for x in v),
    "dtype": _dtype,
    "scalar": _scalar,
    "number": _scalar,
    "scalars": lambda v: tuple(_scalar(x) for x in v),
    "place": lambda v: None,
    "any": lambda v: tuple(v) if isinstance(v, list) else v,
}


@record(frozen=True)
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

    def normalize(self, value: Any) -> Attr:
        """The attribute in its one form; None means the default. Raises ShapeError."""
        if value is None:
            value = None if self.default is _REQUIRED else self.default
        if value is None:
            return None
        try:
            return _NORMALIZE[self.kind](value)
        except (TypeError, ValueError) as error:
            raise ShapeError(f"argument {self.name!r}: {value!r} is not {self.kind}") from error


@record(frozen=True)
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
            target = self._target(name, given)
            if target is not None:
                given[target] = value
            elif name not in _IGNORED or (name == "out" and value is not None):
                raise ShapeError(f"unexpected argument {name!r}")
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
                attrs[field.name] = field.normalize(value)
        return tuple(operands), attrs

    def pack(self, results: Sequence[Any]) -> Any:
        """The results as ``paddle._C_ops`` returns them: one, or a tuple; lists for names in ``[]``.

        Several lists share what the single results leave, in equal parts.
        """
        lists = [r for r in self.results if r.endswith("[]")]
        each = (len(results) - len(self.results) + len(lists)) // max(len(lists), 1)
        left, out = list(results), []
        for name in self.results:
            count = each if name.endswith("[]") else 1
            taken, left = left[:count], left[count:]
            out.append(taken if name.endswith("[]") else taken[0])
        return out[0] if len(out) == 1 else tuple(out)

    def _target(self, name: str, given: Mapping[str, Any]) -> str | None:
        """The field that the keyword ``name`` means; None where there is none left."""
        known = {f.name for f in self.fields}
        for candidate in (name, *_ALIASES.get(name, ())):
            if candidate in known and candidate not in given:
                return candidate
        return None


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

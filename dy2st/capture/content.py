"""What integer tensors are known to hold: ``paddle.shape(x)`` and simple arithmetic on it.

So ``reshape(x, paddle.shape(y)[:2])`` keeps the symbols of ``y``'s shape instead of sizes known only
at run time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir import dims
from dy2st.ir.dims import Dim
from dy2st.ir.program import Operation, Program, Value

_LIMIT = 64
Content = tuple[Dim, ...]


def content_of(program: Program, value: Value) -> Content | None:
    """The elements in row-major order where they are known as sizes; None otherwise."""
    op = value.owner
    if not isinstance(op, Operation) or not value.dtype.is_integer:
        return None
    rule = _RULES.get(op.name)
    return rule(program, op) if rule is not None else None


def number_of(program: Program, value: Value) -> Any:
    """The number in a one-element tensor of any dtype that ``full`` or a constant made; else None."""
    op = value.owner
    if not isinstance(op, Operation) or dims.product(value.shape) != 1:
        return None
    if op.name == "full":
        number: Any = op.attrs["value"]
        if isinstance(number, (bool, int, float)):
            return float(number) if value.dtype.is_floating else int(number)
        return number
    if op.name == "constant":
        return program.constants[str(op.attrs["name"])].item()
    return None


def truth_of(value: Value) -> bool | None:
    """What a bool tensor holds whatever its operand does: an integer is finite."""
    op = value.owner
    if not isinstance(op, Operation) or op.name not in _ABOUT_FLOATS:
        return None
    (x,) = op.flat_operands()
    return op.name == "isfinite" if x.dtype.is_integer else None


_ABOUT_FLOATS = ("isfinite", "isinf", "isnan")


def cast_from(value: Value) -> Value | None:
    """The integer tensor that a float tensor is a cast of; None if it is something else."""
    op = value.owner
    if not isinstance(op, Operation) or op.name != "cast" or not value.dtype.is_floating:
        return None
    (source,) = op.flat_operands()
    return source if source.dtype.is_integer else None


def _shape(program: Program, op: Operation) -> Content | None:
    (x,) = op.flat_operands()
    return x.shape


def _same(program: Program, op: Operation) -> Content | None:
    return content_of(program, next(op.flat_operands()))


def _constant(program: Program, op: Operation) -> Content | None:
    array = program.constants[str(op.attrs["name"])]
    return tuple(int(v) for v in array.reshape(-1)) if array.size <= _LIMIT else None


def _full(program: Program, op: Operation) -> Content | None:
    value: Any = op.attrs["value"]
    size = dims.product(op.result.shape)
    if not isinstance(size, int) or size > _LIMIT or isinstance(value, float):
        return None
    return (value,) * size


def _dim_value(program: Program, op: Operation) -> Content | None:
    value: Any = op.attrs["value"]
    return (value,)


def _join(program: Program, op: Operation) -> Content | None:
    out: list[Dim] = []
    for v in op.flat_operands():
        if v.type.rank > 1:
            return None
        part = content_of(program, v)
        if part is None:
            return None
        out.extend(part)
    return tuple(out)


def _slice(program: Program, op: Operation) -> Content | None:
    x = next(op.flat_operands())
    content = content_of(program, x)
    starts: Any = op.attrs["starts"]
    ends: Any = op.attrs["ends"]
    steps: Any = op.attrs.get("strides") or (1,)
    plain = all(isinstance(v, int) for v in (*starts, *ends, *steps))
    if content is None or x.type.rank != 1 or len(starts) != 1 or not plain:
        return None
    index = np.arange(len(content))[slice(starts[0], ends[0] if steps[0] > 0 else None, steps[0])]
    return tuple(content[i] for i in index)


def _scale(program: Program, op: Operation) -> Content | None:
    content = content_of(program, next(op.flat_operands()))
    scale: Any = op.attrs["scale"]
    bias: Any = op.attrs["bias"]
    if content is None or (isinstance(scale, float) and scale != int(scale)):
        return None
    if isinstance(bias, float) and bias != int(bias):
        return None
    scale = int(scale) if isinstance(scale, float) else scale
    bias = int(bias) if isinstance(bias, float) else bias
    return tuple(c * scale + bias for c in content)


def _binary(function: Any) -> Any:
    def rule(program: Program, op: Operation) -> Content | None:
        a, b = (content_of(program, v) for v in op.flat_operands())
        if a is None or b is None:
            return None
        if len(a) != len(b) and 1 not in (len(a), len(b)):
            return None
        n = max(len(a), len(b))
        wide = [p * n if len(p) == 1 else p for p in (a, b)]
        return tuple(function(x, y) for x, y in zip(*wide))

    return rule


_RULES: dict[str, Any] = {
    "shape": _shape,
    "shape64": _shape,
    "constant": _constant,
    "full": _full,
    "dim_value": _dim_value,
    "cast": _same,
    "assign": _same,
    "reshape": _same,
    "squeeze": _same,
    "unsqueeze": _same,
    "concat": _join,
    "stack": _join,
    "slice": _slice,
    "strided_slice": _slice,
    "scale": _scale,
    "add": _binary(lambda a, b: a + b),
    "subtract": _binary(lambda a, b: a - b),
    "multiply": _binary(lambda a, b: a * b),
    "floor_divide": _binary(lambda a, b: a // b if b != 0 else 0),
    "maximum": _binary(dims.max_),
    "minimum": _binary(dims.min_),
}

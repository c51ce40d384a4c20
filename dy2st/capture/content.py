"""What integer tensors are known to hold: ``paddle.shape(x)`` and simple arithmetic on it.

So ``reshape(x, paddle.shape(y)[:2])`` keeps the symbols of ``y``'s shape instead of sizes known only
at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from dy2st.ir import dims
from dy2st.ir.dims import Dim
from dy2st.ir.program import Operation, Program, Value
from dy2st.ir.symbols import symbols_in
from dy2st.ops import base

_LIMIT = 64
Content = tuple[Dim, ...]
# Elements only change their places; what the numpy definition does with positions tells where to.
_MOVES = frozenset(
    ["reshape", "squeeze", "unsqueeze", "flatten", "concat", "stack", "slice", "strided_slice",
     "split", "split_with_num", "unbind", "unstack", "transpose", "expand", "tile", "flip"]
)  # fmt: skip


def content_of(program: Program, value: Value) -> Content | None:
    """The elements in row-major order where they are known as sizes; None otherwise."""
    array = _Evaluation(program).of(value)
    return None if array is None else tuple(array.reshape(-1).tolist())


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


class _Evaluation:
    """Arrays of sizes (dtype object) that values are known to be."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._known: dict[Value, np.ndarray | None] = {}

    def of(self, value: Value) -> np.ndarray | None:
        if value not in self._known:
            self._known[value] = None
            op = value.owner
            if isinstance(op, Operation) and value.dtype.is_integer and _is_small(value):
                self._known.update(zip(op.results, self._run(op)))
        return self._known[value]

    def _run(self, op: Operation) -> Sequence[np.ndarray | None]:
        unknown = [None] * len(op.results)
        if op.name in _SOURCES:
            content = _SOURCES[op.name](self.program, op)
            return unknown if content is None else [_array(content, op.result.shape)]
        if op.name not in _MOVES and op.name not in _ARITHMETIC:
            return unknown
        operands = [self.of(v) for v in op.flat_operands()]
        if not operands or any(o is None for o in operands):
            return unknown
        known: list[Any] = operands
        if op.name in _MOVES:
            return self._moved(op, known) or unknown
        # Of arrays without axes numpy makes their item.
        return [np.asarray(_ARITHMETIC[op.name](op.attrs, *known), object)]

    def _moved(self, op: Operation, operands: list[np.ndarray]) -> list[np.ndarray] | None:
        declared = base.find(op.name)
        if declared is None or symbols_in(tuple(op.attrs.values())):
            return None
        elements = [e for o in operands for e in o.reshape(-1).tolist()]
        places, start = [], 0
        for array in operands:
            places.append(np.arange(start, start + array.size).reshape(array.shape))
            start += array.size
        given = iter(places)
        arguments = [
            tuple(next(given) for _ in o)
            if isinstance(o, tuple)
            else (None if o is None else next(given))
            for o in op.operands
        ]
        moved = base.evaluate(declared, arguments, dict(op.attrs))
        return [_array([elements[p] for p in m.reshape(-1).tolist()], m.shape) for m in moved]


def _is_small(value: Value) -> bool:
    count = dims.product(value.shape)
    return isinstance(count, int) and count <= _LIMIT


def _array(content: Iterable[Any], shape: Iterable[Any]) -> np.ndarray:
    elements = list(content)
    array = np.empty(len(elements), object)
    array[:] = elements
    return array.reshape(tuple(shape))


# --- where sizes come from -----------------------------------------------------------------------


def _shape(program: Program, op: Operation) -> Content | None:
    (x,) = op.flat_operands()
    return x.shape


def _constant(program: Program, op: Operation) -> Content | None:
    return tuple(int(v) for v in program.constants[str(op.attrs["name"])].reshape(-1))


def _full(program: Program, op: Operation) -> Content | None:
    value: Any = op.attrs["value"]
    size = dims.product(op.result.shape)
    return None if isinstance(value, float) or not isinstance(size, int) else (value,) * size


def _dim_value(program: Program, op: Operation) -> Content | None:
    value: Any = op.attrs["value"]
    return (value,)


_SOURCES: dict[str, Callable[[Program, Operation], Content | None]] = {
    "shape": _shape,
    "shape64": _shape,
    "constant": _constant,
    "full": _full,
    "dim_value": _dim_value,
}

# --- arithmetic ----------------------------------------------------------------------------------


def _whole(number: Any) -> Any:
    return int(number) if isinstance(number, float) and number == int(number) else number


def _scale(attrs: Any, x: np.ndarray) -> Any:
    scale, bias = _whole(attrs["scale"]), _whole(attrs["bias"])
    if isinstance(scale, float) or isinstance(bias, float):
        return None
    return x * scale + bias if attrs.get("bias_after_scale", True) else (x + bias) * scale


def _reduced(function: Any) -> Any:
    def rule(attrs: Any, x: np.ndarray) -> np.ndarray:
        axes = tuple(attrs["axis"]) or tuple(range(x.ndim))
        axes = tuple(range(x.ndim)) if attrs.get("reduce_all") else axes
        out = x
        for axis in sorted((a % x.ndim for a in axes), reverse=True):
            out = function.reduce(out, axis=axis, keepdims=bool(attrs["keepdim"]))
        return np.asarray(out, object)

    return rule


def _summed_up(attrs: Any, x: np.ndarray) -> Any:
    if attrs.get("exclusive") or attrs.get("reverse"):
        return None
    if attrs.get("flatten"):
        x = x.reshape(-1)
    return np.asarray(_add.accumulate(x, axis=int(attrs["axis"]) if x.ndim else 0))


def _binary(function: Any) -> Any:
    return lambda attrs, a, b: np.asarray(function(a, b), object)


_add = np.frompyfunc(lambda a, b: a + b, 2, 1)
_multiply = np.frompyfunc(lambda a, b: a * b, 2, 1)
_ARITHMETIC: dict[str, Any] = {
    "cast": lambda attrs, x: x,
    "assign": lambda attrs, x: x,
    "scale": _scale,
    "add": _binary(_add),
    "subtract": _binary(np.frompyfunc(lambda a, b: a - b, 2, 1)),
    "multiply": _binary(_multiply),
    "floor_divide": _binary(np.frompyfunc(lambda a, b: a // b if b != 0 else 0, 2, 1)),
    "maximum": _binary(np.frompyfunc(dims.max_, 2, 1)),
    "minimum": _binary(np.frompyfunc(dims.min_, 2, 1)),
    "sum": _reduced(_add),
    "prod": _reduced(_multiply),
    "cumsum": _summed_up,
}

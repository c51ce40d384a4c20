"""How ``cases`` of an operation are written: operands by shape, attributes by value.

A case is a dict by signature name. For an operand: a shape (``(2, "N")``: a string is a symbolic
size), a list of shapes for a list of tensors, or an ``Arg`` that says more. The dtype under test
goes into every operand that does not fix its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dy2st.ir.dims import symbol
from dy2st.ir.types import DType, TensorType
from dy2st.ops.signature import Field
from dy2st.records import record


@record(frozen=True)
class Arg:
    """One operand of a case.

    ``dtype`` fixes the element type; ``low``/``high`` bound the values (``high`` excluded for
    integers); ``values`` gives them outright; ``specials`` False keeps NaN and infinities out.
    """

    shape: tuple[int | str, ...] = ()
    dtype: str | None = None
    low: float | None = None
    high: float | None = None
    values: Any = None
    specials: bool = True


def ints(shape: tuple[int | str, ...], high: int, low: int = 0, dtype: str = "int64") -> Arg:
    """Integers in ``[low, high)``, as indices are."""
    return Arg(shape, dtype, low, high)


def bools(*shape: int | str) -> Arg:
    """A bool tensor."""
    return Arg(shape, "bool")


def between(shape: tuple[int | str, ...], low: float, high: float) -> Arg:
    """Values of the dtype under test in ``[low, high)``, no special ones."""
    return Arg(shape, None, low, high, specials=False)


def values(data: Any, dtype: str | None = None) -> Arg:
    """Exactly these values."""
    return Arg(np.shape(data), dtype, values=data, specials=False)


UNARY: list[dict[str, Any]] = [
    {"x": (2, 3)},
    {"x": ()},
    {"x": ("N", 4)},
    {"x": (0, 3)},
    {"x": (3, 67)},
]
BINARY: list[dict[str, Any]] = [
    {"x": (2, 3), "y": (2, 3)},
    {"x": (2, 1, 4), "y": (3, 1)},
    {"x": (), "y": (2,)},
    {"x": (), "y": ()},
    {"x": ("N", 4), "y": (4,)},
    {"x": ("N", 4), "y": ("N", 1)},
    {"x": (0, 3), "y": (1, 3)},
]

_SPECIALS = (np.nan, np.inf, -np.inf, -0.0, 0.0, 3e30, -3e30, 0.5, -0.5, 2.0, 2.5)
_DENORMALS = (1e-42, -1e-42, 1e-310)


@record(frozen=True)
class Draw:
    """How operands of a case become arrays: dtype under test, sizes of symbols, special values."""

    dtype: str
    sizes: dict[str, int]
    specials: bool
    denormals: bool
    rng: np.random.Generator

    def operands(self, fields: Sequence[Field], case: dict[str, Any]) -> list[Any]:
        """Arrays, None or tuples of arrays, in the order of the operand ``fields``."""
        return [self._operand(f, case.get(f.name)) for f in fields]

    def _operand(self, field: Field, spec: Any) -> Any:
        if spec is None:
            return () if field.kind == "Tensor[]" else None
        if field.kind == "Tensor[]":
            return tuple(self.array(s) for s in spec)
        return self.array(spec)

    def array(self, spec: Any) -> np.ndarray:
        """One array for a shape or an ``Arg``."""
        arg = spec if isinstance(spec, Arg) else Arg(tuple(spec))
        dtype = DType.of(arg.dtype or self.dtype).numpy
        if arg.values is not None:
            return np.asarray(arg.values).astype(dtype)
        shape = tuple(self.sizes[d] if isinstance(d, str) else d for d in arg.shape)
        with np.errstate(all="ignore"):
            return np.asarray(self._fill(arg, shape, dtype)).astype(dtype)

    def _fill(self, arg: Arg, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        if dtype.kind == "b":
            return self.rng.random(shape) < 0.5
        if dtype.kind in "iu":
            low = int(arg.low if arg.low is not None else (0 if dtype.kind == "u" else -9))
            high = int(np.ceil(10 if arg.high is None else arg.high))
            return self.rng.integers(low, max(high, low + 1), shape)
        if arg.low is not None and arg.high is not None:
            return self.rng.uniform(arg.low, arg.high, shape)
        out = self.rng.normal(0, 1.5, shape)
        # Ties, exact integers and halves among the rest.
        out = np.where(self.rng.random(shape) < 0.2, np.round(out * 2) / 2, out)
        if dtype.kind == "c":
            return out + 1j * self.rng.normal(0, 1.5, shape)
        if self.specials and arg.specials:
            pool = _SPECIALS + (_DENORMALS if self.denormals else ())
            out = np.where(self.rng.random(shape) < 0.3, self.rng.choice(pool, shape), out)
        return out


def symbolic_types(fields: Sequence[Field], case: dict[str, Any], dtype: str) -> list[Any]:
    """The operands' types with symbols for the named sizes, in the order of ``fields``."""

    def one(spec: Any) -> TensorType:
        arg = spec if isinstance(spec, Arg) else Arg(tuple(spec))
        shape = tuple(symbol(d) if isinstance(d, str) else d for d in arg.shape)
        return TensorType(DType.of(arg.dtype or dtype), shape)

    out: list[Any] = []
    for field in fields:
        spec = case.get(field.name)
        if spec is None:
            out.append(() if field.kind == "Tensor[]" else None)
        elif field.kind == "Tensor[]":
            out.append(tuple(one(s) for s in spec))
        else:
            out.append(one(spec))
    return out

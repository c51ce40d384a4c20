"""Scalar expressions: what a ``Map`` node computes for one element.

An expression is built by a function ``fn(s, x, y, ...)`` where ``s`` is ``SCALARS`` below and the
operands are ``Scalar``. Python numbers may stand for any operand and take the dtype of the other
operands. Operators (``+ - * / < & ~`` ...) are the methods of ``s`` under another name.

Dtypes inside an expression are those that arithmetic is done in: float16 and bfloat16 operands
arrive as float32, and the node's own dtype rounds the result once at the end.
"""

from __future__ import annotations

from collections.abc import Callable

from dy2st.errors import ShapeError
from dy2st.records import record

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTS = ("int8", "uint8", "int16", "int32", "int64")
DTYPES = ("bool", *INTS, *FLOATS)
ITEMSIZE = {
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}

# Functions of one float that give the same float type.
FLOAT_UNARY = [
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "erf",
    "sigmoid",
    "floor",
    "ceil",
    "round",
    "rint",
    "trunc",
    "lgamma",
]
# Functions of one number of any kind that give the same type.
ANY_UNARY = ("neg", "abs", "sign", "relu", "square")
TESTS = ("isnan", "isinf", "isfinite")
FLOAT_BINARY = ("pow", "atan2", "fmin", "fmax", "fmod", "copysign")
# ``max``/``min`` give NaN where either operand is NaN. ``floordiv``/``mod`` are Python's, and fail
# the kernel at the user's line where an integer divisor is zero; so does ``div`` on integers, which
# truncates as C does.
ANY_BINARY = ("add", "sub", "mul", "div", "floordiv", "mod", "max", "min")
BIT_BINARY = ("and_", "or_", "xor", "shl", "shr")
COMPARES = ("eq", "ne", "lt", "le", "gt", "ge")


@record(frozen=True, eq=False)
class Scalar:
    """One value of an expression: ``op`` over ``args``; ``value`` for ``const`` and ``arg``."""

    op: str
    dtype: str
    args: tuple[Scalar, ...] = ()
    value: int | float | bool | str = 0

    def __add__(self, other: Operand) -> Scalar:
        return SCALARS.add(self, other)

    def __radd__(self, other: Operand) -> Scalar:
        return SCALARS.add(other, self)

    def __sub__(self, other: Operand) -> Scalar:
        return SCALARS.sub(self, other)

    def __rsub__(self, other: Operand) -> Scalar:
        return SCALARS.sub(other, self)

    def __mul__(self, other: Operand) -> Scalar:
        return SCALARS.mul(self, other)

    def __rmul__(self, other: Operand) -> Scalar:
        return SCALARS.mul(other, self)

    def __truediv__(self, other: Operand) -> Scalar:
        return SCALARS.div(self, other)

    def __rtruediv__(self, other: Operand) -> Scalar:
        return SCALARS.div(other, self)

    def __floordiv__(self, other: Operand) -> Scalar:
        return SCALARS.floordiv(self, other)

    def __mod__(self, other: Operand) -> Scalar:
        return SCALARS.mod(self, other)

    def __neg__(self) -> Scalar:
        return SCALARS.neg(self)

    def __lt__(self, other: Operand) -> Scalar:
        return SCALARS.lt(self, other)

    def __le__(self, other: Operand) -> Scalar:
        return SCALARS.le(self, other)

    def __gt__(self, other: Operand) -> Scalar:
        return SCALARS.gt(self, other)

    def __ge__(self, other: Operand) -> Scalar:
        return SCALARS.ge(self, other)

    def __and__(self, other: Operand) -> Scalar:
        return SCALARS.and_(self, other)

    def __or__(self, other: Operand) -> Scalar:
        return SCALARS.or_(self, other)

    def __xor__(self, other: Operand) -> Scalar:
        return SCALARS.xor(self, other)

    def __invert__(self) -> Scalar:
        return SCALARS.not_(self)

    def __bool__(self) -> bool:
        raise TypeError("a scalar expression has no truth value; use s.select")


def in_order(expr: Scalar) -> list[Scalar]:
    """Every part of an expression, arguments first, each once."""
    seen: dict[Scalar, None] = {}
    stack = [(expr, False)]
    while stack:
        e, ready = stack.pop()
        if e in seen:
            continue
        if ready:
            seen[e] = None
            continue
        stack.append((e, True))
        stack.extend((a, False) for a in reversed(e.args) if a not in seen)
    return list(seen)


Operand = Scalar | int | float | bool


def is_float(dtype: str) -> bool:
    """Whether ``dtype`` is a (real) floating dtype."""
    return dtype in FLOATS


def is_int(dtype: str) -> bool:
    """Whether ``dtype`` is an integer dtype; bool is not."""
    return dtype in INTS


def compute_dtype(dtype: str) -> str:
    """The dtype in which arithmetic on ``dtype`` is done."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def promote(a: str, b: str) -> str:
    """The dtype of an operation over ``a`` and ``b``: floats before ints before bool, then width."""
    if a == b:
        return a
    if {a, b} == {"float16", "bfloat16"}:
        return "float32"
    if {a, b} == {"int8", "uint8"}:
        return "int16"
    rank = {name: i for i, name in enumerate(DTYPES)}
    if a not in rank or b not in rank:
        raise ShapeError(f"no native arithmetic over {a} and {b}")
    return a if rank[a] > rank[b] else b


def constant(value: int | float | bool, dtype: str) -> Scalar:
    """The constant ``value`` as ``dtype``."""
    if dtype == "bool":
        return Scalar("const", dtype, value=bool(value))
    if is_int(dtype):
        return Scalar("const", dtype, value=int(value))
    return Scalar("const", dtype, value=float(value))


def _natural(value: int | float | bool) -> str:
    if isinstance(value, bool):
        return "bool"
    return "int64" if isinstance(value, int) else "float32"


def _unify(values: tuple[Operand, ...]) -> tuple[str, tuple[Scalar, ...]]:
    """All of ``values`` in one dtype; Python numbers follow the scalars beside them."""
    dtypes = [v.dtype for v in values if isinstance(v, Scalar)]
    if not dtypes:
        dtypes = [_natural(v) for v in values if not isinstance(v, Scalar)]
    common = dtypes[0]
    for dtype in dtypes[1:]:
        common = promote(common, dtype)
    if not is_float(common) and any(isinstance(v, float) for v in values):
        common = "float32"
    out = tuple(
        SCALARS.cast(v, common) if isinstance(v, Scalar) else constant(v, common) for v in values
    )
    return common, out


class Scalars:
    """The functions that expressions are built from; see the table in docs/design/kernels.md."""

    def const(self, value: int | float | bool, dtype: str) -> Scalar:
        """A constant of ``dtype``."""
        return constant(value, compute_dtype(dtype))

    def cast(self, x: Operand, dtype: str) -> Scalar:
        """``x`` as ``dtype``; float to int truncates; float16 and bfloat16 round, then stay float32."""
        x = self._scalar(x)
        if dtype in ("float16", "bfloat16"):
            rounded = self.cast(x, "float32")
            return Scalar("round_to", "float32", (rounded,), dtype)
        if x.dtype == dtype:
            return x
        if x.op == "const" and not isinstance(x.value, str):
            return constant(x.value, dtype)
        return Scalar("cast", dtype, (x,))

    def select(self, condition: Operand, x: Operand, y: Operand) -> Scalar:
        """``x`` where ``condition`` holds, else ``y``; both are evaluated."""
        dtype, (a, b) = _unify((x, y))
        return Scalar("select", dtype, (self.cast(condition, "bool"), a, b))

    def clip(self, x: Operand, low: Operand, high: Operand) -> Scalar:
        """``min(max(x, low), high)``; NaN stays NaN."""
        return self.min(self.max(x, low), high)

    def fma(self, x: Operand, y: Operand, z: Operand) -> Scalar:
        """``x * y + z``, rounded once where the machine can."""
        dtype, args = _unify((x, y, z))
        return Scalar("fma", dtype, args)

    def not_(self, x: Operand) -> Scalar:
        """Logical not of a bool, bitwise not of an integer."""
        x = self._scalar(x)
        if is_float(x.dtype):
            x = self.cast(x, "bool")
        return Scalar("not_", x.dtype, (x,))

    def logical_and(self, x: Operand, y: Operand) -> Scalar:
        """``bool(x) and bool(y)``."""
        return self.and_(self.cast(x, "bool"), self.cast(y, "bool"))

    def logical_or(self, x: Operand, y: Operand) -> Scalar:
        """``bool(x) or bool(y)``."""
        return self.or_(self.cast(x, "bool"), self.cast(y, "bool"))

    def logical_xor(self, x: Operand, y: Operand) -> Scalar:
        """``bool(x) != bool(y)``."""
        return self.xor(self.cast(x, "bool"), self.cast(y, "bool"))

    def logical_not(self, x: Operand) -> Scalar:
        """``not bool(x)``."""
        return self.not_(self.cast(x, "bool"))

    def _scalar(self, x: Operand) -> Scalar:
        return x if isinstance(x, Scalar) else constant(x, _natural(x))

    def _unary(self, op: str, x: Operand) -> Scalar:
        x = self._scalar(x)
        if op in FLOAT_UNARY:
            if op in ("floor", "ceil", "round", "rint", "trunc") and not is_float(x.dtype):
                return x
            x = x if is_float(x.dtype) else self.cast(x, "float32")
            return Scalar(op, x.dtype, (x,))
        if op in TESTS:
            if not is_float(x.dtype):
                return constant(op == "isfinite", "bool")
            return Scalar(op, "bool", (x,))
        if op == "square":
            return self.mul(x, x)
        if x.dtype == "bool":
            if op in ("abs", "relu"):
                return x
            x = self.cast(x, "int64")
        return Scalar(op, x.dtype, (x,))

    def _binary(self, op: str, x: Operand, y: Operand) -> Scalar:
        dtype, (a, b) = _unify((x, y))
        if op in COMPARES:
            return Scalar(op, "bool", (a, b))
        if op in FLOAT_BINARY and not is_float(dtype) and op != "pow":
            if op in ("fmin", "fmax"):
                return Scalar(op[1:], dtype, (a, b))
            a, b, dtype = self.cast(a, "float32"), self.cast(b, "float32"), "float32"
        if op in BIT_BINARY and is_float(dtype):
            raise ShapeError(f"{op} needs integers or bools, not {dtype}")
        if dtype == "bool" and op in ANY_BINARY:
            if op in ("max", "min"):
                return Scalar("or_" if op == "max" else "and_", dtype, (a, b))
            if op in ("add", "mul"):
                return Scalar("or_" if op == "add" else "and_", dtype, (a, b))
            a, b, dtype = self.cast(a, "int64"), self.cast(b, "int64"), "int64"
        return Scalar(op, dtype, (a, b))

    def __getattr__(self, name: str) -> Callable[..., Scalar]:
        if name in _UNARY:
            return lambda x: self._unary(name, x)
        if name in _BINARY:
            return lambda x, y: self._binary(name, x, y)
        raise AttributeError(f"no scalar function {name!r}; see docs/design/kernels.md")


_UNARY = frozenset((*FLOAT_UNARY, *ANY_UNARY, *TESTS))
_BINARY = frozenset((*FLOAT_BINARY, *ANY_BINARY, *BIT_BINARY, *COMPARES))
SCALARS = Scalars()

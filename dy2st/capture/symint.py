"""SymInt: an integer whose value is a symbolic size.

It reports ``int`` as its class, so that ``isinstance(n, int)`` holds in anybody's code, but it is no
subclass: C code would read a subclass as a constant without a word. Arithmetic stays symbolic; a
comparison decides by the example and records a guard through the oracle of ``ir.dims``; a use as a
plain integer (``range``, ``np.zeros``, ``__index__``) is the example's value, guarded by equality.
A size known only at run time has no example: comparing it gives a symbolic bool tensor.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from dy2st.errors import ConcreteValueError
from dy2st.ir import dims
from dy2st.ir.dims import Dim, SymExpr

_OF_INTEGERS = {"isfinite": True, "isinf": False, "isnan": False}


class SymInt:
    """An integer-like object; ``expr`` is its size expression, ``example`` its value or None."""

    __slots__ = ("_owner", "_shape", "expr")

    def __init__(self, expr: SymExpr, owner: Owner) -> None:
        self.expr = expr
        self._owner = owner
        self._shape: Any = None

    def of_shape(self, shape: Any) -> SymInt:
        """This number as ``Tensor.size``, which gives the shape when it is called."""
        self._shape = shape
        return self

    def __call__(self, dim: Any = None) -> Any:
        if self._shape is None:
            raise TypeError("'int' object is not callable")
        return self._shape if dim is None else self._shape[dim]

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # type: ignore[override]
        return int

    @property
    def example(self) -> int | None:
        """The value in the example call; None where only a run tells."""
        return self._owner.example(self.expr)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """numpy on a size: every integer is finite; anything else gets the guarded value."""
        if ufunc.__name__ in _OF_INTEGERS and len(inputs) == 1:
            return _OF_INTEGERS[ufunc.__name__]
        plain = [int(x) if is_symint(x) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)

    # --- arithmetic -------------------------------------------------------------------------

    def _combine(self, other: Any, op: Callable[[Any, Any], Any], reflected: bool = False) -> Any:
        right = dim_of(other)
        if right is not None:
            a, b = (right, self.expr) if reflected else (self.expr, right)
            return wrap(op(a, b), self._owner)
        if type(other).__name__ == "Scalar":
            return NotImplemented  # a float or bool known only at run time: it knows what to do
        if isinstance(other, float) and self.example is None:
            return self._as_float(op.__name__, other, reflected)
        if isinstance(other, (float, complex)):  # Python's own arithmetic on the guarded value
            return op(other, int(self)) if reflected else op(int(self), other)
        return NotImplemented

    def _as_float(self, name: str, other: Any, reflected: bool = False) -> Any:
        from dy2st.capture.scalar import arithmetic

        return arithmetic(name, other, self) if reflected else arithmetic(name, self, other)

    def tensor(self) -> Any:
        """Its value as an int64 tensor of shape []."""
        return self._owner.tensor_of(self.expr)

    def __add__(self, other: Any) -> Any:
        return self._combine(other, operator.add)

    def __radd__(self, other: Any) -> Any:
        return self._combine(other, operator.add, True)

    def __sub__(self, other: Any) -> Any:
        return self._combine(other, operator.sub)

    def __rsub__(self, other: Any) -> Any:
        return self._combine(other, operator.sub, True)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, (list, tuple, str)):
            return other * int(self)
        return self._combine(other, operator.mul)

    def __rmul__(self, other: Any) -> Any:
        if isinstance(other, (list, tuple, str)):
            return other * int(self)
        return self._combine(other, operator.mul, True)

    def __floordiv__(self, other: Any) -> Any:
        _refuse_zero(other, "integer division or modulo by zero")
        return self._combine(other, operator.floordiv)

    def __rfloordiv__(self, other: Any) -> Any:
        _refuse_zero(self, "integer division or modulo by zero")
        return self._combine(other, operator.floordiv, True)

    def __mod__(self, other: Any) -> Any:
        _refuse_zero(other, "integer modulo by zero")
        return self._combine(other, operator.mod)

    def __rmod__(self, other: Any) -> Any:
        if isinstance(other, str):
            return NotImplemented
        _refuse_zero(self, "integer modulo by zero")
        return self._combine(other, operator.mod, True)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __neg__(self) -> Any:
        return wrap(-self.expr, self._owner)

    def __pos__(self) -> SymInt:
        return self

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        if type(other) is int and 0 <= other <= 8 and modulo is None:
            return wrap(dims.product([self.expr] * other), self._owner)
        if isinstance(other, float) and self.example is None:
            return self._as_float("pow", other)
        return pow(int(self), other, modulo)

    def __rpow__(self, other: Any) -> Any:
        if isinstance(other, float) and self.example is None:
            return self._as_float("pow", other, True)
        return other ** int(self)

    # --- where a plain number is needed -----------------------------------------------------

    def __index__(self) -> int:
        return self._owner.concrete(self.expr)

    __int__ = __index__
    __trunc__ = __index__
    __round__ = lambda self, digits=None: self  # noqa: E731
    __floor__ = __pos__
    __ceil__ = __pos__

    def __float__(self) -> float:
        return float(int(self))

    def __truediv__(self, other: Any) -> Any:
        if type(other).__name__ == "Scalar" or not isinstance(other, (int, float, complex)):
            return NotImplemented
        if self.example is None or (is_symint(other) and other.example is None):  # type: ignore[union-attr]
            return self._as_float("truediv", other)
        return int(self) / _plain(other)

    def __rtruediv__(self, other: Any) -> Any:
        if type(other).__name__ == "Scalar" or not isinstance(other, (int, float)):
            return NotImplemented
        if self.example is None:
            return self._as_float("truediv", other, True)
        return _plain(other) / int(self)

    def __and__(self, other: Any) -> Any:
        return self._bits(other, operator.and_)

    def __or__(self, other: Any) -> Any:
        return self._bits(other, operator.or_)

    def __xor__(self, other: Any) -> Any:
        return self._bits(other, operator.xor)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def _bits(self, other: Any, op: Callable[[Any, Any], Any]) -> Any:
        right = dim_of(other)
        if right is None:
            return NotImplemented
        run_time = self.example is None or (is_symint(other) and other.example is None)
        if not run_time:
            return op(int(self), _plain(other))
        from dy2st.capture.scalar import to_int

        return to_int(op(self.tensor(), self._owner.tensor_of(right)))

    def __lshift__(self, other: Any) -> Any:
        return self * (1 << int(other))

    def __rshift__(self, other: Any) -> Any:
        return self // (1 << int(other))

    def __invert__(self) -> Any:
        return -self - 1

    def bit_length(self) -> int:
        return int(self).bit_length()

    # --- comparison -------------------------------------------------------------------------

    def _compare(self, other: Any, op: str) -> Any:
        right = dim_of(other)
        if right is None:
            if type(other).__name__ == "Scalar":
                return NotImplemented
            if isinstance(other, float) and self.example is None:
                return self._as_float(_DUNDER[op].strip("_"), other)
            if isinstance(other, float):
                return getattr(float(int(self)), _DUNDER[op])(other)
            return NotImplemented
        return self._owner.compare(op, self.expr, right)

    def __eq__(self, other: object) -> Any:
        return self._compare(other, "==")

    def __ne__(self, other: object) -> Any:
        return self._compare(other, "!=")

    def __lt__(self, other: Any) -> Any:
        return self._compare(other, "<")

    def __le__(self, other: Any) -> Any:
        return self._compare(other, "<=")

    def __gt__(self, other: Any) -> Any:
        return self._compare(other, ">")

    def __ge__(self, other: Any) -> Any:
        return self._compare(other, ">=")

    def __bool__(self) -> bool:
        decided = self._owner.compare("!=", self.expr, 0)
        return bool(decided)

    def __hash__(self) -> int:
        return hash(int(self))

    def __repr__(self) -> str:
        return str(self.expr)

    def __format__(self, spec: str) -> str:
        return format(int(self), spec)

    def __str__(self) -> str:
        return str(int(self))

    @property
    def real(self) -> SymInt:
        return self

    @property
    def imag(self) -> int:
        return 0

    @property
    def numerator(self) -> SymInt:
        return self

    @property
    def denominator(self) -> int:
        return 1

    def is_integer(self) -> bool:
        return True


_DUNDER = {
    "==": "__eq__",
    "!=": "__ne__",
    "<": "__lt__",
    "<=": "__le__",
    ">": "__gt__",
    ">=": "__ge__",
}


class Owner:
    """What a SymInt asks: the Recorder implements it."""

    def example(self, dim: Dim) -> int | None:
        """The value of ``dim`` in the example call, or None."""
        raise NotImplementedError

    def compare(self, op: str, a: Dim, b: Dim) -> Any:
        """A Python bool with a guard, or one known only at run time (a Scalar)."""
        raise NotImplementedError

    def concrete(self, dim: Dim) -> int:
        """The example's value, guarded by equality. Raises ConcreteValueError without one."""
        raise NotImplementedError

    def tensor_of(self, dim: Dim) -> Any:
        """An int64 tensor of shape [] that holds the value of a size."""
        raise NotImplementedError

    def raise_where_zero(self, dim: Dim, error: Exception) -> None:
        """Let the Program raise ``error`` where a size is zero."""


def _refuse_zero(divisor: Any, text: str) -> None:
    """The Program raises ZeroDivisionError where a divisor that only a run knows is zero."""
    if is_symint(divisor) and divisor.example is None:
        divisor._owner.raise_where_zero(divisor.expr, ZeroDivisionError(text))


def is_symint(value: object) -> bool:
    """Whether ``value`` is a SymInt (``isinstance`` sees an int)."""
    return type(value) is SymInt


def _plain(value: Any) -> Any:
    return int(value) if is_symint(value) else value


def dim_of(value: Any) -> Dim | None:
    """The Dim of a SymInt, int, bool or numpy integer; None for anything else."""
    if type(value) is SymInt:
        return value.expr
    if type(value) in (int, bool):
        return int(value)
    if type(value).__module__ == "numpy" and hasattr(value, "__index__"):
        return int(value)
    if isinstance(value, SymExpr):
        return value
    return None


def wrap(dim: Dim, owner: Owner) -> Any:
    """A SymInt for an expression, the int itself for an int."""
    return SymInt(dim, owner) if isinstance(dim, SymExpr) else dim


def concrete_error(dim: Dim | str) -> ConcreteValueError:
    """Python needs a value that only a run can tell."""
    return ConcreteValueError(
        f"Python needs the value of the size {dim}, which is known only at run time",
        remedy="keep the computation in tensors, or give the size in InputSpec",
    )


def plain(value: Any) -> Any:
    """The expression of a SymInt, anything else as it is: what attributes hold."""
    return value.expr if type(value) is SymInt else value

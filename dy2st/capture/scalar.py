"""Scalar: a Python float or bool whose value is a tensor of shape [] (run-time ints are ``SymInt``).

Arithmetic among Python numbers follows Python (float64; a division by zero raises as the Program
runs); arithmetic with tensors follows eager's rule for Python numbers: the tensor's dtype wins. What
Python insists on having as a plain number is refused by name.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NoReturn

from dy2st.capture import symint
from dy2st.errors import ConcreteValueError


class Scalar:
    """``kind`` is "float" or "bool"; ``tensor`` a symbolic float64 or bool tensor of shape []."""

    __slots__ = ("kind", "tensor")

    def __init__(self, kind: str, tensor: Any) -> None:
        self.kind = kind
        self.tensor = tensor

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # type: ignore[override]
        return float if self.kind == "float" else bool

    def __repr__(self) -> str:
        return f"a {self.kind} known only at run time"

    def refuse(self, what: str) -> NoReturn:
        """Raise ConcreteValueError."""
        raise ConcreteValueError(
            f"the value of {self!r} is {what}",
            location=self.tensor._recorder.location,
            remedy="keep the number in a tensor (paddle.to_tensor) or make it constant",
        )

    def __bool__(self) -> bool:
        self.refuse("tested as a condition by code that is not converted")

    def __float__(self) -> float:
        self.refuse("needed by Python")

    def __index__(self) -> int:
        self.refuse("needed by Python")

    __int__ = __index__

    def __hash__(self) -> int:
        self.refuse("used as a key")

    def __format__(self, spec: str) -> str:
        self.refuse("turned into text")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        self.refuse("read by numpy")

    def __neg__(self) -> Any:
        return -as_int(self) if self.kind == "bool" else Scalar("float", -self.tensor)

    def __pos__(self) -> Any:
        return as_int(self) if self.kind == "bool" else self

    def __abs__(self) -> Any:
        return as_int(self) if self.kind == "bool" else Scalar("float", self.tensor.abs())

    def __trunc__(self) -> Any:
        return as_int(self)

    def __floor__(self) -> Any:
        return to_int(as_float(self).floor())

    def __ceil__(self) -> Any:
        return to_int(as_float(self).ceil())

    def is_integer(self) -> Any:
        """``float.is_integer``."""
        return Scalar("bool", self.tensor.floor() == self.tensor)


def is_scalar(value: object) -> bool:
    """Whether ``value`` is a Scalar (``isinstance`` sees a float or bool)."""
    return type(value) is Scalar


def is_number(value: object) -> bool:
    """Whether ``value`` is a Python number known only at run time: a Scalar or such a SymInt."""
    return type(value) is Scalar or (symint.is_symint(value) and value.example is None)  # type: ignore[attr-defined]


def as_float(value: Any) -> Any:
    """A number as a float64 tensor of shape [] (a plain one as it is)."""
    if type(value) is Scalar:
        return value.tensor.astype("float64")
    if symint.is_symint(value):
        return value.tensor().astype("float64")
    return float(value)


def as_int(value: Any) -> Any:
    """A Scalar as Python's ``int`` of it."""
    return to_int(value.tensor)


def to_int(tensor: Any) -> Any:
    """The integer in a tensor of shape [] as a SymInt."""
    return tensor._recorder.item(tensor.astype("int64"))


# --- operators ---------------------------------------------------------------------------------


def _raise_where(flag: Any, error: type[Exception], text: str) -> None:
    """The Program raises where ``flag``, a bool tensor or a plain bool, holds."""
    if isinstance(flag, bool):
        if flag:
            raise error(text)
        return
    flag._recorder.raise_where(flag, error(text))


def _refuse_zero(divisor: Any, text: str) -> None:
    _raise_where(divisor == 0.0, ZeroDivisionError, text)


def _divide(a: Any, b: Any) -> Any:
    _refuse_zero(b, "float division by zero")
    return a / b


def _modulo(a: Any, b: Any) -> Any:
    _refuse_zero(b, "float modulo")
    return a % b


def _floor_divide(a: Any, b: Any) -> Any:
    _refuse_zero(b, "float floor division by zero")
    return ((a - a % b) / b).round()


def _power(a: Any, b: Any) -> Any:
    """Only where Python can neither raise nor give a complex number."""
    natural = isinstance(b, float) and b >= 0 and b.is_integer()
    if not (natural or (isinstance(a, float) and a > 0)):
        number = a if type(a) is not float else b
        Scalar("float", number).refuse("used in a power that may raise or be complex")
    if isinstance(a, float):
        import paddle

        return paddle.pow(paddle.full([], a, "float64"), b)
    return a**b


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": _divide,
    "mod": _modulo,
    "floordiv": _floor_divide,
    "pow": _power,
}
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_OF_INTS = ("and_", "or_", "xor", "lshift", "rshift")


def arithmetic(name: str, a: Any, b: Any) -> Any:
    """``a <op> b`` of two Python numbers, one of which is known only at run time, as floats."""
    if name in _COMPARISONS:
        return Scalar("bool", getattr(operator, name)(as_float(a), as_float(b)))
    return Scalar("float", _ARITHMETIC[name](as_float(a), as_float(b)))


def _combine(name: str, scalar: Scalar, a: Any, b: Any) -> Any:
    other = b if a is scalar else a
    if type(other).__name__ == "Union":
        return NotImplemented  # it knows what to do: one alternative at a time
    function = getattr(operator, name)
    if _is_tensor(other):
        return _with_tensor(name, scalar, other, reflected=a is not scalar)
    if isinstance(other, complex) or not isinstance(other, (int, float)):
        return NotImplemented
    if _both_bool(a, b) and name in ("eq", "ne", "and_", "or_", "xor"):
        return Scalar("bool", _bool_operation(name)(_flag(scalar, a), _flag(scalar, b)))
    if isinstance(a, float) or isinstance(b, float):
        if name in _OF_INTS:
            return NotImplemented
        return arithmetic(name, a, b)
    return function(*(as_int(v) if type(v) is Scalar else int_of(v) for v in (a, b)))


def int_of(value: Any) -> Any:
    """A bool or int as an int; a SymInt as it is."""
    return value if symint.is_symint(value) else int(value)


def _both_bool(a: Any, b: Any) -> bool:
    return isinstance(a, bool) and isinstance(b, bool)


def _bool_operation(name: str) -> Callable[[Any, Any], Any]:
    import paddle

    functions: dict[str, Callable[[Any, Any], Any]] = {
        "and_": paddle.logical_and,
        "or_": paddle.logical_or,
        "xor": paddle.logical_xor,
        "ne": paddle.logical_xor,
        "eq": lambda a, b: paddle.logical_not(paddle.logical_xor(a, b)),
    }
    return functions[name]


def _flag(scalar: Scalar, value: Any) -> Any:
    if type(value) is Scalar:
        return value.tensor
    import numpy as np

    return scalar.tensor._recorder.constant(np.array(value))


def _is_tensor(value: Any) -> bool:
    from dy2st.capture.dispatch import is_tensor

    return is_tensor(value)


def _with_tensor(name: str, scalar: Scalar, tensor: Any, reflected: bool) -> Any:
    from dy2st.capture import arithmetic as operators

    recorder = scalar.tensor._recorder
    mirrored = _MIRRORED.get(name, f"r{name.strip('_')}")
    method = f"__{name.strip('_') if reflected else mirrored}__"
    if method not in operators.OPERATORS:
        return NotImplemented
    return operators.apply(recorder, method, recorder.lift(tensor), scalar)


_MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}


for _name in (*_ARITHMETIC, *_COMPARISONS, *_OF_INTS):
    _dunder = _name.strip("_")
    setattr(Scalar, f"__{_dunder}__", lambda self, o, n=_name: _combine(n, self, self, o))
    if _name not in _COMPARISONS:
        setattr(Scalar, f"__r{_dunder}__", lambda self, o, n=_name: _combine(n, self, o, self))


# --- functions of ``math`` -----------------------------------------------------------------------


def _sqrt(x: Any) -> Any:
    _raise_where(x < 0.0, ValueError, "math domain error")
    return x.sqrt()


def _log(x: Any) -> Any:
    _raise_where(x <= 0.0, ValueError, "math domain error")
    return x.log()


def _exp(x: Any) -> Any:
    _raise_where(x > 709.782712893384, OverflowError, "math range error")
    return x.exp()


def _finite(name: str) -> Callable[[Any], Any]:
    def apply(x: Any) -> Any:
        _raise_where(x.abs() == math.inf, ValueError, "math domain error")
        return getattr(x, name)()

    return apply


_MATH: dict[str, Callable[[Any], Any]] = {
    "sqrt": _sqrt,
    "log": _log,
    "exp": _exp,
    "sin": _finite("sin"),
    "cos": _finite("cos"),
    "tanh": lambda x: x.tanh(),
    "atan": lambda x: x.atan(),
    "fabs": lambda x: x.abs(),
}
_ROUNDING = {"floor": "__floor__", "ceil": "__ceil__", "trunc": "__trunc__"}


def of_math(name: str, value: Any) -> Any:
    """``math.<name>(value)`` of a number known only at run time. Raises ConcreteValueError."""
    if name in _ROUNDING:
        return getattr(value, _ROUNDING[name])()
    if name not in _MATH:
        Scalar("float", as_float(value)).refuse(f"used in math.{name}")
    return Scalar("float", _MATH[name](as_float(value)))


# The functions of ``math`` that take numbers known only at run time.
MATH = (*_MATH, *_ROUNDING)

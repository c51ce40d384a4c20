"""Python values that depend on a tensor: ``Union`` (one of two objects) and ``Scalar`` (a number).

A use of a ``Union`` opens its condition again: ``u + 1`` is ``if tag: then + 1, else: orelse + 1``,
captured as a branch like any other. So the result, effects and errors are Python's own on each
side, and nothing has to be guessed. What Python itself insists on having as one plain object
(``bool``, ``len``, ``iter``, ``str``, hashing) is refused by name unless converted code asks.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

from dy2st.convert import active
from dy2st.convert.places import UNBOUND
from dy2st.errors import BranchMismatchError, ConcreteValueError, Location


class Union:
    """``then`` where the bool SSA value ``tag`` holds, ``orelse`` elsewhere."""

    __slots__ = ("name", "orelse", "tag", "then", "where")

    def __init__(
        self,
        tag: Any,
        then: Any,
        orelse: Any,
        name: str = "",
        where: Location | None = None,
    ) -> None:
        self.tag = tag
        self.then = then
        self.orelse = orelse
        self.name = name
        self.where = where

    def __repr__(self) -> str:
        return f"{show(self.then)} or {show(self.orelse)}"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return distribute(lambda value: getattr(value, name), self)

    def __getitem__(self, key: Any) -> Any:
        return distribute(lambda value: value[key], self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return distribute(lambda value: value(*args, **kwargs), self)

    def __hash__(self) -> int:
        refuse(self, "is used as a key")

    def __bool__(self) -> bool:
        refuse(self, "is tested as a condition by code that is not converted")

    def __len__(self) -> int:
        refuse(self, "is measured with len() by code that is not converted")

    def __iter__(self) -> Any:
        refuse(self, "is iterated over by code that is not converted")

    def __contains__(self, item: object) -> bool:
        refuse(self, "is searched with `in` by code that is not converted")

    def __str__(self) -> str:
        refuse(self, "is turned into text")

    def __format__(self, spec: str) -> str:
        refuse(self, "is turned into text")

    def __index__(self) -> int:
        refuse(self, "is used as a plain integer by code that is not converted")

    __int__ = __index__

    def __float__(self) -> float:
        refuse(self, "is used as a plain number by code that is not converted")


def _binary(name: str) -> None:
    function = getattr(operator, name)

    def forward(self: Union, other: Any) -> Any:
        return distribute(lambda value: function(value, other), self)

    def reflected(self: Union, other: Any) -> Any:
        return distribute(lambda value: function(other, value), self)

    setattr(Union, f"__{name.strip('_')}__", forward)
    if name not in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Union, f"__r{name.strip('_')}__", reflected)


for _name in (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"),
    *("lshift", "rshift", "eq", "ne", "lt", "le", "gt", "ge"),
):
    _binary(_name)


def _unary(name: str) -> None:
    function: Callable[[Any], Any] = getattr(operator, name)
    setattr(Union, f"__{name}__", lambda self: distribute(function, self))


for _name in ("neg", "pos", "abs", "invert"):
    _unary(_name)


def distribute(function: Callable[[Any], Any], union: Union) -> Any:
    """``function`` of the value that the union has, captured under the union's condition."""
    session = active.current()
    if session is None:
        refuse(union, "is used after the capture that made it")
    return session.distribute(function, union)


def need(value: Any, name: str) -> Any:
    """``value``; raises what Python raises where it is UNBOUND."""
    if value is UNBOUND:
        raise UnboundLocalError(
            f"cannot access local variable {name!r} where it is not associated with a value"
        )
    return value


def show(value: Any) -> str:
    """A short text of a value, for messages."""
    if isinstance(value, Union):
        return repr(value)
    if type(value).__name__ == "Value" and hasattr(value, "type"):
        return f"a tensor {value.type}"
    value_type = getattr(getattr(value, "_value", None), "type", None)
    if value_type is not None:
        return f"a tensor {value_type}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def refuse(union: Union, what: str) -> NoReturn:
    """Raise BranchMismatchError: the union's two values cannot be one Python object here."""
    at = f" (the condition at line {union.where.line})" if union.where is not None else ""
    name = repr(union.name) if union.name else "a value"
    raise BranchMismatchError(
        f"{name} is {show(union.then)} in one branch and {show(union.orelse)} in the other{at}, "
        f"and {what}",
        location=active.location(),
        remedy="give both branches the same kind of value, or move this use into the branches",
    )


class Scalar:
    """A Python float or bool whose value is a tensor of shape [] (ints are ``SymInt``).

    Arithmetic with tensors follows Python numbers (the tensor's dtype wins).
    """

    __slots__ = ("kind", "tensor")

    def __init__(self, kind: str, tensor: Any) -> None:
        self.kind = kind
        self.tensor = tensor

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # type: ignore[override]
        return float if self.kind == "float" else bool

    def __repr__(self) -> str:
        return f"a {self.kind} known only at run time"

    def _refuse(self, what: str) -> NoReturn:
        raise ConcreteValueError(
            f"the value of {self!r} is {what}",
            location=active.location(),
            remedy="keep the number in a tensor (paddle.to_tensor) or make it constant",
        )

    def __bool__(self) -> bool:
        self._refuse("tested as a condition by code that is not converted")

    def __float__(self) -> float:
        self._refuse("needed by Python")

    def __index__(self) -> int:
        self._refuse("needed by Python")

    __int__ = __index__

    def __hash__(self) -> int:
        self._refuse("used as a key")

    def __format__(self, spec: str) -> str:
        self._refuse("turned into text")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse("read by numpy")


def is_scalar(value: object) -> bool:
    """Whether ``value`` is a Scalar (``isinstance`` sees a float or bool)."""
    return type(value) is Scalar


def _scalar_binary(name: str) -> None:
    function = getattr(operator, name)
    compares = name in ("eq", "ne", "lt", "le", "gt", "ge")

    def combine(self: Scalar, a: Any, b: Any) -> Any:
        other = b if a is self else a
        if isinstance(other, Union):
            return NotImplemented
        if active.is_tensor(other):
            return function(*(_like(v, other) for v in (a, b)))
        if self.kind != "float" or not isinstance(other, (int, float)):
            self._refuse(f"used in {name!r}")
        if name in ("truediv", "mod", "floordiv") and (b is self or not _plain_nonzero(b)):
            # Python raises ZeroDivisionError where a tensor gives inf.
            self._refuse(f"used in {name!r}")
        result = function(*(_tensor_of(v) for v in (a, b)))
        return Scalar("bool" if compares else "float", result)

    setattr(Scalar, f"__{name}__", lambda self, other: combine(self, self, other))
    if not compares:
        setattr(Scalar, f"__r{name}__", lambda self, other: combine(self, other, self))


def _plain_nonzero(value: Any) -> bool:
    return type(value) in (int, float) and value != 0


def _tensor_of(value: Any) -> Any:
    if type(value) is Scalar:
        return value.tensor
    session = active.current()
    if type(value) not in (int, float) and session is not None:  # a SymInt
        return session.recorder.tensor_of(value.expr).astype("float64")
    return float(value)


def _like(value: Any, tensor: Any) -> Any:
    if type(value) is not Scalar:
        return value
    dtype = str(tensor.dtype).rsplit(".", 1)[-1]
    if "float" not in dtype:
        value._refuse("used in arithmetic with an integer tensor")
    return value.tensor.astype(dtype)


for _name in ("add", "sub", "mul", "truediv", "eq", "ne", "lt", "le", "gt", "ge"):
    _scalar_binary(_name)
setattr(Scalar, "__neg__", lambda self: self * -1.0)  # noqa: B010

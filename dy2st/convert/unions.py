"""Unions: Python values that are one of two objects, by a tensor.

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
from dy2st.errors import BranchMismatchError, Location


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

"""Binary operators where a plain one would not do: unions, containers whose contents depend on a tensor,
classes of the user's with operators of their own, text made with ``%``."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable
from types import FunctionType
from typing import Any

from dy2st.convert import active
from dy2st.convert.session import Session
from dy2st.convert.unions import Union, distribute

_OPERATORS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "+": ("add", operator.add),
    "-": ("sub", operator.sub),
    "*": ("mul", operator.mul),
    "@": ("matmul", operator.matmul),
    "/": ("truediv", operator.truediv),
    "//": ("floordiv", operator.floordiv),
    "%": ("mod", operator.mod),
    "**": ("pow", operator.pow),
    "<<": ("lshift", operator.lshift),
    ">>": ("rshift", operator.rshift),
    "|": ("or", operator.or_),
    "^": ("xor", operator.xor),
    "&": ("and", operator.and_),
}
_CONTAINERS = (list, dict, set, deque)


def binary(left: Any, symbol: str, right: Any) -> Any:
    """``left <symbol> right``."""
    name, function = _OPERATORS[symbol]
    session = active.current()
    if session is None:
        return function(left, right)
    left, right = session.simplify(left), session.simplify(right)
    if type(left) is Union:
        return distribute(lambda known: binary(known, symbol, right), left)
    if type(right) is Union:
        return distribute(lambda known: binary(left, symbol, known), right)
    for side in (left, right):
        if isinstance(side, _CONTAINERS) and session.contents_of(side) is not None:
            return _of_containers(session, left, symbol, right)
    if symbol == "%" and isinstance(left, str):
        from dy2st.convert.text import percent

        return percent(left, right)
    found = _users(name, left, right)
    return function(left, right) if found is NotImplemented else found


def _of_containers(session: Session, left: Any, symbol: str, right: Any) -> Any:
    """An operator on containers whose contents depend on a tensor, one alternative at a time."""
    again = lambda: binary(left, symbol, right)  # noqa: E731
    for side in (left, right):
        if isinstance(side, _CONTAINERS) and session.split_of(side) is not None:
            return session.with_contents(side, again)
    from dy2st.convert.grown import concatenated

    return concatenated(session, left, symbol, right)


def _users(name: str, left: Any, right: Any) -> Any:
    """The result of the user's own operator methods, converted; NotImplemented without any."""
    forward, backward = _method(left, f"__{name}__"), _method(right, f"__r{name}__")
    if forward is None and backward is None:
        return NotImplemented
    tries = [(forward, left, right), (backward, right, left)]
    if type(right) is type(left):
        tries.pop()
    elif isinstance(right, type(left)) and backward is not None:
        tries.reverse()  # Python asks the more derived class first
    if any(method is None for method, _, _ in tries):
        first = tries[0][0]
        if first is None and hasattr(type(tries[0][1]), f"__{name}__"):
            return NotImplemented  # the other side's is no Python function: Python decides
    from dy2st.convert.calls import call

    for method, owner, other in tries:
        found = NotImplemented if method is None else call(method, owner, other)
        if found is not NotImplemented:
            return found
    return NotImplemented


def _method(owner: Any, name: str) -> Any:
    from dy2st.convert.calls import is_convertible

    method = getattr(type(owner), name, None)
    return method if type(method) is FunctionType and is_convertible(method) else None


_COMPARISONS = {
    "<": ("__lt__", "__gt__"),
    "<=": ("__le__", "__ge__"),
    ">": ("__gt__", "__lt__"),
    ">=": ("__ge__", "__le__"),
    "==": ("__eq__", "__eq__"),
    "!=": ("__ne__", "__ne__"),
}


def user_comparison(left: Any, symbol: str, right: Any) -> Any:
    """A comparison by the user's own methods, converted; NotImplemented where Python decides."""
    forward, backward = _COMPARISONS[symbol]
    method = _method(left, forward)
    if method is None or (isinstance(right, type(left)) and type(right) is not type(left)):
        return NotImplemented
    from dy2st.convert.calls import call

    found = call(method, left, right)
    if found is NotImplemented:
        method = _method(right, backward)
        found = NotImplemented if method is None else call(method, right, left)
    return found

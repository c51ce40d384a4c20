"""Calls of code that is not converted, and methods of containers: with which precautions.

Unions are taken one alternative at a time; the journals are told of all containers that such code may
change. Paddle's own functions that ask for a value that only a run knows are undone and called
converted.
"""

from __future__ import annotations

from types import CodeType, FunctionType
from typing import Any

from dy2st import debug
from dy2st.capture.size import is_size_class
from dy2st.convert import active
from dy2st.convert.builtins_ import PASSES_ITEMS
from dy2st.convert.grown import joined
from dy2st.convert.grown import method as grown_method
from dy2st.convert.places import contents_place
from dy2st.convert.session import Session
from dy2st.convert.snapshot import is_plain_object
from dy2st.convert.unions import Union, distribute, refuse
from dy2st.errors import ConcreteValueError, ConversionError, SideEffectError


def is_marked(function: Any) -> bool:
    if getattr(function, "_dy2st_not_to_static", False):
        return True
    options = getattr(function, "___jit_transform_options___", None)
    mode = getattr(options, "skip_transform_mode", None)
    return mode is not None and "AST" in str(mode)


_READERS = {"index", "count", "get", "keys", "values", "items", "copy", "issubset", "issuperset"}


def container_method(session: Session, method: Any, args: Any, kwargs: Any) -> Any:
    """A method of a list, dict or set; one that writes tells the journals."""
    container = method.__self__
    grown = session.grown_of(container)
    if grown is not None:
        return grown_method(session, container, grown, method.__name__, args)
    if session.split_of(container) is not None:
        return session.with_contents(
            container, lambda: container_method(session, method, args, kwargs)
        )
    place = contents_place(container, f"a {type(container).__name__}")
    if method.__name__ in _COMPARING and place is not None:
        union = next((v for v in map(session.simplify, container) if type(v) is Union), None)
        if union is not None:
            return distribute(
                lambda _: _with_known_items(session, place, method, args, kwargs), union
            )
    if method.__name__ not in _READERS and place is not None:
        session.refuse_copy(container, place.name)
        session.touch(place)
        if _stores_any(method.__name__):
            return method(*args, **kwargs)
    return plain(session, method, args, kwargs)


# These look at the items: one alternative of each at a time.
_COMPARING = {"index", "count", "remove", "sort"}


def _with_known_items(session: Session, place: Any, method: Any, args: Any, kwargs: Any) -> Any:
    session.write(place, tuple(map(session.simplify, place.owner)))
    return container_method(session, method, args, kwargs)


def _stores_any(name: str) -> bool:
    return name in ("append", "insert", "add", "setdefault", "clear", "appendleft")


def plain(session: Session, function: Any, args: Any, kwargs: Any) -> Any:
    """Call code that is not converted: one alternative of each union at a time."""
    shallow = any(function is f for f in PASSES_ITEMS)
    found = _find_union(session, [*args, *kwargs.values()], 0 if shallow else 3)
    if found is not None:
        return _distributed(session, function, args, kwargs, found)
    if shallow:
        known = {k: session.simplify(v) for k, v in kwargs.items()}
        return session.simplify(function(*map(session.simplify, args), **known))
    copied: list[Any] = []
    args = tuple(_resolved(session, a, copied) for a in args)
    kwargs = {k: _resolved(session, v, copied) for k, v in kwargs.items()}
    if copied and package(function) not in _PURE_PACKAGES:
        refuse(_first_union(copied), "is in a container that code that is not converted gets")
    watched = _touch_arguments(session, function, [*args, *kwargs.values()])
    result = _native(session, function, args, kwargs)
    for obj, before in watched:
        if _opaque_state(obj) != before:
            raise SideEffectError(
                f"{getattr(function, '__name__', function)!s} is not converted and changed a "
                f"{type(obj).__name__} that it was given",
                location=active.location(),
                remedy="keep such data in a list, a dict or a tensor",
            )
    return session.simplify(result)


# Code of Paddle's own functions that take values of tensors into Python (a loop over a tensor, a
# comparison of run-time sizes): found by trying, converted like a user's from then on.
_CONVERTED_AFTER_ALL: set[CodeType] = set()


def _native(session: Session, function: Any, args: Any, kwargs: Any) -> Any:
    """Call code as it is; Paddle's, where it asks for a value that only a run tells, converted."""
    if type(function) is not FunctionType or package(function) != "paddle":
        return function(*args, **kwargs)
    if is_marked(function):
        return function(*args, **kwargs)
    if function.__code__ in _CONVERTED_AFTER_ALL:
        return library(session, function, args, kwargs)
    try:
        with session.attempt(ConcreteValueError):
            return function(*args, **kwargs)
    except ConcreteValueError as error:
        debug.log(1, f"{function.__qualname__} is converted too: {error.message}")
        try:
            result = library(session, function, args, kwargs)
        except ConversionError:
            raise error from None
        _CONVERTED_AFTER_ALL.add(function.__code__)
        return result


def library(session: Session, function: Any, args: Any, kwargs: Any) -> Any:
    from dy2st.transformers import convert_function

    return session.simplify(convert_function(function).function(*args, **kwargs))


def _find_union(session: Session, values: Any, depth: int) -> Any:
    """A Union, or a container with split contents, among ``values`` or in containers of theirs."""
    for value in values:
        value = session.simplify(value)
        if type(value) is Union or session.contents_of(value) is not None:
            return value
        if depth and _is_plain_container(value) and len(value) <= 64:
            inner = value.values() if type(value) is dict else value
            found = _find_union(session, inner, depth - 1)
            if found is not None:
                return found
    return None


def _is_plain_container(value: Any) -> bool:
    return type(value) in (list, tuple, dict) or is_size_class(type(value))


def _distributed(session: Session, function: Any, args: Any, kwargs: Any, found: Any) -> Any:
    if type(found) is not Union and session.grown_of(found) is not None:
        return joined(session, function, args, kwargs)
    again = lambda: plain(session, function, args, kwargs)  # noqa: E731
    if type(found) is not Union:
        return session.with_contents(found, again)
    # Inside of the branch the union's value is known, wherever it stands.
    return distribute(lambda known: again(), found)


def _resolved(session: Session, value: Any, copied: list[Any]) -> Any:
    """``value`` with all unions in it, whose conditions are known here, replaced by their values."""
    value = session.simplify(value)
    if isinstance(value, (list, tuple)) and _is_plain_container(value):
        items = [_resolved(session, v, copied) for v in value]
        if all(a is b for a, b in zip(items, value)):
            return value
        copied.extend([value] if isinstance(value, list) else [])
        return tuple(items) if type(value) is tuple else items
    if type(value) is dict:
        pairs = {k: _resolved(session, v, copied) for k, v in value.items()}
        if all(pairs[k] is v for k, v in value.items()):
            return value
        copied.append(value)
        return pairs
    return value


def _first_union(containers: list[Any]) -> Union:
    values = [v for c in containers for v in (c.values() if isinstance(c, dict) else c)]
    return next(v for v in values if type(v) is Union)


def package(function: Any) -> str:
    return str(getattr(function, "__module__", None) or "builtins").split(".")[0]


_PURE_PACKAGES = {"paddle", "numpy", "math", "operator", "builtins", "dy2st"}
_WATCHED = ("ndarray", "bytearray")


def _touch_arguments(session: Session, function: Any, values: list[Any]) -> list[tuple[Any, Any]]:
    """Tell the journals of what ``function`` can change; what they cannot hold is compared after."""
    for value in values:
        session.touch_closure(value)
    owner = getattr(function, "__self__", None)
    if type(owner).__name__ not in _WATCHED and package(function) in _PURE_PACKAGES:
        return []
    watched: list[tuple[Any, Any]] = []
    stack = [*values, owner]
    seen: set[int] = set()
    while stack:
        value = stack.pop()
        if id(value) in seen or len(seen) > 1000:
            continue
        seen.add(id(value))
        if type(value).__name__ in _WATCHED:
            watched.append((value, _opaque_state(value)))
        elif is_plain_object(value):
            stack.append(vars(value))
        place = contents_place(value, f"a {type(value).__name__}")
        if place is not None:
            session.touch(place)
            stack.extend(value.values() if isinstance(value, dict) else value)
        elif isinstance(value, tuple):
            stack.extend(value)
    return watched


def _opaque_state(value: Any) -> Any:
    return bytes(value.tobytes()) if hasattr(value, "tobytes") else [id(v) for v in value]

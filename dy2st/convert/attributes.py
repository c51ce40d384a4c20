"""Attributes, globals and variables of outer functions: loads are noted, stores are journaled."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, NoReturn

from dy2st.capture import symint
from dy2st.capture.scalar import is_scalar
from dy2st.convert import active
from dy2st.convert.freezing import frozen, keeps_state
from dy2st.convert.places import UNBOUND, AttrPlace, CellPlace, KeyPlace
from dy2st.convert.session import Session
from dy2st.convert.snapshot import holds_symbols
from dy2st.convert.unions import Union, distribute, need
from dy2st.errors import UnsupportedFeatureError

Thunk = Callable[[], Any]
_MISSING = object()
# What Layers keep in tables of their own: guarded as a whole where the Layer is.
_TABLES = ("_parameters", "_buffers", "_sub_layers")


def get_attr(owner: Any, name: str, default: Any = _MISSING) -> Any:
    """``owner.name``, or ``default`` where it has none."""
    session = active.current()
    if session is None:
        return getattr(owner, name) if default is _MISSING else getattr(owner, name, default)
    owner = session.simplify(owner)
    if type(owner) is Union:
        return distribute(lambda known: get_attr(known, name, default), owner)
    computed = getattr(type(owner), name, None)
    if type(computed) is property and is_users(computed.fget):
        return _computed(session, lambda: call_(computed.fget, owner), default)
    if type(computed) is functools.cached_property and name not in vars(owner):
        return _computed(session, lambda: _cached(session, owner, name, computed.func), default)
    value = getattr(owner, name) if default is _MISSING else getattr(owner, name, UNBOUND)
    if type(value) is Union and may_be_unbound(value):
        read = lambda known: _bound(owner, name, known, default)  # noqa: E731
        return session.distribute(read, value, bound=False)
    if _is_guarded(session, owner, name):
        place = AttrPlace(owner, f"{type(owner).__name__}.{name}", name)
        session.read(place, frozen(value))
    elif name in getattr(owner, "_buffers", ()):
        session.read_buffer(AttrPlace(owner, name, name))
    elif name == "stop_gradient" and session.is_tensor(owner):
        session.recorder.reads_flags = True
    return session.simplify(default if value is UNBOUND else value)


def is_users(function: Any) -> bool:
    """Whether ``function`` is a Python function that calls convert."""
    from dy2st.convert.calls import is_convertible

    return type(function) is FunctionType and is_convertible(function)


def call_(function: Any, *args: Any) -> Any:
    from dy2st.convert.calls import call

    return call(function, *args)


def _computed(session: Session, thunk: Thunk, default: Any) -> Any:
    """The value of a property; ``default`` where it raises AttributeError."""
    try:
        return session.simplify(thunk())
    except AttributeError:
        if default is _MISSING:
            raise
        return default


def _cached(session: Session, owner: Any, name: str, function: Any) -> Any:
    """A ``cached_property`` that is read for the first time: kept in the object, as in eager.

    Of an object that was there before, it is computed from real tensors, before the capture so to
    say; of one that this call made, it is part of the Program.
    """
    if not holds_symbols(list(vars(owner).values())):
        with session.outside_of_capture():
            value = getattr(owner, name)
        if not holds_symbols(value):
            return value
        del vars(owner)[name]
    value = call_(function, owner)
    session.write(AttrPlace(owner, f"{type(owner).__name__}.{name}", name), value)
    return value


def _bound(owner: Any, name: str, value: Any, default: Any) -> Any:
    """``value``, which an attribute holds; Python's error where a branch left it without one."""
    if value is not UNBOUND:
        return value
    if default is _MISSING:
        raise AttributeError(f"{type(owner).__name__!r} object has no attribute {name!r}")
    return default


def _is_guarded(session: Session, owner: Any, name: str) -> bool:
    if name.startswith("__"):
        return False
    known = keeps_state(owner, name)
    if known is not None:
        return known
    if type(owner).__module__ == "builtins":
        return False
    if session.is_tensor(owner) or symint.is_symint(owner) or is_scalar(owner):
        return False
    attributes = getattr(owner, "__dict__", None)
    if attributes is None:
        return False
    if any(name in attributes[t] for t in _TABLES if t in attributes):
        return False
    if name in attributes:
        return True
    # A class attribute, or a property that computes from others: methods do not change.
    found = getattr(type(owner), name, None)
    return not callable(found) and not hasattr(type(found), "__get__")


def set_attr(owner: Any, name: str, value: Any) -> None:
    """``owner.name = value``."""
    session = active.current()
    if session is None:
        setattr(owner, name, value)
        return
    owner = session.simplify(owner)
    if type(owner) is Union:
        distribute(lambda known: set_attr(known, name, value), owner)
        return
    session.refuse_copy(owner, name)
    if _is_data(owner, name):
        session.write(AttrPlace(owner, f"{type(owner).__name__}.{name}", name), value)
    else:
        _call_setter(owner, name, value)


def _is_data(owner: Any, name: str) -> bool:
    """Whether the store is a plain one: no property or other data descriptor of the class takes it."""
    found = getattr(type(owner), name, None)
    return not isinstance(found, property)


def _call_setter(owner: Any, name: str, value: Any) -> None:
    from dy2st.convert.calls import call

    setter = getattr(type(owner), name).fset
    if setter is None:
        setattr(owner, name, value)  # raises what Python raises
    else:
        call(setter, owner, value)


def del_attr(owner: Any, name: str) -> None:
    """``del owner.name``."""
    session = active.current()
    if session is None:
        delattr(owner, name)
        return
    owner = session.simplify(owner)
    if type(owner) is Union:
        distribute(lambda known: del_attr(known, name), owner)
        return
    place = AttrPlace(owner, f"{type(owner).__name__}.{name}", name)
    if place.read() is UNBOUND:
        delattr(owner, name)
    session.write(place, UNBOUND)


def aug_attr(owner: Any, name: str, op: str, thunk: Thunk) -> None:
    """``owner.name op= thunk()``."""
    from dy2st.convert.subscripts import aug

    set_attr(owner, name, aug(op, get_attr(owner, name), thunk()))


def set_global(namespace: dict[str, Any], name: str, value: Any) -> None:
    """A store to a global variable."""
    session = active.current()
    if session is None:
        namespace[name] = value
    else:
        session.write(KeyPlace(namespace, name, name), value)


def del_global(namespace: dict[str, Any], name: str) -> None:
    """``del`` of a global variable."""
    if name not in namespace:
        raise NameError(f"name {name!r} is not defined")
    session = active.current()
    if session is None:
        del namespace[name]
    else:
        session.write(KeyPlace(namespace, name, name), UNBOUND)


def globals_() -> dict[str, Any]:
    """The global variables of the code that calls this."""
    return sys._getframe(1).f_globals


def frame_reader(name: str) -> NoReturn:
    """A library's call of ``locals()`` and the like, reached in converted code."""
    raise UnsupportedFeatureError(
        f"`{name}()`, which looks at the variables of its caller, cannot be converted",
        location=active.location(),
        remedy="call the function outside of converted code",
    )


def _cell_of(thunk: Thunk) -> tuple[Any, str]:
    assert isinstance(thunk, FunctionType)
    assert thunk.__closure__ is not None
    return thunk.__closure__[0], thunk.__code__.co_freevars[0]


def set_nonlocal(thunk: Thunk, value: Any) -> None:
    """A store to a variable of an outer function; ``thunk`` is ``lambda: name``."""
    cell, name = _cell_of(thunk)
    session = active.current()
    if session is None:
        cell.cell_contents = value
    else:
        session.write(CellPlace(cell, name), value)


def del_nonlocal(thunk: Thunk) -> None:
    """``del`` of a variable of an outer function."""
    cell, name = _cell_of(thunk)
    local(name, thunk)
    session = active.current()
    if session is None:
        del cell.cell_contents
    else:
        session.write(CellPlace(cell, name), UNBOUND)


def local(name: str, thunk: Thunk) -> Any:
    """The value of a local variable that some path leaves unbound; Python's error where it is."""
    try:
        value = thunk()
    except NameError:
        need(UNBOUND, name)
        raise
    session = active.current()
    if session is None or type(value) is not Union or not may_be_unbound(value):
        return need(value, name)
    value = distribute(lambda known: need(known, name), value)
    if getattr(thunk, "__closure__", None):
        # It is bound from here on: whoever reads it next need not ask again.
        session.write(CellPlace(_cell_of(thunk)[0], name), value)
    return value


def may_be_unbound(value: Any) -> bool:
    """Whether some alternative of a Union is UNBOUND."""
    if type(value) is Union:
        return may_be_unbound(value.then) or may_be_unbound(value.orelse)
    return value is UNBOUND

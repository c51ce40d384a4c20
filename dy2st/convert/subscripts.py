"""Items: loads, stores, deletions, augmented assignment."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from typing import Any

from dy2st.capture import symint
from dy2st.capture.scalar import as_int, is_number, is_scalar
from dy2st.convert import active
from dy2st.convert.grown import Grown
from dy2st.convert.grown import method as grown_method
from dy2st.convert.grown import refuse as refuse_grown
from dy2st.convert.places import ListPlace, contents_place
from dy2st.convert.session import Session
from dy2st.convert.unions import Union, distribute
from dy2st.ir.types import DType

Thunk = Callable[[], Any]


def get_item(owner: Any, key: Any) -> Any:
    """``owner[key]``."""
    session = active.current()
    if session is None:
        return owner[key]
    owner = session.simplify(owner)
    if owner is os.environ:
        session.note_environment()
    if type(owner) is Union:
        return distribute(lambda known: get_item(known, key), owner)
    key, unknown = _resolved(session, key)
    if unknown is not None:
        return distribute(lambda known: get_item(owner, _with(key, unknown, known)), unknown)
    if session.split_of(owner) is not None:
        return session.with_contents(owner, lambda: get_item(owner, key))
    grown = session.grown_of(owner)
    if grown is not None:
        return _grown_item(session, grown, key)
    if isinstance(owner, dict) and is_number(key):
        return _by_symbolic_key(owner, key)
    if isinstance(owner, (list, tuple)) and _is_symbolic(session, key):
        return _by_symbolic_index(owner, _index(session, key))
    user = type(owner).__dict__.get("__getitem__")
    if user is not None and type(user).__name__ == "function":
        from dy2st.convert.calls import call

        return session.simplify(call(user, owner, key))
    return session.simplify(owner[key])


def _resolved(session: Session, key: Any) -> tuple[Any, Any]:
    """A key (``x[a:b, c]`` has parts) without the Unions that are known here, and one that is not."""
    while True:
        union = _union_in(key)
        known = session.simplify(union)
        if type(known) is Union or union is None:
            return key, union
        key = _with(key, union, known)


def _union_in(key: Any) -> Any:
    if type(key) is tuple:
        return next((u for k in key if (u := _union_in(k)) is not None), None)
    if type(key) is slice:
        return _union_in((key.start, key.stop, key.step))
    return key if type(key) is Union else None


def _with(key: Any, union: Any, value: Any) -> Any:
    """``key`` with ``value`` where ``union`` stands."""
    if type(key) is tuple:
        return tuple(_with(k, union, value) for k in key)
    if type(key) is slice:
        return slice(*(_with(k, union, value) for k in (key.start, key.stop, key.step)))
    return value if key is union else key


def _grown_item(session: Session, grown: Grown, key: Any) -> Any:
    if not isinstance(key, slice):
        return grown.get(session, _index(session, key))
    new: list[Any] = []
    session.write(ListPlace(new, "a list"), grown.part(session, key))
    return new


def _is_symbolic(session: Session, key: Any) -> bool:
    return symint.is_symint(key) or is_scalar(key) or session.is_tensor(key)


def _index(session: Session, key: Any) -> Any:
    if is_scalar(key):
        return as_int(key)
    if session.is_tensor(key) and session.recorder.value_of(key).dtype is DType.BOOL:
        return session.recorder.item(session.recorder.lift(key).reshape([]).astype("int64"))
    return session.recorder.item(key) if session.is_tensor(key) else key


def _by_symbolic_index(items: Any, index: Any) -> Any:
    """An item of a Python sequence by an index known only at run time: a branch for each."""
    if type(index) is int:
        return items[index]
    if index.example is not None:
        return items[int(index)]
    from dy2st.convert.logical import ifexp

    count = len(items)

    def pick(position: int) -> Any:
        if position == count:
            raise IndexError("list index out of range")
        wanted = (index == position, index == position - count)
        return ifexp(_either(*wanted), lambda: items[position], lambda: pick(position + 1))

    return pick(0)


def _by_symbolic_key(items: Any, key: Any) -> Any:
    """An item of a dict by a number known only at run time: a branch for each number among its keys."""
    from dy2st.convert.logical import ifexp

    numbers = [k for k in items if isinstance(k, (bool, int, float))]

    def pick(position: int) -> Any:
        if position == len(numbers):
            raise KeyError("a number known only at run time")
        number = numbers[position]
        return ifexp(key == number, lambda: items[number], lambda: pick(position + 1))

    return pick(0)


def _either(a: Any, b: Any) -> Any:
    from dy2st.convert.logical import or_

    return or_(lambda: a, lambda: b)


def set_item(owner: Any, key: Any, value: Any) -> None:
    """``owner[key] = value``."""
    session = active.current()
    if session is None:
        owner[key] = value
        return
    owner = session.simplify(owner)
    key, unknown = _resolved(session, key)
    if type(owner) is Union:
        distribute(lambda known: set_item(known, key, value), owner)
    elif unknown is not None:
        distribute(lambda known: set_item(owner, _with(key, unknown, known), value), unknown)
    elif session.grown_of(owner) is not None:
        rows = session.grown_of(owner)
        assert rows is not None
        session.write(
            ListPlace(owner, "a list"), rows.replaced(session, _index(session, key), value)
        )
    elif isinstance(owner, list) and _is_symbolic(session, key):
        _set_by_symbolic_index(owner, _index(session, key), value)
    elif session.is_tensor(owner) and type(session.simplify(value)) is Union:
        distribute(lambda known: owner.__setitem__(key, known), session.simplify(value))
    else:
        _change(session, owner, lambda: operator.setitem(owner, key, value))


def _set_by_symbolic_index(items: Any, index: Any, value: Any) -> None:
    if type(index) is int or index.example is not None:
        set_item(items, int(index), value)
        return
    from dy2st.convert.logical import always, ifexp

    for position in range(len(items)):
        wanted = _either(index == position, index == position - len(items))
        old = items[position]
        set_item(items, position, ifexp(wanted, always(value), always(old)))


def del_item(owner: Any, key: Any) -> None:
    """``del owner[key]``."""
    session = active.current()
    if session is None:
        del owner[key]
        return
    owner, key = session.simplify(owner), session.simplify(key)
    if type(owner) is Union:
        distribute(lambda known: del_item(known, key), owner)
    elif type(key) is Union:
        distribute(lambda known: del_item(owner, known), key)
    else:
        _change(session, owner, lambda: operator.delitem(owner, key))


def _change(session: Session, owner: Any, change: Callable[[], Any]) -> Any:
    """Run a change of a container with the journals told."""
    if session.split_of(owner) is not None:
        return session.with_contents(owner, lambda: _change(session, owner, change))
    if session.grown_of(owner) is not None:
        refuse_grown("it is changed with `del` or in place")
    place = contents_place(owner, "a container")
    if place is not None:
        session.refuse_copy(owner, place.name)
        session.touch(place)
    return change()


_IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "@=": operator.imatmul,
    "/=": operator.itruediv,
    "//=": operator.ifloordiv,
    "%=": operator.imod,
    "**=": operator.ipow,
    "<<=": operator.ilshift,
    ">>=": operator.irshift,
    "|=": operator.ior,
    "^=": operator.ixor,
    "&=": operator.iand,
}


def aug(op: str, old: Any, value: Any) -> Any:
    """The value that ``x`` has after ``x op= value``; a container is changed in place."""
    session = active.current()
    function = _IN_PLACE[op]
    if session is None:
        return function(old, value)
    old, value = session.simplify(old), session.simplify(value)
    if type(old) is Union:
        return distribute(lambda known: aug(op, known, value), old)
    if type(value) is Union:
        return distribute(lambda known: aug(op, old, known), value)
    grown = session.grown_of(old)
    if grown is not None and op == "+=":
        grown_method(session, old, grown, "extend", (value,))
        return old
    if contents_place(old, "") is not None:
        if session.split_of(value) is not None:
            return session.with_contents(value, lambda: aug(op, old, value))
        return _change(session, old, lambda: function(old, value))
    return function(old, value)


def aug_item(owner: Any, key: Any, op: str, thunk: Thunk) -> None:
    """``owner[key] op= thunk()``."""
    old = get_item(owner, key)
    set_item(owner, key, aug(op, old, thunk()))

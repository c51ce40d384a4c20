"""Text with tensors in it, ``print`` and ``assert``: made when the Program runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from dy2st.capture import symint
from dy2st.convert import active
from dy2st.convert.logical import condition
from dy2st.convert.session import Frame, Session
from dy2st.convert.unions import Scalar, Union, distribute
from dy2st.errors import ConcreteValueError


class Text:
    """A text whose ``parts`` are strings, symbolic sizes and tensors. Only ``print``, ``assert`` and
    ``raise`` take one."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = tuple(parts)

    def __repr__(self) -> str:
        return "a text with a tensor in it"

    def _refuse(self, *args: Any) -> NoReturn:
        raise ConcreteValueError(
            "a text with the value of a tensor in it is used in Python, but the value is known only "
            "when the Program runs",
            location=active.location(),
            remedy="print the text directly, or leave the tensor out of it",
        )

    __str__ = __len__ = __hash__ = __iter__ = __getattr__ = __bool__ = _refuse  # type: ignore[assignment]
    __getitem__ = __contains__ = __mul__ = __mod__ = __eq__ = __format__ = _refuse  # type: ignore[assignment]

    def __add__(self, other: Any) -> Text:
        return Text([*self.parts, *_parts(other)])

    def __radd__(self, other: Any) -> Text:
        return Text([*_parts(other), *self.parts])


def _parts(value: Any) -> Iterator[Any]:
    """What ``str(value)`` consists of."""
    session = active.current()
    if type(value) is Text:
        yield from value.parts
    elif session is None:
        yield str(value)
    elif session.is_tensor(value) or symint.is_symint(value) or type(value) is Scalar:
        yield value
    elif session.contents_of(value) is not None:
        raise ConcreteValueError(
            "a container whose contents depend on a tensor is turned into text",
            location=active.location(),
            remedy="print its items one by one",
        )
    elif type(value) in (list, tuple) and _symbols_in(session, value):
        yield from _sequence(value)
    elif type(value) is dict and _symbols_in(session, value.values()):
        yield "{"
        for i, (key, item) in enumerate(value.items()):
            yield f"{', ' if i else ''}{key!r}: "
            yield from _repr(item)
        yield "}"
    else:
        yield str(value)


def _repr(value: Any) -> Iterator[Any]:
    yield from [repr(value)] if isinstance(value, str) else _parts(value)


def _sequence(value: Any) -> Iterator[Any]:
    opening, closing = ("[", "]") if type(value) is list else ("(", ")")
    yield opening
    for i, item in enumerate(value):
        if i:
            yield ", "
        yield from _repr(item)
    yield ",)" if type(value) is tuple and len(value) == 1 else closing


def _symbols_in(session: Session, items: Any) -> bool:
    return any(
        session.is_tensor(i)
        or symint.is_symint(i)
        or type(i) in (Scalar, Text)
        or (isinstance(i, (list, tuple)) and _symbols_in(session, i))
        for i in items
    )


def join(parts: Sequence[Any]) -> Any:
    """An f-string from its literal and formatted parts."""
    if all(type(p) is str for p in parts):
        return "".join(parts)
    return Text([q for p in parts for q in _parts(p)])


def format_(value: Any, conversion: str | None, spec: Any) -> Any:
    """One field of an f-string."""
    session = active.current()
    if session is not None:
        value = session.simplify(value)
        if type(value) is Union:
            return distribute(lambda known: format_(known, conversion, spec), value)
        if not spec:
            parts = list(_parts(value))
            if any(not isinstance(p, str) for p in parts):
                return Text(parts)
    if conversion is not None:
        value = _CONVERSIONS[conversion](value)
    return format(value, spec)


_CONVERSIONS: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}


def str_(value: Any = "", *args: Any) -> Any:
    """``str(value)``."""
    return format_(value, None, "") if not args and value != "" else str(value, *args)


def template(
    session: Session, parts: Sequence[Any], first: int = 0
) -> tuple[list[Any], tuple[Any, ...]]:
    """Operands and template of a run-time text; its operands count from ``first``."""
    operands: list[Any] = []
    template: list[Any] = []
    for part in parts:
        if isinstance(part, str):
            template.append(part)
        elif symint.is_symint(part):
            template.append(part.expr)
        else:
            tensor = part.tensor if type(part) is Scalar else part
            template.append(("operand", first + len(operands)))
            operands.append(session.recorder.value_of(tensor))
    return operands, tuple(template)


def print_(
    *values: Any,
    sep: str | None = " ",
    end: str | None = "\n",
    file: Any = None,
    flush: bool = False,
) -> Any:
    """``print``; inside of a capture it prints whenever the Program runs there."""
    session = active.current()
    if session is None or file is not None:
        print(*values, sep=sep, end=end, file=file, flush=flush)
        return None
    for i, value in enumerate(values):
        known = session.simplify(value)
        if type(known) is Union:
            before, after = values[:i], values[i + 1 :]

            def side(v: Any, before: Any = before, after: Any = after) -> Any:
                return print_(*before, v, *after, sep=sep, end=end, flush=flush)

            return distribute(side, known)
    parts: list[Any] = []
    for i, value in enumerate(values):
        if i:
            parts.append(" " if sep is None else sep)
        parts.extend(_parts(session.simplify(value)))
    parts.append("\n" if end is None else end)
    operands, text = template(session, parts)
    attrs = {"template": text, "flush": bool(flush)}
    session.recorder.emit("print", tuple(operands), attrs, types=[])
    return None


def assert_(cond: Any, message: Callable[[], Any] | None = None) -> None:
    """``assert cond, message()``."""
    found = condition(cond)
    if isinstance(found, bool):
        if not found:
            raise AssertionError(*([] if message is None else [message()]))
        return
    session = active.current()
    assert session is not None
    text = None if message is None else _message(session, message)
    if type(text) is Union:

        def fail() -> None:
            raise AssertionError(text)

        session.branch(found, lambda: None, fail, Frame())
        return
    operands, parts = template(session, [] if message is None else list(_parts(text)), 1)
    attrs = {"template": parts if message is not None else None}
    session.recorder.emit("assert", (found, *operands), attrs, types=[])


def _message(session: Session, message: Callable[[], Any]) -> Any:
    try:
        return session.simplify(message())
    except ConcreteValueError:
        return "assertion failed (its message takes the value of a tensor into Python)"

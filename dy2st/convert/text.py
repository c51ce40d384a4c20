"""Text with tensors in it, ``print`` and ``assert``: made when the Program runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from dy2st.capture import symint
from dy2st.capture.scalar import Scalar, is_number
from dy2st.capture.size import is_size_class
from dy2st.convert import active
from dy2st.convert.logical import condition
from dy2st.convert.session import Frame, Session
from dy2st.convert.unions import Union, distribute
from dy2st.errors import ConcreteValueError
from dy2st.records import record


class Text:
    """A text whose ``parts`` are strings, symbolic sizes and tensors: it can be printed, put into
    other texts and returned; ``assert`` and ``raise`` take one."""

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


@record(frozen=True)
class Item:
    """The one element of a tensor, written as a Python number by a format ``spec``."""

    tensor: Any
    spec: str = ""


def _item(value: Any, spec: str) -> Item | None:
    """A run-time number, or a tensor of one element, as a part of a text; None for all else."""
    session = active.current()
    if type(value) is Scalar:
        return Item(value.tensor, spec)
    if is_number(value):
        return Item(value.tensor(), spec)
    if session is not None and session.is_tensor(value):
        # As Tensor.__format__ has it: of shape [], its number.
        return Item(value, spec) if not session.recorder.value_of(value).type.rank else None
    return None


def _parts(value: Any) -> Iterator[Any]:
    """What ``str(value)`` consists of."""
    session = active.current()
    if type(value) is Text:
        yield from value.parts
    elif session is None:
        yield str(value)
    elif type(value) is Scalar:
        yield Item(value.tensor)
    elif type(value) is Item or session.is_tensor(value) or symint.is_symint(value):
        yield value
    elif session.contents_of(value) is not None:
        raise ConcreteValueError(
            "a container whose contents depend on a tensor is turned into text",
            location=active.location(),
            remedy="print its items one by one",
        )
    elif _is_sequence(value) and _symbols_in(session, value):
        yield from _sequence(value)
    elif type(value) is dict and _symbols_in(session, value.values()):
        yield "{"
        for i, (key, item) in enumerate(value.items()):
            yield f"{', ' if i else ''}{key!r}: "
            yield from _repr(item)
        yield "}"
    else:
        yield str(value)


def _is_sequence(value: Any) -> bool:
    return type(value) in (list, tuple) or is_size_class(type(value))


def _repr(value: Any) -> Iterator[Any]:
    yield from [repr(value)] if isinstance(value, str) else _parts(value)


def _sequence(value: Any) -> Iterator[Any]:
    opening, closing = ("(", ")") if type(value) is tuple else ("[", "]")
    if is_size_class(type(value)):
        opening, closing = "paddle.Size([", "])"
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
    session = active.current()
    for i, part in enumerate(parts):
        known = part if session is None else session.simplify(part)
        if type(known) is Union:
            before, after = parts[:i], parts[i + 1 :]
            return distribute(lambda v: join([*before, v, *after]), known)
    return Text([q for p in parts for q in _parts(p)])


def format_(value: Any, conversion: str | None, spec: Any) -> Any:
    """One field of an f-string."""
    session = active.current()
    if session is not None:
        value = session.simplify(value)
        if type(value) is Union:
            return distribute(lambda known: format_(known, conversion, spec), value)
        found = None if conversion is not None or type(spec) is not str else _item(value, spec)
        if found is not None:
            return Text([found])
        if not spec:
            parts = list(_parts(value))
            if any(not isinstance(p, str) for p in parts):
                return Text(parts)
    if conversion is not None:
        value = _CONVERSIONS[conversion](value)
    return format(value, spec)


_CONVERSIONS: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}


_FIELD = re.compile(r"%(?:\((?P<name>[^)]*)\))?(?P<spec>[-+ #0]*\d*(?:\.\d+)?)(?P<kind>[a-zA-Z%])")


def percent(text: str, values: Any) -> Any:
    """``text % values`` with values known only at run time among them."""
    session = active.current()
    several = values if type(values) is tuple else (values,)
    if session is None or not _symbols_in(session, several):
        return text % values
    parts: list[Any] = []
    left, end = list(several), 0
    for found in _FIELD.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found["kind"] == "%":
            parts.append("%")
        elif found["name"] is None and left:
            parts.extend(_field(session, found, left.pop(0)))
        else:
            return text % values  # raises, or refuses to be turned into text
    if left:
        raise TypeError("not all arguments converted during string formatting")
    return Text([*parts, text[end:]])


def _field(session: Session, found: re.Match[str], value: Any) -> Iterator[Any]:
    value = session.simplify(value)
    if found["kind"] in "sr" and not found["spec"]:
        yield from _parts(value) if found["kind"] == "s" else _repr(value)
    elif _is_symbolic(session, value) and found["kind"] in "difFeEgG":
        kind = "d" if found["kind"] in "di" else found["kind"]
        item = _item(value, "") or Item(value)
        if kind == "d" and not symint.is_symint(value):
            item = Item(session.recorder.lift(item.tensor).astype("int64"))
        yield Item(item.tensor, "%" + found["spec"] + kind)
    else:
        yield found[0] % (value,)


def _is_symbolic(session: Session, value: Any) -> bool:
    return session.is_tensor(value) or is_number(value)


def str_(value: Any = "", *args: Any) -> Any:
    """``str(value)``."""
    return str(value, *args) if args or type(value) is str else format_(value, "s", "")


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
        elif type(part) is Item:
            template.append(("item", first + len(operands), part.spec))
            operands.append(session.recorder.value_of(part.tensor))
        else:
            template.append(("operand", first + len(operands)))
            operands.append(session.recorder.value_of(part))
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

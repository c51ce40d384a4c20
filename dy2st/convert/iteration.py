"""Sequences whose length may be known only at run time: ``range``, tensors, ``enumerate``, ``zip``."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator
from typing import Any

from dy2st.capture import symint
from dy2st.convert import active
from dy2st.convert.session import Session
from dy2st.convert.unions import Union, refuse
from dy2st.errors import ConcreteValueError
from dy2st.ir import dims

_UNROLL_TENSOR = 256


class Lazy:
    """A sequence by ``length`` (an int or a symbolic integer) and ``item(index)``."""

    def __init__(self, length: Any, item: Callable[[Any], Any], what: str) -> None:
        self.length = length
        self.item = item
        self.what = what

    def items(self, length: int) -> Iterator[Any]:
        """The first ``length`` items."""
        return (self.item(i) for i in range(length))

    def example(self) -> int | None:
        """The length in the example call, where it is known."""
        if type(self.length) is int:
            return self.length
        return self.length.example if symint.is_symint(self.length) else None

    def __iter__(self) -> Iterator[Any]:
        if type(self.length) is not int and self.example() is None:
            raise ConcreteValueError(
                f"code that is not converted iterates over {self.what}, whose length is known only "
                "at run time",
                location=active.location(),
                remedy="iterate with a for statement in converted code",
            )
        return self.items(int(self.length))

    def __len__(self) -> int:
        return int(self.length)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return list(self)[index]
        return self.item(index if _is_known_natural(index) else index + self.length)

    def __repr__(self) -> str:
        return self.what


def _is_known_natural(index: Any) -> bool:
    return symint.is_symint(index) or index >= 0


def lazy_items(session: Session, value: Any) -> Lazy | None:
    """``value`` as a Lazy where it is one, or a tensor; None for Python's own iterables."""
    if type(value) is Lazy:
        return value
    if session.is_tensor(value):
        return _tensor_items(session, value)
    grown = session.grown_of(value)
    if grown is not None:
        length = grown.length(session)
        return Lazy(length, lambda index: grown.get(session, index), "a list that grew in a loop")
    return None


def _tensor_items(session: Session, tensor: Any) -> Lazy:
    shape = session.recorder.value_of(tensor).shape
    if not shape:
        raise TypeError("iteration over a 0-d tensor")
    length = shape[0] if isinstance(shape[0], int) else session.recorder.symint(shape[0])
    if type(length) is int and length > _UNROLL_TENSOR:
        length = as_runtime(session, length)
    return Lazy(length, lambda index: tensor[index], "a tensor")


def as_runtime(session: Session, length: int) -> Any:
    """A length that is known, as a run-time number: the loop is not unrolled."""
    fresh = session.builder.fresh_symbol()
    value = session.recorder.emit("dim_value", (), {"value": length}).result
    session.recorder.emit("item", (value,), {"symbol": fresh}, types=())
    return session.recorder.symint(fresh)


def python_items(iterable: Any) -> Iterator[Any]:
    """Python's iterator; refused for a union of iterables."""
    if type(iterable) is Union:
        refuse(iterable, "is iterated over")
    return iter(iterable)


# --- builtins that make them ---------------------------------------------------------------------


def range_(*args: Any) -> Any:
    """``range`` over integers, symbolic sizes and integer tensors."""
    session = active.current()
    numbers = [_integer(session, a) for a in args]
    if session is None or not any(symint.is_symint(n) for n in numbers):
        return range(*numbers)
    start, stop, step = (0, *numbers, 1) if len(numbers) == 1 else (*numbers, 1)[:3]
    if type(step) is not int:
        raise ConcreteValueError(
            "the step of a range is known only at run time",
            location=active.location(),
            remedy="use a while loop",
        )
    if step == 0:
        raise ValueError("range() arg 3 must not be zero")
    distance = stop - start if step > 0 else start - stop
    dim = symint.dim_of(distance)
    assert dim is not None
    length = session.recorder.symint(dims.ceildiv(dim, abs(step)))
    if type(length) is int:
        length = max(length, 0)
    return Lazy(length, lambda index: start + index * step, "a range")


def _integer(session: Session | None, value: Any) -> Any:
    if session is not None and session.is_tensor(value):
        if session.recorder.value_of(value).type.rank:
            raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
        return session.recorder.item(value)
    return value


def enumerate_(iterable: Any, start: Any = 0) -> Any:
    """``enumerate``."""
    session = active.current()
    lazy = lazy_items(session, iterable) if session is not None else None
    if lazy is None:
        return enumerate(iterable, start)
    return Lazy(lazy.length, lambda i: (start + i, lazy.item(i)), "an enumeration")


def zip_(*iterables: Any, strict: bool = False) -> Any:
    """``zip``."""
    session = active.current()
    lazies = [lazy_items(session, i) if session is not None else None for i in iterables]
    if not any(lazy is not None and type(lazy.length) is not int for lazy in lazies):
        parts = [i if lazy is None else lazy for i, lazy in zip(iterables, lazies)]
        return zip(*parts, strict=strict)
    if any(lazy is None for lazy in lazies):
        # Python's own sequences have no symbolic index: the length has to be the example's.
        parts = [i if lazy is None else list(lazy) for i, lazy in zip(iterables, lazies)]
        return zip(*parts, strict=strict)
    known = [lazy for lazy in lazies if lazy is not None]
    length = known[0].length
    for lazy in known[1:]:
        length = _shorter(length, lazy.length)
    return Lazy(length, lambda i: tuple(lazy.item(i) for lazy in known), "a zip")


def _shorter(a: Any, b: Any) -> Any:
    session = active.current()
    x, y = symint.dim_of(a), symint.dim_of(b)
    if session is None or x is None or y is None:
        return min(a, b)
    return session.recorder.symint(dims.min_(x, y))


def reversed_(sequence: Any) -> Any:
    """``reversed``."""
    session = active.current()
    lazy = lazy_items(session, sequence) if session is not None else None
    if lazy is None:
        return reversed(sequence)
    return Lazy(lazy.length, lambda i: lazy.item(lazy.length - 1 - i), "a reversed sequence")


def map_(function: Any, *iterables: Any) -> Any:
    """``map``; over symbolic lengths item by item."""
    from dy2st.convert.calls import call

    session = active.current()
    lazies = [lazy_items(session, i) if session is not None else None for i in iterables]
    if len(iterables) == 1 and lazies[0] is not None:
        lazy = lazies[0]
        return Lazy(lazy.length, lambda i: call(function, lazy.item(i)), "a map")
    return (call(function, *items) for items in zip(*iterables))


def unpack(value: Any, before: int, after: int | None = None) -> list[Any]:
    """The parts of ``a, b = value`` (``before`` targets), or ``a, *b, c = value``."""
    session = active.current()
    value = value if session is None else session.simplify(value)
    if type(value) is Union:
        return _unpack_union(value, before, after)
    if session is not None and session.split_of(value) is not None:
        parts = session.with_contents(value, lambda: tuple(unpack(value, before, after)))
        return unpack(parts, before + (after is not None) + (after or 0))
    lazy = lazy_items(session, value) if session is not None else None
    # No more than one item too many is taken: an iterator may be endless, and keeps the rest.
    source = _iterator(value) if lazy is None else iter(lazy)
    items = list(source if after is not None else itertools.islice(source, before + 1))
    wanted = before + (after or 0)
    if after is None:
        if len(items) > before:
            raise ValueError(f"too many values to unpack (expected {before})")
        if len(items) < before:
            raise ValueError(f"not enough values to unpack (expected {before}, got {len(items)})")
        return items
    if len(items) < wanted:
        raise ValueError(
            f"not enough values to unpack (expected at least {wanted}, got {len(items)})"
        )
    end = len(items) - after
    return [*items[:before], items[before:end], *items[end:]]


def _iterator(value: Any) -> Any:
    try:
        return iter(value)
    except TypeError:
        if hasattr(type(value), "__iter__") or hasattr(type(value), "__getitem__"):
            raise
        kind = type(value).__name__
        raise TypeError(f"cannot unpack non-iterable {kind} object") from None


def _unpack_union(union: Union, before: int, after: int | None) -> list[Any]:
    from dy2st.convert.unions import distribute

    parts = distribute(lambda known: tuple(unpack(known, before, after)), union)
    count = before + (0 if after is None else 1 + after)
    if type(parts) is tuple and len(parts) == count:
        return list(parts)
    return [distribute(operator.itemgetter(i), parts) for i in range(count)]


def iterate(value: Any) -> Any:
    """The items of ``*value``."""
    session = active.current()
    if session is None:
        return value
    value = session.simplify(value)
    if type(value) is Union:
        refuse(value, "is unpacked with `*`")
    split = session.split_of(value)
    if split is not None:
        refuse(split, "is unpacked with `*`")
    lazy = lazy_items(session, value)
    return value if lazy is None else lazy


def mapping(value: Any) -> Any:
    """The mapping of ``**value``."""
    session = active.current()
    if session is None:
        return value
    value = session.simplify(value)
    if type(value) is Union:
        refuse(value, "is unpacked with `**`")
    split = session.split_of(value)
    if split is not None:
        refuse(split, "is unpacked with `**`")
    return value

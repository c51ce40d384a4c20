"""Places: what converted code can read and write besides SSA values.

A place is a variable's cell, an attribute, the whole contents of a list, dict or set, a key of a
namespace (globals), or the current value of a symbolic tensor. ``read`` gives the value that the
place holds (``UNBOUND`` where it holds none), ``write`` stores one, without any journal. Contents of
containers are read as immutable copies, so that an old value stays what it was.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from functools import cached_property
from types import CellType
from typing import Any, TypeAlias

from dy2st.ir.program import Value

Key: TypeAlias = "tuple[str, int, object]"


class _Unbound:
    """The value of a place that holds none."""

    _instance: _Unbound | None = None

    def __new__(cls) -> _Unbound:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "unbound"


UNBOUND = _Unbound()


class Contents(tuple):
    """The contents of a list (its items) or a set, as an immutable copy."""

    __slots__ = ()


class Mapping(dict):
    """The contents of a dict, as a copy that nobody changes."""


@dataclass(eq=False, repr=False)
class Place:
    """Base class. ``key`` is equal for two descriptions of one place; ``name`` is for people."""

    owner: Any
    name: str

    @property
    def key(self) -> Key:
        return (type(self).__name__, id(self.owner), None)

    def read(self) -> Any:
        """The value now, or UNBOUND."""
        raise NotImplementedError

    def write(self, value: Any) -> None:
        """Store ``value`` (UNBOUND unbinds)."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"


class CellPlace(Place):
    """A local variable of a converted function, or a variable of a function around it."""

    def read(self) -> Any:
        cell: CellType = self.owner
        try:
            return cell.cell_contents
        except ValueError:
            return UNBOUND

    def write(self, value: Any) -> None:
        cell: CellType = self.owner
        if value is not UNBOUND:
            cell.cell_contents = value
        elif self.read() is not UNBOUND:
            del cell.cell_contents


@dataclass(eq=False, repr=False)
class AttrPlace(Place):
    """An attribute of an object, as ``getattr`` and ``setattr`` see it."""

    attribute: str = ""

    @property
    def key(self) -> Key:
        return ("AttrPlace", id(self.owner), self.attribute)

    def read(self) -> Any:
        if type(getattr(type(self.owner), self.attribute, None)) is cached_property:
            return vars(self.owner).get(self.attribute, UNBOUND)  # reading it would compute it
        return getattr(self.owner, self.attribute, UNBOUND)

    def write(self, value: Any) -> None:
        if value is UNBOUND:
            if self.read() is not UNBOUND:
                delattr(self.owner, self.attribute)
            return
        try:
            setattr(self.owner, self.attribute, value)
        except TypeError:
            # A Layer took the tensor that stood here for a buffer, and wants no other value there.
            delattr(self.owner, self.attribute)
            setattr(self.owner, self.attribute, value)


@dataclass(eq=False, repr=False)
class KeyPlace(Place):
    """One key of a namespace: a global variable."""

    entry: object = None

    @property
    def key(self) -> Key:
        return ("KeyPlace", id(self.owner), self.entry)

    def read(self) -> Any:
        return self.owner.get(self.entry, UNBOUND)

    def write(self, value: Any) -> None:
        if value is not UNBOUND:
            self.owner[self.entry] = value
        else:
            self.owner.pop(self.entry, None)


class ListPlace(Place):
    """All items of a list."""

    def read(self) -> Contents:
        return Contents(list.__iter__(self.owner))

    def write(self, value: Any) -> None:
        list.__setitem__(self.owner, slice(None), list(value))


class DequePlace(ListPlace):
    """All items of a ``collections.deque``."""

    def read(self) -> Contents:
        return Contents(self.owner)

    def write(self, value: Any) -> None:
        self.owner.clear()
        self.owner.extend(value)


class SetPlace(Place):
    """All members of a set."""

    def read(self) -> Contents:
        return Contents(set.__iter__(self.owner))

    def write(self, value: Any) -> None:
        set.clear(self.owner)
        set.update(self.owner, value)


class DictPlace(Place):
    """All items of a dict, in order: what it holds, whatever a subclass makes of ``d[key]``."""

    def read(self) -> Mapping:
        base = _dict_base(self.owner)
        return Mapping(
            (key, dict.__getitem__(self.owner, key)) for key in base.__iter__(self.owner)
        )

    def write(self, value: Any) -> None:
        base = _dict_base(self.owner)
        base.clear(self.owner)
        for key, item in value.items():
            base.__setitem__(self.owner, key, item)


def _dict_base(value: dict[Any, Any]) -> type[dict[Any, Any]]:
    return OrderedDict if isinstance(value, OrderedDict) else dict


@dataclass(eq=False, repr=False)
class TensorPlace(Place):
    """The current SSA value of a tensor that an operation writes in place.

    ``owner`` is a tensor, ``recorder`` knows its value; ``read`` gives an ``ir.Value``.
    """

    recorder: Any = None

    def read(self) -> Any:
        return self.recorder.value_of(self.owner)

    def write(self, value: Any) -> None:
        if not isinstance(value, Value):
            value = self.recorder.value_of(value)
        self.recorder.restore(self.owner, value)


def contents_place(container: Any, name: str) -> Place | None:
    """The place of the contents of a list, dict or set; None for anything else."""
    if isinstance(container, list):
        return ListPlace(container, name)
    if isinstance(container, deque):
        return DequePlace(container, name)
    if isinstance(container, dict):
        return DictPlace(container, name)
    if isinstance(container, set):
        return SetPlace(container, name)
    return None


def same(a: Any, b: Any) -> bool:
    """Whether two values read from one place are the same: identity, items' identity in contents."""
    if a is b:
        return True
    if isinstance(a, Contents) and isinstance(b, Contents):
        return len(a) == len(b) and all(x is y for x, y in zip(a, b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return list(a) == list(b) and all(a[k] is b[k] for k in a)
    return False

"""Arguments and results as trees: tensors are leaves, containers are nodes, the rest is constant.

``flatten`` gives the tensors in order and a hashable *structure*; ``rebuild`` puts tensors back.
Lists, tuples, dicts, named tuples and dataclasses are containers; None and every other Python value
is part of the structure: by value where it is a plain one, else by identity.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from dy2st.capture.size import is_size_class, real_size

PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))


class Constant:
    """A Python value inside a structure. Plain values compare by type and value."""

    __slots__ = ("key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        # -0.0 == 0.0 and nan != nan: the text of a float tells them apart.
        plain = isinstance(value, PLAIN)
        text = repr(value) if isinstance(value, (float, complex)) else value
        self.key = (type(value), text) if plain else (type(value), id(value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return repr(self.value)


class Leaf:
    """The place of one tensor."""

    def __repr__(self) -> str:
        return "*"


LEAF = Leaf()


def flatten(value: Any, is_leaf: Callable[[Any], bool], leaves: list[Any]) -> Any:
    """Append the leaves of ``value`` to ``leaves``; returns its structure."""
    if is_leaf(value):
        leaves.append(value)
        return LEAF
    kind = type(value)
    if kind in (tuple, list, deque) or is_size_class(kind):
        return (kind, tuple([flatten(v, is_leaf, leaves) for v in value]))
    if kind in (dict, OrderedDict, defaultdict):
        items = tuple([flatten(v, is_leaf, leaves) for v in value.values()])
        return (kind, tuple(Constant(k) for k in value), items)
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return (kind, tuple([flatten(v, is_leaf, leaves) for v in value]))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = tuple(f.name for f in dataclasses.fields(value))
        items = tuple([flatten(getattr(value, n), is_leaf, leaves) for n in names])
        return (kind, names, items, _entries(value, names, is_leaf, leaves))
    return Constant(value)


def _entries(
    value: Any, names: tuple[str, ...], is_leaf: Callable[[Any], bool], leaves: list[Any]
) -> tuple[tuple[Constant, Any], ...]:
    """The keys of a dataclass that is a dict too, each with the field that it repeats or its value."""
    if not isinstance(value, dict):
        return ()
    out = []
    for key, item in dict.items(value):
        repeated = isinstance(key, str) and key in names and getattr(value, key) is item
        out.append((Constant(key), key if repeated else flatten(item, is_leaf, leaves)))
    return tuple(out)


def rebuild(structure: Any, leaves: list[Any]) -> Any:
    """The value with ``leaves`` (consumed from the front by an iterator) at its leaves."""
    return _rebuild(structure, iter(leaves))


def _rebuild(structure: Any, leaves: Any) -> Any:
    if structure is LEAF:
        return next(leaves)
    if isinstance(structure, Constant):
        return structure.value
    kind = structure[0]
    if len(structure) == 4:
        values = {n: _rebuild(s, leaves) for n, s in zip(structure[1], structure[2])}
        out = _rebuild_dataclass(kind, values)
        for key, part in structure[3]:
            item = values[part] if isinstance(part, str) else _rebuild(part, leaves)
            _dict_base(kind).__setitem__(out, key.value, item)
        return out
    if len(structure) == 3:
        items = {k.value: _rebuild(s, leaves) for k, s in zip(structure[1], structure[2])}
        return items if kind is dict else OrderedDict(items) if kind is OrderedDict else items
    parts = [_rebuild(s, leaves) for s in structure[1]]
    if kind is list:
        return parts
    if is_size_class(kind):
        return real_size(parts)
    if kind is deque:
        return deque(parts)
    return kind(*parts) if hasattr(kind, "_fields") else tuple(parts)


def _rebuild_dataclass(kind: Any, values: dict[str, Any]) -> Any:
    """Without ``__init__``: it may compute; fields are set as they were."""
    out = _dict_base(kind).__new__(kind)
    for name, value in values.items():
        object.__setattr__(out, name, value)
    return out


def _dict_base(kind: type) -> Any:
    """What makes an instance without the class's own ways, and stores an entry."""
    return next(base for base in (OrderedDict, dict, object) if issubclass(kind, base))

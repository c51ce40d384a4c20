"""Snapshots: what a Python value is at one moment, taken apart down to SSA values.

A branch is rolled back before it is merged, so what its places hold at its end has to be kept in a
form that a rollback cannot change: containers are copied, tensors are replaced by the SSA value that
they have at this moment. Every node remembers the object that it was taken from, because two places
with the same object merge to that object.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, TypeAlias

from dy2st.capture import symint
from dy2st.capture.scalar import Scalar
from dy2st.capture.size import is_size_class, size_of
from dy2st.convert.outcome import Ret
from dy2st.convert.places import Contents, Mapping
from dy2st.convert.unions import Union
from dy2st.ir.program import Value
from dy2st.records import record


@record(frozen=True, eq=False)
class Const:
    """An object that is taken as it is; ``tensors`` are those that a function has in its cells."""

    obj: Any
    tensors: tuple[tuple[Any, Value], ...] = ()


@record(frozen=True, eq=False)
class Tensor:
    """A tensor and its SSA value."""

    obj: Any
    value: Value


@record(frozen=True, eq=False)
class Number:
    """A Python number known only at run time: an ``ir`` size expression or an SSA value."""

    obj: Any
    kind: str
    value: Any


@record(frozen=True, eq=False)
class Group:
    """A container or a plain object: class, keys (indices, keys, attribute names), items."""

    obj: Any
    cls: type
    keys: tuple[Any, ...]
    items: tuple[Snap, ...]


@record(frozen=True, eq=False)
class Alt:
    """A Union."""

    obj: Any
    tag: Value
    then: Snap
    orelse: Snap


@record(frozen=True, eq=False)
class Split(Alt):
    """A container (``obj``) whose contents are a Union; the sides are containers of their own.

    Where the container is known outside of the region it is taken as it is, for its contents are a
    place that is merged by itself. One that was made in the region leaves it as a Union.
    """


@record(frozen=True, eq=False)
class Rows:
    """A list of run-time length: the template of an item, the stacked SSA values."""

    obj: Any
    cls: type
    item: Any
    values: tuple[Value, ...]


Snap: TypeAlias = "Const | Tensor | Number | Group | Alt | Rows"


class Describer:
    """Takes snapshots; ``is_tensor`` and ``value_of`` say what a tensor is and which value it has."""

    def __init__(
        self,
        is_tensor: Callable[[object], bool],
        value_of: Callable[[Any], Value],
        assumed: Callable[[Value], bool | None] = lambda tag: None,
        held: Callable[[Any], Any] = lambda container: None,
    ) -> None:
        self._held = held  # what stands for the contents of a container, where something does
        self._is_tensor = is_tensor
        self._value_of = value_of
        self._assumed = assumed
        self._memo: dict[int, Snap] = {}
        self._kept: list[Any] = []

    def describe(self, value: Any) -> Snap:
        """The snapshot of ``value``; the same node for the same object."""
        found = self._memo.get(id(value))
        if found is None:
            self._memo[id(value)] = Const(value)  # for cycles
            self._kept.append(value)
            found = self._memo[id(value)] = self._describe(value)
        return found

    def _describe(self, value: Any) -> Snap:
        special = _SPECIAL.get(type(value).__name__)
        if special is not None and type(value).__module__.startswith(
            ("dy2st.", "builtins", "collections")
        ):
            found: Snap | None = getattr(self, special)(value)
            if found is not None:
                return found
        if self._is_tensor(value):
            return Tensor(value, self._value_of(value))
        parts = parts_of(value)
        if parts is None:
            return Const(value)
        keys, items = parts
        return Group(value, type(value), keys, tuple(self.describe(i) for i in items))

    def _value(self, value: Value) -> Snap:
        return Tensor(value, value)

    def _union(self, union: Union) -> Snap:
        known = self._assumed(union.tag)
        if known is not None:
            return self.describe(union.then if known else union.orelse)
        return Alt(union, union.tag, self.describe(union.then), self.describe(union.orelse))

    def _symint(self, number: symint.SymInt) -> Snap:
        return Number(number, "int", number.expr)

    def _scalar(self, number: Scalar) -> Snap:
        return Number(number, number.kind, self._value_of(number.tensor))

    def _function(self, function: FunctionType) -> Snap:
        return Const(function, tuple(self._tensors_in(function)))

    def _grown(self, grown: Any) -> Snap:
        return self._rows(grown, grown, Contents)

    def _container(self, container: Any) -> Snap | None:
        contents = self._held(container)
        if contents is None:
            return None
        if type(contents) is not Union:
            return self._rows(container, contents, list)
        then = self._side(contents.then, type(container))
        orelse = self._side(contents.orelse, type(container))
        return Split(container, contents.tag, then, orelse)

    def _side(self, contents: Any, cls: type) -> Snap:
        """One side's contents as a container of its own."""
        self._kept.append(contents)
        if type(contents) is Union:
            sides = (self._side(c, cls) for c in (contents.then, contents.orelse))
            return Alt(contents, contents.tag, *sides)
        parts = parts_of(contents)
        if parts is None:
            return self._rows(contents, contents, cls)
        if cls is set:
            return Const(set(contents))
        keys, items = parts
        return Group(contents, cls, keys, tuple(self.describe(i) for i in items))

    def _rows(self, obj: Any, grown: Any, cls: type) -> Snap:
        return Rows(obj, cls, grown.item, tuple(map(self._value_of, grown.stacks)))

    def _tensors_in(self, function: FunctionType) -> Iterator[tuple[Any, Value]]:
        for cell in function.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:
                continue
            if self._is_tensor(content):
                yield content, self._value_of(content)


def holds_symbols(value: Any, depth: int = 4) -> bool:
    """Whether ``value`` is or holds something that only this capture knows."""
    if isinstance(value, (list, tuple)) or type(value) is dict:
        inner = value.values() if isinstance(value, dict) else value
        return depth > 0 and any(holds_symbols(v, depth - 1) for v in inner)
    return symint.is_symint(value) or type(value).__name__ in ("SymbolicTensor", "Union", "Scalar")


# What is not just a tensor, a container or a constant, by the name of its class.
_SPECIAL = {
    "Value": "_value",
    "Union": "_union",
    "SymInt": "_symint",
    "Scalar": "_scalar",
    "function": "_function",
    "Grown": "_grown",
    "list": "_container",
    "dict": "_container",
    "set": "_container",
    "deque": "_container",
}


def parts_of(value: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
    """Keys and items of a container or plain object; None for what is taken as a whole."""
    kind = type(value)
    if (
        kind in (list, Contents)
        or (kind is deque and value.maxlen is None)
        or isinstance(value, tuple)
        or is_size_class(kind)
    ):
        return tuple(range(len(value))), tuple(value)
    if kind in (dict, Mapping) or _is_ordered_dict(kind):
        return tuple(value), tuple(value.values())
    if is_plain_object(value):
        return tuple(vars(value)), tuple(vars(value).values())
    if kind.__module__ == "dy2st.convert.text":
        items = tuple(value.parts) if kind.__name__ == "Text" else (value.tensor, value.spec)
        return tuple(range(len(items))), items
    return None


def _is_ordered_dict(kind: type) -> bool:
    return kind.__module__ == "collections" and kind.__name__ == "OrderedDict"


def is_plain_object(value: Any) -> bool:
    """An instance of a user's class that is nothing but its attributes; no Layer, no C type."""
    kind = type(value)
    if kind is Ret:
        return True
    if kind.__module__.split(".")[0] in _OPAQUE or kind.__module__ == "builtins":
        return False
    if any(base.__module__.split(".")[0] in _OPAQUE for base in kind.__mro__):
        return False
    plain_new: bool = vars(object)["__new__"] is getattr(kind, "__new__")  # noqa: B009
    slots = any("__slots__" in vars(base) for base in kind.__mro__[:-1])
    return plain_new and not slots and hasattr(value, "__dict__")


# Objects of these packages are never taken apart.
_OPAQUE = {"paddle", "numpy", "dy2st", "types", "functools", "enum", "typing", "abc", "threading"}


def rebuild_group(cls: type, keys: tuple[Any, ...], items: list[Any]) -> Any:
    """A container or object like the one that was taken apart, with other items."""
    if issubclass(cls, tuple):
        fields = hasattr(cls, "_make")
        return cls._make(items) if fields else cls(items)  # type: ignore[attr-defined]
    if cls is list:
        return items
    if is_size_class(cls):
        return size_of(items)
    if cls.__module__ == "dy2st.convert.text":
        made: Any = cls
        return made(items) if cls.__name__ == "Text" else made(*items)
    if cls is deque:
        return deque(items)
    if issubclass(cls, dict):
        return cls(zip(keys, items))
    out = object.__new__(cls)
    vars(out).update(zip(keys, items))
    return out


_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), slice, range, frozenset)


def equal_constants(a: Any, b: Any) -> bool:
    """Whether nobody can tell ``a`` from ``b``."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, _PLAIN):
        return bool(a == b) and repr(a) == repr(b)
    kind = type(a)
    if kind.__name__ in ("method", "builtin_function_or_method"):
        return bool(a == b) and a.__self__ is b.__self__
    package = kind.__module__.split(".")[0]
    if package in ("paddle", "numpy") and kind.__name__ in _VALUE_TYPES:
        return bool(a == b)
    return False


_VALUE_TYPES = {"DataType", "VarType", "Place", "CPUPlace", "dtype", "float32", "float64", "int64"}

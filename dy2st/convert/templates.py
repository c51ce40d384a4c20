"""Templates: what a place can hold after a merge, and which SSA values carry it.

``Keep`` is one particular object; ``AnyTensor`` any tensor of a dtype and rank; ``AnyNumber`` any
Python number of a kind; ``AnyGroup`` a container or object with templates for its parts; ``OneOf``
one of several alternatives, told apart at run time by bool values. ``leaf_types`` are the types of
the SSA values that carry a value of a template, in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from dy2st.convert.places import UNBOUND
from dy2st.convert.snapshot import (
    Alt,
    Const,
    Group,
    Number,
    Rows,
    Snap,
    Split,
    Tensor,
    equal_constants,
)
from dy2st.ir.dims import SymExpr
from dy2st.ir.types import DType, TensorType
from dy2st.records import record

MAX_ALTERNATIVES = 8
NUMBER_TYPES = {
    "bool": TensorType(DType.BOOL, ()),
    "int": TensorType(DType.INT64, ()),
    "float": TensorType(DType.FLOAT64, ()),
}
BOOL = NUMBER_TYPES["bool"]


class Mismatch(Exception):
    """Two values cannot be held by one template; ``args[0]`` says why."""


@record(frozen=True, eq=False)
class Keep:
    """Exactly the object of ``snap``; tensors in the cells of a function may be ``exported``."""

    snap: Snap
    exported: tuple[tuple[Any, TensorType], ...] = ()


@record(frozen=True, eq=False)
class AnyTensor:
    """A tensor; ``sources`` are the objects that may have been there before."""

    type: TensorType
    sources: tuple[Any, ...] = ()


@record(frozen=True, eq=False)
class AnyNumber:
    """A Python bool, int or float."""

    kind: str


@record(frozen=True, eq=False)
class AnyGroup:
    """A container or plain object; ``sources`` as in AnyTensor."""

    cls: type
    keys: tuple[Any, ...]
    items: tuple[Template, ...]
    sources: tuple[Any, ...] = ()


@record(frozen=True, eq=False)
class OneOf:
    """One of ``alternatives``."""

    alternatives: tuple[Template, ...]


@record(frozen=True, eq=False)
class AnyRows:
    """A list (``cls`` list) or the contents of one, of run-time length ``length``."""

    cls: type
    item: Template
    length: SymExpr
    sources: tuple[Any, ...] = ()


Template: TypeAlias = "Keep | AnyTensor | AnyNumber | AnyGroup | OneOf | AnyRows"


def leaf_types(template: Template) -> Iterator[TensorType]:
    """Types of the SSA values of ``template``, in the order of ``transfer.inject``."""
    if isinstance(template, Keep):
        yield from (type_ for _, type_ in template.exported)
    elif isinstance(template, AnyTensor):
        yield template.type
    elif isinstance(template, AnyNumber):
        yield NUMBER_TYPES[template.kind]
    elif isinstance(template, AnyGroup):
        for item in template.items:
            yield from leaf_types(item)
    elif isinstance(template, AnyRows):
        for type_ in leaf_types(template.item):
            yield type_.with_shape((template.length, *type_.shape))
    else:
        for _ in template.alternatives[1:]:
            yield BOOL
        for alternative in template.alternatives:
            yield from leaf_types(alternative)


def equal_templates(a: Template, b: Template) -> bool:
    """Whether two templates hold the same values in the same way."""
    if isinstance(a, Keep) and isinstance(b, Keep):
        return a.snap is b.snap or identical(a.snap, b.snap)
    if isinstance(a, AnyTensor) and isinstance(b, AnyTensor):
        return a.type == b.type
    if isinstance(a, AnyNumber) and isinstance(b, AnyNumber):
        return a.kind == b.kind
    if isinstance(a, AnyGroup) and isinstance(b, AnyGroup):
        return a.cls is b.cls and a.keys == b.keys and _all_equal(a.items, b.items)
    if isinstance(a, AnyRows) and isinstance(b, AnyRows):
        return a.cls is b.cls and equal_templates(a.item, b.item)
    if isinstance(a, OneOf) and isinstance(b, OneOf):
        return _all_equal(a.alternatives, b.alternatives)
    return False


def _all_equal(a: tuple[Template, ...], b: tuple[Template, ...]) -> bool:
    return len(a) == len(b) and all(map(equal_templates, a, b))


def identical(a: Snap, b: Snap) -> bool:
    """Whether two snapshots are of one object, or of constants that nobody can tell apart."""
    if a.obj is b.obj:
        return True
    if isinstance(a, Number) and isinstance(b, Number):
        return a.kind == b.kind and (a.value is b.value or _same_dim(a.value, b.value))
    if isinstance(a, Const) and isinstance(b, Const):
        return equal_constants(a.obj, b.obj)
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return False
    if isinstance(a, Group) and isinstance(b, Group):
        # Only immutable groups are the same by their parts.
        same_shape = issubclass(a.cls, tuple) and a.cls is b.cls and a.keys == b.keys
        return same_shape and all(map(identical, a.items, b.items))
    return False


def _same_dim(a: Any, b: Any) -> bool:
    return isinstance(a, SymExpr) and isinstance(b, SymExpr) and a == b


def number_kind(what: Snap | Template) -> str | None:
    """ "bool", "int" or "float" where every value is a Python number of that kind."""
    if isinstance(what, Keep):
        return number_kind(what.snap)
    if isinstance(what, Const):
        name = type(what.obj).__name__
        return name if type(what.obj) in (bool, int, float) else None
    if isinstance(what, (Number, AnyNumber)):
        return what.kind
    if isinstance(what, Alt):
        parts: tuple[Any, ...] = (what.then, what.orelse)
    elif isinstance(what, OneOf):
        parts = what.alternatives
    else:
        return None
    kinds = {number_kind(p) for p in parts}
    return kinds.pop() if len(kinds) == 1 else None


def fits(template: Template, snap: Snap) -> bool:
    """Whether ``template`` can hold ``snap`` as it is."""
    if isinstance(template, Keep):
        return identical(template.snap, snap)
    if isinstance(template, AnyTensor):
        if not isinstance(snap, Tensor):
            return False
        type_ = snap.value.type
        return type_.dtype is template.type.dtype and type_.rank == template.type.rank
    if isinstance(template, AnyNumber):
        return number_kind(snap) == template.kind
    if isinstance(template, AnyRows):
        if isinstance(snap, Group) and snap.cls is template.cls:
            return all(fits_alt(template.item, i) for i in snap.items)
        return isinstance(snap, Rows) and snap.cls is template.cls
    if isinstance(template, AnyGroup):
        if (
            not isinstance(snap, Group)
            or snap.cls is not template.cls
            or snap.keys != template.keys
        ):
            return False
        return all(fits_alt(t, s) for t, s in zip(template.items, snap.items))
    return any(fits(a, snap) for a in template.alternatives)


def holds_object(template: Template, obj: Any) -> bool:
    """Whether ``template`` holds ``obj`` itself, as all it is or as an alternative."""
    if isinstance(template, OneOf):
        return any(holds_object(part, obj) for part in template.alternatives)
    return isinstance(template, Keep) and template.snap.obj is obj


def as_held(snap: Snap, template: Template) -> Snap:
    """``snap``; a container with split contents that ``template`` holds itself, as it is."""
    held = isinstance(snap, Split) and holds_object(template, snap.obj)
    return Const(snap.obj) if held else snap


def fits_alt(template: Template, snap: Snap) -> bool:
    snap = as_held(snap, template)
    if isinstance(snap, Alt):
        return fits_alt(template, snap.then) and fits_alt(template, snap.orelse)
    return fits(template, snap)


def may_be_unbound(template: Template) -> bool:
    """Whether UNBOUND is one of the alternatives."""
    if isinstance(template, Keep):
        return template.snap.obj is UNBOUND
    return isinstance(template, OneOf) and any(map(may_be_unbound, template.alternatives))

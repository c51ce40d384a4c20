"""Moving Python values through SSA values: out of a region by ``inject``, back by ``rebuild``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dy2st.capture.scalar import Scalar
from dy2st.convert.snapshot import (
    Alt,
    Const,
    Group,
    Number,
    Rows,
    Snap,
    Tensor,
    rebuild_group,
)
from dy2st.convert.templates import (
    BOOL,
    NUMBER_TYPES,
    AnyGroup,
    AnyNumber,
    AnyRows,
    AnyTensor,
    Keep,
    OneOf,
    Template,
    as_held,
    fits,
    leaf_types,
)
from dy2st.convert.unions import Union
from dy2st.errors import InternalError, Location
from dy2st.ir.builder import Builder
from dy2st.ir.dims import SymExpr, symbols_of
from dy2st.ir.program import Value
from dy2st.ir.types import TensorType


class Injector:
    """Emits what it takes to hand snapshots over, into the block that is open now.

    ``unknown`` are symbols that have no value in that block: sizes of dummies become 0 there.
    """

    def __init__(self, builder: Builder, unknown: set[str] | None = None) -> None:
        self._b = builder
        self._unknown = unknown or set()

    def inject(self, snap: Snap, template: Template) -> list[Value]:
        """The SSA values that carry ``snap`` as a value of ``template``."""
        snap = as_held(snap, template)
        if isinstance(snap, Alt) and not (isinstance(template, Keep) and template.snap is snap):
            return self._select(snap, template)
        if isinstance(template, Keep):
            return self._exported(snap, template)
        if isinstance(template, AnyTensor) and isinstance(snap, Tensor):
            return [snap.value]
        if isinstance(template, AnyNumber):
            return [self._number(snap)]
        if isinstance(template, AnyGroup) and isinstance(snap, Group):
            out: list[Value] = []
            for item, part in zip(snap.items, template.items):
                out.extend(self.inject(item, part))
            return out
        if isinstance(template, AnyRows) and isinstance(snap, (Rows, Group)):
            return list(snap.values) if isinstance(snap, Rows) else self._stacked(snap, template)
        if isinstance(template, OneOf):
            return self._alternative(snap, template)
        raise InternalError(f"{snap} does not fit {template}")

    def _stacked(self, snap: Group, template: AnyRows) -> list[Value]:
        """The items of a list as rows."""
        rows = [self.inject(item, template.item) for item in snap.items]
        out = []
        for i, type_ in enumerate(leaf_types(template.item)):
            whole = type_.with_shape((len(rows), *type_.shape))
            if rows:
                parts = tuple(row[i] for row in rows)
                out.append(self._b.emit("stack", (parts,), {"axis": 0}, types=[whole]).result)
            else:
                out.append(self._filled(whole, np.zeros((), type_.dtype.numpy).item()))
        return out

    def _exported(self, snap: Snap, template: Keep) -> list[Value]:
        values = {id(t): v for t, v in snap.tensors} if isinstance(snap, Const) else {}
        return [values[id(t)] for t, _ in template.exported]

    def _alternative(self, snap: Snap, template: OneOf) -> list[Value]:
        chosen = next((i for i, a in enumerate(template.alternatives) if fits(a, snap)), None)
        if chosen is None:
            raise InternalError(f"{snap} is none of {template.alternatives}")
        tags = [self.full(i == chosen) for i in range(len(template.alternatives) - 1)]
        out = list(tags)
        for i, alternative in enumerate(template.alternatives):
            out += self.inject(snap, alternative) if i == chosen else self.dummies(alternative)
        return out

    def _select(self, snap: Alt, template: Template) -> list[Value]:
        if isinstance(snap.then, Const) and isinstance(snap.orelse, Const):
            pair = (snap.then.obj, snap.orelse.obj)
            if (
                isinstance(template, AnyNumber)
                and template.kind == "bool"
                and pair == (True, False)
            ):
                return [snap.tag]
            if (
                isinstance(template, AnyNumber)
                and template.kind == "bool"
                and pair == (False, True)
            ):
                return [self._b.emit("logical_not", (snap.tag,), {}, types=[BOOL]).result]
        blocks = []
        for side in (snap.then, snap.orelse):
            with self._b.region() as block:
                self._b.yield_(self.inject(side, template))
            blocks.append(block)
        # Sizes that the template leaves open are known to nobody in this block.
        names = {s: self._b.fresh_symbol() for s in sorted(self._unknown)}
        types = [substitute_symbols(t, names) for t in leaf_types(template)]
        if not types:
            return []
        op = self._b.emit("if", (snap.tag,), {}, blocks, types)
        return list(op.results)

    def _number(self, snap: Snap) -> Value:
        if isinstance(snap, Number):
            if isinstance(snap.value, Value):
                return snap.value
            type_ = NUMBER_TYPES["int"]
            return self._b.emit("dim_value", (), {"value": snap.value}, types=[type_]).result
        return self.full(snap.obj)

    def full(self, value: bool | int | float) -> Value:
        """A constant of shape []."""
        type_ = NUMBER_TYPES[type(value).__name__]
        return self._filled(type_, value)

    def _filled(self, type_: TensorType, value: Any) -> Value:
        attrs = {"shape": type_.shape, "value": value, "dtype": type_.dtype}
        return self._b.emit("full", (), attrs, types=[type_]).result

    def dummies(self, template: Template) -> list[Value]:
        """Values that nobody reads."""
        return [self._dummy(t) for t in leaf_types(template)]

    def _dummy(self, type_: TensorType) -> Value:
        shape = tuple(0 if symbols_of((d,)) & self._unknown else d for d in type_.shape)
        zero = np.zeros((), type_.dtype.numpy).item()
        return self._filled(type_.with_shape(shape), False if type_ == BOOL else zero)


class Rebuilder:
    """Makes Python values again from SSA values; the same object for the same template."""

    def __init__(self, recorder: Any, name: str = "", where: Location | None = None) -> None:
        self._recorder = recorder
        self._where = where
        self.name = name
        # New objects, what else they may be, the variable that they were made for.
        self.copies: list[tuple[Any, tuple[Any, ...], str]] = []
        # New lists, and the contents that the session is to give them.
        self.lists: list[tuple[list[Any], Any]] = []

    def rebuild(self, template: Template, values: Iterator[Value]) -> Any:
        """Takes as many of ``values`` as ``template`` has leaves."""
        if isinstance(template, Keep):
            for tensor, _ in template.exported:
                self._recorder.restore(tensor, next(values))
            return template.snap.obj
        if isinstance(template, AnyTensor):
            return self._copied(self._recorder.wrap(next(values)), template.sources)
        if isinstance(template, AnyNumber):
            return self._number(template.kind, next(values))
        if isinstance(template, AnyGroup):
            items = [self.rebuild(item, values) for item in template.items]
            return self._copied(rebuild_group(template.cls, template.keys, items), template.sources)
        if isinstance(template, AnyRows):
            return self._rows(template, values)
        tags = [next(values) for _ in template.alternatives[1:]]
        return self._union(tags, [self.rebuild(a, values) for a in template.alternatives])

    def _rows(self, template: AnyRows, values: Iterator[Value]) -> Any:
        from dy2st.convert.grown import Grown

        stacks = [self._recorder.wrap(next(values)) for _ in leaf_types(template.item)]
        grown = Grown(template.item, stacks)
        if template.cls is not list:
            return grown
        new: list[Any] = []
        self.lists.append((new, grown))
        return self._copied(new, template.sources)

    def _copied(self, new: Any, sources: tuple[Any, ...]) -> Any:
        if sources:
            self.copies.append((new, sources, self.name))
        return new

    def _number(self, kind: str, value: Value) -> Any:
        tensor = self._recorder.wrap(value)
        return self._recorder.item(tensor) if kind == "int" else Scalar(kind, tensor)

    def _union(self, tags: Sequence[Value], alternatives: Sequence[Any]) -> Any:
        result = alternatives[-1]
        for tag, value in zip(reversed(tags), reversed(alternatives[:-1])):
            result = Union(tag, value, result, self.name, self._where)
        return result


def substitute_symbols(template_type: TensorType, names: dict[str, SymExpr]) -> TensorType:
    """The type with symbols renamed."""
    from dy2st.ir.dims import substitute

    return template_type.with_shape(tuple(substitute(d, dict(names)) for d in template_type.shape))

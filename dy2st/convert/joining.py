"""Joining: the template that holds several snapshots of one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dy2st.convert.places import Contents
from dy2st.convert.snapshot import Alt, Const, Group, Number, Rows, Snap, Split, Tensor
from dy2st.convert.templates import (
    MAX_ALTERNATIVES,
    AnyGroup,
    AnyNumber,
    AnyRows,
    AnyTensor,
    Keep,
    Mismatch,
    OneOf,
    Template,
    identical,
    leaf_types,
    number_kind,
)
from dy2st.ir.dims import Dim, SymExpr, symbols_of
from dy2st.ir.program import Value


@dataclass(eq=False)
class Joiner:
    """Finds the template that holds several snapshots.

    ``in_loop`` turns Python numbers that differ into run-time numbers at once (they go on
    changing). ``local`` says whether an SSA value is defined in a region that has been closed,
    ``local_symbol`` the same of a size symbol; ``equal`` whether a guard of the Program says that two
    sizes agree; ``outside`` whether a mutable object existed before; ``fresh`` makes symbols.
    """

    fresh: Callable[[], SymExpr]
    in_loop: bool = False
    local: Callable[[Value], bool] = lambda value: False
    local_symbol: Callable[[str], bool] = lambda name: False
    equal: Callable[[Dim, Dim], bool] = lambda a, b: False
    outside: Callable[[object], bool] = lambda obj: True
    aliased: Callable[[object], bool] = lambda obj: False
    # ids of tensors that existed before and that the region changed in place
    existing: set[int] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    share: bool = True
    _round: dict[tuple[Dim, Dim], SymExpr] = field(default_factory=dict)
    _steps: dict[str, set[Dim]] = field(default_factory=dict)
    _joined: dict[tuple[int, int], Template] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)

    # --- one snapshot -----------------------------------------------------------------------

    def template(self, snap: Snap) -> Template:
        """The narrowest template for one snapshot that can leave the region it was taken in."""
        snap = self._settled(snap)
        if isinstance(snap, Const):
            return Keep(snap, tuple((t, v.type) for t, v in snap.tensors if self.local(v)))
        if isinstance(snap, Tensor):
            return Keep(snap) if self._existed(snap) else self.open(snap)
        if isinstance(snap, Number):
            return self.open(snap) if self._is_local_number(snap) else Keep(snap)
        if isinstance(snap, (Alt, Rows)):
            return self.open(snap)
        items = tuple(self.template(i) for i in snap.items)
        constant = all(isinstance(i, Keep) and not i.exported for i in items)
        if constant and issubclass(snap.cls, tuple):
            return Keep(snap)
        if not issubclass(snap.cls, tuple) and self.outside(snap.obj):
            return Keep(snap)
        return AnyGroup(snap.cls, snap.keys, items)

    def _settled(self, snap: Snap) -> Snap:
        """A container with split contents that is known outside is taken as it is."""
        if isinstance(snap, Split) and self.outside(snap.obj):
            return Const(snap.obj)
        return snap

    def _may_be_another(self, snap: Tensor) -> bool:
        # A tensor that the region merged may be one that existed before: the chain goes on.
        return self._existed(snap) or self.aliased(snap.obj)

    def _sources(self, snap: Tensor) -> tuple[Any, ...]:
        """What else a merged tensor may be, or share memory with: the bases of a view too."""
        found = [snap.obj] if self._may_be_another(snap) else []
        view = getattr(snap.obj, "_view", None)
        while view is not None:
            found.append(view.base)
            view = getattr(view.base, "_view", None)
        return tuple(found)

    def _existed(self, snap: Tensor) -> bool:
        return id(snap.obj) in self.existing or not self.local(snap.value)

    def _is_local_number(self, snap: Number) -> bool:
        if isinstance(snap.value, Value):
            return self.local(snap.value)
        return any(self.local_symbol(s) for s in symbols_of((snap.value,)))

    def open(self, snap: Snap) -> Template:
        """A template for one snapshot that is not bound to the very object."""
        snap = self._settled(snap)
        if isinstance(snap, Const):
            return Keep(snap)
        if isinstance(snap, Tensor):
            dims = tuple(self._outer_dim(d) for d in snap.value.type.shape)
            sources = self._sources(snap)
            return AnyTensor(snap.value.type.with_shape(dims), sources)
        if isinstance(snap, Number):
            return AnyNumber(snap.kind)
        if isinstance(snap, Group):
            known = self.outside(snap.obj) or self.aliased(snap.obj)
            sources = (snap.obj,) if known else ()
            return AnyGroup(snap.cls, snap.keys, tuple(map(self.template, snap.items)), sources)
        if isinstance(snap, Rows):
            return AnyRows(snap.cls, snap.item, self._new())
        kind = number_kind(snap)
        if kind is not None and (self.in_loop or not _both_plain(snap)):
            return AnyNumber(kind)
        return self.join(self.template(snap.then), snap.orelse)

    def _outer_dim(self, dim: Dim) -> Dim:
        # A symbol of the loop's own arguments means another size in the next round.
        names = symbols_of((dim,))
        own = self.in_loop and bool(names & self.made)
        return self._new() if own or any(map(self.local_symbol, names)) else dim

    def _new(self) -> SymExpr:
        symbol = self.fresh()
        self.made.add(str(symbol))
        return symbol

    # --- two ----------------------------------------------------------------------------------

    def merge(self, a: Snap, b: Snap) -> Template:
        """The template for ``a`` in one branch and ``b`` in the other; one for each pair."""
        key = (id(a), id(b))
        if key not in self._joined:
            self._kept.append((a, b))
            self._joined[key] = Keep(a) if identical(a, b) else self.join(self.template(a), b)
        return self._joined[key]

    def join(self, template: Template, snap: Snap) -> Template:
        """The template for what ``template`` holds and ``snap``. Raises Mismatch."""
        if isinstance(template, Keep) and identical(template.snap, snap):
            return template
        snap = self._settled(snap)
        if isinstance(snap, Alt) and number_kind(snap) is None:
            return self.join(self.join(template, snap.then), snap.orelse)
        kind = number_kind(snap)
        if kind is not None and kind == number_kind(template):
            return self._join_numbers(template, snap, kind)
        if isinstance(template, OneOf):
            return self._join_alternative(template, snap)
        joined = self._join_same(template, snap)
        return joined if joined is not None else self._one_of((template, self.template(snap)))

    def _join_numbers(self, template: Template, snap: Snap, kind: str) -> Template:
        constants = isinstance(template, Keep) and isinstance(template.snap, Const)
        if constants and isinstance(snap, Const) and not self.in_loop:
            return self._one_of((template, Keep(snap)))
        return AnyNumber(kind)

    def _join_same(self, template: Template, snap: Snap) -> Template | None:
        """A common template without alternatives, or None."""
        rows = self._join_rows(template, snap)
        if rows is not None:
            return rows
        if isinstance(template, Keep) and isinstance(template.snap, (Tensor, Group)):
            if isinstance(template.snap, Group) and not self._may_rebuild(template.snap.obj, snap):
                return None
            return self._join_same(self.open(template.snap), snap)
        if isinstance(template, AnyTensor) and isinstance(snap, Tensor):
            return self._join_tensors(template, snap)
        if isinstance(template, AnyGroup) and isinstance(snap, Group):
            if template.cls is not snap.cls or template.keys != snap.keys:
                return None
            if not self._may_rebuild(None, snap):
                return None
            items = tuple(map(self.join, template.items, snap.items))
            return AnyGroup(template.cls, template.keys, items, template.sources)
        return None

    def _join_rows(self, template: Template, snap: Snap) -> Template | None:
        """Lists of different lengths, as one list whose length only a run knows."""
        parts = self._row_parts(template)
        if parts is None or not isinstance(snap, (Group, Rows)) or parts[0] is not snap.cls:
            return None
        grown = isinstance(template, AnyRows) or isinstance(snap, Rows)
        longer = self.in_loop and isinstance(snap, Group) and len(snap.keys) != len(parts[1])
        if not (grown or longer):
            return None
        items = [*parts[1], *(snap.items if isinstance(snap, Group) else ())]
        item: Template | None = template.item if isinstance(template, AnyRows) else None
        if isinstance(snap, Rows):
            item = snap.item if item is None else item
        for each in items:
            item = self._loose(each) if item is None else self.join(item, each)
        if item is None or not self._is_row(item):
            raise Mismatch("its length changes, and its items are not of one type and shape")
        if isinstance(template, AnyRows):
            return AnyRows(template.cls, item, template.length, template.sources)
        return AnyRows(parts[0], item, self._new(), parts[2])

    def _row_parts(
        self, template: Template
    ) -> tuple[type, tuple[Snap, ...], tuple[Any, ...]] | None:
        if isinstance(template, AnyRows):
            return template.cls, (), template.sources
        snap = template.snap if isinstance(template, Keep) else None
        if isinstance(snap, Group) and snap.cls in (list, Contents):
            return snap.cls, snap.items, (snap.obj,) if snap.cls is list else ()
        if isinstance(template, AnyGroup) and template.cls in (list, Contents):
            if any(not isinstance(i, Keep) for i in template.items):
                return None
            return template.cls, tuple(i.snap for i in template.items if isinstance(i, Keep)), ()
        return None

    def _loose(self, snap: Snap) -> Template:
        """A template for an item that is not bound to the object."""
        if isinstance(snap, Group):
            return AnyGroup(snap.cls, snap.keys, tuple(map(self._loose, snap.items)))
        if isinstance(snap, Tensor):
            return AnyTensor(snap.value.type)
        kind = number_kind(snap)
        return self.open(snap) if kind is None else AnyNumber(kind)

    def _is_row(self, item: Template) -> bool:
        """Whether items of the template can be stacked: their sizes are the same in all of them."""
        types = list(leaf_types(item))
        fixed = all(not (symbols_of(t.shape) & self.made) for t in types)
        return bool(types) and fixed and not isinstance(item, OneOf)

    def _may_rebuild(self, obj: Any, snap: Snap) -> bool:
        # A mutable object that others may know keeps its identity: an alternative, not a copy.
        if not isinstance(snap, Group) or self.in_loop or issubclass(snap.cls, tuple):
            return True
        return not (self.outside(snap.obj) or (obj is not None and self.outside(obj)))

    def _join_tensors(self, template: AnyTensor, snap: Tensor) -> Template | None:
        a, b = template.type, snap.value.type
        if a.dtype is not b.dtype or a.rank != b.rank:
            return None
        dims = tuple(self._join_dims(x, y) for x, y in zip(a.shape, b.shape))
        sources = (*template.sources, *self._sources(snap))
        return AnyTensor(a.with_shape(dims), sources)

    def _join_dims(self, a: Dim, b: Dim) -> Dim:
        if isinstance(a, SymExpr) and str(a) in self.made:
            self._steps.setdefault(str(a), set()).add(b)
            return a
        if a == b or self.equal(a, b):
            return a
        if not (self.in_loop and self.share):
            return self._new()
        # Sizes that start and step alike stay equal (two caches): one symbol for them.
        if (a, b) not in self._round:
            self._round[a, b] = self._new()
        return self._round[a, b]

    def end_round(self) -> bool:
        """Forget this round's pairs; False where sizes that shared a symbol turned out to differ."""
        split = self.share and any(len(dims) > 1 for dims in self._steps.values())
        self._round.clear()
        self._steps.clear()
        return not split

    def _join_alternative(self, template: OneOf, snap: Snap) -> Template:
        for index, alternative in enumerate(template.alternatives):
            if isinstance(alternative, Keep) and identical(alternative.snap, snap):
                return template
            joined = self._join_same(alternative, snap)
            if joined is None and number_kind(snap) is not None:
                same = number_kind(snap) == number_kind(alternative)
                joined = AnyNumber(str(number_kind(snap))) if same else None
            if joined is not None:
                parts = list(template.alternatives)
                parts[index] = joined
                return self._one_of(tuple(parts))
        return self._one_of((*template.alternatives, self.template(snap)))

    def _one_of(self, parts: tuple[Template, ...]) -> Template:
        flat: list[Template] = []
        for part in parts:
            flat.extend(part.alternatives if isinstance(part, OneOf) else (part,))
        if len(flat) > MAX_ALTERNATIVES:
            raise Mismatch(f"it takes more than {MAX_ALTERNATIVES} kinds of value")
        return OneOf(tuple(flat))


def _both_plain(snap: Alt) -> bool:
    return isinstance(snap.then, Const) and isinstance(snap.orelse, Const)

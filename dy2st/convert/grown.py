"""Lists whose length only a run knows: one tensor for each part of an item, stacked along axis 0.

A list that a tensor loop appends to holds items of one template; its contents are the stacked SSA
values of the template's leaves. ``append`` is ``concat([stack, row])``, which the CPU runtime keeps in
a buffer with room. The Python list object stays the same; converted code comes here to use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from dy2st.convert import active
from dy2st.convert.joining import Joiner
from dy2st.convert.snapshot import rebuild_group
from dy2st.convert.templates import (
    AnyGroup,
    AnyNumber,
    AnyTensor,
    Keep,
    Mismatch,
    Template,
    leaf_types,
)
from dy2st.convert.transfer import Injector, Rebuilder
from dy2st.convert.unions import show
from dy2st.errors import BranchMismatchError, ConcreteValueError, InternalError

if TYPE_CHECKING:
    from dy2st.convert.session import Session


class Grown:
    """The contents of such a list: the template of an item and the stacked tensors."""

    __slots__ = ("item", "stacks")

    def __init__(self, item: Template, stacks: list[Any]) -> None:
        self.item = item
        self.stacks = stacks

    def __repr__(self) -> str:
        return "a list whose length is known only at run time"

    def length(self, session: Session) -> Any:
        """Its length as a symbolic integer."""
        return session.recorder.symint(session.recorder.value_of(self.stacks[0]).shape[0])

    def get(self, session: Session, index: Any) -> Any:
        """The item at an int or symbolic index."""
        rows = [session.recorder.value_of(stack[index]) for stack in self.stacks]
        return Rebuilder(session.recorder).rebuild(self.item, iter(rows))

    def part(self, session: Session, index: slice) -> Grown:
        """A slice."""
        return Grown(self.item, [stack[index] for stack in self.stacks])

    def appended(self, session: Session, value: Any) -> Grown:
        """The contents with one item more. Raises BranchMismatchError for an item of another kind."""
        rows = self._rows(session, value)
        call = session.recorder.call
        stacks = [
            call("concat", [stack, call("unsqueeze", session.recorder.wrap(row), [0])], 0)
            for stack, row in zip(self.stacks, rows)
        ]
        return Grown(self.item, stacks)

    def replaced(self, session: Session, index: Any, value: Any) -> Grown:
        """The contents with another item at ``index``."""
        stacks = []
        for stack, row in zip(self.stacks, self._rows(session, value)):
            new = session.recorder.call("assign", stack)
            new[index] = session.recorder.wrap(row)
            stacks.append(new)
        return Grown(self.item, stacks)

    def _rows(self, session: Session, value: Any) -> list[Any]:
        snap = session.describer().describe(value)
        joiner = Joiner(session.builder.fresh_symbol, in_loop=True)
        try:
            joined = joiner.join(self.item, snap)
        except Mismatch:
            joined = None
        types = list(leaf_types(self.item))
        if joined is None or list(leaf_types(joined)) != types:
            raise BranchMismatchError(
                f"{show(value)} is added to a list whose items are "
                f"{', '.join(str(t) for t in types)} and whose length is known only at run time",
                location=active.location(),
                remedy="give all items of the list the same type and shape",
            )
        return Injector(session.builder).inject(snap, self.item)


def refuse(what: str) -> NoReturn:
    """Raise ConcreteValueError: the list is used by code that needs it as a Python list."""
    raise ConcreteValueError(
        f"a list that grew in a loop over tensors has a length known only at run time, and {what}",
        location=active.location(),
        remedy="use paddle.stack or paddle.concat on it, len(), an index, or a for statement",
    )


def method(session: Session, container: list[Any], grown: Grown, name: str, args: Any) -> Any:
    """A method of a list that grew."""
    from dy2st.convert.places import ListPlace

    place = ListPlace(container, "a list")
    if name == "append":
        _remember(session, args[0], container)
        session.write(place, grown.appended(session, args[0]))
        return None
    if name == "extend" and isinstance(args[0], (list, tuple)):
        for value in args[0]:
            method(session, container, session.grown_of(container) or grown, "append", (value,))
        return None
    if name == "pop" and (not args or args[0] == -1):
        last = grown.get(session, -1)
        session.write(place, grown.part(session, slice(None, -1)))
        return last
    if name == "copy":
        new: list[Any] = []
        session.write(ListPlace(new, "a list"), grown)
        return new
    if name == "clear":
        session.write(place, ())
        return None
    refuse(f"its method {name!r} is called")


def concatenated(session: Session, left: Any, symbol: str, right: Any) -> Any:
    """``+`` of two lists, the left one of which grew; other operators are refused."""
    grown = session.grown_of(left)
    if symbol != "+" or grown is None or session.grown_of(right) is not None:
        refuse(f"it is an operand of `{symbol}`")
    if not isinstance(right, list):
        return left + right  # raises what Python raises
    new: list[Any] = []
    session.write(_list_place(new), grown)
    method(session, new, grown, "extend", (right,))
    return new


def _list_place(container: list[Any]) -> Any:
    from dy2st.convert.places import ListPlace

    return ListPlace(container, "a list")


def _remember(session: Session, value: Any, container: list[Any]) -> None:
    # The list holds a copy: a change of the tensor in place would have to reach it.
    if session.is_tensor(value):
        session.copies.add_held(value, container)


def unstack(item: Template, rows: list[Any]) -> Any:
    """An item from its rows as real tensors: what a caller gets."""
    return _unstack(item, iter(rows))


def _unstack(item: Template, rows: Any) -> Any:
    if isinstance(item, Keep):
        return item.snap.obj
    if isinstance(item, AnyTensor):
        return next(rows)
    if isinstance(item, AnyNumber):
        return {"int": int, "float": float, "bool": bool}[item.kind](next(rows))
    if isinstance(item, AnyGroup):
        return rebuild_group(item.cls, item.keys, [_unstack(i, rows) for i in item.items])
    raise InternalError(f"an item of a list is {item}")


def joined(session: Session, function: Any, args: Any, kwargs: Any) -> Any:
    """``paddle.stack`` or ``paddle.concat`` of a list that grew; refused for other functions."""
    name = getattr(function, "__name__", "")
    module = str(getattr(function, "__module__", ""))
    values = [*args, *kwargs.values()]
    grown = session.grown_of(values[0]) if values else None
    simple = (
        grown is not None and isinstance(grown.item, (AnyTensor, Keep)) and len(grown.stacks) == 1
    )
    if not (module.startswith("paddle.") and name in ("stack", "concat") and simple):
        refuse(f"{name or 'a function'} gets it")
    assert grown is not None
    axis = kwargs.get("axis", args[1] if len(args) > 1 else 0)
    stack = grown.stacks[0]
    rank = stack.ndim
    axis = axis + rank - (name == "concat") if axis < 0 else axis
    order = [*range(1, axis + 1), 0, *range(axis + 1, rank)]
    moved = stack if axis == 0 else session.recorder.call("transpose", stack, order)
    if name == "stack":
        return moved if moved is not stack else session.recorder.call("assign", stack)
    shape = moved.shape
    merged = [*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]]
    return moved.reshape(merged)

"""Conditions: truth of values, ``and``, ``or``, ``not``, comparison chains, conditional expressions."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from typing import Any

from dy2st.capture import content, symint
from dy2st.capture.scalar import Scalar, is_scalar
from dy2st.convert import active
from dy2st.convert.session import Frame, Session
from dy2st.convert.unions import Union, distribute
from dy2st.errors import ConcreteValueError
from dy2st.ir.program import Block, Value
from dy2st.ir.types import DType

Thunk = Callable[[], Any]


def condition(value: Any) -> bool | Value:
    """Whether ``value`` is true: a Python bool, or a bool SSA value of shape []."""
    session = active.current()
    if session is None or (isinstance(value, bool) and not is_scalar(value)):
        return bool(value)
    value = session.simplify(value)
    if type(value) is Union:
        return _union_condition(session, value)
    if is_scalar(value):
        tensor = value.tensor if value.kind == "bool" else value.tensor != 0
        return _as_bool(session, tensor)
    if symint.is_symint(value):
        return condition(value != 0)
    if session.is_tensor(value):
        return _as_bool(session, value)
    grown = session.grown_of(value)
    if grown is not None:
        return condition(grown.length(session) > 0)
    if session.split_of(value) is not None:
        return condition(session.with_contents(value, lambda: len(value) > 0))
    return bool(value)


def _as_bool(session: Session, tensor: Any) -> bool | Value:
    value: Value = session.recorder.value_of(tensor)
    known = session.recorder.known_content(value) if value.dtype.is_integer else None
    if not isinstance(known, int) and value.type.rank == 0:
        known = content.truth_of(value)
    if isinstance(known, int):
        return bool(known)
    sizes = [d for d in value.shape if d != 1]
    if sizes:
        if any(isinstance(d, int) for d in sizes):
            raise ValueError(
                "the truth value of a tensor with more than one element is ambiguous: shape "
                f"{list(value.shape)}"
            )
        raise ConcreteValueError(
            f"a tensor of shape {list(value.shape)} is used as a condition; it must have one element",
            location=active.location(),
            remedy="reduce it with .any() or .all() first",
        )
    emit = session.recorder.emit
    if value.type.rank:
        value = emit("reshape", (value,), {"shape": ()}).results[0]
    if value.dtype is not DType.BOOL:
        value = emit("cast", (value,), {"dtype": DType.BOOL}).results[0]
    return value


def _union_condition(session: Session, union: Union) -> bool | Value:
    def plain(value: Any) -> bool | None:
        value = session.simplify(value)
        if type(value) is bool or value is None or type(value) in (int, float, str):
            return bool(value)
        return None

    then, orelse = plain(union.then), plain(union.orelse)
    if then is not None and orelse is not None:
        if then == orelse:
            return then
        return union.tag if then else session.negation(union.tag)
    return condition(distribute(_truth_value, union))


def _truth_value(value: Any) -> Any:
    """The truth of a value as something that merges to a tensor or a bool."""
    return as_python_bool(condition(value))


def always(value: Any) -> Thunk:
    """A thunk of a value."""
    return lambda: value


def truth(value: Any) -> bool:
    """Python's bool of a condition in code that runs its own control flow (a generator)."""
    found = condition(value)
    if isinstance(found, bool):
        return found
    raise ConcreteValueError(
        "a condition depends on a tensor in a function whose control flow is not converted "
        "(a generator or a coroutine)",
        location=active.location(),
        remedy="return a list instead of yielding, or compute with tensors (paddle.where)",
    )


def as_python_bool(found: bool | Value) -> Any:
    """A condition as a value of Python's ``bool`` type: a bool, or a run-time one."""
    session = active.current()
    if isinstance(found, bool) or session is None:
        return found
    return Scalar("bool", session.recorder.wrap(found))


def ifexp(cond: Any, then: Thunk, orelse: Thunk) -> Any:
    """``then() if cond else orelse()``."""
    found = condition(cond)
    if isinstance(found, bool):
        return then() if found else orelse()
    session = active.current()
    assert session is not None
    return session.branch(found, then, orelse, Frame.of((then, orelse)), "the value of `if … else`")


def and_(*thunks: Thunk) -> Any:
    """``a and b and …``: the first false value, or the last."""
    return _short_circuit(thunks, True)


def or_(*thunks: Thunk) -> Any:
    """``a or b or …``: the first true value, or the last."""
    return _short_circuit(thunks, False)


def _short_circuit(thunks: tuple[Thunk, ...], go_on_while: bool) -> Any:
    value = thunks[0]()
    if len(thunks) == 1:
        return value
    found = condition(value)
    rest = thunks[1:]
    if isinstance(found, bool):
        return _short_circuit(rest, go_on_while) if found is go_on_while else value
    session = active.current()
    assert session is not None
    go_on = lambda: _short_circuit(rest, go_on_while)  # noqa: E731
    stop = lambda: value  # noqa: E731
    then, orelse = (go_on, stop) if go_on_while else (stop, go_on)
    return session.branch(found, then, orelse, Frame.of(rest), "the value of `and`/`or`")


def not_(value: Any) -> Any:
    """``not value``."""
    found = condition(value)
    if isinstance(found, bool):
        return not found
    session = active.current()
    assert session is not None
    return as_python_bool(session.negation(found))


# --- comparisons ------------------------------------------------------------------------------

_PLAIN: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def _refuse_merged_identity(left: Any, right: Any) -> None:
    """``a is b`` of two tensors, one of which a branch or a loop chose: which object it is in eager
    depends on a tensor, and here it is a new one."""
    if left is right or not (_is_merged(left) or _is_merged(right)):
        return
    if _is_tensor(left) and _is_tensor(right):
        raise ConcreteValueError(
            "`is` of a tensor that a branch or a loop over tensors may have replaced",
            location=active.location(),
            remedy="keep a bool of your own that says which it is",
        )


def _is_tensor(value: Any) -> bool:
    session = active.current()
    return session is not None and session.is_tensor(value)


def _is_merged(value: Any) -> bool:
    owner = getattr(getattr(value, "_value", None), "owner", None)
    return isinstance(owner, Block) or getattr(owner, "name", "") in ("if", "while")


def compare(left: Any, *rest: Any) -> Any:
    """``left < b <= c …``; ``rest`` alternates operators and thunks of the operands."""
    right = rest[1]()
    value = _compare(left, rest[0], right)
    if len(rest) == 2:
        return value
    found = condition(value)
    if isinstance(found, bool):
        return compare(right, *rest[2:]) if found else value
    session = active.current()
    assert session is not None
    thunks = rest[3::2]
    return session.branch(
        found,
        lambda: compare(right, *rest[2:]),
        lambda: value,
        Frame.of(thunks),
        "the value of a comparison",
    )


def _compare(left: Any, op: str, right: Any) -> Any:
    session = active.current()
    if session is not None:
        for side, other in ((0, left), (1, right)):
            other = session.simplify(other)
            if type(other) is Union:
                parts = [left, right]

                def apply(value: Any, side: int = side, parts: list[Any] = parts) -> Any:
                    parts = list(parts)
                    parts[side] = value
                    return _compare(parts[0], op, parts[1])

                return distribute(apply, other)
        left, right = session.simplify(left), session.simplify(right)
    if op in _PLAIN:
        return _plain_comparison(session, left, op, right)
    if op in ("is", "is not"):
        _refuse_merged_identity(left, right)
        return (left is right) is (op == "is")
    return _contains(session, left, right, op == "in")


def _plain_comparison(session: Session | None, left: Any, op: str, right: Any) -> Any:
    if session is not None:
        for container in (left, right):
            if session.split_of(container) is not None:
                return session.with_contents(
                    container, lambda: _plain_comparison(session, left, op, right)
                )
            if session.grown_of(container) is not None:
                from dy2st.convert.grown import refuse

                refuse("it is compared")
        from dy2st.convert.operators import user_comparison

        found = user_comparison(left, op, right)
        if found is not NotImplemented:
            return found
        if op in ("==", "!=") and _is_open(left) and _is_open(right):
            return _same_items(left, right) if op == "==" else not_(_same_items(left, right))
    return _PLAIN[op](left, right)


def _is_open(value: Any) -> bool:
    """Whether ``value`` is a list or tuple, and not empty: its items are compared one by one."""
    return isinstance(value, (list, tuple)) and len(value) > 0


def _same_items(left: Any, right: Any) -> Any:
    """``left == right`` of lists (shapes, mostly) whose items only a run may know."""
    if isinstance(left, list) is not isinstance(right, list) or len(left) != len(right):
        return left is right
    if not any(symint.is_symint(v) or is_scalar(v) or _is_tensor(v) for v in (*left, *right)):
        return _PLAIN["=="](left, right)
    thunks = [lambda a=a, b=b: a is b or _compare(a, "==", b) for a, b in zip(left, right)]
    return and_(*thunks)


def _contains(session: Session | None, item: Any, container: Any, positive: bool) -> Any:
    if session is None:
        return (item in container) is positive
    if container is os.environ:
        session.note_environment()
    if session.split_of(container) is not None:
        return session.with_contents(
            container, lambda: _contains(session, item, container, positive)
        )
    if isinstance(container, (list, tuple)):
        found = or_(*(_equality(item, member) for member in container)) if container else False
        return found if positive else not_(found)
    if session.is_tensor(container):
        found = as_python_bool(_as_bool(session, (container == item).any()))
        return found if positive else not_(found)
    return (item in container) is positive


def _equality(item: Any, member: Any) -> Thunk:
    # Python: identity first, then the truth of `==`.
    return lambda: True if item is member else as_python_bool(condition(item == member))

"""Storages: which symbolic tensors share memory in eager, so that in-place writes reach them all.

Paddle's ``reshape``, ``slice``, ``transpose``, ``squeeze`` and friends return views: a write in
place to a view changes its base, and the other way round. Here each tensor either owns its value or
is a *view*: a base tensor and the operation that makes the view from it. A write to a base makes
its views stale (they are made again from the new base when next read); a write to a view is first
carried back into its base by the operation's inverse. A view whose operation has no inverse is
refused when it is written, never ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dy2st.errors import SideEffectError
from dy2st.ir.program import Attr, Operation, Value

if TYPE_CHECKING:
    from dy2st.capture.recorder import Recorder


class View:
    """How a tensor is made from its base: the operation, its attributes, the result's position.

    ``name`` "alias" is the base itself (``detach``, a symbolic stand-in for a real tensor).
    """

    __slots__ = ("attrs", "base", "block", "index", "name", "seen")

    def __init__(self, base: Any, name: str, attrs: dict[str, Attr], index: int, seen: Any) -> None:
        self.base = base
        self.name = name
        self.attrs = attrs
        self.index = index
        self.seen = seen  # the base's value from which the view's value was made
        self.block: Any = None  # where it was made again: other branches cannot see it


def add_view(tensor: Any, base: Any, op: Operation, index: int) -> None:
    """Note that ``tensor`` is result ``index`` of the view operation ``op`` on ``base``."""
    tensor._view = View(base, op.name, op.attrs, index, tensor._recorder.value_of(base))


def alias(recorder: Recorder, base: Any) -> Any:
    """A symbolic tensor that is ``base`` under another name: writes to one are seen by the other."""
    value = recorder.value_of(base)
    tensor = recorder.wrap(value)
    tensor._view = View(base, "alias", {}, 0, value)
    return tensor


def current_value(tensor: Any) -> Value:
    """The current value; a stale view is made again from its base."""
    view = tensor._view
    if view is not None:
        recorder = tensor._recorder
        now = recorder.value_of(view.base)
        blocks = recorder.builder._blocks
        hidden = view.block is not None and all(view.block is not b for b in blocks)
        if now is not view.seen or hidden:
            view.seen = now
            view.block = recorder.builder.block
            if view.name == "alias":
                tensor._value = now
            else:
                tensor._value = recorder.emit(view.name, (now,), view.attrs).results[view.index]
    value: Value = tensor._value
    return value


def write(tensor: Any, value: Value) -> None:
    """Give ``tensor`` a new value, and its base with it. Raises SideEffectError."""
    view = tensor._view
    if view is not None:
        recorder = tensor._recorder
        inverse = _INVERSES.get(view.name)
        if inverse is None:
            raise SideEffectError(
                f"a tensor that shares memory with another (through {view.name!r}) "
                "is changed in place",
                location=recorder.location,
                remedy="make a copy first with .clone()",
            )
        recorder.rebind(view.base, inverse(recorder, recorder.value_of(view.base), value, view))
        view.seen = recorder.value_of(view.base)
    tensor._value = value


def _alias_back(recorder: Recorder, base: Value, value: Value, view: View) -> Value:
    return value


def _reshape_back(recorder: Recorder, base: Value, value: Value, view: View) -> Value:
    return recorder.emit("reshape", (value,), {"shape": base.shape}).results[0]


def _transpose_back(recorder: Recorder, base: Value, value: Value, view: View) -> Value:
    perm = [int(p) % len(base.shape) for p in view.attrs["perm"]]  # type: ignore[union-attr,arg-type]
    inverse = tuple(perm.index(i) for i in range(len(perm)))
    return recorder.emit("transpose", (value,), {"perm": inverse}).results[0]


def _slice_back(recorder: Recorder, base: Value, value: Value, view: View) -> Value:
    a = view.attrs
    axes = a["axes"]
    steps = a.get("strides") or (1,) * len(axes)  # type: ignore[arg-type]
    attrs = {
        "starts": a["starts"],
        "ends": a["ends"],
        "steps": steps,
        "axes": axes,
        "decrease_axes": a.get("decrease_axis") or (),
        "none_axes": (),
    }
    return recorder.emit("set_value_with_tensor", (base, value), attrs).results[0]


_INVERSES = {
    "alias": _alias_back,
    "reshape": _reshape_back,
    "squeeze": _reshape_back,
    "unsqueeze": _reshape_back,
    "flatten": _reshape_back,
    "view_shape": _reshape_back,
    "transpose": _transpose_back,
    "slice": _slice_back,
    "strided_slice": _slice_back,
}

"""Operations whose number is a float that only a run knows: said with tensors instead.

phi takes a tensor of one element where a number is wanted (``clip(x, max=t)``, ``full(shape, t)``);
an attribute of a Program's operation cannot change from run to run, an operand can.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dy2st.capture import content

if TYPE_CHECKING:
    from dy2st.capture.recorder import Recorder

Given = dict[str, Any]


def instead(recorder: Recorder, name: str, given: Given) -> Any:
    """The result of operator ``name`` on ``given`` by other operators; None where it needs none."""
    rule = _RULES.get(name)
    if rule is None:
        return None
    numbers, function = rule
    if not any(_is_unknown(recorder, given.get(n)) for n in numbers):
        return None
    return function(recorder, given)


def _is_unknown(recorder: Recorder, raw: Any) -> bool:
    from dy2st.capture.dispatch import is_tensor

    if not is_tensor(raw):
        return False
    value = recorder.value_of(recorder.lift(raw))
    known = content.number_of(recorder.builder.program, value)
    return value.dtype.is_floating and known is None and content.cast_from(value) is None


def _number(recorder: Recorder, raw: Any, dtype: Any) -> Any:
    """A number or a tensor of one element as a tensor of shape []."""
    from dy2st.capture.dispatch import cast, is_tensor

    if not is_tensor(raw):
        return recorder.full((), raw, dtype)
    return recorder.call("reshape", cast(recorder, recorder.lift(raw), dtype), ())


def _clip(recorder: Recorder, given: Given) -> Any:
    x = recorder.lift(given["x"])
    dtype = recorder.value_of(x).dtype
    low, high = (_number(recorder, given[n], dtype) for n in ("min", "max"))
    return recorder.call("minimum", recorder.call("maximum", x, low), high)


def _full(recorder: Recorder, given: Given) -> Any:
    from dy2st.capture.dispatch import dtype_of
    from dy2st.ir.types import DType

    dtype = dtype_of(given.get("dtype")) or DType.FLOAT32
    return recorder.call("expand", _number(recorder, given["value"], dtype), given["shape"])


def _full_like(recorder: Recorder, given: Given) -> Any:
    from dy2st.capture.dispatch import dtype_of

    like = recorder.value_of(recorder.lift(given["x"]))
    dtype = dtype_of(given.get("dtype")) or like.dtype
    return recorder.call("expand", _number(recorder, given["value"], dtype), like.shape)


def _pow(recorder: Recorder, given: Given) -> Any:
    x = recorder.lift(given["x"])
    exponent = _number(recorder, given["y"], recorder.value_of(x).dtype)
    return recorder.call("elementwise_pow", x, exponent)


def _scale(recorder: Recorder, given: Given) -> Any:
    x = recorder.lift(given["x"])
    dtype = recorder.value_of(x).dtype
    factor = _number(recorder, given.get("scale", 1.0), dtype)
    bias = given.get("bias", 0.0)
    if given.get("bias_after_scale", True):
        return recorder.call("scale", recorder.call("multiply", x, factor), 1.0, bias, True)
    return recorder.call("multiply", recorder.call("scale", x, 1.0, bias, True), factor)


_RULES: dict[str, tuple[tuple[str, ...], Callable[[Recorder, Given], Any]]] = {
    "clip": (("min", "max"), _clip),
    "full": (("value",), _full),
    "full_like": (("value",), _full_like),
    "pow": (("y",), _pow),
    "scale": (("scale",), _scale),
}

"""Operations whose attribute is a float tensor: eager reads the number out of it as it runs.

A Program cannot; a few are written with tensor arithmetic instead, the others run in Paddle's own
kernel, which takes the tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dy2st.capture.scalar import is_scalar
from dy2st.errors import CaptureError
from dy2st.ir.types import DType

if TYPE_CHECKING:
    from dy2st.capture.recorder import Recorder


class TensorAttribute(CaptureError):
    """An attribute is a float tensor: ``record`` of this module takes over."""


def record(
    recorder: Recorder, name: str, given: dict[str, Any], args: tuple[Any, ...], kwargs: Any
) -> Any:
    """The call of ``_C_ops.<name>``; ``given`` are its arguments by name."""
    written = _WRITTEN.get(name)
    if written is not None:
        return written(recorder, {k: plain(v) for k, v in given.items()})
    from dy2st.capture import fallback

    return fallback.record(recorder, name, args, kwargs)


def plain(value: Any) -> Any:
    """The tensor of a number known only at run time; anything else as it is."""
    return value.tensor if is_scalar(value) else value


def _like(tensor: Any, value: Any) -> Any:
    from dy2st.capture.dispatch import is_tensor

    if value is None or not is_tensor(value):
        return value
    return value.reshape([]).astype(tensor.dtype)


def _clip(recorder: Recorder, given: dict[str, Any]) -> Any:
    import paddle

    x = given["x"]
    for bound, function in (("min", paddle.maximum), ("max", paddle.minimum)):
        value = _like(x, given.get(bound))
        if value is not None:
            x = function(x, paddle.full([], value, x.dtype))
    return x


def _scale(recorder: Recorder, given: dict[str, Any]) -> Any:
    x = given["x"]
    scale, bias = (_like(x, given.get(k, d)) for k, d in (("scale", 1.0), ("bias", 0.0)))
    if given.get("bias_after_scale", True):
        return x * scale + bias
    return (x + bias) * scale


def _full(recorder: Recorder, given: dict[str, Any]) -> Any:
    import paddle

    value = given["value"].reshape([])
    dtype = given.get("dtype")
    if dtype is not None:
        from dy2st.capture.dispatch import cast, dtype_of

        known = dtype_of(dtype)
        value = value if known is None else cast(recorder, value, known)
    return paddle.expand(value, given["shape"])


def _full_like(recorder: Recorder, given: dict[str, Any]) -> Any:
    from dy2st.capture.dispatch import dtype_of

    dtype = given.get("dtype")
    if dtype is None or dtype_of(dtype) is None:
        dtype = given["x"].dtype
    return _full(recorder, {"value": given["value"], "shape": given["x"].shape, "dtype": dtype})


def _linspace(recorder: Recorder, given: dict[str, Any]) -> Any:
    """phi counts the second half from the end, so that the last is ``stop`` exactly."""
    import paddle

    from dy2st.capture.dispatch import dtype_of

    dtype = str((dtype_of(given.get("dtype")) or DType.FLOAT32).value)
    start, stop = (paddle.full([], given[k], dtype) for k in ("start", "stop"))
    number = given["num"]
    places = paddle.arange(recorder.item(number) if hasattr(number, "item") else number)
    back = places.shape[0] - 1 - places
    steps = paddle.maximum(places + back, paddle.ones_like(places)).astype(dtype)
    step = (stop - start) / steps
    rising, falling = start + step * places.astype(dtype), stop - step * back.astype(dtype)
    return paddle.where(places <= back, rising, falling)


_WRITTEN: dict[str, Callable[[Recorder, dict[str, Any]], Any]] = {
    "clip": _clip,
    "scale": _scale,
    "full": _full,
    "full_like": _full_like,
    "linspace": _linspace,
}

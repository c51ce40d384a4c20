"""The functions that users import: ``to_static`` and its companions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dy2st.static import settings
from dy2st.static.function import StaticFunction


def enable_to_static(flag: bool) -> None:
    """Turn all converted functions into their originals (False) or back (True)."""
    settings.enabled = bool(flag)


def to_static(function: Any = None, input_spec: Any = None, **options: Any) -> Any:
    """Convert a function, a method or a Layer; also a decorator, with or without arguments.

    A Layer comes back as itself, its ``forward`` converted. ``input_spec`` is a list of InputSpec
    (ours or Paddle's), one for each argument. Options that only Paddle's own converter has
    (``build_strategy``, ``backend``, ``full_graph`` …) are accepted and have no effect. Raises
    TypeError for other things.
    """
    _check_options(options)
    if function is None:
        return lambda f: to_static(f, input_spec, **options)
    import paddle

    if isinstance(function, paddle.nn.Layer):
        return _convert_layer(function, input_spec)
    if isinstance(function, StaticFunction):
        return StaticFunction(function._function, input_spec, function._instance)
    instance = getattr(function, "__self__", None)
    if instance is not None and hasattr(function, "__func__"):
        return StaticFunction(function.__func__, input_spec, instance)
    if not callable(function):
        raise TypeError(f"to_static takes a function, a method or a Layer, not {function!r}")
    return StaticFunction(function, input_spec)


def _convert_layer(layer: Any, input_spec: Any) -> Any:
    forward = layer.forward
    if isinstance(forward, StaticFunction):
        if input_spec is None:
            return layer
        forward = forward.original
    layer.forward = StaticFunction(forward.__func__, input_spec, layer)
    return layer


_PADDLE_OPTIONS = {
    "build_strategy",
    "backend",
    "full_graph",
    "enable_fallback",
    "property",
}


def _check_options(options: dict[str, Any]) -> None:
    unknown = set(options) - _PADDLE_OPTIONS
    if unknown:
        raise TypeError(f"to_static got an unexpected argument {sorted(unknown)[0]!r}")


def not_to_static(function: Callable[..., Any] | None = None) -> Any:
    """Mark a function to be called as it is, never converted."""
    if function is None:
        return not_to_static
    options = getattr(function, "__dict__", None)
    if options is not None:
        function._dy2st_not_to_static = True  # type: ignore[attr-defined]
    return function

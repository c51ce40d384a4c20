"""``Layer.__call__`` while a session runs: also where Paddle's own code calls a user's Layer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dy2st.convert import active

_lock = threading.Lock()
_depth = 0
_original: Any = None


@contextmanager
def converting_layers() -> Iterator[None]:
    """Inside, in threads with a session, every call of a Layer converts its ``forward``."""
    global _depth, _original
    import paddle

    layer_class = paddle.nn.Layer
    with _lock:
        if _depth == 0:
            _original = layer_class.__call__
            layer_class.__call__ = _replacement(_original)
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                layer_class.__call__ = _original


def _replacement(original: Any) -> Any:
    from dy2st.convert.calls import call_layer

    def _dy2st_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        session = active.current()
        if session is None:
            return original(self, *args, **kwargs)
        return call_layer(session, self, args, kwargs)

    _dy2st_call._dy2st_layer_call = True  # type: ignore[attr-defined]
    return _dy2st_call

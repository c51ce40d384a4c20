"""Seeing that weights and layers change: epochs raised by wrapped writers.

Paddle's version counters do not tell (an optimizer's step, ``set_value`` and writes through
``get_tensor()`` leave them as they are), and comparing all weights at each call would cost a third of
it. So every writer is wrapped once, when the first function is converted: the in-place functions
of ``_C_ops``, the methods of Tensor that write or give memory away, and what changes a Layer.

A tensor is *watched* once a Program reads it: it then has an epoch, kept on the tensor itself.
"""

from __future__ import annotations

import sys
import threading
from functools import cache, wraps
from types import ModuleType
from typing import Any

_EPOCH = "_dy2st_epoch"
_lock = threading.Lock()
_installed = False


class Clock:
    """Process-wide counters: ``weights`` ticks when a watched tensor may have changed, ``layers``
    when any Layer's sublayers, parameters, hooks or ``training`` did, or attributes that code of
    Paddle's own may read (what user code reads is guarded place by place)."""

    weights = 0
    layers = 0


def watch(tensor: Any) -> None:
    """Give ``tensor`` an epoch, so that writes to it are noticed."""
    if getattr(tensor, _EPOCH, None) is None:
        setattr(tensor, _EPOCH, 0)


def epoch_of(tensor: Any) -> int:
    """The tensor's epoch: changes whenever its value or its memory may have."""
    return int(getattr(tensor, _EPOCH, None) or 0)


def touch(tensor: Any) -> None:
    """Say that ``tensor`` may have changed."""
    if getattr(tensor, _EPOCH, None) is not None:
        Clock.weights += 1
        setattr(tensor, _EPOCH, Clock.weights)


def _touch_all(values: Any) -> None:
    for value in values:
        if isinstance(value, (list, tuple)):
            _touch_all(value)
        elif hasattr(value, _EPOCH):
            touch(value)


_WRITERS = (
    "set_value",
    "copy_",
    "get_tensor",
    "_setitem_dygraph",
    "__setitem__",
    "_share_buffer_to",
    "_share_underline_tensor_to",
    "_unsafe_share_buffer_to",
    "_inplace_assign",
    "_set_impl",
    "_clear",
    "_clear_data",
    "_clear_dataptr",
    "_clear_to_zero_allocation",
    "reconstruct_from_",
    "set_tensor",
    "_apply",
    "_apply_",
    "_copy_gradient_from",
    "detach_",
    "detach",
    "data_ptr",
    "__dlpack__",
)
_LAYER_WRITERS = (
    "add_sublayer",
    "add_parameter",
    "register_buffer",
    "register_forward_pre_hook",
    "register_forward_post_hook",
    "__delattr__",
    "to",
    "_transform",
    "astype",
)


class Originals:
    """Methods as they were before they were wrapped: what the call path itself uses."""

    data_ptr: Any = None
    empty: Any = None
    Tensor: Any = None
    # Objects of Paddle that hold the process's state: reading them costs a tenth of asking.
    tracer: Any = None
    defaults: Any = None
    no_amp: Any = None


def install() -> None:
    """Wrap the writers, once per process."""
    global _installed
    with _lock:
        if _installed:
            return
        _installed = True
        import paddle

        Originals.data_ptr = paddle.Tensor.data_ptr
        Originals.empty = paddle._C_ops.empty
        Originals.Tensor = paddle.Tensor
        Originals.tracer = paddle.base.framework._dygraph_tracer()
        Originals.no_amp = paddle.base.core.AmpLevel.O0
        Originals.defaults = paddle.base.layer_helper_base.LayerHelperBase
        _wrap_operators()
        _wrap_tensor()
        _wrap_layer()
        _wrap_partial_grad()


_thread = threading.local()


def in_partial_grad() -> bool:
    """Whether this thread is inside of ``paddle.grad``."""
    return getattr(_thread, "partial_grad", 0) > 0


def refuse_partial_grad(error: Exception) -> None:
    """Make the ``paddle.grad`` that is under way raise ``error``: what its callbacks raise arrives as an
    OSError with a C++ stack in it."""
    _thread.error = error
    raise error


def _wrap_partial_grad() -> None:
    import paddle

    eager = paddle.base.core.eager
    original = eager.run_partial_grad

    def run_partial_grad(*args: Any, **kwargs: Any) -> Any:
        _thread.partial_grad = getattr(_thread, "partial_grad", 0) + 1
        _thread.error = None
        try:
            return original(*args, **kwargs)
        except Exception:
            if _thread.error is None:
                raise
            raise _thread.error from None
        finally:
            _thread.partial_grad -= 1

    eager.run_partial_grad = run_partial_grad


def _wrap_operators() -> None:
    import paddle

    writers: dict[int, Any] = {}
    for name, original in list(vars(paddle._C_ops).items()):
        if name.endswith("_") and not name.startswith("__") and callable(original):
            writers[id(original)] = _after(original)
            setattr(paddle._C_ops, name, writers[id(original)])
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("paddle.") and isinstance(module, ModuleType):
            for name, member in list(vars(module).items()):
                if id(member) in writers:  # tensor.manipulation holds index_put_ by value
                    setattr(module, name, writers[id(member)])


def _after(original: Any) -> Any:
    def writer(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        _touch_all(args)
        if kwargs:
            _touch_all(kwargs.values())
        return result

    writer.__name__ = getattr(original, "__name__", "writer")
    return writer


def _wrap_tensor() -> None:
    import paddle

    for name in _WRITERS:
        original = getattr(paddle.Tensor, name, None)
        if original is not None:
            setattr(paddle.Tensor, name, wraps(original)(_method(original)))


def _method(original: Any) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        touch(self)
        if args:
            _touch_all(args)
        return result

    return method


def _wrap_layer() -> None:
    import paddle

    layer = paddle.nn.Layer
    original = layer.__setattr__
    missing = object()

    @wraps(original)
    def set_attribute(self: Any, name: str, value: Any) -> None:
        before = self.__dict__.get(name, missing)
        original(self, name, value)
        # `self.inputs = x` in a user's forward is no reason to look at all layers again.
        if before is not value and (before is missing or not _is_users(self, name, value)):
            Clock.layers += 1

    layer.__setattr__ = set_attribute
    for name in _LAYER_WRITERS:
        function = layer.__dict__.get(name)
        if function is not None:
            setattr(layer, name, wraps(function)(_layer_method(function)))
    helper = paddle.nn.layer.layers.HookRemoveHelper
    helper.remove = wraps(helper.remove)(_layer_method(helper.remove))


def _is_users(layer: Any, name: str, value: Any) -> bool:
    """Whether an attribute, set just now, is a plain one that no code of Paddle's reads."""
    plain = layer.__dict__.get(name) is value and name not in ("training", "forward")
    return plain and not extends_library(layer.__class__)


@cache
def extends_library(layer_type: Any) -> bool:
    """Whether a class of Paddle's (other than Layer itself) is among the bases of a Layer's."""
    import paddle

    theirs = (c for c in layer_type.__mro__ if c is not paddle.nn.Layer)
    return any(c.__module__.startswith("paddle.") for c in theirs)


def _layer_method(function: Any) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        Clock.layers += 1
        return function(self, *args, **kwargs)

    return method

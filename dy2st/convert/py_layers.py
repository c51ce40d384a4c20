"""A user's own autograd functions: their ``forward`` belongs to the Program.

Gradients come from running the user's function again eagerly, where ``backward`` has its say; so
capture needs the ``forward`` alone, and of recomputation nothing but the function.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

_RECOMPUTE_OPTIONS = ("use_reentrant", "preserve_rng_state", "offload_indices")


def is_py_layer_apply(function: Any) -> bool:
    """Whether ``function`` is the ``apply`` of a ``paddle.autograd.PyLayer``."""
    paddle: Any = sys.modules.get("paddle")
    if paddle is None or function.__name__ != "apply":
        return False
    owner = function.__self__
    return isinstance(owner, type) and issubclass(owner, paddle.autograd.PyLayer)


def forward_of_py_layer(call: Callable[..., Any], cls: Any, args: Any, kwargs: Any) -> Any:
    """What ``cls.apply(*args, **kwargs)`` returns, by ``call`` of its ``forward``."""
    import paddle

    return call(cls.forward, paddle.autograd.PyLayerContext(), *args, **kwargs)


def is_recompute(function: Any) -> bool:
    """Whether ``function`` is ``paddle.distributed.fleet.utils.recompute``, under either name."""
    module = str(function.__module__)
    return function.__name__ == "recompute" and module.startswith("paddle.distributed.fleet")


def recomputed(call: Callable[..., Any], function: Any, *args: Any, **kwargs: Any) -> Any:
    """What ``recompute(function, *args, **kwargs)`` returns."""
    own = {k: v for k, v in kwargs.items() if k not in _RECOMPUTE_OPTIONS}
    return call(function, *args, **own)

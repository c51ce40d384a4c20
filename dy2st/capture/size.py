"""The shape of a symbolic tensor: ``paddle.Size``, a list with a text and ``numel()`` of its own.

Paddle's own makes ints of its items whenever it is sliced or added to, which would freeze symbolic
ones; here these operations are a list's. The class is made on first use.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def size_class() -> Any:
    """A subclass of ``paddle.Size`` that keeps symbolic integers."""
    import paddle

    def numel(self: Any) -> Any:
        total: Any = 1
        for item in list.__iter__(self):
            total = total * item
        return total

    def get(self: Any, index: Any) -> Any:
        found = list.__getitem__(self, index)
        return size_of(found) if isinstance(index, slice) else found

    def text(self: Any) -> str:
        return f"paddle.Size({list.__repr__(self)})"

    body = {
        "numel": numel,
        "__getitem__": get,
        "__add__": lambda self, other: size_of([*self, *_items(other)]),
        "__radd__": lambda self, other: size_of([*_items(other), *self]),
        "__mul__": lambda self, count: size_of([*self] * int(count)),
        "__rmul__": lambda self, count: size_of([*self] * int(count)),
        "__repr__": text,
        "__str__": text,
        "__class__": property(lambda self: paddle.Size),
        "__reduce_ex__": lambda self, protocol: (list, (list(self),)),
        "copy": lambda self: list(self),
    }
    return type("SymbolicSize", (paddle.Size,), body)


def _items(other: Any) -> Any:
    if not isinstance(other, (list, tuple)):
        raise TypeError(f'can only concatenate list (not "{type(other).__name__}") to list')
    return other


def size_of(items: list[Any]) -> Any:
    """``items`` (ints or symbolic integers) as a Size."""
    out = size_class()()
    list.extend(out, items)
    return out


def is_size_class(kind: type) -> bool:
    """Whether ``kind`` is the class of the shape of a tensor, real or symbolic."""
    return kind.__name__ in ("Size", "SymbolicSize") and issubclass(kind, list)


def real_size(items: list[int]) -> Any:
    """``items`` as Paddle's own ``Size``."""
    import paddle

    return paddle.Size(items)

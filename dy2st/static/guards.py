"""Guards on single places of Python's state that a capture read."""

from __future__ import annotations

from typing import Any

from dy2st.convert.freezing import Frozen, contents_of
from dy2st.static.structure import PLAIN


def still(place: Any, expected: Any) -> bool:
    """Whether the place holds what the capture saw there: plain values by type and value, containers
    by their contents, everything else by identity."""
    try:
        value = place.read()
    except Exception:  # a property or __getattr__ of the user's may raise anything
        return False
    return same(value, expected)


def same(a: Any, b: Any) -> bool:
    """Equality of what was read: never calls ``__eq__`` of anything but plain values."""
    if a is b:
        return True
    if type(b) is Frozen:
        return type(a) is b.kind and _same_contents(contents_of(a), b.contents)
    if type(a) is not type(b):
        return False
    if isinstance(a, (float, complex)):
        return repr(a) == repr(b)
    if isinstance(a, PLAIN):
        return bool(a == b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (set, frozenset)):
        return bool(a == b)
    return _same_method(a, b)


def _same_contents(a: Any, b: Any) -> bool:
    if type(a).__name__ != "ndarray":
        return same(a, b)
    return bool(a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes())


def _same_method(a: Any, b: Any) -> bool:
    """Bound methods are made anew at each access: the function and the instance tell."""
    function = getattr(a, "__func__", None)
    return (
        function is not None
        and function is getattr(b, "__func__", None)
        and a.__self__ is b.__self__
    )

"""Python's builtins where they meet tensors, symbolic integers and unions."""

from __future__ import annotations

import builtins
import functools
import math
import os
from collections.abc import Callable
from types import CellType
from typing import Any

from dy2st.capture import symint
from dy2st.capture.derived import derived
from dy2st.capture.scalar import MATH, Scalar, as_float, as_int, is_number, of_math
from dy2st.capture.size import is_size_class
from dy2st.convert import active
from dy2st.convert.attributes import del_attr, get_attr, set_attr
from dy2st.convert.iteration import (
    Lazy,
    enumerate_,
    lazy_items,
    map_,
    range_,
    reversed_,
    zip_,
)
from dy2st.convert.logical import always, and_, as_python_bool, compare, condition, ifexp, or_
from dy2st.convert.session import Session
from dy2st.convert.text import format_, print_, str_
from dy2st.ir import dims


def len_(value: Any) -> Any:
    """``len``: a tensor's may be symbolic."""
    session = active.current()
    if session is not None and session.is_tensor(value):
        shape = session.recorder.value_of(value).shape
        if not shape:
            raise TypeError("len() of a 0-D tensor")
        return session.recorder.symint(shape[0])
    if type(value) is Lazy:
        return value.length
    grown = session.grown_of(value) if session is not None else None
    if grown is not None and session is not None:
        return grown.length(session)
    method = getattr(type(value), "__len__", None)
    if session is not None and type(method).__name__ == "function":
        from dy2st.convert.calls import call

        return call(method, value)
    return len(value)


def int_(*args: Any) -> Any:
    """``int``: of a tensor, a symbolic integer."""
    session = active.current()
    if session is None or len(args) != 1:
        return int(*args)
    (value,) = args
    if symint.is_symint(value):
        return value
    if type(value) is Scalar:
        return as_int(value)
    if not session.is_tensor(value):
        return int(value)
    _require_0d(session, value)
    if not session.recorder.value_of(value).dtype.is_integer:
        value = session.recorder.lift(value).astype("int64")
    return session.recorder.item(session.recorder.lift(value).reshape([]))


def _require_0d(session: Session, tensor: Any) -> None:
    if session.recorder.value_of(tensor).type.rank:
        raise TypeError("only 0-dimensional arrays can be converted to Python scalars")


def float_(*args: Any) -> Any:
    """``float``: of a tensor, a number known at run time."""
    session = active.current()
    if session is None or len(args) != 1:
        return float(*args)
    (value,) = args
    if type(value) is Scalar and value.kind == "float":
        return value
    if is_number(value):
        return Scalar("float", as_float(value))
    if not session.is_tensor(value):
        return float(value)
    _require_0d(session, value)
    tensor = session.recorder.lift(value)
    return Scalar("float", tensor.astype("float64"))


def element(tensor: Any, position: tuple[Any, ...]) -> Any:
    """``tensor.item(*position)``: a number that is known at run time if need be."""
    session = active.current()
    if session is None or not session.recorder.value_of(tensor).dtype.is_floating:
        return tensor.item(*position)
    if position:
        tensor = tensor[position] if len(position) > 1 else tensor.reshape([-1])[position[0]]
    known = derived(session.recorder, session.recorder.value_of(tensor))
    if known is not None:
        return known.item()
    return float_(session.recorder.lift(tensor).reshape([]))


def repr_(value: Any) -> Any:
    """``repr``; of a tensor, a text made at run time."""
    return format_(value, "r", "")


def bool_(value: Any = False) -> Any:
    """``bool``."""
    return as_python_bool(condition(value))


def type_(*args: Any) -> Any:
    """``type``: symbolic values are what they stand for."""
    session = active.current()
    if session is None or len(args) != 1:
        return type(*args)
    if symint.is_symint(args[0]) or type(args[0]) is Scalar:
        return args[0].__class__
    if session.is_tensor(args[0]):
        import paddle

        found = type(args[0])
        return paddle.Tensor if found.__name__ == "SymbolicTensor" else found
    if is_size_class(type(args[0])):
        return args[0].__class__
    return type(args[0])


def min_(*args: Any, **kwargs: Any) -> Any:
    """``min``."""
    return _extreme(builtins.min, dims.min_, lambda a, b: a < b, args, kwargs)


def max_(*args: Any, **kwargs: Any) -> Any:
    """``max``."""
    return _extreme(builtins.max, dims.max_, lambda a, b: a > b, args, kwargs)


def _extreme(
    plain: Callable[..., Any],
    of_dims: Callable[[Any, Any], Any],
    better: Callable[[Any, Any], Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    session = active.current()
    items = list(args[0]) if len(args) == 1 else list(args)
    symbolic = session is not None and any(
        session.is_tensor(i) or symint.is_symint(i) or type(i) is Scalar for i in items
    )
    if kwargs or not symbolic or session is None or not items:
        return plain(*([items] if len(args) == 1 else items), **kwargs)
    found = items[0]
    for item in items[1:]:
        x, y = symint.dim_of(found), symint.dim_of(item)
        if x is not None and y is not None:
            found = session.recorder.symint(of_dims(x, y))
        else:
            # Python keeps the first of equals.
            found = ifexp(better(item, found), always(item), always(found))
    return found


def sum_(iterable: Any, start: Any = 0) -> Any:
    """``sum``; over a length known at run time it is a loop."""
    session = active.current()
    lazy = lazy_items(session, iterable) if session is not None else None
    if lazy is None or type(lazy.length) is int:
        return sum(iterable if lazy is None else lazy, start)
    from dy2st.convert.looping import for_

    total = CellType(start)

    def add(item: Any) -> None:
        total.cell_contents = total.cell_contents + item

    def look() -> Any:
        return total.cell_contents

    for_(lazy, add)
    return look()


def abs_(value: Any) -> Any:
    """``abs``."""
    return abs(value)


def getenv_(*args: Any, **kwargs: Any) -> Any:
    """``os.getenv``."""
    session = active.current()
    if session is not None:
        session.note_environment()
    return os.getenv(*args, **kwargs)


def math_(function: Any, *args: Any) -> Any:
    """A function of ``math`` on a number known only at run time; plain numbers take Python's."""
    if len(args) == 1 and is_number(args[0]):
        return of_math(function.__name__, args[0])
    return function(*args)


def all_(iterable: Any) -> Any:
    """``all``."""
    return _quantify(iterable, and_, True)


def any_(iterable: Any) -> Any:
    """``any``."""
    return _quantify(iterable, or_, False)


def _quantify(iterable: Any, chain: Callable[..., Any], empty: bool) -> Any:
    session = active.current()
    lazy = lazy_items(session, iterable) if session is not None else None
    if lazy is not None and session is not None and session.is_tensor(iterable):
        flags = iterable.astype("bool")
        return as_python_bool(condition(flags.all() if empty else flags.any()))
    items = iter(iterable)
    found: Any = empty
    for item in items:
        known = condition(item)
        if isinstance(known, bool):
            if known is not empty:
                return not empty
            continue
        left = [always(i) for i in items]
        found = as_python_bool(condition(chain(always(item), *left)))
        break
    return found


def filter_(function: Any, iterable: Any) -> Any:
    """``filter``."""
    from dy2st.convert.calls import call
    from dy2st.convert.logical import truth

    if function is None:
        return (item for item in iterable if truth(item))
    return (item for item in iterable if truth(call(function, item)))


def isinstance_(value: Any, kinds: Any) -> bool:
    """``isinstance``."""
    return isinstance(value, kinds)


def getattr_(owner: Any, name: str, *default: Any) -> Any:
    """``getattr``."""
    return get_attr(owner, name, *default)


_ABSENT = object()


def hasattr_(owner: Any, name: str) -> Any:
    """``hasattr``; the answer is guarded like a load."""
    return compare(get_attr(owner, name, _ABSENT), "is not", always(_ABSENT))


_CONVERTED: tuple[tuple[Any, Callable[..., Any]], ...] = (
    (len, len_),
    (int, int_),
    (float, float_),
    (bool, bool_),
    (str, str_),
    (repr, repr_),
    (type, type_),
    (print, print_),
    (range, range_),
    (enumerate, enumerate_),
    (zip, zip_),
    (reversed, reversed_),
    (map, map_),
    (filter, filter_),
    (min, min_),
    (max, max_),
    (sum, sum_),
    (abs, abs_),
    (any, any_),
    (all, all_),
    (isinstance, isinstance_),
    (getattr, getattr_),
    (hasattr, hasattr_),
    (setattr, set_attr),
    (delattr, del_attr),
    (os.getenv, getenv_),
    *((getattr(math, n), functools.partial(math_, getattr(math, n))) for n in MATH),
)
TABLE: dict[int, Callable[..., Any]] = {id(plain): function for plain, function in _CONVERTED}
# These look at unions themselves; all others get one alternative at a time.
TAKES_UNIONS = {id(f) for f in (bool, print, str, repr, getattr, hasattr, setattr, delattr)}
# These hand items on without looking at them: what an item depends on is no matter of theirs.
PASSES_ITEMS = (zip_, enumerate_, reversed_, len_, isinstance_)

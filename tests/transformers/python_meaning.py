"""The functions that generated code calls, in plain Python: the meaning over Python values.

An oracle's other half: with it, converted code must do exactly what the original does.
"""

from __future__ import annotations

import builtins
import operator
import sys
from contextlib import contextmanager
from types import FunctionType

from dy2st.errors import Dy2stError
from dy2st.transformers import convert_function, is_converted

globals = builtins.globals
slice = builtins.slice
iter = builtins.iter
__all__ = ["Dy2stError", "globals", "iter", "slice"]

CONVERT_CALLEES = True
_FILES: set[str] = set()


class Ret:
    def __init__(self, value):
        self.value = value


BREAK, CONTINUE = "break", "continue"
ret = Ret


def result(outcome):
    if outcome is None:
        return None
    assert isinstance(outcome, Ret)
    return outcome.value


# Unbind what a construct changed and does not call live: nothing may miss it.
STRICT_LIVENESS = False


class _Dead:
    """Inside of this, variables may change; those that are not live are unbound at its end."""

    def __init__(self, live, *functions):
        self.live = live
        self.cells = {}
        for function in functions:
            if STRICT_LIVENESS and function is not None:
                cells = zip(function.__code__.co_freevars, function.__closure__ or ())
                self.cells.update({(name, id(cell)): cell for name, cell in cells})

    def __enter__(self):
        self.before = {key: _content(cell) for key, cell in self.cells.items()}

    def __exit__(self, *error):
        for (name, _), cell in self.cells.items():
            now = _content(cell)
            if now is not self.before[name, id(cell)] and name not in self.live and now is not None:
                if now is not _EMPTY:
                    del cell.cell_contents
        return False


_EMPTY = object()


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


def if_(cond, body, orelse=None, live=(), rest=None):
    assert isinstance(live, tuple)
    with _Dead(live, body, orelse):
        if cond:
            outcome = body()
        else:
            outcome = orelse() if orelse is not None else None
    if outcome is None and rest is not None:
        return rest()
    return outcome


def while_(test, body, orelse=None, live=(), rest=None):
    outcome = None
    while test():
        with _Dead(live, body, test):
            outcome = body()
        if outcome is not None and outcome is not CONTINUE:
            break
    else:
        outcome = orelse() if orelse is not None else None
        return rest() if outcome is None and rest is not None else outcome
    if outcome is BREAK:
        return rest() if rest is not None else None
    return outcome


def for_(iterable, body, orelse=None, live=(), rest=None):
    outcome = None
    for item in iterable:
        with _Dead(live, body):
            outcome = body(item)
        if outcome is not None and outcome is not CONTINUE:
            break
    else:
        outcome = orelse() if orelse is not None else None
        return rest() if outcome is None and rest is not None else outcome
    if outcome is BREAK:
        return rest() if rest is not None else None
    return outcome


def ifexp(cond, then, orelse):
    return then() if cond else orelse()


def and_(*thunks):
    for thunk in thunks:
        value = thunk()
        if not value:
            return value
    return value


def or_(*thunks):
    for thunk in thunks:
        value = thunk()
        if value:
            return value
    return value


not_ = operator.not_
_COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "is": operator.is_,
    "is not": operator.is_not,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}


def compare(left, *pairs):
    for index in range(0, len(pairs), 2):
        right = pairs[index + 1]()
        value = _COMPARE[pairs[index]](left, right)
        if index + 2 == len(pairs) or not value:
            return value
        left = right


def _wanted(function):
    return (
        CONVERT_CALLEES
        and isinstance(function, FunctionType)
        and function.__code__.co_filename.startswith(tuple(_FILES))
        and not is_converted(function)
    )


def call(function, *args, **kwargs):
    inner = getattr(function, "__func__", None)
    if inner is not None and _wanted(inner):
        return convert_function(inner).function(function.__self__, *args, **kwargs)
    if _wanted(function):
        function = convert_function(function).function
    return function(*args, **kwargs)


get_attr = getattr
set_attr = setattr
del_attr = delattr
_BINARY = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "@": operator.matmul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "|": operator.or_,
    "^": operator.xor,
    "&": operator.and_,
}
get_item = operator.getitem
set_item = operator.setitem
del_item = operator.delitem
_INPLACE = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "@=": operator.imatmul,
    "/=": operator.itruediv,
    "//=": operator.ifloordiv,
    "%=": operator.imod,
    "**=": operator.ipow,
    "<<=": operator.ilshift,
    ">>=": operator.irshift,
    "|=": operator.ior,
    "^=": operator.ixor,
    "&=": operator.iand,
}


def aug(op, old, value):
    return _INPLACE[op](old, value)


def aug_attr(owner, name, op, thunk):
    old = getattr(owner, name)
    setattr(owner, name, _INPLACE[op](old, thunk()))


def binary(left, symbol, right):
    return _BINARY[symbol](left, right)


def aug_item(owner, key, op, thunk):
    old = owner[key]
    owner[key] = _INPLACE[op](old, thunk())


def set_global(module, name, value):
    module[name] = value


def del_global(module, name):
    if name not in module:
        raise NameError(f"name {name!r} is not defined")
    del module[name]


def set_nonlocal(thunk, value):
    (cell,) = thunk.__closure__
    cell.cell_contents = value


def del_nonlocal(thunk):
    thunk()
    (cell,) = thunk.__closure__
    del cell.cell_contents


def local(name, thunk):
    try:
        return thunk()
    except NameError:
        text = f"cannot access local variable {name!r} where it is not associated with a value"
        if sys.version_info < (3, 11):
            text = f"local variable {name!r} referenced before assignment"
        raise UnboundLocalError(text) from None


def unpack(value, before, after=None):
    try:
        source = iter(value)
    except TypeError:
        raise TypeError(f"cannot unpack non-iterable {type(value).__name__} object") from None
    if after is None:
        items = [item for _, item in zip(range(before), source)]
        if len(items) < before:
            raise ValueError(f"not enough values to unpack (expected {before}, got {len(items)})")
        for _ in source:
            raise ValueError(f"too many values to unpack (expected {before})")
        return items
    items = list(source)
    if len(items) < before + after:
        raise ValueError(
            f"not enough values to unpack (expected at least {before + after}, got {len(items)})"
        )
    end = len(items) - after
    return [*items[:before], items[before:end], *items[end:]]


def iterate(value):
    return value


def mapping(value):
    return value


def assert_(cond, message=None):
    if not cond:
        raise AssertionError(*([] if message is None else [message()]))


def format_(value, conversion, spec):
    value = {"r": repr, "s": str, "a": ascii, None: lambda v: v}[conversion](value)
    return format(value, spec)


def join(parts):
    return "".join(parts)


def truth(value):
    return bool(value)


@contextmanager
def _nothing():
    yield


class trying:
    def __enter__(self):
        return None

    def __exit__(self, *exc):
        return False


def debugger(function):
    return function

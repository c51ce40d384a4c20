"""Calls: what is converted, what is called as it is, and with which precautions.

The rule: a Python function is converted where its source can be had and it belongs to the user or to
a library of the user's (anything but Paddle, numpy, the standard library and dy2st). A library's
function that cannot be converted is called as it is; one of the user's own is refused by name.
Marks of ``not_to_static`` (ours and Paddle's) are honoured. Everything else is called as it is, after
the journals have been told of all containers that it may change.
"""

from __future__ import annotations

import functools
import linecache
import os
import sys
from collections import deque
from collections.abc import Callable
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType
from typing import Any, cast

from dy2st import debug
from dy2st.capture.patches import recording
from dy2st.convert import active
from dy2st.convert.builtins_ import TABLE, TAKES_UNIONS, element
from dy2st.convert.decoding import dynamic_decode, is_dynamic_decode
from dy2st.convert.draws import drawn, draws
from dy2st.convert.freezing import GradModePlace, is_library
from dy2st.convert.plain_calls import container_method, is_marked, library, package, plain
from dy2st.convert.py_layers import (
    forward_of_py_layer,
    is_py_layer_apply,
    is_recompute,
    recomputed,
)
from dy2st.convert.session import Session
from dy2st.convert.snapshot import holds_symbols
from dy2st.convert.text import Text
from dy2st.convert.unions import Union, distribute
from dy2st.errors import BreakpointError, ConversionError

_CONTAINERS = (list, dict, set, deque)


def call(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """``function(*args, **kwargs)``."""
    session = active.current()
    if session is None:
        return function(*args, **kwargs)
    function = session.simplify(function)
    if type(function) is Union:
        return distribute(lambda known: call(known, *args, **kwargs), function)
    converted = TABLE.get(id(function)) if _is_builtin(function) else None
    if converted is not None:
        takes_union = id(function) in TAKES_UNIONS
        if takes_union or any(session.grown_of(a) is not None for a in args):
            return converted(*args, **kwargs)
        return plain(session, converted, args, kwargs)
    number = drawn(session, function, args, kwargs) if draws(function) else NotImplemented
    return _call_object(session, function, args, kwargs) if number is NotImplemented else number


def _is_builtin(function: Any) -> bool:
    return type(function) in (BuiltinFunctionType, type) or function is os.getenv


def _call_object(session: Session, function: Any, args: Any, kwargs: Any) -> Any:
    kind = type(function)
    if kind is FunctionType:
        return _call_function(session, function, args, kwargs)
    if kind is MethodType:
        return _call_method_object(session, function, args, kwargs)
    if kind is BuiltinFunctionType:
        return _call_builtin(session, function, args, kwargs)
    if kind is functools.partial:
        return call(function.func, *function.args, *args, **{**function.keywords, **kwargs})
    if isinstance(function, functools._lru_cache_wrapper):
        return _cached(session, function, args, kwargs)
    if isinstance(function, type):
        return _make(session, function, args, kwargs)
    method = _call_method(function)
    if method is not None:
        return call(method, function, *args, **kwargs)
    return plain(session, function, args, kwargs)


def _call_method_object(session: Session, function: Any, args: Any, kwargs: Any) -> Any:
    if session.is_tensor(function.__self__) and function.__name__ == "item" and not kwargs:
        return element(function.__self__, args)
    if function.__self__ is os.environ:
        session.note_environment()
    if is_marked(function.__func__):
        return plain(session, function, args, kwargs)
    return call(function.__func__, function.__self__, *args, **kwargs)


def _cached(session: Session, function: Any, args: Any, kwargs: Any) -> Any:
    """A function with a cache: with plain arguments it runs as in eager, at most once.

    Its tensors are then the user's own, like any other made before the call. With arguments of this
    call its cache cannot hold the results: the function is pure, or nobody would cache it.
    """
    if holds_symbols([*args, *kwargs.values()]):
        return call(function.__wrapped__, *args, **kwargs)
    with session.outside_of_capture():
        return function(*args, **kwargs)


def _call_builtin(session: Session, function: Any, args: Any, kwargs: Any) -> Any:
    if isinstance(function.__self__, _CONTAINERS):
        return container_method(session, function, args, kwargs)
    if is_py_layer_apply(function):
        return forward_of_py_layer(call, function.__self__, args, kwargs)
    return plain(session, recording(function), args, kwargs)


def _call_method(function: Any) -> Any:
    """The ``__call__`` of a user's object; Layers and functions given to ``to_static`` have ways of
    their own."""
    static = getattr(function, "_function", None)
    if type(function).__name__ == "StaticFunction" and static is not None:
        instance = getattr(function, "_instance", None)
        return functools.partial(_static, static, instance)
    method = type(function).__call__ if callable(function) else None
    if type(method) is not FunctionType:
        return None
    return method if is_convertible(method) or _is_layer_call(method) else None


def _static(function: Any, instance: Any, _: Any, /, *args: Any, **kwargs: Any) -> Any:
    first = () if instance is None else (instance,)
    return call(function, *first, *args, **kwargs)


# --- functions of the user's ---------------------------------------------------------------------


def _call_function(session: Session, function: FunctionType, args: Any, kwargs: Any) -> Any:
    if _is_layer_call(function):
        return call_layer(session, args[0], args[1:], kwargs)
    if function.__name__ == "is_grad_enabled" and package(function) == "paddle":
        place = GradModePlace(sys.modules["paddle"].base.framework._dygraph_tracer())
        return session.read(place, place.read())
    if is_dynamic_decode(function):
        return _decoded(session, args, kwargs)
    if is_recompute(function):
        return recomputed(call, *args, **kwargs)
    made = converted_of(session, function)
    # After the first reads of a function from outside are noted: touching says "may be written".
    session.touch_closure(function)
    if made is None:
        return plain(session, _with_converted_cells(function), args, kwargs)
    return session.simplify(made(*args, **kwargs))


def _decoded(session: Session, args: Any, kwargs: Any) -> Any:
    """``paddle.nn.dynamic_decode``; what Paddle's own decoder notes in itself meanwhile is undone."""
    decoder = args[0] if args else kwargs["decoder"]
    native = type(decoder).__module__.startswith("paddle.")
    before = dict(vars(decoder))
    try:
        return library(session, dynamic_decode, args, kwargs)
    finally:
        if native:
            vars(decoder).clear()
            vars(decoder).update(before)


def converted_of(session: Session, function: FunctionType) -> Callable[..., Any] | None:
    """The converted function; None where it is to be called as it is."""
    from dy2st.transformers import convert_function, is_converted

    if is_converted(function):
        return function
    if not is_convertible(function):
        return None
    try:
        found = convert_function(function)
    except ConversionError as error:
        if _is_library(function):
            debug.log(1, f"{function.__qualname__} is called as it is: {error.message}")
            return None
        raise
    if found.has_breakpoint:
        raise BreakpointError(
            f"{function.__qualname__} stops in a debugger, and there the values have to be real",
            location=found.location,
            remedy="take the breakpoint out to get a Program",
        )
    session.enter_function(function, found)
    return cast("Callable[..., Any]", found.function)


def is_convertible(function: FunctionType) -> bool:
    """Whether the rule at the head of this module says that ``function`` is converted."""
    file = function.__code__.co_filename
    if is_marked(function) or (file.startswith("<") and not linecache.getlines(file)):
        return False  # generated by a library (dataclasses, namedtuple): there is no source
    name = str(function.__module__ or "").split(".")[0]
    if name == "builtins":
        return True  # made by exec, whose namespace has no name
    return not is_library(name)


def _is_library(function: FunctionType) -> bool:
    return "site-packages" in function.__code__.co_filename


def _with_converted_cells(function: FunctionType) -> Callable[..., Any]:
    """A library's decorator around a user's function, with that function converted.

    ``paddle.no_grad()(f)`` is Paddle's code with ``f`` in a cell.
    """
    cells = function.__closure__
    wrapped = getattr(function, "__wrapped__", None)
    if not cells or type(wrapped) is not FunctionType or not is_convertible(wrapped):
        return function
    new = tuple(_converting_cell(cell, wrapped) for cell in cells)
    if all(a is b for a, b in zip(new, cells)):
        return function
    made = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, new
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _converting_cell(cell: CellType, wrapped: FunctionType) -> CellType:
    try:
        content = cell.cell_contents
    except ValueError:
        return cell
    if content is not wrapped:
        return cell

    @functools.wraps(wrapped)
    def converting(*args: Any, **kwargs: Any) -> Any:
        return call(wrapped, *args, **kwargs)

    return CellType(converting)


# --- Layers and classes ----------------------------------------------------------------------------


def _is_layer_call(function: Any) -> bool:
    if getattr(function, "__name__", "") not in ("__call__", "_dy2st_call"):
        return False
    paddle: Any = sys.modules.get("paddle")
    if paddle is None:
        return False
    return function is paddle.nn.Layer.__call__ or getattr(function, "_dy2st_layer_call", False)


def call_layer(session: Session, layer: Any, args: Any, kwargs: Any) -> Any:
    """``Layer.__call__``: hooks, then ``forward``, converted where it is the user's."""
    for hook_id, hook in list(layer._forward_pre_hooks.items()):
        if hook_id in layer._forward_pre_hooks_with_kwargs_flag:
            found = call(hook, layer, args, kwargs)
            if found is not None:
                args, kwargs = found
            continue
        found = call(hook, layer, args)
        if found is not None:
            args = found if isinstance(found, tuple) else (found,)
    if not layer._built:
        layer._build_once(*args, **kwargs)
        layer._built = True
    outputs = call(layer.forward, *args, **kwargs)
    for hook_id, hook in list(layer._forward_post_hooks.items()):
        if hook_id in getattr(layer, "_forward_post_hooks_with_kwargs_flag", ()):
            found = call(hook, layer, args, kwargs, outputs)
        else:
            found = call(hook, layer, args, outputs)
        outputs = outputs if found is None else found
    return outputs


def _make(session: Session, cls: type, args: Any, kwargs: Any) -> Any:
    """An instance; a plain ``__init__`` of the user's is converted."""
    init: Any = getattr(cls, "__init__")  # noqa: B009
    new: Any = getattr(cls, "__new__")  # noqa: B009
    simple = type(cls) is type and new is object.__new__
    if issubclass(cls, Exception) and any(type(a) is Text for a in args):
        return cls(*args, **kwargs)  # its text is made when the Program runs
    if not simple or type(init) is not FunctionType or not is_convertible(init):
        return plain(session, cls, args, kwargs)
    made = converted_of(session, init)
    if made is None:
        return plain(session, cls, args, kwargs)
    instance: Any = object.__new__(cls)
    session.touch_closure(init)
    made(instance, *args, **kwargs)
    return instance


__all__ = ["CodeType", "call", "call_layer", "converted_of", "is_convertible"]

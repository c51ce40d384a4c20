"""The way into ``transformers`` and ``convert`` from the call path."""

from __future__ import annotations

from types import CodeType, FunctionType
from typing import Any


def inline(function: Any, args: Any, kwargs: Any) -> Any:
    """Call a function that was given to ``to_static`` inside of another one's capture."""
    from dy2st.convert import call

    return call(function, *args, **kwargs)


def stops_in_debugger(function: Any) -> bool:
    """Whether ``function`` holds a breakpoint itself; False where it cannot be converted."""
    from dy2st.transformers import convert_function

    if not isinstance(function, FunctionType):
        return False
    if not {"breakpoint", "set_trace"} & _names(function.__code__):
        return False
    return convert_function(function).has_breakpoint


def _names(code: CodeType) -> set[str]:
    found = {*code.co_names, *code.co_freevars}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
    return found


def run_in_debugger(function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Call a function that stops in a debugger, itself or in one that it calls: with real values."""
    from dy2st.source.debugger import stopping
    from dy2st.transformers import convert_function

    if stops_in_debugger(function):
        function = convert_function(function).function
    first = () if instance is None else (instance,)
    with stopping():
        return function(*first, *args, **kwargs)


def code_of(function: Any) -> str:
    """The generated Python of ``function``."""
    from dy2st.transformers import convert_function

    return convert_function(function).code

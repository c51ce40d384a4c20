"""Ctrl-C in native loops: a native callback that lets Python handle its pending signals.

A Python function would not do: Python looks for signals when it enters a function, before any
``try`` in it, and an exception at that point is lost in ctypes.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import numpy as np

from dy2st.runtime.cpu.llvm.engine import engine

_FUNCTIONS = ("PyGILState_Ensure", "PyErr_CheckSignals", "PyErr_Fetch", "PyGILState_Release")


class Signals:
    """``function(user)`` polls; ``take()`` is the exception that a signal's handler raised."""

    def __init__(self) -> None:
        addresses = [
            ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0
            for name in _FUNCTIONS
        ]
        # Addresses of the functions, then type, value and traceback of an exception.
        self._cells = np.array([*addresses, 0, 0, 0], np.int64)
        self.user = self._cells.ctypes.data
        self.function = _poll()

    def take(self) -> BaseException | None:
        """The exception, once; None where there is none."""
        kind, value, traceback = (int(c) for c in self._cells[-3:])
        self._cells[-3:] = 0
        if not kind:
            return None
        found: list[Any] = []
        for address in (kind, value, traceback):
            # The pointers own a reference each, and the cast makes one more.
            thing = ctypes.cast(address, ctypes.py_object).value if address else None
            found.append(thing)
            if address:
                ctypes.pythonapi.Py_DecRef(ctypes.py_object(thing))
        error = found[1] if isinstance(found[1], BaseException) else found[0]()
        assert isinstance(error, BaseException)
        return error.with_traceback(found[2])


@lru_cache(maxsize=1)
def _poll() -> int:
    return engine().function("poll for signals 1", _ir)


def _ir(name: str) -> str:
    def load(register: str, index: int) -> str:
        return f"""%p{register} = getelementptr i64, ptr %cells, i64 {index}
%{register} = load ptr, ptr %p{register}"""

    return f"""
define i32 @{name}(i64 %user) {{
entry:
%cells = inttoptr i64 %user to ptr
{load("ensure", 0)}
{load("check", 1)}
{load("fetch", 2)}
{load("release", 3)}
%state = call i32 %ensure()
%raised = call i32 %check()
%quiet = icmp eq i32 %raised, 0
br i1 %quiet, label %done, label %failed
failed:
%kind = getelementptr i64, ptr %cells, i64 4
%value = getelementptr i64, ptr %cells, i64 5
%traceback = getelementptr i64, ptr %cells, i64 6
call void %fetch(ptr %kind, ptr %value, ptr %traceback)
br label %done
done:
call void %release(i32 %state)
ret i32 %raised
}}
"""

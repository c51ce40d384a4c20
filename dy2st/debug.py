"""Debug levels and flags: the one table, and the functions that read it.

``DY2ST_DEBUG=1..5`` as environment variable, ``set_verbosity(n)`` as function and
``verbosity(n)`` as context manager say how much is printed to stderr; ``DY2ST_DUMP=dir`` is
where dumps go.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LEVELS: dict[int, str] = {
    0: "nothing but warnings",
    1: "what was compiled, what was compiled again and why, what runs slower than it could",
    2: "times per pass, the memory plan",
    3: "the generated Python",
    4: "the Program before and after each pass",
    5: "native code: kernels, primitives and their implementations",
}

FLAGS: dict[str, str] = {
    "DY2ST_DEBUG": "debug level, 0 to 5",
    "DY2ST_DUMP": "folder for dumps of Programs and native code",
    "DY2ST_FULL_TRACEBACK": "1 keeps our own frames in tracebacks",
    "DY2ST_CACHE_DIR": "folder of compiled kernels; default $XDG_CACHE_HOME/dy2st or ~/.cache/dy2st",
    "DY2ST_BACKEND": "what runs Programs: cpu (default) or reference (numpy, operation by operation)",
    "DY2ST_NUM_THREADS": "threads of the CPU runtime; default OMP_NUM_THREADS or the cores allowed",
}

_level: int | None = None
_code_level = 0
_code_stream = "stdout"


def level() -> int:
    """The debug level in force, 0 to 5."""
    global _level
    if _level is None:
        text = os.environ.get("DY2ST_DEBUG", "0")
        _level = int(text) if text.isdigit() else 0
    return _level


def set_verbosity(value: int = 0) -> None:
    """Set the debug level; see ``LEVELS``. Raises ValueError outside 0 to 5."""
    global _level
    if value not in LEVELS:
        raise ValueError(f"the debug level is one of {sorted(LEVELS)}, not {value!r}")
    _level = value


def set_code_level(level: int = 100, also_to_stdout: bool = True) -> None:
    """Print the generated Python of functions as they are converted from now on; 0 stops it.

    ``also_to_stdout`` False prints to stderr. Paddle's levels (which of its passes to print after) have
    no counterpart: every level above 0 prints the final code.
    """
    global _code_level, _code_stream
    _code_level = int(level)
    _code_stream = "stdout" if also_to_stdout else "stderr"


def print_code(title: str, code: Callable[[], str]) -> None:
    """Print generated Python where ``set_code_level`` or debug level 3 asks for it."""
    if _code_level > 0:
        print(f"# {title}\n{code()}", file=getattr(sys, _code_stream), flush=True)
    elif level() >= 3:
        log(3, f"{title}\n{code()}")


@contextmanager
def verbosity(value: int) -> Iterator[None]:
    """Set the debug level inside a ``with`` block."""
    before = level()
    set_verbosity(value)
    try:
        yield
    finally:
        set_verbosity(before)


def log(at: int, message: str) -> None:
    """Print ``message`` to stderr when the debug level is at least ``at``."""
    if level() >= at:
        print(f"dy2st[{at}] {message}", file=sys.stderr, flush=True)


def backend() -> str:
    """What runs Programs: ``cpu`` or ``reference``. Raises ValueError for another name."""
    name = os.environ.get("DY2ST_BACKEND", "") or "cpu"
    if name not in BACKENDS:
        raise ValueError(f"DY2ST_BACKEND is one of {BACKENDS}, not {name!r}")
    return name


BACKENDS = ("cpu", "reference")


def dump_dir() -> Path | None:
    """The folder for dumps, made when it is missing; None where none is asked for."""
    text = os.environ.get("DY2ST_DUMP")
    if not text:
        return None
    path = Path(text)
    path.mkdir(parents=True, exist_ok=True)
    return path


def full_traceback() -> bool:
    """Whether the user wants our own frames in tracebacks."""
    return os.environ.get("DY2ST_FULL_TRACEBACK", "") not in ("", "0")

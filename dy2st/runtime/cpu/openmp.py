"""The one OpenMP runtime that oneDNN and our kernels share.

A second runtime in the process spins against the first (a 0.07 ms matmul took 7 ms), so kernels
call the ``GOMP_parallel`` of the runtime that the oneDNN in use is bound to, whichever that is.
"""

from __future__ import annotations

import ctypes
import ctypes.util

from dy2st.records import record
from dy2st.runtime.cpu.elf import bound_functions, place_of

_NAMES = frozenset({"GOMP_parallel", "GOMP_parallel_start", "omp_get_max_threads"})


@record(frozen=True)
class OpenMp:
    """Addresses of an OpenMP runtime's functions, for native code to call.

    ``parallel``: ``void GOMP_parallel(void (*fn)(void *), void *data, unsigned threads, unsigned
    flags)``; ``thread_num``: ``int omp_get_thread_num(void)``; ``set_threads`` and
    ``max_threads``: ``omp_set_num_threads`` and ``omp_get_max_threads``, which act on the calling
    thread alone.
    """

    file: str
    parallel: int
    thread_num: int
    num_threads: int
    set_threads: int
    max_threads: int


def _address(library: ctypes.CDLL, name: str) -> int:
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0


def open_runtime(file: str) -> OpenMp | None:
    """The functions of the OpenMP runtime in ``file``; None where it cannot be loaded."""
    try:
        library = ctypes.CDLL(file)
        return OpenMp(
            file=file,
            parallel=_address(library, "GOMP_parallel"),
            thread_num=_address(library, "omp_get_thread_num"),
            num_threads=_address(library, "omp_get_num_threads"),
            set_threads=_address(library, "omp_set_num_threads"),
            max_threads=_address(library, "omp_get_max_threads"),
        )
    except (OSError, AttributeError):
        return None


def runtime_bound_to(address: int) -> OpenMp | None:
    """The runtime that the library holding ``address`` calls into; None where it calls none."""
    for target in bound_functions(address, _NAMES).values():
        place = place_of(target)
        if place is not None:
            return open_runtime(place.file)
    return None


def any_runtime() -> OpenMp | None:
    """A runtime for a process without oneDNN: the system's libgomp, or libomp."""
    for name in ("libgomp.so.1", ctypes.util.find_library("gomp"), "libomp.so.5", "libomp.so"):
        runtime = open_runtime(name) if name else None
        if runtime is not None:
            return runtime
    return None

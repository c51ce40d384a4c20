"""Compiled kernels, and the table of run-time functions that they get as ``ptrs[0]``."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np

from dy2st.debug import log
from dy2st.runtime.cpu.llvm.engine import Engine, engine
from dy2st.runtime.cpu.openmp import OpenMp

KERNEL = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)


@lru_cache(maxsize=1)
def runtime_table() -> np.ndarray:
    """int64: [0] address of ``GOMP_parallel``, or 0 where kernels must run on one thread; [1] and
    [2] ``omp_get_thread_num`` and ``omp_get_num_threads``; [3] ``sched_yield``.

    Its address (``runtime_table().ctypes.data``) is the same for the life of the process.
    """
    table = np.zeros(8, np.int64)
    runtime = _openmp()
    if runtime is not None:
        table[:3] = runtime.parallel, runtime.thread_num, runtime.num_threads
    table[3] = ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value or 0
    return table


def _openmp() -> OpenMp | None:
    from dy2st.runtime.cpu.onednn.library import openmp
    from dy2st.runtime.cpu.openmp import any_runtime

    runtime = openmp() or any_runtime()
    if runtime is None:
        log(1, "no OpenMP runtime found; kernels run on one thread")
    return runtime


class Printable(Protocol):
    """What a kernel is printed from: ``fusion.structure.Structure`` or ``llvm.sort.SortStructure``."""

    @property
    def key(self) -> str:
        """Equal keys share an object."""

    def ir(self, name: str, vector_bytes: int) -> str:
        """The module of the kernel called ``name``."""


def compile_structures(structures: Sequence[Printable], jit: Engine | None = None) -> list[int]:
    """The addresses of the kernels of ``structures``, from memory, disk, or the compiler."""
    jit = jit or engine()
    width = jit.host.vector_bytes
    wanted = [
        (s.key, lambda name, s=s: s.ir(name, width))  # type: ignore[misc]
        for s in structures
    ]
    return jit.functions(wanted)

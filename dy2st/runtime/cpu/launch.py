"""Compiled kernels, and the table of run-time functions that they get as ``ptrs[0]``."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np

from dy2st.debug import log
from dy2st.runtime.cpu.llvm.engine import Engine, engine

KERNEL = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)


@lru_cache(maxsize=1)
def runtime_table() -> np.ndarray:
    """int64: [0] address of ``GOMP_parallel``, or 0 where kernels must run on one thread.

    Its address (``runtime_table().ctypes.data``) is the same for the life of the process.
    """
    table = np.zeros(8, np.int64)
    table[0] = _gomp_parallel()
    return table


def _gomp_parallel() -> int:
    from dy2st.runtime.cpu.onednn.library import openmp
    from dy2st.runtime.cpu.openmp import any_runtime

    runtime = openmp() or any_runtime()
    if runtime is None:
        log(1, "no OpenMP runtime found; kernels run on one thread")
        return 0
    return runtime.parallel


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

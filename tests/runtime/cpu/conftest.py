"""Shared by the tests of oneDNN primitives: the library, and running a primitive on arrays."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dy2st.runtime.cpu.onednn.primitive import Primitive, Primitives, primitives

# For helpers that several files import (``kernel_checks``).
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def library() -> Primitives:
    found = primitives()
    if found is None:
        pytest.skip("this machine has no oneDNN library")
    return found


def aligned(nbytes: int) -> np.ndarray:
    """Zeroed bytes at a 64-byte boundary."""
    raw = np.zeros(nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + nbytes]


@pytest.fixture(scope="session")
def run(library: Primitives) -> Callable[..., np.ndarray]:
    """``run(primitive, {arg: row-major array}, dst_arg=17)``: reorders operands into the layouts
    that the primitive asks for, runs it, and reorders its result back."""

    def into(desc, array: np.ndarray) -> np.ndarray:
        array = np.ascontiguousarray(array, np.float32)
        plain = library.descs.row_major(desc.dims)
        buffer = aligned(desc.nbytes)
        copy = library.reorder(plain, desc)
        library.execute(copy, {1: array.ctypes.data, 17: buffer.ctypes.data})
        return buffer

    def out(desc, buffer: np.ndarray) -> np.ndarray:
        result = np.empty(desc.dims, np.float32)
        copy = library.reorder(desc, library.descs.row_major(desc.dims))
        library.execute(copy, {1: buffer.ctypes.data, 17: result.ctypes.data})
        return result

    def go(primitive: Primitive, arrays: dict[int, np.ndarray], dst: int = 17) -> np.ndarray:
        buffers = {arg: into(primitive.args[arg], a) for arg, a in arrays.items()}
        if dst not in buffers:
            buffers[dst] = aligned(primitive.args[dst].nbytes)
        library.execute(primitive, {arg: b.ctypes.data for arg, b in buffers.items()})
        return out(primitive.args[dst], buffers[dst])

    return go

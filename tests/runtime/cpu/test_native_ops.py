"""Every registered case through the whole CPU runtime: native equals numpy.

The operation's operands are inputs in one run and parameters (hence in the prologue) in another.
"""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from dy2st.ir.builder import Builder
from dy2st.ir.types import DType, TensorType
from dy2st.ops import base
from dy2st.ops.cases import Draw
from dy2st.runtime import plan
from dy2st.runtime.cpu.executable import make_executable
from dy2st.runtime.reference import interpreter
from tests.ops.test_registry import TOLERANCE, case_dtypes, split_case

CASES = [
    pytest.param(op, i, id=f"{op.name}-{i}")
    for op in base.all_ops()
    for i in range(len(op.cases or ()))
    if not op.random
]
DTYPES = ("float32", "int64", "bool", "complex64")
SIZES = {"N": 3, "M": 5}


def build(op, operands, attrs, parameters):
    """A Program of one operation; its inputs or (``parameters``) its parameters, and their arrays."""
    b = Builder("case", base.infer)
    arrays = {}

    def enter(array):
        if array is None:
            return None
        if isinstance(array, tuple):
            return tuple(enter(a) for a in array)
        name = f"x{len(arrays)}"
        arrays[name] = array
        type_ = TensorType(DType.of(array.dtype), tuple(array.shape))
        return b.parameter(name, type_) if parameters else b.input(type_, name)

    operands = tuple(enter(o) for o in operands)
    made = b.emit(op.name, operands, attrs)
    return b.return_(made.results), arrays


def assert_same(got, want, tolerance, what):
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    rtol, atol = TOLERANCE.get(want.dtype.name, tolerance or (1e-4, 1e-5))
    if want.dtype.kind in "iub":
        np.testing.assert_array_equal(got, want, err_msg=what)
        return
    wide = np.complex128 if want.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(
        got.astype(wide), want.astype(wide), rtol, atol, equal_nan=True, err_msg=what
    )


def assert_results(op, got, want, what):
    """All results that are the operation's to define (of others, eager's kernel has its own)."""
    for k, (g, w) in enumerate(zip(got, want, strict=True)):
        if not op.compared or k in op.compared:
            assert_same(g, w, op.tolerance, what)


@pytest.mark.slow
@pytest.mark.parametrize(("op", "index"), CASES)
def test_native_equals_numpy(op, index):
    case = op.cases[index]
    attrs = split_case(op, case)
    for dtype in DTYPES:
        if dtype not in case_dtypes(op, case):
            continue
        rng = np.random.default_rng(zlib.crc32(f"{op.name}{case}{dtype}".encode()))
        for specials in (False, True) if op.specials and dtype == "float32" else (False,):
            draw = Draw(dtype, SIZES, specials, op.denormals, rng)
            operands = draw.operands(op.signature.operands, case)
            program, arrays = build(op, operands, attrs, False)
            try:
                want = interpreter.run(program, list(arrays.values()), {})
            except Exception:  # not every dtype of the list is the operation's
                break
            what = f"{op.name} {dtype}"
            got = make_executable(program, plan.ArraySource()).run_arrays(list(arrays.values()))
            assert_results(op, got, want, what)
        else:
            program, arrays = build(op, operands, attrs, True)
            got = make_executable(program, plan.ArraySource(arrays)).run_arrays([])
            assert_results(op, got, want, f"{what} in the prologue")

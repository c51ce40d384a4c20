"""Every operation × case × dtype: inferred equals computed, numpy equals Paddle eager, kernel equals
numpy. An operation is tested by being declared; nothing is written here for it."""

from __future__ import annotations

import subprocess
import sys
import zlib

import numpy as np
import pytest

from dy2st.errors import ShapeError
from dy2st.ir.builder import Builder
from dy2st.ir.dims import evaluate as evaluate_dim
from dy2st.ir.parser import parse_program
from dy2st.ir.printer import print_program
from dy2st.ir.program import Value
from dy2st.ir.types import DType
from dy2st.ops import base, coverage, families
from dy2st.ops.cases import Draw, symbolic_types
from dy2st.runtime import paddle_kernels
from tests.ops import eager
from tests.ops.lowering import NoKernel, run_kernel

DTYPES = ("float32", "float64", "int32", "int64", "bool", "float16", "bfloat16", "complex64")
TOLERANCE = {"float64": (1e-6, 1e-8), "float16": (2e-3, 2e-3), "bfloat16": (2e-2, 2e-2)}
SIZES = ({"N": 3, "M": 5}, {"N": 5, "M": 2})
CASES = [
    pytest.param(op, i, id=f"{op.name}-{i}")
    for op in base.all_ops()
    for i in range(len(op.cases or ()))
]


def split_case(op, case):
    """Attributes of a case, normalised, in the order of the signature."""
    return {f.name: f.normalize(case.get(f.name)) for f in op.signature.attributes}


def infer(op, types, attrs):
    builder = Builder("case", base.infer)
    operands = tuple(
        tuple(Value(t) for t in o) if isinstance(o, tuple) else (None if o is None else Value(o))
        for o in types
    )
    return list(base.infer(builder, op.name, operands, attrs))


def assert_close(got, expected, what, tolerance=None):
    assert got.dtype == expected.dtype, f"{what}: dtype {got.dtype}, not {expected.dtype}"
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, not {expected.shape}"
    name = expected.dtype.name
    rtol, atol = TOLERANCE.get(name, tolerance or (1e-4, 1e-5))
    if expected.dtype.kind in "iub":
        np.testing.assert_array_equal(got, expected, err_msg=what)
        return
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(
        got.astype(wide), expected.astype(wide), rtol, atol, equal_nan=True, err_msg=what
    )


def assert_inferred(op, case, attrs, dtype, sizes, results):
    """The symbolic types, at the sizes drawn, are those of the results."""
    types = infer(op, symbolic_types(op.signature.operands, case, dtype), attrs)
    assert op.compared or len(types) == len(results), (
        f"{len(types)} results inferred, {len(results)} computed"
    )
    for k, (type_, array) in enumerate(zip(types, results)):
        if array is None or (op.compared and k not in op.compared):
            continue
        assert type_.dtype is DType.of(array.dtype), f"inferred {type_}, computed {array.dtype}"
        assert type_.rank == array.ndim, f"inferred {type_}, computed {array.shape}"
        for dim, size in zip(type_.shape, array.shape):
            known = isinstance(dim, int) or dim.symbols() <= set(sizes)
            assert not known or evaluate_dim(dim, sizes) == size, f"{type_} is not {array.shape}"


def assert_kernel(op, operands, attrs, expected, what):
    """The graph that ``cpu`` describes, interpreted, equals the numpy reference."""
    try:
        got = run_kernel(op, operands, attrs)
    except NoKernel:
        return
    assert len(got) == len(expected), what
    for k, (g, e) in enumerate(zip(got, expected)):
        assert_close(g, e, f"{what} result {k}", op.tolerance)


def assert_paddles_kernel(op, operands, attrs, expected):
    """What runs in place of the reference where Paddle is loaded gives eager's own results."""
    if not paddle_kernels.allowed(op) or not eager.has(op):
        return
    before = [base._map_operand(np.copy, o) for o in operands]
    got = paddle_kernels.attempt(op, operands, attrs)
    for given, kept in zip(base.flatten(operands), base.flatten(before)):
        assert given is None or given.tobytes() == kept.tobytes(), "it writes to an operand"
    if got is None:
        assert op.compared or callable(op.eager), "called in another way than eager does"
        return
    for g, e in zip(got, expected):
        if e is None or (callable(op.eager) and e.size == 0):
            continue  # what was not asked for
        assert g.dtype == e.dtype
        np.testing.assert_array_equal(g.astype("c16"), e.astype("c16"), err_msg=op.name)


def draws(op, case, dtype):
    """Ordinary values at each size, then the special ones."""
    rng = np.random.default_rng(zlib.crc32(f"{op.name}{case}{dtype}".encode()))
    symbolic = "'N'" in str(case) or "'M'" in str(case)
    for sizes in SIZES[: 2 if symbolic else 1]:
        yield sizes, Draw(dtype, sizes, False, False, rng).operands(op.signature.operands, case)
    if op.specials and DType.of(dtype).is_floating:
        yield (
            SIZES[0],
            Draw(dtype, SIZES[0], True, op.denormals, rng).operands(op.signature.operands, case),
        )


def case_dtypes(op, case):
    return case.get("dtypes", op.dtypes or DTYPES)


@pytest.mark.parametrize(("op", "index"), CASES)
def test_numpy_equals_eager(op, index):
    """Results and inferred types equal Paddle's, for each dtype that Paddle has a kernel for."""
    if op.not_compared:
        pytest.skip(op.not_compared)
    case = op.cases[index]
    attrs = split_case(op, case)
    refused = []
    ran = 0
    for dtype in case_dtypes(op, case):
        for sizes, operands in draws(op, case, dtype):
            try:
                if not eager.has(op):
                    expected = base.evaluate(op, operands, attrs)
                else:
                    expected = eager.call(op, operands, attrs, strided=sizes is SIZES[1])
            except AssertionError:
                raise
            except Exception as error:  # Paddle has no kernel for this dtype
                refused.append(f"{dtype}: {str(error).strip().splitlines()[-1]}")
                break
            types = infer(op, [base._map_operand(base._array_type, o) for o in operands], attrs)
            assert_inferred(op, case, attrs, dtype, sizes, expected)
            if op.numpy is None:
                continue
            got = base.evaluate(op, operands, attrs, types)
            assert op.name == "einsum" or len(got) == len(expected), "eager hands out other results"
            for k, (g, e) in enumerate(zip(got, expected)):
                if e is None or (op.compared and k not in op.compared):
                    continue
                assert_close(g, e, f"{op.name} {dtype} {sizes} result {k}", op.tolerance)
            assert_kernel(op, operands, attrs, got, f"kernel of {op.name} {dtype} {sizes}")
            assert_paddles_kernel(op, operands, attrs, expected)
            ran += 1
    assert ran, "Paddle ran no dtype of this case:\n" + "\n".join(refused)


@pytest.mark.parametrize(("op", "index"), CASES)
def test_text_is_a_fixed_point(op, index):
    """A Program of the operation, symbolic sizes included, prints, parses and prints the same."""
    case = op.cases[index]
    b = Builder("case", base.infer)

    def enter(operand):
        if isinstance(operand, tuple):
            return tuple(enter(o) for o in operand)
        return operand if operand is None else b.input(operand, f"x{len(b.program.inputs)}")

    dtype = case_dtypes(op, case)[0]
    operands = [enter(o) for o in symbolic_types(op.signature.operands, case, dtype)]
    try:
        made = b.emit(op.name, operands, split_case(op, case))
    except ShapeError as error:  # a size that must be known: the message says which
        assert "known" in error.message, error
        return
    text = print_program(b.return_(made.results))
    assert print_program(parse_program(text)) == text


def test_the_page_lists_every_operation():
    text = coverage.page()
    assert all(f"| {op.name}" in text for op in base.all_ops())
    assert "native" in text


def test_sources_tell_where_each_operation_is_declared():
    list(base.all_ops())
    declared = {n: op.__module__.rpartition(".")[2] for n, op in base._REGISTRY.items()}
    assert families.homes() == declared


def test_an_operation_loads_its_own_family_only():
    code = (
        "import sys; from dy2st.ops import base; assert base.find('tanh').name == 'tanh'; "
        "assert base.find('parameter') is None; print('dy2st.ops.detection' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"

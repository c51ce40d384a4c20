"""The reference interpreter: meaning of structure, symbols, effects and errors; plain numpy is the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from dy2st.errors import AssertionFailedError, ExecutionError, InputError, Location
from dy2st.ir.builder import Builder
from dy2st.ir.dims import symbol
from dy2st.ir.program import SymbolBinding
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import infer
from dy2st.runtime import plan
from dy2st.runtime.reference import interpreter

F32, I64, BOOL = DType.FLOAT32, DType.INT64, DType.BOOL
N = symbol("N")


def vector(dim=N):
    return TensorType(F32, (dim,))


def test_tanh_at_two_sizes():
    b = Builder("f", infer)
    x = b.input(vector(), "x")
    b.program.symbols["N"] = SymbolBinding(0, 0)
    program = b.return_([b.emit("tanh", (x,)).result])
    for n in (0, 3):
        array = np.linspace(-1, 1, n, dtype=np.float32)
        (out,) = interpreter.run(program, [array], {})
        np.testing.assert_array_equal(out, np.tanh(array))


def test_input_checks():
    b = Builder("f", infer)
    x = b.input(TensorType(F32, (N, N)), "x")
    b.program.symbols["N"] = SymbolBinding(0, 0)
    program = b.return_([x])
    with pytest.raises(InputError, match="shape"):
        interpreter.run(program, [np.zeros((2, 3), np.float32)], {})
    with pytest.raises(InputError, match="dtype"):
        interpreter.run(program, [np.zeros((2, 2))], {})
    with pytest.raises(InputError, match="rank"):
        interpreter.run(program, [np.zeros(2, np.float32)], {})
    with pytest.raises(InputError, match="inputs"):
        interpreter.run(program, [], {})


def test_if_takes_one_branch_only():
    b = Builder("f", infer)
    c = b.input(TensorType(BOOL, ()), "c")
    x = b.input(vector(2), "x")
    with b.region() as then:
        b.emit("assert", (c,), {"template": ("never seen",)}, types=[])
        b.yield_([b.emit("tanh", (x,)).result])
    with b.region() as orelse:
        b.yield_([x])
    program = b.return_([b.if_(c, then, orelse).result])
    array = np.array([1, -2], np.float32)
    (yes,) = interpreter.run(program, [np.array(True), array], {})
    (no,) = interpreter.run(program, [np.array(False), array], {})
    np.testing.assert_array_equal(yes, np.tanh(array))
    np.testing.assert_array_equal(no, array)


def while_tanh(carried_type):
    """while go: x = tanh(x), go = False."""
    b = Builder("f", infer)
    x = b.input(vector(3), "x")
    yes, no = b.constant(np.array(True), "yes"), b.constant(np.array(False), "no")
    with b.region([TensorType(BOOL, ()), carried_type]) as cond:
        b.yield_([cond.args[0]])
    with b.region([TensorType(BOOL, ()), carried_type]) as body:
        b.yield_([no, b.emit("tanh", (body.args[1],)).result])
    return b.return_([b.while_([yes, x], cond, body).results[1]])


@pytest.mark.parametrize("dim", [3, symbol("u7")])
def test_while(dim):
    array = np.array([1, -2, 0], np.float32)
    (out,) = interpreter.run(while_tanh(vector(dim)), [array], {})
    np.testing.assert_array_equal(out, np.tanh(array))


def test_while_rejects_a_shape_that_its_type_denies():
    with pytest.raises(ExecutionError, match="shape"):
        interpreter.run(while_tanh(vector(4)), [np.zeros(3, np.float32)], {})


def test_item_binds_a_symbol_and_result_symbols_follow():
    b = Builder("f", infer)
    n = b.input(TensorType(I64, ()), "n")
    u = b.fresh_symbol()
    b.emit("item", (n,), {"symbol": u}, types=[])
    b.emit("print", (n,), {"template": (u + 1, "|", ("operand", 0), "\n")}, types=[])
    program = b.return_([n])
    interpreter.run(program, [np.array(4)], {})


def test_print(capsys):
    b = Builder("f", infer)
    n = b.input(TensorType(I64, ()), "n")
    u = b.fresh_symbol()
    b.emit("item", (n,), {"symbol": u}, types=[])
    b.emit("print", (n,), {"template": ("size ", u + 1, "\n")}, types=[])
    interpreter.run(b.return_([]), [np.array(4)], {})
    assert capsys.readouterr().out == "size 5\n"


def test_assert_raises_at_the_users_line():
    b = Builder("f", infer)
    c = b.input(TensorType(BOOL, ()), "c")
    b.location = Location("model.py", 12, 4)
    b.emit("assert", (c,), {"template": ("x is bad",)}, types=[])
    program = b.return_([])
    interpreter.run(program, [np.array(True)], {})
    with pytest.raises(AssertionError, match="x is bad") as caught:
        interpreter.run(program, [np.array(False)], {})
    assert isinstance(caught.value, AssertionFailedError)
    assert "model.py:12" in str(caught.value)


def executable():
    b = Builder("f", infer)
    x = b.input(vector(), "x")
    b.program.symbols["N"] = SymbolBinding(0, 0)
    w = b.parameter("w", vector(2))
    c = b.constant(np.array([5.0, 6.0], np.float32))
    program = b.return_([b.emit("tanh", (x,)).result, w, c, x])
    source = plan.ArraySource({"w": np.array([1.0, 2.0], np.float32)})
    return plan.compile_program(program, source), source


def test_executable_outputs_are_fresh_and_parameters_current():
    run, source = executable()
    x = np.array([[0.5, 7.0], [1.5, 8.0]], np.float32)[:, 0]  # not contiguous
    first = run.run_arrays([x])
    source.changed("w", np.array([3.0, 4.0], np.float32))
    second = run.run_arrays([x])
    for outputs, w in ((first, [1, 2]), (second, [3, 4])):
        np.testing.assert_allclose(outputs[0], np.tanh(x), rtol=1e-6)
        np.testing.assert_array_equal(outputs[1], np.array(w, np.float32))
        np.testing.assert_array_equal(outputs[2], np.array([5, 6], np.float32))
        np.testing.assert_array_equal(outputs[3], x)
    addresses = {o.ctypes.data for o in [*first, *second]}
    assert len(addresses) == 8
    assert x.ctypes.data not in addresses


def test_executable_rejects_shapes_that_do_not_fit():
    run, _ = executable()
    with pytest.raises(InputError):
        run.run_arrays([np.zeros((2, 2), np.float32)])

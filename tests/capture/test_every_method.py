"""A symbolic tensor in every method of ``paddle.Tensor``, as receiver and as argument.

Whatever comes out is symbolic, a Python fact that needs no data, or an error: never a number made
from memory that is not there, never the death of the process.
"""

from __future__ import annotations

import contextlib
import io

import numpy as np
import paddle
import pytest

from dy2st.capture import Recorder, SymbolicTensor, is_symint
from dy2st.errors import Dy2stError
from dy2st.ir.dims import symbol
from dy2st.ir.types import DType, TensorType

# Paddle's own advice about calls that nobody would write.
pytestmark = pytest.mark.filterwarnings("ignore")

# Called with these arguments, eager itself (or Paddle's shape inference) ends the process.
LETHAL = {"fill_diagonal_", "unique"}
PYTHONS_OWN = {n for n in dir(object)} | {"__dict__", "__module__", "__weakref__", "__del__"}
NAMES = sorted(n for n in dir(paddle.Tensor) if n not in PYTHONS_OWN | LETHAL)
# Facts about a tensor that eager knows without reading its data.
STATIC = {
    *("place", "device", "type", "block", "layout", "itemsize", "ndim", "inplace_version"),
    *("shape", "strides", "_local_shape"),
}
FACTS = {
    *("dim", "ndimension", "element_size", "__len__", "get_device", "stride", "get_strides"),
    "size",
}
ALLOWED_ERRORS = (
    Dy2stError,
    TypeError,
    ValueError,
    AssertionError,
    IndexError,
    AttributeError,
    NotImplementedError,
    ZeroDivisionError,
)


def harmless(value, given=None):
    """Nothing in ``value`` was read from a tensor's memory; ``given`` is a real argument."""
    if isinstance(value, (list, tuple)):
        return all(harmless(v, given) for v in value)
    if value is given:
        return True
    if type(value) is SymbolicTensor or is_symint(value) or value is NotImplemented:
        return True
    return value is None or isinstance(value, (bool, str, type, paddle.dtype)) or callable(value)


@pytest.fixture(scope="module")
def recorder():
    recorder = Recorder("walk")
    recorder.examples["N"] = 5
    return recorder


@pytest.mark.parametrize("name", NAMES)
def test_method(name, recorder):
    real = paddle.ones([5, 4])
    with recorder.recording():
        x = recorder.input(f"x_{name}", TensorType(DType.FLOAT32, (symbol("N"), 4)))
        try:
            member = getattr(x, name)
        except ALLOWED_ERRORS:
            return
        if not callable(member):
            assert harmless(member) or name in STATIC or name.startswith("__")
            return
        for args in ((), (x,), (0,), ([0],), (real,)):
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    result = getattr(x, name)(*args)
            except ALLOWED_ERRORS:
                continue
            except RuntimeError as error:
                assert "no memory" not in str(error)
                assert "not initialized" not in str(error)
                continue
            if name not in FACTS and name not in ("__hash__", "_inplace_version"):
                assert harmless(result, real), f"{name} gave {type(result)}"


@pytest.mark.parametrize("index", range(3))
def test_as_an_argument_of_real_tensors(index, recorder):
    real = paddle.ones([5, 4])
    with recorder.recording():
        x = recorder.input(f"a_{index}", TensorType(DType.FLOAT32, (5, 4)))
        if index == 0:
            for op in ("__add__", "__sub__", "__mul__", "__truediv__", "__gt__", "__eq__"):
                assert type(getattr(real, op)(x)) is SymbolicTensor
        elif index == 1:
            real[0] = x[0]
            assert type(real[0]) is SymbolicTensor
        else:
            for function in (np.asarray, np.sum, float, bool, list, sorted):
                with pytest.raises((Dy2stError, TypeError)):
                    assert harmless(function(x.sum() if function in (float, bool) else x))
                    raise TypeError  # a list of symbolic tensors is fine

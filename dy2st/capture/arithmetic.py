"""The operators of tensors (``x + 1``, ``2 / x``, ``x == y``): C methods in eager, phi operations here.

A Python scalar never becomes a tensor where eager does not make one: ``x + 1`` is ``scale`` as in
eager, so that its rounding and its treatment of -0.0 are eager's. Dtypes follow eager by asking it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from dy2st.capture import symint
from dy2st.capture.dispatch import cast, is_tensor
from dy2st.capture.scalar import Scalar
from dy2st.errors import OperandError
from dy2st.ir.types import DType

if TYPE_CHECKING:
    from dy2st.capture.recorder import Recorder

# method → (phi operation, reflected)
OPERATORS: dict[str, tuple[str, bool]] = {
    "__add__": ("add", False),
    "__radd__": ("add", True),
    "__sub__": ("subtract", False),
    "__rsub__": ("subtract", True),
    "__mul__": ("multiply", False),
    "__rmul__": ("multiply", True),
    "__div__": ("divide", False),
    "__rdiv__": ("divide", True),
    "__truediv__": ("divide", False),
    "__rtruediv__": ("divide", True),
    "__floordiv__": ("floor_divide", False),
    "__rfloordiv__": ("floor_divide", True),
    "__mod__": ("remainder", False),
    "__rmod__": ("remainder", True),
    "__pow__": ("elementwise_pow", False),
    "__rpow__": ("elementwise_pow", True),
    "__matmul__": ("matmul", False),
    "__rmatmul__": ("matmul", True),
    "__eq__": ("equal", False),
    "__ne__": ("not_equal", False),
    "__lt__": ("less_than", False),
    "__le__": ("less_equal", False),
    "__gt__": ("greater_than", False),
    "__ge__": ("greater_equal", False),
}
_COMPARISONS = {"equal", "not_equal", "less_than", "less_equal", "greater_than", "greater_equal"}


def apply(recorder: Recorder, method: str, tensor: Any, other: Any) -> Any:
    """``tensor.<method>(other)`` as eager computes it."""
    name, reflected = OPERATORS[method]
    if type(other).__module__ == "dy2st.convert.unions":
        return NotImplemented  # a value that depends on a tensor: it knows what to do
    if is_tensor(other) or isinstance(other, (np.ndarray, np.generic)):
        if not is_tensor(other):
            other = recorder.constant(np.asarray(other))
        return _tensors(recorder, name, *((other, tensor) if reflected else (tensor, other)))
    if type(other) is Scalar:
        target = _compute_dtype(recorder, method, recorder.value_of(tensor).dtype, other)
        x, y = cast(recorder, tensor, target), cast(recorder, other.tensor, target)
        return _tensors(recorder, name, *((y, x) if reflected else (x, y)))
    if symint.is_symint(other) and other.example is None:
        # A number of each run is data: as an attribute it would ask for a plan of its own each time.
        target = _compute_dtype(recorder, method, recorder.value_of(tensor).dtype, other)
        x, y = cast(recorder, tensor, target), cast(recorder, other.tensor(), target)
        return _tensors(recorder, name, *((y, x) if reflected else (x, y)))
    if isinstance(other, (bool, int, float, complex)):
        return _scalar(recorder, method, name, reflected, tensor, other)
    if name == "equal":
        return False
    if name == "not_equal":
        return True
    _refuse_as_eager(recorder, method, other)
    return NotImplemented


def _refuse_as_eager(recorder: Recorder, method: str, other: Any) -> None:
    """Raise OperandError where eager refuses ``other`` beside a tensor: Python would go on to ask
    ``other``, and a list or text for the tensor's value."""
    import paddle

    with recorder.paused():
        try:
            getattr(paddle.ones([1]), method)(other)
        except (TypeError, ValueError, RuntimeError) as error:
            raise OperandError(
                f"eager refuses a tensor and {type(other).__name__} in {method}: "
                f"{str(error).strip().splitlines()[0][:160]}",
                location=recorder.location,
                remedy="use a number or a tensor",
            ) from None


def _tensors(recorder: Recorder, name: str, x: Any, y: Any) -> Any:
    a, b = recorder.value_of(x).dtype, recorder.value_of(y).dtype
    if name == "divide" and not (a.is_floating or b.is_floating or a.is_complex or b.is_complex):
        x, y = cast(recorder, x, DType.FLOAT32), cast(recorder, y, DType.FLOAT32)
    return recorder.call(name, x, y)


def _scalar(
    recorder: Recorder, method: str, name: str, reflected: bool, tensor: Any, other: Any
) -> Any:
    dtype = recorder.value_of(tensor).dtype
    target = _compute_dtype(recorder, method, dtype, other)
    x = cast(recorder, tensor, target)
    number: Any = symint.plain(other)
    if name in ("add", "subtract", "multiply") and not isinstance(number, complex):
        factor, bias = _SCALE[name, reflected](number)
        return recorder.call("scale", x, factor, bias, True)
    if name == "divide" and not reflected and not isinstance(number, complex):
        return recorder.call("div_scale", x, number)
    if name == "elementwise_pow" and not reflected:
        return recorder.call("pow", x, number)
    y = recorder.full((), number, target)
    return recorder.call(name, *((y, x) if reflected else (x, y)))


_SCALE: dict[tuple[str, bool], Any] = {
    ("add", False): lambda s: (1.0, s),
    ("add", True): lambda s: (1.0, s),
    ("subtract", False): lambda s: (1.0, -s),
    ("subtract", True): lambda s: (-1.0, s),
    ("multiply", False): lambda s: (s, 0.0),
    ("multiply", True): lambda s: (s, 0.0),
}


def _compute_dtype(recorder: Recorder, method: str, dtype: DType, other: Any) -> DType:
    kind: Any = other.__class__ if _is_symbolic_number(other) else type(other)
    with recorder.paused():
        try:
            return _probe(method, dtype, kind)
        except (TypeError, ValueError, RuntimeError) as error:
            raise OperandError(
                f"eager refuses {method} on {dtype} and {kind.__name__}: "
                f"{str(error).splitlines()[0][:160]}",
                location=recorder.location,
                remedy="cast one of the operands",
            ) from None


def _is_symbolic_number(value: Any) -> bool:
    return symint.is_symint(value) or type(value) is Scalar


@cache
def _probe(method: str, dtype: DType, kind: type) -> DType:
    """The dtype in which eager computes ``tensor.<method>(scalar)``, found by asking it once."""
    import paddle

    from dy2st.capture.recorder import dtype_name

    x = paddle.ones([1], dtype.value)
    if OPERATORS[method][0] in _COMPARISONS:
        # A comparison's result says nothing of its operands; they are promoted as for a sum.
        getattr(x, method)(kind(1))
        method = "__add__"
    return DType(dtype_name(getattr(x, method)(kind(1)).dtype))

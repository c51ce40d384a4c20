"""Operations of the registry by Paddle's own kernels, where Paddle is loaded.

Where no native kernel exists, a definition in numpy says what an operation means, and can be hundreds
of times slower than the kernel that eager runs (``nms``, ``roi_align``, ``erfinv``). So an operation
whose ``eager`` field allows it is run by that kernel; operands and results cross without a copy.
Without Paddle (a saved model), and wherever the kernel refuses, numpy runs.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from dy2st import debug
from dy2st.ir.program import Attr, Operation
from dy2st.ir.types import DType
from dy2st.ops import base
from dy2st.ops.base import Op
from dy2st.runtime.reference.rules import Array, ArrayOperand, Kernel, kernel_of

_Share: TypeAlias = Callable[[Array], Any]


def fastest(name: str) -> Kernel:
    """The kernel of the operation called ``name`` for a runtime that has none of its own."""
    slow = kernel_of(name)
    op = base.find(name)
    if op is None or not allowed(op):
        return slow

    def run(
        operands: Sequence[ArrayOperand],
        attrs: dict[str, Attr],
        rng: np.random.Generator,
        operation: Operation,
    ) -> Sequence[Array]:
        results = None
        if "paddle" in sys.modules:
            results = attempt(op, operands, attrs)
        return results if results is not None else slow(operands, attrs, rng, operation)

    return run


def allowed(op: type[Op]) -> bool:
    """Whether Paddle's kernel may stand for the operation's definition."""
    if op.not_compared or op.writes or op.random or op.random_when:
        return False  # random operations ask for Paddle's generator in ``reference.rules``
    return bool(op.eager) and not op.name.endswith("_")


def attempt(
    op: type[Op], operands: Sequence[ArrayOperand], attrs: dict[str, Attr]
) -> tuple[Array, ...] | None:
    """Results of Paddle's kernel; None where it refuses, or leaves a result without data."""
    attrs = {**_defaults(op), **attrs}
    eager: Any = op.eager
    asked: Any = True
    if callable(eager):
        asked = base.call_rule(eager, ("", None), op, base.bound_values(op, operands, attrs))
        if not asked:
            return None
    try:
        results = call(op, operands, attrs)
    except Exception as error:  # numpy's definition then says what is wrong, or computes it
        debug.log(2, f"Paddle's kernel of {op.name} refuses: {error}")
        return None
    if len(results) < len(op.signature.results) or any(r is None for r in results):
        return None
    return asked(results, *operands) if callable(asked) else results  # type: ignore[return-value]


def drawn(
    op: type[Op], operands: Sequence[ArrayOperand], attrs: dict[str, Attr]
) -> tuple[Array, ...]:
    """Results of a random operation by Paddle's kernel and generator; some write to an operand."""
    copies = [tuple(map(np.copy, o)) if isinstance(o, tuple) else _copy(o) for o in operands]
    return call(op, copies, {**_defaults(op), **attrs})  # type: ignore[return-value]


def _copy(operand: Array | None) -> Array | None:
    return None if operand is None else operand.copy()


def call(
    op: type[Op], operands: Sequence[ArrayOperand], attrs: dict[str, Attr]
) -> tuple[Array | None, ...]:
    """Paddle's kernel called by the operation's signature; None for a result without data."""
    import paddle

    share = _sharer()
    given = iter(operands)
    args: list[Any] = []
    for field in op.signature.fields:
        if field.is_operand:
            args.append(_operand(next(given), share, field.default))
        else:
            args.append(_attribute(op, field.kind, attrs.get(field.name)))
    results = getattr(paddle._C_ops, op.name)(*args)
    return tuple(view(t) for t in _flatten(results))


def _defaults(op: type[Op]) -> dict[str, Any]:
    if op.name not in _attributes:
        fields = op.signature.attributes
        _attributes[op.name] = {f.name: f.default for f in fields if not f.required}
    return _attributes[op.name]


_attributes: dict[str, dict[str, Any]] = {}


def _operand(operand: ArrayOperand, share: _Share, default: Any) -> Any:
    if isinstance(operand, tuple):
        return [share(a) for a in operand] if operand or default is not None else None
    return None if operand is None else share(operand)


def _attribute(op: type[Op], kind: str, value: Any) -> Any:
    import paddle

    if kind == "place":
        return paddle.CPUPlace()
    if kind == "number":
        return paddle.to_tensor(value)
    if kind == "dtype":
        if op.name in ("argmax", "argmin"):
            return value.value  # a wrapper that takes names
        return getattr(paddle, value.value) if value else paddle.base.core.DataType.UNDEFINED
    return list(value) if isinstance(value, tuple) else value


def _flatten(results: Any) -> list[Any]:
    if isinstance(results, (tuple, list)):
        return [t for r in results for t in _flatten(r)]
    return [] if results is None else [results]


# --- arrays and tensors over the same memory -----------------------------------------------------


@cache
def _sharer() -> _Share:
    import paddle

    place = paddle.CPUPlace()
    # `get_tensor` is wrapped where weights are watched; this tensor is nobody's weight.
    get_tensor = paddle.Tensor.get_tensor
    get_tensor = getattr(get_tensor, "__wrapped__", get_tensor)
    empty, float32 = paddle._C_ops.empty, paddle.float32
    bfloat16 = DType.BFLOAT16.numpy

    def share(array: Array) -> Any:
        if not array.flags.c_contiguous:
            array = np.ascontiguousarray(array)
        if array.dtype == bfloat16:
            array = array.view(np.uint16)  # how Paddle spells bfloat16 in numpy
        tensor = empty([0], float32, place)
        get_tensor(tensor).set(array, place, True)
        return tensor

    return share


def share(array: Array) -> Any:
    """A Paddle tensor over the array's memory, which it keeps alive (1/4 the time of ``to_tensor``)."""
    return _sharer()(array)


def view(tensor: Any) -> Array | None:
    """An array over the tensor's memory, which it keeps alive; None where the tensor has no data."""
    dtype = _dtype(tensor.dtype)
    shape = tuple(tensor.shape)
    if 0 in shape:
        return np.empty(shape, dtype)
    if not tensor._is_initialized():
        return None
    if not tensor.is_contiguous():
        tensor = tensor.contiguous()
    size = math.prod(shape) * dtype.itemsize
    raw = (ctypes.c_char * size).from_address(tensor.data_ptr())
    raw.owner = tensor  # type: ignore[attr-defined]
    return np.frombuffer(raw, dtype).reshape(shape)


@cache
def _dtype(paddle_dtype: Any) -> np.dtype[Any]:
    return DType.of(str(paddle_dtype).rsplit(".", 1)[-1]).numpy

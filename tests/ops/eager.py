"""Calls of ``paddle._C_ops`` by a registered signature: the oracle of the generic tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from dy2st.ir.types import DType
from dy2st.ops.base import Op


def to_paddle(array: np.ndarray, strided: bool = False) -> Any:
    """A tensor of equal dtype; ``strided`` makes one whose memory is not in order of its axes."""
    half = array.dtype.itemsize == 2 and array.dtype.kind not in "iu"
    plain = array.astype(np.float32) if half else array
    name = DType.of(array.dtype).value
    if strided and array.ndim >= 2:
        order = list(range(array.ndim))[::-1]
        turned = paddle.to_tensor(np.ascontiguousarray(plain.transpose(order))).astype(name)
        return paddle._C_ops.transpose(turned, order)
    return paddle.to_tensor(np.ascontiguousarray(plain).reshape(plain.shape)).astype(name)


def to_numpy(tensor: Any) -> np.ndarray:
    """The tensor's values; bfloat16 by way of float32."""
    if tensor.dtype == paddle.bfloat16:
        return tensor.astype("float32").numpy().astype(DType.BFLOAT16.numpy)
    return tensor.numpy()


def _attribute(op: type[Op], kind: str, value: Any) -> Any:
    if kind == "place":
        return paddle.CPUPlace()
    if kind == "number":
        return paddle.to_tensor(value)
    if kind == "dtype" and op.name in ("argmax", "argmin"):
        return value.value  # a wrapper that takes names
    if kind == "dtype":
        return getattr(paddle, value.value) if value else paddle.base.core.DataType.UNDEFINED
    return list(value) if isinstance(value, tuple) else value


def has(op: type[Op]) -> bool:
    """Whether phi has the operation; a few are our own."""
    return op.name in dir(paddle._C_ops)


def call(op: type[Op], operands: list[Any], attrs: dict[str, Any], strided: bool = False) -> list:
    """Results of the eager operation, lists flattened, None for those that eager leaves without data.

    Raises what Paddle raises."""
    given = iter(operands)
    args: list[Any] = []
    for field in op.signature.fields:
        if not field.is_operand:
            args.append(_attribute(op, field.kind, attrs[field.name]))
            continue
        operand = next(given)
        if isinstance(operand, tuple):
            absent = not operand and field.default is None
            args.append(None if absent else [to_paddle(o, strided) for o in operand])
        else:
            args.append(None if operand is None else to_paddle(operand, strided))
    result = getattr(paddle._C_ops, op.name)(*args)
    if not op.name.endswith("_"):
        given = len(result) if isinstance(result, tuple) else 1
        assert given == len(op.signature.results), f"{op.name} gives {given} results in eager"
    return [to_numpy(t) if t.size == 0 or t._is_initialized() else None for t in _flatten(result)]


def _flatten(result: Any):
    if isinstance(result, (list, tuple)):
        for item in result:
            yield from _flatten(item)
    elif result is not None:
        yield result

"""Paddle's own kernels, for operations that the registry lacks. Nothing else in ``runtime/`` knows
Paddle, and it is imported only when such an operation runs.

The operation ``paddle_fallback(tensors…)`` has the attributes ``op`` (a name of ``paddle._C_ops``),
``args`` (a template, see ``_fill``) and ``kwargs`` (pairs of name and template).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from dy2st.errors import ExecutionError, PlanError
from dy2st.ir.program import Attr, Operation
from dy2st.ir.types import DType

ArrayOperand: TypeAlias = "np.ndarray[Any, Any] | None | tuple[np.ndarray[Any, Any], ...]"

_warned: set[str] = set()


def warn_once(name: str) -> None:
    """Warn, once a process, that the operation ``name`` runs in Paddle's kernel."""
    if name not in _warned:
        _warned.add(name)
        warnings.warn(
            f"dy2st has no operation {name!r}; it runs in Paddle's own kernel", stacklevel=2
        )


def run(
    operands: Sequence[ArrayOperand], attrs: dict[str, Attr], op: Operation
) -> tuple[np.ndarray[Any, Any], ...]:
    """The results of Paddle's kernel, flattened. Raises PlanError where Paddle is not installed."""
    name = str(attrs["op"])
    try:
        import paddle
    except ImportError:
        raise PlanError(
            f"operation {name!r} needs Paddle, which is not installed", location=op.location
        ) from None
    warn_once(name)
    tensors = [to_paddle(o) for o in operands]
    args = [_fill(a, tensors) for a in _sequence(attrs.get("args"))]
    kwargs = {str(p[0]): _fill(p[1], tensors) for p in _pairs(attrs.get("kwargs"))}
    with paddle.no_grad():
        results = getattr(paddle._C_ops, name)(*args, **kwargs)
    if not name.endswith("_"):
        _check_unchanged(name, operands, tensors, op)
    return tuple(from_paddle(t) for t in _flatten(results))


def _check_unchanged(
    name: str, operands: Sequence[ArrayOperand], tensors: Sequence[Any], op: Operation
) -> None:
    """Some kernels write to their operands, whatever their name says (``batch_norm``'s statistics);
    nobody would see it here. Raises ExecutionError."""
    for operand, tensor in zip(operands, tensors):
        if isinstance(operand, np.ndarray) and not _same_bytes(from_paddle(tensor), operand):
            raise ExecutionError(
                f"Paddle's kernel of {name!r} changes one of its operands in place",
                location=op.location,
                remedy="mark the function that calls it with not_to_static",
            )


def _same_bytes(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def _sequence(attr: Attr) -> tuple[Attr, ...]:
    return attr if isinstance(attr, tuple) else ()


def _pairs(attr: Attr) -> list[tuple[Attr, Attr]]:
    return [(p[0], p[1]) for p in _sequence(attr) if isinstance(p, tuple)]


def _fill(template: Attr, tensors: Sequence[Any]) -> Any:
    """``("operand", i)`` is tensor i, ``("list", a, b)`` a list, ``("value", v)`` v itself,
    ``("place",)`` the device."""
    if not isinstance(template, tuple):
        return _value(template)
    kind = template[0] if template else "list"
    if kind == "operand":
        index = template[1]
        assert isinstance(index, int)
        return tensors[index]
    if kind == "value":
        return _value(template[1])
    if kind == "place":
        import paddle

        return paddle.CPUPlace()
    if kind == "list":
        return [_fill(t, tensors) for t in template[1:]]
    return [_value(v) for v in template]


def _value(value: Any) -> Any:
    if isinstance(value, DType):
        import paddle

        return getattr(paddle, value.value)
    if isinstance(value, tuple):
        return [_value(v) for v in value]
    return value


def to_paddle(operand: ArrayOperand) -> Any:
    """A Paddle tensor with a copy of the array's data."""
    if operand is None:
        return None
    if isinstance(operand, tuple):
        return [to_paddle(a) for a in operand]
    import paddle

    array = np.ascontiguousarray(operand).reshape(operand.shape)
    if array.dtype == DType.BFLOAT16.numpy:
        array = array.view(np.uint16)  # how Paddle spells bfloat16 in numpy
    return paddle.to_tensor(array)


def from_paddle(tensor: Any) -> np.ndarray[Any, Any]:
    """The tensor's data as an array; zeros for a result that the kernel left without data."""
    if not tensor._is_initialized():
        return np.zeros(tuple(tensor.shape), DType.of(str(tensor.dtype).rsplit(".", 1)[-1]).numpy)
    array: np.ndarray[Any, Any] = np.asarray(tensor.numpy())
    if "bfloat16" in str(tensor.dtype):
        array = array.view(DType.BFLOAT16.numpy)
    return array


def _flatten(results: Any) -> list[Any]:
    if isinstance(results, (tuple, list)):
        return [t for r in results for t in _flatten(r)]
    return [] if results is None else [results]


def format_tensor(operand: ArrayOperand) -> str:
    """How a tensor prints: as Paddle prints it where Paddle is loaded, else in the same form."""
    if operand is None:
        return "None"
    if isinstance(operand, tuple):
        return "[" + ", ".join(format_tensor(a) for a in operand) + "]"
    if "paddle" in sys.modules:
        return str(to_paddle(operand))
    body = np.array2string(np.asarray(operand), separator=", ", prefix="       ")
    return (
        f"Tensor(shape={list(operand.shape)}, dtype={operand.dtype}, place=Place(cpu), "
        f"stop_gradient=True,\n       {body})"
    )


def seed_generator(seed: int) -> None:
    """Seed Paddle's generator of the CPU, as ``paddle.seed`` does."""
    import paddle

    paddle.base.core.default_cpu_generator().manual_seed(seed)

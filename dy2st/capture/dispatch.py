"""From a call of one of Paddle's operators to an operation of the Program.

The call's arguments arrive as the C layer gets them: positionally or by name, aliases of names
(``dim`` for ``axis``), dtypes as strings or enums, scalars and lists with tensors or symbolic sizes
inside. The operation's signature normalises them; type promotion follows eager, by asking eager.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from dy2st.capture import content, storage, symint, tensor_attributes
from dy2st.capture.tensor_attributes import TensorAttribute
from dy2st.errors import CaptureError, OperandError, ShapeError
from dy2st.ir.program import Value
from dy2st.ir.types import DType
from dy2st.ops import base as ops
from dy2st.ops.signature import Field

if TYPE_CHECKING:
    from dy2st.capture.recorder import Recorder

# Names that the generated wrappers of Paddle hand on as they came (PyTorch's spelling).
_ALIASES = {
    "input": "x",
    "dim": "axis",
    "other": "y",
    "keepdims": "keepdim",
    "min": "min",
    "self": "x",
    "tensors": "x",
    "indices": "index",
}
# Binary operations whose operands eager promotes to one dtype before the kernel runs.
_PROMOTING = {
    "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "elementwise_pow",
    "maximum", "minimum", "fmax", "fmin", "equal", "not_equal", "less_than", "less_equal",
    "greater_than", "greater_equal", "where", "atan2", "logaddexp", "heaviside", "nextafter",
    "copysign", "isclose", "allclose", "bitwise_and", "bitwise_or", "bitwise_xor", "dist", "huber_loss",
    "matmul", "bmm",
}  # fmt: skip


def record(recorder: Recorder, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record the call of ``_C_ops.<name>``; returns what the C function returns, symbolic."""
    _refuse_amp(recorder)
    inplace = name.endswith("_") and not name.endswith("__")
    op = (ops.find(name[:-1]) if inplace else None) or ops.find(name)
    if op is None:
        from dy2st.capture import fallback

        return fallback.record(recorder, name, args, kwargs)
    out = kwargs.pop("out", None)
    given = _bind(recorder, op, args, kwargs)
    operands = {f.name: given.get(f.name) for f in op.signature.operands}
    if name.rstrip("_") in _PROMOTING:
        _promote(recorder, name.rstrip("_"), operands, given)
    values = {
        f.name: _values(recorder, operands[f.name], may_be_absent="?" in f.kind)
        for f in op.signature.operands
    }
    try:
        attrs = {
            f.name: _attribute(recorder, f, given[f.name])
            for f in op.signature.attributes
            if f.name in given
        }
    except TensorAttribute:
        found = tensor_attributes.record(recorder, name.rstrip("_"), given, args, kwargs)
        return _assigned(recorder, found, operands, op) if inplace else found
    bound, attributes = op.signature.bind(
        (), {**{k: v for k, v in values.items() if v is not None}, **attrs}
    )
    operation = recorder.emit(op.name, bound, attributes)
    results = [recorder.wrap(v) for v in operation.results]
    _note_effects(recorder, op, operation, operands, results)
    if inplace:
        target = list(operands.values())[op.inplace_of]
        recorder.rebind(target, operation.results[0])
        results[0] = target
    if out is not None:
        recorder.rebind(out, operation.results[0])
        return out
    return op.signature.pack(results)


def _assigned(recorder: Recorder, found: Any, operands: dict[str, Any], op: Any) -> Any:
    """The target of an in-place operation, with its new value."""
    target = list(operands.values())[op.inplace_of]
    recorder.rebind(target, recorder.value_of(found))
    return target


def _refuse_amp(recorder: Recorder) -> None:
    """Eager casts operands inside of ``auto_cast``, below the place where capture records."""
    import paddle

    tracer = paddle.base.framework._dygraph_tracer()
    if tracer is not None and tracer._amp_level != paddle.base.core.AmpLevel.O0:
        raise CaptureError(
            "paddle.amp.auto_cast inside of a converted function",
            location=recorder.location,
            remedy="put auto_cast around the call (it then runs eagerly), or mark the function "
            "with not_to_static",
        )


def _note_effects(
    recorder: Recorder, op: Any, operation: Any, operands: dict[str, Any], results: list[Any]
) -> None:
    """Views of the first operand, and buffers that the operation updates (batch norm's)."""
    first = next(iter(operands.values()), None)
    if op.view and first is not None:
        for index, result in enumerate(results):
            storage.add_view(result, first, operation, index)
    writes = getattr(op, "writes", None)
    if writes is not None:
        for operand, index in writes(operation.attrs).items():
            if operands.get(operand) is not None:
                recorder.rebind(operands[operand], operation.results[index])


def _bind(
    recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    names = [f.name for f in op.signature.fields]
    if len(args) > len(names):
        extra = args[len(names) :]
        # `name` and `place` come last, and eager reads neither.
        if any(not _is_place(a) and not isinstance(a, (str, type(None))) for a in extra):
            raise CaptureError(
                f"{op.name} was called with {len(args)} arguments, its signature has {len(names)}",
                location=recorder.location,
            )
    given = dict(zip(names, args))
    for key, value in kwargs.items():
        if key not in names:
            key = _ALIASES.get(key, key)
        if key in names:
            given[key] = value
        elif value is not None and key not in ("name", "place", "out"):
            raise CaptureError(
                f"{op.name} got an unknown argument {key!r}", location=recorder.location
            )
    return given


def is_tensor(value: Any) -> bool:
    """Whether ``value`` is a Paddle tensor, real or symbolic."""
    import paddle

    return isinstance(value, paddle.Tensor)


def _values(recorder: Recorder, raw: Any, may_be_absent: bool = False) -> Any:
    """Tensors (None, lists of them) to Values; numbers and arrays become constants."""
    raw = tensor_attributes.plain(raw)
    if raw is None:
        return None
    if isinstance(raw, (list, tuple)):
        return tuple(_values(recorder, r, may_be_absent) for r in raw)
    if is_tensor(raw):
        # A tensor that never got data is how some layers say "absent" (rnn's dropout state).
        absent = may_be_absent and not raw._is_initialized()
        return None if absent else recorder.value_of(raw)
    if isinstance(raw, Value):
        return raw
    return recorder.value_of(recorder.constant(np.asarray(raw)))


def _attribute(recorder: Recorder, field: Field, raw: Any) -> Any:
    """A Python value for an attribute: sizes as Dim expressions, dtypes as DType, no tensors."""
    if field.kind == "dtype":
        return dtype_of(raw)
    raw = tensor_attributes.plain(raw)
    if is_tensor(raw):
        return _attribute_of_tensor(recorder, field, raw)
    if isinstance(raw, (list, tuple)):
        return tuple(_element(recorder, r) for r in raw)
    if isinstance(raw, np.ndarray):
        return tuple(raw.tolist()) if raw.ndim else raw.item()
    if _is_place(raw):
        return None
    return _element(recorder, raw)


def _element(recorder: Recorder, raw: Any) -> Any:
    dim = raw.expr if symint.is_symint(raw) else tensor_attributes.plain(raw)
    if is_tensor(dim):
        item = recorder.item(recorder.lift(dim))
        return item.expr if symint.is_symint(item) else item
    return dim


def _attribute_of_tensor(recorder: Recorder, field: Field, raw: Any) -> Any:
    tensor = recorder.lift(raw)
    value = recorder.value_of(tensor)
    number = content.number_of(recorder.builder.program, value)
    whole = content.cast_from(value)
    if number is None and whole is not None:
        return _attribute_of_tensor(recorder, field, recorder.wrap(whole))
    if number is not None and field.kind in ("int", "float", "scalar", "number", "bool"):
        return number
    if not (value.dtype.is_integer or value.dtype is DType.BOOL):
        kind = TensorAttribute if field.kind in ("float", "scalar", "number") else CaptureError
        raise kind(
            f"the argument {field.name!r} is a {value.dtype} tensor where the Program needs a number",
            location=recorder.location,
            remedy="pass a Python number, or write the operation with tensor arithmetic",
        )
    known = content.content_of(recorder.builder.program, value)
    if known is not None:
        return known[0] if field.kind in ("int", "scalar", "float", "number") else tuple(known)
    if field.kind in ("int", "scalar", "float", "number") or value.type.rank == 0:
        return _element(recorder, tensor)
    length = value.shape[0]
    if not isinstance(length, int):
        raise ShapeError(
            f"{field.name!r} is a tensor of unknown length", location=recorder.location
        )
    return tuple(_element(recorder, tensor[i]) for i in range(length))


def dtype_of(raw: Any) -> DType | None:
    """The DType of any way in which Paddle names one; None for "undefined"."""
    if raw is None or isinstance(raw, DType):
        return raw
    if isinstance(raw, type):  # Python's and numpy's scalar types
        return DType.of(raw)
    from dy2st.capture.recorder import dtype_name

    name = dtype_name(raw)
    if name in ("undefined", "all_dtype"):
        return None
    if name.isdigit():
        import paddle

        name = dtype_name(paddle.base.framework.convert_np_dtype_to_dtype_(raw))
    return DType.of(
        {"fp32": "float32", "fp64": "float64", "fp16": "float16", "bf16": "bfloat16"}.get(
            name, name
        )
    )


def _is_place(value: Any) -> bool:
    return type(value).__name__.endswith("Place")


# --- type promotion ---------------------------------------------------------------------------


def _promote(
    recorder: Recorder, name: str, operands: dict[str, Any], given: dict[str, Any]
) -> None:
    tensors = {k: v for k, v in operands.items() if is_tensor(v)}
    if name == "where":
        tensors.pop("condition", None)
    if len(tensors) != 2:
        return
    (ka, a), (kb, b) = tensors.items()
    da, db = recorder.value_of(a).dtype, recorder.value_of(b).dtype
    if da is db:
        return
    target = promoted(
        recorder,
        name,
        da,
        db,
        recorder.value_of(a).type.rank == 0,
        recorder.value_of(b).type.rank == 0,
    )
    operands[ka], operands[kb] = cast(recorder, a, target), cast(recorder, b, target)


def promoted(recorder: Recorder, name: str, a: DType, b: DType, a0: bool, b0: bool) -> DType:
    """The dtype in which eager computes on operands of dtypes ``a`` and ``b`` (0-D or not)."""
    with recorder.paused():
        try:
            return _probe_promotion(a, b, a0, b0)
        except (TypeError, ValueError, RuntimeError) as error:
            raise OperandError(
                f"eager refuses {name} on {a} and {b}: {str(error).splitlines()[0][:160]}",
                location=recorder.location,
                remedy="cast one of the operands",
            ) from None


@cache
def _probe_promotion(a: DType, b: DType, a0: bool, b0: bool) -> DType:
    import paddle

    from dy2st.capture.recorder import dtype_name

    x = paddle.zeros([] if a0 else [1], a.value)
    y = paddle.zeros([] if b0 else [1], b.value)
    return DType(dtype_name((x + y).dtype))


def cast(recorder: Recorder, tensor: Any, dtype: DType) -> Any:
    """``tensor`` in ``dtype``; itself where it has it already."""
    if recorder.value_of(tensor).dtype is dtype:
        return tensor
    return recorder.call("cast", tensor, dtype)

"""What is replaced in Paddle while a capture is under way: ``_C_ops``, C methods of Tensor, to_tensor.

The replacements look up the recorder of their own thread and call the original where there is
none, so eager Paddle in another thread is not disturbed. They are installed while at least one
capture runs and removed afterwards.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from types import BuiltinFunctionType, ModuleType
from typing import Any

import numpy as np

_lock = threading.RLock()
_depth = 0


@contextmanager
def installed() -> Iterator[None]:
    """Keep the replacements in place inside the block; nested and concurrent uses count."""
    global _depth
    with _lock:
        if _depth == 0:
            for owner, name, _, new in _table():
                setattr(owner, name, new)
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                for owner, name, old, _ in _table():
                    if old is _ABSENT:
                        delattr(owner, name)
                    else:
                        setattr(owner, name, old)


_ABSENT = object()


@cache
def _table() -> list[tuple[Any, str, Any, Any]]:
    """(owner, attribute, original, replacement) of everything that is replaced."""
    import paddle

    from dy2st.capture import library
    from dy2st.capture.tensor import Methods

    out: list[tuple[Any, str, Any, Any]] = []
    operators = {*vars(paddle.base.core.eager.ops), *vars(paddle.base.core.pir.ops)}
    for name, member in vars(paddle._C_ops).items():
        # Not only C functions: writers are wrapped in Python by then (static/watch.py).
        if name in operators and callable(member) and not name.startswith("__"):
            out.append((paddle._C_ops, name, member, _operator(name, member)))
    functions = library.replacements()
    replaced = {*_operator_names(), *functions}
    for owner in (*_modules_of_paddle(), paddle.Tensor):
        if replaced.isdisjoint(map(id, vars(owner).values())):
            continue  # most: 30,000 names are looked at
        for name, member in vars(owner).items():
            if id(member) in replaced:
                out.append((owner, name, member, functions.get(id(member)) or recording(member)))
    out.extend(_legacy_operators())
    for name in Methods.lifted:
        old = paddle.Tensor.__dict__.get(name, _ABSENT)
        if old is not _ABSENT:
            out.append((paddle.Tensor, name, old, _method(name, old)))
    for module in _sizing():
        out.append((module, "int", vars(module).get("int", _ABSENT), Integer))
        out.append((module, "type", vars(module).get("type", _ABSENT), _type_of))
    core = paddle.base.core
    out.append((core, "broadcast_shape", core.broadcast_shape, _broadcast(core.broadcast_shape)))
    generator = core.Generator
    out.append((generator, "manual_seed", generator.manual_seed, _seed(generator.manual_seed)))
    recurrent = paddle.nn.layer.rnn.RNNBase
    old = recurrent.flatten_parameters
    out.append((recurrent, "flatten_parameters", old, _unless_recording(old)))
    creation = paddle.tensor.creation
    old = creation._to_tensor_non_static
    out.append((creation, "_to_tensor_non_static", old, _to_tensor(old)))
    return out


@cache
def _operator_names() -> dict[int, str]:
    """The names of the C operators, by identity: Paddle's modules hold many of them by value."""
    import paddle

    core = paddle.base.core
    return {
        id(member): name
        for module in (core.eager.ops, core.pir.ops)
        for name, member in vars(module).items()
        if isinstance(member, BuiltinFunctionType) and not name.startswith("__")
    }


_by_value: dict[int, Callable[..., Any]] = {}


def recording(function: Any) -> Any:
    """The recording twin of a C operator that somebody holds by value; else ``function`` itself.

    ``from paddle.tensor import matmul`` in a user's module gives the C function.
    """
    name = _operator_names().get(id(function))
    if name is None:
        return function
    import paddle

    key = id(function)
    if key not in _by_value:
        _by_value[key] = _operator(name, getattr(paddle._C_ops, name, function))
    return _by_value[key]


def _modules_of_paddle() -> list[ModuleType]:
    """Modules of Paddle's Python layer; many import C operators by value (``tensor.linalg``)."""
    return [
        module
        for name, module in sorted(sys.modules.items())
        if name.partition(".")[0] == "paddle"
        and isinstance(module, ModuleType)
        and not name.startswith(("paddle._C_ops", "paddle.base.libpaddle"))
    ]


def _legacy_operators() -> Iterator[tuple[Any, str, Any, Any]]:
    import paddle

    for name, member in list(vars(paddle._legacy_C_ops).items()):
        today = _RENAMED.get(name, name)
        if isinstance(member, BuiltinFunctionType) and hasattr(paddle._C_ops, today):
            yield paddle._legacy_C_ops, name, member, _legacy_operator(today, member)


# Names that phi has changed and that Paddle's layers still use (``BatchNorm(act="hard_swish")``).
_RENAMED = {
    "hard_swish": "hardswish",
    "hard_sigmoid": "hardsigmoid",
    "hard_shrink": "hardshrink",
    "brelu": "hardtanh",
    "elementwise_add": "add",
    "elementwise_sub": "subtract",
    "elementwise_mul": "multiply",
    "elementwise_div": "divide",
}


def _legacy_operator(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """``_legacy_C_ops.<name>(tensor, ..., "attribute", value, ...)`` while recording."""
    from dy2st.capture.dispatch import record
    from dy2st.capture.recorder import _active

    def operator(*args: Any, **kwargs: Any) -> Any:
        recorder = getattr(_active, "recorder", None)
        if recorder is None:
            return original(*args, **kwargs)
        count = next((i for i, a in enumerate(args) if isinstance(a, str)), len(args))
        named = dict(zip(args[count::2], args[count + 1 :: 2], strict=True))
        for choice_of_kernel in ("use_cudnn", "use_mkldnn"):
            named.pop(choice_of_kernel, None)
        if named.get("axis") == -1 and name in _RENAMED.values():
            del named["axis"]
        return record(recorder, name, args[:count], {**named, **kwargs})

    operator.__name__ = name
    return operator


def _seed(original: Callable[..., Any]) -> Callable[..., Any]:
    """``Generator.manual_seed``: the Program seeds whenever it runs there, as eager does."""
    from dy2st.capture.recorder import _active

    def manual_seed(self: Any, seed: int) -> Any:
        recorder = getattr(_active, "recorder", None)
        if recorder is None:
            return original(self, seed)
        recorder.emit("seed", (), {"seed": int(seed)}, types=())
        return self

    return manual_seed


def _unless_recording(original: Callable[..., Any]) -> Callable[..., Any]:
    """A method that moves weights to one piece of memory: of no meaning to a Program."""
    from dy2st.capture.recorder import _active

    @wraps(original)
    def method(self: Any) -> None:
        if getattr(_active, "recorder", None) is None:
            original(self)

    return method


def _sizing() -> list[Any]:
    """Modules of Paddle's that write ``int(size)`` in their own size arithmetic."""
    import paddle

    functional, tensor = paddle.nn.functional, paddle.tensor
    return [
        functional.common,
        functional.pooling,
        functional.vision,
        functional.loss,
        paddle.nn.layer.rnn,
        tensor.manipulation,
        tensor.creation,
    ]


class _AnyInteger(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, int)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, int)

    def __eq__(cls, other: object) -> bool:
        return other is int or other is cls

    def __hash__(cls) -> int:
        return hash(int)


class Integer(int, metaclass=_AnyInteger):
    """``int`` for Paddle's own size arithmetic: a symbolic size stays symbolic."""

    def __new__(cls, value: Any = 0, *args: Any) -> Any:
        from dy2st.capture import symint

        return value if symint.is_symint(value) else int(value, *args)


def _type_of(value: Any) -> Any:
    """``type`` where ``int`` is ``Integer``: ``type(n) is int`` holds for sizes too."""
    from dy2st.capture import symint

    found = type(value)
    return Integer if found is int or symint.is_symint(value) else found


def _broadcast(original: Callable[..., Any]) -> Callable[..., Any]:
    """``core.broadcast_shape``, which takes C integers only, for symbolic sizes too."""
    from dy2st.capture import symint
    from dy2st.capture.recorder import _active
    from dy2st.ir.dims import Dim, broadcast_shapes

    def _dim(size: Any) -> Dim:
        dim = symint.dim_of(size)
        return int(size) if dim is None else dim

    def broadcast_shape(x_shape: Any, y_shape: Any) -> Any:
        recorder = getattr(_active, "recorder", None)
        if recorder is None or not any(map(symint.is_symint, (*x_shape, *y_shape))):
            return original(x_shape, y_shape)
        x, y = (tuple(_dim(n) for n in shape) for shape in (x_shape, y_shape))
        return [recorder.symint(d) for d in broadcast_shapes(x, y)]

    return broadcast_shape


def _operator(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    from dy2st.capture.dispatch import record
    from dy2st.capture.recorder import _active

    def operator(*args: Any, **kwargs: Any) -> Any:
        recorder = getattr(_active, "recorder", None)
        if recorder is None:
            return original(*args, **kwargs)
        return record(recorder, name, args, kwargs)

    operator.__name__ = name
    return operator


def _method(name: str, original: Any) -> Callable[..., Any]:
    """A method of real tensors: on a symbolic stand-in while recording."""
    from dy2st.capture.recorder import _active

    @wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = getattr(_active, "recorder", None)
        if recorder is None:
            return original(self, *args, **kwargs)
        return getattr(recorder.lift(self), name)(*args, **kwargs)

    return method


def _to_tensor(original: Callable[..., Any]) -> Callable[..., Any]:
    from dy2st.capture.recorder import _active

    @wraps(original)
    def to_tensor(
        data: Any, dtype: Any = None, place: Any = None, stop_gradient: bool = True
    ) -> Any:
        recorder = getattr(_active, "recorder", None)
        if recorder is None:
            return original(data, dtype, place, stop_gradient)
        return symbolic_to_tensor(recorder, original, data, dtype)

    return to_tensor


def symbolic_to_tensor(recorder: Any, original: Callable[..., Any], data: Any, dtype: Any) -> Any:
    """``paddle.to_tensor`` while recording: a constant, or a stack where symbols are inside."""
    from dy2st.capture.dispatch import is_tensor

    if isinstance(data, np.ndarray) and data.dtype == object:
        data = data.tolist()  # numpy's way to hold symbolic integers
    if is_tensor(data):
        out = recorder.call("assign", data)
        return out if dtype is None else out.astype(dtype)
    if _has_symbols(data):
        out = _stack(recorder, data)
        return out if dtype is None else out.astype(dtype)
    with recorder.paused():
        import paddle

        real = original(data, dtype, paddle.CPUPlace(), True)
        array = np.array(
            real.astype("float32").numpy() if str(real.dtype).endswith("bfloat16") else real.numpy()
        )
        kind = str(real.dtype).rsplit(".", 1)[-1]
    out = recorder.constant(array)
    return out.astype(kind) if kind == "bfloat16" else out


def _has_symbols(data: Any) -> bool:
    from dy2st.capture import symint
    from dy2st.capture.dispatch import is_tensor
    from dy2st.capture.scalar import is_scalar

    if isinstance(data, (list, tuple)):
        return any(_has_symbols(d) for d in data)
    return symint.is_symint(data) or is_scalar(data) or is_tensor(data)


def _stack(recorder: Any, data: Any) -> Any:
    from dy2st.capture import symint
    from dy2st.capture.dispatch import is_tensor
    from dy2st.capture.scalar import is_scalar

    if symint.is_symint(data):
        return recorder.tensor_of(data.expr)
    if is_scalar(data):
        # Eager makes a float of the default dtype of a Python float.
        import paddle

        return (
            data.tensor if data.kind == "bool" else data.tensor.astype(paddle.get_default_dtype())
        )
    if is_tensor(data):
        return recorder.lift(data)
    if isinstance(data, (list, tuple)):
        parts = [_stack(recorder, d) for d in data]
        common = recorder.value_of(parts[0]).dtype
        for part in parts:
            if recorder.value_of(part).dtype.is_floating:
                common = recorder.value_of(part).dtype
        return recorder.call("stack", [p.astype(common.value) for p in parts], 0)
    import paddle

    return paddle.to_tensor(data)

"""Operations that the registry lacks: recorded as ``paddle_fallback``, run by Paddle's own kernel.

Their result types come from Paddle, asked in a child process (it may end there): the kernel runs once,
and the operator is built in a scratch static program. Where symbolic sizes are involved it is built
for the example's sizes and for larger ones, and sizes that do not follow them linearly, or in which
kernel and inference differ, become run-time symbols.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from dy2st.capture import child, symint, tensor_attributes
from dy2st.capture.dispatch import is_tensor
from dy2st.errors import CaptureError
from dy2st.ir.dims import Dim, SymExpr, evaluate, symbol
from dy2st.ir.program import Value
from dy2st.ir.types import DType, TensorType

if TYPE_CHECKING:
    from dy2st.capture.recorder import Recorder


def record(recorder: Recorder, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record a call of ``_C_ops.<name>`` as ``paddle_fallback`` (the runtime warns once per name)."""
    recorder.fallbacks.add(name)
    operands: list[Value] = []
    template = tuple(_template(recorder, a, operands) for a in args)
    named = tuple((k, _template(recorder, v, operands)) for k, v in kwargs.items())
    types, kind = _infer(recorder, name, template, dict(named), operands)
    attrs = {"op": name, "args": template, "kwargs": named, "results": kind}
    op = recorder.emit("paddle_fallback", operands, attrs, types=types)
    results = [recorder.wrap(v) for v in op.results]
    if name.endswith("_"):
        target = next((a for a in args if is_tensor(a)), None)
        if target is not None:
            recorder.rebind(target, op.results[0])
            results[0] = target  # type: ignore[call-overload]
    if kind == "one":
        return results[0]
    return results if kind == "list" else tuple(results)


def _template(recorder: Recorder, raw: Any, operands: list[Value]) -> Any:
    """The argument with tensors as ("operand", i); lists as ("list", ...); dtypes as DType."""
    raw = tensor_attributes.plain(raw)
    if is_tensor(raw):
        operands.append(recorder.value_of(raw))
        return ("operand", len(operands) - 1)
    if isinstance(raw, (list, tuple)):
        return ("list", *(_template(recorder, r, operands) for r in raw))
    if symint.is_symint(raw):
        return raw.expr
    if type(raw).__name__.endswith("Place"):
        return ("place",)
    if type(raw).__name__ in ("DataType", "VarType"):
        from dy2st.capture.dispatch import dtype_of

        return dtype_of(raw)
    if isinstance(raw, np.generic):
        return raw.item()
    if raw is None or isinstance(raw, (bool, int, float, complex, str, SymExpr, DType)):
        return raw
    raise CaptureError(
        f"an argument of type {type(raw).__name__} cannot be kept in a Program",
        location=recorder.location,
    )


def _infer(
    recorder: Recorder,
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    operands: list[Value],
) -> tuple[list[TensorType], str]:
    mentioned = {s for v in operands for s in v.type.symbols()} | _symbols((args, kwargs))
    symbols = sorted(mentioned)
    base = {s: recorder.examples.get(s, 7) for s in symbols}
    survey = _Survey(name, args, kwargs, operands)
    with recorder.paused():
        try:
            found = child.ask(lambda: survey.all(base))
        except child.ChildDied as error:
            raise CaptureError(
                f"Paddle's own {name!r} cannot be asked about its result: {error}",
                location=recorder.location,
                remedy="check its arguments, or mark the function that calls it with not_to_static",
            ) from None
    if "error" in found:
        raise CaptureError(found["error"], location=recorder.location, remedy=_CHECK)
    types = []
    for i, (dtype, shape) in enumerate(found["base"]):
        grown = {s: found["grown"][s][i][1] for s in symbols}
        dims: list[Dim] = [
            _fit(recorder, size, base, {s: grown[s][axis] for s in symbols})
            for axis, size in enumerate(shape)
        ]
        types.append(TensorType(DType(dtype), tuple(dims)))
    return types, found["kind"]


_CHECK = "check the arguments of the call"
_Shapes = list[tuple[str, list[int]]]  # dtype and shape of each result


class _Survey:
    """What Paddle says of one call, in a form that a child process can send."""

    def __init__(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], operands: list[Value]
    ) -> None:
        self._name = name
        self._given = (args, kwargs, operands)

    def all(self, base: dict[str, int]) -> dict[str, Any]:
        """``base`` and ``grown`` results, the ``kind`` of the whole; or an ``error``."""
        name = self._name
        eager: tuple[_Shapes, str] | None = None
        try:
            eager = _run_eagerly(name, *self._given, base)
        except (TypeError, ValueError) as error:
            if _BAD_ARGUMENT.search(str(error)):
                return {"error": f"{name}: {_BAD_ARGUMENT.search(str(error))[0]}"}  # type: ignore[index]
        except OSError as error:  # how what C++ itself throws arrives
            reason = str(error).strip().splitlines()[0][:120]
            return {"error": f"eager fails on the arguments of {name}: {reason}"}
        except Exception:  # zeros may be no matrix to invert: what matters is that they were read
            pass
        try:
            found, kind = _run_infermeta(name, *self._given, base)
        except (RuntimeError, ValueError, TypeError) as error:
            if eager is None:
                return {"error": f"{name}: {str(error).strip().splitlines()[0][:160]}"}
            found, kind = eager
        if eager is not None:
            found = [self._agreed(e, f) for e, f in zip(eager[0], found)]
        return {
            "base": found,
            "kind": kind,
            "grown": {s: self._grown({**base, s: base[s] * 2}, found) for s in base},
        }

    @staticmethod
    def _agreed(eager: tuple[str, list[int]], told: tuple[str, list[int]]) -> Any:
        """Where the kernel gives another dtype, rank or fixed size than Paddle's inference says, the
        kernel is right: what it gave is known only at run time then."""
        (dtype, real), (_, shape) = eager, told
        if len(real) != len(shape):
            return dtype, [-1] * len(real)
        return dtype, [s if s == r else -1 for s, r in zip(shape, real)]

    def _grown(self, env: dict[str, int], found: _Shapes) -> _Shapes:
        try:
            grown = _run_infermeta(self._name, *self._given, env)[0]
        except (RuntimeError, ValueError, TypeError):
            grown = []
        unknown = [(d, [-1] * len(shape)) for d, shape in found]
        if len(grown) != len(found):
            return unknown
        return [g if len(g[1]) == len(u[1]) else u for g, u in zip(grown, unknown)]


# How Paddle's argument parser words its complaints.
_BAD_ARGUMENT = re.compile(r"argument '\w+' \(position \d+\).*|\w*expected .* arguments.*")


def _symbols(template: Any) -> set[str]:
    """Symbols of the size expressions in arguments that are no tensors."""
    if isinstance(template, SymExpr):
        return set(template.symbols())
    if isinstance(template, dict):
        template = tuple(template.values())
    if isinstance(template, tuple):
        return {name for part in template for name in _symbols(part)}
    return set()


def _fit(recorder: Recorder, size: int, base: dict[str, int], grown: dict[str, int]) -> Dim:
    """A size that grows in proportion to symbols as an expression; a run-time symbol otherwise."""
    if size < 0 or any(g < 0 for g in grown.values()):
        return recorder.builder.fresh_symbol()
    moving = [s for s, g in grown.items() if g != size]
    out: Dim = size
    for s in moving:
        slope, rest = divmod(grown[s] - size, base[s])
        if rest:
            return recorder.builder.fresh_symbol()
        out = out + slope * symbol(s) - slope * base[s]
    if len(moving) > 1:  # several sizes multiply: only a linear fit is known to hold
        return recorder.builder.fresh_symbol()
    return out


def _run_infermeta(
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    operands: list[Value],
    env: dict[str, int],
) -> tuple[_Shapes, str]:
    import paddle

    if not hasattr(paddle.base.core.pir.ops, name):
        return _run_eagerly(name, args, kwargs, operands, env)
    was_dynamic = paddle.in_dynamic_mode()
    # A name of its own: a value printed after its program is gone kills the process.
    scratch = paddle.static.Program()
    paddle.enable_static()
    try:
        with paddle.static.program_guard(scratch):
            data: list[Any] = []
            for i, v in enumerate(operands):
                shape = [_size(d, env) for d in v.shape]
                data.append(paddle.static.data(f"x{i}", shape, v.dtype.value))
            return _call(name, args, kwargs, data, env)
    finally:
        if was_dynamic:
            paddle.disable_static()


def _run_eagerly(
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    operands: list[Value],
    env: dict[str, int],
) -> tuple[_Shapes, str]:
    """Run the operator once on values that few kernels reject."""
    data = [_values([max(_size(d, env), 1) for d in v.shape], v.dtype) for v in operands]
    return _call(name, args, kwargs, data, env)


def _values(shape: list[int], dtype: DType) -> Any:
    """Zeros (an index that is always there), or floats that make a regular matrix."""
    import paddle

    if not dtype.is_floating:
        return paddle.zeros(shape, dtype.value)
    count = int(np.prod(shape))
    numbers = (np.arange(1, count + 1) * 0.6180339887) % 1 + 0.1
    return paddle.to_tensor(numbers.reshape(shape).astype("float32")).astype(dtype.value)


def _call(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], data: list[Any], env: dict[str, int]
) -> tuple[_Shapes, str]:
    import paddle

    from dy2st.capture.dispatch import dtype_of

    fill = lambda t: materialize(t, data, env)  # noqa: E731
    raw = getattr(paddle._C_ops, name)(*map(fill, args), **{k: fill(v) for k, v in kwargs.items()})
    kind = "one"
    if isinstance(raw, (list, tuple)):
        kind = "list" if isinstance(raw, list) else "tuple"
    values = list(raw) if isinstance(raw, (list, tuple)) else [raw]
    return [((dtype_of(v.dtype) or DType.FLOAT32).value, list(v.shape)) for v in values], kind


def _size(dim: Dim, env: dict[str, int]) -> int:
    try:
        return evaluate(dim, env)
    except KeyError:
        return -1


def materialize(template: Any, tensors: list[Any], env: dict[str, int]) -> Any:
    """Arguments for ``_C_ops`` from a template: tensors put in, sizes evaluated, dtypes Paddle's."""
    import paddle

    if isinstance(template, tuple):
        tag = template[0]
        if tag == "operand":
            return tensors[template[1]]
        if tag == "place":
            return paddle.CPUPlace()
        return [materialize(t, tensors, env) for t in template[1:]]
    if isinstance(template, SymExpr):
        return evaluate(template, env)
    if isinstance(template, DType):
        return getattr(paddle, template.value)
    return template

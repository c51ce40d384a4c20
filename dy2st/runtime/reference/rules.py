"""How one operation runs in numpy: the operation's own ``numpy`` rule, its decomposition, or one of
the few operations that belong to no family (``print``, ``assert``, ``item``, ``paddle_fallback``).
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from dy2st.errors import (
    AssertionFailedError,
    DivisionByZeroError,
    Dy2stError,
    ExecutionError,
    IndexOutOfRangeError,
    PlanError,
)
from dy2st.ir.builder import Builder
from dy2st.ir.draws import draw
from dy2st.ir.program import Attr, Operation, Value
from dy2st.ir.types import DType, TensorType
from dy2st.ops import base
from dy2st.runtime.reference.raising import is_users, make_exception

Array: TypeAlias = "np.ndarray[Any, Any]"
ArrayOperand: TypeAlias = "Array | None | tuple[Array, ...]"
# (operands, attributes without symbols, generator, operation) -> results
Kernel: TypeAlias = Callable[
    [Sequence[ArrayOperand], dict[str, Attr], np.random.Generator, Operation], Sequence[Array]
]


def kernel_of(name: str) -> Kernel:
    """The numpy kernel of the operation called ``name``. Raises PlanError where there is none."""
    special = _SPECIAL.get(name)
    if special is not None:
        return special
    op = base.find(name)
    if op is None:
        raise PlanError(f"operation {name!r} is not in the registry")
    if op not in _kernels:
        _kernels[op] = _registered(op)
    return _kernels[op]


_kernels: dict[type[base.Op], Kernel] = {}


def _registered(op: type[base.Op]) -> Kernel:
    if op.numpy is None:
        return _composite(op)
    plan = _Call(op, op.numpy)

    def run(
        operands: Sequence[ArrayOperand],
        attrs: dict[str, Attr],
        rng: np.random.Generator,
        operation: Operation,
    ) -> Sequence[Array]:
        if base.draws_random(op.name, attrs) and "paddle" in sys.modules:
            from dy2st.runtime import paddle_kernels

            return paddle_kernels.drawn(op, operands, attrs)  # eager's generator and numbers
        return tuple(base.flatten(plan(operands, attrs, rng)))

    return run


class _Call:
    """``base.call_rule`` on concrete operands, with the defaults of attributes that are absent."""

    def __init__(self, op: type[base.Op], rule: Callable[..., Any]) -> None:
        self.rule = rule
        self.widen = op.widen
        self.fields = [f.name for f in op.signature.operands]
        self.defaults = {f.name: f.default for f in op.signature.attributes if not f.required}
        self.rng, self.names = base.parameters_of(rule, op, "rng")

    def __call__(
        self, operands: Sequence[ArrayOperand], attrs: dict[str, Attr], rng: np.random.Generator
    ) -> Any:
        if self.widen:  # as ``base.evaluate`` does: float16 and bfloat16 are computed in float32
            operands = [base.widened(o) for o in operands]
        lead = (rng,) if self.rng else ()
        if self.names is None:
            return self.rule(*lead, *operands)
        values = {**self.defaults, **dict(zip(self.fields, operands)), **attrs}
        return self.rule(*lead, **{n: values[n] for n in self.names})


def _composite(op: type[base.Op]) -> Kernel:
    """Decompose at the operands' concrete types, in a Program (and scope of symbols) of its own."""

    def run(
        operands: Sequence[ArrayOperand],
        attrs: dict[str, Attr],
        rng: np.random.Generator,
        operation: Operation,
    ) -> Sequence[Array]:
        from dy2st.runtime.reference.interpreter import run as run_program

        builder = Builder(op.name, base.infer)
        builder.location = operation.location
        arrays: list[Array] = []

        def enter(operand: ArrayOperand) -> Any:
            if operand is None:
                return None
            if isinstance(operand, tuple):
                return tuple(enter(a) for a in operand)
            arrays.append(operand)
            type_ = TensorType(DType.of(operand.dtype), tuple(operand.shape))
            return builder.input(type_, f"x{len(arrays)}")

        values = base.bound_values(op, [enter(o) for o in operands], attrs)
        results = base.expand(builder, op, values)
        program = builder.return_([r for r in results if isinstance(r, Value)])
        return run_program(program, arrays, {}, rng)

    return run


def translate(error: Exception, op: Operation) -> Exception:
    """The member of our family that says what ``error`` of ``op`` means, at the user's line."""
    if isinstance(error, Dy2stError):
        return error.at(op.location)
    if is_users(error):
        return error
    kind: type[ExecutionError] = ExecutionError
    if isinstance(error, IndexError):
        kind = IndexOutOfRangeError
    elif isinstance(error, ZeroDivisionError):
        kind = DivisionByZeroError
    return kind(f"{op.name}: {error}", location=op.location)


# --- operations that belong to no family -----------------------------------------------------


def render(template: Attr, operands: Sequence[ArrayOperand]) -> str:
    """A text whose template mixes strings, sizes and operands.

    ``("operand", i)`` is operand i as a tensor prints, ``("item", i, spec)`` its one element by
    Python's ``format``, or by ``%`` where the spec starts with that.
    """
    from dy2st.runtime import fallback

    if template is None:
        return ""
    parts = template if isinstance(template, tuple) else (template,)
    out: list[str] = []
    for part in parts:
        if isinstance(part, tuple) and part and part[0] == "operand":
            index = part[1]
            assert isinstance(index, int)
            out.append(fallback.format_tensor(operands[index]))
        elif isinstance(part, tuple) and part and part[0] == "item":
            out.append(_format_item(operands, part))
        else:
            out.append(str(part))
    return "".join(out)


def _format_item(operands: Sequence[ArrayOperand], part: tuple[Attr, ...]) -> str:
    _, index, spec = part
    assert isinstance(index, int)
    array = operands[index]
    assert isinstance(array, np.ndarray)
    if array.dtype.kind not in "biufc":  # bfloat16
        array = array.astype(np.float32)
    text = str(spec)
    return text % array.item() if text.startswith("%") else format(array.item(), text)


def _print(
    operands: Sequence[ArrayOperand],
    attrs: dict[str, Attr],
    rng: np.random.Generator,
    op: Operation,
) -> Sequence[Array]:
    print(render(attrs.get("template"), operands), end="", flush=bool(attrs.get("flush")))
    return ()


def _assert(
    operands: Sequence[ArrayOperand],
    attrs: dict[str, Attr],
    rng: np.random.Generator,
    op: Operation,
) -> Sequence[Array]:
    if not np.all(operands[0]):
        message = render(attrs.get("template"), operands)
        raise AssertionFailedError(message or "assertion failed", location=op.location)
    return ()


def _raise(
    operands: Sequence[ArrayOperand],
    attrs: dict[str, Attr],
    rng: np.random.Generator,
    op: Operation,
) -> Sequence[Array]:
    args = attrs["args"]
    assert isinstance(args, tuple)
    if attrs.get("template") is not None:
        args = (render(attrs["template"], operands),)
    error = make_exception(str(attrs["exception"]), args)
    # The frame that raised is long gone; `source.tracebacks` shows its place from this.
    with contextlib.suppress(AttributeError):
        error._dy2st_location = op.location  # type: ignore[attr-defined]
    raise error


def _seed(
    operands: Sequence[ArrayOperand],
    attrs: dict[str, Attr],
    rng: np.random.Generator,
    op: Operation,
) -> Sequence[Array]:
    """Random numbers come from Paddle's generator where it is there, else from ``rng``."""
    seed = attrs["seed"]
    assert isinstance(seed, int)
    if "paddle" in sys.modules:
        from dy2st.runtime.fallback import seed_generator

        seed_generator(seed)
    rng.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    return ()


def _draw(
    operands: Sequence[ArrayOperand],
    attrs: dict[str, Attr],
    rng: np.random.Generator,
    op: Operation,
) -> Sequence[Array]:
    args = attrs["args"]
    assert isinstance(args, tuple)
    return (np.asarray(draw(str(attrs["function"]), args), op.result.dtype.numpy),)


def _item(
    operands: Sequence[ArrayOperand],
    attrs: dict[str, Attr],
    rng: np.random.Generator,
    op: Operation,
) -> Sequence[Array]:
    # The interpreter binds the symbol; a result, where there is one, is the operand.
    return tuple(np.asarray(operands[0]) for _ in op.results)


def _fallback(
    operands: Sequence[ArrayOperand],
    attrs: dict[str, Attr],
    rng: np.random.Generator,
    op: Operation,
) -> Sequence[Array]:
    from dy2st.runtime import fallback

    return fallback.run(operands, attrs, op)


_SPECIAL: dict[str, Kernel] = {
    "print": _print,
    "assert": _assert,
    "raise": _raise,
    "seed": _seed,
    "draw": _draw,
    "item": _item,
    "paddle_fallback": _fallback,
}

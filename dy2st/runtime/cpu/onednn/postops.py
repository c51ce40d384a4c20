"""Which element-wise nodes a primitive can do on its results, and whether it does them exactly.

A function of one value is recognised by what it computes, not by how it is written: it is
evaluated on sample points (special values, all its constants and their neighbours, many
magnitudes) and compared with models of oneDNN's own functions *as oneDNN computes them*. So
``relu6`` is left to a kernel: oneDNN's clip gives its lower bound for NaN where Paddle gives NaN;
and so is the exact gelu: oneDNN's is NaN at infinity. Measured on 3.2 and 3.6, and tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from dy2st.records import record
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.interpret import evaluate
from dy2st.runtime.cpu.onednn.primitive import Eltwise
from dy2st.runtime.cpu.scalar import Scalar

Array = Any
_MAX_TERMS = 40


@record(frozen=True)
class Combine:
    """Post-op: ``name`` (add, mul, sub, div) with the node ``other``, which broadcasts."""

    name: str
    other: g.Node


Step = Eltwise | Combine


def recognise(node: g.Map, value: g.Node) -> list[Step] | None:
    """``node`` as steps that turn ``value`` into it, or None where post-ops cannot do it."""
    if node.dtype != "float32" or any(x.dtype != "float32" for x in node.operands):
        return None
    mine = frozenset(i for i, x in enumerate(node.operands) if x is value)
    return _steps(node.expr, mine, node)


def _steps(expr: Scalar, mine: frozenset[int], node: g.Map) -> list[Step] | None:
    used = _arguments(expr)
    if not used & mine:
        return None
    if used <= mine:
        return _function(expr)
    if expr.op in ("add", "mul", "sub", "div"):
        return _combination(expr, mine, node)
    inner = _dominator(expr)
    if inner is expr:
        return None
    below = _steps(inner, mine, node)
    outer = _function(_substitute(expr, inner))
    return None if below is None or outer is None else below + outer


def _combination(expr: Scalar, mine: frozenset[int], node: g.Map) -> list[Step] | None:
    """``value op other`` where other is an operand of the node as it is."""
    for side, (a, b) in enumerate((expr.args, expr.args[::-1])):
        b = _without_one(b)
        if _arguments(a) & mine and not _arguments(b) & mine and b.op == "arg":
            below = _steps(a, mine, node)
            if below is None or (side and expr.op == "div"):
                return None
            if side and expr.op == "sub":
                return [*below, Eltwise("linear", -1.0, 0.0), Combine("add", _operand(node, b))]
            return [*below, Combine(expr.op, _operand(node, b))]
    return None


def _without_one(expr: Scalar) -> Scalar:
    """``expr`` without factors of 1."""
    while expr.op == "mul":
        rest = [t for t in expr.args if t.op != "const" or t.value != 1.0]
        if len(rest) != 1:
            return expr
        expr = rest[0]
    return expr


def _operand(node: g.Map, arg: Scalar) -> g.Node:
    return node.operands[int(arg.value)]


def _walk(expr: Scalar) -> Iterator[Scalar]:
    seen: set[Scalar] = set()
    stack = [expr]
    while stack:
        at = stack.pop()
        if at not in seen:
            seen.add(at)
            stack.extend(at.args)
            yield at


def _arguments(expr: Scalar) -> set[int]:
    return {int(e.value) for e in _walk(expr) if e.op == "arg"}


def _dominator(expr: Scalar) -> Scalar:
    """The lowest term that every argument passes through."""
    at = expr
    while True:
        inner = [a for a in at.args if _arguments(a)]
        if len(inner) != 1:
            return at
        at = inner[0]


def _substitute(expr: Scalar, inner: Scalar) -> Scalar:
    """``expr`` with ``inner`` as its argument 0."""
    if expr is inner:
        return Scalar("arg", inner.dtype, value=0)
    args = tuple(_substitute(a, inner) for a in expr.args)
    return Scalar(expr.op, expr.dtype, args, expr.value)


# --- functions of one value ---------------------------------------------------------------------


def _function(expr: Scalar) -> list[Step] | None:
    if expr.op == "arg":
        return []
    found = _lookup(_key(expr))
    return None if found is None else [found]


def _key(expr: Scalar) -> tuple[Any, ...]:
    """The expression as a value; all its arguments are the same."""
    value = 0 if expr.op == "arg" else expr.value
    return (expr.op, expr.dtype, value, *(_key(a) for a in expr.args))


def _rebuild(key: tuple[Any, ...]) -> Scalar:
    op, dtype, value, *args = key
    return Scalar(op, dtype, tuple(_rebuild(a) for a in args), value)


@lru_cache(maxsize=512)
def _lookup(key: tuple[Any, ...]) -> Eltwise | None:
    expr = _rebuild(key)
    terms = list(_walk(expr))
    if len(terms) > _MAX_TERMS or any(t.dtype not in ("float32", "bool") for t in terms):
        return None
    constants = [float(t.value) for t in terms if t.op == "const" and t.dtype == "float32"]
    points = _points(constants)
    with np.errstate(all="ignore"):
        want = np.asarray(evaluate(expr, [points] * 1, {}), np.float32)
        for candidate, model in _candidates(expr):
            if _same(want, np.asarray(model(points), np.float32)):
                return candidate
    return None


def _points(constants: list[float]) -> Array:
    magnitudes = np.concatenate([np.logspace(-30, 30, 61), np.linspace(0.01, 20, 400)])
    near = [c * f for c in constants for f in (1.0, 1.001, 0.999, -1.0, 0.5, 2.0)]
    special = [np.nan, np.inf, -np.inf, 0.0, 1e-40, -1e-40]
    return np.concatenate([special, near, magnitudes, -magnitudes]).astype(np.float32)


def _same(want: Array, got: Array) -> bool:
    """Equal class (NaN, infinities) everywhere, and numbers to rounding."""
    if not np.array_equal(np.isnan(want), np.isnan(got)):
        return False
    return bool(np.allclose(got, want, rtol=2e-5, atol=1e-6, equal_nan=True))


def _at(expr: Scalar, x: float) -> float:
    point = np.array([x], np.float32)
    return float(np.asarray(evaluate(expr, [point], {}))[0])


def _sigmoid(x: Array) -> Array:
    return np.where(np.isnan(x), x, 1 / (1 + np.exp(-x)))


def _leaky(alpha: float) -> Callable[[Array], Array]:
    return lambda x: np.where(x > 0, x, np.float32(alpha) * x)


def _elu(alpha: float) -> Callable[[Array], Array]:
    return lambda x: np.where(x > 0, x, np.float32(alpha) * np.expm1(x))


def _gelu_tanh(x: Array) -> Array:
    inner = np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)
    return np.float32(0.5) * x * (1 + np.tanh(inner))


def _hardswish(alpha: float, beta: float) -> Callable[[Array], Array]:
    return lambda x: x * np.clip(np.float32(alpha) * x + np.float32(beta), 0, 1)


def _linear(alpha: float, beta: float) -> Callable[[Array], Array]:
    return lambda x: np.float32(alpha) * x + np.float32(beta)


def _candidates(expr: Scalar) -> Iterator[tuple[Eltwise, Callable[[Array], Array]]]:
    """oneDNN's functions that ``expr`` may be, with what oneDNN computes."""
    offset = _at(expr, 0.0)
    slope = _at(expr, 1.0) - offset
    yield Eltwise("relu"), lambda x: np.where(x > 0, x, 0)
    if np.isfinite(slope) and np.isfinite(offset):
        yield Eltwise("linear", slope, offset), _linear(slope, offset)
    alpha = -_at(expr, -1.0)
    if np.isfinite(alpha) and alpha != 0:
        yield Eltwise("relu", alpha), _leaky(alpha)
    alpha = -_at(expr, -60.0)
    if np.isfinite(alpha) and alpha != 0:
        yield Eltwise("elu", alpha), _elu(alpha)
    yield Eltwise("logistic"), _sigmoid
    yield Eltwise("tanh"), np.tanh
    yield Eltwise("gelu_tanh"), _gelu_tanh
    yield Eltwise("swish", 1.0), lambda x: x * _sigmoid(x)
    yield Eltwise("hardswish", 1 / 6, 0.5), _hardswish(1 / 6, 0.5)
    yield Eltwise("abs"), np.abs
    yield Eltwise("square"), np.square
    yield Eltwise("mish"), lambda x: x * np.tanh(np.logaddexp(x, np.float32(0)))

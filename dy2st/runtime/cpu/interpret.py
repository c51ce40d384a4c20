"""The kernel graph by numpy: what it means, for tests of ``Op.cpu`` and of the kernels.

``run(outputs, feeds)`` computes nodes; opaque oneDNN nodes have plain definitions here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from dy2st.errors import DivisionByZeroError, IndexOutOfRangeError, InternalError
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu import primitives_numpy
from dy2st.runtime.cpu.scalar import Scalar, compute_dtype, in_order, is_float, is_int
from dy2st.runtime.cpu.scalar_numpy import FUNCTIONS

Array = Any
EXTRA_DTYPES: dict[str, Any] = {"bfloat16": ml_dtypes.bfloat16}


def np_dtype(name: str) -> np.dtype[Any]:
    """The numpy dtype called ``name``, bfloat16 included."""
    dtype: np.dtype[Any] = np.dtype(EXTRA_DTYPES.get(name, name))
    return dtype


def run(outputs: Sequence[g.Node], feeds: Mapping[g.Node, Array]) -> list[Array]:
    """The values of ``outputs``; ``feeds`` gives the arrays of ``Input`` nodes."""
    values: dict[g.Node, Any] = dict(feeds)
    with np.errstate(all="ignore"):
        for node in g.topological(outputs):
            if node not in values:
                values[node] = _compute(node, [values[x] for x in node.operands])
    return [values[node] for node in outputs]


def _compute(node: g.Node, xs: list[Any]) -> Any:
    rule = RULES.get(type(node))
    if rule is None:
        raise InternalError(f"the numpy interpreter has no rule for {type(node).__name__}")
    out = rule(node, *xs)
    if isinstance(node, g.Multi):
        pairs = zip(out, node.results, strict=True)
        return [np.asarray(a, np_dtype(d)).reshape(s) for a, (s, d) in pairs]
    return np.asarray(out, np_dtype(node.dtype)).reshape(node.shape)


# -- maps ----------------------------------------------------------------------------------------


def evaluate(expr: Scalar, args: Sequence[Array], memo: dict[Scalar, Array] | None = None) -> Array:
    """``expr`` over whole arrays; ``memo`` may hold the values of parts."""
    known = {} if memo is None else memo
    for e in in_order(expr):
        if e not in known:
            known[e] = _evaluate(e, args, known)
    return known[expr]


def _evaluate(expr: Scalar, args: Sequence[Array], memo: Mapping[Scalar, Array]) -> Array:
    if expr.op == "arg":
        assert isinstance(expr.value, int)
        return args[expr.value]
    if expr.op == "const":
        return np.asarray(expr.value, np_dtype(expr.dtype))
    if expr.op == "cast":
        return cast(memo[expr.args[0]], expr.dtype)
    if expr.op == "round_to":
        inner = np.asarray(memo[expr.args[0]])
        return inner.astype(np_dtype(str(expr.value))).astype(np.float32)
    return _apply(expr, [memo[a] for a in expr.args])


def _apply(expr: Scalar, xs: list[Array]) -> Array:
    if expr.op in ("div", "floordiv", "mod") and is_int(expr.dtype) and np.any(xs[1] == 0):
        raise DivisionByZeroError("integer division by zero")
    return np.asarray(FUNCTIONS[expr.op](*xs)).astype(np_dtype(expr.dtype), copy=False)


def cast(x: Array, dtype: str) -> Array:
    """C's conversion; float to int truncates, and out of range is what the host gives."""
    x = np.asarray(x)
    if dtype == "bool":
        return x != 0
    return x.astype(np_dtype(dtype))


def _map(node: g.Map, *xs: Array) -> Array:
    wide = [np.asarray(x).astype(np_dtype(compute_dtype(str(x.dtype))), copy=False) for x in xs]
    return np.broadcast_to(evaluate(node.expr, wide), node.shape)


# -- movement ------------------------------------------------------------------------------------


def _slice(node: g.Slice, x: Array) -> Array:
    for axis, (start, step, n) in enumerate(zip(node.starts, node.steps, node.shape, strict=True)):
        x = np.take(x, start + step * np.arange(n), axis)
    return x


def _pad(node: g.Pad, x: Array) -> Array:
    out = np.full(node.shape, node.value, np_dtype(node.dtype))
    out[tuple(slice(a, a + n) for a, n in zip(node.low, x.shape, strict=True))] = x
    return out


def _iota(node: g.Iota) -> Array:
    shape = [1] * node.rank
    shape[node.axis] = node.shape[node.axis]
    return np.broadcast_to(np.arange(shape[node.axis]).reshape(shape), node.shape)


def _indices(mode: str, shape: g.Shape, indices: Sequence[Array]) -> tuple[Array, ...]:
    out = []
    for i, n in zip(indices, shape, strict=True):
        i = np.asarray(i, np.int64)
        if mode == "clip":
            i = np.clip(i, 0, n - 1)
        elif np.any(i < -n) or np.any(i >= n):
            raise IndexOutOfRangeError(f"index outside an axis of size {n}")
        out.append(np.where(i < 0, i + n, i))
    return tuple(out)


def _index(node: g.Index, x: Array, *indices: Array) -> Array:
    wide = [np.broadcast_to(i, node.shape) for i in indices]
    return x[_indices(node.mode, x.shape, wide)]


# -- reductions and sequences --------------------------------------------------------------------


def _reduce(node: g.Reduce, x: Array) -> Array:
    if node.op.startswith("arg"):
        if is_float(str(x.dtype)):
            # As eager Paddle: NaN is passed over.
            lost = -np.inf if node.op == "argmax" else np.inf
            x = np.where(np.isnan(x), np.asarray(lost, x.dtype), x)
        return np.expand_dims(getattr(np, node.op)(x, node.axes[0]), node.axes[0])
    if is_float(node.dtype):
        x = x.astype(np_dtype(compute_dtype(node.dtype)))
        if node.op in ("sum", "prod"):
            return getattr(np, node.op)(x.astype(np.float64), node.axes, keepdims=True)
    return getattr(np, node.op)(x, node.axes, keepdims=True)


def _scan(node: g.Scan, x: Array) -> Array:
    ufunc = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}[node.op]
    x = np.flip(x, node.axis) if node.reverse else x
    wide = x.astype(np_dtype(compute_dtype(node.dtype)))
    out = ufunc.accumulate(wide, node.axis, dtype=wide.dtype)
    if node.exclusive:
        first = {"sum": 0, "prod": 1}[node.op]
        pad = np.full_like(out.take([0], node.axis), first)
        out = np.concatenate([pad, out.take(range(out.shape[node.axis] - 1), node.axis)], node.axis)
    return np.flip(out, node.axis) if node.reverse else out


_SCATTERS: dict[str, Any] = {
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}


def _scatter(node: g.Scatter, x: Array, updates: Array, *indices: Array) -> Array:
    out = x.copy()
    wide = [np.broadcast_to(i, updates.shape) for i in indices]
    where = _indices(node.mode, x.shape, wide)
    if node.op == "set":
        out[where] = updates
    else:
        _SCATTERS[node.op].at(out, where, updates)
    return out


def _sort(node: g.Sort, x: Array) -> list[Array]:
    moved = np.moveaxis(np.asarray(x, np.float64) if is_float(node.dtype) else x, node.axis, -1)
    if node.descending:
        order = moved.shape[-1] - 1 - np.argsort(moved[..., ::-1], axis=-1, kind="stable")
        order = order[..., ::-1]
    else:
        order = np.argsort(moved, axis=-1, kind="stable")
    order = np.moveaxis(order[..., : node.k], -1, node.axis)
    return [np.take_along_axis(x, order, node.axis), order]


def _primitive(node: g.Primitive, *xs: Array) -> list[Array]:
    if node.kind in ("onednn", "window", "sequence"):
        from dy2st.runtime.cpu.onednn.lower import execute_node

        return execute_node(node, xs)
    return primitives_numpy.compute(node, *xs)


RULES: dict[type[g.Node], Callable[..., Any]] = {
    g.Map: _map,
    g.Constant: lambda node: node.array,
    g.Full: lambda node: np.full(node.shape, node.value, np_dtype(node.dtype)),
    g.Iota: _iota,
    g.Reshape: lambda node, x: x.reshape(node.shape),
    g.Permute: lambda node, x: np.transpose(x, node.axes),
    g.Expand: lambda node, x: np.broadcast_to(x, node.shape),
    g.Slice: _slice,
    g.Pad: _pad,
    g.Concat: lambda node, *xs: np.concatenate(xs, node.axis),
    g.Index: _index,
    g.Reduce: _reduce,
    g.Scan: _scan,
    g.Scatter: _scatter,
    g.Sort: _sort,
    g.Primitive: _primitive,
    g.Part: lambda node, results: results[node.index],
}

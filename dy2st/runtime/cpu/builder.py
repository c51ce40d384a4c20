"""The builder that ``Op.cpu(b, *operands, **attrs)`` describes an operation to.

The table of methods stands in docs/design/kernels.md. Wherever a node is expected a Python number
does too. Axes may be negative. Every method checks its operands and raises ShapeError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dy2st.errors import ShapeError
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node, Shape
from dy2st.runtime.cpu.primitives import PrimitiveBuilder
from dy2st.runtime.cpu.recurrent import RecurrentBuilder
from dy2st.runtime.cpu.reduction import REDUCTIONS, Reduction
from dy2st.runtime.cpu.scalar import (
    DTYPES,
    SCALARS,
    Scalar,
    compute_dtype,
    constant,
    is_float,
    promote,
)

Value = Node | int | float | bool
MapFunction = Callable[..., Scalar]


class Builder(Reduction, PrimitiveBuilder, RecurrentBuilder):
    """Makes nodes. The lowering sets ``source`` (blamed by run-time errors), and ``operation``
    (payload, operands, results) for ``reference``, before it calls each ``Op.cpu``."""

    def __init__(self) -> None:
        self.source: Any = None
        self.operation: tuple[Any, tuple[Node, ...], tuple[tuple[Shape, str], ...]] | None = None

    # -- sources ---------------------------------------------------------------------------------

    def input(
        self, shape: Sequence[int], dtype: str, name: str = "", payload: Any = None
    ) -> g.Input:
        """A buffer from outside; for the lowering, not for operations."""
        return g.Input(shape=tuple(shape), dtype=dtype, name=name, payload=payload)

    def constant(self, array: Any, dtype: str | None = None) -> Node:
        """A tensor known now (a numpy array, or anything that makes one)."""
        array = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
        name = dtype or str(array.dtype)
        return g.Constant(shape=array.shape, dtype=name, array=array)

    def full(self, shape: Sequence[int], value: Value, dtype: str) -> Node:
        """``value`` everywhere; a node of one element is broadcast and cast."""
        if isinstance(value, Node):
            scalar = self.cast(self.reshape(value, ()), dtype)
            return self.expand(scalar, shape)
        return g.Full(
            shape=tuple(shape), dtype=dtype, value=_clean(value, dtype), source=self.source
        )

    def iota(self, shape: Sequence[int], axis: int, dtype: str = "int64") -> Node:
        """The index along ``axis``."""
        axis = self.axis(axis, len(shape))
        return g.Iota(shape=tuple(shape), dtype=dtype, axis=axis, source=self.source)

    def arange(self, n: int, dtype: str = "int64", start: Value = 0, step: Value = 1) -> Node:
        """``start + i * step`` for ``i`` in ``range(n)``."""
        wide = "float64" if is_float(dtype) else "int64"
        i = self.iota((n,), 0, "int64")
        return self.map(
            lambda s, i, a, d: s.cast(s.add(s.cast(a, wide), s.mul(s.cast(i, wide), d)), dtype),
            i,
            start,
            step,
            dtype=dtype,
        )

    # -- maps ------------------------------------------------------------------------------------

    def node(self, value: Value, dtype: str | None = None) -> Node:
        """``value`` as a node; Python numbers become constants of rank 0."""
        if isinstance(value, Node):
            return value
        if dtype is None:
            dtype = "bool" if isinstance(value, bool) else "float32"
            dtype = "int64" if type(value) is int else dtype
        return self.full((), value, dtype)

    def map(self, fn: MapFunction, *xs: Value, dtype: str | None = None) -> Node:
        """``fn(s, x, y, ...)`` for each element of the broadcast operands.

        Python numbers among ``xs`` reach ``fn`` as they are. ``dtype``: that of the result; by
        default the expression's (or the operands' own, where they are float16 or bfloat16).
        """
        nodes = [x for x in xs if isinstance(x, Node)]
        for node in nodes:
            if node.dtype not in DTYPES:
                raise ShapeError(f"no native arithmetic over {node.dtype}")
        args: list[Any] = []
        for x in xs:
            if isinstance(x, Node):
                index = sum(1 for a in args if isinstance(a, Scalar))
                args.append(Scalar("arg", compute_dtype(x.dtype), value=index))
            else:
                args.append(_number(x))
        result = fn(SCALARS, *args)
        expr = result if isinstance(result, Scalar) else constant(result, dtype or "float32")
        dtype = dtype or self._map_dtype(expr, nodes)
        if dtype not in DTYPES:
            raise ShapeError(f"no native arithmetic gives {dtype}")
        expr = SCALARS.cast(expr, compute_dtype(dtype))
        shape = broadcast_shapes(*(x.shape for x in nodes))
        if expr.op == "arg" and nodes[_arg(expr)].dtype == dtype:
            return self.expand(nodes[_arg(expr)], shape)
        return g.Map(shape=shape, dtype=dtype, operands=tuple(nodes), expr=expr, source=self.source)

    @staticmethod
    def _map_dtype(expr: Scalar, nodes: list[Node]) -> str:
        halves = {x.dtype for x in nodes if is_float(x.dtype)}
        if expr.dtype == "float32" and len(halves) == 1:
            (only,) = halves
            return only if compute_dtype(only) == "float32" else expr.dtype
        return expr.dtype

    def elementwise(self, name: str, *xs: Value, dtype: str | None = None) -> Node:
        """One named scalar function (``"tanh"``, ``"add"``, ``"select"`` ...) over ``xs``."""
        return self.map(lambda s, *a: getattr(s, name)(*a), *xs, dtype=dtype)

    def cast(self, x: Value, dtype: str) -> Node:
        """``x`` as ``dtype``; float to int truncates toward zero, anything to bool is ``x != 0``."""
        x = self.node(x)
        if x.dtype == dtype:
            return x
        return self.map(lambda s, v: s.cast(v, dtype), x, dtype=dtype)

    def select(self, condition: Value, x: Value, y: Value, dtype: str | None = None) -> Node:
        """``x`` where ``condition`` holds, else ``y``."""
        return self.elementwise("select", condition, x, y, dtype=dtype)

    def add(self, x: Value, y: Value) -> Node:
        """``x + y``; likewise ``sub``, ``mul``, ``div``."""
        return self.elementwise("add", x, y)

    def sub(self, x: Value, y: Value) -> Node:
        """``x - y``."""
        return self.elementwise("sub", x, y)

    def mul(self, x: Value, y: Value) -> Node:
        """``x * y``."""
        return self.elementwise("mul", x, y)

    def div(self, x: Value, y: Value) -> Node:
        """``x / y``; integers truncate."""
        return self.elementwise("div", x, y)

    # -- indexed reads ---------------------------------------------------------------------------

    def index(
        self, x: Node, indices: Sequence[Value], shape: Shape | None = None, mode: str = "raise"
    ) -> Node:
        """``out[i] = x[indices[0][i], indices[1][i], ...]``, one index for each dimension of x.

        Indices are integer nodes (or Python ints) that broadcast together to the shape of the
        result. ``mode``: ``"raise"`` wraps negatives and fails out of range, ``"clip"`` clamps,
        ``"unchecked"`` trusts.
        """
        if len(indices) != x.rank:
            raise ShapeError(f"{len(indices)} indices for a tensor of rank {x.rank}")
        nodes = [self._index_node(i) for i in indices]
        full = shape if shape is not None else broadcast_shapes(*(n.shape for n in nodes))
        return g.Index(
            shape=full, dtype=x.dtype, operands=(x, *nodes), mode=mode, source=self.source
        )

    def _index_node(self, index: Value) -> Node:
        node = self.node(index)
        if is_float(node.dtype) or node.dtype not in DTYPES:
            raise ShapeError(f"an index is an integer, not {node.dtype}")
        return self.cast(node, "int64") if node.dtype in ("bool", "uint8") else node

    def gather(self, x: Node, index: Value, axis: int = 0, mode: str = "raise") -> Node:
        """numpy's ``take``: shape ``x.shape[:axis] + index.shape + x.shape[axis + 1:]``."""
        axis = self.axis(axis, x.rank)
        index = self._index_node(index)
        rank = x.rank - 1 + index.rank
        tail = x.rank - axis - 1
        shape = x.shape[:axis] + index.shape + x.shape[axis + 1 :]
        indices: list[Value] = []
        for d in range(x.rank):
            if d == axis:
                indices.append(self.reshape(index, index.shape + (1,) * tail))
            else:
                out = d if d < axis else d - 1 + index.rank
                one = tuple(shape[out] if k == out else 1 for k in range(rank))
                indices.append(self.iota(one, out))
        return self.index(x, indices, shape, mode)

    def index_map(
        self, x: Node, shape: Sequence[int], fn: Callable[..., Sequence[Any]], mode: str = "raise"
    ) -> Node:
        """``out[i, j, ...] = x[fn(s, i, j, ...)]``, where ``fn`` gives one integer scalar
        expression (or int) for each dimension of x."""
        shape = tuple(shape)
        iotas = [self.iota(shape, d) for d in range(len(shape))]

        def pick(d: int) -> Node:
            return self.map(lambda s, *i: s.cast(fn(s, *i)[d], "int64"), *iotas)

        return self.index(x, [pick(d) for d in range(x.rank)], shape, mode)

    # -- sequential ------------------------------------------------------------------------------

    def scan(
        self, op: str, x: Node, axis: int, exclusive: bool = False, reverse: bool = False
    ) -> Node:
        """Running ``sum``, ``prod``, ``max`` or ``min`` along ``axis``, in x's dtype."""
        if op not in ("sum", "prod", "max", "min"):
            raise ShapeError(f"no scan {op!r}")
        axis = self.axis(axis, x.rank)
        return g.Scan(
            shape=x.shape,
            dtype=x.dtype,
            operands=(x,),
            op=op,
            axis=axis,
            exclusive=exclusive,
            reverse=reverse,
            source=self.source,
        )

    def scatter(
        self,
        x: Node,
        indices: Sequence[Value],
        updates: Value,
        op: str = "set",
        mode: str = "raise",
    ) -> Node:
        """A copy of x with ``x[indices[0][i], ...] op= updates[i]``; see ``graph.Scatter``.

        One index for each dimension of x (``b.iota`` where a dimension is taken whole); they
        broadcast with ``updates``.
        """
        if op not in ("set", "add", "mul", "max", "min"):
            raise ShapeError(f"no scatter {op!r}")
        if len(indices) != x.rank:
            raise ShapeError(f"{len(indices)} indices for a tensor of rank {x.rank}")
        nodes = [self._index_node(i) for i in indices]
        update = self.cast(self.node(updates, x.dtype), x.dtype)
        shape = broadcast_shapes(update.shape, *(n.shape for n in nodes))
        update = self.expand(update, shape)
        return g.Scatter(
            shape=x.shape,
            dtype=x.dtype,
            operands=(x, update, *nodes),
            op=op,
            mode=mode,
            source=self.source,
        )

    def sort(
        self, x: Node, axis: int = -1, descending: bool = False, k: int | None = None
    ) -> tuple[Node, Node]:
        """Stable sort along ``axis``: (values, int64 indices), the first ``k``; NaN is largest."""
        if x.rank == 0:
            return x, self.full((), 0, "int64")
        axis = self.axis(axis, x.rank)
        k = x.shape[axis] if k is None else k
        shape = tuple(k if d == axis else n for d, n in enumerate(x.shape))
        node = g.Sort(
            shape=shape,
            dtype=x.dtype,
            operands=(x,),
            results=((shape, x.dtype), (shape, "int64")),
            axis=axis,
            descending=descending,
            k=k,
            source=self.source,
        )
        return self.part(node, 0), self.part(node, 1)

    # -- whole operations ------------------------------------------------------------------------

    def reference(self) -> Any:
        """The operation being lowered by its own ``numpy``, through a callback: one node, or a
        tuple where the operation has several results."""
        if self.operation is None:
            raise ShapeError("no operation is being lowered")
        payload, operands, results = self.operation
        node = g.Reference(
            shape=results[0][0],
            dtype=results[0][1],
            operands=operands,
            results=results,
            payload=payload,
            source=self.source,
        )
        parts = tuple(self.part(node, i) for i in range(len(results)))
        return parts if len(parts) > 1 else parts[0]


def _arg(expr: Scalar) -> int:
    assert isinstance(expr.value, int)
    return expr.value


def _number(x: Any) -> Any:
    return x.item() if isinstance(x, (np.generic, np.ndarray)) else x


def _clean(value: Any, dtype: str) -> Any:
    value = _number(value)
    if dtype == "bool":
        return bool(value)
    if isinstance(value, complex):
        return value
    return float(value) if is_float(dtype) else int(value)


def broadcast_shapes(*shapes: Shape) -> Shape:
    """numpy's rule, size 0 included. Raises ShapeError."""
    rank = max((len(s) for s in shapes), default=0)
    out = [1] * rank
    for shape in shapes:
        for d, n in enumerate(shape, rank - len(shape)):
            if n != 1 and out[d] not in (1, n):
                raise ShapeError(f"shapes do not broadcast: {', '.join(map(str, shapes))}")
            out[d] = n if n != 1 else out[d]
    return tuple(out)


__all__ = ["REDUCTIONS", "Builder", "broadcast_shapes", "promote"]

"""Builder methods that reduce."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from dy2st.errors import ShapeError
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node
from dy2st.runtime.cpu.movement import Movement
from dy2st.runtime.cpu.scalar import DTYPES

REDUCTIONS = ("sum", "prod", "max", "min", "any", "all", "argmax", "argmin")
# Elements from which the reduction of a whole tensor is done in parts.
LARGE = 1 << 17


class Reduction(Movement):
    """Reductions; see the table in docs/design/kernels.md."""

    if TYPE_CHECKING:

        def cast(self, x: Any, dtype: str) -> Node:
            """From ``Builder``."""

        def full(self, shape: Sequence[int], value: Any, dtype: str) -> Node:
            """From ``Builder``."""

        def map(self, fn: Any, *xs: Any, dtype: str | None = None) -> Node:
            """From ``Builder``."""

    def reduce(
        self,
        op: str,
        x: Node,
        axes: Sequence[int] | int | None = None,
        keepdim: bool = False,
        dtype: str | None = None,
    ) -> Node:
        """``op`` over ``axes`` (None: all), one of ``REDUCTIONS``.

        ``sum`` and ``prod`` keep x's dtype (cast x first for another; bool is counted in int64);
        float16 and bfloat16 accumulate in float32. ``any`` and ``all`` give bool. ``argmax`` and
        ``argmin`` take one axis, or all, and give int64.
        """
        if op not in REDUCTIONS:
            raise ShapeError(f"no reduction {op!r}")
        x = self._reduce_operand(op, x)
        every = tuple(range(x.rank)) if axes is None else None
        chosen = every if every is not None else self.axes_of(axes, x.rank)
        if op.startswith("arg") and len(chosen) > 1:
            flat = self.reduce(op, self.reshape(x, (-1,)), (0,), True)
            return self.reshape(flat, (1,) * x.rank if keepdim else ())
        if op in ("max", "min", "argmax", "argmin") and 0 in [x.shape[a] for a in chosen]:
            raise ShapeError(f"{op} over an axis of size zero")
        out_dtype = "int64" if op.startswith("arg") else x.dtype
        kept = tuple(1 if d in chosen else n for d, n in enumerate(x.shape))
        if not chosen:
            out: Node = x if not op.startswith("arg") else self.full((), 0, "int64")
        else:
            out = self._reduced(op, x, chosen, kept, out_dtype)
        if not keepdim:
            out = self.reshape(out, tuple(n for d, n in enumerate(x.shape) if d not in chosen))
        return self.cast(out, dtype) if dtype else out

    def _reduced(self, op: str, x: Node, axes: tuple[int, ...], kept: g.Shape, dtype: str) -> Node:
        if prod(kept) == 1 and x.size >= LARGE and not op.startswith("arg"):
            # One row has no loop to share between threads: reduce parts, then their results.
            parts = next((p for p in (16, 32, 8, 24, 4, 2) if x.size % p == 0), 1)
            if parts > 1:
                flat = self.reshape(x, (parts, x.size // parts))
                some = self._reduced(op, flat, (1,), (parts, 1), dtype)
                one = self._reduced(op, self.reshape(some, (parts,)), (0,), (1,), dtype)
                return self.reshape(one, kept)
        return g.Reduce(
            shape=kept, dtype=dtype, operands=(x,), op=op, axes=axes, source=self.source
        )

    def _reduce_operand(self, op: str, x: Node) -> Node:
        if op in ("any", "all"):
            return self.cast(x, "bool")
        if x.dtype == "bool" and op in ("max", "min"):
            return x
        if x.dtype == "bool":
            return self.cast(x, "int64")
        if x.dtype not in DTYPES:
            raise ShapeError(f"no native reduction over {x.dtype}")
        return x

    def mean(self, x: Node, axes: Sequence[int] | int | None = None, keepdim: bool = False) -> Node:
        """The mean over ``axes``, in x's dtype; an empty axis gives NaN."""
        total = self.reduce("sum", x, axes, keepdim)
        chosen = range(x.rank) if axes is None else self.axes_of(axes, x.rank)
        count = prod(x.shape[a] for a in chosen)
        return self.map(lambda s, t: s.div(t, float(count)), total, dtype=x.dtype)

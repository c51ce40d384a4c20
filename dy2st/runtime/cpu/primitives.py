"""Builder methods for the nodes that oneDNN serves; the lowering to primitives is not here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dy2st.errors import ShapeError
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node, Shape

Pairs = Sequence[tuple[int, int]]


class PrimitiveBuilder:
    """Convolution, matmul, pooling, RNN; see the table in docs/design/kernels.md."""

    source: Any

    def primitive(
        self,
        kind: str,
        operands: Sequence[Node],
        results: Sequence[tuple[Shape, str]],
        **attrs: Any,
    ) -> tuple[Node, ...]:
        """An opaque node of ``kind``; one node for each result."""
        node = g.Primitive(
            shape=results[0][0],
            dtype=results[0][1],
            operands=tuple(operands),
            results=tuple(results),
            kind=kind,
            attrs=attrs,
            source=self.source,
        )
        return tuple(
            g.Part(shape=s, dtype=d, operands=(node,), index=i, source=self.source)
            for i, (s, d) in enumerate(results)
        )

    def matmul(
        self, x: Node, y: Node, transpose_x: bool = False, transpose_y: bool = False
    ) -> Node:
        """Batched matmul of ``[..., M, K]`` and ``[..., K, N]`` (rank 2 or more, batch broadcast);
        ``transpose_*`` says that the last two dimensions are stored the other way."""
        if x.rank < 2 or y.rank < 2:
            raise ShapeError("matmul needs rank 2 or more; reshape vectors first")
        m, kx = x.shape[-2:][:: -1 if transpose_x else 1]
        ky, n = y.shape[-2:][:: -1 if transpose_y else 1]
        if kx != ky or x.dtype != y.dtype:
            raise ShapeError(f"matmul of {x.dtype}{x.shape} and {y.dtype}{y.shape}")
        batch = _batch(x.shape[:-2], y.shape[:-2])
        if n == 1 and m > 1 and not transpose_x and x.dtype == "float32":
            # One column: a kernel reads each row once, 3 to 6 times sooner than oneDNN's product
            # (768 x 768 on one thread: 30 against 170 us).
            b: Any = self
            rows: Node = b.mul(x, b.reshape(y, (*y.shape[:-2], 1, kx)))
            column: Node = b.reduce("sum", rows, [-1], True)
            return column
        return self.primitive(
            "matmul",
            (x, y),
            [((*batch, m, n), x.dtype)],
            transpose_x=transpose_x,
            transpose_y=transpose_y,
        )[0]

    def conv(
        self,
        x: Node,
        w: Node,
        *,
        stride: Sequence[int],
        padding: Pairs,
        dilation: Sequence[int],
        groups: int = 1,
    ) -> Node:
        """x ``[N, C, spatial...]``, w ``[O, C / groups, kernel...]``; padding as (low, high) pairs.
        Channels-last operations permute x and the result."""
        spatial = tuple(
            (n + sum(p) - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(
                x.shape[2:], padding, dilation, w.shape[2:], stride, strict=True
            )
        )
        if x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
            raise ShapeError(f"conv of {x.shape} with {w.shape} in {groups} groups")
        return self.primitive(
            "conv",
            (x, w),
            [((x.shape[0], w.shape[0], *spatial), x.dtype)],
            stride=tuple(stride),
            padding=tuple(map(tuple, padding)),
            dilation=tuple(dilation),
            groups=groups,
        )[0]

    def conv_transpose(
        self,
        x: Node,
        w: Node,
        *,
        stride: Sequence[int],
        padding: Pairs,
        dilation: Sequence[int],
        groups: int = 1,
        output_padding: Sequence[int] = (),
    ) -> Node:
        """x ``[N, C, spatial...]``, w ``[C, O / groups, kernel...]``."""
        extra = tuple(output_padding) or (0,) * (x.rank - 2)
        spatial = tuple(
            (n - 1) * s - sum(p) + d * (k - 1) + 1 + e
            for n, s, p, d, k, e in zip(
                x.shape[2:], stride, padding, dilation, w.shape[2:], extra, strict=True
            )
        )
        if x.shape[1] != w.shape[0]:
            raise ShapeError(f"conv_transpose of {x.shape} with {w.shape}")
        return self.primitive(
            "conv_transpose",
            (x, w),
            [((x.shape[0], w.shape[1] * groups, *spatial), x.dtype)],
            stride=tuple(stride),
            padding=tuple(map(tuple, padding)),
            dilation=tuple(dilation),
            groups=groups,
            output_padding=extra,
        )[0]

    def pool(
        self,
        kind: str,
        x: Node,
        *,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Pairs,
        ceil_mode: bool = False,
    ) -> Node:
        """x ``[N, C, spatial...]``; kind ``"max"``, ``"avg"`` (padding not counted) or
        ``"avg_padded"`` (padding counted)."""
        if kind not in ("max", "avg", "avg_padded"):
            raise ShapeError(f"no pool {kind!r}")
        up = ceil_mode
        spatial = tuple(
            (n + sum(p) - k + (s - 1 if up else 0)) // s + 1
            for n, p, k, s in zip(x.shape[2:], padding, kernel, stride, strict=True)
        )
        return self.primitive(
            "pool",
            (x,),
            [((*x.shape[:2], *spatial), x.dtype)],
            pool=kind,
            kernel=tuple(kernel),
            stride=tuple(stride),
            padding=tuple(map(tuple, padding)),
        )[0]


def _batch(a: Shape, b: Shape) -> Shape:
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    for m, n in zip(a, b, strict=True):
        if m != n and 1 not in (m, n):
            raise ShapeError(f"batch dimensions {a} and {b} do not broadcast")
    return tuple(n if m == 1 else m for m, n in zip(a, b, strict=True))

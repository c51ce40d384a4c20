"""Builder methods that move elements without computing: index maps that fuse into their readers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from dy2st.errors import ShapeError
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node, Shape

Axes = Sequence[int] | int


class Movement:
    """Movement of elements; see the table in docs/design/kernels.md."""

    source: Any

    @staticmethod
    def axis(axis: int, rank: int) -> int:
        """``axis`` counted from the front. Raises ShapeError outside ``[-rank, rank)``."""
        if not -max(rank, 1) <= axis < max(rank, 1):
            raise ShapeError(f"axis {axis} is outside a tensor of rank {rank}")
        return axis % max(rank, 1)

    def axes_of(self, axes: Axes | None, rank: int) -> tuple[int, ...]:
        """Sorted axes without repetition, counted from the front; None means all."""
        if axes is None:
            return tuple(range(rank))
        listed = [axes] if isinstance(axes, int) else list(axes)
        if rank == 0:
            return ()
        return tuple(sorted({self.axis(a, rank) for a in listed}))

    def reshape(self, x: Node, shape: Sequence[int]) -> Node:
        """Row-major reshape; one size may be -1."""
        full = _complete(tuple(int(n) for n in shape), x.size)
        if prod(full) != x.size:
            raise ShapeError(f"a tensor of shape {x.shape} has no shape {full}")
        while isinstance(x, g.Reshape):
            x = x.operands[0]
        if full == x.shape:
            return x
        return g.Reshape(shape=full, dtype=x.dtype, operands=(x,), source=self.source)

    def flatten(self, x: Node, start: int = 0, stop: int = -1) -> Node:
        """Dimensions ``start`` to ``stop`` inclusive become one."""
        if x.rank == 0:
            return self.reshape(x, (1,))
        start, stop = self.axis(start, x.rank), self.axis(stop, x.rank)
        middle = prod(x.shape[start : stop + 1])
        return self.reshape(x, (*x.shape[:start], middle, *x.shape[stop + 1 :]))

    def unsqueeze(self, x: Node, axes: Axes) -> Node:
        """Insert dimensions of size one, one after the other as Paddle does."""
        shape = list(x.shape)
        for axis in [axes] if isinstance(axes, int) else axes:
            shape.insert(self.axis(axis, len(shape) + 1), 1)
        return self.reshape(x, shape)

    def squeeze(self, x: Node, axes: Axes | None = None) -> Node:
        """Drop dimensions of size one (those among ``axes``, or all)."""
        chosen = self.axes_of(axes, x.rank)
        return self.reshape(x, [n for d, n in enumerate(x.shape) if not (n == 1 and d in chosen)])

    def permute(self, x: Node, axes: Sequence[int]) -> Node:
        """``out.shape[i] == x.shape[axes[i]]``."""
        order = tuple(self.axis(a, x.rank) for a in axes)
        if sorted(order) != list(range(x.rank)):
            raise ShapeError(f"{tuple(axes)} is no permutation of {x.rank} axes")
        if isinstance(x, g.Permute):
            order = tuple(x.axes[a] for a in order)
            x = x.operands[0]
        if order == tuple(range(x.rank)):
            return x
        shape = tuple(x.shape[a] for a in order)
        return g.Permute(shape=shape, dtype=x.dtype, operands=(x,), axes=order, source=self.source)

    def expand(self, x: Node, shape: Sequence[int]) -> Node:
        """Broadcast to ``shape`` as numpy does; -1 keeps a size."""
        want = tuple(int(n) for n in shape)
        lead = len(want) - x.rank
        if lead < 0:
            raise ShapeError(f"a tensor of shape {x.shape} does not expand to {want}")
        x = self.reshape(x, (1,) * lead + x.shape)
        full = tuple(old if n == -1 else n for n, old in zip(want, x.shape, strict=True))
        for n, old in zip(full, x.shape, strict=True):
            if old not in (1, n):
                raise ShapeError(f"a tensor of shape {x.shape} does not expand to {full}")
        if full == x.shape:
            return x
        if isinstance(x, g.Expand):
            x = x.operands[0]
        return g.Expand(shape=full, dtype=x.dtype, operands=(x,), source=self.source)

    def slice(
        self,
        x: Node,
        starts: Sequence[int],
        stops: Sequence[int],
        steps: Sequence[int] | None = None,
    ) -> Node:
        """Python's slice in each dimension (negative and too large bounds included)."""
        if len(starts) != x.rank or len(stops) != x.rank:
            raise ShapeError(f"a slice of {len(starts)} dimensions for a rank of {x.rank}")
        steps = (1,) * x.rank if steps is None else tuple(steps)
        ranges = [
            range(*slice(a, o, e).indices(n))
            for a, o, e, n in zip(starts, stops, steps, x.shape, strict=True)
        ]
        return self._take(x, ranges)

    def narrow(self, x: Node, axis: int, start: int, stop: int, step: int = 1) -> Node:
        """Python's ``start:stop:step`` along one axis."""
        axis = self.axis(axis, x.rank)
        ranges = [range(n) for n in x.shape]
        ranges[axis] = range(*slice(start, stop, step).indices(x.shape[axis]))
        return self._take(x, ranges)

    def pick(self, x: Node, axis: int, i: int) -> Node:
        """``x[..., i, ...]`` with a Python int; the dimension goes."""
        axis = self.axis(axis, x.rank)
        if not -x.shape[axis] <= i < x.shape[axis]:
            raise ShapeError(f"index {i} is outside axis {axis} of size {x.shape[axis]}")
        i %= x.shape[axis]
        taken = self.narrow(x, axis, i, i + 1)
        return self.reshape(taken, x.shape[:axis] + x.shape[axis + 1 :])

    def flip(self, x: Node, axes: Axes) -> Node:
        """Reversed along ``axes``."""
        chosen = self.axes_of(axes, x.rank)
        ranges = [range(n)[::-1] if d in chosen else range(n) for d, n in enumerate(x.shape)]
        return self._take(x, ranges)

    def _take(self, x: Node, ranges: list[range]) -> Node:
        if all(r == range(n) for r, n in zip(ranges, x.shape, strict=True)):
            return x
        starts = tuple(r.start if len(r) else 0 for r in ranges)
        steps = tuple(r.step if len(r) > 1 else 1 for r in ranges)
        shape = tuple(len(r) for r in ranges)
        if isinstance(x, g.Slice):
            starts = tuple(a + s * e for a, s, e in zip(x.starts, starts, x.steps, strict=True))
            steps = tuple(a * b for a, b in zip(x.steps, steps, strict=True))
            x = x.operands[0]
        return g.Slice(
            shape=shape,
            dtype=x.dtype,
            operands=(x,),
            starts=starts,
            steps=steps,
            source=self.source,
        )

    def pad(
        self, x: Node, low: Sequence[int], high: Sequence[int], value: int | float | bool = 0
    ) -> Node:
        """A border of ``value``; negative widths crop."""
        starts = [max(-n, 0) for n in low]
        stops = [n - max(-h, 0) for n, h in zip(x.shape, high, strict=True)]
        x = self.slice(x, starts, stops)
        low = tuple(max(n, 0) for n in low)
        high = tuple(max(n, 0) for n in high)
        if not any(low) and not any(high):
            return x
        shape = tuple(a + n + h for a, n, h in zip(low, x.shape, high, strict=True))
        return g.Pad(
            shape=shape,
            dtype=x.dtype,
            operands=(x,),
            low=low,
            high=high,
            value=value,
            source=self.source,
        )

    def concat(self, xs: Sequence[Node], axis: int = 0) -> Node:
        """One after the other along ``axis``; dtypes must agree."""
        axis = self.axis(axis, xs[0].rank)
        rest = {(x.shape[:axis], x.shape[axis + 1 :]) for x in xs}
        if len(rest) != 1 or len({x.dtype for x in xs}) != 1:
            shapes = ", ".join(f"{x.dtype}{list(x.shape)}" for x in xs)
            raise ShapeError(f"tensors do not concatenate along {axis}: {shapes}")
        kept = [x for x in xs if x.shape[axis]] or [xs[0]]
        if len(kept) == 1:
            return kept[0]
        total = sum(x.shape[axis] for x in kept)
        shape = (*xs[0].shape[:axis], total, *xs[0].shape[axis + 1 :])
        return g.Concat(
            shape=shape, dtype=xs[0].dtype, operands=tuple(kept), axis=axis, source=self.source
        )

    def stack(self, xs: Sequence[Node], axis: int = 0) -> Node:
        """Along a new axis."""
        axis = self.axis(axis, xs[0].rank + 1)
        return self.concat([self.unsqueeze(x, axis) for x in xs], axis)

    def split(self, x: Node, sizes: Sequence[int], axis: int = 0) -> tuple[Node, ...]:
        """Consecutive pieces of ``sizes`` along ``axis``; they must add up."""
        axis = self.axis(axis, x.rank)
        if sum(sizes) != x.shape[axis]:
            raise ShapeError(f"pieces {list(sizes)} do not add up to {x.shape[axis]}")
        parts, start = [], 0
        for n in sizes:
            parts.append(self.narrow(x, axis, start, start + n))
            start += n
        return tuple(parts)

    def roll(self, x: Node, shifts: Sequence[int], axes: Sequence[int]) -> Node:
        """numpy's ``roll``, one shift for each of ``axes``."""
        for shift, axis in zip(shifts, axes, strict=True):
            n = x.shape[axis]
            k = shift % n if n else 0
            if k:
                parts = [self.narrow(x, axis, n - k, n), self.narrow(x, axis, 0, n - k)]
                x = self.concat(parts, axis)
        return x

    def part(self, node: g.Multi, index: int) -> Node:
        """One result of a node with several."""
        shape, dtype = node.results[index]
        return g.Part(shape=shape, dtype=dtype, operands=(node,), index=index, source=self.source)


def _complete(shape: Shape, size: int) -> Shape:
    if -1 not in shape:
        return shape
    known = prod(n for n in shape if n != -1)
    if shape.count(-1) > 1 or (known and size % known):
        raise ShapeError(f"{size} elements have no shape {shape}")
    return tuple((size // known if known else 0) if n == -1 else n for n in shape)

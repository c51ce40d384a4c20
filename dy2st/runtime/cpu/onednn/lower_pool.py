"""Lowering of pools. Averages are oneDNN's; maxima are window kernels, or (over three axes) maps
over shifted slices.

oneDNN's maximum skips NaN. Eager folds a window in row-major order with ``y > x ? y : x``, so a
NaN is kept until the next element; kernels do the same, at the speed of the memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.builder import Builder
from dy2st.runtime.cpu.graph import Node
from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.onednn.context import Context, dense
from dy2st.runtime.cpu.onednn.descriptor import int64s
from dy2st.runtime.cpu.onednn.lower import Call
from dy2st.runtime.cpu.onednn.lower_window import lower_maximum

_LOWEST = -3.4028234663852886e38
_TAPS_AT_ONCE = 25


def lower_pool(context: Context, node: g.Primitive) -> tuple[Node, ...] | None:
    """The node for a channels-last pool, or None where only numpy does it right."""
    if not _windows_reach(node):
        return None
    if node.attrs["pool"] == "max":
        found = lower_maximum(context, node)
        return (found or _maximum(context.new[node.operands[0]], node),)
    return _average(context, node)


def _windows(node: g.Primitive) -> list[tuple[int, int, int, int, int]]:
    """(size, output size, kernel, stride, low padding) of each spatial axis."""
    sizes, outs = node.operands[0].shape[1:-1], node.results[0][0][1:-1]
    attrs = node.attrs
    low = [p[0] for p in attrs["padding"]]
    return list(zip(sizes, outs, attrs["kernel"], attrs["stride"], low, strict=True))


def _windows_reach(node: g.Primitive) -> bool:
    """Whether every window has an element of the input."""
    return all(low < k and (out - 1) * s - low < n for n, out, k, s, low in _windows(node))


def _average(context: Context, node: g.Primitive) -> tuple[Node, ...] | None:
    library, descs = context.library, context.library.descs
    x = node.operands[0]
    to = (0, x.rank - 1, *range(1, x.rank - 1))
    src = descs.channels_last(tuple(x.shape[a] for a in to))
    dst = descs.channels_last(tuple(node.results[0][0][a] for a in to))
    windows = _windows(node)
    # The high padding that makes oneDNN's size formula agree (ceil mode needs more than given).
    high = [
        max((out - 1) * s + k - n - low, given[1])
        for (n, out, k, s, low), given in zip(windows, node.attrs["padding"], strict=True)
    ]
    exact = all((n + low + h - k) // s + 1 == out for (n, out, k, s, low), h in zip(windows, high))
    kind = c.POOL_AVG_EXCLUDE if node.attrs["pool"] == "avg" else c.POOL_AVG_INCLUDE
    if not exact:
        return None

    def arguments(attr: int) -> Sequence[Any]:
        sizes = [int64s([w[i] for w in windows]) for i in (3, 2)]
        head = (library.library.engine, c.FORWARD_INFERENCE, kind, src.handle, dst.handle)
        dilation = int64s([0] * len(windows))
        return (*head, *sizes, dilation, int64s([w[4] for w in windows]), int64s(high), attr)

    name = "pooling_forward_primitive_desc_create"
    key = (kind, src, dst, tuple(windows), tuple(high))
    made = library.build("pooling", name, arguments, (c.ARG_SRC, c.ARG_DST), key=key)
    if made is None:
        return None
    call = Call(made, "pool", node.source).read(c.ARG_SRC, dense(context.new[x]))
    return call.give((c.ARG_DST, node.results[0]))


# --- maxima --------------------------------------------------------------------------------------


def _maximum(x: Node, node: g.Primitive) -> Node:
    b = Builder()
    b.source = node.source
    windows = _windows(node)
    if prod(w[2] for w in windows) <= _TAPS_AT_ONCE:
        taps = _taps(b, x, windows, range(1, x.rank - 1))
        return b.map(_fold, *taps)
    return _by_axes(b, x, windows)


def _fold(s: Any, *taps: Any) -> Any:
    best = s.const(_LOWEST, taps[0].dtype)
    for tap in taps:
        best = s.select(best > tap, best, tap)
    return best


def _taps(b: Builder, x: Node, windows: Sequence[Any], axes: Sequence[int]) -> list[Node]:
    """A strided slice for each place of the window, in row-major order.

    Outside the border the nearest element stands in: it is in the window too, so the maximum
    stays, and so does what follows the last NaN in row-major order.
    """
    for axis, (n, out, k, s, low) in zip(axes, windows, strict=True):
        high = max((out - 1) * s + k - n - low, 0)
        x = _edge(b, x, axis, low, high)
    taps = []
    for place in product(*(range(w[2]) for w in windows)):
        tap = x
        for axis, at, (_, out, _, s, _) in zip(axes, place, windows, strict=True):
            tap = b.narrow(tap, axis, at, at + (out - 1) * s + 1, s)
        taps.append(tap)
    return taps


def _edge(b: Builder, x: Node, axis: int, low: int, high: int) -> Node:
    """``x`` with its outermost elements repeated."""
    if not low and not high:
        return x
    n = x.shape[axis]
    first, last = b.narrow(x, axis, 0, 1), b.narrow(x, axis, n - 1, n)
    return b.concat([*[first] * low, x, *[last] * high], axis)


def _by_axes(b: Builder, x: Node, windows: Sequence[Any]) -> Node:
    """A large window axis by axis, the innermost first; beside each maximum stands whether its
    elements held a NaN, for then nothing before them counts."""
    broken: Node | None = None
    for axis, window in reversed(list(zip(range(1, x.rank - 1), windows, strict=True))):
        taps = _taps(b, x, [window], [axis])
        flags = _taps(b, broken, [window], [axis]) if broken is not None else []
        if axis > 1:
            sources = flags or taps
            test = _any_flag if flags else _any_nan
            broken = b.map(test, *sources, dtype="bool")
        x = b.map(_fold_flagged if flags else _fold, *taps, *flags)
    return x


def _any_nan(s: Any, *taps: Any) -> Any:
    found = s.isnan(taps[0])
    for tap in taps[1:]:
        found = s.or_(found, s.isnan(tap))
    return found


def _any_flag(s: Any, *flags: Any) -> Any:
    found = flags[0]
    for flag in flags[1:]:
        found = s.or_(found, flag)
    return found


def _fold_flagged(s: Any, *both: Any) -> Any:
    taps, flags = both[: len(both) // 2], both[len(both) // 2 :]
    best = s.const(_LOWEST, taps[0].dtype)
    for tap, flag in zip(taps, flags, strict=True):
        best = s.select(s.or_(flag, s.not_(best > tap)), tap, best)
    return best

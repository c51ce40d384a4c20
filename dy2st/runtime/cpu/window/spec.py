"""What a window kernel computes, apart from sizes."""

from __future__ import annotations

from math import prod

import numpy as np

from dy2st.records import record
from dy2st.runtime.cpu.scalar import Scalar

LOWEST = -3.4028234663852886e38
# Work below which a second thread costs more than it saves, in vector operations.
_SMALL = 3000


@record(frozen=True)
class Window:
    """``out[n, i, j, c] = post(fold of pre(x[n, i * s + k * d - p, ..., c]), vectors[c]...)``.

    ``fold`` is ``"max"`` (eager's: a NaN is kept until the next element) or ``"dot"`` (with
    weights of shape (kernel..., C)). Axes are two; a tap outside the input is left out. ``pre`` is
    an expression of argument 0; ``post`` of argument 0 and, from 1 on, of ``vectors`` vectors
    with one element for each channel.
    """

    fold: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pre: Scalar | None = None
    post: Scalar | None = None
    vectors: int = 0

    @property
    def key(self) -> str:
        """Equal for equal kernels."""
        parts = (self.fold, self.kernel, self.stride, self.dilation, self.vectors)
        return f"window {parts} {expression_text(self.pre)} {expression_text(self.post)}"


def expression_text(expr: Scalar | None) -> str:
    """An expression as text that says all of it."""
    if expr is None:
        return "-"
    args = " ".join(expression_text(a) for a in expr.args)
    return f"({expr.op}:{expr.dtype}:{expr.value!r} {args})"


# The slots of ``sizes``; the first two are the launcher's (chunks, items a chunk).
SLOTS = (
    *("chunks", "length", "items", "height", "width", "channels", "out_height", "out_width"),
    *("blocks", "pad_top", "pad_left", "inner_start", "inner_stop"),
)


def sizes_of(
    window: Window,
    x: tuple[int, int, int, int],
    out: tuple[int, int],
    pads: tuple[int, int],
    lanes: int,
    threads: int,
) -> np.ndarray:
    """The sizes for an input of shape ``x`` (N, H, W, C) and low paddings ``pads``."""
    n, height, width, channels = x
    blocks = -(-channels // lanes)
    items = n * out[0] * blocks
    work = items * out[1] * prod(window.kernel)
    chunks = min(threads if work > _SMALL else 1, max(items, 1))
    reach = (window.kernel[1] - 1) * window.dilation[1]
    start = min(-(-pads[1] // window.stride[1]), out[1])
    stop = min(max((width - 1 - reach + pads[1]) // window.stride[1] + 1, start), out[1])
    values = {
        "chunks": chunks,
        "length": -(-items // chunks),
        "items": items,
        "height": height,
        "width": width,
        "channels": channels,
        "out_height": out[0],
        "out_width": out[1],
        "blocks": blocks,
        "pad_top": pads[0],
        "pad_left": pads[1],
        "inner_start": start,
        "inner_stop": stop,
    }
    return np.array([values[name] for name in SLOTS], np.int64)

"""Matrix products with broadcast batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.onednn.descriptor import Desc
from dy2st.runtime.cpu.onednn.primitive import PostOp, Primitive, Primitives


def make_matmul(
    library: Primitives,
    x: Desc,
    y: Desc,
    dst: Desc,
    *,
    bias: Desc | None = None,
    post_ops: Sequence[PostOp] = (),
    accept: Callable[[str], bool] | None = None,
) -> Primitive | None:
    """``dst[..., m, n] = sum_k x[..., m, k] * y[..., k, n] + bias`` for given layouts.

    All have the same rank (2 to 12); batch axes of size 1 broadcast; a transposed operand is one
    whose strides say so. ``Descs.any`` for ``y`` lets oneDNN choose how weights are packed.
    Returns None where no fast implementation has these layouts.
    """
    bias_handle = bias.handle if bias is not None else None

    def arguments(attr: int) -> Sequence[Any]:
        handles = (x.handle, y.handle, bias_handle, dst.handle)
        return (library.library.engine, *handles, attr)

    args = (c.ARG_SRC, c.ARG_WEIGHTS, c.ARG_BIAS, c.ARG_DST)
    name = "matmul_primitive_desc_create"
    return library.build("matmul", name, arguments, args, post_ops, accept=accept)

"""Matrix products with broadcast batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
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
    Returns None where no fast implementation has these layouts, or where oneDNN would misread them.
    """
    if any(map(_is_misread, (x, y, dst))):
        return None
    bias_handle = bias.handle if bias is not None else None

    def arguments(attr: int) -> Sequence[Any]:
        handles = (x.handle, y.handle, bias_handle, dst.handle)
        return (library.library.engine, *handles, attr)

    args = (c.ARG_SRC, c.ARG_WEIGHTS, c.ARG_BIAS, c.ARG_DST)
    name = "matmul_primitive_desc_create"
    key = (x, y, dst, bias)
    return library.build("matmul", name, arguments, args, post_ops, key=key, accept=accept)


def _is_misread(desc: Desc) -> bool:
    """Whether oneDNN takes two batch axes for one that they are not.

    ``brg_matmul`` (3.6.2) compares the stride of the first batch axis with that of the last one
    times the *whole* batch, where the batch without its first axis is meant. Where they happen to
    agree, as for q of ``[b, t, 3, heads, dim]`` with ``b == 3 * t``, only the first matrices come
    out right. Found by comparing all small sizes with numpy.
    """
    rank = len(desc.dims)
    if rank < 4 or desc.dims[0] == 1 or not desc.is_strided:
        return False
    batch = prod(desc.dims[:-2])
    wrong = {batch * desc.strides[-3], *(desc.dims[0] * size for size in desc.dims[-2:])}
    right = desc.strides[-3] * prod(desc.dims[1:-2])
    return desc.strides[0] in wrong and desc.strides[0] != right

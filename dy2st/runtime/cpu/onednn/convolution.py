"""Convolutions and transposed convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dy2st.records import record
from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.onednn.descriptor import Desc, Dims, int64s
from dy2st.runtime.cpu.onednn.primitive import PostOp, Primitive, Primitives


@record(frozen=True)
class Convolution:
    """What a convolution computes, apart from layouts.

    ``src`` is (N, C, spatial...), ``dst`` (N, O, spatial...), ``kernel`` the spatial kernel;
    ``pads`` are (low, high) for each spatial axis; ``dilations`` count from 1 (1 is dense).
    The weights are (O, C/groups, kernel...), for a transposed one (C, O/groups, kernel...) as
    Paddle has them; here they are seen as ``weights_dims``.
    """

    src: Dims
    dst: Dims
    kernel: Dims
    strides: Dims
    pads: tuple[tuple[int, int], ...]
    dilations: Dims
    groups: int = 1
    bias: bool = False
    transposed: bool = False
    dtype: str = "float32"

    @property
    def weights_dims(self) -> Dims:
        """oneDNN's logical sizes of the weights: ([G,] O/G, I/G, kernel...)."""
        out, into = self.dst[1] // self.groups, self.src[1] // self.groups
        head = (self.groups,) if self.groups > 1 else ()
        return (*head, out, into, *self.kernel)


def make_convolution(
    library: Primitives,
    spec: Convolution,
    src: Desc | None = None,
    dst: Desc | None = None,
    post_ops: Sequence[PostOp] = (),
    *,
    weights: Desc | None = None,
    algorithm: int = c.CONV_DIRECT,
    accept: Callable[[str], bool] | None = None,
) -> Primitive | None:
    """A convolution for given layouts of source and destination; None asks oneDNN to choose.

    Returns None where no fast implementation has these layouts.
    """
    descs = library.descs
    src = src or descs.any(spec.src, spec.dtype)
    dst = dst or descs.any(spec.dst, spec.dtype)
    weights = weights or descs.any(spec.weights_dims, spec.dtype)
    bias = descs.row_major((spec.dst[1],), spec.dtype).handle if spec.bias else None
    low, high = [p[0] for p in spec.pads], [p[1] for p in spec.pads]
    tail = (
        *(int64s(spec.strides), int64s([d - 1 for d in spec.dilations])),
        *(int64s(low), int64s(high)),
    )

    def arguments(attr: int) -> Sequence[Any]:
        alg = c.DECONV_DIRECT if spec.transposed else algorithm
        head = (library.library.engine, c.FORWARD_INFERENCE, alg)
        return (*head, src.handle, weights.handle, bias, dst.handle, *tail, attr)

    kind = "deconvolution" if spec.transposed else "convolution"
    args = (c.ARG_SRC, c.ARG_WEIGHTS, c.ARG_BIAS, c.ARG_DST)
    name = f"{kind}_forward_primitive_desc_create"
    key = (spec, src, dst, weights, algorithm)
    return library.build(kind, name, arguments, args, post_ops, key=key, accept=accept)

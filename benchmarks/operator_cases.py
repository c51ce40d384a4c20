"""One call of every operation at a size that models have, for ``benchmarks/operators.py``.

A case is a function of Paddle tensors and the arrays that it is called with. Its name begins with the
operation's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F

_C = paddle._C_ops
RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Case:
    """``function(*arrays)`` is one call of the operation ``name``."""

    name: str
    function: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]


def f(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """float32 values."""
    return RNG.uniform(low, high, shape).astype(np.float32)


def i(*shape: int, high: int = 100, dtype: str = "int64") -> np.ndarray:
    """Integers from 0."""
    return RNG.integers(0, high, shape).astype(dtype)


def m(*shape: int) -> np.ndarray:
    """Bools."""
    return RNG.random(shape) < 0.5


def boxes(n: int, size: float) -> np.ndarray:
    """Boxes of a picture, x1 y1 x2 y2."""
    at, by = RNG.uniform(0, size * 0.8, (n, 2)), RNG.uniform(4, size * 0.2, (n, 2))
    return np.concatenate([at, at + by], 1).astype(np.float32)


def spd(n: int, size: int) -> np.ndarray:
    """Symmetric positive definite matrices."""
    a = RNG.normal(size=(n, size, size))
    return (a @ a.transpose(0, 2, 1) + size * np.eye(size)).astype(np.float32)


def _names(text: str) -> list[tuple[str, Any]]:
    """The names in a text, each with Paddle's function of that name."""
    return [(n, getattr(paddle, n, None) or getattr(F, n)) for n in text.split()]


S = (128, 768)
IMAGE = (2, 64, 56, 56)


def all_cases() -> Iterator[Case]:
    """Every case."""
    for family in (
        _maps,
        _reductions,
        _movement,
        _indexing,
        _pictures,
        _detection,
        _others,
        _small,
    ):
        for name, function, *arrays in family():
            yield Case(name, function, tuple(arrays))


def _maps() -> Iterator[Any]:
    x = f(*S)
    for name, g in _names(
        "abs asinh atan ceil cos cosh digamma erf exp expm1 floor i0 i0e i1 i1e isfinite isinf isnan"
        " lgamma reciprocal round sigmoid sign sin sinh square tan tanh trunc angle"
    ):
        yield name, g, x
    positive = f(*S, low=0.1, high=0.9)
    for name, g in _names("acos asin atanh erfinv log log10 log1p log2 logit rsqrt sqrt gammaln"):
        yield name, g, positive
    yield "acosh", paddle.acosh, positive + 1
    for name, g in _names(
        "celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu mish relu relu6 selu silu"
        " softplus softshrink softsign swish tanhshrink thresholded_relu log_sigmoid swiglu"
    ):
        yield name, g, x
    y = f(*S)
    for name, g in _names(
        "add subtract multiply divide maximum minimum fmax fmin atan2 copysign floor_divide remainder"
        " heaviside nextafter equal not_equal less_than less_equal greater_than greater_equal"
        " isclose allclose equal_all dist lerp"
    ):
        extra = (0.5,) if name == "lerp" else ()
        yield name, lambda a, b, g=g, e=extra: g(a, b, *e), x, y
    yield "elementwise_pow", paddle.pow, positive, y
    yield "pow", lambda a: paddle.pow(a, 2.5), positive
    yield "scale", lambda a: paddle.scale(a, 2.0, 1.0), x
    yield "clip", lambda a: paddle.clip(a, -1.0, 1.0), x
    yield "cast", lambda a: a.astype("int64"), x
    yield "add row", paddle.add, x, f(768)
    p, q = i(*S), i(*S) + 1
    for name, g in _names(
        "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift"
    ):
        yield name, g, p, q % 7
    yield "floor_divide int", paddle.floor_divide, p, q
    yield "remainder int", paddle.remainder, p, q
    yield "bitwise_not", paddle.bitwise_not, p
    a, b = m(*S), m(*S)
    for name, g in _names("logical_and logical_or logical_xor"):
        yield name, g, a, b
    yield "logical_not", paddle.logical_not, a
    yield "where", paddle.where, a, x, y
    yield "prelu", F.prelu, f(*IMAGE), f(64)
    yield "masked_fill", lambda a, k: paddle.masked_fill(a, k, 0.0), x, a
    yield "complex", lambda a, b: paddle.real(paddle.complex(a, b)), x, y
    yield "as_complex", lambda a: paddle.abs(paddle.as_complex(a)), f(128, 384, 2)
    yield "multiply complex", lambda a: paddle.as_real(paddle.as_complex(a) ** 2), f(128, 384, 2)


def _reductions() -> Iterator[Any]:
    x = f(*S)
    for name, g in _names(
        "sum mean max min prod amax amin argmax argmin logsumexp std var median nanmedian"
    ):
        yield name, lambda a, g=g: g(a, axis=-1), x
        yield name + " axis 0", lambda a, g=g: g(a, axis=0), x
    yield "sum all", paddle.sum, x
    yield "all", lambda a: paddle.all(a, axis=-1), m(*S)
    yield "any", lambda a: paddle.any(a, axis=-1), m(*S)
    yield "p_norm", lambda a: paddle.linalg.norm(a, p=3, axis=-1), x
    yield "frobenius_norm", paddle.linalg.norm, x
    for name, g in _names("cumsum cumprod cummax cummin logcumsumexp"):
        key = "dim" if name == "cumprod" else "axis"
        yield name, lambda a, g=g, k=key: g(a, **{k: -1}), x
        yield name + " axis 0", lambda a, g=g, k=key: g(a, **{k: 0}), x
    yield "argsort", paddle.argsort, x
    yield "sort", paddle.sort, x
    yield "sort axis 0", lambda a: paddle.sort(a, axis=0), x
    yield "topk", lambda a: paddle.topk(a, 5), x
    yield "topk wide", lambda a: paddle.topk(a, 1000), f(1, 20000)
    yield "kthvalue", lambda a: paddle.kthvalue(a, 5), x
    yield "mode", paddle.mode, i(*S, high=20).astype(np.float32)
    yield "unique", paddle.unique, i(10000, high=500)
    yield "unique inverse", lambda a: paddle.unique(a, True, True, True), i(10000, high=500)
    yield "unique_consecutive", paddle.unique_consecutive, i(10000, high=3)
    yield "bincount", paddle.bincount, i(10000, high=500)
    yield "histogram", lambda a: paddle.histogram(a, 100, -2, 2), x
    yield "searchsorted", paddle.searchsorted, np.sort(f(1000)), x
    yield "bucketize", paddle.bucketize, x, np.sort(f(100))
    yield "softmax", F.softmax, x
    yield "softmax axis 1", lambda a: F.softmax(a, axis=1), f(2, 64, 56, 56)
    yield "log_softmax", F.log_softmax, x
    yield "cross_entropy_with_softmax", F.cross_entropy, x, i(128, 1, high=768)
    yield "nll_loss", F.nll_loss, x, i(128, high=768)
    yield "smooth_l1", F.smooth_l1_loss, x, f(*S)
    yield "kldiv_loss", F.kl_div, x, f(*S, low=0.1)
    yield "bce_loss", F.binary_cross_entropy, f(*S, low=0.1, high=0.9), f(*S, low=0.1, high=0.9)
    yield "bce logits", F.binary_cross_entropy_with_logits, x, f(*S, low=0.1, high=0.9)
    yield "layer_norm", lambda a, w, b: F.layer_norm(a, [768], w, b), x, f(768), f(768)
    yield "instance_norm", F.instance_norm, f(*IMAGE)
    yield "group_norm", lambda a: F.group_norm(a, 8), f(*IMAGE)
    yield (
        "batch_norm",
        F.batch_norm,
        f(*IMAGE),
        f(64),
        f(64, low=0.1),
        f(64),
        f(64),
    )
    yield "normalize", F.normalize, x
    yield "renorm", lambda a: paddle.renorm(a, 2.0, 0, 1.0), x
    yield "local_response_norm", lambda a: F.local_response_norm(a, 5), f(*IMAGE)
    yield "rms_norm", lambda a, w: a * paddle.rsqrt(a.square().mean(-1, True) + 1e-6) * w, x, f(768)


def _movement() -> Iterator[Any]:
    x, y = f(*S), f(2, 64, 56, 56)
    yield "transpose", lambda a: paddle.transpose(a, [1, 0]), x
    yield "transpose heads", lambda a: paddle.transpose(a, [0, 2, 1, 3]), f(1, 128, 12, 64)
    yield "transpose nhwc", lambda a: paddle.transpose(a, [0, 2, 3, 1]), y
    yield "concat", lambda a, b: paddle.concat([a, b], 1), y, y
    yield "concat last", lambda a, b: paddle.concat([a, b], -1), x, x
    yield "stack", lambda a, b: paddle.stack([a, b], 1), x, x
    yield "split", lambda a: paddle.split(a, 3, -1), x
    yield "chunk", lambda a: paddle.chunk(a, 2, 1), y
    yield "unbind", lambda a: paddle.unbind(a, 0), f(8, 128, 96)
    yield "slice", lambda a: a[:, 8:40, 4:-4, 4:-4], y
    yield "strided_slice", lambda a: a[:, :, ::2, 1::2], y
    yield "set_value", lambda a: paddle.slice_scatter(a, a[:, :8], [1], [8], [16], [1]), y
    yield "tile", lambda a: paddle.tile(a, [1, 4]), x
    yield "expand", lambda a: paddle.expand(a, [4, 128, 768]), x
    yield "repeat_interleave", lambda a: paddle.repeat_interleave(a, 4, 0), x
    yield (
        "repeat_interleave_with_tensor_index",
        lambda a, k: paddle.repeat_interleave(a, k, 0),
        x,
        i(128, high=5),
    )
    yield "flip", lambda a: paddle.flip(a, [3]), y
    yield "roll", lambda a: paddle.roll(a, [3, 3], [2, 3]), y
    yield "rot90", lambda a: paddle.rot90(a, 1, [2, 3]), y
    yield "pad", lambda a: F.pad(a, [1, 1, 1, 1]), y
    yield "pad3d reflect", lambda a: F.pad(a, [1, 1, 1, 1], mode="reflect"), y
    yield "pad3d replicate", lambda a: F.pad(a, [1, 1, 1, 1], mode="replicate"), y
    yield "pad3d circular", lambda a: F.pad(a, [1, 1, 1, 1], mode="circular"), y
    yield "tril", paddle.tril, f(12, 128, 128)
    yield "triu", paddle.triu, f(12, 128, 128)
    yield "diag", paddle.diag, f(512)
    yield "diag matrix", paddle.diag, f(512, 512)
    yield "diag_embed", paddle.diag_embed, f(64, 128)
    yield "diagonal", paddle.diagonal, f(64, 128, 128)
    yield "fill_diagonal_tensor", lambda a, b: a.fill_diagonal_tensor(b), f(512, 512), f(512)
    yield "tril_indices", lambda a: a + paddle.tril_indices(256, 256, 0), i(1)
    yield "triu_indices", lambda a: a + paddle.triu_indices(256, 256, 0), i(1)
    yield "linspace", lambda a: a + paddle.linspace(0, 1, 10000), f(1)
    yield "arange", lambda a: a + paddle.arange(10000), i(1)
    yield "eye", lambda a: a + paddle.eye(256), f(1)
    yield "meshgrid", lambda a, b: paddle.meshgrid(a, b), f(256), f(256)
    yield "unfold", lambda a: F.unfold(a, 3, 1, 1), y
    yield "fold", lambda a: F.fold(a, [56, 56], 3, 1, 1), f(2, 64 * 9, 56 * 56)
    yield "frame", lambda a: paddle.signal.frame(a, 512, 128), f(1, 16000)
    yield "overlap_add", lambda a: paddle.signal.overlap_add(a, 128), f(1, 512, 122)
    yield "pixel_shuffle", lambda a: F.pixel_shuffle(a, 2), y
    yield "pixel_unshuffle", lambda a: F.pixel_unshuffle(a, 2), y
    yield "channel_shuffle", lambda a: F.channel_shuffle(a, 4), y
    yield "temporal_shift", lambda a: F.temporal_shift(a, 2, 0.25), y
    yield "view_dtype", lambda a: a.view("int32") + 1, x
    yield "kron", paddle.kron, f(32, 32), f(16, 16)
    yield "crop", lambda a: paddle.crop(a, [2, 32, 40, 40], [0, 8, 4, 4]), y
    yield "as_strided", lambda a: paddle.as_strided(a, [100, 256], [64, 1]) + 1.0, f(10000)


def _indexing() -> Iterator[Any]:
    x = f(*S)
    yield "gather", paddle.gather, f(1000, 768), i(128, high=1000)
    yield "gather axis 1", lambda a, k: paddle.gather(a, k, 1), x, i(100, high=768)
    yield "gather_nd", paddle.gather_nd, f(64, 64, 32), i(1000, 2, high=64)
    yield "index_select", paddle.index_select, f(1000, 768), i(128, high=1000)
    yield "index_sample", paddle.index_sample, x, i(128, 100, high=768)
    yield "take_along_axis", lambda a, k: paddle.take_along_axis(a, k, 1), x, i(128, 100, high=768)
    yield (
        "put_along_axis",
        lambda a, k, v: paddle.put_along_axis(a, k, v, 1),
        x,
        i(128, 100, high=768),
        f(128, 100),
    )
    yield (
        "put_along_axis add",
        lambda a, k, v: paddle.put_along_axis(a, k, v, 1, "add"),
        x,
        i(128, 100, high=768),
        f(128, 100),
    )
    index = RNG.permutation(1000)[:128].astype(np.int64)
    yield "scatter", paddle.scatter, f(1000, 768), index, x
    yield "scatter add", lambda a, k, v: paddle.scatter(a, k, v, False), f(1000, 768), index, x
    yield "scatter_nd_add", paddle.scatter_nd_add, f(1000, 768), i(128, 1, high=1000), x
    yield "index_add", lambda a, k, v: paddle.index_add(a, k, 0, v), f(1000, 768), index, x
    yield "index_put", lambda a, k, v: paddle.index_put(a, (k,), v), f(1000, 768), index, x
    yield "index_fill", lambda a, k: paddle.index_fill(a, k, 0, 1.0), f(1000, 768), index
    yield "nonzero", paddle.nonzero, m(*S)
    yield "masked_select", paddle.masked_select, x, m(*S)
    yield "bool index", lambda a, k: a[k], x, m(128)
    yield "where condition", lambda a: paddle.where(a > 0)[0], x
    yield "masked_scatter", paddle.masked_scatter, x, m(*S), f(*S)
    yield "embedding", F.embedding, i(1, 128, high=1000), f(1000, 768)
    yield "one_hot", lambda a: F.one_hot(a, 1000), i(128, high=1000)
    yield "sequence_mask", lambda a: F.sequence_mask(a, 128), i(32, high=128)
    yield (
        "multiplex",
        lambda a, b, k: paddle.multiplex([a, b], k),
        x,
        x,
        i(128, 1, high=2, dtype="int32"),
    )
    src, dst = i(5000, high=1000), i(5000, high=1000)
    for op in ("sum", "mean", "max"):
        yield (
            f"send_u_recv {op}",
            lambda a, s, d, o=op: paddle.geometric.send_u_recv(a, s, d, o),
            f(1000, 64),
            src,
            dst,
        )
    yield (
        "send_ue_recv",
        lambda a, e, s, d: paddle.geometric.send_ue_recv(a, e, s, d, "add", "sum"),
        f(1000, 64),
        f(5000, 64),
        src,
        dst,
    )
    yield "send_uv", paddle.geometric.send_uv, f(1000, 64), f(1000, 64), src, dst
    yield "segment_pool", paddle.geometric.segment_sum, f(1000, 64), np.sort(i(1000, high=100))
    yield "shard_index", lambda a: paddle.shard_index(a, 1000, 2, 0), i(1000, 1, high=1000)


def _pictures() -> Iterator[Any]:
    x = f(*IMAGE)
    yield "conv2d", lambda a, w: F.conv2d(a, w, padding=1), x, f(64, 64, 3, 3)
    yield "depthwise_conv2d", lambda a, w: F.conv2d(a, w, padding=1, groups=64), x, f(64, 1, 3, 3)
    yield "conv2d groups", lambda a, w: F.conv2d(a, w, padding=1, groups=4), x, f(64, 16, 3, 3)
    yield "conv1d", lambda a, w: F.conv1d(a, w, padding=1), f(2, 64, 1000), f(64, 64, 3)
    yield "conv3d", lambda a, w: F.conv3d(a, w, padding=1), f(1, 16, 8, 28, 28), f(16, 16, 3, 3, 3)
    yield (
        "conv2d_transpose",
        lambda a, w: F.conv2d_transpose(a, w, stride=2),
        x,
        f(64, 32, 2, 2),
    )
    yield (
        "conv3d_transpose",
        lambda a, w: F.conv3d_transpose(a, w, stride=2),
        f(1, 16, 8, 28, 28),
        f(16, 8, 2, 2, 2),
    )
    yield (
        "conv1d_transpose",
        lambda a, w: F.conv1d_transpose(a, w, stride=2),
        f(2, 64, 1000),
        f(64, 32, 4),
    )
    yield "pool2d max", lambda a: F.max_pool2d(a, 3, 2, 1), x
    yield "pool2d avg", lambda a: F.avg_pool2d(a, 3, 2, 1), x
    yield "pool2d global", lambda a: F.adaptive_avg_pool2d(a, 1), x
    yield "pool2d adaptive", lambda a: F.adaptive_avg_pool2d(a, 5), x
    yield "pool2d adaptive max", lambda a: F.adaptive_max_pool2d(a, 5), x
    yield "pool3d", lambda a: F.max_pool3d(a, 2, 2), f(1, 16, 8, 56, 56)
    yield "max_pool2d_with_index", lambda a: F.max_pool2d(a, 2, 2, return_mask=True), x
    yield (
        "max_pool3d_with_index",
        lambda a: F.max_pool3d(a, 2, 2, return_mask=True),
        f(1, 16, 8, 56, 56),
    )
    kept = paddle.nn.functional.max_pool2d(paddle.to_tensor(x), 2, 2, return_mask=True)
    yield (
        "unpool",
        lambda a, k: F.max_unpool2d(a, k, 2, 2),
        kept[0].numpy(),
        kept[1].numpy().astype(np.int32),
    )
    yield "lp_pool2d", lambda a: F.lp_pool2d(a, 2.0, 2, 2), x
    yield (
        "fractional_max_pool2d",
        lambda a: F.fractional_max_pool2d(a, 20, random_u=0.3),
        x,
    )
    for mode in ("nearest", "bilinear", "bicubic"):
        yield f"{mode}_interp", lambda a, k=mode: F.interpolate(a, scale_factor=2, mode=k), x
        if mode != "nearest":
            yield (
                f"{mode}_interp corners",
                lambda a, k=mode: F.interpolate(a, [100, 100], mode=k, align_corners=True),
                x,
            )
    yield "bilinear_interp down", lambda a: F.interpolate(a, [37, 41], mode="bilinear"), x
    yield "area", lambda a: F.interpolate(a, [28, 28], mode="area"), x
    yield "linear_interp", lambda a: F.interpolate(a, [2000], mode="linear"), f(2, 64, 1000)
    yield (
        "trilinear_interp",
        lambda a: F.interpolate(a, [16, 56, 56], mode="trilinear"),
        f(1, 16, 8, 28, 28),
    )
    yield "nearest 3d", lambda a: F.interpolate(a, [16, 56, 56]), f(1, 16, 8, 28, 28)
    grid = f(2, 56, 56, 2, low=-1.1, high=1.1)
    for mode in ("bilinear", "nearest"):
        for pad in ("zeros", "border", "reflection"):
            yield (
                f"grid_sample {mode} {pad}",
                lambda a, g, k=mode, p=pad: F.grid_sample(a, g, k, p),
                x,
                grid,
            )
    yield (
        "grid_sample 3d",
        F.grid_sample,
        f(1, 16, 8, 28, 28),
        f(1, 8, 28, 28, 3, low=-1.1, high=1.1),
    )
    yield "affine_grid", lambda t: F.affine_grid(t, [2, 64, 56, 56]), f(2, 2, 3)
    yield (
        "deformable_conv",
        lambda a, o, w, k: paddle.vision.ops.deform_conv2d(a, o, w, mask=k, padding=1),
        f(1, 64, 28, 28),
        f(1, 18, 28, 28),
        f(64, 64, 3, 3),
        f(1, 9, 28, 28, low=0, high=1),
    )


def _detection() -> Iterator[Any]:
    ops = paddle.vision.ops
    rois = boxes(100, 200)
    n = np.array([50, 50], np.int32)
    yield "roi_align", lambda a, b, k: ops.roi_align(a, b, k, 7, 0.25), f(*IMAGE), rois, n
    yield (
        "roi_align ratio 2",
        lambda a, b, k: ops.roi_align(a, b, k, 7, 0.25, 2),
        f(*IMAGE),
        rois,
        n,
    )
    yield "roi_pool", lambda a, b, k: ops.roi_pool(a, b, k, 7, 0.25), f(*IMAGE), rois, n
    yield "psroi_pool", lambda a, b, k: ops.psroi_pool(a, b, k, 7, 0.25), f(2, 98, 56, 56), rois, n
    yield "nms", lambda b: ops.nms(b, 0.5), boxes(1000, 200)
    yield "nms scores", lambda b, s: ops.nms(b, 0.5, s), boxes(1000, 200), f(1000)
    yield (
        "multiclass_nms3",
        lambda b, s: _C.multiclass_nms3(b, s, None, 0.3, 400, 100, 0.5, True, 1.0, -1),
        boxes(1000, 200)[None],
        f(1, 20, 1000, low=0, high=1) ** 4,
    )
    yield (
        "matrix_nms",
        lambda b, s: ops.matrix_nms(b, s, 0.3, 0.1, 400, 100),
        boxes(1000, 200)[None],
        f(1, 20, 1000, low=0, high=1) ** 4,
    )
    yield (
        "generate_proposals",
        lambda s, d, z, a, v: ops.generate_proposals(
            s, d, z, a, v, 1000, 300, 0.7, 0.0, return_rois_num=True
        ),
        f(1, 3, 40, 40),
        f(1, 12, 40, 40, low=-0.2, high=0.2),
        np.array([[640, 640]], np.float32),
        boxes(40 * 40 * 3, 600).reshape(40, 40, 3, 4),
        np.ones((40, 40, 3, 4), np.float32),
    )
    yield (
        "distribute_fpn_proposals",
        lambda b, k: ops.distribute_fpn_proposals(b, 2, 5, 4, 224, rois_num=k),
        boxes(1000, 800),
        np.array([1000], np.int32),
    )
    yield (
        "box_coder",
        lambda p, t: ops.box_coder(p, [0.1, 0.1, 0.2, 0.2], t, "decode_center_size", axis=0),
        boxes(1000, 200),
        f(1, 1000, 4, low=-0.2, high=0.2),
    )
    yield (
        "yolo_box",
        lambda a, s: ops.yolo_box(a, s, [10, 13, 16, 30, 33, 23], 80, 0.01, 8),
        f(1, 255, 40, 40),
        np.array([[320, 320]], np.int32),
    )
    yield (
        "prior_box",
        lambda a, b: ops.prior_box(a, b, [100.0], [200.0], [2.0, 3.0]),
        f(1, 64, 19, 19),
        f(1, 3, 300, 300),
    )


def _others() -> Iterator[Any]:
    x = f(*S)
    yield "matmul", paddle.matmul, x, f(768, 768)
    yield "bmm", paddle.bmm, f(12, 128, 64), f(12, 64, 128)
    yield "addmm", paddle.addmm, f(128, 768), x, f(768, 768)
    yield "mv", paddle.mv, f(768, 768), f(768)
    yield "dot", paddle.dot, f(10000), f(10000)
    yield "linear", F.linear, x, f(768, 768), f(768)
    yield "bilinear", F.bilinear, f(32, 64), f(32, 64), f(16, 64, 64)
    yield (
        "einsum",
        lambda a, b: paddle.einsum("bhid,bhjd->bhij", a, b),
        f(1, 12, 128, 64),
        f(1, 12, 128, 64),
    )
    yield "einsum outer", lambda a, b: paddle.einsum("i,j->ij", a, b), f(512), f(512)
    yield "cross", lambda a, b: paddle.cross(a, b, 1), f(10000, 3), f(10000, 3)
    yield "cdist", paddle.cdist, f(200, 64), f(200, 64)
    yield "cholesky", paddle.linalg.cholesky, spd(4, 64)
    yield "inverse", paddle.linalg.inv, spd(4, 64)
    yield "inverse 3x3", paddle.linalg.inv, spd(64, 3)
    yield "det", paddle.linalg.det, spd(64, 3)
    yield "slogdet", paddle.linalg.slogdet, spd(64, 3)
    yield "solve", paddle.linalg.solve, spd(4, 64), f(4, 64, 8)
    yield "triangular_solve", paddle.linalg.triangular_solve, np.triu(spd(4, 64)), f(4, 64, 8)
    yield "eigh", paddle.linalg.eigh, spd(1, 64)
    yield "svd", paddle.linalg.svd, f(1, 64, 32)
    yield "matrix_power", lambda a: paddle.linalg.matrix_power(a, 3), f(4, 64, 64)
    wave = f(1, 16000)
    yield "fft_r2c", lambda a: paddle.abs(paddle.fft.rfft(a)), f(64, 512)
    yield "fft_c2c", lambda a: paddle.real(paddle.fft.fft(a)), f(64, 512)
    yield "fft_c2r", lambda a: paddle.fft.irfft(paddle.fft.rfft(a)), f(64, 512)
    yield "fft2", lambda a: paddle.abs(paddle.fft.fft2(a)), f(4, 64, 64)
    window = np.hanning(512).astype(np.float32)
    yield (
        "stft",
        lambda a, w: paddle.abs(paddle.signal.stft(a, 512, 128, window=w)),
        wave,
        window,
    )
    yield "gumbel_softmax", F.gumbel_softmax, x
    yield "uniform", lambda a: a + paddle.rand([128, 768]), x
    yield "gaussian", lambda a: a + paddle.randn([128, 768]), x
    yield "randint", lambda a: a + paddle.randint(0, 10, [128, 768]), i(*S)
    yield "randperm", lambda a: a + paddle.randperm(10000), i(1)
    yield "bernoulli", paddle.bernoulli, f(*S, low=0, high=1)
    yield "multinomial", lambda a: paddle.multinomial(a, 1), f(128, 768, low=0.1, high=1)
    yield "dropout", lambda a: F.dropout(a, 0.5), x
    yield "poisson", paddle.poisson, f(*S, low=0, high=3)
    yield "gather_tree", F.gather_tree, i(20, 8, 4, high=100), i(20, 8, 4, high=4)
    yield (
        "viterbi_decode",
        lambda a, t, n: paddle.text.viterbi_decode(a, t, n),
        f(8, 64, 12),
        f(12, 12),
        np.full(8, 64, np.int64),
    )
    yield (
        "warpctc",
        lambda a, y, n, k: F.ctc_loss(a, y, n, k),
        f(50, 8, 40),
        i(8, 10, high=39, dtype="int32") + 1,
        np.full(8, 50, np.int64),
        np.full(8, 10, np.int64),
    )
    yield "clip_by_norm", lambda a: _C.clip_by_norm(a, 1.0), x
    yield "label_smooth", F.label_smooth, f(*S)
    yield "maxout", lambda a: F.maxout(a, 2), f(*IMAGE)
    yield "huber", lambda a, b: F.smooth_l1_loss(a, b), x, f(*S)
    yield "sigmoid_cross_entropy", lambda a, b: F.sigmoid_focal_loss(a, b), x, f(*S, low=0, high=1)
    yield "lstm", _lstm(), f(8, 32, 128)


def _small() -> Iterator[Any]:
    """Small operands: what a call costs."""
    yield "small add", paddle.add, f(8), f(8)
    yield "small nonzero", paddle.nonzero, m(16)
    yield "small masked_select", paddle.masked_select, f(16), m(16)
    yield "small unique", paddle.unique, i(16, high=5)
    yield "small nms", lambda b: paddle.vision.ops.nms(b, 0.5), boxes(10, 200)
    yield "small inverse", paddle.linalg.inv, spd(1, 3)
    yield "small cummax", paddle.cummax, f(16)
    yield (
        "small put_along_axis",
        lambda a, k: paddle.put_along_axis(a, k, 1.0, 0),
        f(16),
        i(4, high=16),
    )
    yield "small searchsorted", paddle.searchsorted, np.sort(f(16)), f(4)
    yield "small linspace", lambda a: a + paddle.linspace(0, 1, 16), f(1)
    yield "small scatter", paddle.scatter, f(8, 4), np.arange(4), f(4, 4)


def _lstm() -> Any:
    layer = paddle.nn.LSTM(128, 128)
    layer.eval()
    return lambda a: layer(a)[0]

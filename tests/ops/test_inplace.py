"""Operations that write in place, on tensors and on views of them: compiled equals eager."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from dy2st import to_static

_rng = np.random.default_rng(0)


def r(*shape):
    return paddle.to_tensor(_rng.uniform(0.1, 0.9, shape).astype("float32"))


x, y, m, i, b, r3 = r(3, 4), r(3, 4), r(4, 4), paddle.to_tensor([0, 2, 1]), r(3, 4) > 0.5, r(3)

UNARY = """
abs_ acos_ asin_ atan_ ceil_ cos_ cosh_ exp_ erfinv_
floor_ reciprocal_ round_ rsqrt_ sigmoid_ sin_ sinh_ sqrt_ square_ tan_
tanh_ trunc_ log_ log2_ log10_ log1p_ neg_ frac_ digamma_ lgamma_
i0_ logit_ zero_ flatten_ tril_ triu_ t_ logical_not_ cumsum_ acosh_
asinh_ atanh_ sinc_ nan_to_num_
""".split()
BINARY = """
add_ subtract_ multiply_ divide_ remainder_ floor_divide_ maximum_ hypot_ copysign_ mod_
equal_ not_equal_ less_than_ greater_equal_ logical_and_
""".split()
CALLS = {
    **{n: (lambda z, n=n: getattr(z, n)()) for n in UNARY},
    **{n: (lambda z, n=n: getattr(z, n)(y)) for n in BINARY if hasattr(paddle.Tensor, n)},
    "scale_": lambda z: z.scale_(2.0, 1.0),
    "clip_": lambda z: z.clip_(0.2, 0.5),
    "fill_": lambda z: z.fill_(3.0),
    "reshape_": lambda z: z.reshape_([4, 3]),
    "squeeze_": lambda z: z.unsqueeze_(0).squeeze_(0),
    "transpose_": lambda z: z.transpose_([1, 0]),
    "fill_diagonal_": lambda z: z.fill_diagonal_(1.0),
    "fill_diagonal_tensor_": lambda z: z.fill_diagonal_tensor_(r3),
    "masked_fill_": lambda z: z.masked_fill_(b, 0.0),
    "index_fill_": lambda z: z.index_fill_(i[:2], 0, 0.5),
    "index_add_": lambda z: z.index_add_(i, 0, y),
    "index_put_": lambda z: z.index_put_((i,), y),
    "scatter_": lambda z: z.scatter_(i, y),
    "put_along_axis_": lambda z: z.put_along_axis_(i.reshape([3, 1]), 1.0, 1),
    "lerp_": lambda z: z.lerp_(y, 0.3),
    "relu_": lambda z: F.relu_(z - 0.5),
    "elu_": lambda z: F.elu_(z - 0.5),
    "softmax_": lambda z: F.softmax_(z),
    "tanh2": lambda z: F.tanh_(z),
    "leaky": lambda z: F.leaky_relu_(z - 0.5),
    "thr": lambda z: F.thresholded_relu_(z, 0.5),
    "hardtanh_": lambda z: F.hardtanh_(z, -0.5, 0.5),
    "cast_": lambda z: z.cast_("float64"),
    "copy_": lambda z: z.copy_(y, True),
    "setitem": lambda z: z.__setitem__(0, 1.0) or z,
    "setslice": lambda z: z.__setitem__((slice(0, 2), slice(None, None, 2)), y[:2, :2]) or z,
    "setmask": lambda z: z.__setitem__(b, 0.0) or z,
    "setidx": lambda z: z.__setitem__(i, y) or z,
    "viewwrite": lambda z: (z[0].fill_(7.0), z)[1],
    "viewwrite2": lambda z: (z.reshape([2, 6])[1].scale_(2.0), z)[1],
    "viewwrite3": lambda z: (z.transpose([1, 0])[0].add_(y[:, 0]), z)[1],
    "increment": lambda z: paddle.increment(z[0, 0:1]),
    "assign_out": lambda z: paddle.assign(y, z),
    "renorm_": lambda z: z.renorm_(2.0, 0, 1.0),
    "unsq": lambda z: z.unsqueeze_([0, -1]),
    "addmm_": lambda z: m.clone().addmm_(m, m),
    "gammaln_": lambda z: z.gammaln_(),
    "divv": lambda z: z / 6.0,
    "cumprod_": lambda z: z.cumprod_(1),
    "where_": lambda z: paddle.where_(b, z, y),
    "expand_": lambda z: z.expand([2, 3, 4]),
}


@pytest.mark.parametrize("name", CALLS)
def test_both_the_result_and_the_tensor_are_eagers(name):
    def call(t):
        z = t.clone()
        out = CALLS[name](z)
        return out, z

    want = call(x)
    got = to_static(call)(x)
    for g, w in zip(got, want):
        assert (g.dtype, g.shape) == (w.dtype, w.shape)
        np.testing.assert_allclose(g.numpy(), w.numpy(), rtol=1e-4, atol=1e-5, equal_nan=True)

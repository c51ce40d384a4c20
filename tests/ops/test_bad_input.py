"""Operands that an operation cannot take: refused as eager refuses them, and also where eager reads
outside of a tensor or silently gives nothing."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from dy2st import to_static
from dy2st.errors import Dy2stError

_rng = np.random.default_rng(11)


def r(*shape):
    return paddle.to_tensor(_rng.uniform(0, 1, shape).astype("float32"))


x, i, img = r(3, 4), paddle.to_tensor([0, 7]), r(1, 3, 4, 4)

CALLS = {
    "matmul": lambda: x @ x,
    "add": lambda: x + r(3, 5),
    "concat": lambda: paddle.concat([x, r(2, 5)], 0),
    "stack": lambda: paddle.stack([x, r(3, 5)]),
    "reshape": lambda: x.reshape([5, -1]),
    "reshape2": lambda: x.reshape([5, 2]),
    "transpose": lambda: x.transpose([0, 2]),
    "squeeze": lambda: x.squeeze(5),
    "conv": lambda: F.conv2d(img, r(2, 4, 3, 3)),
    "convbig": lambda: F.conv2d(img, r(2, 3, 7, 7)),
    "pool": lambda: F.max_pool2d(img, 7),
    "bn": lambda: F.batch_norm(img, r(4), r(4)),
    "ln": lambda: F.layer_norm(x, 5),
    "gather": lambda: paddle.gather(x, i),
    "gather_nd": lambda: paddle.gather_nd(x, paddle.to_tensor([[5, 5]])),
    "index_select": lambda: paddle.index_select(x, i),
    "embedding": lambda: F.embedding(i, x),
    "one_hot": lambda: F.one_hot(i, 4),
    "getitem": lambda: x[5],
    "getitem2": lambda: x[:, 9],
    "getidx": lambda: x[i],
    "split": lambda: paddle.split(x, 3, 1),
    "split2": lambda: paddle.split(x, [1, 2], 1),
    "chunk": lambda: paddle.unbind(x, 4),
    "topk": lambda: paddle.topk(x, 9),
    "axis": lambda: paddle.sum(x, 5),
    "softmax": lambda: F.softmax(x, 5),
    "intdiv": lambda: i // paddle.to_tensor([0, 1]),
    "intmod": lambda: i % paddle.to_tensor([0, 1]),
    "expand": lambda: x.expand([3, 5]),
    "tile": lambda: paddle.expand(x, [4]),
    "where": lambda: paddle.where(x > 0, x, r(3, 5)),
    "ce": lambda: F.cross_entropy(x, paddle.to_tensor([0, 1, 9])),
    "take_along": lambda: paddle.take_along_axis(x, paddle.to_tensor([[9]]), 1, broadcast=False),
    "put_along": lambda: paddle.put_along_axis(x, paddle.to_tensor([[9]]), 1.0, 1, broadcast=False),
    "scatter": lambda: paddle.scatter(x, i, r(2, 4)),
    "index_add": lambda: paddle.index_add(x, i, 0, r(2, 4)),
    "einsum": lambda: paddle.einsum("ij,jk->ik", x, x),
    "bmm": lambda: paddle.bmm(r(2, 3, 4), r(3, 4, 5)),
    "linear": lambda: F.linear(x, r(5, 2)),
    "gn": lambda: F.group_norm(img, 2),
    "pixel": lambda: F.pixel_shuffle(img, 2),
    "dtype": lambda: x + paddle.to_tensor([1, 2, 3, 4]),
    "dtype2": lambda: paddle.matmul(x, paddle.ones([4, 2], "int64")),
    "rnnsize": lambda: F.linear(x.reshape([2, 6]), r(4, 4)),
    "setitem": lambda: x.clone().__setitem__((0, slice(None)), r(5)),
    "pad": lambda: F.pad(img, [9, 9, 9, 9], mode="reflect"),
    "cumsum": lambda: paddle.cumsum(x, 4),
    "flip": lambda: paddle.flip(x, [3]),
    "unfold": lambda: F.unfold(img, 9),
    "grid": lambda: F.grid_sample(img, r(2, 2, 2, 2)),
}
# Eager gives garbage or an empty tensor.
ONLY_OURS = {"convbig", "pool", "getidx", "dtype2"}
# Raised by Paddle's own Python, or as Python's own error.
NOT_OURS = {"ln", "getitem", "getitem2", "chunk", "where", "put_along"}


@pytest.mark.parametrize("name", CALLS)
def test_it_is_refused(name):
    call = CALLS[name]
    if name not in ONLY_OURS:
        with pytest.raises(Exception, match=r"."):
            call()
    with pytest.raises((ValueError, IndexError, RuntimeError) if name in NOT_OURS else Dy2stError):
        to_static(call)()
    # The process is as before.
    np.testing.assert_allclose(to_static(lambda: x + 1)().numpy(), x.numpy() + 1, rtol=1e-6)

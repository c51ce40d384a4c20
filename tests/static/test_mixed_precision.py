"""``auto_cast`` on a CPU changes nothing in eager; inside of a converted function and around it."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from dy2st import to_static

pytestmark = pytest.mark.filterwarnings("ignore:amp_guard can only be enabled")


class Net(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.b = paddle.nn.Linear(4, 4), paddle.nn.Linear(4, 4)

    def forward(self, x):
        with paddle.amp.auto_cast(enable=False):
            y = self.a(x.astype("float32"))
        with paddle.amp.auto_cast(level="O2", dtype="bfloat16", custom_white_list={"matmul"}):
            y = self.b(y)
        if y.sum() > 0:
            with paddle.amp.auto_cast():
                y = y * 2
        return self.tail(y)

    @paddle.amp.auto_cast(enable=False)
    def tail(self, x):
        return x + 1 if x.max() > 0 else x - 1


@pytest.mark.parametrize("level", [None, "O1", "O2"])
def test_equals_eager(level):
    net = Net()
    eager = Net()
    eager.set_state_dict(net.state_dict())
    net = to_static(net)
    for sign in (1, -1, 1):
        x = paddle.rand([2, 4]) * sign
        if level is None:
            want, got = eager(x), net(x)
        else:
            with paddle.amp.auto_cast(level=level, dtype="bfloat16"):
                want, got = eager(x), net(x)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-4, atol=1e-5)
    assert len(net.forward.programs) == 1

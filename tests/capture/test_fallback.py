"""Operations that run in Paddle's own kernels: their types come from Paddle, asked where it may die."""

from __future__ import annotations

import os
import time

import numpy as np
import paddle
import pytest

from dy2st import to_static
from dy2st.capture import child, fallback
from dy2st.errors import CaptureError

pytestmark = pytest.mark.filterwarnings("ignore:dy2st has no operation")


def leaves(value):
    return [value] if isinstance(value, paddle.Tensor) else list(value)


def regular(n):
    a = paddle.rand([n, n])
    return a @ a.t() + paddle.eye(n)


CALLS = {
    "matrix_rank": (lambda m: paddle.linalg.matrix_rank(m), lambda: paddle.rand([3, 4])),
    "lstsq": (lambda m: paddle.linalg.lstsq(m, m[:, :2])[0], lambda: regular(3)),
    "eigvals": (lambda m: paddle.linalg.eigvals(m).abs().sort(), lambda: regular(3)),
    "polygamma": (lambda m: paddle.polygamma(m + 1, 1), lambda: paddle.rand([3, 4])),
}


@pytest.mark.parametrize("name", CALLS)
def test_results_have_the_kernels_types(name):
    function, make = CALLS[name]
    x = make()
    for want, got in zip(leaves(function(x)), leaves(to_static(function)(x)), strict=True):
        assert want.dtype == got.dtype
        assert want.shape == got.shape
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-3, atol=1e-4)


def test_one_program_for_all_sizes():
    net = to_static(lambda x: paddle.polygamma(x, 1) * 2)
    for n in (4, 5, 6, 7):
        assert net(paddle.ones([n, 3])).shape == [n, 3]
    assert len(net.programs) == 2


def test_a_child_answers():
    assert child.ask(lambda: {"a": [1, "x", None]}) == {"a": [1, "x", None]}


def test_a_child_may_die():
    with pytest.raises(child.ChildDied, match="SIGABRT"):
        child.ask(os.abort)
    with pytest.raises(child.ChildDied, match="ends the process"):
        child.ask(lambda: os._exit(3))


def test_a_child_may_hang(monkeypatch):
    monkeypatch.setattr(child, "_SECONDS", 0.2)
    with pytest.raises(child.ChildDied, match="more than"):
        child.ask(lambda: time.sleep(60))


def test_a_kernel_that_ends_the_process_is_an_error_at_the_line(monkeypatch):
    monkeypatch.setattr(fallback, "_run_eagerly", lambda *args: os.abort())
    with pytest.raises(CaptureError, match="ends the process") as caught:
        to_static(lambda x: paddle.polygamma(x, 2))(paddle.ones([2]))
    assert caught.value.location.file == __file__

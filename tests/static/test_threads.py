"""Several threads: one function called at once, capture beside eager Paddle, thread counts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import paddle

from dy2st import to_static


def run_all(targets):
    errors = []

    def guarded(target):
        try:
            target()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(t,)) for t in targets]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
        assert not t.is_alive()
    if errors:
        raise errors[0]


def test_two_threads_call_one_function():
    net = paddle.nn.Sequential(paddle.nn.Linear(16, 32), paddle.nn.GELU(), paddle.nn.Linear(32, 4))
    weights = [p.numpy() for p in net.parameters()]
    assert len(weights) == 4
    inputs = [paddle.rand([n, 16]) for n in (2, 3, 5, 7)]
    with paddle.no_grad():
        expected = [net(x).numpy() for x in inputs]
    static = to_static(net)

    def work():
        with paddle.no_grad():
            for _ in range(50):
                for x, y in zip(inputs, expected):
                    np.testing.assert_allclose(static(x).numpy(), y, rtol=1e-4, atol=1e-5)

    run_all([work] * 3)
    assert len(static.forward.programs) <= 2


def test_capture_does_not_disturb_eager_in_another_thread():
    stop = threading.Event()
    w = paddle.rand([8, 8])

    def eager():
        while not stop.is_set():
            y = paddle.nn.functional.softmax(w @ w + 1.0)
            y[0] = 0.0
            assert type(y) is paddle.Tensor
            assert y.shape == [8, 8]
            assert np.isfinite(y.numpy()).all()

    def capture():
        try:
            for n in range(2, 40):
                f = to_static(lambda x: paddle.tanh(x @ w).sum() * (x[0, 0] + 1.0))
                x = paddle.ones([n, 8])
                got = f(x).numpy()
                want = (paddle.tanh(x @ w).sum() * 2.0).numpy()
                np.testing.assert_allclose(got, want, rtol=1e-4)
        finally:
            stop.set()

    run_all([eager, capture])


def test_omp_num_threads_is_honoured():
    code = "import dy2st; print(dy2st.get_num_threads())"
    for count in ("1", "2"):
        env = {**os.environ, "OMP_NUM_THREADS": count}
        env.pop("DY2ST_NUM_THREADS", None)
        out = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        assert out.stdout.strip() == count


def test_set_num_threads_changes_nothing_but_speed():
    import dy2st

    net = to_static(paddle.nn.Linear(64, 64))
    x = paddle.rand([128, 64])
    before = dy2st.get_num_threads()
    try:
        with paddle.no_grad():
            outs = []
            for n in (1, 2):
                dy2st.set_num_threads(n)
                assert dy2st.get_num_threads() == n
                outs.append(net(x).numpy())
        np.testing.assert_allclose(outs[0], outs[1], rtol=1e-5, atol=1e-6)
    finally:
        dy2st.set_num_threads(before)

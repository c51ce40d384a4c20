"""Which oneDNN library is used, and which OpenMP runtime it is bound to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dy2st.runtime.cpu.onednn import library as module
from dy2st.runtime.cpu.onednn.primitive import Primitives

SHOW = """
from dy2st.runtime.cpu.onednn.library import onednn, openmp
library = onednn()
if library is None:
    print("none", openmp() and openmp().file)
else:
    print(library.path, library.version, openmp().file)
"""


def in_a_process(before: str = "", **environment: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", before + SHOW],
        env={"PYTHONPATH": ".", **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1], done.stderr


@pytest.mark.parametrize("before", ["", "import paddle\n"])
def test_paddles_library_is_bound_to_paddles_openmp(before: str) -> None:
    pytest.importorskip("paddle")
    shown, _ = in_a_process(before)
    assert "paddle/libs/libdnnl.so.3" in shown
    assert "libiomp5" in shown


def test_one_runtime_where_paddle_comes_later() -> None:
    pytest.importorskip("paddle")
    shown, _ = in_a_process(
        "from dy2st.runtime.cpu.onednn.library import onednn\nonednn()\nimport paddle\n"
        "x = paddle.nn.functional.conv2d(paddle.ones([1,3,8,8]), paddle.ones([4,3,3,3]))\n"
        "assert float(x.sum()) == 27 * 36 * 4\n"
    )
    assert "libiomp5" in shown


def test_wheel_where_paddle_is_absent() -> None:
    if module._wheel_library() is None:
        pytest.skip("the oneDNN wheel is not installed")
    shown, _ = in_a_process("import sys; sys.modules['paddle'] = None\n")
    assert "paddle" not in shown
    assert "(3, 2, 0)" in shown
    assert "gomp" in shown


def test_no_library_is_said_once() -> None:
    hide = (
        "import sys; sys.modules['paddle'] = None\n"
        "from dy2st.runtime.cpu.onednn import library\n"
        "library._DISTRIBUTION = 'no-such-distribution'\n"
        "library.onednn(); library.onednn()\n"
    )
    shown, errors = in_a_process(hide, DY2ST_DEBUG="1")
    assert shown.startswith("none")
    assert errors.count("no oneDNN library") == 1


def test_wrong_calls_are_exceptions(library: Primitives) -> None:
    with pytest.raises(module.OnednnError, match="invalid arguments") as caught:
        library.descs.strided((2, 3), "float32", (-1, -1))
    assert caught.value.status == 2


def test_descriptors_are_shared_and_let_go(library: Primitives, monkeypatch) -> None:
    monkeypatch.setattr(type(library.descs), "_MOST", 50)
    descs = type(library.descs)(library.library)
    a, b = descs.row_major((3, 4)), descs.strided((3, 4), "float32", (4, 1))
    assert a is b
    assert descs.strided((1, 4), "float32", (4, 1)) == descs.strided((1, 4), "float32", (9, 1))
    for n in range(200):
        descs.row_major((n + 1, 5))
    assert len(descs._interned) <= 60
    assert descs.row_major((3, 4)) == a
    assert descs.blocked((2, 20, 3, 3), 16).nbytes == 2 * 32 * 9 * 4


def test_fast_math_of_the_environment_is_not_used() -> None:
    code = """
import numpy as np
from dy2st.runtime.cpu.onednn.primitive import primitives
from dy2st.runtime.cpu.onednn.matmul import make_matmul
library = primitives()
if library is not None:
    d = library.descs
    p = make_matmul(library, d.row_major((64, 64)), d.row_major((64, 64)), d.row_major((64, 64)))
    x = np.random.default_rng(0).standard_normal((64, 64)).astype("float32")
    y, out = np.eye(64, dtype="float32"), np.empty((64, 64), "float32")
    library.execute(p, {1: x.ctypes.data, 33: y.ctypes.data, 17: out.ctypes.data})
    assert np.array_equal(out, x)
"""
    environment = {"PYTHONPATH": ".", "ONEDNN_DEFAULT_FPMATH_MODE": "BF16"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()

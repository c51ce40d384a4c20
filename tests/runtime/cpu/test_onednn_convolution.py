"""Convolutions over ranks, groups, layouts and post-ops, compared with Paddle eager."""

from __future__ import annotations

import numpy as np
import pytest

from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.onednn.convolution import Convolution, make_convolution
from dy2st.runtime.cpu.onednn.primitive import Binary, Eltwise, Sum, post_op_arg

paddle = pytest.importorskip("paddle")
F = paddle.nn.functional


def spec_of(src, out, kernel, stride=1, pad=0, dilation=1, groups=1, bias=True) -> Convolution:
    n = len(kernel)
    sizes = [
        (s + 2 * pad - dilation * (k - 1) - 1) // stride + 1
        for s, k in zip(src[2:], kernel, strict=True)
    ]
    dst = (src[0], out, *sizes)
    tail = ((stride,) * n, ((pad, pad),) * n, (dilation,) * n)
    return Convolution(src, dst, kernel, *tail, groups, bias)


def arrays(spec: Convolution) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    w = (spec.dst[1], spec.src[1] // spec.groups, *spec.kernel)
    draw = lambda shape: rng.standard_normal(shape).astype("float32")
    return draw(spec.src), draw(w), draw(spec.dst[1:2])


def eager(spec: Convolution, x, w, b) -> np.ndarray:
    conv = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[len(spec.kernel)]
    to = paddle.to_tensor
    args = (spec.strides[0], spec.pads[0][0], spec.dilations[0], spec.groups)
    return conv(to(x), to(w), to(b) if spec.bias else None, *args).numpy()


CASES = [
    spec_of((2, 16, 9), 32, (3,), pad=1),
    spec_of((1, 3, 15, 17), 16, (7, 7), stride=2, pad=3),
    spec_of((2, 5, 9, 8), 7, (3, 3)),
    spec_of((2, 32, 9, 8), 16, (1, 1)),
    spec_of((2, 32, 9, 8), 32, (3, 3), pad=1, groups=32),
    spec_of((2, 12, 9, 8), 8, (3, 3), pad=1, groups=4),
    spec_of((1, 16, 11, 11), 16, (3, 3), pad=2, dilation=2, bias=False),
    spec_of((1, 4, 5, 6, 7), 8, (3, 3, 3), pad=1, stride=2),
]


@pytest.mark.parametrize("spec", CASES, ids=str)
@pytest.mark.parametrize("layout", ["any", "channels_last"])
def test_equals_eager(library, run, spec: Convolution, layout: str) -> None:
    descs = library.descs
    ends = (None, None)
    if layout == "channels_last":
        ends = (descs.channels_last(spec.src), descs.channels_last(spec.dst))
    primitive = make_convolution(library, spec, *ends)
    if primitive is None and layout == "channels_last":
        pytest.skip("no fast implementation for this layout")
    assert primitive is not None
    x, w, b = arrays(spec)
    operands = {c.ARG_SRC: x, c.ARG_WEIGHTS: w.reshape(spec.weights_dims)}
    if spec.bias:
        operands[c.ARG_BIAS] = b
    np.testing.assert_allclose(run(primitive, operands), eager(spec, x, w, b), rtol=1e-4, atol=1e-5)


def test_residual_and_relu(library, run) -> None:
    spec = spec_of((2, 16, 8, 8), 32, (3, 3), pad=1)
    x, w, b = arrays(spec)
    residual = np.random.default_rng(2).standard_normal(spec.dst).astype("float32")
    want = np.maximum(eager(spec, x, w, b) + residual, 0)
    operands = {c.ARG_SRC: x, c.ARG_WEIGHTS: w, c.ARG_BIAS: b}
    cl = library.descs.channels_last
    in_place = make_convolution(library, spec, cl(spec.src), cl(spec.dst), [Sum(), Eltwise("relu")])
    got = run(in_place, {**operands, c.ARG_DST: residual})
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    other = Binary("add", cl(spec.dst))
    apart = make_convolution(library, spec, cl(spec.src), cl(spec.dst), [other, Eltwise("relu")])
    got = run(apart, {**operands, post_op_arg(0): residual})
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_reference_implementations_are_refused(library) -> None:
    """Row-major source and channels-last destination: only oneDNN's reference code does that."""
    spec = spec_of((1, 3, 32, 32), 16, (7, 7), stride=2, pad=3)
    descs = library.descs
    ends = (descs.row_major(spec.src), descs.channels_last(spec.dst))
    found = make_convolution(library, spec, *ends)
    assert found is None or not found.impl.startswith("ref")

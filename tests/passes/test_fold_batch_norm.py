"""Batch normalisation disappears into convolutions, and nowhere else; the unfolded Program is the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from dy2st.ir.builder import Builder
from dy2st.ir.dims import symbol
from dy2st.ir.types import DType, TensorType
from dy2st.ir.verifier import verify
from dy2st.ops import base
from dy2st.passes.fold_batch_norm import fold_batch_norm
from dy2st.runtime import plan
from dy2st.runtime.cpu.executable import make_executable
from dy2st.runtime.cpu.onednn import layout
from dy2st.runtime.reference import interpreter

F32 = DType.FLOAT32
SHAPES = {
    "conv2d": ((6, 4, 3, 3), {}),
    "grouped": ((6, 2, 3, 3), {"groups": 2}),
    "depthwise_conv2d": ((4, 1, 3, 3), {"groups": 4}),
    "conv2d_transpose": ((4, 6, 3, 3), {}),
}


def build(kind, bias, twice=False, training=False):
    """conv → [add] → batch_norm; ``twice`` reads the convolution a second time."""
    shape, attrs = SHAPES[kind]
    name = "conv2d" if kind == "grouped" else kind
    out = shape[1] if kind == "conv2d_transpose" else shape[0]
    b = Builder("f", base.infer)
    emit = base.Emitter(b)
    x = b.input(TensorType(F32, (symbol("N"), 4, 7, 7)), "x")
    arrays = {"w": shape, "mean": (out,), "variance": (out,), "scale": (out,), "beta": (out,)}
    if bias:
        arrays["bias"] = (1, out, 1, 1)
    p = {n: b.parameter(n, TensorType(F32, s)) for n, s in arrays.items()}
    y = getattr(emit, name)(x, p["w"], **attrs)
    z = emit.add(y, p["bias"]) if bias else y
    norm = emit.batch_norm(
        z,
        p["mean"],
        p["variance"],
        p["scale"],
        p["beta"],
        not training,
        0.9,
        1e-5,
        "NCHW",
        False,
        False,
    )
    results = [norm[0], y] if twice else [norm[0], norm[1], norm[2]]
    rng = np.random.default_rng(7)
    values = {n: rng.standard_normal(s).astype(np.float32) for n, s in arrays.items()}
    values["variance"] = np.abs(values["variance"]) + 0.1
    return b.return_(results), values


def names(program):
    return [op.name for op in program.walk()]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", SHAPES)
def test_folds(kind, bias):
    program, values = build(kind, bias)
    folded = verify(fold_batch_norm(program), base.infer)
    assert "batch_norm" in names(program)
    assert "batch_norm" not in names(folded)
    x = np.random.default_rng(1).standard_normal((2, 4, 7, 7)).astype(np.float32)
    want = interpreter.run(program, [x], values)
    run = make_executable(program, plan.ArraySource(values))
    for got in (interpreter.run(folded, [x], values), run.run_arrays([x])):
        for g, w in zip(got, want, strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("how", [{"twice": True}, {"training": True}])
def test_leaves_alone(how):
    program, _ = build("conv2d", False, **how)
    assert "batch_norm" in names(fold_batch_norm(program))


def test_without_onednn(monkeypatch):
    """The same plan, by numpy and generated kernels."""
    monkeypatch.setattr(layout, "primitives", lambda: None)
    program, values = build("conv2d", True)
    x = np.random.default_rng(1).standard_normal((2, 4, 7, 7)).astype(np.float32)
    want = interpreter.run(program, [x], values)
    run = make_executable(program, plan.ArraySource(values))
    for g, w in zip(run.run_arrays([x]), want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-5)
    assert "PrimitiveStep" not in next(iter(run._plans.values())).describe()


def test_the_batchs_own_statistics_are_left_alone():
    """``is_test`` with trainable statistics normalises by the batch: nothing may be folded."""
    b = Builder("f", base.infer)
    emit = base.Emitter(b)
    x = b.input(TensorType(F32, (2, 4, 7, 7)), "x")
    vector = TensorType(F32, (6,))
    w = b.parameter("w", TensorType(F32, (6, 4, 3, 3)))
    rest = [b.parameter(n, vector) for n in ("mean", "variance", "scale", "beta")]
    y = emit.conv2d(x, w)
    norm = emit.batch_norm(y, *rest, True, 0.9, 1e-5, "NCHW", False, True)
    program = fold_batch_norm(b.return_([norm[0]]))
    assert [op.name for op in program.walk()].count("batch_norm") == 1

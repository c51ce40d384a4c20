"""The builder against numpy, through the numpy interpreter."""

import numpy as np
import pytest

from dy2st.errors import DivisionByZeroError, IndexOutOfRangeError, ShapeError
from dy2st.runtime.cpu import interpret
from dy2st.runtime.cpu.builder import Builder


def evaluate(fn, *arrays):
    b = Builder()
    inputs = [b.input(a.shape, str(a.dtype)) for a in arrays]
    out = fn(b, *inputs)
    outs = out if isinstance(out, tuple) else (out,)
    results = interpret.run(outs, dict(zip(inputs, arrays, strict=True)))
    return results if isinstance(out, tuple) else results[0]


X = np.arange(24, dtype=np.float32).reshape(2, 3, 4) - 7


@pytest.mark.parametrize(
    ("fn", "oracle"),
    [
        (lambda b, x: b.permute(b.permute(x, (2, 0, 1)), (1, 2, 0)), lambda x: x),
        (lambda b, x: b.reshape(b.reshape(x, (6, -1)), (4, 6)), lambda x: x.reshape(4, 6)),
        (
            lambda b, x: b.slice(x, (0, -1, 3), (2, -5, 0), (1, -2, -2)),
            lambda x: x[0:2, -1:-5:-2, 3:0:-2],
        ),
        (lambda b, x: b.flip(b.flip(x, 1), (0, 1)), lambda x: x[::-1]),
        (lambda b, x: b.narrow(b.flip(x, -1), -1, 1, 3), lambda x: x[..., ::-1][..., 1:3]),
        (
            lambda b, x: b.pad(x, (1, 0, -1), (0, 2, 1), 5),
            lambda x: np.pad(x[..., 1:], ((1, 0), (0, 2), (0, 1)), constant_values=5),
        ),
        (lambda b, x: b.roll(x, (1, -5), (0, -1)), lambda x: np.roll(x, (1, -5), (0, -1))),
        (
            lambda b, x: b.stack(b.split(x, (1, 2), 1)[1:] * 2, 0),
            lambda x: np.stack([x[:, 1:]] * 2),
        ),
        (lambda b, x: b.expand(b.pick(x, 1, -1), (3, -1, 4)), lambda x: np.stack([x[:, -1]] * 3)),
        (lambda b, x: b.mean(x, (0, -1)), lambda x: x.mean((0, 2))),
        (lambda b, x: b.reduce("argmax", x, None, keepdim=True), lambda x: np.full((1, 1, 1), 23)),
        (lambda b, x: b.reduce("max", x, 1, keepdim=True), lambda x: x.max(1, keepdims=True)),
        (lambda b, x: b.reduce("any", x, ()), lambda x: x != 0),
        (lambda b, x: b.gather(x, b.constant([[2, -1]]), 1), lambda x: x[:, [[2, 2]]]),
        (
            lambda b, x: b.index_map(x, (2, 3), lambda s, i, j: (i, 2 - j, 1)),
            lambda x: x[:, ::-1, 1],
        ),
        (lambda b, x: b.scan("sum", x, 2, exclusive=True), lambda x: np.cumsum(x, 2) - x),
        (lambda b, x: b.sort(x, 1, descending=True, k=2)[0], lambda x: x[:, :0:-1]),
        (
            lambda b, x: b.map(lambda s, v: s.select(v > 0, v * 2, 1), x),
            lambda x: np.where(x > 0, x * 2, 1),
        ),
        (lambda b, x: b.matmul(x, x, transpose_y=True), lambda x: x @ x.swapaxes(1, 2)),
        (lambda b, x: b.arange(4, "float32", 1, 0.5), lambda x: np.array([1, 1.5, 2, 2.5])),
    ],
)
def test_methods_equal_numpy(fn, oracle):
    got = evaluate(fn, X)
    want = np.asarray(oracle(X))
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_dtypes_of_maps():
    b = Builder()
    half, single, whole = (b.input((2,), d) for d in ("float16", "float32", "int32"))
    assert b.elementwise("exp", half).dtype == "float16"
    assert b.add(half, 1.5).dtype == "float16"
    assert b.add(half, single).dtype == "float32"
    assert b.add(whole, 1).dtype == "int32"
    assert b.mul(whole, 0.5).dtype == "float32"
    assert b.elementwise("lt", half, single).dtype == "bool"
    assert b.reduce("sum", b.cast(whole, "bool")).dtype == "int64"


def test_scatter_adds_repeated_indices():
    x = np.zeros((3, 2), np.float32)
    rows = np.array([0, 2, 0])
    got = evaluate(
        lambda b, x, i: b.scatter(x, [b.reshape(i, (3, 1)), b.iota((1, 2), 1)], 1.0, "add"), x, rows
    )
    np.testing.assert_array_equal(got, [[2, 2], [0, 0], [1, 1]])


@pytest.mark.parametrize(
    "call",
    [
        lambda b, x: b.reshape(x, (5, 5)),
        lambda b, x: b.permute(x, (0, 0, 1)),
        lambda b, x: b.add(x, b.full((5,), 1, "float32")),
        lambda b, x: b.concat([x, b.pick(x, 0, 0)], 0),
        lambda b, x: b.gather(x, b.full((1,), 1.0, "float32"), 0),
        lambda b, x: b.reduce("max", b.narrow(x, 0, 0, 0), 0),
        lambda b, x: b.matmul(x, x),
    ],
)
def test_wrong_operands_are_refused(call):
    b = Builder()
    with pytest.raises(ShapeError):
        call(b, b.input((2, 3, 4), "float32"))


def test_run_time_errors_of_the_interpreter():
    with pytest.raises(IndexOutOfRangeError):
        evaluate(lambda b, x, i: b.gather(x, i, 1), X, np.array([3]))
    with pytest.raises(DivisionByZeroError):
        evaluate(lambda b, x: b.elementwise("mod", x, x), np.array([0, 1]))

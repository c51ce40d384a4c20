"""Random operations: eager's numbers under ``paddle.seed``, and the reference's distributions."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from dy2st import to_static
from dy2st.ops import base
from dy2st.runtime.plan import Executable  # noqa: F401  (the runtime must import without capture)

DRAWS = {
    "rand": lambda x: paddle.rand([3, 4]) + x,
    "randn": lambda x: paddle.randn(x.shape) + x,
    "normal": lambda x: paddle.normal(1.0, 2.0, [3, 4]) + x,
    "uniform": lambda x: paddle.uniform([3, 4], min=-2.0, max=2.0) + x,
    "randint": lambda x: paddle.randint(0, 9, [3, 4]).astype("float32") + x,
    "randperm": lambda x: paddle.randperm(4).astype("float32") + x,
    "bernoulli": lambda x: paddle.bernoulli(F.sigmoid(x)),
    "multinomial": lambda x: paddle.multinomial(F.sigmoid(x), 2),
    "dropout": lambda x: F.dropout(x, 0.5, training=True),
    "dropout_downgrade": lambda x: F.dropout(x, 0.3, training=True, mode="downscale_in_infer"),
    "dropout2d": lambda x: F.dropout2d(x.reshape([1, 3, 2, 2]), 0.5, training=True),
    "gumbel": lambda x: F.gumbel_softmax(x),
    "twice": lambda x: paddle.rand([3, 4]) - paddle.rand([3, 4]) + x,
    "uniform_": lambda x: paddle.zeros([3, 4]).uniform_() + x,
    "normal_": lambda x: paddle.zeros([3, 4]).normal_() + x,
}


@pytest.mark.parametrize("name", DRAWS)
def test_numbers_are_eagers(name):
    f = DRAWS[name]
    g = to_static(f)
    x = paddle.rand([3, 4])
    seen = []
    for seed in (1, 2, 1):
        paddle.seed(seed)
        got = g(x).numpy()
        paddle.seed(seed)
        np.testing.assert_allclose(got, f(x).numpy(), rtol=1e-5, atol=1e-6)
        seen.append(got)
    np.testing.assert_array_equal(seen[0], seen[2])
    assert np.abs(seen[0] - seen[1]).max() > 0


MOMENTS = {
    "gaussian": ({"shape": (20000,), "mean": 1.0, "std": 2.0}, 1.0, 2.0),
    "uniform": ({"shape": (20000,), "min": -1.0, "max": 3.0}, 1.0, 4 / 12**0.5),
    "randint": ({"shape": (20000,), "low": 0, "high": 5}, 2.0, 2**0.5),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_the_reference_has_the_distribution(name):
    attrs, mean, std = MOMENTS[name]
    op = base.get(name)
    values = {f.name: attrs.get(f.name) for f in op.signature.attributes}
    draws = base.call_rule(op.numpy, ("rng", np.random.default_rng(0)), op, values)
    assert abs(draws.mean() - mean) < 0.05
    assert abs(draws.std() - std) < 0.05

"""C operators that modules hold by value, and the legacy ones, are recorded all the same."""

import numpy as np
import paddle
from paddle import nn
from paddle.tensor import matmul
from paddle.tensor.math import tanh

from dy2st import to_static


def test_operators_imported_by_value_read_the_weights_of_each_call():
    w = paddle.to_tensor([[1.0, 2.0], [3.0, 4.0]])

    def f(x):
        return matmul(x, w), tanh(w), paddle.tensor.linalg.matmul(w, w)

    g = to_static(f)
    x = paddle.ones([2, 2])
    for factor in (1.0, 0.5, -2.0):
        w.set_value(w * factor)
        for expected, actual in zip(f(x), g(x)):
            np.testing.assert_allclose(actual.numpy(), expected.numpy(), rtol=1e-5)


def test_transformer_layer_that_calls_tensor_matmul():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
    layer.eval()
    x = paddle.to_tensor(np.random.default_rng(0).standard_normal((2, 3, 8), np.float32))
    expected = layer(x).numpy()
    actual = to_static(layer)(x).numpy()
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_activation_through_a_legacy_operator():
    layer = nn.BatchNorm(3, act="relu")
    layer.eval()
    x = paddle.to_tensor(np.random.default_rng(0).standard_normal((2, 3, 4, 4), np.float32))
    expected = layer(x).numpy()
    np.testing.assert_allclose(to_static(layer)(x).numpy(), expected, rtol=1e-4, atol=1e-5)

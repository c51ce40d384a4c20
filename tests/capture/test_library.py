"""Functions of Paddle's that compute with sizes in Python, where only a run knows the sizes."""

import numpy as np
import paddle
import pytest

from dy2st import to_static


@pytest.fixture(scope="module")
def boxes():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 20, (30, 2))
    return np.concatenate([corner, corner + rng.uniform(2, 12, (30, 2))], 1).astype(np.float32)


@pytest.mark.parametrize("top_k", [None, 3])
@pytest.mark.parametrize("threshold", [0.2, 0.6])
def test_nms_by_category_of_a_number_of_boxes_that_a_run_tells(boxes, threshold, top_k):
    scores = np.random.default_rng(1).permutation(30).astype(np.float32)
    labels = np.random.default_rng(2).integers(0, 4, 30)  # category 4 has no box

    def f(boxes, scores, labels):
        keep = paddle.nonzero(scores > 5).flatten()
        kept = paddle.vision.ops.nms(
            boxes[keep], threshold, scores[keep], labels[keep], list(range(5)), top_k
        )
        return keep[kept]

    arguments = [paddle.to_tensor(a) for a in (boxes, scores, labels)]
    np.testing.assert_array_equal(to_static(f)(*arguments).numpy(), f(*arguments).numpy())


def test_along_axis_of_rows_that_a_run_tells():
    def f(x, index):
        rows = paddle.nonzero(x[:, 0] > 0).flatten()
        part = x[rows]
        taken = paddle.take_along_axis(part, index[rows], 1)
        return taken, paddle.put_along_axis(part, index[rows], taken * 2, 1)

    rng = np.random.default_rng(0)
    x = paddle.to_tensor(rng.standard_normal((6, 4), np.float32))
    index = paddle.to_tensor(rng.permuted(np.tile(np.arange(4), (6, 1)), axis=1)[:, :2].copy())
    for expected, actual in zip(f(x, index), to_static(f)(x, index)):
        np.testing.assert_array_equal(actual.numpy(), expected.numpy())


def test_where_over_a_size_that_a_run_tells():
    def f(x):
        positive = x[x > 0]
        return paddle.where(positive > 1, positive, paddle.zeros_like(positive))

    x = paddle.to_tensor(np.random.default_rng(0).standard_normal(20).astype(np.float32) * 2)
    np.testing.assert_array_equal(to_static(f)(x).numpy(), f(x).numpy())


def test_upsample_that_compares_types():
    f = lambda x: paddle.nn.functional.upsample(x, scale_factor=2, mode="nearest")
    x = paddle.ones([1, 2, 3, 4])
    np.testing.assert_array_equal(to_static(f)(x).numpy(), f(x).numpy())


def test_nms_of_polygons():
    def f(boxes, scores):
        out, _, counts = paddle._C_ops.multiclass_nms3(
            boxes, scores, None, 0.01, 100, 50, 0.3, True, 1.0, -1
        )
        return out[:, 2:].reshape([-1, 4, 2]).mean(1), counts

    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 20, (2, 30, 1, 2)) + [[0, 0], [4, 0], [4, 3], [0, 3]]
    boxes = paddle.to_tensor(corners.reshape(2, 30, 8).astype(np.float32))
    scores = paddle.to_tensor(rng.uniform(0, 1, (2, 3, 30)).astype(np.float32))
    for expected, actual in zip(f(boxes, scores), to_static(f)(boxes, scores)):
        np.testing.assert_array_equal(actual.numpy(), expected.numpy())


@pytest.mark.parametrize("act", ["hard_swish", "hard_sigmoid", "hard_shrink", "brelu", "relu6"])
def test_activations_of_batch_norm_by_their_old_names(act):
    layer = paddle.nn.BatchNorm(3, act=act)
    layer.eval()
    x = paddle.to_tensor(np.random.default_rng(0).normal(0, 3, (2, 3, 4, 4)).astype(np.float32))
    with paddle.no_grad():
        expected = layer(x).numpy()
        np.testing.assert_allclose(to_static(layer)(x).numpy(), expected, rtol=1e-4, atol=1e-5)


def test_numbers_as_text():
    def f(x):
        return paddle.maximum(x, paddle.full([2], "-inf")) + paddle.full([2], "2.5")

    x = paddle.to_tensor([1.0, -3.0])
    np.testing.assert_array_equal(to_static(f)(x).numpy(), f(x).numpy())

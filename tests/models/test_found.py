"""Small functions that once failed inside of a model; each stands for a general rule."""

import numpy as np
import paddle
import pytest
from paddle.static import InputSpec

from dy2st import to_static

from .harness import assert_same


def floats(*shape, seed=0):
    return paddle.to_tensor(np.random.default_rng(seed).standard_normal(shape, np.float32))


def test_sizes_that_agree_by_a_guard_stay_one_in_a_loop():
    """The batch of ``lengths`` and of ``x`` are two symbols; the mask is as large as both."""

    def f(x, lengths):
        mask = paddle.arange(x.shape[1]).unsqueeze(0) < lengths.unsqueeze(1)
        k = paddle.zeros([], "int64")
        while k < lengths.max():
            mask = paddle.logical_and(mask, x > -1)
            k += 1
        return paddle.where(mask, x, paddle.zeros_like(x))

    spec = [InputSpec([None, None], "float32"), InputSpec([None], "int64")]
    converted = to_static(f, input_spec=spec)
    for batch, time in ((2, 5), (3, 7)):
        arguments = floats(batch, time), paddle.arange(1, batch + 1)
        assert_same(f(*arguments), converted(*arguments))


@pytest.mark.parametrize("length", [4, 7])
def test_arange_down_over_a_size_with_float_steps(length):
    f = lambda x: paddle.arange(x.shape[0], -x.shape[0], -1.0, dtype="float32") * x.sum()
    converted = to_static(f, input_spec=[InputSpec([None], "float32")])
    assert_same(f(floats(length)), converted(floats(length)))


def test_boxes_from_the_peaks_of_a_heat_map():
    """Concatenations of concatenations over a sort and a gather: one kernel cannot hold them."""

    def f(heat, sizes, scale):
        batch, classes, height, width = heat.shape
        scores, index = paddle.topk(heat.reshape([batch, -1]), 10)
        label, place = index // (height * width), index % (height * width)
        y, x = (place // width).astype("float32"), (place % width).astype("float32")
        rows = place.unsqueeze(-1).expand([-1, -1, 2])
        size = paddle.take_along_axis(sizes.reshape([batch, 2, -1]).transpose([0, 2, 1]), rows, 1)
        w, h = size[:, :, 0] / 2, size[:, :, 1] / 2
        boxes = paddle.stack([x - w, y - h, x + w, y + h], -1) / scale.tile([1, 2]).unsqueeze(1)
        return paddle.concat(
            [label.unsqueeze(-1).astype("float32"), scores.unsqueeze(-1), boxes], -1
        )

    spec = [
        InputSpec([None, 3, None, None]),
        InputSpec([None, 2, None, None]),
        InputSpec([None, 2]),
    ]
    converted = to_static(f, input_spec=spec)
    for batch, height in ((1, 4), (2, 6)):
        scale = paddle.to_tensor(np.full((batch, 2), 2, np.float32))
        arguments = floats(batch, 3, height, 4), floats(batch, 2, height, 4, seed=1), scale
        assert_same(f(*arguments), converted(*arguments))

"""Numbers and sizes that only a run knows, where Paddle's functions take plain numbers."""

import numpy as np
import paddle
import pytest

from dy2st import to_static


def ints(*values):
    return paddle.to_tensor(np.array(values, np.int32))


def check(function, *calls):
    static = to_static(function)
    for arguments in calls:
        expected, actual = function(*arguments), static(*arguments)
        many = isinstance(expected, tuple)
        for e, a in zip(expected if many else [expected], actual if many else [actual]):
            assert (a.shape, a.dtype) == (e.shape, e.dtype)
            np.testing.assert_allclose(a.numpy(), e.numpy(), rtol=1e-6)


def numbers():
    x = paddle.to_tensor(np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4))
    return [(x, paddle.to_tensor(v)) for v in (0.5, 1.25)]


@pytest.mark.parametrize(
    "function",
    [
        lambda x, t: x.clip(0, t),
        lambda x, t: paddle.clip(x, -t, t),
        lambda x, t: paddle.clip(x, min=t),
        lambda x, t: paddle.clip((x * 4).astype("int32"), -t * 2, t * 2),
        lambda x, t: x.clip(-float(t), float(t)),
        lambda x, t: paddle.full([2, x.shape[1]], t),
        lambda x, t: paddle.full([2], t * 3, "int32"),
        lambda x, t: paddle.full([2], float(t)),
        lambda x, t: paddle.full_like(x, t),
        lambda x, t: paddle.scale(x, t, 1.0),
        lambda x, t: paddle.scale(x, t, 1.0, bias_after_scale=False),
        lambda x, t: paddle.pow(x.abs(), t),
        lambda x, t: paddle.linspace(0, t, 5),
        lambda x, t: paddle.linspace(t, 3.0, ints(4)),
        lambda x, t: paddle.linspace(t, 3.0, 1),
    ],
)  # fmt: skip
def test_float_tensors_for_numbers(function):
    check(function, *numbers())


def test_a_size_read_through_a_reshape_is_this_calls():
    def f(count, a):
        rows = paddle.expand(a, [count[0], 2])
        height = paddle.max(paddle.cast(rows, "int32")[:, 0])
        return paddle.zeros([height]), rows

    rows = [paddle.to_tensor(np.float32([v, 9])) for v in (12, 5, 7)]
    check(f, *((ints(2), r) for r in rows))


def test_sizes_that_an_operation_needed_equal_are_equal():
    def f(x, counts):
        kept = x[x[:, 0] > 0]
        scale = paddle.expand(paddle.to_tensor([[2.0, 4.0]]), [counts[0], 2])
        scaled = kept / scale
        mask = (scaled > 0.2).all(1).unsqueeze(1)
        return paddle.where(mask, scaled, paddle.ones_like(kept) * -1)

    x = np.float32([[1, 3], [-1, 2], [0.1, 2], [4, -1]])
    check(f, (paddle.to_tensor(x), ints(3)), (paddle.to_tensor(-x), ints(1)))


def test_sizes_needed_equal_in_one_branch_are_not_known_equal_after_it():
    def f(x, y, flag):
        a, b = paddle.nonzero(x > 0), paddle.nonzero(y > 0)
        total = a.sum() + b.sum()
        if flag.sum() > 0:
            total = (a + b).sum()
        if a.shape[0] == b.shape[0]:
            total = total + 100
        return total

    x, y = (paddle.to_tensor(np.float32(v)) for v in ([1, -1, 2], [1, -1, -1]))
    check(f, (x, x, ints(1)), (x, y, ints(0)))


def test_arange_to_an_integer_that_a_run_knows():
    check(lambda n: paddle.arange(0, n.max()) + 0.5, (ints(3, 4),), (ints(2, 1),))


def test_bounds_that_depend_on_a_branch():
    def f(boxes, counts):
        parts, start = [], 0
        for i in range(counts.shape[0]):
            if counts[i] == 0:
                part = paddle.full([1, 3], 7.0)
            else:
                part = boxes[start : start + counts[i], :]
                start += counts[i]
            parts.append(part)
        boxes[start:, 1] = -1.0
        return paddle.concat(parts), boxes

    def call(*counts):
        return paddle.arange(15, dtype="float32").reshape([5, 3]), ints(*counts)

    static = to_static(f)
    for counts in ([2, 3], [0, 5], [5, 0], [1, 2]):
        for expected, actual in zip(f(*call(*counts)), static(*call(*counts))):
            np.testing.assert_array_equal(actual.numpy(), expected.numpy())

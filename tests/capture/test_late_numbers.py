"""Numbers and sizes that only a run knows, where Paddle's functions take plain numbers."""

import numpy as np
import paddle
import pytest

from dy2st import InputSpec, to_static


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
        rest = boxes.clone()
        rest[start:, 1] = -1.0
        return paddle.concat(parts), rest

    def call(*counts):
        return paddle.arange(15, dtype="float32").reshape([5, 3]), ints(*counts)

    static = to_static(f)
    for counts in ([2, 3], [0, 5], [5, 0], [1, 2]):
        for expected, actual in zip(f(*call(*counts)), static(*call(*counts))):
            np.testing.assert_array_equal(actual.numpy(), expected.numpy())


def test_sizes_in_tables_of_sizes_stay_sizes():
    """Levels of a pyramid, as detection transformers keep them."""

    def f(x, y):
        shapes = []
        for level in (x, y):
            h, w = paddle.shape(level)[2:]
            shapes.append(paddle.stack([h, w]))
        shapes = paddle.stack(shapes)
        zero = paddle.zeros([1], shapes.dtype)
        start = paddle.concat([zero, shapes.prod(1).cumsum(0)[:-1]])
        flat = paddle.concat([level.flatten(2) for level in (x, y)], -1)
        parts = flat.split([int(h * w) for h, w in shapes], axis=-1)
        grids = [paddle.arange(h * w).reshape([h, w]) + start[i] for i, (h, w) in enumerate(shapes)]
        return [*grids, *(p.reshape([0, 0, *shapes[i]]) for i, p in enumerate(parts))]

    static = to_static(f, [InputSpec([None, 2, None, None], name=n) for n in "xy"])
    for b, h, w in ((2, 4, 5), (1, 6, 3)):
        calls = paddle.rand([b, 2, h, w]), paddle.rand([b, 2, w, 2])
        for expected, actual in zip(f(*calls), static(*calls)):
            np.testing.assert_array_equal(actual.numpy(), expected.numpy())
    assert len(static.programs) == 1
    assert "item(" not in str(static.main_program)


def test_lists_of_sizes_that_a_run_tells_are_compared():
    def f(x, y):
        a, b = paddle.nonzero(x > 0), paddle.nonzero(y > 0)
        total = a.sum() + b.sum() * (10 if a.shape == b.shape else -10)
        if [a.shape[0], 1] != [b.shape[0], 1]:
            total = total + 1000
        if (a.shape[0], 2) == (3, 2):
            total = total + 10000
        return total, x.shape == [4], paddle.where(a > 1, a, paddle.to_tensor(0))

    rows = [[1, -1, 2, 3], [1, 1, 1, -1], [1, -1, 2, -3], [1, 1, -1, -1]]
    tensors = [paddle.to_tensor(np.float32(r)) for r in rows]
    static = to_static(f)
    for x, y in zip(tensors, tensors[1:]):
        for expected, actual in zip(f(x, y), static(x, y)):
            np.testing.assert_array_equal(np.asarray(actual), np.asarray(expected))


def test_a_long_python_range_that_a_tensor_ends_is_a_loop():
    def f(x, bound):
        steps = paddle.zeros([2, 301])
        for i in range(300):
            x = paddle.tanh(x + 0.1)
            steps[:, i] = x
            if (x > bound).all():
                break
        return steps[:, : i + 1], x

    def collect(x, bound):
        out = []
        for i in range(100, 400, 2):
            x = x + i
            out.append(x)
            if (x > bound).all():
                break
        return paddle.stack(out, 1)

    for function, bounds in ((f, (0.3, 0.6, 2.0)), (collect, (1e3, 1e4, 1e9))):
        check(function, *((paddle.zeros([2]), paddle.to_tensor(b)) for b in bounds))

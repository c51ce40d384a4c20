"""Blocks of control flow: what they write is seen outside, and what Paddle 3 loses is refused."""

import numpy as np
import pytest
import shipped

paddle = pytest.importorskip("paddle")
pytestmark = pytest.mark.filterwarnings("ignore:Tensor do not have 'place' interface")


@pytest.fixture(scope="module")
def compat():
    """The helpers as a project gets them."""
    names = ["While", "Switch", "assign", "less_than", "array_write", "array_read", "lod_data",
             "lod_of", "lod_reset", "Executor", "create_lod_tensor", "sequence_pool",
             "sequence_expand", "while_loop", "beam_search_decode", "cond"]  # fmt: skip
    return shipped.as_class(*names)


def collatz(compat, limit):
    """Steps of 3n + 1, written into a counter, a value and an array from nested blocks."""
    n, steps = paddle.full([1], 7, "int64"), paddle.full([1], 0, "int64")
    one, two = paddle.full([1], 1, "int64"), paddle.full([1], 2, "int64")
    seen = compat.array_write(n, steps)
    going = n > one
    loop = compat.While(going)
    with loop.block():
        with compat.Switch() as switch:
            with switch.case(paddle.equal(n % two, one)):
                compat.assign(n * 3 + 1, n)
            with switch.default():
                compat.assign(n // two, n)
        with compat.Switch() as switch:
            with switch.case(n <= paddle.full([1], limit, "int64")):
                paddle.increment(steps)
                compat.array_write(n, steps, array=seen)
        compat.assign(n > one, going)
    return n, steps, compat.array_read(seen, steps), paddle.tensor.array_length(seen)


@pytest.mark.parametrize("limit", [100, 20])
def test_what_nested_blocks_write_is_seen(limit, compat, program):
    found = collatz(compat, limit)
    number, path = 7, [7]
    while number > 1:
        number = number * 3 + 1 if number % 2 else number // 2
        if number <= limit:
            path.append(number)
    executor = paddle.static.Executor(paddle.CPUPlace())
    for _ in range(3):
        values = executor.run(program, fetch_list=list(found))
        assert [int(v[0]) for v in values] == [1, len(path) - 1, 1, len(path)]


def test_a_gradient_that_would_be_lost_is_refused(compat, program):
    x = paddle.static.data("x", [2, 3])
    x.stop_gradient = False
    state, count = x * 1.0, paddle.full([1], 0, "int64")
    going = count < paddle.full([1], 2, "int64")
    before = paddle.mean(state)
    loop = compat.While(going)
    with loop.block():
        compat.assign(paddle.tanh(state), state)
        paddle.increment(count)
        compat.assign(count < paddle.full([1], 2, "int64"), going)
    assert paddle.static.gradients([before], [x])[0] is not None  # of what was there before
    with pytest.raises(NotImplementedError, match="inside a block is lost"):
        paddle.static.gradients([paddle.mean(state)], [x])


def test_an_array_of_members_with_and_without_sequences_is_refused(compat, program):
    x = compat.lod_data("x", [None, 4], "float32", 1)
    zero, one = paddle.full([1], 0, "int64"), paddle.full([1], 1, "int64")
    array = compat.array_write(x, zero)
    compat.array_write(paddle.gather(x, zero), one, array=array)
    with pytest.raises(ValueError, match="different levels"):
        compat.sequence_pool(compat.array_read(array, zero), "sum")


def test_a_loop_variable_that_changes_its_levels_is_refused(compat, program):
    x = compat.lod_data("x", [None, 4], "float32", 1)
    two = paddle.full([1], 2, "int64")

    def body(count, rows):
        pooled = compat.sequence_pool(rows, "sum")
        return [count + 1, pooled]

    with pytest.raises(ValueError, match="different levels"):
        compat.while_loop(lambda count, rows: count < two, body, [two - 2, x])


def test_sequences_of_an_outer_value_change_for_it_alone(compat, program):
    x = compat.lod_data("x", [None, 1], "float32", 1)
    first, second = x * 1.0, x * 2.0
    count = paddle.full([1], 0, "int64")
    going = count < paddle.full([1], 1, "int64")
    loop = compat.While(going)
    with loop.block():
        compat.assign(compat.lod_reset(first, target_lod=[0, 3, 4]), first)
        paddle.increment(count)
        compat.assign(count < paddle.full([1], 1, "int64"), going)
    sums = [compat.sequence_pool(first, "sum"), compat.sequence_pool(second, "sum")]
    rows = compat.create_lod_tensor(np.array([[1.0], [2], [3], [4]], "float32"), [[1, 3]])
    found = compat.Executor(paddle.CPUPlace()).run(program, feed={"x": rows}, fetch_list=sums)
    assert [v.ravel().tolist() for v in found] == [[6.0, 4.0], [2.0, 18.0]]


def test_decoding_asks_for_what_beam_search_gives(compat, program):
    zero = paddle.full([1], 0, "int64")
    ids = compat.array_write(paddle.zeros([1, 1], "int64"), zero)
    with pytest.raises(ValueError, match="what beam_search gives"):
        compat.beam_search_decode(ids, ids, 2, 1)

"""The sequences of a value are followed back to its input, and only where its rows are the same."""

import numpy as np
import pytest
import shipped

paddle = pytest.importorskip("paddle")
# Paddle's own zeros_like and full_like warn of themselves in static programs
pytestmark = pytest.mark.filterwarnings("ignore:Tensor do not have 'place' interface")


@pytest.fixture(scope="module")
def compat():
    """The helpers as a project gets them."""
    names = ["lod_of", "set_lod", "lod_data", "Executor", "sequence_pool", "create_lod_tensor",
             "DataFeeder", "from_generator", "offsets_of"]  # fmt: skip
    return shipped.as_class(*names)


KEEPS = {
    "relu": lambda x: paddle.nn.functional.relu(x),
    "matmul": lambda x: paddle.matmul(x, paddle.ones([4, 3])) + 1.0,
    "concat": lambda x: paddle.concat([x * 2.0, x], 1),
    "reshape": lambda x: paddle.reshape(x, [-1, 2, 2]),
    "mean": lambda x: paddle.mean(x, 1, keepdim=True),
    "slice": lambda x: paddle.slice(x, [1], [0], [2]),
    "softmax": lambda x: paddle.nn.functional.softmax(x).astype("float64"),
}
LOSES = {
    "gather": lambda x: paddle.gather(x, paddle.zeros([2], "int64")),
    "transpose": lambda x: paddle.transpose(x, [1, 0]),
    "sum": lambda x: paddle.sum(x),
    "slice": lambda x: paddle.slice(x, [0], [0], [2]),
    "reshape": lambda x: paddle.reshape(x, [-1, 2]),
    "shape": lambda x: paddle.shape(x),
}


@pytest.mark.parametrize("name", KEEPS)
def test_rows_are_followed(name, compat, program):
    x = compat.lod_data("x", [None, 4], "float32", 1)
    found = compat.lod_of(KEEPS[name](x))
    assert [v.get_defining_op().attrs()["name"] for v in found] == ["x@lod0"]


@pytest.mark.parametrize("name", LOSES)
def test_other_rows_are_not(name, compat, program):
    x = compat.lod_data("x", [None, 4], "float32", 1)
    assert compat.lod_of(LOSES[name](x)) == []


def test_a_value_of_other_rows_is_refused_by_name(compat, program):
    x = paddle.static.data("x", [None, 4])
    with pytest.raises(ValueError, match="cannot be followed back"):
        compat.sequence_pool(paddle.gather(x, paddle.zeros([2], "int64")), "sum")


def test_an_input_is_given_offsets_when_they_are_asked_for(compat, program):
    x = paddle.static.data("x", [None, 1])
    assert compat.lod_of(x * 2.0) == []  # asking whether there are any does not make them
    out = compat.sequence_pool(x * 2.0, "sum")
    rows = compat.create_lod_tensor(np.ones((3, 1), "float32"), [[1, 2]])
    executor = compat.Executor(paddle.CPUPlace())
    (found,) = executor.run(program, feed={"x": rows}, fetch_list=[out])
    assert found.tolist() == [[2.0], [4.0]]


def test_an_input_without_its_lengths_is_refused(compat, program):
    x = compat.lod_data("x", [None, 4], "float32", 1)
    out = compat.sequence_pool(x, "sum")
    executor = compat.Executor(paddle.CPUPlace())
    with pytest.raises(ValueError, match="feed 'x' as a LoDTensor"):
        executor.run(program, feed={"x": np.ones((3, 4), "float32")}, fetch_list=[out])


def test_lengths_that_nobody_uses_are_not_asked_for(compat, program):
    x = compat.lod_data("x", [None, 4], "float32", 1)
    executor = compat.Executor(paddle.CPUPlace())
    (out,) = executor.run(program, feed={"x": np.ones((3, 4), "float32")}, fetch_list=[x * 2.0])
    assert out.shape == (3, 4)


def test_loaders_carry_lengths(compat, program):
    x = compat.lod_data("x", [None, 1], "int64", 1)
    pooled = compat.sequence_pool(x.astype("float32"), "sum")
    executor = compat.Executor(paddle.CPUPlace())
    samples = [([1, 2, 3],), ([4],)]
    loader = compat.from_generator([x], capacity=2)
    loader.set_sample_list_generator(lambda: iter([samples]))
    feeds = [next(iter(loader()))[0], compat.DataFeeder([x]).feed(samples)]
    rows = np.array([[1], [2], [3], [4]])
    loader.set_batch_generator(lambda: iter([[compat.create_lod_tensor(rows, [[3, 1]])]]))
    feeds.append(next(iter(loader()))[0])
    for feed in feeds:
        (out,) = executor.run(program, feed=feed, fetch_list=[pooled])
        assert out.tolist() == [[6.0], [4.0]]


def test_lod_tensor_says_what_it_holds(compat):
    tensor = compat.create_lod_tensor(np.arange(6).reshape(6, 1), [[2, 1], [1, 2, 3]])
    assert tensor.lod() == [[0, 2, 3], [0, 1, 3, 6]]
    assert tensor.recursive_sequence_lengths() == [[2, 1], [1, 2, 3]]
    with pytest.raises(ValueError, match="invalid"):
        compat.create_lod_tensor(np.arange(6).reshape(6, 1), [[2, 1], [1, 2, 4]])


def test_an_input_that_nothing_uses_need_not_be_fed(compat, program):
    x, label = paddle.static.data("x", [None, 2]), paddle.static.data("label", [None, 1], "int64")
    out = x * 2.0
    executor = compat.Executor(paddle.CPUPlace())
    feed = {"x": np.ones((3, 2), "float32")}
    assert executor.run(program, feed=feed, fetch_list=[out])[0].shape == (3, 2)
    used = label + 1
    with pytest.raises(KeyError, match="label"):
        executor.run(program, feed=feed, fetch_list=[out])
    assert used.shape == [-1, 1]


@pytest.mark.filterwarnings("ignore:The fed Variable")
def test_start_tokens_of_any_declared_size_are_one_column(compat, program):
    x = compat.lod_data("x", [-1, 256, 1], "int64", 2)
    rows = paddle.reshape(x, [-1, 1])
    out = compat.sequence_pool(rows.astype("float32"), "sum")
    executor = compat.Executor(paddle.CPUPlace())
    feed = compat.create_lod_tensor(np.array([[[1]], [[2]], [[3]]]), [[1, 1], [1, 2]])
    (found,) = executor.run(program, feed={"x": feed}, fetch_list=[out])
    assert found.tolist() == [[1.0], [5.0]]
    feed = compat.create_lod_tensor(np.ones((3, 2, 1), "int64"), [[1, 1], [1, 2]])
    with pytest.raises(ValueError, match="one number a row"):
        executor.run(program, feed={"x": feed}, fetch_list=[out])

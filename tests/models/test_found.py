"""Small functions that once failed inside of a model; each stands for a general rule."""

import dataclasses
from collections import OrderedDict

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


def test_a_slice_whose_end_is_a_rounded_up_size():
    """The end is made of negative parts and yet positive, whatever the tensor holds."""

    def f(x, ids):
        return x[:, : -(-(ids.max().item() + 1) // 8)]

    converted = to_static(f)
    for largest in (3, 15, 16, 40):
        arguments = floats(2, 4), paddle.to_tensor([1, largest])
        assert_same(f(*arguments), converted(*arguments))


def test_arange_of_floats_over_a_size_held_by_a_tensor():
    def f(x):
        size = paddle.shape(x)[0]
        return paddle.arange(size, -size, -1.0, dtype="float32")

    converted = to_static(f)
    for length in (3, 5):
        assert_same(f(floats(length)), converted(floats(length)))


class Scaled(paddle.autograd.PyLayer):
    """A user's own operation; its backward is wrong on purpose, and must be the one that is used."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(weight)
        return x * weight

    @staticmethod
    def backward(ctx, gradient):
        (weight,) = ctx.saved_tensor()
        return gradient * weight * 3, gradient.sum(0)


class OwnGradient(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.inner, self.unused = paddle.nn.Linear(4, 4), paddle.nn.Linear(4, 4)
        self.weight = self.create_parameter([4])

    def forward(self, x):
        hidden = paddle.distributed.fleet.utils.recompute(self.inner, x)
        return Scaled.apply(hidden, self.weight), self.unused(x)


def test_gradients_through_a_users_py_layer_and_none_where_there_is_no_path():
    layer = OwnGradient()

    def gradients(function):
        layer.clear_gradients()
        x = paddle.ones([3, 4])
        x.stop_gradient = False
        function(x)[0].sum().backward()
        return [None if p.grad is None else p.grad.clone() for p in [*layer.parameters(), x]]

    expected = gradients(layer)
    assert expected[-1] is not None and layer.unused.weight.grad is None
    assert_same(expected, gradients(to_static(layer)))


class Registry(OrderedDict):
    """Makes what it is asked for."""

    def __getitem__(self, key):
        return super().__getitem__(key)()


ACTIVATIONS = Registry(relu=paddle.nn.ReLU, tanh=paddle.nn.Tanh)


def test_a_dict_that_makes_its_values_stays_as_it_was():
    def f(x):
        return ACTIVATIONS["relu"](x) if x.sum() > 0 else ACTIVATIONS["tanh"](x)

    converted = to_static(f)
    for x in (floats(3), -floats(3)):
        assert_same(f(x), converted(x))
    assert list(dict.values(ACTIVATIONS)) == [paddle.nn.ReLU, paddle.nn.Tanh]


def test_a_missing_attribute_is_no_reason_to_capture_again():
    class Plain(paddle.nn.Layer):
        def forward(self, x):
            x = x * getattr(self, "factor", 2.0)
            return x + 1 if hasattr(self, "bias") else x

    converted = to_static(Plain())
    for _ in range(3):
        assert_same(floats(3) * 2, converted(floats(3)))
    assert len(converted.forward.programs) == 1
    converted.bias = True
    assert_same(floats(3) * 2 + 1, converted(floats(3)))


def test_numbers_that_only_a_run_knows():
    def f(x, t):
        limited = x.clip(max=t) + paddle.clip(x, t - 1, t).scale(t)
        return limited, paddle.full([2, 3], t), paddle.full_like(x, t), x.abs().pow(t)

    converted = to_static(f)
    for number in (0.3, 0.7):
        arguments = floats(2, 3), paddle.to_tensor(number)
        assert_same(f(*arguments), converted(*arguments))
    assert len(converted.programs) == 1


def test_arange_to_an_integer_that_only_a_run_knows():
    def f(x, end):
        return paddle.arange(0, end, dtype="float32") * x.sum()

    converted = to_static(f)
    for end in (3, 5):
        arguments = floats(2), paddle.to_tensor(end)
        assert_same(f(*arguments), converted(*arguments))


def test_an_exception_tells_the_tensors_of_its_text():
    def f(x):
        if x.sum() > 3:
            raise ValueError(f"too large: {x.sum()} of {x.shape[0]}")
        return x + 1

    converted = to_static(f)
    assert_same(paddle.full([2], 2.0), converted(paddle.ones([2])))
    for function in (f, converted):
        with pytest.raises(ValueError, match=r"too large: .*\s*4\.(0000)?.* of 4"):
            function(paddle.ones([4]))


class DictOfFields(OrderedDict):
    """How model outputs of language models are written: a dataclass that is an ordered dict too."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if getattr(self, field.name) is not None:
                self[field.name] = getattr(self, field.name)

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        super().__setattr__(key, value)

    def __getitem__(self, key):
        return dict(self.items())[key] if isinstance(key, str) else tuple(self.values())[key]


@dataclasses.dataclass
class Outputs(DictOfFields):
    logits: paddle.Tensor = None
    loss: paddle.Tensor = None
    states: tuple = None


def test_a_dataclass_that_is_a_dict():
    def f(x, previous):
        inner = Outputs(logits=x * 2, states=(x + 1, previous.logits))
        return Outputs(logits=inner[0] + previous["logits"], states=inner["states"])

    converted = to_static(f)
    for rows in (2, 3):
        arguments = floats(rows), Outputs(logits=floats(rows, seed=1))
        expected, actual = f(*arguments), converted(*arguments)
        assert type(actual) is Outputs and list(actual) == ["logits", "states"]
        assert actual.logits is actual["logits"] and actual.loss is None
        assert_same(vars(expected), vars(actual))


def test_a_seed_in_the_function_is_set_at_each_run():
    def f(x):
        before = paddle.rand([2])
        paddle.seed(5)
        drawn = paddle.randn(x.shape)
        if x.sum() > 0:
            paddle.seed(7)
            drawn = drawn + paddle.rand([1])
        return before, drawn

    def results(function, x):
        paddle.seed(3)
        return [*function(x), paddle.rand([2])]

    converted = to_static(f)
    for x in (paddle.ones([3]), -paddle.ones([3]), paddle.ones([3])):
        assert_same(results(f, x), results(converted, x))


def test_sizes_that_a_run_tells_are_compared_and_reshaped_to():
    def f(x, limit):
        kept = x[x > limit]
        count = paddle.shape(kept)[0]
        pairs = paddle.stack([kept, kept], 0)
        rows, same = pairs.reshape([count, 2]), paddle.reshape(pairs, (2, pairs.shape[1]))
        if [2, count] == same.shape:
            same = same + 1
        if (count, 2) != (3, 2):
            rows = rows * 2
        return rows, same

    converted = to_static(f)
    x = paddle.to_tensor([0.1, 0.4, 0.6, 0.8, 0.9])
    for limit in (0.0, 0.5, 0.7):
        arguments = x, paddle.to_tensor(limit)
        assert_same(f(*arguments), converted(*arguments))


class Encoding(paddle.nn.Layer):
    """Makes its table anew at each call, as positional encodings do."""

    def __init__(self):
        super().__init__()
        self.table = paddle.zeros([1])

    def forward(self, x):
        self.table = paddle.arange(0, x.shape[0], dtype="float32") * 2
        return self.table + x


class Average(paddle.nn.Layer):
    """Keeps a state by putting another tensor in its place."""

    def __init__(self):
        super().__init__()
        self.state, self.longest = paddle.zeros([1]), -1

    def forward(self, x):
        before = self.state + x
        self.state = self.state + x.sum()
        longest = x.max() + 1
        if self.longest < 0 or longest > self.longest:
            self.longest = longest
        return before * self.longest


@pytest.mark.parametrize("kind", [Encoding, Average])
def test_buffers_that_a_call_sets_do_not_make_it_be_captured_again(kind):
    eager, layer = kind(), kind()
    converted = to_static(layer)
    for length in (3, 3, 5, 3, 4, 3):
        x = floats(length, seed=length)
        assert_same(eager(x), converted(x))
        assert_same(dict(eager.named_buffers()), dict(layer.named_buffers()))
    assert len(converted.forward.programs) <= 3
    for name in ("table", "state"):
        if hasattr(layer, name):
            value = paddle.full([1], 5.0)
            setattr(layer, name, value)
            setattr(eager, name, value)
    assert_same(eager(floats(3)), converted(floats(3)))


def test_flattening_the_weights_of_a_recurrent_layer_is_nothing():
    class Reader(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.rnn = paddle.nn.GRU(3, 4)

        def forward(self, x):
            self.rnn.flatten_parameters()
            return self.rnn(x)[0]

    layer = Reader()
    expected = layer(floats(2, 5, 3))
    assert_same(expected, to_static(layer)(floats(2, 5, 3)))


def test_ends_of_slices_on_either_side_of_zero():
    def f(x, n):
        k = n.max().item()
        return x[:, : k - 4], x[:, k - 4 :], x[:, : 4 - k], x[:, k - 9 : k - 2]

    converted = to_static(f)
    for number in (1, 2, 4, 5, 6, 9, 12):
        arguments = floats(2, 8), paddle.to_tensor([0, number])
        assert_same(f(*arguments), converted(*arguments))


def test_a_default_argument_without_elements():
    nothing = paddle.zeros([0, 0])

    def f(x, cache=nothing):
        old = paddle.squeeze(cache.unsqueeze(0), 0)
        return x * 2 if cache.shape[0] == 0 else paddle.concat([old, x])

    converted = to_static(f)
    assert_same(floats(2, 3) * 2, converted(floats(2, 3)))


def test_size_is_a_number_and_gives_the_shape_when_called():
    def f(x):
        rows, _ = x.size()
        flat = x.reshape([x.size(0) * x.size(-1)])
        if x.size > 6:
            flat = flat + 1
        return flat * rows, paddle.full([x.size], 1.0), x.sum() / x.size, x.size(dim=1)

    converted = to_static(f)
    for rows in (2, 2, 3, 4):
        assert_same(f(floats(rows, 3)), converted(floats(rows, 3)))
    assert len(converted.programs) == 2

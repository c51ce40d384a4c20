"""The oneDNN pass: what it computes, against numpy and Paddle eager, and what it leaves behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dy2st.errors import IndexOutOfRangeError
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu import interpret
from dy2st.runtime.cpu.builder import Builder
from dy2st.runtime.cpu.onednn.layout import rewrite
from dy2st.runtime.cpu.onednn.lower import KIND, primitive_step
from dy2st.runtime.cpu.steps import KernelStep


class Case:
    """A graph under construction, with random values of its inputs."""

    def __init__(self) -> None:
        self.b = Builder()
        self.rng = np.random.default_rng(3)
        self.feeds: dict[g.Node, np.ndarray] = {}
        self.weights: set[g.Node] = set()

    def input(self, *shape: int) -> g.Node:
        node = self.b.input(shape, "float32")
        self.feeds[node] = self.rng.standard_normal(shape).astype("float32")
        return node

    def weight(self, *shape: int) -> g.Node:
        node = self.input(*shape)
        self.feeds[node] *= 0.3
        self.weights.add(node)
        return node

    def conv(self, x, out, k, stride=1, pad=0, groups=1, dilation=1, bias=True):
        n = x.rank - 2
        w = self.weight(out, x.shape[1] // groups, *(k,) * n)
        y = self.b.conv(
            x, w, stride=(stride,) * n, padding=((pad, pad),) * n, dilation=(dilation,) * n,
            groups=groups,
        )  # fmt: skip
        return self.b.add(y, self.b.reshape(self.weight(out), (1, out) + (1,) * n)) if bias else y

    def linear(self, x, out, bias=True):
        y = self.b.matmul(x, self.weight(x.shape[-1], out))
        return self.b.add(y, self.weight(out)) if bias else y

    def relu(self, x):
        return self.b.elementwise("relu", x)

    def check(self, *outputs: g.Node, atol: float = 1e-4) -> list[g.Node]:
        """Compare with numpy; the rewritten graph's nodes, in order."""
        new = rewrite(outputs, lambda node: node in self.weights)
        for old, node in zip(outputs, new, strict=True):
            assert (node.shape, node.dtype) == (old.shape, old.dtype)
        want = interpret.run(outputs, self.feeds)
        got = interpret.run(new, self.feeds)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=atol)
        return g.topological(new)


@pytest.fixture
def case(library) -> Case:
    return Case()


def calls(nodes: list[g.Node], word: str = "") -> list[g.Node]:
    return [n for n in nodes if isinstance(n, g.Primitive) and word in n.attrs.get("label", "")]


def kinds(nodes: list[g.Node], *types: type) -> list[g.Node]:
    return [n for n in nodes if isinstance(n, types)]


def test_residual_block_is_convolutions_only(case: Case) -> None:
    x = case.relu(case.conv(case.input(2, 16, 10, 10), 16, 3, pad=1))
    y = case.relu(case.conv(x, 16, 3, pad=1))
    y = case.conv(y, 16, 3, pad=1)
    out = case.relu(case.b.add(y, x))
    pooled = case.b.mean(out, (2, 3))
    nodes = case.check(pooled)
    convs = calls(nodes, "conv")
    assert len(convs) == 3
    assert [len(n.attrs["overwrites"]) for n in convs] == [0, 0, 1]  # x is not needed after
    assert not [n for n in kinds(nodes, g.Map) if n.size > 2 * 16]
    assert len(kinds(nodes, g.Permute)) <= 1  # of the input (done by a reorder)


def test_residual_that_is_needed_later_is_not_overwritten(case: Case) -> None:
    x = case.relu(case.conv(case.input(1, 8, 6, 6), 8, 1))
    y = case.relu(case.b.add(case.conv(x, 8, 1), x))
    nodes = case.check(y, case.b.mul(x, 2.0))
    assert all(not n.attrs["overwrites"] for n in calls(nodes, "conv "))


def test_both_sides_of_a_sum_are_convolutions(case: Case) -> None:
    x = case.input(1, 8, 6, 6)
    y = case.relu(case.b.add(case.conv(x, 16, 1), case.conv(x, 16, 3, pad=1)))
    nodes = case.check(y)
    assert not kinds(nodes, g.Map)


@pytest.mark.parametrize(("kernel", "stride", "flip"), [(1, 1, False), (3, 2, True)])
def test_packing_scales_the_weights_of_a_folded_norm(case: Case, kernel, stride, flip) -> None:
    w, gain = case.weight(48, 32, kernel, kernel), case.weight(48)
    factors = [w, case.b.reshape(gain, (48, 1, 1, 1))]
    y = case.b.conv(
        case.input(2, 32, 9, 9),
        case.b.mul(*(factors[::-1] if flip else factors)),
        stride=(stride, stride),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
        groups=1,
    )
    nodes = case.check(y)
    assert len(calls(nodes, "scale and pack")) == 1
    assert not kinds(nodes, g.Map)


def test_scaled_weights_of_transposed_and_grouped_convolutions(case: Case) -> None:
    x, w, gain = case.input(1, 16, 5, 5), case.weight(16, 32, 3, 3), case.weight(1, 32, 1, 1)
    options = {"stride": (2, 2), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}
    y = case.b.conv_transpose(x, case.b.mul(w, gain), output_padding=(1, 1), **options)
    grouped = case.b.mul(case.weight(32, 4, 3, 3), case.weight(32, 1, 1, 1))
    z = case.b.conv(x, grouped, groups=4, **options)
    along_inputs = case.b.mul(case.weight(32, 16, 3, 3), case.weight(1, 16, 1, 1))
    case.check(y, z, case.b.conv(x, along_inputs, groups=1, **options))


def test_depthwise_group_dilated_1d_3d(case: Case) -> None:
    x = case.input(2, 32, 9, 9)
    case.check(case.relu(case.conv(x, 32, 3, pad=1, groups=32, stride=2)))
    case.check(case.conv(x, 32, 3, pad=1, groups=8))
    case.check(case.conv(x, 24, 3, pad=2, dilation=2, bias=False))
    line = case.relu(case.conv(case.input(2, 5, 20), 8, 3, pad=1))
    line = case.b.add(case.conv(line, 8, 5, pad=2, groups=8), line)
    nodes = case.check(line)
    assert not kinds(nodes, g.Map)
    case.check(case.relu(case.conv(case.input(1, 4, 5, 6, 7), 8, 3, pad=1)))


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed(case: Case, groups: int) -> None:
    x = case.input(2, 8, 5, 6)
    for extra in (0, 1):
        y = case.b.conv_transpose(
            x, case.weight(8, 6 // groups, 3, 3), stride=(2, 2), padding=((1, 1), (1, 1)),
            dilation=(1, 1), groups=groups, output_padding=(extra, extra),
        )  # fmt: skip
        case.check(case.relu(y))


def test_concat_slice_and_mean_keep_channels_last(case: Case) -> None:
    x = case.conv(case.input(1, 3, 8, 8), 16, 3, pad=1)
    parts = [case.conv(x, 8, 1), case.conv(x, 24, 3, pad=1)]
    y = case.b.concat(parts, 1)
    y = case.b.mul(y, case.b.elementwise("sigmoid", case.b.mean(y, (2, 3), keepdim=True)))
    y = case.conv(case.b.narrow(y, 1, 4, 20), 8, 1)
    nodes = case.check(case.b.reshape(case.b.mean(y, (2, 3)), (1, 8)))
    assert not [n for n in kinds(nodes, g.Permute) if n.operands[0] in nodes and n.size > 192]


def test_channel_shuffle(case: Case) -> None:
    x = case.conv(case.input(1, 3, 8, 8), 12, 3, pad=1)
    y = case.b.reshape(x, (1, 3, 4, 8, 8))
    y = case.b.reshape(case.b.permute(y, (0, 2, 1, 3, 4)), (1, 12, 8, 8))
    case.check(case.conv(y, 4, 1))


def test_flatten_of_a_picture_into_a_sequence(case: Case) -> None:
    """A vision transformer's patches: channels-last is already the order that is wanted."""
    x = case.conv(case.input(2, 3, 16, 16), 12, 4, stride=4)
    y = case.b.permute(case.b.reshape(x, (2, 12, 16)), (0, 2, 1))
    nodes = case.check(case.linear(y, 8))
    assert not kinds(nodes, g.Permute)
    assert len(calls(nodes, "to channels-last")) == 1  # the picture itself


def attention(case: Case, x, heads: int, mask=None):
    b, (n, t, width) = case.b, x.shape
    split = lambda v: b.permute(b.reshape(v, (n, t, heads, width // heads)), (0, 2, 1, 3))
    q, k, v = (split(case.linear(x, width)) for _ in range(3))
    scores = b.matmul(b.mul(q, 0.25), k, transpose_y=True)
    if mask is not None:
        scores = b.add(scores, mask)
    e = b.elementwise("exp", b.sub(scores, b.reduce("max", scores, -1, keepdim=True)))
    weights = b.div(e, b.reduce("sum", e, -1, keepdim=True))
    out = b.reshape(b.permute(b.matmul(weights, v), (0, 2, 1, 3)), (n, t, width))
    return case.linear(out, width)


def test_attention_copies_nothing(case: Case) -> None:
    x = case.input(2, 16, 32)
    mask = case.input(2, 1, 1, 16)
    nodes = case.check(case.b.add(attention(case, x, 4, mask), x))
    assert len(calls(nodes, "matmul ")) == 6
    below = [n for n in kinds(nodes, g.Permute)]
    readers = g.consumers(nodes)
    assert not [n for n in below if readers[n]]  # every permute was taken into a product
    assert len(calls(nodes, "pack")) in (0, 4)  # gemm of older machines packs nothing


def test_products(case: Case) -> None:
    b = case.b
    x, y = case.input(2, 3, 5, 7), case.input(2, 1, 7, 4)
    case.check(b.matmul(x, y))
    case.check(b.matmul(x, case.weight(7, 4)))
    case.check(b.matmul(case.input(5, 7), case.input(3, 5, 4), transpose_x=True))
    case.check(b.matmul(case.input(1, 7), case.input(9, 7), transpose_y=True))
    case.check(b.matmul(case.input(6, 1), case.input(1, 5)))
    case.check(b.matmul(x, b.expand(case.input(1, 1, 7, 4), (2, 3, 7, 4))))
    case.check(b.matmul(b.expand(case.input(1, 1), (4, 7)), case.input(7, 3)))
    case.check(b.matmul(b.narrow(x, 3, 1, 5), case.weight(4, 6)))
    case.check(b.matmul(b.narrow(x, 3, 0, 7, 2), case.weight(4, 6)))
    case.check(b.matmul(b.flip(x, 3), case.weight(7, 6)))


def test_empty_products(case: Case) -> None:
    b = case.b
    nodes = case.check(
        b.add(b.matmul(case.input(3, 0), case.input(0, 4)), 1.0),
        b.matmul(case.input(0, 3), case.input(3, 4)),
    )
    assert not kinds(nodes, g.Primitive)


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "abs", "square"])
def test_functions_become_post_ops(case: Case, name: str) -> None:
    y = case.b.elementwise(name, case.linear(case.input(5, 6), 7))
    nodes = case.check(y)
    assert not kinds(nodes, g.Map)


def test_post_ops_behind_a_reshape(case: Case) -> None:
    x = case.linear(case.input(2, 6, 8), 12)
    y = case.b.mul(case.b.reshape(x, (2, 6, 3, 4)), 0.5)
    nodes = case.check(case.b.add(y, case.input(2, 6, 3, 4)))
    assert not kinds(nodes, g.Map)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [5, 40])
def test_relu6_around_a_depthwise_convolution(case: Case, rank, kernel, stride, channels) -> None:
    relu6 = lambda x: case.b.elementwise("clip", x, 0.0, 6.0)
    x = case.b.mul(case.conv(case.input(2, 3, *(11, 9)[:rank]), channels, 1), 10.0)
    y = case.conv(relu6(x), channels, kernel, stride=stride, pad=kernel // 2, groups=channels)
    y = case.b.mul(relu6(y), 2.0)
    nodes = case.check(case.conv(y, 4, 1))
    assert not kinds(nodes, g.Map)
    (window,) = calls(nodes, "window")
    step = primitive_step(window)
    assert isinstance(step, KernelStep)
    assert step.operands == window.operands


def test_nan_passes_a_relu6(case: Case) -> None:
    relu6 = lambda x: case.b.elementwise("clip", x, 0.0, 6.0)
    x = case.input(1, 4, 9, 9)
    case.feeds[x][0, :, 4, 4] = [np.nan, np.inf, -np.inf, 7]
    y = case.b.conv(
        relu6(x), case.weight(4, 1, 1, 1), stride=(1, 1), padding=((0, 0),) * 2,
        dilation=(1, 1), groups=4,
    )  # fmt: skip
    new = rewrite([relu6(y)], lambda node: node in case.weights)
    (want,), (got,) = (interpret.run(n, case.feeds) for n in ([relu6(y)], new))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    assert np.isnan(got).sum() == 1


def test_inexact_functions_stay_kernels(case: Case) -> None:
    """oneDNN's clip loses NaN, and its gelu is NaN at infinity."""
    b = case.b
    x = case.input(3, 4)
    case.feeds[x][0] = [np.nan, np.inf, -np.inf, 1]
    x = b.mul(x, 1.0)
    eye = b.constant(np.eye(4, dtype="float32"))
    y = b.matmul(case.input(4, 4), eye)
    relu6 = b.elementwise("clip", y, 0.0, 6.0)
    nodes = case.check(relu6)
    assert kinds(nodes, g.Map)
    gelu = b.map(lambda s, v: 0.5 * v * (1 + s.erf(v * 0.70710678)), b.matmul(x, eye))
    assert kinds(rewrite([gelu], lambda n: False), g.Map)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, -0.0])
@pytest.mark.parametrize(
    "function",
    ["relu", "leaky_relu", "tanh", "elu", "sigmoid", "silu", "hardswish", "mish", "gelu_tanh"],
)
def test_special_values_as_eager(case: Case, function: str, special: float) -> None:
    paddle = pytest.importorskip("paddle")
    F, b = paddle.nn.functional, case.b
    write = {
        "relu": lambda s, v: s.relu(v),
        "leaky_relu": lambda s, v: s.select(v > 0, v, v * 0.01),
        "tanh": lambda s, v: s.tanh(v),
        "elu": lambda s, v: s.select(v > 0, v, s.expm1(v)),
        "sigmoid": lambda s, v: s.sigmoid(v),
        "silu": lambda s, v: v / (1 + s.exp(-v)),
        "hardswish": lambda s, v: v * s.clip(v + 3, 0, 6) * (1 / 6),
        "mish": lambda s, v: v * s.tanh(s.log1p(s.exp(v))),
        "gelu_tanh": lambda s, v: (
            0.5 * v * (1 + s.tanh(0.7978845608 * (v + 0.044715 * (v * v * v))))
        ),
    }
    eager = getattr(F, function, None) or (lambda v: F.gelu(v, approximate=True))
    x = case.input(3, 1)
    case.feeds[x][:, 0] = [special, 2.0, -2.0]
    product = b.matmul(x, b.constant(np.ones((1, 8), "float32")))
    out = b.map(write[function], product)
    new = rewrite([out], lambda n: False)
    got = interpret.run(new, case.feeds)[0]
    (plain,) = interpret.run(rewrite([product], lambda n: False), case.feeds)
    want = eager(paddle.to_tensor(plain)).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


POOLS = [
    dict(kernel=3, stride=2, pad=1),
    dict(kernel=2, stride=2, pad=0),
    dict(kernel=3, stride=2, pad=0, ceil=True),
    dict(kernel=6, stride=3, pad=2),
]


@pytest.mark.parametrize("kind", ["max", "avg", "avg_padded"])
@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_pools_equal_eager(case: Case, kind: str, pool: dict) -> None:
    paddle = pytest.importorskip("paddle")
    F, b = paddle.nn.functional, case.b
    x = case.input(2, 5, 11, 9)
    k, s, p, ceil = pool["kernel"], pool["stride"], pool["pad"], pool.get("ceil", False)
    value = case.feeds[x]
    if kind == "max":
        for at in [(0, 0, 3, 3), (0, 1, 10, 8), (1, 2, 0, 0), (1, 2, 0, 4), (1, 4, 5, 5)]:
            value[at] = np.nan
        value[1, 0, :4, :4] = -np.inf
        want = F.max_pool2d(paddle.to_tensor(value), k, s, p, ceil_mode=ceil)
    else:
        want = F.avg_pool2d(
            paddle.to_tensor(value), k, s, p, ceil_mode=ceil, exclusive=kind == "avg"
        )
    y = b.pool(kind, x, kernel=(k, k), stride=(s, s), padding=((p, p), (p, p)), ceil_mode=ceil)
    (new,) = rewrite([y], lambda n: False)
    (got,) = interpret.run([new], case.feeds)
    np.testing.assert_allclose(got, want.numpy(), rtol=1e-4, atol=1e-5)
    (plain,) = interpret.run([y], case.feeds)
    np.testing.assert_allclose(plain, want.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("lengths", [None, [5, 2, 3]], ids=["whole", "lengths"])
def test_recurrent_layers_equal_eager(case: Case, mode, directions, lengths) -> None:
    paddle = pytest.importorskip("paddle")
    paddle.seed(1)
    direction = "bidirect" if directions == 2 else "forward"
    name = {"lstm": "LSTM", "gru": "GRU"}.get(mode, "SimpleRNN")
    extra = {"activation": mode[4:]} if mode.startswith("rnn") else {}
    layer = getattr(paddle.nn, name)(6, 8, direction=direction, time_major=True, **extra)
    b, x = case.b, case.input(5, 3, 6)
    states = [case.input(directions, 3, 8) for _ in range(2 if mode == "lstm" else 1)]
    weights = []
    for suffix in ("", "_reverse")[:directions]:
        keys = [f"{k}_l0{suffix}" for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        values = [getattr(layer, key).numpy() for key in keys]
        weights.append([case.weight(*value.shape) for value in values])
        case.feeds.update(zip(weights[-1], values, strict=True))
    sizes = None
    if lengths is not None:
        sizes = b.input((3,), "int32")
        case.feeds[sizes] = np.array(lengths, "int32")
    outputs = b.rnn(mode, x, states, weights, lengths=sizes)
    to = lambda node: paddle.to_tensor(case.feeds[node])
    initial = tuple(map(to, states)) if mode == "lstm" else to(states[0])
    want, last = layer(to(x), initial, None if sizes is None else to(sizes))
    last = last if isinstance(last, tuple) else (last,)
    new = rewrite(outputs, lambda node: node in case.weights)
    if lengths is None:
        assert len(calls(g.topological(new), mode)) == 1
    for nodes in (outputs, new):
        for got, value in zip(interpret.run(nodes, case.feeds), [want, *last], strict=True):
            np.testing.assert_allclose(got, value.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_small_recurrent_layers_run_in_a_kernel_of_ours(
    case: Case, monkeypatch, mode: str, rows: int, reverse: bool, threads: int
) -> None:
    monkeypatch.setattr("dy2st.runtime.cpu.threads._chosen", threads)
    hidden, width = 64, 7
    gates = {"lstm": 4, "gru": 3}.get(mode, 1) * hidden
    x = case.input(6, rows, width)
    states = [case.input(1, rows, hidden) for _ in range(2 if mode == "lstm" else 1)]
    weights = [case.weight(*s) for s in ((gates, width), (gates, hidden), (gates,), (gates,))]
    for node in weights[:2]:
        case.feeds[node] *= 0.3
    nodes = case.check(*case.b.rnn(mode, x, states, [weights], reverse=reverse), atol=1e-5)
    (steps,) = calls(nodes, "steps")
    assert isinstance(primitive_step(steps), KernelStep)


def test_recurrent_kernels_of_several_threads_do_not_meet(case: Case, monkeypatch) -> None:
    monkeypatch.setattr("dy2st.runtime.cpu.threads._chosen", 2)
    x, states = case.input(30, 1, 64), [case.input(1, 1, 64) for _ in range(2)]
    weights = [case.weight(*s) for s in ((256, 64), (256, 64), (256,), (256,))]
    new = rewrite(case.b.rnn("lstm", x, states, [weights]), lambda node: node in case.weights)
    (want, *_) = interpret.run(new, case.feeds)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: interpret.run(new, case.feeds)[0], range(40)))
    for got in found:
        np.testing.assert_array_equal(got, want)


def test_products_of_looked_up_rows_are_looked_up(case: Case) -> None:
    b, table = case.b, case.weight(50, 256)
    tokens = b.input((3, 1), "int64")
    case.feeds[tokens] = np.array([[4], [-1], [49]])
    rows = b.gather(table, tokens)
    y = b.add(b.matmul(rows, case.weight(640, 256), transpose_y=True), case.weight(640))
    nodes = case.check(y, rows)
    (product,) = calls(nodes, "matmul ")
    assert product.results[0][0] == (50, 640)  # static: the prologue's
    case.feeds[tokens][1] = 50
    new = rewrite([y], lambda node: node in case.weights)
    with pytest.raises(IndexOutOfRangeError):
        interpret.run(new, case.feeds)
    many = b.gather(table, case.b.reshape(b.iota((32,), 0), (32,)))
    case.check(b.matmul(many, case.weight(256, 640)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_types_are_computed_in_float32(case: Case, dtype: str) -> None:
    kind = interpret.np_dtype(dtype)
    x, w = case.b.input((2, 8, 5, 5), dtype), case.b.input((4, 8, 3, 3), dtype)
    case.feeds |= {n: case.rng.standard_normal(n.shape).astype(kind) for n in (x, w)}
    y = case.b.conv(x, w, stride=(1, 1), padding=((1, 1),) * 2, dilation=(1, 1))
    y = case.b.matmul(y, y, transpose_y=True)
    new = rewrite([y], lambda n: False)
    assert len(calls(g.topological(new), "brg")) == 2
    (want,), (got,) = interpret.run([y], case.feeds), interpret.run(new, case.feeds)
    assert got.dtype == kind
    got, want = got.astype("float32"), want.astype("float32")
    np.testing.assert_allclose(got, want, rtol=2e-2, atol=2e-2 * np.abs(want).max())


def test_other_dtypes_are_left_alone(case: Case) -> None:
    x, y = case.b.input((2, 3), "float64"), case.b.input((3, 4), "float64")
    case.feeds |= {n: case.rng.standard_normal(n.shape) for n in (x, y)}
    nodes = case.check(case.b.matmul(x, y))
    assert not calls(nodes, "matmul")
    (node,) = [n for n in nodes if isinstance(n, g.Primitive)]
    assert primitive_step(node) is None


def test_steps_say_what_to_run(case: Case) -> None:
    nodes = case.check(case.relu(case.linear(case.input(4, 8), 16)))
    steps = [primitive_step(n) for n in nodes if isinstance(n, g.Primitive)]
    assert all(n.kind == KIND for n in nodes if isinstance(n, g.Primitive))
    product = steps[-1]
    assert product is not None
    assert {a.kind for a in product.args} >= {"operand", "result"}
    assert not product.primitive.impl.startswith("ref")

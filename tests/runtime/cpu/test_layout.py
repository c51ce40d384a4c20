"""Layout assignment on random graphs keeps their meaning; views say what movement means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu import interpret
from dy2st.runtime.cpu.builder import Builder
from dy2st.runtime.cpu.layout import assign_layouts, reshape_groups
from dy2st.runtime.cpu.onednn.layout import rewrite
from dy2st.runtime.cpu.views import view_of


class Graph:
    """A random graph over small tensors, drawn step by step."""

    def __init__(self, draw) -> None:
        self.draw, self.b = draw, Builder()
        self.rng = np.random.default_rng(0)
        self.feeds: dict[g.Node, np.ndarray] = {}
        self.nodes = [self.input((2, 4, 6, 4))]

    def input(self, shape) -> g.Node:
        node = self.b.input(shape, "float32")
        self.feeds[node] = self.rng.standard_normal(shape).astype("float32")
        return node

    def one(self) -> g.Node:
        return self.draw(st.sampled_from(self.nodes))

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def step(self) -> None:
        kind = self.draw(st.sampled_from(sorted(STEPS)))
        node = STEPS[kind](self, self.one())
        if node is not None and 0 < node.size <= 4000 and node.rank <= 6:
            self.nodes.append(node)


def _conv(s: Graph, x: g.Node):
    if x.rank != 4:
        return None
    w = s.input((s.number(1, 5), x.shape[1], 1, 1))
    return s.b.conv(x, w, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1))


def _depthwise(s: Graph, x: g.Node):
    if x.rank not in (3, 4):
        return None
    n = x.rank - 2
    w = s.input((x.shape[1], 1, *(3,) * n))
    step = s.number(1, 2)
    return s.b.conv(
        x, w, stride=(step,) * n, padding=((1, 1),) * n, dilation=(1,) * n, groups=x.shape[1]
    )


def _pool(s: Graph, x: g.Node):
    if x.rank not in (3, 4) or min(x.shape[2:]) < 2:
        return None
    n = x.rank - 2
    kind = s.draw(st.sampled_from(["max", "avg", "avg_padded"]))
    return s.b.pool(kind, x, kernel=(2,) * n, stride=(1,) * n, padding=((0, 1),) * n)


def _matmul(s: Graph, x: g.Node):
    if x.rank < 2:
        return None
    y = s.one()
    if y.rank >= 2 and y.shape[-1] == x.shape[-1] and s.number(0, 1):
        try:
            return s.b.matmul(x, y, transpose_y=True)
        except Exception:
            return None
    return s.b.matmul(x, s.input((x.shape[-1], 3)))


def _binary(s: Graph, x: g.Node):
    y = s.one()
    try:
        return s.b.add(x, y)
    except Exception:
        return s.b.add(x, s.input(x.shape[-1:]))


def _permute(s: Graph, x: g.Node):
    return s.b.permute(x, s.draw(st.permutations(range(x.rank))))


def _reshape(s: Graph, x: g.Node):
    shape = list(x.shape)
    if s.number(0, 1) and x.rank > 1:
        at = s.number(0, x.rank - 2)
        shape[at : at + 2] = [shape[at] * shape[at + 1]]
    elif x.rank:
        at = s.number(0, x.rank - 1)
        if shape[at] % 2 == 0:
            shape[at : at + 1] = s.draw(st.sampled_from([[2, shape[at] // 2], [shape[at] // 2, 2]]))
    return s.b.reshape(x, shape)


def _reduce(s: Graph, x: g.Node):
    if not x.rank:
        return None
    axes = s.draw(st.sets(st.integers(0, x.rank - 1), min_size=1))
    op = s.draw(st.sampled_from(["sum", "max", "argmax"]))
    if op == "argmax":
        return s.b.cast(s.b.reduce(op, x, sorted(axes)[0], keepdim=True), "float32")
    return s.b.reduce(op, x, sorted(axes), keepdim=bool(s.number(0, 1)))


def _concat(s: Graph, x: g.Node):
    if not x.rank:
        return None
    axis = s.number(0, x.rank - 1)
    fits = [
        y for y in s.nodes
        if y.rank == x.rank and all(a == b for d, (a, b) in enumerate(zip(x.shape, y.shape)) if d != axis)
    ]  # fmt: skip
    return s.b.concat([x, s.draw(st.sampled_from(fits))], axis)


def _slice(s: Graph, x: g.Node):
    if not x.rank:
        return None
    axis = s.number(0, x.rank - 1)
    start = s.number(0, x.shape[axis] - 1)
    return s.b.narrow(x, axis, start, x.shape[axis], s.number(1, 2))


def _pad(s: Graph, x: g.Node):
    low = [s.number(0, 1) for _ in x.shape]
    return s.b.pad(x, low, [0] * x.rank, 0.5)


STEPS = {
    "conv": _conv,
    "depthwise": _depthwise,
    "pool": _pool,
    "matmul": _matmul,
    "relu": lambda s, x: s.b.elementwise("relu", x),
    "relu6": lambda s, x: s.b.elementwise("clip", x, 0.0, 6.0),
    "scale": lambda s, x: s.b.mul(x, 0.5),
    "binary": _binary,
    "channel": lambda s, x: s.b.add(x, s.input((x.shape[1], *(1,) * (x.rank - 2)))) if x.rank > 1 else None,
    "permute": _permute,
    "reshape": _reshape,
    "reduce": _reduce,
    "concat": _concat,
    "slice": _slice,
    "flip": lambda s, x: s.b.flip(x, s.number(0, x.rank - 1)) if x.rank else None,
    "pad": _pad,
}  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_rewrites_keep_the_meaning(library, data) -> None:
    graph = Graph(data.draw)
    for _ in range(graph.number(2, 14)):
        graph.step()
    outputs = [graph.nodes[-1], graph.one()]
    want = interpret.run(outputs, graph.feeds)
    scale = max(1.0, *(float(np.abs(w).max()) for w in want))
    static = set(list(graph.feeds)[1:])
    for new in (assign_layouts(outputs), rewrite(outputs, lambda node: node in static)):
        got = interpret.run(new, graph.feeds)
        for a, b in zip(got, want, strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * scale)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_views_read_what_movement_gives(data) -> None:
    graph = Graph(data.draw)
    x = graph.nodes[0]
    node = x
    for _ in range(graph.number(1, 6)):
        name = data.draw(st.sampled_from(["permute", "reshape", "slice", "flip", "pad"]))
        node = STEPS[name](graph, node) or node
    view = view_of(node)
    (base,) = interpret.run([view.base], graph.feeds)
    flat = np.ascontiguousarray(base).reshape(-1)[view.offset :]
    strides = [4 * step for step in view.strides]
    got = np.lib.stride_tricks.as_strided(flat, view.shape, strides)
    np.testing.assert_array_equal(got, interpret.run([node], graph.feeds)[0])


@pytest.mark.parametrize(
    ("old", "new", "groups"),
    [
        ((2, 6), (12,), [((0, 1), (0,))]),
        ((12,), (2, 6), [((0,), (0, 1))]),
        ((2, 3, 4), (2, 12), [((0,), (0,)), ((1, 2), (1,))]),
        ((2, 1, 3), (2, 3), [((0,), (0,)), ((1, 2), (1,))]),
        ((1,), (), [((0,), ())]),
        ((0, 3), (3, 0), None),
    ],
)
def test_reshape_groups(old, new, groups) -> None:
    found = reshape_groups(old, new)
    if groups is None:
        assert found is None
        return
    assert found is not None
    for left, right in found:
        assert np.prod([old[a] for a in left]) == np.prod([new[a] for a in right])
    assert [a for left, _ in found for a in left] == list(range(len(old)))
    assert [a for _, right in found for a in right] == list(range(len(new)))

"""Random kernel graphs: fused kernels against the numpy interpreter."""

import numpy as np
import pytest
from kernel_checks import check

from dy2st.errors import InternalError
from dy2st.runtime.cpu import fuse

UNARY = ["tanh", "exp", "neg", "relu", "sigmoid", "abs", "sin", "square", "erf"]
BINARY = ["add", "sub", "mul", "max", "min"]
COUNT = 60


def shapes_of(rng):
    rank = int(rng.integers(1, 5))
    return tuple(int(rng.choice([1, 2, 3, 4, 5, 6, 7, 12, 16, 17, 33])) for _ in range(rank))


def bounded(b, x):
    """Values stay small, so that sums of different order agree."""
    return b.elementwise("tanh", x)


class Graph:
    """Grows a list of nodes by random operations."""

    def __init__(self, b, rng, inputs):
        self.b, self.rng = b, rng
        self.nodes = list(inputs)

    def pick(self):
        # Recent nodes more often: chains, with readers far back now and then.
        i = len(self.nodes) - 1 - min(int(self.rng.exponential(2.0)), len(self.nodes) - 1)
        return self.nodes[i]

    def fitting(self, x):
        """A node that broadcasts with x: another of its shape, a reduction of it, or a constant."""
        same = [n for n in self.nodes if n.shape == x.shape and n is not x]
        choice = self.rng.integers(4)
        if same and choice < 2:
            return same[int(self.rng.integers(len(same)))]
        if choice == 2 and x.rank:
            axis = int(self.rng.integers(x.rank))
            return bounded(self.b, self.b.reduce("sum", x, axis, True))
        return float(self.rng.normal())

    def step(self):
        rng, b, x = self.rng, self.b, self.pick()
        kinds = [
            self.unary,
            self.binary,
            self.binary,
            self.move,
            self.reduce,
            self.norm,
            self.other,
        ]
        node = kinds[int(rng.integers(len(kinds)))](x)
        if 0 < node.size < 20000:
            self.nodes.append(node)

    def unary(self, x):
        name = UNARY[int(self.rng.integers(len(UNARY)))]
        return bounded(self.b, self.b.elementwise(name, x))

    def binary(self, x):
        name = BINARY[int(self.rng.integers(len(BINARY)))]
        return self.b.elementwise(name, x, self.fitting(x))

    def reduce(self, x):
        if not x.rank:
            return self.unary(x)
        axes = [
            int(a) for a in self.rng.permutation(x.rank)[: int(self.rng.integers(1, x.rank + 1))]
        ]
        op = ["sum", "max", "min"][int(self.rng.integers(3))]
        return bounded(self.b, self.b.reduce(op, x, axes, bool(self.rng.integers(2))))

    def norm(self, x):
        if not x.rank:
            return self.unary(x)
        b, axis = self.b, int(self.rng.integers(x.rank))
        e = b.elementwise("exp", b.sub(bounded(b, x), b.reduce("max", bounded(b, x), axis, True)))
        return b.div(e, b.reduce("sum", e, axis, True))

    def move(self, x):
        b, rng = self.b, self.rng
        kind = int(rng.integers(7))
        if kind == 0 or not x.rank:
            return b.reshape(x, (x.size,))
        axis = int(rng.integers(x.rank))
        if kind == 1:
            return b.permute(x, [int(a) for a in rng.permutation(x.rank)])
        if kind == 2:
            step = int(rng.choice([1, 2, -1]))
            return b.narrow(x, axis, None, None, step)
        if kind == 3:
            low = [int(v) for v in rng.integers(-1, 3, x.rank)]
            return b.pad(x, low, [int(v) for v in rng.integers(0, 2, x.rank)], 0.5)
        if kind == 4:
            return b.concat([x, b.mul(x, 2.0), b.narrow(x, axis, 0, 1)], axis)
        if kind == 5:
            return b.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))
        merged = (*x.shape[:axis], int(np.prod(x.shape[axis:])))
        return b.reshape(x, merged)

    def shuffle(self, x, axis):
        return shuffle_of(self.b, x, axis)

    def other(self, x):
        b, rng = self.b, self.rng
        if not x.rank or not x.size:
            return self.unary(x)
        axis = int(rng.integers(x.rank))
        kind = int(rng.integers(5))
        if kind == 3:
            return self.shuffle(x, axis)
        if kind == 4:
            same = [n for n in self.nodes if n.shape == x.shape][-3:]
            return b.concat([*same, self.shuffle(x, axis)], axis)
        if kind == 0:
            index = b.constant(rng.integers(-x.shape[axis], x.shape[axis], (2, 3)))
            return b.gather(x, index, axis)
        if kind == 1:
            return b.map(lambda s, v, i: s.select(s.eq(i % 2, 0), v, -v), x, b.iota(x.shape, axis))
        return b.select(b.elementwise("gt", x, 0.1), x, self.fitting(x))


def shuffle_of(b, x, axis):
    """Channels dealt out in turn, where their number has a factor."""
    n = x.shape[axis]
    factor = next((f for f in (2, 3, 5) if n % f == 0 and n > f), None)
    if factor is None:
        return b.flip(x, axis)
    split = b.reshape(x, (*x.shape[:axis], factor, n // factor, *x.shape[axis + 1 :]))
    order = list(range(split.rank))
    order[axis], order[axis + 1] = order[axis + 1], order[axis]
    return b.reshape(b.permute(split, order), x.shape)


def random_case(seed):
    """(a function that builds a graph, input arrays, threads)."""
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shapes_of(rng)).astype(np.float32) for _ in range(2)]

    def build(b, *inputs):
        graph = Graph(b, rng, inputs)
        for _ in range(int(rng.integers(3, 14))):
            graph.step()
        wanted = graph.nodes[-1:] + [
            graph.nodes[int(i)] for i in rng.integers(0, len(graph.nodes), int(rng.integers(3)))
        ]
        return tuple(wanted)

    return build, arrays, int(rng.integers(1, 3))


@pytest.mark.parametrize("seed", range(COUNT))
def test_random_graph(seed):
    build, arrays, threads = random_case(seed)
    check(build, *arrays, threads=threads, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("seed", range(100, 112))
def test_every_node_by_itself(seed, monkeypatch):
    """What fusion falls back on when it gives up."""
    keeping = fuse.keeping

    def giving_up(outputs, settings, forced):
        if not forced:
            raise InternalError("not today")
        return keeping(outputs, settings, forced)

    monkeypatch.setattr(fuse, "keeping", giving_up)
    build, arrays, threads = random_case(seed)
    check(build, *arrays, threads=threads, rtol=2e-5, atol=2e-5)

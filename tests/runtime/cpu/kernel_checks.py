"""Compare compiled kernels with the numpy interpreter."""

import numpy as np

from dy2st.runtime.cpu import interpret
from dy2st.runtime.cpu.builder import Builder
from dy2st.runtime.cpu.direct import Direct
from dy2st.runtime.cpu.fuse import KernelStep

SPECIALS = [
    0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38, -3e38, 0.5, -0.5, 2.5, -2.5,
    1e-8, 88.8, -88.8, 89.4, -103.0, 20.5, 1e5, -3e7, 0.94, 0.625, -0.345, 3.14159274, 1.0000001, 7.0,
]  # fmt: skip


def floats(shape, dtype="float32", seed=0, specials=True):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) * rng.choice([0.1, 1.0, 10.0], shape)
    if specials and x.size:
        flat = x.reshape(-1)
        places = rng.permutation(x.size)[: min(len(SPECIALS), x.size)]
        flat[places] = SPECIALS[: len(places)]
    with np.errstate(over="ignore"):
        return x.astype(interpret.np_dtype(dtype))


def integers(shape, dtype="int64", seed=0, low=-9, high=10):
    rng = np.random.default_rng(seed)
    return rng.integers(max(low, 0) if dtype == "uint8" else low, high, shape).astype(dtype)


def run(fn, *arrays, threads=1, strides=None):
    """(native results, numpy's, number of kernels)."""
    b = Builder()
    if not strides:
        arrays = [np.array(a, order="C") for a in arrays]
    inputs = [b.input(a.shape, str(a.dtype)) for a in arrays]
    out = fn(b, *inputs)
    outs = list(out) if isinstance(out, (tuple, list)) else [out]
    given = {}
    for node, a in zip(inputs, arrays, strict=True):
        if strides:
            given[node] = tuple(s // a.itemsize for s in a.strides)
    direct = Direct(outs, threads=threads, strides=given)
    feeds = dict(zip(inputs, arrays, strict=True))
    kernels = sum(isinstance(s, KernelStep) for s in direct.fused.steps)
    return direct.run(feeds), interpret.run(outs, feeds), kernels


def check(fn, *arrays, threads=1, kernels=None, rtol=1e-5, atol=1e-6, strides=None):
    got, want, count = run(fn, *arrays, threads=threads, strides=strides)
    for g, w in zip(got, want, strict=True):
        assert g.shape == w.shape
        assert g.dtype == w.dtype
        if g.dtype.kind in "bui":
            np.testing.assert_array_equal(g, w)
        else:
            np.testing.assert_allclose(g.astype(np.float64), w.astype(np.float64), rtol, atol)
    if kernels is not None:
        assert count == kernels
    return got

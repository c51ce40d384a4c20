"""Code for machines with less than this one, run here."""

import platform

import numpy as np
import pytest
from kernel_checks import SPECIALS, floats

from dy2st.runtime.cpu import interpret
from dy2st.runtime.cpu.builder import Builder
from dy2st.runtime.cpu.cache import ObjectCache
from dy2st.runtime.cpu.direct import Direct
from dy2st.runtime.cpu.llvm.engine import Engine, Host, host

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="these hosts are all x86"
)
HOSTS = {
    "avx2": ("haswell", "+avx2,+fma,+f16c", 32),
    "sse4": ("x86-64-v2", "+sse4.2", 16),
    "sse2": ("x86-64", "+sse2", 16),
}


def softmax_and_more(b, x, k):
    e = b.elementwise("exp", b.sub(x, b.reduce("max", x, -1, True)))
    y = b.div(e, b.reduce("sum", e, -1, True))
    half = b.cast(b.cast(y, "float16"), "bfloat16")
    moved = b.permute(b.gather(x, k, 1), (1, 0))
    rounded = b.elementwise("tanh", b.elementwise("floor", b.mul(x, 3)))
    return y, half, moved, rounded, b.reduce("argmax", x, 1), b.scan("sum", y, 0)


@pytest.mark.parametrize("name", HOSTS)
def test_a_lesser_host(name):
    cpu, features, width = HOSTS[name]
    if name == "avx2" and not (host().has("avx2") and host().has("fma")):
        pytest.skip("this machine has no AVX2")
    target = Host(host().triple, cpu, features)
    assert target.vector_bytes == width
    jit = Engine(ObjectCache(None), target)
    b = Builder()
    arrays = [floats((19, 45), specials=False), np.arange(-20, 20)]
    inputs = [b.input(a.shape, str(a.dtype)) for a in arrays]
    outputs = softmax_and_more(b, *inputs)
    feeds = dict(zip(inputs, arrays, strict=True))
    got = Direct(outputs, threads=2, jit=jit).run(feeds)
    for g, w in zip(got, interpret.run(outputs, feeds), strict=True):
        np.testing.assert_allclose(g.astype(np.float64), w.astype(np.float64), 1e-5, 1e-6)


def test_every_float16_without_hardware():
    jit = Engine(ObjectCache(None), Host(host().triple, "x86-64", "+sse2"))
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    # Halfway between neighbours and a little off, denormals, overflow, and all the rest.
    exact = every.astype(np.float32)
    with np.errstate(all="ignore"):
        near = np.concatenate([exact, np.nextafter(exact, np.inf), (exact[1:] + exact[:-1]) / 2])
    near = np.concatenate([near, floats((999,))]).astype(np.float32)
    b = Builder()
    half, single = b.input(every.shape, "float16"), b.input(near.shape, "float32")
    outputs = [b.cast(half, "float32"), b.cast(single, "float16")]
    wide, narrow = Direct(outputs, jit=jit).run({half: every, single: near})
    np.testing.assert_array_equal(wide, exact)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(narrow, near.astype(np.float16))


def test_special_values_on_a_lesser_host():
    jit = Engine(ObjectCache(None), Host(host().triple, "x86-64-v2", "+sse4.2"))
    x = np.array(SPECIALS, np.float32)
    b = Builder()
    node = b.input(x.shape, "float32")
    names = ["exp", "log", "tanh", "sigmoid", "erf", "sqrt", "round", "expm1", "log1p", "sin"]
    outputs = [b.elementwise(n, node) for n in names]
    got = Direct(outputs, jit=jit).run({node: x})
    for n, g, w in zip(names, got, interpret.run(outputs, {node: x}), strict=True):
        np.testing.assert_allclose(g, w, 3e-6, 1e-38, err_msg=n)

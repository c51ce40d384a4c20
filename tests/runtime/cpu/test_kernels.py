"""Compiled kernels against numpy: scalar functions, dtypes, movement, reductions, fusion, errors."""

import numpy as np
import pytest
from kernel_checks import check, floats, integers, run

from dy2st.errors import DivisionByZeroError, IndexOutOfRangeError
from dy2st.runtime.cpu.interpret import np_dtype
from dy2st.runtime.cpu.scalar import ANY_UNARY, FLOAT_UNARY, INTS

X = floats((3, 5, 37), specials=False)


# -- scalar functions ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_unary_functions(dtype):
    x = floats((211,), dtype)
    names = [n for n in (*FLOAT_UNARY, *ANY_UNARY) if n != "lgamma" or dtype == "float64"]
    # Half types: one unit in the last place, where the exact result lies between two of them.
    rtol = {"float32": 3e-6, "float64": 1e-12, "float16": 1e-3, "bfloat16": 8e-3}[dtype]
    for name in names:
        (got,), (want,), _ = run(lambda b, v, name=name: b.elementwise(name, v), x)
        w = want.astype(np.float64)
        np.testing.assert_allclose(
            got.astype(np.float64), w, rtol, 1e-15 if name == "lgamma" else 1e-38, err_msg=name
        )
        if name in ("tanh", "sin", "erf", "sqrt", "floor", "round", "expm1", "log1p", "trunc"):
            zero = x == 0
            signs = np.signbit(got[zero].astype(np.float64))
            np.testing.assert_array_equal(signs, np.signbit(w[zero]), err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_functions_over_special_values(dtype):
    a, b = np.meshgrid(floats((29,), dtype), floats((29,), dtype))
    for name in "add sub mul div floordiv mod max min pow atan2 fmin fmax fmod copysign".split():
        (got,), (want,), _ = run(lambda s, u, v, name=name: s.elementwise(name, u, v), a, b)
        np.testing.assert_allclose(got, want, 2e-6, 1e-38, err_msg=name)


@pytest.mark.parametrize("dtype", INTS)
def test_integer_functions(dtype):
    a, b = integers((97,), dtype, 1), integers((97,), dtype, 2, 1)
    info = np.iinfo(dtype)
    a[:2] = info.min, info.max
    if info.min < 0:
        b[::3] *= -1
        b[0] = -1
    names = "add sub mul max min floordiv mod div and_ or_ xor eq ne lt le gt ge".split()
    for name in names:
        with np.errstate(over="ignore"):
            if name in ("floordiv", "div") and info.min < 0:
                a[0] = 1  # numpy's own overflow differs from two's complement
            check(lambda s, u, v, name=name: s.elementwise(name, u, v), a, b)
    for name in ("neg", "abs", "sign", "relu", "square", "not_"):
        check(lambda s, u, name=name: s.elementwise(name, u), a)
    check(lambda s, u, v: s.elementwise("shl", u, v), a, np.abs(b) % 8)
    check(lambda s, u, v: s.elementwise("shr", u, v), a, np.abs(b) % 8)


def test_the_lowest_integer_divided_by_minus_one_does_not_trap():
    a, b = np.array([-(2**31)] * 9, np.int32), np.full(9, -1, np.int32)
    (got, rest), _, _ = run(
        lambda s, u, v: (s.elementwise("div", u, v), s.elementwise("mod", u, v)), a, b
    )
    assert got[0] == -(2**31)
    assert rest[0] == 0


ALL = ["bool", *INTS, "float16", "bfloat16", "float32", "float64"]


@pytest.mark.parametrize("source", ALL)
def test_casts(source):
    if source == "bool":
        x = integers((67,), "int8", low=0, high=2).astype(bool)
    elif source in INTS:
        x = integers((67,), source, low=-100, high=100)
    else:
        x = floats((67,), source, specials=False) * np_dtype(source).type(3)
    for target in ALL:
        values = np.abs(x) if target == "uint8" and source != "bool" else x
        check(lambda b, v, target=target: b.cast(v, target), values)


def test_nan_becomes_a_true_bool_and_rounds_as_bfloat16():
    x = np.array([np.nan, 0.0, -0.0, np.inf, 1.00390625, 1.01171875], np.float32)
    check(lambda b, v: (b.cast(v, "bool"), b.cast(v, "bfloat16")), x)


def test_tests_and_logic():
    x = floats((53,))
    for name in ("isnan", "isinf", "isfinite"):
        check(lambda b, v, name=name: b.elementwise(name, v), x)
    y = integers((53,), "int64", 3, -1, 2)
    for name in ("logical_and", "logical_or", "logical_xor"):
        check(lambda b, u, v, name=name: b.elementwise(name, u, v), x, y)
    check(lambda b, v: b.elementwise("logical_not", v), x)


@pytest.mark.parametrize("power", [2, 3, 1, 0.5, -0.5, -1, 2.5, 0])
def test_constant_powers(power):
    x = floats((61,))
    (got,), _, _ = run(lambda b, v: b.elementwise("pow", v, power), x)
    # numpy's own shortcut takes sqrt(-inf); an array of exponents does not.
    with np.errstate(all="ignore"):
        want = np.power(x, np.full_like(x, power))
    np.testing.assert_allclose(got, want, 2e-6, 1e-38)


def test_large_arguments_of_sine_and_cosine():
    x = np.concatenate([np.linspace(-1e5, 1e5, 1001), [1e10, 3e38, 12345678.0]]).astype(np.float32)
    for name in ("sin", "cos"):
        (got,), _, _ = run(lambda b, v, name=name: b.elementwise(name, v), x)
        want = getattr(np, name)(x.astype(np.float64))
        np.testing.assert_allclose(got, want, 1e-6, 2e-7)


# -- shapes --------------------------------------------------------------------------------------

SHAPES = [(), (1,), (7,), (64,), (65,), (0,), (3, 0, 2), (2, 3, 4), (1, 33, 1, 2), (5, 128)]


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_maps_and_reductions(shape):
    x = floats(shape)
    check(lambda b, v: b.map(lambda s, a: s.tanh(a) * 2 + 1, v), x)
    check(lambda b, v: b.reduce("sum", v), floats(shape, specials=False))
    if x.size:
        check(lambda b, v: (b.reduce("max", v), b.reduce("argmin", v)), x)
    for axis in range(len(shape)):
        check(lambda b, v, a=axis: b.reduce("prod", v, a, True), floats(shape, specials=False))


@pytest.mark.parametrize(
    "shapes",
    [((3, 1, 5), (4, 1)), ((1,), (7, 1)), ((), (2, 3)), ((2, 3, 4), (4,)), ((0, 3), (1, 3))],
)
def test_broadcasting(shapes):
    a, b = (floats(s, seed=i) for i, s in enumerate(shapes))
    check(lambda s, u, v: s.add(u, v), a, b, kernels=0 if 0 in shapes[0] else 1)


MOVES = {
    "permute": lambda b, x: b.permute(x, (2, 0, 1)),
    "reverse": lambda b, x: b.permute(x, (2, 1, 0)),
    "flip": lambda b, x: b.flip(x, (0, 2)),
    "slice": lambda b, x: b.slice(x, (0, 1, 30), (3, 5, 2), (2, 2, -3)),
    "reshape of permute": lambda b, x: b.reshape(b.permute(x, (1, 0, 2)), (15, 37)),
    "odd reshape": lambda b, x: b.reshape(b.permute(x, (2, 0, 1)), (37 * 5, 3)),
    "flip then reshape": lambda b, x: b.reshape(b.flip(x, (2,)), (-1,)),
    "expand": lambda b, x: b.expand(b.narrow(x, 1, 2, 3), (2, 3, 4, 37)),
    "pad": lambda b, x: b.pad(x, (1, 0, 2), (0, 1, 3), 7.5),
    "pad of pad": lambda b, x: b.pad(b.pad(x, (0, 1, 1), (0, 0, 1), 2), (0, 2, 0), (1, 0, 2), 3),
    "concat": lambda b, x: b.concat([x, b.narrow(x, 1, 1, 3), b.mul(x, 2)], 1),
    "concat last": lambda b, x: b.concat([x, b.narrow(x, 2, 1, 3)], 2),
    "stack": lambda b, x: b.stack([x, b.mul(x, x)], 1),
    "roll": lambda b, x: b.roll(x, (2, -3), (1, 2)),
    "pixels": lambda b, x: b.reshape(
        b.permute(b.reshape(b.narrow(x, 2, 0, 36), (3, 5, 2, 3, 6)), (0, 1, 3, 2, 4)), (3, 15, 12)
    ),
    "split": lambda b, x: b.split(x, (1, 30, 6), 2),
    "iota": lambda b, x: b.add(x, b.iota((3, 1, 37), 0, "float32")),
    "arange": lambda b, x: b.arange(11, "float32", 0.5, 0.25),
    "input itself": lambda b, x: x,
    "twice": lambda b, x: (b.add(x, 1), b.reshape(b.add(x, 1), (-1,)), b.reshape(x, (-1, 3))),
}


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("dtype", ["float32", "bool", "int64", "bfloat16"])
def test_movement(name, dtype):
    x = (X * 3).astype(np_dtype(dtype))
    if dtype == "bool" and name in ("concat", "stack", "twice"):
        x = x.astype(np.int8)
    check(MOVES[name], x)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32", "bool", "uint8"])
def test_non_contiguous_inputs(dtype):
    x = (X * 3).astype(np_dtype(dtype)).transpose(1, 2, 0)[::2, ::-3]
    check(lambda b, v: (b.elementwise("relu", v), b.reduce("max", v, 1)), x, strides=True)


def test_gathers():
    i = np.array([[0, 4], [-1, 2], [3, 3]])
    check(lambda b, x, k: b.gather(x, k, 1), X, i)
    check(lambda b, x, k: b.gather(x, k, 2), X, i)
    check(lambda b, x, k: b.gather(x, k, 0, "clip"), X, i)
    check(lambda b, x, k: b.index(x, [k, 1, b.narrow(k, 1, 0, 1)], mode="clip"), X, i)
    check(lambda b, x, k: b.gather(b.permute(x, (1, 0, 2)), k, 0), X, i.astype(np.int32))
    check(lambda b, x, k: b.gather(b.elementwise("exp", x), k, 1), X, i)
    check(lambda b, x: b.index_map(x, (4, 9), lambda s, p, q: (p % 3, q // 2, (p + q) * 2)), X)
    check(lambda b, x, k: b.pad(b.gather(x, k, 1), (0,) * 4, (0, 1, 0, 2), -1), X, i)


# -- reductions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["sum", "prod", "max", "min", "any", "all", "argmax", "argmin"])
@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "int32", "int64", "uint8", "bool", "float16"]
)
def test_reductions(op, dtype):
    if op in ("argmax", "argmin") and dtype == "bool":
        pytest.skip("no extreme of bools")
    x = (X * (0.5 if op == "prod" else 3)).astype(np_dtype(dtype))
    rtol = 2e-3 if dtype == "float16" else 1e-5
    for axes in (0, 1, 2, (0, 2), (1, 2), None):
        if op.startswith("arg") and isinstance(axes, tuple):
            continue
        with np.errstate(over="ignore"):
            check(lambda b, v, a=axes: b.reduce(op, v, a, a == 1), x, rtol=rtol, atol=1e-5)


def test_extremes_with_nan_ties_and_infinities():
    x = floats((6, 71), seed=4)
    x[1] = 2.0
    x[2] = -np.inf
    x[3, 5:9] = np.nan
    for op in ("max", "min", "argmax", "argmin"):
        for axis in (0, 1):
            check(lambda b, v, op=op, a=axis: b.reduce(op, v, a), x)


def test_large_reductions_are_done_in_parts():
    x = floats((16, 80, 128), specials=False, seed=3)
    for op in ("sum", "max", "min", "any"):
        check(lambda b, v, op=op: b.reduce(op, v), x, kernels=2, threads=2, rtol=1e-4, atol=1e-2)
    check(lambda b, v: normalise(b, v, (0, 1, 2))[0], x, threads=2, rtol=1e-4, atol=1e-5)


def test_sums_over_nothing():
    x = np.zeros((3, 0, 2), np.float32)
    check(lambda b, v: (b.reduce("sum", v, 1), b.reduce("all", v, 1), b.reduce("prod", v, 1)), x)


# -- fusion --------------------------------------------------------------------------------------


def softmax(b, x, axis):
    m = b.reduce("max", x, axis, True)
    e = b.elementwise("exp", b.sub(x, m))
    return b.div(e, b.reduce("sum", e, axis, True))


def log_softmax(b, x, axis):
    c = b.sub(x, b.reduce("max", x, axis, True))
    total = b.reduce("sum", b.elementwise("exp", c), axis, True)
    return b.sub(c, b.elementwise("log", total))


def normalise(b, x, axes, eps=1e-5):
    c = b.sub(x, b.mean(x, axes, True))
    v = b.mean(b.mul(c, c), axes, True)
    return b.mul(c, b.elementwise("rsqrt", b.add(v, eps))), v


def layer_norm(b, x, w, bias):
    return b.add(b.mul(normalise(b, x, -1)[0], w), bias)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(3, 5, 37), (2, 3, 128), (4, 130, 2), (1, 1, 5)])
def test_softmax_is_one_kernel(shape, axis):
    x = floats(shape, specials=False)
    x[..., 0] = -np.inf if shape[axis] > 1 else 1
    check(lambda b, v: softmax(b, v, axis), x, kernels=1)
    check(lambda b, v: log_softmax(b, v, axis), floats(shape, specials=False), kernels=1)


def test_norms_are_one_kernel():
    w, bias = X[0, 0].copy(), X[1, 1].copy()
    check(layer_norm, X, w, bias, kernels=1)
    check(lambda b, x: normalise(b, x, (1, 2)), X, kernels=1)
    check(lambda b, x: normalise(b, x, 0), X, kernels=1)
    # The residual sum is wanted as well.
    residual = lambda b, x, y: (b.add(x, y), normalise(b, b.add(x, y), -1)[0])  # noqa: E731
    check(residual, X, X[::-1].copy(), kernels=2)

    def shared(b, x, y):
        s = b.add(x, y)
        return s, normalise(b, s, -1)[0]

    check(shared, X, X[::-1].copy(), kernels=1)

    def group_norm(b, x, scale):
        grouped = b.reshape(x, (3, 1, 5, 37))
        out = normalise(b, grouped, (2, 3))[0]
        return b.reshape(b.mul(out, b.reshape(scale, (1, 1, 5, 1))), (3, 5, 37))

    check(group_norm, X, X[0, :, 0].copy(), kernels=1)
    p_norm = lambda b, x: b.elementwise("sqrt", b.reduce("sum", b.mul(x, x), -1))  # noqa: E731
    check(p_norm, X, kernels=1)
    check(lambda b, x: b.div(x, b.unsqueeze(p_norm(b, x), -1)), X, kernels=1)


def test_softmax_with_mask_and_neighbours_is_one_kernel():
    def attention(b, x, mask):
        return b.mul(softmax(b, b.add(b.mul(x, 0.125), mask), -1), 2.0)

    check(attention, X, X[:, :1].copy(), kernels=1)
    check(
        lambda b, x: b.cast(softmax(b, b.cast(x, "float32"), -1), "float16"),
        X.astype(np.float16),
        kernels=1,
        rtol=1e-3,
    )


def test_a_value_with_several_readers_is_computed_once():
    def several(b, x):
        e = b.elementwise("exp", x)
        return b.reduce("sum", e, 0), b.reduce("max", b.mul(e, 2), 2), b.permute(e, (1, 0, 2))

    check(several, X, kernels=3)


def test_concatenations_melt_into_their_only_reader():
    def parts(b, x):
        return [x, b.narrow(x, 1, 1, 3), b.elementwise("exp", x)]

    def permuted(b, x):
        return b.permute(b.concat(parts(b, x), 1), (0, 2, 1))

    def mapped(b, x, y):
        whole = b.concat(parts(b, x), 1)
        return b.elementwise("relu", b.add(b.mul(whole, b.narrow(y, 2, 0, 1)), 0.5))

    def twice(b, x):
        inner = b.concat([x, b.mul(x, 3)], 1)
        return b.elementwise("tanh", b.concat([inner, b.narrow(x, 1, 0, 2)], 1))

    def two_axes(b, x):
        rows = b.concat([x, x], 0)
        return b.mul(b.concat([rows, b.mul(rows, 2)], 2), 0.5)

    scale = np.tile(X, (1, 3, 1))[:, :12]
    check(permuted, X, kernels=3)
    check(mapped, X, scale, kernels=3)
    check(twice, X)
    check(two_axes, X)
    check(lambda b, x: b.reshape(b.mul(b.concat(parts(b, x), 1), 2), (3, -1)), X)
    check(lambda b, x: b.narrow(b.mul(b.concat(parts(b, x), 1), 2), 1, 4, 9), X)
    check(lambda b, x: b.flip(b.mul(b.concat(parts(b, x), 1), 2), 1), X)
    check(lambda b, x: b.pad(b.mul(b.concat(parts(b, x), 1), 2), (0, 1, 0), (0, 1, 0)), X)
    check(lambda b, x: softmax(b, b.mul(b.concat(parts(b, x), 1), 2), 1), X)


def test_a_shuffle_inside_a_concatenation():
    def shuffle(b, x):
        y = b.reshape(b.permute(b.reshape(x, (2, 2, 6, 5)), (0, 2, 1, 3)), (2, 12, 5))
        return b.concat([y, b.mul(y, 2), b.narrow(y, 1, 3, 9)], 1)

    def after(b, x):
        whole = b.concat([x, b.mul(x, 2)], 1)
        return b.permute(
            b.reshape(b.permute(b.reshape(whole, (2, 2, 12, 5)), (0, 2, 1, 3)), (2, 24, 5)),
            (0, 2, 1),
        )

    x = floats((2, 12, 5), specials=False)
    check(shuffle, x)
    check(after, x)
    check(lambda b, v: b.elementwise("relu", shuffle(b, v)), x)
    check(lambda b, v: b.permute(shuffle(b, v), (2, 1, 0)), x)
    check(lambda b, v: b.split(shuffle(b, v), (10, 20), 1), x)


def test_long_chains():
    def adds(b, x):
        for i in range(1500):
            x = b.map(lambda s, v: s.tanh(v * 0.99) + 0.01, x)
        return x

    def moves(b, x):
        for i in range(600):
            x = b.permute(
                b.pad(b.flip(x, i % 3), (0, 0, 1), (0, -1 if i % 5 == 0 else 0, -1)), (1, 2, 0)
            )
            x = x if x.size else b.full((3, 5, 7), 1.0, "float32")
        return x

    def deep(b, x):
        def fn(s, v):
            for _ in range(300):
                v = v * 0.5 + 0.25
            return v

        return b.map(fn, x)

    check(adds, X[0, 0].copy(), rtol=1e-4, atol=1e-4)
    check(moves, X)
    check(deep, X)


def test_a_path_outside_keeps_groups_apart():
    def crossing(b, x):
        e = b.elementwise("exp", x)
        s = b.reduce("sum", b.matmul(e, b.permute(e, (0, 2, 1))), None)
        return b.mul(e, s)

    check(crossing, X, rtol=1e-4)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads(threads):
    x = floats((33, 40, 129), specials=False)
    check(lambda b, v: softmax(b, v, -1), x, threads=threads)
    check(lambda b, v: softmax(b, v, 0), x, threads=threads)
    check(lambda b, v: b.elementwise("erf", v), x.reshape(-1)[:100_001], threads=threads)
    check(lambda b, v: b.permute(v, (2, 1, 0)), x, threads=threads)
    check(lambda b, v: b.reduce("sum", v, 0), x, threads=threads, atol=1e-4)


def test_one_object_serves_all_sizes():
    from dy2st.runtime.cpu.builder import Builder
    from dy2st.runtime.cpu.fuse import fuse

    def key(shape):
        b = Builder()
        x = b.input(shape, "float32")
        (step,) = fuse([softmax(b, x, -1)], vector_bytes=64, threads=2).steps
        return step.scheduled.structure.key

    assert key((8, 16, 128)) == key((3, 128, 256)) == key((50, 512))


# -- in order ------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize("dtype", ["float32", "int64", "float16", "uint8"])
def test_scans(op, dtype):
    x = (np.abs(X) + 0.5).astype(np_dtype(dtype))
    rtol = 2e-3 if dtype == "float16" else 1e-5
    for axis in (0, 1, 2):
        for reverse in (False, True):
            scan = lambda b, v, a=axis, r=reverse: b.scan(op, v, a, reverse=r)  # noqa: E731
            with np.errstate(over="ignore"):
                check(scan, x[:, :, :5] if op == "prod" else x, kernels=1, rtol=rtol)
    if op in ("sum", "prod"):
        check(lambda b, v: b.scan(op, v, 1, True, True), x, rtol=rtol)
        check(lambda b, v: b.scan(op, b.mul(v, 2), 2, True), x[:, :, :4], kernels=1, rtol=rtol)
    check(lambda b, v: b.scan(op, b.reshape(v, (-1,)), 0), x[:1, :1, :9], threads=2, rtol=rtol)


def test_scan_passes_nan_on():
    x = X.copy()
    x[1, 2, 7] = np.nan
    for op in ("sum", "max", "min"):
        check(lambda b, v, op=op: b.scan(op, v, 2), x)


@pytest.mark.parametrize("op", ["set", "add", "mul", "max", "min"])
@pytest.mark.parametrize("dtype", ["float32", "int32", "float16", "bool"])
def test_scatters(op, dtype):
    if dtype == "bool" and op in ("add", "mul"):
        pytest.skip("no sums of bools")
    x = (X * 3).astype(np_dtype(dtype))
    u = (X[::-1, :, ::-1] * 2).astype(np_dtype(dtype))
    i = np.array([4, 0, -1, 4, 2])
    rtol = 2e-3 if dtype == "float16" else 1e-5

    def rows(b, v, w, k):
        every = [b.iota((3, 1, 1), 0), b.reshape(k, (1, 5, 1)), b.iota((1, 1, 37), 2)]
        return b.scatter(v, every, w, op)

    def points(b, v, w, k):
        at = [b.constant([0, 2, 2, 1, 0]), k, b.constant([1, 36, 36, -37, 1])]
        return b.scatter(v, at, b.index(w, [0, k, 3]), op), v

    def window(b, v, w, k):
        at = [b.iota((2, 1, 1), 0), 3, b.add(b.mul(b.iota((1, 1, 9), 2), 2), 5)]
        return b.scatter(v, at, b.slice(w, (0, 0, 0), (2, 1, 9)), op)

    for fn in (rows, points, window):
        check(fn, x, u, i, rtol=rtol)
        check(fn, x, u, i, rtol=rtol, threads=2)
    check(
        lambda b, v, w, k: b.scatter(
            b.full((37,), 0, dtype), [b.iota((37,), 0)], b.pick(b.pick(w, 0, 0), 0, 0), op
        ),
        x,
        u,
        i,
    )


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("n", [70, 300])  # merged, and by the bytes of the keys
def test_sorts(dtype, descending, n):
    x = (floats((4, n), specials=False) * 3).astype(np_dtype(dtype))
    x[1] = x[1, 0]
    if dtype in ("float32", "float64", "float16", "bfloat16"):
        x[2, ::7], x[2, 1::9], x[2, 2::9] = np.nan, -0.0, 0.0
        x[3, :4] = [np.inf, -np.inf, np.nan, -np.inf]
    for k in (None, 1, 5, 40):
        check(lambda b, v, k=k: b.sort(v, -1, descending, k), x, kernels=1)
    check(lambda b, v: b.sort(v, 0, descending, 2), x, kernels=1, threads=2)
    check(lambda b, v: b.sort(b.permute(v, (1, 0)), 0, descending)[1], x)


def test_long_sorts():
    x = np.random.default_rng(0).standard_normal((3, 5000)).astype(np.float32)
    check(lambda b, v: b.sort(v, 1), x, threads=2)
    check(lambda b, v: b.sort(b.elementwise("floor", v), 1, True, 31), x, threads=2)
    check(lambda b, v: b.sort(v, 1, k=1), np.zeros((2, 1), np.float32))


def test_scatter_out_of_range_is_a_status():
    with pytest.raises(IndexOutOfRangeError):
        run(lambda b, x, k: b.scatter(x, [k], 1.0), X[0, 0].copy(), np.array([3, 37]))
    check(lambda b, x, k: b.scatter(x, [k], 1.0, "add", "clip"), X[0, 0].copy(), np.array([3, 99]))


# -- errors --------------------------------------------------------------------------------------


def test_index_out_of_range_is_a_status():
    for bad in (5, -6, 2**40):
        with pytest.raises(IndexOutOfRangeError):
            run(lambda b, x, k: b.gather(x, k, 1), X, np.array([0, bad, 1]))
    # What a pad hides is not an error.
    check(lambda b, x, k: b.gather(x, k, 1, "clip"), X, np.array([0, 99, -99]))


def test_integer_division_by_zero_is_a_status():
    for name in ("div", "mod", "floordiv"):
        with pytest.raises(DivisionByZeroError):
            run(
                lambda b, x, y, n=name: b.elementwise(n, x, y),
                np.arange(70),
                np.arange(70)[::-1].copy(),
            )
    # Lanes of the masked rest hold zeros, and are no error.
    check(lambda b, x, y: b.elementwise("mod", x, y), np.arange(5), np.arange(1, 6))


def test_without_openmp_all_chunks_run_on_one_thread(monkeypatch):
    from dy2st.runtime.cpu import direct

    table = np.zeros(8, np.int64)
    monkeypatch.setattr(direct, "runtime_table", lambda: table)
    x = floats((64, 500), specials=False)
    check(lambda b, v: softmax(b, v, -1), x, threads=4)

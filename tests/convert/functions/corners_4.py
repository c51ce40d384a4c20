"""Corners of Python met by a hostile reader: numbers, dtypes, views."""

import paddle

from .table import case

M = [[1.0, 2.0], [3.0, -4.0]]


@case()
def operator_mod(x):
    import operator

    return (
        operator.add(x, 1),
        operator.itemgetter(0)([x]),
        operator.attrgetter("shape")(x),
        operator.mul(x, x),
    )


@case()
def copy_mod(x):
    import copy

    d = {"a": [x, 1]}
    e = copy.deepcopy(d)
    f = copy.copy(d)
    e["a"][1] = 7
    f["b"] = 2
    return d, e, f


@case()
def two_level_break(x):
    done = False
    n = 0
    for i in range(4):
        for j in range(4):
            n += 1
            if (x + i * j).sum() > 15:
                done = True
                break
        if done:
            break
    return n, i, j


@case()
def union_arith(x):
    k = 2
    if x.sum() > 0:
        k = 3
    y = k * 2 + 1
    z = y if y > 6 else -y
    return x * y, z, [0] * k, k**2, k // 2, k % 2, -k, k == 3


@case()
def union_str_fmt(x):
    n = "pos" if x.sum() > 0 else "neg"
    return n.upper() + "!", n[0], len(n), n == "pos", n in ("pos", "zero")


@case()
def union_as_key(x):
    d = {"pos": 1.0, "neg": -1.0}
    n = "pos" if x.sum() > 0 else "neg"
    return x * d[n]


@case()
def union_fn(x):
    f = paddle.sin if x.sum() > 0 else (lambda t: t * 2)
    return f(x)


@case()
def union_range(x):
    n = 2 if x.sum() > 0 else 4
    s = 0
    for i in range(n):
        s = s + x * i
    return s


@case()
def union_shape(x):
    n = 2 if x.sum() > 0 else 4
    return paddle.zeros([n, 2])


@case()
def union_list_concat(x):
    a = [x]
    if x.sum() > 0:
        a.append(x * 2)
    b = a + [x]
    c_ = [x] + a
    return b, len(c_)


@case()
def union_mul_str(x):
    y = 1
    if x.sum() > 0:
        y = 2
    return x * y


@case()
def bool_arith(x):
    m = x > 0
    return m.sum(), m * 2, m + m, ~m, m & (x < 2), m | m, m ^ m, m.astype("float32") * x, True + m


@case()
def cmp_mixed(x):
    return x == 1, x is not None, x is None, 1 < x, 2.0 >= x


@case()
def pow_neg(x):
    return x**-1, (-x) ** 2, 2**3, (-2) ** 3, x**0.5


@case()
def nan_inf(x):
    y = x / 0.0
    z = y - y
    return (
        paddle.isnan(z),
        y,
        paddle.nan_to_num(z),
        z.sum() > 0,
        (0 if z.sum() > 0 else 1),
        (1 if z.sum() != z.sum() else 2),
    )


@case()
def int_div_trunc(x):
    i = paddle.to_tensor([-7, 7, 8])
    return i // 2, i % 3, paddle.trunc(i / 2), -7 // 2, (-7) % 3, i / 2


@case()
def casts(x):
    return (
        x.astype("int32"),
        x.astype(paddle.bool),
        x.astype("float64"),
        paddle.cast(x, "int64"),
        x.cast("uint8") if False else 0,
    )


@case()
def overflow(x):
    i = paddle.to_tensor([127, -128, 100], dtype="int8")
    return (
        i + i,
        i * 2,
        paddle.to_tensor([2147483647], dtype="int32") + 1,
        paddle.to_tensor([255], dtype="uint8") + 1,
    )


@case()
def inplace_alias_input(x):
    y = x
    y[0] = 100.0
    return x + 0


@case()
def view_write_back(x):
    y = x.reshape([3, 1])
    y[0] = 9
    return x, y


@case((M,))
def transposed_write(x):
    t = x.t()
    t[0] = 5.0
    return x, t


@case((M,))
def slice_view_write(x):
    s = x[0]
    s[0] = 5.0
    q = x[:, 1]
    q += 1
    return x, s, q


@case()
def unbound_raise(x):
    if x.sum() > 0:
        q = 1
    return q


@case()
def key_error(x):
    d = {}
    if x.sum() > 0:
        d["a"] = 1
    return d["a"]


@case()
def index_err(x):
    l = [1]
    if x.sum() > 0:
        l.append(2)
    return l[1]


@case()
def attr_err(x):
    class Q:
        pass

    q = Q()
    if x.sum() > 0:
        q.a = x
    return q.a


@case()
def zero_div(x):
    n = 0 if x.sum() > 0 else 1
    return 5 // n


@case()
def list_in_loop(x):
    cache = [x, x]
    n = 0
    while n < x.abs().sum():
        cache[n % 2 if isinstance(n, int) and False else 0] = cache[1] + 1
        cache = [cache[1], cache[0]]
        n += 1
    return cache


@case()
def closures_counter(x):
    def make():
        n = 0

        def inc():
            nonlocal n
            n += 1
            return n

        return inc

    f, g = make(), make()
    f()
    f()
    if x.sum() > 0:
        g()
        f()
    return f() * 10 + g()


@case()
def conditional_import(x):
    import math as m
    from functools import reduce as r

    return x * m.e, r(lambda a, b: a + b, [1, 2])


@case()
def cond_def(x):
    if x.sum() > 0:

        def h(t):
            return t * 2
    else:

        def h(t):
            return t - 1

    return h(x)


@case()
def cond_lambda(x):
    h = lambda t: t * 2
    if x.sum() > 0:
        h = lambda t: t * 3
    return h(x)


@case()
def while_nested(x):
    i = 0
    t = x * 0
    while i < 3:
        j = 0
        while j < x.abs().max():
            t = t + j
            j += 1
        i += 1
    return t


@case()
def tensor_while_nested(x):
    i = paddle.to_tensor(0)
    t = paddle.zeros([])
    while i < 3:
        j = paddle.to_tensor(0)
        while j < i:
            if j == 1:
                j += 1
                continue
            t = t + x.sum()
            j += 1
        i += 1
    return t, i


@case()
def dyn_slices(x):
    n = (x > 0).sum()
    return x[:n], x[n:], x[0:3:1][-1]

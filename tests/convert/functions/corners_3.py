"""Corners of Python met by a hostile reader: containers and builtins."""

import functools
import math

import numpy as np
import paddle

from .table import case

M = [[1.0, 2.0], [3.0, -4.0]]


GLOB = 0


@case()
def augmented(x):
    y = x
    y += 1
    z = x * 1
    z *= 2
    z -= x
    z /= 2
    z **= 2
    return x, y, z


@case()
def param_rebind(x):
    def f(t):
        t = t + 1
        t += 1
        return t

    return f(x), x


@case()
def inplace_param(x):
    def f(t):
        t += 1
        t[0] = 5

    f(x)
    return x.sum()


@case()
def inplace_methods(x):
    y = x.clone()
    y.scale_(2.0).add_(x)
    y.clip_(0, 5)
    y.zero_() if False else None
    return y, y.fill_(3.0) if False else 0


@case((M,), ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],))
def shape_cond(x):
    if x.shape[0] > 2:
        return x.sum()
    elif len(x) == 2:
        return x.max()
    return x


@case()
def bool_index(x):
    return x[x > 0], x[paddle.to_tensor([0, 2])], x[[True, False, True]], paddle.nonzero(x > 0)


@case()
def bool_assign(x):
    y = x.clone()
    y[y < 0] = 0
    y[paddle.to_tensor([0])] = 9.0
    return y


@case()
def ellipsis_none(x):
    return x[None], x[..., 0], x[..., None], x[None, :, None].shape


@case()
def empty_sum(x):
    return sum([]), sum([x, x]), sum([1, 2], 5), sum((x for _ in range(2)), x)


@case()
def global_stmt(x):
    global GLOB
    GLOB = 3
    if x.sum() > 0:
        GLOB += 1
    return x * GLOB


@case()
def pass_through(x):
    return x, [x, {"k": (x, None)}]


@case()
def nested_fn_rec_tensor(x):
    def rec(t, d):
        if d == 0 or t.sum() > 100:
            return t
        return rec(t * 2, d - 1)

    return rec(x, 6)


@case()
def mutual(x):
    def even(n):
        return True if n == 0 else odd(n - 1)

    def odd(n):
        return False if n == 0 else even(n - 1)

    return x * 2 if even(4) else x


@case()
def exc_custom(x):
    class E(Exception):
        def __init__(self, v):
            self.v = v

    try:
        raise E(x * 2)
    except E as e:
        return e.v


@case()
def exc_group(x):
    try:
        try:
            raise KeyError("a")
        except KeyError:
            raise ValueError("b") from None
    except (ValueError, TypeError) as e:
        return x, str(e)


@case()
def loop_var_after(x):
    for i in range(3):
        pass
    for v in x:
        pass
    return i, v


@case()
def while_true_break(x):
    n = 0
    while True:
        x = x * 1.5
        n += 1
        if x.abs().max() > 20:
            break
    return x, n


@case()
def while_true_return(x):
    while True:
        x = x + 1
        if x.sum() > 20:
            return x


@case()
def multi_assign(x):
    a = b = x * 1
    a += 1
    return a, b, a is b


@case()
def swap(x):
    a, b = x, x * 2
    if x.sum() > 0:
        a, b = b, a
    return a - b


@case()
def tuple_state(x):
    st = (x, 0)
    while st[1] < 3:
        st = (st[0] * 2, st[1] + 1)
    while st[0].sum() < 100 and st[1] < 20:
        st = (st[0] + 1, st[1] + 1)
    return st


@case()
def complex_cond(x):
    if not (x.sum() > 0 and x.max() < 5) or x.min() < -1:
        return 1
    return 0


@case()
def in_op(x):
    return 2 in [1, 2], 3 in (1, 2), "a" in {"a": 1}, x.shape[0] in (3, 4), (x == 2).any()


@case()
def type_checks(x):
    return (
        isinstance(x, paddle.Tensor),
        type(x) is paddle.Tensor,
        isinstance(3, int),
        isinstance(x.shape, list),
        callable(len),
        issubclass(bool, int),
    )


@case()
def numpy_consts(x):
    a = np.arange(3).astype("float32")
    return x + paddle.to_tensor(a), x * np.float32(2.0), a.sum(), x + a if False else 0


@case()
def math_use(x):
    return x * math.sqrt(4) + math.pi, math.floor(2.7), math.prod(x.shape)


@case()
def dict_methods(x):
    d = {"a": x}
    d.update(b=x * 2, c=3)
    d.setdefault("z", x)
    return (
        d.get("q", 1),
        list(d.items())[1],
        {**d, "k": 1}["k"],
        d | {"m": 2},
        {k: v for k, v in d.items() if k != "a"},
    )


@case()
def str_methods(x):
    return "a,b".split(","), "x".join(["1", "2"]), "%d" % 3, "{} {}".format(x.shape, 1)


@case()
def gen_expr(x):
    return sum(t * 2 for t in x), list(t + 1 for t in x), tuple(k for k in range(2))


@case()
def yield_from(x):
    def g():
        yield x
        yield from [x * 2, x * 3]
        return 5

    return [t for t in g()]


@case()
def iter_next(x):
    it = iter([x, x * 2])
    a = next(it)
    b = next(it)
    c_ = next(it, None)
    return a, b, c_


@case()
def reversed_enum(x):
    return (
        [i for i in reversed(range(3))],
        [v for v in reversed([x, x * 2])],
        list(reversed(list(x))),
    )


@case()
def lru(x):
    @functools.lru_cache(None)
    def f(k):
        return k * 2

    return x * f(3) + f(3)


@case()
def partials(x):
    f = functools.partial(lambda a, b, c=1: a * b + c, x, c=5)
    return f(2)


@case()
def method_ref(x):
    f = x.sum
    g = x.__add__
    h = paddle.Tensor.exp
    return f(), g(1), h(x)

"""Corners of Python met by a hostile reader: control flow and containers."""

import functools

import numpy as np
import paddle

from .table import case

M = [[1.0, 2.0], [3.0, -4.0]]


@case()
def concat_lists(x):
    a = [1]
    if x.sum() > 0:
        a = a + [2]
    b = a * 2
    return b, len(b), a + b


@case()
def tuple_concat(x):
    t = (x,)
    if x.sum() > 0:
        t = t + (x * 2,)
    t += (1,)
    return t, len(t)


@case()
def eq_lists(x):
    a = [1, 2]
    if x.sum() > 0:
        a.append(3)
    return a == [1, 2], a != [1, 2, 3], a < [1, 2, 9]


@case()
def in_cond_list(x):
    a = [1]
    if x.sum() > 0:
        a.append(7)
    return 7 in a, 8 not in a, min(a), max(a), sum(a), sorted(a, reverse=True)


@case()
def zip_cond(x):
    a = [1, 2]
    if x.sum() > 0:
        a.append(3)
    return (
        [p + q for p, q in zip(a, [10, 20, 30])],
        list(enumerate(a)),
        tuple(a),
        list(reversed(a)),
        [*a, 0] if False else 0,
    )


@case()
def unpack_cond(x):
    t = (1, 2) if x.sum() > 0 else (3, 4)
    a, b = t
    return a * x, b


@case()
def func_table(x):
    table = {"a": lambda t: t + 1, "b": lambda t: t * 2}
    k = "a" if x.sum() > 0 else "b"
    return table[k](x)


@case()
def obj_cond(x):
    class A:
        def f(self, t):
            return t + 1

    class B:
        def f(self, t):
            return t * 2

    o = A() if x.sum() > 0 else B()
    return o.f(x), isinstance(o, A)


@case()
def obj_attr_cond(x):
    class A:
        pass

    o = A()
    o.v = 1
    o.l = []
    if x.sum() > 0:
        o.v = 2
        o.l.append(x)
        o.w = x
    return o.v, len(o.l), hasattr(o, "w")


@case()
def alias_obj(x):
    class A:
        pass

    o = A()
    o.t = x
    p = o
    if x.sum() > 0:
        p.t = x * 2
    return o.t, p is o


@case()
def swap_objs(x):
    a, b = [1], [2]
    if x.sum() > 0:
        a, b = b, a
    return a, b, a[0] * x


@case()
def generator_fn(x):
    def gen(n):
        total = 0
        for i in range(n):
            total += i
            yield x * total

    return [g for g in gen(3)], sum(gen(3))


@case()
def generator_send(x):
    def g():
        r = yield x
        while True:
            r = yield r * 2

    it = g()
    a = next(it)
    b = it.send(a + 1)
    return a, b


@case()
def closure_list(x):
    acc = []

    def add(t):
        acc.append(t)
        return len(acc)

    if x.sum() > 0:
        add(x)
        add(x + 1)
    else:
        add(x - 1)
    return len(acc), acc


@case()
def nonlocal_loop(x):
    n = 0

    def inc(by):
        nonlocal n
        n = n + by

    for v in x:
        if v > 0:
            inc(1)
        else:
            inc(10)
    return n


@case()
def lambda_cond(x):
    f = lambda t: t + 1 if t.sum() > 0 else t - 1
    return f(x), f(-x), (lambda *a, **k: a[0] * k["z"])(x, z=2)


@case()
def partial_cond(x):
    def f(a, b, *, k):
        return a * b + k if a.sum() > 0 else a - k

    return functools.partial(f, b=2, k=3)(x)


@case()
def default_args_tensor(x):
    def f(t, u=x * 2):
        return t + u

    return f(x), f(x, x)


@case()
def kwonly_and_pos(x):
    def f(a, /, b, *, c=3):
        return a + b * c

    return f(x, 2), f(x, b=1, c=x)


@case()
def star_kw(x):
    def f(*a, **k):
        return len(a), sorted(k), sum(a)

    args = [x, x]
    return f(*args, **{"p": 1, "q": 2})


@case()
def recursion_tensor(x):
    def fib(t, n):
        return t if n < 2 else fib(t, n - 1) + fib(t, n - 2)

    return fib(x, 6)


@case()
def recursion_cond(x):
    def f(t, d=0):
        if d > 3:
            return t
        if t.sum() > 2:
            return f(t - 1, d + 1)
        return f(t * 2, d + 1) + 1

    return f(x)


@case()
def inplace_ops(x):
    y = x + 0
    y += 1
    y -= 0.5
    y *= 2
    y /= 3
    y **= 2
    z = y
    z[0] = 0.0
    return y, z is y


@case()
def inplace_cond(x):
    y = x + 0
    if x.sum() > 0:
        y[0] = 9.0
        y += 1
    else:
        y.zero_()
    return y


@case((M,))
def inplace_rows(x):
    y = x + 0
    for i in range(2):
        if y[i].sum() > 0:
            y[i] = y[i] * 10
        y[i, 0] += i
    return y


@case((M,))
def view_chain(x):
    y = x + 0
    a = y[0]
    b = a[1:]
    b[0] = 7.0
    t = y.t()
    t[0, 1] = -1.0
    return y, a, b, t


@case((M,))
def reshape_view(x):
    y = x + 0
    r = y.reshape([-1])
    r[2] = 50.0
    y.add_(paddle.ones_like(y))
    return y, r


@case((M,))
def index_forms(x):
    i = paddle.to_tensor([1, 0])
    return x[i], x[i, i], x[:, i], x[x > 0], x[[0]], x[-1, ::-1], x[..., None].shape, x[None].shape


@case((M,))
def index_assign_forms(x):
    y = x + 0
    i = paddle.to_tensor([1, 0])
    y[i, i] = paddle.to_tensor([5.0, 6.0])
    y[:, 0] = 1
    y[y > 5] = -1.0
    y[0, :] += 2
    return y


@case((M,))
def loops_over_rows(x):
    out = []
    for row in x:
        s = 0
        for v in row:
            s = s + v * v
        out.append(s)
    return paddle.stack(out), len(out)


@case((M,), ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],))
def shape_arith(x):
    n, m = x.shape
    half = n // 2
    return (
        x[:half],
        x[half:],
        x.reshape([-1]).shape[0] == n * m,
        paddle.zeros([n + 1, m * 2]).sum(),
        n % 2 == 0,
        [0] * n,
    )


@case((M,))
def dtype_checks(x):
    if x.dtype == paddle.float32:
        y = x.astype("int64")
    else:
        y = x
    return y, str(x.dtype), x.dtype in (paddle.float32, paddle.float64)


@case(([1, 2, 3],), ([-1, 5, 0],))
def int_scalar_flow(x):
    n = int(x.sum())
    if n % 2 == 0:
        n = n // 2
    else:
        n = 3 * n + 1
    while n > 5:
        n -= 2
    return n, n * x, -n, n**2, n == 3, divmod(n, 2) if False else 0


@case(([1, 2, 3],), ([3, 3, 0],))
def index_by_item(x):
    table = ["a", "b", "c", "d"]
    return table[int(x[0])], [10, 20, 30, 40][x[1]], x[x[2] % 3]


@case(([2, 3],), ([0, 5],))
def range_by_item(x):
    total = 0
    for i in range(int(x[0]), int(x[1]) + 1):
        total += i
        if total > 7:
            break
    else:
        total = -total
    return total


@case()
def np_scalars(x):
    k = np.float32(1.5)
    j = np.int64(2)
    return x * k, x + j, k * x, float(k), int(j), x * np.array([1.0, 2.0, 3.0], dtype="float32")


@case()
def paddle_creation(x):
    n = x.shape[0]
    return (
        paddle.arange(n),
        paddle.eye(n),
        paddle.ones([n]) * n,
        paddle.full([n, 1], 2.5),
        paddle.zeros_like(x),
        paddle.linspace(0, 1, n),
        paddle.to_tensor([n, 1]),
    )


@case()
def paddle_misc(x):
    return (
        paddle.where(x > 0, x, -x),
        paddle.clip(x, -1, 1),
        paddle.stack([x, x]).sum(0),
        paddle.concat([x, x]),
        paddle.split(x, 3),
        paddle.topk(x, 2),
        paddle.sort(x),
        paddle.argsort(x),
        paddle.unique(x.astype("int64")),
        paddle.cumsum(x),
        paddle.flip(x, [0]),
    )


@case()
def scalar_attr_tensor(x):
    lo, hi = x.min(), x.max()
    return (
        paddle.clip(x, lo, hi * 0.5),
        paddle.full([2], lo),
        x.clip(min=lo),
        paddle.scale(x, hi),
        paddle.full_like(x, hi),
    )


@case()
def dict_by_run_time_key(x):
    n = int((x > 0).sum())
    return {True: "y", False: "n"}[bool(x.sum() > 0)], {1: x, 3: x * 2}[n], {0: 1, 1: 2, 3: 4}[n]

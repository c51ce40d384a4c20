"""Corners of Python met by a hostile reader: scopes, functions, classes."""

import contextlib
import dataclasses
import functools

import paddle

from .table import case


@dataclasses.dataclass
class P:
    a: object
    b: int = 2
    c: list = dataclasses.field(default_factory=list)

    @property
    def total(self):
        return self.a * self.b

    def __post_init__(self):
        self.d = self.b + 1


class Base:
    scale = 2

    def f(self, x):
        return x * self.scale

    @classmethod
    def make(cls):
        return cls()

    @staticmethod
    def st(x):
        return x + 1


class Derived(Base):
    scale = 3

    def f(self, x):
        y = super().f(x)
        if y.sum() > 0:
            return y + super(Derived, self).f(x)
        return y - self.scale


def deco(k):
    def outer(f):
        @functools.wraps(f)
        def inner(*a, **kw):
            return f(*a, **kw) * k

        return inner

    return outer


@deco(3)
def decorated(x, y=1):
    if x.sum() > 0:
        return x + y
    return x - y


@contextlib.contextmanager
def ctx(log, v):
    log.append(("in", v))
    try:
        yield v * 2
    finally:
        log.append(("out", v))


class CM:
    def __init__(self):
        self.n = 0

    def __enter__(self):
        self.n += 1
        return self

    def __exit__(self, *a):
        self.n += 10
        return False


class Suppress:
    def __enter__(self):
        return self

    def __exit__(self, t, v, tb):
        return t is ValueError


@case()
def nonlocal_in_branch(x):
    n = 0

    def bump(k=1):
        nonlocal n
        n += k
        return n

    if x.sum() > 0:
        bump()
        bump(5)
    else:
        bump(2)
    return x * n, n


@case()
def try_finally_return(x):
    log = []

    def f(t):
        try:
            if t.sum() > 0:
                return t * 2
            log.append("neg")
            return t * 3
        finally:
            log.append("fin")

    r = f(x)
    return r, log


@case()
def finally_overrides(x):
    def f(t):
        try:
            return t * 2
        finally:
            return t * 5

    return f(x)


@case()
def gen_arg(x):
    def g(n):
        for k in range(n):
            yield x * k

    return sum(g(3)), list(g(2)), max(v.sum().item() for v in g(3)) if False else 0


@case()
def comp_scope(x):
    i = 10
    y = [x * i for i in range(3)]
    return i, y, [[a + b for a in range(2)] for b in range(2)]


@case()
def walrus(x):
    if (s := x.sum()) > 0:
        return s, (t := s * 2)
    vals = [last := v for v in range(3)]
    return s, vals, last


@case()
def walrus_in_comp(x):
    out = [y for k in range(4) if (y := x.sum() * k) is not None]
    return out, y


@case()
def walrus_while(x):
    n = 0
    while (s := x.sum() + n) < 10:
        n += 1
    return n, s


@case()
def star_args(x):
    def f(a, *rest, b=2, **kw):
        return a * b + sum(rest) + sum(kw.values())

    args = (x, 1)
    return f(*args, 2, b=3, **{"q": x, "r": 2})


@case()
def dataclass_branch(x):
    p = P(x)
    if x.sum() > 0:
        p.b = 5
        p.c.append(x)
    else:
        p = P(x + 1, 7)
    return p.total, p.d, p.b


@case()
def dataclass_replace(x):
    p = P(x, 3)
    q = dataclasses.replace(p, b=4)
    return q.total + p.total, q.d


@case()
def supers(x):
    d = Derived.make()
    return d.f(x), Derived.st(x), Base.scale


@case()
def class_attr_write(x):
    class Local:
        n = 0

    if x.sum() > 0:
        Local.n = 5
    else:
        Local.n = 7
    return x * Local.n


@case()
def decorators(x):
    return decorated(x), decorated(x, y=4)


@case()
def context_managers(x):
    log = []
    with ctx(log, 3) as a, ctx(log, 4) as b:
        y = x * a + b
    if y.sum() > 0:
        with ctx(log, 9) as q:
            y = y * q
    return y, log


@case()
def cm_class(x):
    m = CM()
    with m as k:
        if x.sum() > 0:
            return x * k.n, m
    return x, m.n


@case()
def suppressing(x):
    with Suppress():
        x = x + 1
        raise ValueError("a")
    return x


@case()
def recursion(x):
    def fact(n):
        return 1 if n <= 1 else n * fact(n - 1)

    return x * fact(5)


@case()
def nested_return_else(x):
    for i in range(3):
        for j in range(3):
            if x[j] * i > 3:
                return x * i, j
        else:
            x = x + 1
    else:
        x = x * 2
    return x, -1


@case()
def nested_break_else(x):
    out = []
    for i in range(3):
        for v in x:
            if v > i:
                break
        else:
            out.append(i)
            continue
        out.append(-i)
    return out


@case()
def default_mutable(x):
    def f(v, acc=[]):
        acc.append(v)
        return len(acc)

    return f(x), f(x), f(x)


@case()
def alias_lists(x):
    a = [x]
    b = a
    if x.sum() > 0:
        b.append(x * 2)
    else:
        b[0] = x - 1
    return a, a is b


@case(([[1.0, 2.0], [3.0, 4.0]],), ([[-1.0, 2.0], [-3.0, -4.0]],))
def inplace_on_view(x):
    y = x * 1
    v = y[0]
    v.add_(paddle.ones([2]))
    if x.sum() > 0:
        y[1] = 7.0
    return y, v


@case()
def slice_assign(x):
    y = x.clone()
    y[1:] = 0.5
    y[::2] = x[::2] * 10
    l = [1, 2, 3, 4, 5]
    l[1:3] = [x, x, x]
    l[::2] = [0] * len(l[::2])
    del l[-1]
    return y, l


@case(([3],), ([-3],))
def int_ops(x):
    x = x.astype("int32")
    return x // 2, x % 2, -x // 2, (-x) % 3, x * 2147483647, x**2, x / 2, 7 // x, 7 % x


@case()
def neg_steps(x):
    return x[::-1], x[-1], x[-2:], x[2:0:-1], list(range(5, 0, -2)), [1, 2, 3][::-1]


@case()
def zero_d_cond(x):
    t = paddle.to_tensor(1.0)
    b = x.sum() > 0
    r = 0
    if b:
        r = 1
    if not b:
        r = 2
    if t:
        r += 10
    if b and t > 0:
        r += 100
    return r, bool(b), int(t), float(x[0])


@case()
def print_order(x):
    print("start", x.shape)
    if x.sum() > 0:
        print("pos", 1)
        print("s:", x.sum())
    else:
        print("neg")
    for i in range(2):
        print(i, end=";")
    print()
    return x


@case()
def assert_msg(x):
    assert x.sum() > 0, f"sum must be positive, got {len(x)}"
    return x


@case()
def while_else(x):
    n = 0
    while x.sum() < 5:
        x = x + 1
        n += 1
        if n > 7:
            break
    else:
        return x, n, "else"
    return x, n, "broke"


@case()
def chained_side(x):
    log = []

    def v(k, t):
        log.append(k)
        return t

    r = v(1, x.sum()) < v(2, 3.0) < v(3, 10.0)
    return r, log


@case()
def chained_eq(x):
    s = x.sum()
    if -100 < s <= 6 != s + 1:
        return 1
    return 2


@case()
def dict_order(x):
    d = {"b": x, "a": x * 2}
    if x.sum() > 0:
        d["c"] = x * 3
        d.pop("b")
    else:
        d["a"] = x * 9
    return d, list(d)


@case()
def minmax(x):
    return max(x), min(x), max(x[0], x[1]), min(x[0], 0.5), max([x.sum(), x.max()])


@case()
def zips(x):
    out = []
    for i, (a, b) in enumerate(zip(x, x * 2), 1):
        out.append(a * b + i)
    return out, dict(enumerate(x)), list(zip([1, 2], x))

"""Corners of Python met by a hostile reader: views, dtypes, builtins."""

import collections
import copy
import dataclasses
import enum
import itertools
import math

import paddle

from .table import case

GL = []


@case()
def print_various(x):
    n = int(x.abs().sum())
    print("n =", n, n * 2, f"{n:04d}", "%d items" % n, "%.2f" % float(x[0]))
    print(f"{x.mean():.3f} {float(x.max()):.1f}", x.shape, [n, 1], {"n": n}, (n,))
    if x.sum() > 0:
        print("pos", sep="", end="!\n")
    return f"{n}|{x.sum():.2f}", str(n) + "x"


@case()
def str_methods_union(x):
    s = "abc" if x.sum() > 0 else "de"
    return s.upper(), len(s), s[0], s + "!", s * 2, "b" in s, s == "de", s.split("b"), f"<{s}>"


@case()
def none_flow(x):
    def maybe(t):
        return None if t.sum() > 0 else t

    r = maybe(x)
    return 1 if r is None else r, r is not None, (r if r is not None else x) + 1


@case()
def walrus_filter(x):
    return [y for k in range(4) if (y := k * 2) > 2], [z for v in [1, 2] if (z := v)], y


@case()
def chained_methods(x):
    return (
        x.abs().clip(0, 2).sum().sqrt(),
        (x > 0).astype("float32").mean(),
        x.unsqueeze(0).tile([2, 1]).transpose([1, 0]),
    )


@case()
def ternary_side(x):
    log = []

    def f(k):
        log.append(k)
        return k

    r = f(1) if x.sum() > 0 else f(2)
    q = f(3) or f(4)
    return r, q, len(log)


@case()
def short_circuit_side(x):
    log = []

    def t(v, k):
        log.append(k)
        return v

    a = t(x.sum() > 0, "a") and t(x.max() > 2, "b")
    b = t(x.sum() > 0, "c") or t(x.max() > 2, "d")
    return len(log), a, b


@case()
def del_in_branch(x):
    d = {"a": 1, "b": 2}
    l = [1, 2, 3]
    if x.sum() > 0:
        del d["a"]
        del l[0]
    return list(d), l, len(d)


@case()
def global_list(x):
    GL.append(1)
    if x.sum() > 0:
        GL.append(2)
    n = len(GL)
    GL.clear()
    return n, x


@case()
def multi_ret(x):
    for i in range(3):
        if x[i] > 2:
            return "big", i
        elif x[i] < -1:
            return "small", i
    return "none", -1


@case()
def match_struct(x):
    p = {"op": "mul", "by": 3}
    match p:
        case {"op": "add", "by": b}:
            return x + b
        case {"op": "mul", "by": b}:
            return x * b


@case()
def deep_nest(x):
    r = x
    for i in range(2):
        for j in range(2):
            if x.sum() > i:
                if x.max() > j:
                    r = r + 1
                else:
                    r = r - 1
            elif j == 1:
                r = r * 2
    return r


@case()
def tensor_bool_ops(x):
    a, b = x > 0, x < 2
    if (a & b).any() and not (a | b).all():
        return 1
    return 2 if a.all() else 3


@case()
def cond_on_shape_and_value(x):
    if x.shape[0] == 3 and x.sum() > 0:
        return x[: x.shape[0] - 1]
    return x


@case()
def ret_in_with(x):
    log = []

    class W:
        def __enter__(self):
            log.append("in")
            return self

        def __exit__(self, *a):
            log.append("out")
            return False

    def f(t):
        with W():
            if t.sum() > 0:
                return t * 2
            t = t - 1
        return t

    return f(x), log


@case()
def inf_nan_cond(x):
    y = x / 0.0
    if paddle.isinf(y).any():
        return paddle.nan_to_num(y)
    return y


@case()
def float_eq(x):
    s = float(x[0])
    return s == 1.0, s != -1.0, s in (1.0, -1.0), not s


@case()
def int_bit_ops(x):
    n = int(x.abs().sum())
    return n & 1, n | 8, n << 1, n >> 1, n ^ 3, ~n


@case()
def math_fns(x):
    s = float(x.abs().sum())
    return math.sqrt(s), math.exp(-s), math.log(s), math.floor(s), math.ceil(s), math.sin(s)


@case()
def pow_mixed(x):
    n = int(x.abs().sum())
    return 2**n if False else 0, x**2, 2**x, n**2, 0.5**n


@case()
def sum_start(x):
    return sum([x, x], x), sum(v for v in x), sum([[1], [2]], [])


@case()
def any_all_gen(x):
    return any(v > 2 for v in x), all(v > -5 for v in x), any(k for k in [0, 0]), not any([])


@case()
def min_max_key(x):
    return (
        max([1, -3, 2], key=abs),
        min("bca"),
        max([(1, "a"), (1, "b")]),
        max([], default=4),
        min([x.sum(), x.max()], key=lambda t: t.abs()) if False else 0,
    )


@case()
def map_filter_zip(x):
    return (
        list(map(lambda a, b: a * b, [1, 2], [x, x])),
        [a for a in filter(None, [0, 1, 2])],
        dict(zip("ab", [x, x + 1])),
    )


@case()
def itertools_misc(x):
    return (
        list(itertools.chain([1], [2])),
        [a + b for a, b in itertools.combinations([1, 2, 3], 2)],
        list(itertools.islice(itertools.count(), 3)),
        [k for k, g in itertools.groupby([1, 1, 2])],
        x,
    )


@case()
def counter_collections(x):
    cn = collections.Counter("abca")
    return cn["a"], cn.most_common(1), x


@case()
def chainmap_etc(x):
    q = collections.deque([1, 2], maxlen=2)
    q.append(3)
    return list(q), x


@case()
def frozen_dc(x):
    @dataclasses.dataclass(frozen=True)
    class F:
        a: object
        b: int = 1

        def with_b(self, b):
            return dataclasses.replace(self, b=b)

    f = F(x)
    g = f.with_b(3) if x.sum() > 0 else f
    return g.b, g.a * g.b


@case()
def enum_cond(x):
    class E(enum.Enum):
        A = 1
        B = 2

        def apply(self, t):
            return t + self.value if self is E.A else t * self.value

    e = E.A if x.sum() > 0 else E.B
    return e.apply(x), e.value, e is E.A, e.name


@case()
def intenum(x):
    class Level(enum.IntEnum):
        A = 1
        B = 2

    return x * Level.B, Level.A + 1, [10, 20, 30][Level.B]


@case()
def deepcopy_state(x):
    d = {"a": [x], "b": 1}
    e = copy.deepcopy(d)
    if x.sum() > 0:
        e["a"].append(x)
        e["b"] = 2
    return len(d["a"]), len(e["a"]), e["b"]


@case()
def loop_else_return(x):
    for v in x:
        if v > 10:
            return "big"
    else:
        return "all small"


@case()
def nested_fn_shadow(x):
    y = 1

    def f():
        y = 2

        def g():
            return y

        return g()

    return f() * x, y


@case()
def comprehension_closure(x):
    k = 2
    fs = [(lambda t: t * k + i) for i in range(3)]
    k = 3
    return [f(x) for f in fs]


@case()
def dict_comp_cond(x):
    return (
        {k: v for k, v in zip("abc", [1, 2, 3]) if v != 2},
        {i: x * i for i in range(2)},
        {a for a in [1, 1, 2]},
    )


@case()
def while_assign_expr(x):
    n = 10
    steps = 0
    while (n := n // 2) > 0:
        steps += 1
        if x.sum() * steps > 8:
            break
    return n, steps

"""Corners of Python met by a hostile reader: conditions, loops, text."""

import collections
import enum
import functools
import itertools

import paddle

from .table import case


class Node:
    def __init__(self, v, nxt=None):
        self.v = v
        self.next = nxt


@case()
def fstrings(x):
    print(f"{x.shape} {len(x)} {x.dtype}")
    print(f"{x.sum()}")
    print("%s %d" % (x.shape, 3))
    return f"{x.shape[0]:>5}|{'a'!r}"


@case()
def str_result(x):
    return "pos" if x.sum() > 0 else "neg"


@case()
def str_build(x):
    s = "a"
    if x.sum() > 0:
        s += "b"
    return s + "c", x


@case()
def list_mul(x):
    l = [x] * 3
    l += [x + 1]
    k = l + [0]
    return len(k), k[-1], l


@case()
def del_var(x):
    y = x * 2
    if x.sum() > 0:
        del y
        return x
    return y


@case()
def lambda_default(x):
    fs = [lambda t, k=k: t * k for k in range(3)]
    gs = [lambda t: t * k for k in range(3)]
    return [f(x) for f in fs], [g(x) for g in gs]


@case()
def late_closure(x):
    k = 1

    def f():
        return x * k

    if x.sum() > 0:
        k = 5
    r = f()
    k = 10
    return r, f()


@case()
def unpack_star(x):
    a, *b = x
    (c_, d), e = (x[0], x[1]), x[2]
    *f, g = [1, 2, x]
    return a, b, c_, d, e, f, g


@case()
def ternary_nested(x):
    s = x.sum()
    return 1 if s > 5 else 2 if s > 0 else (3 if s > -2 else 4)


@case()
def and_or_values(x):
    s = x.sum()
    return (s > 0 and x), (s > 0 or 5), (None or x), ([] or 3), not s > 0


@case()
def isnone(x):
    y = None
    if x.sum() > 0:
        y = x * 2
    if y is None:
        return x
    return y + 1


@case()
def try_except_py(x):
    d = {}
    try:
        v = d["k"]
    except KeyError as e:
        v = x if x.sum() > 0 else -x
    else:
        v = 0
    finally:
        d["z"] = v
    return d


@case()
def raise_in_branch(x):
    if x.sum() < 0:
        raise ValueError(f"negative: {1 + 1}")
    return x.sqrt()


@case()
def while_py_and_tensor(x):
    i = 0
    while i < 5 and x.sum() < 10:
        x = x + i
        i += 1
    return x, i


@case()
def break_with_val(x):
    r = None
    for i in range(10):
        x = x + 1
        if x.max() > 6:
            r = i
            break
    return r, x


@case()
def continue_loop(x):
    s = x * 0
    for i in range(5):
        if (x.sum() + i) % 2 > 0.9:
            continue
        s = s + i
    return s


@case()
def for_tensor_range(x):
    n = (x.sum().abs()).astype("int32")
    s = 0
    for i in range(n):
        s = s + i * 2
    return s, n


@case()
def grow_list(x):
    out = []
    n = x.abs().sum().astype("int64")
    for i in range(n):
        out.append(x * i)
    return paddle.stack(out), len(out)


@case()
def while_dict_state(x):
    st = {"i": 0, "acc": x * 0}
    while st["i"] < x.abs().sum():
        st["acc"] = st["acc"] + st["i"]
        st["i"] += 1
    return st


@case()
def linked(x):
    head = None
    for k in range(3):
        head = Node(x * k, head)
    s = 0
    n = head
    while n is not None:
        s = s + n.v
        n = n.next
    return s


@case()
def prop_setter(x):
    class Q:
        def __init__(self):
            self._v = 0

        @property
        def v(self):
            return self._v

        @v.setter
        def v(self, k):
            self._v = k * 2

    q = Q()
    if x.sum() > 0:
        q.v = 4
    else:
        q.v = x
    return q.v


@case()
def getattr_dyn(x):
    class Q:
        pass

    q = Q()
    setattr(q, "foo", x)
    return (
        getattr(q, "foo") + getattr(q, "bar", 1),
        hasattr(q, "zz"),
        vars(q)["foo"] if False else 0,
    )


@case()
def set_ops(x):
    s = {1, 2}
    if x.sum() > 0:
        s.add(3)
    s |= {9}
    return sorted(s) if False else (3 in s), 9 in s


@case()
def namedtuples(x):
    Pt = collections.namedtuple("Pt", "a b")
    p = Pt(x, 2)
    q = p._replace(b=x.sum())
    return q.a * q.b, p[1], q._asdict()["a"]


@case()
def defaultdicts(x):
    d = collections.defaultdict(list)
    d["a"].append(x)
    d["a"].append(x * 2)
    return d["a"][1], len(d)


@case()
def counter_od(x):
    od = collections.OrderedDict()
    od["z"] = x
    od["a"] = x + 1
    od.move_to_end("z")
    return list(od), od["z"]


@case()
def itertools_use(x):
    return [a * b for a, b in itertools.product([1, 2], [x, x + 1])], list(
        itertools.accumulate([1, 2, 3])
    )


@case()
def reduce_use(x):
    return functools.reduce(lambda a, b: a + b, [x, x * 2, x * 3])


@case()
def mapfilter(x):
    return (
        list(map(lambda a: a * 2, x)),
        list(filter(lambda k: k > 1, [1, 2, 3])),
        any([False, True]),
        all([]),
    )


@case()
def any_tensors(x):
    return any(v > 0 for v in [1, -1]), any([x.sum() > 0, x.max() > 100]), all([x.sum() > 0, True])


@case()
def enum_use(x):
    class Mode(enum.Enum):
        A = 1
        B = 2

    m = Mode.A
    if x.sum() > 0:
        m = Mode.B
    return x * m.value


@case()
def match_stmt(x):
    cmd = ("scale", 3)
    match cmd:
        case ("scale", k) if k > 2:
            return x * k
        case _:
            return x


@case()
def int_cast(x):
    n = int(x.abs().sum())
    return n, n // 2, n % 3, n**2, -n, n > 3, float(n), str(type(n).__name__)


@case()
def float_cast(x):
    n = float(x.sum())
    return n, n * 2, n - 1, n > 3, abs(n), round(n, 1) if False else 0


@case()
def item_use(x):
    k = x.abs().sum().astype("int64").item()
    return x * k, paddle.zeros([k]), [0] * 2

"""Corners of Python met by a hostile reader: numbers, text, classes."""

import contextlib
import functools
import operator

from .table import case


@case()
def float_item(x):
    s = x.sum().item()
    return s * 2 + 1, x * s, max(s, 0.0), round(s, 2) if False else 0


@case()
def float_cond(x):
    s = float(x.mean())
    if s > 0 and s < 100:
        return "in"
    return "out"


@case()
def tolist_use(x):
    a, b, d = x.tolist()
    return a + b, d, [a, b, d]


@case()
def int_of_float(x):
    n = int(x.abs().sum() * 1.5)
    return n, int(2.7), int(-3.5), int(True)


@case()
def mean_of_list(x):
    vals = [v for v in x]
    m = sum(vals) / len(vals)
    return m, max(vals), sorted([3, 1, 2], reverse=True)


@case()
def sort_by_python_key(x):
    items = [("b", x), ("a", x * 2), ("c", x + 1)]
    items.sort(key=lambda p: p[0])
    return [t for _, t in items], [n for n, _ in items]


@case()
def class_counter(x):
    class C:
        made = 0

        def __init__(self):
            C.made += 1
            self.id = C.made

    a, b = C(), C()
    return a.id, b.id, C.made, x


@case()
def class_counter_cond(x):
    class C:
        made = 0

    def bump():
        C.made += 1

    if x.sum() > 0:
        bump()
        bump()
    else:
        bump()
    return C.made * x


@case()
def inherit_abstract(x):
    class A:
        def run(self, t):
            return self.step(t) + self.bias

        @property
        def bias(self):
            return 1

    class B(A):
        def step(self, t):
            return t * 2 if t.sum() > 0 else t * 3

        @property
        def bias(self):
            return super().bias + 4

    return B().run(x)


@case()
def cached_prop(x):
    class A:
        def __init__(self, t):
            self.t = t
            self.n = 0

        @functools.cached_property
        def total(self):
            self.n += 1
            return self.t.sum() if self.t.max() > 0 else -self.t.sum()

    a = A(x)
    r = a.total + a.total
    return r, a.n


@case()
def prop_cond(x):
    class A:
        def __init__(self, t):
            self.t = t

        @property
        def sign(self):
            if self.t.sum() > 0:
                return 1
            return -1

    return A(x).sign * x, A(-x).sign


@case()
def call_method_dynamic(x):
    class A:
        def go(self, t, k=1):
            return t * k

        def __call__(self, t):
            return getattr(self, "g" + "o")(t, k=4)

    return A()(x), operator.methodcaller("go", x, k=2)(A())


@case()
def static_class_methods(x):
    class A:
        k = 3

        @staticmethod
        def s(t):
            return t + 1 if t.sum() > 0 else t - 1

        @classmethod
        def cm(cls, t):
            return cls.s(t) * cls.k

    return A.cm(x), A().s(x)


@case()
def dunder_iter(x):
    class It:
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            self.i = 0
            return self

        def __next__(self):
            if self.i >= self.n:
                raise StopIteration
            self.i += 1
            return self.i

    s = 0
    for k in It(3):
        s = s + x * k
    return s, list(It(2))


@case()
def context_with_state(x):
    class Ctx:
        depth = 0

        def __enter__(self):
            Ctx.depth += 1
            return Ctx.depth

        def __exit__(self, *e):
            Ctx.depth -= 1

    with Ctx() as a:
        with Ctx() as b:
            y = x * a * b if x.sum() > 0 else x
    return y, Ctx.depth


@case()
def exit_swallow_return(x):
    @contextlib.contextmanager
    def guard():
        try:
            yield
        except ZeroDivisionError:
            pass

    r = x
    with guard():
        r = r + 1
        1 / 0
        r = r + 100
    return r


@case()
def nested_try(x):
    log = []
    for i in range(3):
        try:
            try:
                if i == 1:
                    continue
                log.append(i)
            finally:
                log.append("f")
        except Exception:
            log.append("e")
        else:
            log.append("o")
    return log, x


@case()
def try_return_in_loop(x):
    for i in range(4):
        try:
            if i == 2:
                return x * i
        finally:
            x = x + 1
    return x


@case()
def raise_reraise(x):
    def f(t):
        try:
            raise ValueError("q")
        except ValueError as e:
            raise RuntimeError("w") from e

    try:
        f(x)
    except RuntimeError as e:
        return str(e), str(e.__cause__), x


@case()
def assert_eq(x):
    assert x.shape == [3]
    assert x.ndim == 1, "bad"
    assert (x == x).all()
    assert x.sum() > -100, "very negative"
    return x


@case()
def while_pop(x):
    todo = [1, 2, 3]
    acc = x * 0
    while todo:
        k = todo.pop(0)
        if k == 2:
            todo.append(5)
        acc = acc + k
        if acc.sum() > 20:
            break
    else:
        acc = acc * 10
    return acc, len(todo)


@case()
def while_two_conds(x):
    n = 0
    while x.sum() < 20 and n < 5 or n == 0:
        x = x * 2
        n += 1
    return x, n


@case()
def loop_carried_tuple(x):
    a, b = x.sum(), x.max()
    for _ in range(4):
        a, b = b, a + b
        if a > 50:
            break
    return a, b


@case()
def loop_type_change(x):
    best = None
    for v in x:
        if best is None or v > best:
            best = v
    return best


@case()
def argmax_loop(x):
    best, at = -1e9, -1
    for i, v in enumerate(x):
        if v > best:
            best, at = v, i
    return best, at


@case()
def early_exit_flag(x):
    found = False
    idx = None
    for i in range(3):
        if not found and x[i] > 1.5:
            found = True
            idx = i
    return found, idx


@case()
def bool_accumulate(x):
    ok = True
    for v in x:
        ok = ok and v > -1.5
    return ok


@case()
def count_pos(x):
    n = 0
    for v in x:
        n += v > 0
    return n


@case()
def count_pos_int(x):
    n = 0
    for v in x:
        if v > 0:
            n += 1
    return n, n / 3, n > 1, "many" if n > 1 else "few"


@case()
def running_float(x):
    t = 0.0
    for i in range(3):
        t = t * 0.5 + float(x[i])
    return t, t > 0, -t, abs(t), t**2


@case()
def str_accum(x):
    s = ""
    for v in x:
        s += "+" if v > 0 else "-"
    return s


@case()
def list_of_flags(x):
    return [bool(v > 0) for v in x], [int(v) for v in x.abs().astype("int64")]


@case()
def dict_of_lists(x):
    d = {"p": [], "n": []}
    for v in x:
        d["p" if v > 0 else "n"].append(v)
    return len(d["p"]), len(d["n"])


@case()
def dict_count(x):
    d = {}
    for i, v in enumerate(x):
        d[i] = v * 2
    for k in list(d):
        if k == 1:
            del d[k]
    return d, list(d.values())[0]


@case()
def dict_cond_key(x):
    d = {"a": 1}
    if x.sum() > 0:
        d["b"] = 2
    return d.get("b", 0), len(d), "b" in d, sum(d.values())


@case()
def set_cond(x):
    s = set()
    if x.sum() > 0:
        s.add(1)
    s.add(2)
    return len(s), 1 in s, 2 in s


@case()
def nested_containers(x):
    st = {"a": [x, {"b": (x * 2, [1, 2])}]}
    if x.sum() > 0:
        st["a"][1]["b"][1].append(3)
        st["a"][0] = x + 1
    return st


@case()
def list_slices(x):
    l = list(range(6))
    if x.sum() > 0:
        l[1:3] = [9]
    else:
        del l[::2]
    return l, l[-1], len(l)


@case()
def list_sort_reverse(x):
    l = [3, 1, 2]
    if x.sum() > 0:
        l.sort()
    else:
        l.reverse()
    return l, l.index(2)

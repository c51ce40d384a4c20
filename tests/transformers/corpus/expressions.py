"""Comprehensions, generators, calls, classes, strings."""

import functools

from corpus_case import case


@case()
def comprehensions():
    xs = range(6)
    return (
        [x * 2 for x in xs if x % 2 if x > 1],
        {x % 3 for x in xs},
        {x: y for x in xs for y in range(x) if y == x - 1},
        [(a, b) for a in "ab" for b in "cd"],
        [[y for y in range(x)] for x in xs if x],
        [x for x in [y * y for y in xs] if x > 3],
    )


@case()
def comprehension_scope():
    x = "outer"
    r = [x for x in range(3)]
    s = {x: x for x in "ab"}
    return x, r, s


@case()
def comprehension_first_iterable_is_outside():
    xs = [[1, 2], [3]]
    x = xs
    return [x for x in x for x in x]


@case()
def dict_comprehension_order():
    log = []

    def note(x):
        log.append(x)
        return x

    return {note(i): note(-i) for i in range(2)}, log


@case()
def comprehension_in_loop_test():
    n, r = 0, []
    while any([x > n for x in [1, 2, 3]]):
        n += 1
        r.append([n * x for x in range(2)])
    return r


@case()
def comprehension_in_elif():
    if [x for x in []]:
        return "a"
    elif [x for x in [0]]:
        return "b"
    return "c"


@case()
def comprehension_unpacks():
    return [a + b for a, b in [(1, 2), (3, 4)]], [x for x, *_ in ["abc"]]


@case()
def comprehension_raises():
    return [1 / x for x in [1, 0]]


@case()
def comprehension_with_conditional():
    return [("even" if x % 2 == 0 else "odd") if x else None for x in range(4)]


@case()
def generator_expressions():
    log = []

    def note(x):
        log.append(x)
        return x

    g = (note(x) for x in range(4) if x != 2)
    first = next(g)
    mid = list(log)
    return first, mid, list(g), sum(x for x in range(4)), max((x for x in [3, 1]), default=0)


@case()
def generator_expression_is_lazy_but_its_first_iterable_is_not():
    try:
        g = (x for x in 5)
    except TypeError as e:
        return type(e).__name__


@case()
def generator_expression_sees_later_changes():
    k = 1
    g = (x * k for x in [1, 2])
    k = 10
    return list(g)


@case()
def generator_with_list_inside():
    return list(sum([y for y in range(x)]) for x in range(4) if all([x, True]))


@case()
def inner_generator():
    def gen(n):
        for i in range(n):
            if i == 1:
                continue
            got = yield i
            if got:
                yield f"got {got}"
        else:
            yield "done"
        return "value"

    g = gen(3)
    r = [next(g), g.send("x"), next(g), next(g)]
    try:
        next(g)
    except StopIteration as e:
        r.append(e.value)
    return r


@case()
def yield_from_and_delegation():
    def inner():
        x = yield 1
        try:
            yield x
        except ValueError:
            yield "caught"
        return "r"

    def outer():
        v = yield from inner()
        yield v

    g = outer()
    return next(g), g.send("s"), g.throw(ValueError), next(g)


@case()
def generator_with_try_and_with():
    import contextlib

    log = []

    def gen():
        with contextlib.suppress(KeyError):
            try:
                while True:
                    yield len(log)
                    if len(log) > 2:
                        raise KeyError
                    log.append("x")
            finally:
                log.append("f")
        yield "end"

    return list(gen()), log


def generator_function(n):
    total = 0
    for i in range(n):
        if i % 2:
            total += i
            yield total
        elif i > 4:
            return
    while total > 3:
        total -= 1
        yield -total


@case((3,), (9,))
def calls_a_generator(n):
    return list(generator_function(n))


@case()
def calls_with_stars():
    def f(*a, **k):
        return a, sorted(k.items())

    xs, d = [1, 2], {"p": 1}
    return f(*xs, 3, *xs, q=2, **d), f(*(x for x in xs)), f(**{}), f(*[], **d)


@case()
def call_evaluation_order():
    log = []

    def note(x):
        log.append(x)
        return x

    def f(*a, **k):
        return a, k

    (note(f))(note(1), *note([2]), note(3), a=note(4), **note({"b": 5}))
    return [x for x in log if x is not f]


@case()
def star_argument_not_iterable():
    print(*5)


@case()
def keyword_must_be_string():
    dict(**{1: 2})


@case()
def methods_and_super():
    class A:
        def __init__(self, x):
            self.x = x

        def get(self):
            return self.x

        @property
        def double(self):
            return self.x * 2

        @classmethod
        def make(cls, x):
            return cls(x)

        @staticmethod
        def add(a, b):
            return a + b

        def __call__(self, y):
            if y:
                return self.x + y
            return self

        def __getitem__(self, i):
            return ("item", i)

    class B(A):
        def __init__(self, x):
            super().__init__(x + 1)
            if x > 2:
                super().__setattr__("extra", True)

        def get(self):
            return "B", super().get(), __class__.__name__

    b = B.make(3)
    return b.get(), b.double, b(1), b(0) is b, B.add(1, 2), b[1:2], b[..., 0], b.extra


class Base:
    def who(self, *args):
        return ["Base", *args]


class Derived(Base):
    def who(self, *args):
        found = []
        for a in args:
            if a:
                found += super().who(a)
        f = lambda: super(Derived, self).who()
        return found + f() + [__class__.__name__]

    def no_first(*args):
        if args:
            return super(Derived, args[0]).who()

    @classmethod
    def make(cls):
        if True:
            return super().__new__(cls)

    def __private(self):
        return self.__value

    def set_private(self, v):
        self.__value = v
        if v:
            return self.__private(), sorted(vars(self))


@case()
def module_level_class():
    d = Derived.make()
    return d.who(1, 0, 2), d.no_first(), d.set_private(4)


@case()
def class_body_scope():
    x = "outer"

    class C:
        y = x
        z = [i for i in range(3) if i]
        if z:
            w = "w"
        for q in range(2):
            pass

        def m(self):
            return x

    x = "changed"
    return C.y, C.z, C.w, C.q, C().m(), C.__qualname__, C.m.__qualname__


@case()
def class_in_branch_and_loop():
    made = []
    for i in range(2):
        if i:

            class K:
                v = i

        else:

            class K:
                v = -1

        made.append(K)
    return [k.v for k in made], [k.__name__ for k in made]


@case()
def metaclass_and_keywords():
    class Meta(type):
        def __new__(m, name, bases, ns, tag=None):
            c = super().__new__(m, name, bases, ns)
            c.tag = tag
            return c

    class C(metaclass=Meta, tag="t"):
        pass

    return C.tag


@case((3, "x"), (-1, None))
def fstrings(x, y):
    w = 6
    return (
        f"{x}",
        f"{x!r} {y!s} {y!a}",
        f"{x:>{w}}|{x:0{w}.2f}",
        f"{x=} {y=!r}",
        f"{{}} {'a' if x > 0 else 'b'}",
        f"{[i for i in range(3)]}",
        f"ab{x}",
        "plain",
    )


@case()
def fstring_order():
    xs = []
    return f"{xs}{xs.append(1)}{xs}"


@case()
def fstring_bad_format():
    return f"{[]:d}"


@case()
def slices():
    xs = list(range(10))
    a, b = 2, 7
    xs[a:b:2] = ["a", "b", "c"]
    xs[:1] = []
    m = {}
    m[1:2, ...] = 1 if True else 0

    return xs, xs[::-1][:3], xs[-2:], xs[slice(1, 3)]


@case()
def subscript_chain():
    d = {"a": [{"b": (1, 2)}]}
    d["a"][0]["c"] = d["a"][0]["b"][1]
    return d


@case()
def missing_things():
    r = []
    for thunk in (
        lambda: {}["k"],
        lambda: [][0],
        lambda: None.x,
        lambda: undefined,  # noqa: F821
        lambda: 1 + "a",
        lambda: len(5),
        lambda: len.__name__(),
        lambda: {}[[]],
    ):
        try:
            thunk()
        except Exception as e:
            r.append((type(e).__name__, str(e)))
    return r


@case()
def builtins_with_callbacks():
    xs = [3, 1, 2]
    return (
        sorted(xs, key=lambda x: -x),
        list(map(lambda x, y: x + y, xs, xs)),
        list(filter(lambda x: x > 1 and x < 3, xs)),
        functools.reduce(lambda a, b: a * b if b else a, xs),
        max(xs, key=lambda x: x % 3),
        any(x > 2 for x in xs),
        all(x > 2 for x in xs),
    )


@case()
def partial_and_cache():
    @functools.lru_cache(maxsize=None)
    def fib(n):
        if n < 2:
            return n
        return fib(n - 1) + fib(n - 2)

    add = functools.partial(lambda a, b, c=0: (a, b, c), 1)
    return fib(30), add(2), add(2, c=3)


@case()
def wrapped_functions():
    def deco(f):
        @functools.wraps(f)
        def wrapper(*args, **kwargs):
            if kwargs.pop("double", False):
                return f(*args, **kwargs) * 2
            return f(*args, **kwargs)

        return wrapper

    @deco
    def g(x):
        """g's doc"""
        return x + 1

    return g(1), g(1, double=True), g.__name__, g.__doc__, g.__wrapped__(5)


@case()
def properties_with_effects():
    log = []

    class P:
        @property
        def v(self):
            log.append("get")
            return 1

        @v.setter
        def v(self, x):
            log.append(("set", x))

        def __getattr__(self, name):
            if name.startswith("dyn"):
                return name.upper()
            raise AttributeError(name)

    p = P()
    p.v += 5
    p.v = p.v if p.v else 0
    try:
        p.other
    except AttributeError as e:
        log.append(str(e))
    return p.dynamic, log


@case()
def operators_overloaded():
    class V:
        def __init__(self, *xs):
            self.xs = xs

        def __add__(self, o):
            return V(*[a + b for a, b in zip(self.xs, o.xs)])

        def __matmul__(self, o):
            total = 0
            for a, b in zip(self.xs, o.xs):
                total += a * b
            return total

        def __neg__(self):
            return V(*(-x for x in self.xs))

        def __contains__(self, x):
            return x in self.xs

        def __len__(self):
            return len(self.xs)

    v = V(1, 2) + V(3, 4)
    w = -v
    return v.xs, v @ V(1, 1), w.xs, 4 in v, 9 not in v, len(v), bool(V()), not V()


@case()
def iterator_protocol():
    class Count:
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            i = 0
            while i < self.n:
                yield i
                i += 1

    class Seq:
        def __getitem__(self, i):
            if i > 2:
                raise IndexError
            return i * 10

    r = []
    for a, b in zip(Count(5), Seq()):
        r.append(a + b)
    return r, [*Count(2), *Seq()], max(Seq())


@case()
def data_classes_and_named_tuples():
    import dataclasses
    from collections import namedtuple

    @dataclasses.dataclass
    class D:
        a: int
        b: list = dataclasses.field(default_factory=list)

        def total(self):
            t = self.a
            for x in self.b:
                t += x
            return t

    N = namedtuple("N", "x y")
    d = D(1, [2, 3])
    n = N(1, y=2)
    return d.total(), repr(D(1)).split(".")[-1], n._replace(x=5), n.x


@case()
def sets_and_dicts():
    s = {1, 2}
    s |= {3}
    s -= {1}
    d = {}
    d.setdefault("a", []).append(1)
    d |= {"b": 2}
    d.update(c=3)
    popped = d.pop("b", None), d.pop("zz", "default")
    return s, d, popped, list(d), "a" in d, {**d}.get("q")


@case()
def string_methods():
    words = "the quick brown fox".split()
    out = []
    for w in words:
        out.append(w.upper() if len(w) > 3 else w)
    return " ".join(out), "%s-%d" % ("a", 3), "{}".format(2)


@case()
def print_to_stream():
    import io

    out = io.StringIO()
    print("a", 1, sep="-", end="!", file=out)
    if True:
        print(f"{2}", file=out)
    return out.getvalue()


@case()
def numbers():
    import math

    x = 10
    r = [x // 3, -x // 3, x % -3, x**2, 2**-1, ~x, x >> 1, x & 6, x | 1, x ^ 3, +x]
    r += [int("12"), float("1.5"), bool([]), complex(1, 2), round(2.5), divmod(7, 2), abs(-3)]
    r += [math.floor(2.7), min(3, 1), max([1, 5]), sum([1, 2]), 0.1 + 0.2]
    return r


@case()
def global_function_with_closure_class():
    def make(n):
        class K:
            def get(self):
                if n > 1:
                    return n
                return -n

        return K

    return make(2)().get(), make(0)().get()


@case()
def is_and_isinstance():
    x = None
    return x is None, x is not None, isinstance(3, (int, str)), isinstance(x, type(None)), [] == []


@case()
def conditional_import_error():
    try:
        import no_such_module_xyz  # noqa: F401
    except ImportError as e:
        return e.name


@case()
def nested_lambdas_and_comprehensions():
    fs = [[lambda z: (x, y, z) for y in range(2)] for x in range(2)]
    return [f(9) for row in fs for f in row]


@case()
def comprehension_inside_lambda():
    f = lambda n: {k: [j for j in range(k) if j % 2 == 0 or n > 3] for k in range(n)}
    return f(3), f(4)


@case()
def lambda_in_default_and_decorator():
    def f(g=lambda x: x + 1 if x else 0, *, h=[y for y in range(2)]):  # noqa: B006
        return g(1), g(0), h

    return f()


@case()
def object_identity_is_kept():
    a = []
    b = a
    if a is b:
        c = a
    for d in [a]:
        e = d
    return c is a, e is a


@case()
def big_arithmetic_loop():
    total = 0
    for i in range(200):
        if i % 3 == 0 or i % 5 == 0:
            total += i
        elif i % 7 == 0:
            total -= 1
    return total


@case()
def string_building_with_state_machine():
    text, state, out = "a(b(c)d)e", 0, []
    for ch in text:
        if ch == "(":
            state += 1
            continue
        if ch == ")":
            state -= 1
            continue
        if state == 0:
            out.append(ch)
        elif state == 1:
            out.append(ch.upper())
        else:
            out.append("*")
    return "".join(out)


@case()
def type_hints_in_nested_function():
    def f(x: "int" = 3, *, y: list = None) -> "str":
        z: int = x
        return f"{z}{y}"

    return f(), f.__annotations__


@case()
def methods_of_an_inner_class_with_control_flow():
    class Acc:
        total = 0

        def add(self, x):
            for _ in range(2):
                if x > 1:
                    self.total += x
                else:
                    self.total -= 1
            return self

        class Inner:
            def get(self, y=[1, 2]):
                return [v for v in y if v > 1]

    a = Acc()
    for i in range(3):
        a.add(i)
    return a.total, Acc.Inner().get()

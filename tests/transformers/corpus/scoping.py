"""Scopes: locals, closures, cells, globals, deletion, walrus."""

from corpus_case import case

COUNTER = 0
TABLE = {"a": 1}


@case((1,), (0,))
def unbound_in_one_branch(c):
    if c:
        x = 1
    return x


@case((1,), (0,))
def unbound_in_a_helper(c):
    if c:
        x = 1
    for _ in range(1):
        if True:
            y = x
    return y


@case((1,), (0,))
def unbound_is_caught(c):
    try:
        if c:
            x = 1
        for _ in range(1):
            x + 1
    except UnboundLocalError as e:
        return str(e)
    return "bound"


@case()
def read_before_assignment():
    y = z + 1  # noqa: F821
    z = 2
    return y


@case()
def augmented_unbound():
    for _ in range(2):
        total += 1  # noqa: F821
    return total  # noqa: F821


@case((True,), (False,))
def deleted_name(c):
    x = 1
    if c:
        del x
    try:
        return x
    except NameError as e:
        return type(e).__name__


@case()
def delete_twice():
    x = 1
    for _ in range(2):
        del x


@case()
def delete_in_loop():
    r = []
    for i in range(3):
        x = i
        r.append(x)
        del x
    try:
        x
    except UnboundLocalError:
        r.append("gone")
    return r


@case()
def delete_items_and_attributes():
    class Box:
        pass

    b = Box()
    b.a, b.b = 1, 2
    d = {"x": 1, "y": 2, "z": 3}
    xs = list(range(10))
    del b.a, d["x"], (xs[0], xs[2:4])
    del xs[::3]
    return vars(b), d, xs


@case()
def delete_missing_attribute():
    class Box:
        pass

    del Box().nothing


@case()
def closure_sees_later_changes():
    x = 1

    def get():
        return x

    before = get()
    x = 2
    if x:
        x = 3
    return before, get()


@case()
def closures_in_a_loop_share():
    fs = []
    for i in range(3):
        fs.append(lambda: i)
    return [f() for f in fs]


@case()
def closures_with_defaults():
    return [f() for f in [lambda i=i: i for i in range(3)]]


@case()
def comprehension_closures_share():
    return [f() for f in [lambda: i for i in range(3)]]


@case()
def nonlocal_counter():
    n = 0

    def up(by=1):
        nonlocal n
        n += by
        if n > 3:
            n = 100
        return n

    return [up(), up(2), up(), up(), n]


@case()
def nonlocal_delete():
    n = 1

    def drop():
        nonlocal n
        del n

    drop()
    try:
        return n
    except NameError as e:
        return type(e).__name__


@case()
def nonlocal_binds_for_the_outer():
    def set_it():
        nonlocal v
        v = 5

    if False:
        v = None
    set_it()
    return v


@case()
def nested_three_deep():
    a = 1

    def f():
        b = 10

        def g():
            nonlocal a, b
            a += 1
            b += a
            if b > 5:
                a += b
            return lambda c: (a, b, c)

        return g()

    return f()(3), a


@case()
def free_variable_unbound():
    def g():
        return late

    try:
        g()
    except NameError as e:
        kind = type(e).__name__
    late = 1
    return kind, g()


def make_counter():
    count = 0

    def step(by):
        nonlocal count
        for _ in range(by):
            count += 1
        if count > 4:
            count = 0
        return count

    def peek():
        return count

    return step, peek


@case()
def two_functions_share_a_cell():
    step, peek = make_counter()
    return [step(1), peek(), step(2), peek(), step(5), peek()]


@case()
def global_counter():
    global COUNTER
    COUNTER = 0
    for i in range(4):
        if i % 2:
            COUNTER += i
    result = COUNTER
    COUNTER = 0
    return result


@case()
def global_made_and_deleted():
    global FRESH
    FRESH = [1]
    if FRESH:
        FRESH = FRESH + [2]
    r = FRESH
    del FRESH
    try:
        FRESH
    except NameError as e:
        return r, type(e).__name__


@case()
def global_targets():
    global G1, G2, COUNTER
    for G1 in range(3):
        pass
    G1, (x, G2) = G1, (1, 2)
    with_it = [G1, G2, x]
    COUNTER = G1 = 7
    with_it += [COUNTER, G1]
    COUNTER = 0
    return with_it


@case()
def global_in_nested_function():
    def bump():
        global COUNTER
        COUNTER += 1

    bump()
    bump()
    r = COUNTER
    globals()["COUNTER"] = 0
    return r, COUNTER


@case()
def shadowed_builtins():
    len = lambda x: "mine"
    slice = 3
    globals = 5
    super = lambda: 6
    return len([1]), [1, 2, 3, 4][1:slice], globals, super()


@case()
def uses_our_names():
    _d = 5
    _if_1 = 2
    if _d > _if_1:
        _for_1 = _d
        for _item_1 in range(_for_1):
            _d += _item_1
    return _d, _if_1, _for_1


@case((3,), (0,))
def walrus_in_if(x):
    if (y := x + 1) > 2:
        return y
    return -y


@case(([1, 5, 2],))
def walrus_in_while(xs):
    xs = list(xs)
    r = []
    while (x := xs.pop()) and xs:
        r.append(x)
    return r, x


@case((0,), (1,))
def walrus_short_circuit(a):
    r = a and (b := a + 1)
    try:
        return r, b
    except UnboundLocalError:
        return r, "unbound"


@case((0,), (1,))
def walrus_in_conditional_expression(a):
    r = (x := 1) if a else (y := 2)
    try:
        return r, x
    except UnboundLocalError:
        return r, y


@case()
def walrus_in_comprehension():
    r = [y for x in range(4) if (y := x * 2) > 2]
    return r, y


@case()
def walrus_in_nested_comprehension():
    r = [[z := (i, j) for j in range(2)] for i in range(2)]
    return r, z


@case()
def walrus_in_any():
    if any((hit := x) > 2 for x in [1, 2, 3, 4]):
        return hit
    return None


@case()
def walrus_in_lambda():
    f = lambda x: (y := x + 1) and [y, y * 2]
    return f(1), f(-1)


@case()
def walrus_in_nested_short_circuit():
    a = 0
    r = [(a or (b := 3)), (b and (c := b + 1 if (d := b) else 0)), c, d]
    return r


@case()
def walrus_global():
    global COUNTER
    r = [COUNTER := x for x in range(3)]
    s = COUNTER
    COUNTER = 0
    return r, s


@case()
def walrus_in_call_and_index():
    xs = [1, 2, 3]
    return xs[(i := 1)], max((a := 3), (b := 4)), i + a + b


@case()
def star_unpack():
    a, *b, c = range(5)
    (d, *e), f = [1, 2], 3
    *g, h = "xy"
    [i, j] = {"k": 1, "l": 2}
    return a, b, c, d, e, f, g, h, i, j


@case()
def unpack_too_few():
    a, b, c = [1, 2]


@case()
def unpack_too_many():
    a, b = [1, 2, 3]


@case()
def unpack_star_too_few():
    a, b, *c = [1]


@case()
def unpack_infinite():
    import itertools

    a, b = itertools.count()


@case()
def unpack_not_iterable():
    a, b = 5


@case()
def swap_and_rotate():
    a, b, c = 1, 2, 3
    a, b = b, a
    a, b, c = c, a, b
    xs = [0, 1, 2]
    i = 0
    i, xs[i] = 2, "x"
    return a, b, c, i, xs


@case()
def chained_assignment():
    class Box:
        pass

    log = []

    def note(x):
        log.append(x)
        return x

    d, o = {}, Box()
    a = d[note("k")] = o.v = b = note(5)
    return a, b, d, o.v, log


@case()
def evaluation_order_of_stores():
    log = []

    def note(x):
        log.append(x)
        return x

    d = {}

    def get_d():
        log.append("d")
        return d

    get_d()[note("k1")] = note("v1")
    get_d()[note("k2")], get_d()[note("k3")] = note("v2"), note("v3")
    get_d()[note("k1")] += note("!")
    return log, d


@case()
def store_rebinding_its_owner():
    class Box:
        pass

    a, b = Box(), Box()
    a.name, b.name = "a", "b"
    x = a
    x.v = (x := b).name
    return a.v, x.name, hasattr(b, "v")


@case()
def augmented_assignments():
    class Acc:
        def __init__(self):
            self.log = []

        def __iadd__(self, other):
            self.log.append(other)
            return self

        def __add__(self, other):
            return "new"

    a = Acc()
    b = a
    a += 1
    xs = ys = [1]
    xs += [2]
    xs *= 2
    n = 7
    n -= 1
    n *= 5
    n //= 4
    n **= 2
    n %= 30
    n <<= 2
    n >>= 1
    n |= 1
    n ^= 5
    n &= 255
    f = 7
    f /= 2
    return a is b, b.log, ys, n, f


@case()
def augmented_on_items_and_attributes():
    class Box:
        pass

    log = []

    def key():
        log.append("key")
        return 0

    o = Box()
    o.xs = [1]
    same = o.xs
    o.xs += [2]
    d = [[0], 5]
    d[key()] += [1]
    d[1] -= 2
    t = ([1],)
    try:
        t[0] += [2]
    except TypeError:
        log.append("tuple")
    return same, d, t, log


@case()
def annotated():
    class Box:
        pass

    x: int = 3
    y: "undefined_thing"
    o = Box()
    o.v: undefined_thing = 5  # noqa: F821
    z: undefined_thing = x  # noqa: F821
    if x:
        w: int = 4
        x: int = w
    return x, z, o.v, w


@case()
def annotated_only_is_a_local():
    x: int
    return x


@case()
def imports():
    import math as m
    import os.path
    from textwrap import dedent
    from textwrap import indent as ind

    if m:
        from json import dumps
    return m.pi, os.path.basename("/a/b"), dedent(" x"), ind("a", "-"), dumps([1])


@case()
def function_attributes_and_defaults():
    log = []

    def note(x):
        log.append(x)
        return x

    def f(a=note(1), *args, b=note(2), **kw):
        """Doc."""
        return a, args, b, kw

    f.tag = "t"
    return f(), f(5, 6, b=7, c=8), f.tag, f.__doc__, f.__name__, f.__qualname__, log


@case()
def mutable_default_is_shared():
    def f(x, acc=[]):  # noqa: B006
        acc.append(x)
        return list(acc)

    return f(1), f(2), f(3, []), f(4)


def with_defaults(a, b=2, /, c=3, *rest, d=4, e, **kw):
    return a, b, c, rest, d, e, kw


@case()
def all_kinds_of_arguments():
    k = {"e": 5, "z": 6}
    return with_defaults(1, e=0), with_defaults(*[1, 2], 3, *(4, 5), d=6, **k)


@case()
def wrong_arguments():
    with_defaults(1)


@case()
def repeated_keyword():
    with_defaults(1, **{"e": 1}, **{"e": 2})


@case()
def decorators_run():
    log = []

    def deco(tag):
        log.append(("make", tag))

        def wrap(f):
            log.append(("wrap", tag))

            def inner(*a):
                log.append(("call", tag))
                return f(*a)

            return inner

        return wrap

    @deco("a")
    @deco("b")
    def f(x):
        return x + 1

    return f(1), log


@case()
def lambda_forms():
    f = lambda *a, k=1, **kw: (a, k, kw)
    g = lambda: (yield 3)
    h = lambda x: [y for y in range(x)] or (x if x else None)
    return f(1, 2, k=3, z=4), list(g()), h(3), h(0), (lambda: 5)(), h.__name__


@case()
def two_lambdas_on_one_line():
    f, g = (lambda x: x + 1), (lambda x: x * 2)
    return f(5), g(5)


@case()
def immediate_function_call_in_loop():
    r = []
    for i in range(3):

        def f(j):
            return i * j

        r.append(f(2))
    return r


@case()
def parameter_rebound(x=3, y=None):
    if y is None:
        y = []
    for x in range(x):
        y.append(x)
    return x, y


@case()
def dunder_class_names():
    class A:
        __secret = 1

        def __hidden(self, __x):
            self.__y = __x
            for __i in range(2):
                __j = __i
            return self.__y + __j + self.__secret

        def go(self):
            if True:
                return self.__hidden(3), sorted(vars(self))

    return A().go()


@case()
def star_expressions_in_displays():
    a, d = [1, 2], {"x": 1}
    return [*a, 3, *"ab"], (*a, *a), {*a, 3}, {**d, "y": 2, **{"x": 5}}


@case()
def lists_in_return():
    t = 1, *[2, 3]
    return *t, 4


@case((1,), (-1,))
def outer_variable_changes_in_a_branch_of_an_inner_function(x):
    p, q = 1, 10

    def bump():
        nonlocal p
        p += 1

    def g(w):
        if w > 0:
            bump()
            w = w + p
        for _ in range(2):
            bump()
            w += q
        return w

    return g(x), p, g(x), p

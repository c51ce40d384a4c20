"""Corners of Python met by a hostile reader: state that depends on a tensor."""

import collections
import contextlib

import paddle

from .table import case


@contextlib.contextmanager
def ctx(log, v):
    log.append(("in", v))
    try:
        yield v * 2
    finally:
        log.append(("out", v))


@case()
def setitem_cond(x):
    y = paddle.zeros([3])
    for i in range(3):
        if x[i] > 1:
            y[i] = x[i]
        else:
            y[i] = -1
    return y


@case()
def augassign_sub(x):
    y = x.clone()
    y[0] += 5
    y[1:] *= 2
    l = [1, 2]
    l[0] += 4
    d = {"a": 1}
    d["a"] -= 3
    return y, l, d


@case()
def eq_branch_state(x):
    a = x
    if x.sum() > 0:
        a = a + 1
        if a.sum() > 5:
            a = a * 2
            b = 1
        else:
            b = 2
    else:
        b = 3
    return a, b


@case()
def early_none(x):
    if x.sum() > 0:
        return
    return x


@case()
def return_tuple_mix(x):
    if x.sum() > 0:
        return x, 1
    return x, None


@case()
def return_diff_len(x):
    if x.sum() > 0:
        return x, 1
    return x


@case()
def divmod_abs(x):
    return (
        divmod(7, 2),
        abs(-3),
        abs(x),
        round(2.567, 1),
        pow(2, 3),
        pow(x, 2),
        hash("a") == hash("a"),
    )


@case()
def id_is(x):
    y = x
    return y is x, y is not x, [x][0] is x


@case()
def ctx_nograd(x):
    with paddle.no_grad():
        y = x * 2
    return y, x * 3


@case()
def detach_use(x):
    return x.detach() * 2, x.stop_gradient


@case()
def float_loop_acc(x):
    s = 0.0
    for v in x:
        s += float(v)
    return s


@case()
def float_while(x):
    lr = 1.0
    n = 0
    while lr > 0.01 and n < x.abs().sum():
        lr *= 0.5
        n += 1
    return lr, n


@case()
def string_dispatch(x):
    mode = ["a", "b"][int(x.sum() > 0)]
    return x + 1 if mode == "a" else x * 2


@case()
def bool_tensor_index_list(x):
    l = ["n", "p"]
    return l[bool(x.sum() > 0)], l[int(x.sum() > 0)]


@case()
def slots_obj(x):
    class S:
        __slots__ = ("a",)

        def __init__(self, a):
            self.a = a

    s = S(x)
    if x.sum() > 0:
        s.a = x * 2
    return s.a


@case()
def metaclass_call(x):
    class F:
        def __call__(self, t, k=2):
            return t * k

        def __getitem__(self, i):
            return i * 3

        def __len__(self):
            return 4

        def __iter__(self):
            return iter([1, 2])

        def __contains__(self, v):
            return v == 7

        def __bool__(self):
            return False

        def __eq__(self, o):
            return True

        __hash__ = None

    f = F()
    return f(x), f[2], len(f), list(f), 7 in f, (1 if f else 2), f == 3


@case()
def op_overload(x):
    class V:
        def __init__(self, a):
            self.a = a

        def __add__(self, o):
            return V(self.a + o.a)

        def __mul__(self, k):
            return V(self.a * k)

        def __rmul__(self, k):
            return V(self.a * k)

        def __iadd__(self, o):
            self.a = self.a + o.a
            return self

        def __neg__(self):
            return V(-self.a)

        def __lt__(self, o):
            return self.a.sum() < o.a.sum()

    v = V(x) + V(x * 2)
    v += V(x)
    w = 2 * v * 3
    r = (-w).a
    if v < w:
        r = r + 1
    return r


@case()
def descriptor(x):
    class D:
        def __get__(self, o, t=None):
            return o.k * 2

    class C:
        d = D()

        def __init__(self):
            self.k = 4

    return x * C().d


@case()
def getattr_hook(x):
    class G:
        def __getattr__(self, n):
            if n.startswith("v"):
                return int(n[1:])
            raise AttributeError(n)

    g = G()
    return x * g.v5, hasattr(g, "z")


@case()
def long_chain(x):
    y = x
    for k in range(60):
        y = y * 1.01 + 0.01
    return y


@case()
def assert_plain(x):
    assert x.shape[0] == 3
    assert isinstance(x, paddle.Tensor), "no"
    return x


@case()
def list_comp_cond(x):
    return [v * 2 for v in x if v > 0]


@case()
def dict_comp_tensor(x):
    return {i: v for i, v in enumerate(x) if i % 2 == 0}


@case()
def nested_comp_if(x):
    return [a * b for a in [1, 2] for b in [x, x + 1] if a > 1]


@case()
def cond_append_stack(x):
    out = []
    for v in x:
        if v > 0:
            out.append(v)
        else:
            out.append(v * 0)
    return paddle.stack(out)


@case()
def tensor_in_fstring_cond(x):
    if x.sum() > 0:
        name = f"n{x.shape[0]}"
    else:
        name = "q"
    return {name: x} if False else name


@case()
def pop_loop(x):
    stack = [x, x * 2, x * 3]
    s = 0
    while stack:
        s = s + stack.pop()
    return s


@case()
def queue_loop(x):
    q = collections.deque([x, x + 1])
    s = 0
    while q:
        s = s + q.popleft()
    return s


@case()
def while_list_len(x):
    out = [x]
    while len(out) < 4:
        out.append(out[-1] * 2)
    return out


@case()
def tensor_len_list(x):
    out = []
    while len(out) < x.abs().sum():
        out.append(x)
    return len(out)


@case()
def exception_in_loop(x):
    n = 0
    for i in range(5):
        try:
            if i == 3:
                raise StopIteration
            n += i
        except StopIteration:
            break
        finally:
            n += 100
    return n


@case()
def with_return_in_loop(x):
    log = []
    for i in range(3):
        with ctx(log, i) as k:
            if x.sum() + i > 1:
                return k, log
    return -1, log

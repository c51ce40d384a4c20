"""``if``: what variables hold afterwards, early returns, unbound names."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass

import paddle

from .table import DOWN, UP, ZERO, case

Pair = namedtuple("Pair", ["left", "right"])


@dataclass
class Box:
    a: object
    b: object


@case()
def assign_in_both(x):
    if x.sum() > 0:
        y = x * 2
    else:
        y = x - 1
    return y


@case()
def assign_in_one(x):
    y = x + 1
    if x.sum() > 0:
        y = y * 10
    return y


@case()
def no_else_pass(x):
    if x.sum() > 0:
        pass
    return x


@case(UP, DOWN, ZERO)
def elif_chain(x):
    s = x.sum()
    if s > 0:
        y = x + 1
    elif s < 0:
        y = x - 1
    else:
        y = x * 0 + 7
    return y


@case(UP, DOWN, ZERO)
def elif_chain_returns(x):
    s = x.sum()
    if s > 0:
        return x + 1
    elif s < 0:
        return x - 1
    return x


@case(([1.0], [2.0]), ([1.0], [-2.0]), ([-1.0], [2.0]), ([-1.0], [-2.0]))
def nested(x, y):
    if x > 0:
        if y > 0:
            z = x + y
        else:
            z = x - y
    else:
        if y > 0:
            z = x * y
        else:
            z = x / y
    return z


@case(([1.0], [2.0]), ([1.0], [-2.0]), ([-1.0], [2.0]), ([-1.0], [-2.0]))
def nested_early_return(x, y):
    if x > 0:
        if y > 0:
            return x + y
        x = x * 3
    else:
        if y < 0:
            return y
    return x - y


@case()
def return_or_none(x):
    if x.sum() > 0:
        return x


@case()
def return_none_explicit(x):
    if x.sum() > 0:
        return None
    return x * 2


@case()
def different_lengths(x):
    if x.sum() > 0:
        return x, x + 1
    return (x,)


@case()
def tuple_or_tensor(x):
    if x.sum() > 0:
        return x, x
    return x


@case()
def different_numbers(x):
    if x.sum() > 0:
        return 1
    return 2


@case()
def int_or_float(x):
    if x.sum() > 0:
        n = 1
    else:
        n = 1.5
    return n, x * n


@case()
def number_used_in_arithmetic(x):
    n = 2
    if x.sum() > 0:
        n = 5
    return x * n + n


@case()
def number_changes_twice(x):
    n = 0
    if x.sum() > 0:
        n += 1
    if x.max() > 2:
        n += 10
    if x.min() < 0:
        n += 100
    return n, x + n


@case()
def string_results(x):
    mode = "a"
    if x.sum() > 0:
        mode = "b"
    return mode


@case()
def string_decides(x):
    mode = "add" if x.sum() > 0 else "mul"
    if mode == "add":
        return x + 10
    return x * 10


@case()
def bool_flag(x):
    flag = False
    if x.sum() > 0:
        flag = True
    if flag:
        x = x + 1
    if not flag:
        x = x - 1
    return x, flag


@case()
def none_then_tensor(x):
    y = None
    if x.sum() > 0:
        y = x * 2
    if y is None:
        return x
    return y + 1


@case()
def none_or_number(x):
    n = None
    if x.sum() > 0:
        n = 3
    return x if n is None else x * n


@case()
def is_not_none(x):
    y = None
    if x.sum() > 0:
        y = x
    if y is not None and y.max() > 1:
        return y * 100
    return x


@case()
def dict_results(x):
    if x.sum() > 0:
        return {"a": x, "b": x + 1}
    return {"a": x - 1, "b": x}


@case()
def dict_results_differ(x):
    if x.sum() > 0:
        return {"a": x}
    return {"b": x}


@case()
def namedtuple_results(x):
    if x.sum() > 0:
        p = Pair(x, x + 1)
    else:
        p = Pair(x * 2, x)
    return p, p.left + p.right


@case()
def dataclass_results(x):
    if x.sum() > 0:
        b = Box(x, 1)
    else:
        b = Box(x * 2, 2)
    return b.a + b.b


@case()
def list_results(x):
    if x.sum() > 0:
        out = [x, x]
    else:
        out = [x + 1, x - 1]
    out.append(x)
    return out


@case()
def unbound_but_guarded(x):
    if x.sum() > 0:
        y = x * 2
    if x.sum() > 0:
        return y
    return x


@case()
def unbound_read(x):
    if x.sum() > 0:
        y = x * 2
    return y


@case()
def unbound_read_after_del(x):
    y = x + 1
    if x.sum() > 0:
        del y
    return y


@case()
def rebinds_argument(x):
    if x.sum() > 0:
        x = paddle.concat([x, x])
    return x.sum(), x


@case()
def shapes_differ(x):
    if x.sum() > 0:
        y = paddle.zeros([2, 3])
    else:
        y = paddle.ones([4, 3])
    return y + x


@case()
def ranks_differ(x):
    if x.sum() > 0:
        y = x
    else:
        y = x.reshape([1, 3])
    return y * 2


@case()
def dtypes_differ(x):
    if x.sum() > 0:
        y = x
    else:
        y = x.astype("int64")
    return y + 1


@case()
def swaps(x):
    a, b = x, x * 2
    if x.sum() > 0:
        a, b = b, a
    return a - b


@case()
def functions_chosen(x):
    if x.sum() > 0:
        f = paddle.exp
    else:
        f = paddle.tanh
    return f(x)


@case()
def lambdas_chosen(x):
    if x.sum() > 0:
        f = lambda v: v + x
    else:
        f = lambda v: v * x
    return f(x + 1)


@case(UP, DOWN, [1.0, 1.0, 1.0])
def many_early_returns(x):
    if x[0] < 0:
        return x
    y = x + 1
    if y[1] > 2:
        return y
    z = y * 2
    if z.sum() > 100:
        return z
    return z - x


@case(([1.0], True), ([1.0], False), ([-1.0], True))
def python_condition_inside(x, flag):
    if x > 0:
        if flag:
            return x + 1
        y = x + 2
    else:
        y = x + 3
    return y


@case(([1.0], True), ([-1.0], True), ([1.0], False))
def tensor_condition_inside(x, flag):
    y = x
    if flag:
        if x > 0:
            y = x * 2
    return y


@case(1.0, -1.0)
def python_number_only(n):
    if n > 0:
        return n + 1
    return n - 1


@case()
def conditional_expression(x):
    return x + 1 if x.sum() > 0 else x - 1


@case(UP, DOWN, ZERO)
def nested_conditional_expression(x):
    return 1 if x.sum() > 0 else (2 if x.sum() < 0 else 3)


@case()
def conditional_expression_numbers(x):
    return x * (2 if x.sum() > 0 else 3)


@case()
def condition_of_one_element(x):
    if (x.sum() > 0).reshape([1, 1]):
        return x
    return -x


@case([2, 1], [0, 0])
def integer_condition(x):
    if x.sum():
        return x + 1
    return x


@case()
def condition_twice(x):
    c = x.sum() > 0
    if c:
        y = x + 1
    if c:
        return y
    return x


@case()
def same_object_stays(x):
    y = x
    if x.sum() > 0:
        z = y
    else:
        z = y
    return z is x, z

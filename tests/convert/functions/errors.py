"""Exceptions, asserts and prints: raised and printed when, and only when, eager does."""

from __future__ import annotations

import paddle

from .table import case


class Problem(Exception):
    pass


@case()
def raise_in_branch(x):
    if x.sum() > 0:
        raise ValueError("positive")
    return x


@case()
def raise_in_else(x):
    if x.sum() > 0:
        y = x + 1
    else:
        raise Problem("not positive", 3)
    return y


@case()
def raise_in_both(x):
    if x.sum() > 0:
        raise ValueError("positive")
    else:
        raise KeyError("negative")


@case()
def raise_after_return(x):
    if x.sum() > 0:
        return x
    raise RuntimeError("negative")


@case()
def raise_in_loop(x):
    n = 0
    while x.sum() < 100:
        x = x * 3 + 1
        n += 1
        if x.min() < -10:
            raise ValueError("fell")
    return x, n


@case()
def raise_in_nested_call(x):
    def check(v):
        if v.sum() > 0:
            raise ValueError("checked")
        return v * 2

    return check(x) + check(x - 100)


@case()
def assert_plain(x):
    assert x.sum() > 0
    return x


@case()
def assert_message(x):
    assert x.sum() > 0, "must be positive"
    return x + 1


@case()
def assert_in_branch(x):
    if x.max() > 2:
        assert x.min() > 5, "too small"
    return x


@case()
def try_without_raise(x):
    try:
        y = x * 2
        if x.sum() > 0:
            y = y + 1
    except ValueError:
        y = x
    return y


@case()
def try_python_raise(x):
    try:
        y = {}["missing"]
    except KeyError as e:
        y = x + 1
    finally:
        z = x * 3
    return y + z


@case()
def try_inside_branch(x):
    if x.sum() > 0:
        try:
            y = [x][3]
        except IndexError:
            y = x * 5
    else:
        y = x
    return y


@case()
def try_return(x):
    try:
        if x.sum() > 0:
            return x
    finally:
        x = x * 2
    return x


@case()
def with_no_grad(x):
    with paddle.no_grad():
        if x.sum() > 0:
            return x + 1
        y = x * 2
    return y


@case()
def print_in_branch(x):
    if x.sum() > 0:
        print("positive")
    else:
        print("negative", 3, sep="-")
    return x


@case()
def print_always(x):
    print("x")
    return x


@case()
def print_in_loop(x):
    while x.sum() < 10:
        x = x + 2
        print("again")
    return x


@case()
def print_tensor(x):
    print("sum is", x.sum() * 2)
    return x


@case()
def print_formatted(x):
    print(f"n={len(x)} name={'a'!r}")
    return x


@case()
def print_union(x):
    n = 1
    if x.sum() > 0:
        n = 2
    print("n is", n)
    return x


@case()
def index_error_in_branch(x):
    items = [x]
    if x.sum() > 0:
        return items[2]
    return items[0]


@case()
def key_error_in_branch(x):
    d = {"a": x}
    key = "a"
    if x.sum() > 0:
        key = "b"
    return d[key]


@case()
def type_error_of_none(x):
    y = None
    if x.sum() > 0:
        y = 2
    return y + 1


@case()
def attribute_error_of_none(x):
    y = None
    if x.sum() > 0:
        y = x
    return y.sum()


@case()
def shapes_that_do_not_fit_in_the_branch_not_taken(x):
    y = x
    if x.shape[0] == 3 and x.sum() > 100:
        y = x + paddle.ones([5])
    return y

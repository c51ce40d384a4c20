"""``and``, ``or``, ``not``, chained comparisons, ``in``, ``is``, builtins over tensors."""

from __future__ import annotations

import paddle

from .table import DOWN, UP, ZERO, Py, Scalar, case


@case(UP, DOWN, ZERO)
def and_condition(x):
    if x.sum() > 0 and x.max() > 2:
        return x + 1
    return x - 1


@case(UP, DOWN, ZERO)
def or_condition(x):
    if x.sum() > 0 or x.min() < -1:
        return x + 1
    return x - 1


@case(UP, DOWN, ZERO)
def not_condition(x):
    if not x.sum() > 0:
        return x + 1
    return x - 1


@case()
def and_value(x):
    return x.sum() > 0 and x * 2


@case()
def or_value(x):
    return (x.sum() > 0) or x


@case()
def or_default(x):
    n = None
    if x.sum() > 0:
        n = 4
    return x * (n or 7)


@case()
def short_circuit_protects(x):
    items = []
    if x.sum() > 0:
        items.append(x)
    if len(items) > 0 and items[0].max() > 2:
        return x + 1
    return x


@case()
def short_circuit_effects(x):
    log = []

    def noted(v, name):
        log.append(name)
        return v

    if noted(x.sum() > 0, "a") and noted(x.max() > 2, "b"):
        log.append("both")
    return log


@case(UP, DOWN, ZERO)
def chained_comparison(x):
    if 0 < x.sum() < 100:
        return x + 1
    return x


@case(UP, DOWN, ZERO)
def chained_comparison_value(x):
    return -1 <= x.sum() <= x.max()


@case()
def chained_effects(x):
    log = []

    def f(v, name):
        log.append(name)
        return v

    r = f(x.min(), "a") < f(x.sum(), "b") < f(x.max() * 10, "c")
    return log, r


@case()
def mixed_python_and_tensor(x):
    flag = True
    if flag and x.sum() > 0:
        return x + 1
    if not flag or x.sum() < 0:
        return x - 1
    return x


@case()
def is_comparisons(x):
    y = None
    if x.sum() > 0:
        y = x
    return y is None, y is x, y is not None


@case()
def in_list_of_numbers(x):
    n = 1
    if x.sum() > 0:
        n = 3
    return n in [3, 4], n not in (1, 2)


@case([3], [7])
def tensor_in_list(x):
    if x in [1, 2, 3]:
        return x + 1
    return x


@case()
def isinstance_of_union(x):
    y = x
    if x.sum() > 0:
        y = [x]
    if isinstance(y, list):
        return y[0] * 2
    return y


@case()
def isinstance_tensor(x):
    return isinstance(x, paddle.Tensor), isinstance(x.shape[0], int), type(x) is paddle.Tensor


@case()
def len_of_things(x):
    return len(x), len([x, x]), len({"a": 1})


@case(Scalar(5), Scalar(0))
def int_of_tensor(x):
    n = int(x)
    return paddle.ones([n + 1, 2])


@case(Scalar(2.7), Scalar(-2.7))
def int_of_float_tensor(x):
    return int(x) + 1


@case(Scalar(2.5), Scalar(-1.0))
def float_of_tensor(x):
    v = float(x)
    return v * 2, x * v


@case(Scalar(1.0), Scalar(0.0))
def bool_of_tensor(x):
    return bool(x)


@case(UP, DOWN)
def max_of_tensors(x):
    return max(x.sum(), x.max()), min(x[0], x[1], x[2])


@case(UP, DOWN)
def abs_sum_any_all(x):
    return abs(x), sum([x, x]), any([x[0] > 5, x[1] > 1]), all([x[0] > 0, x[1] > 0])


@case((UP, Py([1, 2])), (DOWN, Py([])))
def python_truth(x, items):
    if items:
        return x + len(items)
    return x


@case()
def not_of_union(x):
    n = 0
    if x.sum() > 0:
        n = 2
    if not n:
        return x
    return x * n


@case()
def union_number_comparison(x):
    n = 0
    if x.sum() > 0:
        n = 2
    if n > 1:
        return x
    return -x


@case()
def union_as_index(x):
    n = 0
    if x.sum() > 0:
        n = 2
    return x[n], [10, 20, 30][n]


@case()
def union_as_shape(x):
    n = 1
    if x.sum() > 0:
        n = 2
    return paddle.ones([n, 3]) * x


@case()
def union_in_range(x):
    n = 1
    if x.sum() > 0:
        n = 3
    for i in range(n):
        x = x * 2 + i
    return x


@case()
def union_passed_to_function(x):
    def scale(v, k=1):
        if k is None:
            return v
        return v * k

    k = None
    if x.sum() > 0:
        k = 3
    return scale(x, k=k)


@case()
def union_unpacked(x):
    pair = (x, x + 1)
    if x.sum() > 0:
        pair = [x * 2, 5]
    a, b = pair
    return a + b


@case()
def union_of_methods(x):
    f = x.sum
    if x.sum() > 0:
        f = x.max
    return f()


@case()
def union_in_arguments_of_paddle(x):
    axis = None
    if x.sum() > 0:
        axis = 0
    return paddle.sum(x, axis=axis)


@case()
def union_in_list_argument(x):
    y = x
    if x.sum() > 0:
        y = x.astype("float64").astype("float32") * 2
    return paddle.concat([x, y])


@case()
def conditional_chain(x):
    return x + 1 if x.sum() > 0 and x.max() < 100 else (x if x.sum() > -1 else -x)


@case()
def comparison_of_tensors_elementwise(x):
    return (x > 0) & (x < 2), ~(x > 0)

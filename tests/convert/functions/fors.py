"""``for``: ranges, tensors, Python's containers, enumerate, zip, with every way out."""

from __future__ import annotations

import paddle

from .table import DOWN, UP, Py, Scalar, case

ROWS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
ROWS2 = [[-1.0, 2.0], [30.0, 4.0], [5.0, -6.0]]


@case()
def python_range(x):
    for i in range(3):
        x = x * 2 + i
    return x


@case(([1.0], Scalar(3)), ([1.0], Scalar(0)))
def tensor_range(x, n):
    for i in range(n):
        x = x * 2 + i
    return x


@case(([1.0], Scalar(2), Scalar(7)), ([1.0], Scalar(7), Scalar(2)))
def tensor_range_start_stop(x, a, b):
    for i in range(a, b, 2):
        x = x * 2 + i
    return x


@case(([1.0], Scalar(5)), ([1.0], Scalar(0)))
def tensor_range_down(x, n):
    for i in range(n, 0, -1):
        x = x * 2 + i
    return x


@case(([1.0], Scalar(5)), ([9.0], Scalar(5)))
def tensor_range_break(x, n):
    for i in range(n):
        x = x + i
        if x > 8:
            break
    return x, i


@case(([1.0], Scalar(5)), ([9.0], Scalar(5)), ([9.0], Scalar(0)))
def tensor_range_break_else(x, n):
    for i in range(n):
        x = x + i
        if x > 8:
            break
    else:
        x = x * 100
    return x


@case(([1.0], Scalar(5)), ([9.0], Scalar(5)))
def tensor_range_continue(x, n):
    for i in range(n):
        if x > 8:
            continue
        x = x * 2
    return x


@case(([1.0], Scalar(5)), ([9.0], Scalar(5)))
def tensor_range_return(x, n):
    for i in range(n):
        x = x * 2
        if x > 8:
            return x, i
    return x, -1


@case(ROWS, ROWS2)
def rows(x):
    s = paddle.zeros([2])
    for row in x:
        s = s * 2 + row
    return s


@case(ROWS, ROWS2)
def rows_break(x):
    s = paddle.zeros([2])
    for row in x:
        if row.sum() > 8:
            break
        s = s + row
    return s


@case(ROWS, ROWS2)
def rows_continue(x):
    s = paddle.zeros([2])
    for row in x:
        if row.sum() > 8:
            continue
        s = s + row
    return s


@case(ROWS, ROWS2)
def rows_return(x):
    for row in x:
        if row.sum() > 8:
            return row
    return x[0] * 0


@case(ROWS, ROWS2)
def rows_else(x):
    for row in x:
        if row.sum() > 20:
            break
    else:
        return x * 0
    return row


@case(ROWS, ROWS2)
def rows_enumerate(x):
    s = paddle.zeros([2])
    for i, row in enumerate(x):
        s = s + i * row
        if row.sum() > 20:
            break
    return s, i


@case(ROWS, ROWS2)
def rows_enumerate_start(x):
    s = paddle.zeros([2])
    for i, row in enumerate(x, 5):
        s = s + i * row
    return s


@case((ROWS, ROWS2), (ROWS2, ROWS))
def rows_zip(x, y):
    s = paddle.zeros([2])
    for a, b in zip(x, y):
        if a.sum() > b.sum():
            s = s + a
        else:
            s = s - b
    return s


@case(ROWS, ROWS2)
def rows_reversed(x):
    s = paddle.zeros([2])
    for row in reversed(list(x)):
        s = s * 2 + row
    return s


@case()
def list_of_tensors(x):
    parts = [x, x + 1, x * 2]
    s = x * 0
    for i, p in enumerate(parts):
        if p.sum() > 5:
            s = s + p * i
    return s


@case()
def dict_items(x):
    d = {"a": x, "b": x * 2, "c": x - 5}
    s = x * 0
    found = None
    for k, v in d.items():
        if v.sum() > 3:
            s = s + v
            found = k
    return s, found


@case()
def list_with_break(x):
    for factor in [1, 2, 3, 4]:
        x = x * factor
        if x.sum() > 20:
            break
    return x, factor


@case()
def list_break_else(x):
    for factor in [1, 2, 3]:
        x = x * factor
        if x.sum() > 20:
            break
    else:
        x = x - 1
    return x


@case()
def list_return_inside(x):
    for name, factor in [("a", 1), ("b", 2), ("c", 3)]:
        x = x * factor
        if x.sum() > 10:
            return name, x
    return "none", x


@case()
def nested_for(x):
    s = x * 0
    for i in range(2):
        for j in range(3):
            if x.sum() * j > i:
                s = s + i + j
                continue
            s = s - 1
    return s


@case()
def nested_for_break(x):
    n = 0
    for i in range(3):
        for j in range(3):
            n += 1
            if x.sum() + i + j > 7:
                break
        else:
            n += 100
    return n


@case((UP, Scalar(2), Scalar(3)), (DOWN, Scalar(0), Scalar(3)))
def nested_tensor_ranges(x, n, m):
    for i in range(n):
        for j in range(m):
            x = x + i * j
    return x


@case()
def generator_in_sum(x):
    return sum(v * 2 for v in [x, x + 1])


@case()
def comprehension(x):
    return [v + i for i, v in enumerate([x, x * 2])]


@case()
def comprehension_with_condition(x):
    return [n for n in range(6) if n % 2 == 0], x


@case()
def comprehension_with_conditional(x):
    return [(v if v.sum() > 0 else -v) for v in [x, -x]]


@case()
def dict_comprehension(x):
    return {k: x * k for k in (1, 2)}


@case(ROWS)
def comprehension_over_rows(x):
    return [r * 2 for r in x]


@case(Py([1, 2, 3]), Py([]))
def python_only(items):
    out = []
    for i in items:
        if i == 2:
            continue
        out.append(i)
    else:
        out.append("end")
    return out


@case(ROWS)
def writes_rows(x):
    out = paddle.zeros([3, 2])
    for i in range(x.shape[0]):
        out[i] = x[i] * i
    return out


@case(ROWS)
def over_range_len(x):
    s = 0
    for i in range(len(x)):
        s = s + x[i].sum()
    return s


@case()
def unused_loop_variable_after(x):
    for i in range(3):
        x = x + 1
    return x + i


@case((UP, Scalar(3)), (DOWN, Scalar(0)))
def loop_variable_after_tensor_range(x, n):
    i = 7
    for i in range(n):
        x = x + 1
    return x, i


@case()
def for_over_string(x):
    s = x
    for c in "ab":
        s = s + ord(c)
    return s


@case((UP, Scalar(4)), (UP, Scalar(1)))
def list_grows_in_tensor_loop_by_concat(x, n):
    outs = x.reshape([1, 3])
    for i in range(n):
        outs = paddle.concat([outs, (x * i).reshape([1, 3])], axis=0)
    return outs


@case((UP, Scalar(4)), (UP, Scalar(0)))
def list_grows_over_tensor_range(x, n):
    outs = []
    for i in range(n):
        outs.append(x * i)
    return outs


@case((UP, Scalar(4)), (DOWN, Scalar(2)))
def comprehension_over_tensor_range(x, n):
    return [x * i for i in range(n)]

"""``while``: tensors and Python state carried, break, continue, else, return."""

from __future__ import annotations

import paddle

from .table import DOWN, UP, ZERO, case

SMALL = [1.0, 1.0, 1.0]
BIG = [50.0, 60.0, 70.0]


@case(SMALL, BIG)
def doubles(x):
    while x.sum() < 100:
        x = x * 2
    return x


@case(SMALL, BIG)
def counts_in_python(x):
    n = 0
    while x.sum() < 100:
        x = x * 2
        n += 1
    return x, n


@case(SMALL, BIG)
def counts_in_tensor(x):
    n = paddle.zeros([], "int64")
    while x.sum() < 100:
        x = x * 2
        n = n + 1
    return x, n


@case(SMALL, BIG)
def float_carried(x):
    rate = 1.0
    while x.sum() < 100:
        x = x * 2
        rate = rate * 0.5
    return x * rate, rate


@case(SMALL, BIG)
def counter_used(x):
    i = 0
    while x.sum() < 100:
        x = x + i
        i = i + 3
    return x


@case(SMALL, BIG)
def python_and_tensor_condition(x):
    i = 0
    while i < 4 and x.sum() < 100:
        x = x * 2
        i += 1
    return x, i


@case(SMALL, BIG)
def while_true_break(x):
    while True:
        x = x + 10
        if x.sum() > 100:
            break
    return x


@case(SMALL, BIG, ZERO)
def break_and_continue(x):
    i = 0
    while x.sum() < 200:
        i += 1
        x = x + 10
        if x.max() > 45:
            break
        if x.min() < 25:
            continue
        x = x * 2
    return x, i


@case(SMALL, BIG)
def while_else(x):
    while x.sum() < 100:
        x = x * 2
        if x.max() > 30:
            break
    else:
        x = x - 1000
    return x


@case(SMALL, BIG)
def while_else_no_break(x):
    while x.sum() < 100:
        x = x * 2
    else:
        x = x - 1000
    return x


@case(SMALL, BIG)
def return_in_loop(x):
    while x.sum() < 100:
        x = x * 2
        if x.max() > 30:
            return x, "inside"
    return x, "after"


@case(SMALL, BIG)
def return_none_in_loop(x):
    while x.sum() < 100:
        x = x * 2
        if x.max() > 30:
            return None
    return x


@case(SMALL, BIG, [0.5, 0.0, 0.0])
def nested_loops(x):
    total = paddle.zeros([])
    while x.sum() < 100:
        y = x
        while y.sum() < 50:
            y = y * 3
            total = total + 1
        total = total + y.sum()
        x = x * 2
    return x, total


@case(SMALL, BIG)
def nested_break(x):
    n = 0
    while x.sum() < 100:
        while True:
            x = x + 5
            n += 1
            if x.max() > 20:
                break
        x = x * 2
    return x, n


@case(SMALL, BIG)
def return_from_nested(x):
    while x.sum() < 1000:
        while x.max() < 60:
            x = x + 7
            if x.min() > 40:
                return x
        x = x * 2
    return -x


@case(SMALL, BIG)
def first_assigned_inside(x):
    while x.sum() < 100:
        y = x * 2
        x = x + y
    return x


@case(SMALL)
def first_assigned_inside_and_read_after(x):
    while x.sum() < 100:
        y = x * 2
        x = x + y
    return y


@case(SMALL, BIG)
def read_after_maybe_unbound(x):
    while x.sum() < 100:
        y = x * 2
        x = x + y
    return y


@case(SMALL, BIG)
def none_until_set(x):
    last = None
    while x.sum() < 100:
        last = x
        x = x * 2
    if last is None:
        return x
    return last


@case(SMALL, BIG)
def grows_by_concat(x):
    out = x.reshape([1, 3])
    while out.sum() < 200:
        out = paddle.concat([out, out[-1:] * 2])
    return out


@case(SMALL, BIG)
def two_growing(x):
    k = x.reshape([1, 3])
    v = x.reshape([1, 3])
    while k.sum() < 300:
        k = paddle.concat([k, k[-1:] + 1])
        v = paddle.concat([v, v[-1:] * 2])
        x = x + (k * v).sum(0)
    return x, k.shape[0]


@case(SMALL, BIG)
def tuple_carried(x):
    state = (x, x * 2)
    while state[0].sum() < 100:
        state = (state[0] + state[1], state[1])
    return state


@case(SMALL, BIG)
def list_items_carried(x):
    state = [x, x * 2]
    while state[0].sum() < 100:
        state[0] = state[0] + state[1]
    return state


@case(SMALL, BIG)
def dict_items_carried(x):
    state = {"h": x, "n": 0}
    while state["h"].sum() < 100:
        state["h"] = state["h"] * 2
        state["n"] += 1
    return state


@case(SMALL, BIG)
def branch_inside_loop(x):
    n = 0
    while x.sum() < 100:
        if x.max() > 10:
            x = x + 20
            n += 1
        else:
            x = x * 2
    return x, n


@case(SMALL, BIG)
def walrus_condition(x):
    while (s := x.sum()) < 100:
        x = x * 2 + s
    return x, s


@case(SMALL, BIG)
def flag_loop(x):
    done = False
    while not done:
        x = x + 10
        if x.sum() > 100:
            done = True
    return x


@case(SMALL, BIG)
def or_condition(x):
    n = paddle.zeros([1])
    while x.sum() < 100 or n < 3:
        x = x * 2
        n += 1
    return x, n


@case(([1.0], [3]), ([1.0], [0]))
def bound_is_tensor(x, n):
    i = 0
    while i < n:
        x = x * 2
        i += 1
    return x, i


@case(SMALL, BIG)
def in_place_in_loop(x):
    out = paddle.zeros([3])
    while out.sum() < 100:
        out[1] = out[1] + x.sum()
    return out


@case(SMALL, BIG)
def add_in_place_method(x):
    y = x.clone()
    while y.sum() < 100:
        y.add_(x)
    return y


@case(([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 4.5), ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.5))
def index_by_counter(x, limit):
    i = 0
    while x[i] < limit:
        i += 1
    return i, x[i]


@case(SMALL, BIG)
def functional_helper(x):
    def step(v, n):
        return v * 2, n + 1

    n = 0
    while x.sum() < 100:
        x, n = step(x, n)
    return x, n


@case([30.0], [7.0], [1.0])
def collatz(x):
    steps = 0
    while x > 1:
        if x % 2 == 0:
            x = x / 2
        else:
            x = 3 * x + 1
        steps += 1
        if steps > 40:
            break
    return x, steps


@case(SMALL, BIG)
def loop_in_both_branches(x):
    if x.sum() > 50:
        while x.sum() > 10:
            x = x / 2
    else:
        while x.sum() < 10:
            x = x + 1
    return x


@case(UP, DOWN)
def python_loop_with_tensor_break(x):
    i = 0
    while i < 5:
        x = x + 1
        i += 1
        if x.sum() > 10:
            break
    return x, i


@case(SMALL, BIG)
def list_grows(x):
    outs = []
    while x.sum() < 100:
        x = x * 2
        outs.append(x + 1)
    return outs


@case(SMALL, [20.0, 20.0, 20.0])
def list_grows_and_is_stacked(x):
    outs = [x]
    while x.sum() < 100:
        x = x * 2
        outs.append(x)
    return paddle.stack(outs), paddle.stack(outs, axis=1), paddle.concat(outs), len(outs)


@case(SMALL, [20.0, 20.0, 20.0])
def list_grows_concat_axes(x):
    x = x.reshape([1, 3])
    outs = [x]
    while x.sum() < 100:
        x = x * 2
        outs.append(x)
    return paddle.concat(outs, axis=0), paddle.concat(outs, axis=1), paddle.concat(outs, -1)


@case(SMALL, [20.0, 20.0, 20.0])
def list_grows_and_is_read(x):
    outs = [x]
    while x.sum() < 100:
        x = outs[-1] * 2 + outs[0]
        outs.append(x)
    total = x * 0
    for o in outs:
        total = total + o
    return total, outs[0], outs[-1], outs[1]


@case(SMALL, BIG)
def list_of_pairs_grows(x):
    outs = []
    n = 0
    while x.sum() < 100:
        x = x * 2
        n += 1
        outs.append((x.sum(), n))
    return outs


@case(SMALL, BIG)
def list_grows_in_branch(x):
    outs = []
    while x.sum() < 200:
        x = x * 2
        if x.sum() > 50:
            outs.append(x)
    return outs, len(outs)


@case(SMALL, BIG)
def list_attribute_grows(x):
    state = {"outs": []}
    while x.sum() < 100:
        x = x + 10
        state["outs"].append(x)
    return state


@case(SMALL, BIG)
def loop_reads_outer_variables(x):
    k = x * 2
    m = 3

    def grow(v):
        n = 0
        while v.sum() < 100:
            v = v + k * m
            n += 1
        return v, n

    def grow_by(v, w=1):
        return [grow(v + i) for i in range(2)]

    return grow(x), grow_by(x)


@case(SMALL, BIG)
def list_rebuilt_each_round(x):
    while x.sum() < 100:
        parts = []
        for i in range(3):
            parts.append(x * i)
        x = x + paddle.stack(parts).sum(0)
    return x


@case(SMALL, BIG)
def greedy_decoder(x):
    tokens = []
    h = x
    step = 0
    while step < 20:
        h = paddle.tanh(h) * 3 + step
        token = h.argmax()
        tokens.append(token)
        step += 1
        if token == 2 and h.sum() > 12:
            break
    return paddle.stack(tokens), step


@case([8, 4], [0, 1])
def int_becomes_float(n):
    while n.sum() > 1:
        n = n / 2
    return n


@case(SMALL, BIG)
def number_becomes_tensor(x):
    total = 0
    while x.sum() < 100:
        total = total + x.sum()
        x = x * 2
    return total


@case(SMALL, BIG)
def rank_changes(x):
    y = x
    while x.sum() < 100:
        y = x.reshape([1, 3])
        x = x * 2
    return y * 2

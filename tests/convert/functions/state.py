"""What branches and loops change besides local variables: attributes, containers, globals, tensors."""

from __future__ import annotations

import paddle

from .table import DOWN, UP, Py, case


class Thing:
    def __init__(self):
        self.count = 0
        self.value = None
        self.items = []
        self.table = {"k": 1}

    def bump(self):
        self.count += 1

    def reset(self, value):
        self.value = value
        return self


@case(setup=Thing)
def attribute_in_branch(self, x):
    if x.sum() > 0:
        self.value = x * 2
    return x


@case(setup=Thing)
def attribute_in_both(self, x):
    if x.sum() > 0:
        self.value = x * 2
    else:
        self.value = x - 1
    return self.value + 1


@case(setup=Thing)
def attribute_number(self, x):
    if x.sum() > 0:
        self.count = 5
    return x + self.count


@case(setup=Thing)
def attribute_augmented(self, x):
    if x.sum() > 0:
        self.count += 2
    self.count += 1
    return x


@case(setup=Thing)
def method_changes_attribute(self, x):
    if x.sum() > 0:
        self.bump()
    self.bump()
    return x, self.count


@case(setup=Thing)
def method_returns_self(self, x):
    if x.sum() > 0:
        self.reset(x).bump()
    return x


@case(setup=Thing)
def new_attribute(self, x):
    if x.sum() > 0:
        self.fresh = x
    else:
        self.fresh = None
    return x


@case(setup=Thing)
def deleted_attribute(self, x):
    if x.sum() > 0:
        del self.value
        self.value = 4
    return x


@case(setup=Thing)
def attribute_in_loop(self, x):
    while x.sum() < 10:
        x = x + 1
        self.count += 1
    return x


@case(setup=Thing)
def attribute_tensor_in_loop(self, x):
    self.value = x
    while self.value.sum() < 10:
        self.value = self.value + 1
    return self.value


@case(setup=Thing)
def list_attribute_append(self, x):
    self.items.append(x)
    return x


@case(setup=Thing)
def list_attribute_append_in_branch(self, x):
    if x.sum() > 0:
        self.items.append(x)
    return x


@case(setup=Thing)
def dict_attribute_store(self, x):
    if x.sum() > 0:
        self.table["k"] = x
    return x


@case(setup=Thing)
def getattr_setattr(self, x):
    if x.sum() > 0:
        setattr(self, "count", getattr(self, "count") + 3)
    return x, hasattr(self, "missing"), getattr(self, "missing", 7)


@case()
def list_append_in_branch(x):
    out = [x]
    if x.sum() > 0:
        out.append(x + 1)
    return out


@case()
def list_append_in_both(x):
    out = []
    if x.sum() > 0:
        out.append(x + 1)
    else:
        out.append(x - 1)
    out.append(x)
    return paddle.stack(out)


@case()
def list_length_differs_then_used(x):
    out = [x]
    if x.sum() > 0:
        out.append(x + 1)
    return len(out), paddle.stack(out).sum()


@case()
def list_length_differs_then_iterated(x):
    out = [x]
    if x.sum() > 0:
        out.append(x + 1)
    s = x * 0
    for v in out:
        s = s + v
    return s


@case()
def list_pop(x):
    out = [x, x + 1, x + 2]
    if x.sum() > 0:
        last = out.pop()
    else:
        last = out.pop(0)
    return last, out


@case()
def list_item_store(x):
    out = [x, x]
    if x.sum() > 0:
        out[0] = x * 2
    out[1] = out[0] + 1
    return out


@case()
def list_extend_and_insert(x):
    out = [x]
    if x.sum() > 0:
        out.extend([x + 1, x + 2])
        out.insert(0, x - 1)
    return out


@case()
def list_in_place_add(x):
    out = [x]
    alias = out
    if x.sum() > 0:
        out += [x + 1]
    return alias


@case()
def list_del_item(x):
    out = [x, x + 1]
    if x.sum() > 0:
        del out[0]
    return out


@case()
def list_clear(x):
    out = [x, x + 1]
    if x.sum() > 0:
        out.clear()
    return out


@case()
def list_sorted_numbers(x):
    out = [3, 1, 2]
    if x.sum() > 0:
        out.sort()
    return out


@case()
def dict_store(x):
    d = {"a": x}
    if x.sum() > 0:
        d["a"] = x * 2
    return d


@case()
def dict_new_key(x):
    d = {"a": x}
    if x.sum() > 0:
        d["b"] = x * 2
    return d


@case()
def dict_new_key_then_in(x):
    d = {"a": x}
    if x.sum() > 0:
        d["b"] = x * 2
    if "b" in d:
        return d["b"]
    return d["a"]


@case()
def dict_new_key_then_get(x):
    d = {}
    if x.sum() > 0:
        d["b"] = x * 2
    return d.get("b", x)


@case()
def dict_pop(x):
    d = {"a": x, "b": x + 1}
    if x.sum() > 0:
        v = d.pop("a")
    else:
        v = d.pop("missing", x - 1)
    return v, d


@case()
def dict_update(x):
    d = {"a": x}
    if x.sum() > 0:
        d.update(a=x + 1, b=x)
    return d


@case()
def dict_missing_key(x):
    d = {}
    if x.sum() > 0:
        d["b"] = x * 2
    return d["b"]


@case()
def set_add(x):
    seen = {1}
    if x.sum() > 0:
        seen.add(2)
    return 2 in seen, x


@case()
def aliased_lists(x):
    a = [x]
    b = a
    if x.sum() > 0:
        b.append(x + 1)
    return a is b, a


@case((UP, Py([])), (DOWN, Py([])))
def argument_list_changed(x, items):
    if x.sum() > 0:
        items.append(x)
    items.append("end")
    return len(items)


@case((UP, Py({"a": 1})), (DOWN, Py({"a": 1})))
def argument_dict_changed(x, table):
    if x.sum() > 0:
        table["a"] = x
    return x


@case()
def in_place_in_branch(x):
    y = x.clone()
    if x.sum() > 0:
        y.add_(x)
    return y


@case()
def set_item_in_branch(x):
    y = x * 1
    if x.sum() > 0:
        y[0] = 100.0
    return y


@case()
def set_item_in_both(x):
    y = paddle.zeros([3])
    if x.sum() > 0:
        y[0] = x[1]
    else:
        y[1:] = x[:2]
    return y


@case()
def alias_changed_in_branch(x):
    y = x * 1
    z = y
    if x.sum() > 0:
        z.add_(x)
    return y


@case()
def view_changed_in_branch(x):
    y = x * 1
    if x.sum() > 0:
        v = y[1:]
        v.add_(v)
    return y


@case()
def argument_in_place_in_branch(x):
    if x.sum() > 0:
        x[0] = 100.0
    return x * 1


COUNTER = 0
TABLE = {}
LIST = []


@case()
def global_in_branch(x):
    global COUNTER
    COUNTER = 0
    if x.sum() > 0:
        COUNTER = 5
    return x + COUNTER


@case()
def global_dict(x):
    TABLE.clear()
    if x.sum() > 0:
        TABLE["x"] = 1
    return x, len(TABLE)


@case()
def global_list(x):
    LIST.clear()
    LIST.append(x)
    return len(LIST)


@case()
def nonlocal_in_branch(x):
    n = 0

    def add(k):
        nonlocal n
        n = n + k

    if x.sum() > 0:
        add(5)
    add(1)
    return n, x


@case()
def nonlocal_tensor_in_branch(x):
    acc = x * 0

    def add(k):
        nonlocal acc
        acc = acc + k

    if x.sum() > 0:
        add(x)
    else:
        add(x * 2)
        add(x)
    return acc


@case()
def nonlocal_in_loop(x):
    n = 0

    def tick():
        nonlocal n
        n += 1

    while x.sum() < 10:
        x = x + 1
        tick()
    return n, x


@case()
def closure_returned(x):
    k = 1
    if x.sum() > 0:
        k = 10

    def f(v):
        return v * k

    k = k + 1
    return f(x)


@case()
def callback_in_branch(x):
    log = []

    def note(v):
        log.append(v)

    if x.sum() > 0:
        note("yes")
    else:
        note("no")
    return log


class Node:
    def __init__(self, value, rest=None):
        self.value = value
        self.rest = rest


@case()
def objects_made_in_branch(x):
    if x.sum() > 0:
        n = Node(x, Node(x + 1))
    else:
        n = Node(x * 2, Node(x))
    return n.value + n.rest.value


@case()
def object_of_different_shape(x):
    if x.sum() > 0:
        n = Node(x, Node(x + 1))
    else:
        n = Node(x * 2)
    if n.rest is None:
        return n.value
    return n.rest.value


@case()
def object_changed_through_alias(x):
    n = Node(x)
    m = n
    if x.sum() > 0:
        m.value = x * 2
    return n.value


@case()
def linked_list_in_loop(x):
    n = Node(x)
    while n.value.sum() < 10:
        n = Node(n.value + 1)
    return n.value


class Accumulator(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.total = None
        self.steps = 0
        self.register_buffer("seen", paddle.zeros([3]))


@case(setup=Accumulator)
def layer_attribute(self, x):
    if x.sum() > 0:
        self.steps = self.steps + 1
    return x


@case(setup=Accumulator)
def buffer_in_place(self, x):
    if x.sum() > 0:
        self.seen.add_(x)
    return x * 2


@case(setup=Accumulator)
def buffer_rebound(self, x):
    self.seen = self.seen + x
    return x * 2


@case(setup=Accumulator)
def buffer_rebound_in_branch(self, x):
    if x.sum() > 0:
        self.seen = self.seen + x
    return self.seen * 2


@case(([1.0, 2.0, 3.0],), ([-1.0, 0.5, 2.0],), ([9.0, 9.0, 9.0],))
def list_made_after_an_early_return(x):
    if x.sum() > 20:
        return x
    xs = [x, 1]
    if x[0] > 0:
        xs.append(x * 2)
    return xs


@case(([1.0, 2.0, 3.0],), ([-1.0, 0.5, 2.0],), ([9.0, 9.0, 9.0],))
def containers_made_in_a_branch(x):
    if x.sum() > 20:
        d, s = {"b": x}, {1}
    else:
        d, s = {"a": x}, {2}
        if x[0] > 0:
            d["b"] = x + 1
            s.add(3)
    return d, s


@case(([1.0, 2.0, 3.0],), ([-1.0, 0.5, 2.0],))
def views_of_a_dict_that_a_branch_changed(x):
    d = {"a": x, "b": x + 1}
    if x.sum() > 3:
        del d["a"]
    else:
        d["c"] = x * 2
    return list(d.values()), sorted(d.keys()), [k for k, _ in d.items()]


@case()
def stale_view_read_in_both_branches(x):
    y = x * 1
    v = y[1:]
    y[1] = 5.0
    if x.sum() > 0:
        a = v + 1
    else:
        a = v - 1
    return a, v


@case()
def condition_negated_in_one_branch(x):
    m = 0
    if x.sum() > 0:
        m = 2
    a = b = 1
    if x.max() > 2:
        if m != 2:
            a = 5
    elif m != 2:
        b = 7
    if m != 2:
        a = a + 1
    return a, b, m


@case([[1.0, 2.0], [-3.0, 1.0], [2.0, 2.0]], [[-1.0, -2.0], [-3.0, 1.0], [-2.0, 1.0]])
def rows_kept_by_condition(x):
    keep = []
    for row in x:
        if row.sum() < 0:
            continue
        keep.append(row)
    if not keep:
        return x[:1] * 0
    return paddle.stack(keep), len(keep)

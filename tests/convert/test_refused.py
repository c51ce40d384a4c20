"""What is not supported is refused by name, with the user's line and a remedy; nothing changes."""

from __future__ import annotations

import heapq

import paddle
import pytest

from dy2st import to_static
from dy2st.errors import Dy2stError


def formatted_number(x):
    return f"{x.sum():.2f}".rjust(9)


def python_value(x):
    return x.numpy().tolist()


def raise_inside_try(x):
    try:
        if x.sum() > 0:
            raise ValueError("caught in eager")
    except ValueError:
        return x * 2
    return x


def ragged_list(x):
    outs = []
    while x.sum() < 100:
        outs.append(x)
        x = paddle.concat([x, x])
    return outs


def list_in_other_function(x):
    outs = []
    while x.sum() < 100:
        outs.append(x)
        x = x * 2
    return sorted(outs)


def star_of_grown_list(x):
    outs = [x]
    while x.sum() < 100:
        x = x * 2
        outs = [*outs, x]
    return outs


def keys_that_appear_in_a_loop(x):
    table = {}
    n = 0
    while x.sum() < 100:
        table[n] = x
        x = x * 2
        n += 1
    return table


def object_made_in_every_round(x):
    handle = iter([])
    while x.sum() < 100:
        handle = iter([])
        x = x * 2
    return x, handle


def argument_that_may_be_changed(x):
    y = x
    if x.sum() > 0:
        y = x * 2
    y[0] = 5.0
    return y


def view_kept_over_a_branch(x):
    y = x * 1
    v = y[1:]
    if x.sum() > 0:
        y[1] = 7.0
    else:
        v = x
    return v


def view_of_one_of_two_places(x):
    y = x * 1
    v = y[0:1] if x.sum() > 0 else y[1:2]
    y[0:2] = 5.0
    return v


def array_changed_by_c_code(x, memory=bytearray()):
    if x.sum() > 0:
        memory.append(1)
    return x


def condition_of_many_elements(x):
    if x > 0:
        return x
    return -x


def generator_with_condition(x):
    def gen():
        for v in [x, x + 1]:
            if v.sum() > 0:
                yield v

    return [v for v in gen()]


def float_used_as_number(x):
    import math

    return math.gamma(float(x.sum()))


def union_as_dictionary_key(x):
    key = "a"
    if x.sum() > 0:
        key = "b"
    return {key: x}


CASES = {
    formatted_number: "a text with the value of a tensor",
    python_value: "numpy",
    raise_inside_try: "inside of a try",
    ragged_list: "added to a list",
    list_in_other_function: "length known only at run time",
    star_of_grown_list: "length is known only",
    keys_that_appear_in_a_loop: "key",
    object_made_in_every_round: "handle",
    argument_that_may_be_changed: "'y' is changed in place",
    view_kept_over_a_branch: "view",
    view_of_one_of_two_places: "changed in place",
    array_changed_by_c_code: "bytearray",
    generator_with_condition: "generator",
    float_used_as_number: "float",
    union_as_dictionary_key: "'key' is",
}


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_refused(function):
    with paddle.no_grad(), pytest.raises(Dy2stError, match=CASES[function]) as caught:
        to_static(function)(paddle.to_tensor([1.0, 2.0, 3.0]))
    error = caught.value
    assert error.location is not None, "the error names no place"
    assert error.location.file == __file__
    code = function.__code__
    assert error.location.line >= code.co_firstlineno
    assert error.remedy


def test_what_python_refuses_keeps_pythons_error():
    with paddle.no_grad(), pytest.raises(ValueError, match="more than one element"):
        to_static(condition_of_many_elements)(paddle.to_tensor([1.0, 2.0]))


def test_after_a_refusal_all_is_as_before():
    class Thing:
        items = None

    thing = Thing()
    thing.items = [1]
    thing.count = 0

    def f(x):
        thing.items.append(2)
        thing.count = 5
        if x.sum() > 0:
            thing.items.append(3)
            x.numpy()
        return x

    for _ in range(2):
        with paddle.no_grad(), pytest.raises(Dy2stError):
            to_static(f)(paddle.to_tensor([1.0]))
        assert thing.items == [1]
        assert thing.count == 0
    # and Paddle is eager again
    assert float(paddle.to_tensor(2.0) * 3) == 6.0
    with paddle.no_grad():
        assert float(to_static(lambda x: x + 1)(paddle.to_tensor(1.0))) == 2.0


def test_changes_by_code_that_is_not_converted_are_seen():
    def f(x, heap):
        if x.sum() > 0:
            heapq.heappush(heap, 0)
        return x

    for data, expected in (([1.0], [0, 1]), ([-1.0], [1])):
        heap = [1]
        with paddle.no_grad():
            to_static(f)(paddle.to_tensor(data), heap)
        assert heap == expected


def test_identity_of_a_merged_tensor_is_refused():
    """In eager ``a is x`` depends on the branch taken; here the merged tensor is a new object."""
    import paddle

    from dy2st import to_static
    from dy2st.errors import ConcreteValueError

    def f(x):
        a = x
        if x.sum() > 0:
            a = x + 0
        return x * 2 if a is x else x * 3

    with pytest.raises(ConcreteValueError, match="`is` of a tensor"):
        to_static(f)(paddle.ones([2]))

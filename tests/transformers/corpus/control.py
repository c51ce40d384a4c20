"""Branches, loops and jumps."""

from corpus_case import case


@case((1,), (0,), (-1,))
def early_return(x):
    if x > 0:
        return "positive"
    if x < 0:
        return "negative"
    return "zero"


@case((1,), (0,))
def falls_off_the_end(x):
    if x:
        return 1


@case((3,), (-3,))
def elif_chain(x):
    if x > 5:
        y = "a"
    elif x > 2:
        y = "b"
    elif x > 0:
        y = "c"
    else:
        y = "d"
    return y


@case((True, True), (True, False), (False, True))
def nested_if(a, b):
    r = []
    if a:
        r.append(1)
        if b:
            r.append(2)
            return r
        r.append(3)
    r.append(4)
    return r


@case((0,), (1,), (5,))
def while_with_else(n):
    r = []
    while n:
        n -= 1
        if n == 2:
            continue
        r.append(n)
    else:
        r.append("else")
    return r


@case((0,), (10,))
def while_break_else(n):
    while n > 0:
        n -= 3
        if n == 4:
            break
    else:
        return "exhausted"
    return n


@case(([],), ([1, 2, 3],), ([1, 0, 3],))
def for_else(xs):
    for x in xs:
        if x == 0:
            found = x
            break
    else:
        found = "none"
    return found, xs


@case()
def nested_breaks():
    out = []
    for i in range(5):
        for j in range(5):
            if j == 3:
                break
            if i == j:
                continue
            for k in range(3):
                if k == 2:
                    break
                out.append((i, j, k))
            else:
                out.append("never")
        else:
            out.append("never")
        if i == 3:
            break
    else:
        out.append("never")
    return out


@case()
def return_from_three_loops():
    for i in range(9):
        for j in range(9):
            k = 0
            while True:
                k += 1
                if i * j * k > 20:
                    return i, j, k
                if k > 3:
                    break


@case()
def break_in_else_goes_to_the_outer_loop():
    r = []
    for i in range(4):
        for j in range(2):
            r.append((i, j))
        else:
            if i == 2:
                break
            continue
        r.append("never")
    return r, i, j


@case()
def continue_in_while_else():
    n, r = 0, []
    while n < 5:
        n += 1
        while False:
            pass
        else:
            if n % 2:
                continue
        r.append(n)
    return r


@case()
def loop_variable_survives():
    for i in range(3):
        pass
    return i


@case()
def loop_variable_unbound():
    for i in []:
        pass
    return i


@case()
def loop_target_is_attribute_and_item():
    class Box:
        pass

    box, items = Box(), {}
    for box.x in range(3):
        items[box.x] = box.x
    for items["k"] in "ab":
        pass
    for items[0], (box.y, *box.z) in [(1, (2, 3, 4))]:
        pass
    return box.x, items, box.y, box.z


@case()
def modified_while_iterating():
    xs = [1, 2, 3]
    r = []
    for x in xs:
        r.append(x)
        if x < 3:
            xs.append(x + 10)
        if len(r) > 8:
            break
    return r, xs


@case()
def set_changes_while_iterating():
    s = {1, 2}
    for x in s:
        s.add(x + 10)


@case()
def range_is_evaluated_once():
    n, r = 3, []
    for i in range(n):
        n = 10
        i += 5
        r.append(i)
    return r, n


@case()
def iterates_an_iterator_in_parts():
    it = iter(range(10))
    r = []
    for x in it:
        r.append(x)
        if x == 3:
            break
    for x in it:
        r.append(-x)
    return r


@case()
def not_iterable():
    for x in 3:
        pass


@case()
def while_true_with_counter():
    n = 0
    while True:
        n += 1
        if n % 2:
            continue
        if n > 10:
            return n
    return "never"


@case((True,), (False,))
def code_after_return_is_dead(x):
    if x:
        return "a"
        y = 1
    return "b"
    z = 2


@case()
def dead_store_makes_a_local():
    return dead  # noqa: F821
    dead = 1


@case((1,), (2,), (3,))
def return_in_both(x):
    if x == 1:
        return "one"
    else:
        if x == 2:
            return "two"
        else:
            return "other"


@case((0,), (1,), (2,), (3,), (4,))
def fall_through_many(x):
    r = []
    if x == 0:
        return r
    r.append(1)
    if x == 1:
        return r
    r.append(2)
    if x == 2:
        r.append("x")
    elif x == 3:
        return r
    r.append(3)
    while x < 6:
        x += 1
        if x == 5:
            return r, x
    return r, "end"


@case((5,), (0,))
def conditional_expressions(x):
    log = []
    r = (log.append("a") or 1) if x > 3 else (log.append("b") or 2)
    s = 1 if x else 2 if x is None else 3
    return r, s, log


@case((0, 0), (0, 1), (1, 0), (1, 1))
def short_circuit(a, b):
    log = []

    def note(x):
        log.append(x)
        return x

    r = [
        note(a) and note(b),
        note(a) or note(b),
        not note(a),
        note(a) and note(b) or note(7),
        note([]) or note({}) or note(()),
        (note(a) or note(b)) and note("x"),
    ]
    return r, log


@case((1, 2, 3), (3, 2, 1), (1, 1, 1))
def chained_comparison(a, b, c):
    log = []

    def note(x):
        log.append(x)
        return x

    r = [
        note(a) < note(b) < note(c),
        note(a) <= note(b) == note(c) != note(9),
        note(a) in [note(b), 1] != None,
        not note(a) > note(b),
    ]
    return r, log


@case()
def comparison_with_odd_results():
    class Odd:
        def __lt__(self, other):
            return [other]

        def __eq__(self, other):
            return ""

        __hash__ = None

    o = Odd()
    return o < 3, o == 3, o != 3, (o < 1 < 2), o in [1, 2]


@case()
def truth_value_raises():
    class Bad:
        def __bool__(self):
            raise RuntimeError("no truth")

    if Bad():
        return 1


@case()
def while_test_with_effects():
    xs = [3, 2, 1, 0, 5]
    r = []
    while xs.pop(0):
        r.append(len(xs))
    return r, xs


@case((2,), ("s",), ([1, 2],), ({"a": 1, "b": 2},), ((1, 2, 3),), (None,), (5.0,))
def matches(x):
    match x:
        case 2 | 3:
            r = "small"
        case str() as s if s:
            r = s
        case [a, b]:
            r = a + b
        case {"a": v, **rest}:
            r = v, rest
        case [first, *others]:
            r = first, others
        case None:
            return "nothing"
        case _:
            r = "other"
    return r


@case(([1, 2, 3, 4],))
def match_in_a_loop_with_jumps(xs):
    r = []
    for x in xs:
        match x:
            case 1:
                continue
            case 3:
                break
            case y if y > 1:
                r.append(y)
        r.append("after")
    else:
        r.append("never")
    return r


@case((1,), (-1,))
def asserts(x):
    log = []
    assert x, log.append("never")
    assert x > 0, f"bad {x}"
    assert [x, log]
    return log


@case()
def assert_message_is_lazy():
    assert True, 1 / 0
    assert not "", undefined_name  # noqa: F821


@case()
def assert_without_message():
    assert []


@case((0,), (7,))
def pass_only(x):
    if x:
        pass
    else:
        pass
    for _ in range(x):
        pass
    while False:
        pass


@case((10,), (11,), (27,))
def collatz(n):
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n //= 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


@case((30,))
def sieve(n):
    composite = set()
    primes = []
    for i in range(2, n):
        if i in composite:
            continue
        primes.append(i)
        for j in range(i * i, n, i):
            composite.add(j)
    return primes


@case(([5, 2, 9, 1],), ([],))
def bubble_sort(xs):
    xs = list(xs)
    n = len(xs)
    while True:
        swapped = False
        for i in range(n - 1):
            if xs[i] > xs[i + 1]:
                xs[i], xs[i + 1] = xs[i + 1], xs[i]
                swapped = True
        if not swapped:
            break
    return xs


@case()
def enumerate_zip_items():
    r = []
    for i, (a, b) in enumerate(zip("abc", [1, 2, 3])):
        r.append((i, a, b))
    for k, v in {"x": 1, "y": 2}.items():
        r.append((k, v))
    for i, x in enumerate(reversed([1, 2])):
        r.append(i * x)
    return r


@case((8,))
def recursion(n):
    if n < 2:
        return n
    return recursion(n - 1) + recursion(n - 2)


@case((6,), (7,))
def mutual_recursion(n):
    def even(n):
        if n == 0:
            return True
        return odd(n - 1)

    def odd(n):
        if n == 0:
            return False
        return even(n - 1)

    return even(n), odd(n)


class Color:
    RED = 1
    NOTHING = None


@case((1,), (2,), (3,), (5,), (None,), (True,), ("s",), (-4,), (2.5,))
def match_values_only(x):
    r = []
    match x:
        case Color.RED if isinstance(x, bool):
            return "true"
        case Color.RED | 2:
            r.append("one or two")
        case 3 as three:
            return three * 2
        case None:
            r.append("none")
        case "s" | -4:
            r.append(x)
            return r
        case other:
            r.append(other)
    return r, x


@case((1,), (2,))
def match_evaluates_its_subject_once(x):
    log = []

    def note(v):
        log.append(v)
        return v

    for i in range(3):
        match note(x + i):
            case 2:
                continue
            case 3 if note("guard"):
                break
            case 4 | 5:
                pass
            case _ if note(i) > 5:
                log.append("never")
    return log


@case((7,))
def match_without_a_match(x):
    match x:
        case 1:
            y = 2
        case "a":
            y = 3
    return y

"""Random programs over tensors and Python values, from a seed.

Five integer variables, of which some are tensors, a list, a dict, an object, two inner functions;
branches, loops, jumps and returns whose conditions may be tensors or Python values.
"""

from __future__ import annotations

import random

HEAD = """\
def f(a, b, vec, zero, four):
    c = a + b
    d = 3
    p = 1
    xs = [a, b]
    box = {'k': a}
    ob = Ob()
    ob.v = b
    def bump():
        nonlocal p, d
        p += 1
        if d > 2: d = d - 1
    def g(w):
        if w > 2: return w - c
        return w + 1
"""


def program(seed: int) -> str:
    """The source of ``f(a, b, vec, zero, four)``; all five are int64 tensors."""
    return HEAD + Writer(random.Random(seed)).text()


class Writer:
    """Draws statements until the program is long enough."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.lines: list[str] = []
        self.size = rng.randint(6, 24)
        self.loops = 0

    def text(self) -> str:
        while self.size > 0:
            self.statement(1, 3, False)
        self.add(1, "return a, b, c, d, p, xs, box, ob.v")
        return "\n".join(self.lines) + "\n"

    def pick(self, *choices):
        return self.rng.choice(choices)

    def add(self, indent, line):
        self.lines.append("    " * indent + line)

    def expression(self, depth=2):
        if depth == 0:
            return self.pick("a", "b", "c", "d", "p", "1", "2", "3")
        e = lambda: self.expression(depth - 1)
        return self.pick(
            e,
            lambda: f"({e()} {self.pick('+', '-')} {e()})",
            lambda: f"({e()} * {self.pick('2', '3', 'p')})",
            lambda: f"({e()} if {self.test()} else {e()})",
            lambda: f"g({e()})",
            lambda: f"xs[{self.pick('0', '-1')}]",
            lambda: "box['k']",
            lambda: f"sum([z + {e()} for z in (1, 2) if {self.pick('z > 1', self.test())}])",
            lambda: "ob.v",
        )()

    def test(self):
        e = lambda: self.expression(0)
        return self.pick(
            lambda: f"{e()} {self.pick('<', '>', '==', '<=')} {e()}",
            lambda: f"{e()} < {e()} < {e()}",
            lambda: f"not {e()} > {e()}",
            lambda: f"({e()} > {e()} {self.pick('and', 'or')} {e()} < {e()})",
            lambda: f"p > {self.pick('0', '1', '2')}",
            lambda: "len(xs) > 2",
        )()

    def block(self, indent, depth, loop):
        for _ in range(self.rng.randint(1, 3)):
            self.statement(indent, depth, loop)
            if self.size <= 0:
                break

    def statement(self, indent, depth, loop):
        self.size -= 1
        nested = [self.if_, self.if_, self.while_, self.for_] if depth > 0 else []
        kinds = [self.assign, self.assign, self.augment, self.effect, self.jump, self.new_list]
        self.rng.choice(kinds + nested)(indent, depth - 1, loop)

    def assign(self, indent, depth, loop):
        target = self.pick("a", "b", "c", "d", "p")
        self.add(indent, f"{target} = {self.pick(self.expression(), '0', 'p + 1')}")

    def augment(self, indent, depth, loop):
        self.add(indent, f"{self.pick('a', 'b', 'c')} {self.pick('+=', '-=')} {self.expression(1)}")

    def effect(self, indent, depth, loop):
        value = self.expression(1)
        stores = (f"xs.append({value})", f"xs[0] = {value}", f"box['k'] = {value}")
        self.add(indent, self.pick(*stores, f"ob.v = {value}", "a, b = b, a", "bump()"))

    def jump(self, indent, depth, loop):
        jumps = [f"return {self.expression(1)}, {self.expression(0)}"]
        jumps += ["break", "continue"] if loop else []
        self.add(indent, f"if {self.test()}: {self.rng.choice(jumps)}")

    def new_list(self, indent, depth, loop):
        self.add(indent, f"xs = [{self.expression(1)}, {self.expression(0)}]")

    def if_(self, indent, depth, loop):
        self.add(indent, f"if {self.test()}:")
        self.block(indent + 1, depth, loop)
        if self.rng.random() < 0.3:
            self.add(indent, f"elif {self.test()}:")
            self.block(indent + 1, depth, loop)
        self.else_(indent, depth, loop, 0.5)

    def else_(self, indent, depth, loop, chance):
        if self.rng.random() < chance:
            self.add(indent, "else:")
            self.block(indent + 1, depth, loop)

    def while_(self, indent, depth, loop):
        if self.loops == 2:
            return self.assign(indent, depth, loop)
        self.loops += 1
        name = f"n{self.loops}"
        self.add(indent, f"{name} = {self.pick('0', 'zero')}")
        test = self.pick("", f" and {self.test()}")
        self.add(indent, f"while {name} < {self.pick('3', 'four')}{test}:")
        self.add(indent + 1, f"{name} = {name} + 1")
        self.block(indent + 1, depth, True)
        return self.else_(indent, depth, loop, 0.3)

    def for_(self, indent, depth, loop):
        if self.loops == 2:
            return self.assign(indent, depth, loop)
        self.loops += 1
        items = self.pick("range(3)", "range(four)", "vec", "[a, 2]")
        self.add(indent, f"for {self.pick('c', 'q')} in {items}:")
        self.block(indent + 1, depth, True)
        return self.else_(indent, depth, loop, 0.3)

"""Random functions whose control flow depends on tensors, as source text, one for each seed.

Every function ends in eager: loops have counters. Variables: ``x y z`` tensors, ``n m p`` numbers, ``w
q`` None or a tensor, ``out`` a list, ``d`` a dict, ``box`` an object of the caller's.
"""

from __future__ import annotations

import random

TENSORS = ("x", "y", "z")
NUMBERS = ("n", "m")


class Generator:
    """Writes one function."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.depth = 0
        self.loops = 0
        self.count = 0
        self.in_helper = False

    def pick(self, *options: str) -> str:
        return self.random.choice(options)

    def small(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def tensor(self) -> str:
        return self.pick(*TENSORS)

    def number(self) -> str:
        return self.pick(*NUMBERS)

    def tensor_expression(self) -> str:
        a, b = self.tensor(), self.tensor()
        return self.pick(
            f"paddle.tanh({a} + {b})",
            f"{a} * 0.5 + {self.small(-2, 2)}",
            f"{a} - {b} * 0.25",
            f"{a} + {self.number()}",
            f"({a} if {self.condition()} else {b})",
            f"{a} + 1" if self.in_helper else f"h({a})",
            f"paddle.stack([{a}, {b}]).mean(0)",
            f"{a} * 1",
            f"{a} / 2",
        )

    def number_expression(self) -> str:
        return self.pick(
            f"{self.number()} + {self.small(1, 3)}",
            str(self.small(-2, 3)),
            f"{self.number()} - {self.number()}",
            "len(out)",
            f"({self.number()} if {self.condition()} else {self.small(0, 3)})",
            f"{self.number()} * 2",
        )

    def condition(self) -> str:
        kind = self.random.randrange(10)
        if kind < 4:
            return f"{self.tensor()}.sum() {self.pick('<', '>')} {self.small(-3, 4)}"
        if kind == 4:
            return f"{self.number()} {self.pick('<', '>', '==', '!=')} {self.small(-2, 4)}"
        if kind in (5, 6):
            return f"({self.condition()} {'and' if kind == 5 else 'or'} {self.condition()})"
        if kind == 7:
            return f"not {self.condition()}"
        if kind == 8:
            return f"{self.small(-3, 0)} < {self.tensor()}.max() < {self.small(0, 4)}"
        return self.pick("w is None", "w is not None", "len(out) > 1", "box.v > 1")

    def emit(self, text: str) -> None:
        self.lines.append("    " * (self.depth + 1) + text)

    def block(self, budget: int) -> None:
        self.depth += 1
        for _ in range(self.small(1, max(1, min(3, budget)))):
            self.statement(budget - 1)
        self.depth -= 1

    def statement(self, budget: int) -> None:
        kind = self.random.randrange(24 if budget > 0 else 9)
        if kind < 9:
            self.simple(kind)
        elif kind < 16:
            self.branch(budget)
        elif kind < 19:
            self.while_loop(budget)
        elif kind < 22:
            self.for_loop(budget)
        else:
            self.emit(
                f"{self.tensor()}, {self.tensor()} = {self.tensor()}, {self.tensor_expression()}"
            )

    def simple(self, kind: int) -> None:
        t, n = self.tensor(), self.number()
        if kind == 3:
            self.emit(f"{n} = {self.number_expression()}")
        elif kind == 4:
            self.emit(f"{n} += {self.small(1, 2)}")
        elif kind == 5:
            self.emit(
                self.pick(
                    f"out.append({t})",
                    f"w = {t}",
                    "w = None",
                    "box.v = box.v + 1",
                    f"box.t = {t}",
                    f"d['k'] = {t}",
                    f"d[{n!r}] = {n}",
                )
            )
        elif kind == 6:
            self.emit(
                self.pick(
                    f"q = {t}",
                    f"{t} = {t} + (q if q is not None else 0)",
                    f"{t} = {t}.clone()",
                    f"bump({n})",
                    f"p = {n}",
                    "m = p",
                )
            )
        elif kind == 7 and self.loops and self.random.random() < 0.5:
            self.emit(self.pick("break", "continue"))
        elif kind == 7 and self.random.random() < 0.5:
            self.emit("return " + self.result())
        elif kind == 8 and self.random.random() < 0.3:
            self.emit(f"{t}[{self.small(0, 2)}] = {n}")
        else:
            self.emit(f"{t} = {self.tensor_expression()}")

    def branch(self, budget: int) -> None:
        self.emit(f"if {self.condition()}:")
        self.block(budget - 1)
        if self.random.random() < 0.3:
            self.emit(f"elif {self.condition()}:")
            self.block(budget - 1)
        if self.random.random() < 0.5:
            self.emit("else:")
            self.block(budget - 1)

    def body(self, budget: int) -> None:
        self.loops += 1
        self.block(budget - 1)
        self.loops -= 1
        if self.random.random() < 0.3:
            self.emit("else:")
            self.block(budget - 2)

    def while_loop(self, budget: int) -> None:
        self.count += 1
        counter = f"k{self.count}"
        self.emit(f"{counter} = 0")
        bound = f"{counter} < {self.small(1, 4)} and " if self.random.random() < 0.7 else ""
        self.emit(f"while {bound}{self.condition()}:")
        self.emit(f"    {counter} += 1")
        self.emit(f"    if {counter} > 4: break")
        self.body(budget)

    def for_loop(self, budget: int) -> None:
        self.count += 1
        index = f"i{self.count}"
        target, iterable = self.random.choice(
            [
                (index, f"range({self.small(0, 3)})"),
                (index, "range(c)"),
                ("z", "rows"),
                ("z", f"[{self.tensor()}, {self.tensor()}]"),
                (f"{index}, y", "enumerate(rows)"),
                (index, "range(max(0, min(3, n)))"),
            ]
        )
        self.emit(f"for {target} in {iterable}:")
        self.body(budget)

    def result(self) -> str:
        return self.pick("x", "y, n", "None", "(x, y, z)", "out", "n", "{'a': x, 'n': m}", "x, w")


def program(seed: int) -> str:
    """The source of a function ``f(x, rows, c, box)``."""
    g = Generator(seed)
    g.lines.append("def f(x, rows, c, box):")
    for line in (
        "y = x * 2",
        "z = x - 1",
        "n = 1",
        "m = 0",
        "out = []",
        "w = None",
        "d = {'k': 0}",
    ):
        g.emit(line)
    if g.random.random() < 0.7:
        g.emit("q = None")
        g.emit("p = 5")
    for line in ("def h(v):", "    if v.sum() > 1:", "        return v * 0.5", "    return v + n"):
        g.emit(line)
    for line in ("def bump(k):", "    nonlocal m", "    m = m + k"):
        g.emit(line)
    for _ in range(g.small(3, 5)):
        g.statement(3)
    g.emit("return x, y, z, n, m, out, w, d")
    return "import paddle\n" + "\n".join(g.lines) + "\n"

"""Symbolic sizes: integers, or integer polynomials over named symbols, in canonical form.

A ``Dim`` is an ``int`` or a ``SymExpr``. Two expressions that are equal as polynomials are equal
objects, so ``==`` and ``hash`` decide structural equality without any search. What cannot be
decided from structure (is ``N`` equal to ``M``?) is asked of the *oracle* in force: capture
installs one that looks at the example's sizes and records a guard; without an oracle a
requirement is assumed and a question is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from dy2st.errors import ShapeError
from dy2st.records import record


@record(frozen=True)
class Symbol:
    """A named unknown size, at least 0."""

    name: str

    def __str__(self) -> str:
        return self.name


@record(frozen=True)
class Call:
    """A non-polynomial term: ``floordiv(a, b)``, ``mod(a, b)``, ``max(a, b)``, ``min(a, b)``."""

    function: str
    args: tuple[Dim, ...]

    def __str__(self) -> str:
        if self.function in _INFIX:
            left, right = (_wrap(a) for a in self.args)
            return f"({left} {_INFIX[self.function]} {right})"
        return f"{self.function}({', '.join(map(str, self.args))})"


Atom: TypeAlias = "Symbol | Call"
Monomial: TypeAlias = "tuple[Atom, ...]"

_INFIX = {"floordiv": "//", "mod": "%"}
_FOLD: dict[str, Callable[[int, int], int]] = {
    "floordiv": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
    "max": max,
    "min": min,
}


def _wrap(dim: Dim) -> str:
    return str(dim) if isinstance(dim, int) or len(dim.terms) == 1 else f"({dim})"


def _order(atoms: Iterable[Atom]) -> Monomial:
    return tuple(sorted(atoms, key=str))


@record(frozen=True)
class SymExpr:
    """A sum of integer multiples of products of atoms; never a plain constant."""

    terms: tuple[tuple[Monomial, int], ...]

    def __add__(self, other: Dim) -> Dim:
        return _sum((self, other))

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return _build({m: -c for m, c in self.terms})

    def __sub__(self, other: Dim) -> Dim:
        return _sum((self, -other))

    def __rsub__(self, other: Dim) -> Dim:
        return _sum((-self, other))

    def __mul__(self, other: Dim) -> Dim:
        out: dict[Monomial, int] = {}
        for m, c in self.terms:
            for n, d in _terms(other):
                key = _order(m + n)
                out[key] = out.get(key, 0) + c * d
        return _build(out)

    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        return floordiv(self, other)

    def __rfloordiv__(self, other: Dim) -> Dim:
        return floordiv(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return mod(self, other)

    def __rmod__(self, other: Dim) -> Dim:
        return mod(other, self)

    def symbols(self) -> frozenset[str]:
        """Names of all symbols inside."""
        return frozenset(_symbols(self))

    def __str__(self) -> str:
        return _format(self)

    __repr__ = __str__


Dim: TypeAlias = "int | SymExpr"
Shape: TypeAlias = "tuple[Dim, ...]"


def _format(expr: SymExpr) -> str:
    parts: list[str] = []
    for monomial, coefficient in expr.terms:
        factors = [str(a) for a in monomial]
        if abs(coefficient) != 1 or not factors:
            factors.insert(0, str(abs(coefficient)))
        sign = "-" if coefficient < 0 else "+"
        parts.append(f"{sign} {'*'.join(factors)}")
    text = " ".join(parts)
    return text[2:] if text.startswith("+ ") else "-" + text[2:]


def _terms(dim: Dim) -> tuple[tuple[Monomial, int], ...]:
    return (((), dim),) if isinstance(dim, int) else dim.terms


def _build(terms: Mapping[Monomial, int]) -> Dim:
    kept = {m: c for m, c in terms.items() if c}
    if not kept:
        return 0
    if set(kept) == {()}:
        return kept[()]
    # Constants last, so that `N + 1` prints as people write it.
    key = lambda item: (not item[0], [str(a) for a in item[0]])  # noqa: E731
    return SymExpr(tuple(sorted(kept.items(), key=key)))


def _sum(dims: Iterable[Dim]) -> Dim:
    out: dict[Monomial, int] = {}
    for dim in dims:
        for m, c in _terms(dim):
            out[m] = out.get(m, 0) + c
    return _build(out)


def _symbols(dim: Dim) -> Iterator[str]:
    for monomial, _ in _terms(dim):
        for atom in monomial:
            if isinstance(atom, Symbol):
                yield atom.name
            else:
                for arg in atom.args:
                    yield from _symbols(arg)


def symbol(name: str) -> SymExpr:
    """The expression that is the symbol ``name`` alone."""
    return SymExpr((((Symbol(name),), 1),))


_NO_SYMBOLS: frozenset[str] = frozenset()


def symbols_of(dims: Iterable[Dim]) -> frozenset[str]:
    """Names of all symbols in ``dims``."""
    expressions = [dim for dim in dims if type(dim) is not int]
    if not expressions:
        return _NO_SYMBOLS
    return frozenset([name for dim in expressions for name in _symbols(dim)])


def call(function: str, a: Dim, b: Dim) -> Dim:
    """A non-polynomial term, folded where both sides are ints."""
    if isinstance(a, int) and isinstance(b, int):
        return _FOLD[function](a, b)
    return SymExpr((((Call(function, (a, b)),), 1),))


def floordiv(a: Dim, b: Dim) -> Dim:
    """``a // b`` with Python's rounding; divides polynomials exactly where every term allows it."""
    if b == 1:
        return a
    if a == b:
        return 1  # sizes are not zero where anybody divides by them
    if isinstance(b, int) and b != 0 and not isinstance(a, int):
        whole = {m: c // b for m, c in a.terms if c % b == 0}
        rest = {m: c for m, c in a.terms if c % b != 0}
        # (k*b*X + r) // b == k*X + r // b holds for every integer X and r.
        if not rest:
            return _build(whole)
        if whole:
            return _sum((_build(whole), floordiv(_build(rest), b)))
    exact = _divide_exactly(a, b)
    return exact if exact is not None else call("floordiv", a, b)


def _divide_exactly(a: Dim, b: Dim) -> Dim | None:
    """``a / b`` where ``b`` is one term that divides each term of ``a``; None otherwise."""
    divisor = _terms(b)
    if len(divisor) != 1 or isinstance(b, int):
        return None
    monomial, coefficient = divisor[0]
    out: dict[Monomial, int] = {}
    for m, c in _terms(a):
        left = list(m)
        for atom in monomial:
            if atom not in left:
                return None
            left.remove(atom)
        if c % coefficient:
            return None
        out[_order(left)] = c // coefficient
    return _build(out)


def mod(a: Dim, b: Dim) -> Dim:
    """``a % b`` with Python's sign."""
    if b == 1 or a == b:
        return 0
    if isinstance(b, int) and b != 0 and not isinstance(a, int):
        a = _build({m: c % b for m, c in a.terms})
        if isinstance(a, int):
            return a % b
    if _divide_exactly(a, b) is not None:
        return 0
    return call("mod", a, b)


def ceildiv(a: Dim, b: Dim) -> Dim:
    """``ceil(a / b)``."""
    return -floordiv(-a, b)


def max_(a: Dim, b: Dim) -> Dim:
    """The larger of two sizes."""
    return a if a == b else call("max", a, b)


def min_(a: Dim, b: Dim) -> Dim:
    """The smaller of two sizes."""
    return a if a == b else call("min", a, b)


def product(dims: Iterable[Dim]) -> Dim:
    """The product; 1 for none."""
    out: Dim = 1
    for dim in dims:
        out = out * dim
    return out


def evaluate(dim: Dim, env: Mapping[str, int]) -> int:
    """The value under ``env``. Raises KeyError for a symbol that ``env`` lacks."""
    if isinstance(dim, int):
        return dim
    total = 0
    for monomial, coefficient in dim.terms:
        value = coefficient
        for atom in monomial:
            if isinstance(atom, Symbol):
                value *= env[atom.name]
            else:
                a, b = (evaluate(arg, env) for arg in atom.args)
                value *= _FOLD[atom.function](a, b)
        total += value
    return total


def substitute(dim: Dim, env: Mapping[str, Dim]) -> Dim:
    """``dim`` with the symbols of ``env`` replaced; other symbols stay."""
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms:
        value: Dim = coefficient
        for atom in monomial:
            if isinstance(atom, Symbol):
                value = value * env.get(atom.name, symbol(atom.name))
            else:
                a, b = (substitute(arg, env) for arg in atom.args)
                value = value * _REBUILD[atom.function](a, b)
        total = total + value
    return total


_REBUILD: dict[str, Callable[[Dim, Dim], Dim]] = {
    "floordiv": floordiv,
    "mod": mod,
    "max": max_,
    "min": min_,
}


# --- what structure cannot decide -----------------------------------------------------------

Relation: TypeAlias = "tuple[str, Dim, Dim]"  # ("==", a, b), ("<", a, b), ("<=", a, b)
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}
_oracle: ContextVar[Callable[[Relation], bool] | None] = ContextVar("oracle", default=None)


@contextmanager
def oracle(decide: Callable[[Relation], bool]) -> Iterator[None]:
    """Answer undecidable relations with ``decide`` inside the block (it may record guards)."""
    token = _oracle.set(decide)
    try:
        yield
    finally:
        _oracle.reset(token)


def holds(op: str, a: Dim, b: Dim) -> bool:
    """Whether ``a op b``; asks the oracle where structure does not say. ShapeError without one."""
    difference = a - b
    if isinstance(difference, int):
        return _COMPARE[op](difference, 0)
    decide = _oracle.get()
    if decide is None:
        raise ShapeError(
            f"whether {a} {op} {b} cannot be known without an example",
            remedy="call the function with real inputs first, or give the size in InputSpec",
        )
    return decide((op, a, b))


def require_equal(a: Dim, b: Dim, what: str) -> None:
    """Demand ``a == b``: false from structure or by the oracle is a ShapeError, unknown is assumed."""
    difference = a - b
    if isinstance(difference, int):
        ok = difference == 0
    else:
        decide = _oracle.get()
        ok = decide is None or decide(("==", a, b))
    if not ok:
        raise ShapeError(f"{what}: {a} is not {b}")


def broadcast(a: Dim, b: Dim, what: str = "broadcast") -> Dim:
    """The size that ``a`` and ``b`` broadcast to."""
    if a == b or b == 1:
        return a
    if a == 1:
        return b
    if _oracle.get() is not None and not (isinstance(a, int) and isinstance(b, int)):
        # A size that is 1 in the example must not be frozen into "broadcasts": ask.
        if holds("==", a, b):
            return a if isinstance(a, int) else b
        if holds("==", b, 1):
            return a
        if holds("==", a, 1):
            return b
    require_equal(a, b, what)
    return a if isinstance(a, int) else b


def broadcast_shapes(*shapes: Shape, what: str = "broadcast") -> Shape:
    """numpy's broadcasting rule over symbolic shapes. Raises ShapeError."""
    rank = max((len(s) for s in shapes), default=0)
    out: list[Dim] = [1] * rank
    for shape in shapes:
        for i, dim in enumerate(shape):
            axis = rank - len(shape) + i
            out[axis] = broadcast(out[axis], dim, what)
    return tuple(out)


def normalize_axis(axis: int, rank: int, what: str = "axis") -> int:
    """``axis`` counted from the front. Raises ShapeError when it is out of range."""
    if not -max(rank, 1) <= axis < max(rank, 1):
        raise ShapeError(f"{what} {axis} is out of range for a tensor of rank {rank}")
    return axis + rank if axis < 0 else axis

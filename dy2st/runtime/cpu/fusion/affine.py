"""Index arithmetic: a position that is linear in the variables of a loop nest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dy2st.records import record
from dy2st.runtime.cpu.graph import Shape, contiguous_strides


@record(frozen=True)
class Affine:
    """``const + sum(coefficient * variable)``; terms are sorted and never zero."""

    const: int = 0
    terms: tuple[tuple[int, int], ...] = ()

    @staticmethod
    def of(const: int, terms: Mapping[int, int] | Iterable[tuple[int, int]]) -> Affine:
        """From (variable, coefficient) pairs, which may repeat."""
        total: dict[int, int] = {}
        for variable, c in dict(terms).items() if isinstance(terms, Mapping) else terms:
            total[variable] = total.get(variable, 0) + c
        return Affine(const, tuple(sorted((v, c) for v, c in total.items() if c)))

    def __add__(self, other: Affine) -> Affine:
        return Affine.of(self.const + other.const, (*self.terms, *other.terms))

    def scale(self, factor: int) -> Affine:
        """Multiplied by an int."""
        return Affine.of(self.const * factor, [(v, c * factor) for v, c in self.terms])

    def shift(self, amount: int) -> Affine:
        """Plus an int."""
        return Affine(self.const + amount, self.terms)

    def coefficient(self, variable: int) -> int:
        """That of ``variable``, 0 where it does not occur."""
        return dict(self.terms).get(variable, 0)

    def bounds(self, extents: Mapping[int, int]) -> tuple[int, int]:
        """Least and largest value."""
        spans = [c * (extents[v] - 1) for v, c in self.terms]
        return (
            self.const + sum(s for s in spans if s < 0),
            self.const + sum(s for s in spans if s > 0),
        )


class NeedSplit(Exception):
    """A reshape divides by ``factor`` what one loop variable runs over: split it first."""

    def __init__(self, variable: int, factor: int) -> None:
        super().__init__(variable, factor)
        self.variable = variable
        self.factor = factor


class NotAffine(Exception):
    """A reshape cannot be expressed in the loop's variables, whatever is split."""


def flatten(index: Sequence[Affine], shape: Shape) -> Affine:
    """The row-major position of ``index`` in ``shape``."""
    return dot(index, contiguous_strides(shape))


def dot(index: Sequence[Affine], strides: Sequence[int], offset: int = 0) -> Affine:
    """``offset + sum(index * stride)``."""
    total = Affine(offset)
    for i, stride in zip(index, strides, strict=True):
        total = total + i.scale(stride)
    return total


def unflatten(flat: Affine, shape: Shape, extents: Mapping[int, int]) -> tuple[Affine, ...]:
    """The index in ``shape`` of the row-major position ``flat``.

    Raises NeedSplit where a variable must be split first, NotAffine where nothing helps.
    """
    rest = flat
    out = []
    for n, stride in zip(shape, contiguous_strides(shape), strict=True):
        if n == 1:
            out.append(Affine())
            continue
        whole = [(v, c // stride) for v, c in rest.terms if c % stride == 0]
        part = Affine.of(0, [(v, c) for v, c in rest.terms if c % stride])
        low, high = part.bounds(extents)
        quotient = (rest.const + low) // stride
        remainder = rest.const - quotient * stride
        if low + remainder < 0 or high + remainder >= stride:
            _explain(part, stride, extents)
        out.append(Affine.of(quotient, whole))
        rest = Affine(remainder, part.terms)
    if rest.terms or rest.const:
        raise NotAffine
    return tuple(out)


def _explain(part: Affine, stride: int, extents: Mapping[int, int]) -> None:
    for variable, c in part.terms:
        factor, left = divmod(stride, abs(c))
        n = extents[variable]
        if left == 0 and 1 < factor < n and n % factor == 0:
            raise NeedSplit(variable, factor)
    raise NotAffine

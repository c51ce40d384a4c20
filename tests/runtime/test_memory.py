"""Arena layout: what lives at once does not overlap, and nothing is wasted where lives are apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dy2st.runtime.memory import ALIGNMENT, Lifetime, align, assign_offsets

LIFETIMES = st.builds(
    lambda nbytes, first, length: Lifetime(nbytes, first, first + length),
    st.integers(0, 1000),
    st.integers(0, 20),
    st.integers(0, 6),
)


@given(st.lists(LIFETIMES, max_size=25))
def test_nothing_overlaps(buffers):
    offsets, total = assign_offsets(buffers)
    for i, (a, at) in enumerate(zip(buffers, offsets)):
        assert at % ALIGNMENT == 0
        assert at + a.nbytes <= total or a.nbytes == 0
        for b, bt in list(zip(buffers, offsets))[:i]:
            apart_in_time = a.last < b.first or b.last < a.first
            apart_in_space = at + a.nbytes <= bt or bt + b.nbytes <= at
            assert apart_in_time or apart_in_space or 0 in (a.nbytes, b.nbytes)


@given(st.lists(LIFETIMES, max_size=25))
def test_total_is_between_the_bounds(buffers):
    """At least what lives at the busiest moment, at most everything side by side."""
    _, total = assign_offsets(buffers)
    busiest = max(
        (sum(align(b.nbytes) for b in buffers if b.first <= t <= b.last) for t in range(30)),
        default=0,
    )
    assert busiest <= total <= sum(align(b.nbytes) for b in buffers)


def test_a_chain_needs_two_buffers():
    chain = [Lifetime(1000, i, i + 1) for i in range(50)]
    assert assign_offsets(chain)[1] == 2 * align(1000)

"""Records behave as the frozen dataclasses that the type checker takes them for."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import pytest

from dy2st.records import record


def twins(**options):
    def body(decorate):
        @decorate(frozen=True, **options)
        class Point:
            x: int
            tags: tuple = field(default=(), repr=False)

        return Point

    return body(record), body(dataclass)


@pytest.mark.parametrize("options", [{}, {"eq": False}, {"kw_only": True}])
def test_records_are_dataclasses(options):
    ours, theirs = twins(**options)
    a, b = ours(x=1, tags=(2,)), theirs(x=1, tags=(2,))
    assert repr(a) == repr(b)
    assert [f.name for f in fields(a)] == [f.name for f in fields(b)]
    assert repr(replace(a, x=3)) == repr(replace(b, x=3))
    assert (a == ours(x=1, tags=(2,))) == (b == theirs(x=1, tags=(2,)))
    assert (a == ours(x=2)) == (b == theirs(x=2))
    assert (len({a, ours(x=1, tags=(2,))})) == len({b, theirs(x=1, tags=(2,))})


def test_positional_arguments_of_keyword_records_are_refused():
    ours, _ = twins(kw_only=True)
    with pytest.raises(TypeError):
        ours(1)


def test_a_record_that_holds_itself_can_be_printed():
    @record
    class Node:
        below: list

    node = Node([])
    node.below.append(node)
    assert repr(node).endswith("Node(below=[...])")


def test_a_repr_of_its_own_stays():
    @record
    class Named:
        name: str

        def __repr__(self) -> str:
            return f"<{self.name}>"

    assert repr(Named("a")) == "<a>"

"""The journal: which places were written since it was opened, and what they held before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dy2st.convert.places import Key, Place, same


class Journal:
    """First old value of each place, in the order in which they were first touched.

    A place may be touched without being written (cells of a frame, whose stores nobody announces):
    ``changed`` compares with what the place holds now.
    """

    def __init__(self) -> None:
        self._entries: dict[Key, tuple[Place, Any]] = {}

    def touch(self, place: Place) -> None:
        """Note the value that ``place`` holds, unless that was done before."""
        key = place.key
        if key not in self._entries:
            self._entries[key] = (place, place.read())

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[tuple[Place, Any]]:
        return iter(self._entries.values())

    def before(self, key: Key) -> Any:
        """The value that the place held when it was first touched."""
        return self._entries[key][1]

    def changed(self) -> dict[Key, Place]:
        """The places that hold another value now."""
        return {k: p for k, (p, old) in self._entries.items() if not same(p.read(), old)}

    def rollback(self, keep: tuple[type[Place], ...] = ()) -> None:
        """Give every place its old value back, last touched first; not those of kinds ``keep``."""
        for place, old in reversed(list(self._entries.values())):
            if not isinstance(place, keep) and not same(place.read(), old):
                place.write(old)

"""Edits on bytes: replace, insert, delete and wrap; applied once, all together.

Only the bytes that change are touched, so comments, tabs and line breaks elsewhere survive by
construction. Wraps of nested expressions nest as the expressions do.
"""

from __future__ import annotations

import bisect

from dy2st.records import record


@record
class Replace:
    """Put ``text`` where ``start:end`` was; an empty ``text`` deletes."""

    start: int
    end: int
    text: bytes


@record
class Wrap:
    """Put ``prefix`` before and ``suffix`` after ``start:end``, whatever happens inside."""

    start: int
    end: int
    prefix: bytes
    suffix: bytes


Edit = Replace | Wrap


class EditConflict(Exception):
    """Two edits want the same bytes in different ways."""


def drop_covered(edits: list[Edit]) -> list[Edit]:
    """Without the edits that lie inside a larger replacement, and without duplicates."""
    covers = sorted(
        {(e.start, e.end) for e in edits if isinstance(e, Replace) and e.end > e.start},
        key=lambda s: (s[0], -s[1]),
    )
    outer: list[tuple[int, int]] = []
    for start, end in covers:
        if outer and start < outer[-1][1]:
            if end > outer[-1][1]:
                raise EditConflict(f"bytes {start}:{end} overlap {outer[-1]}")
            continue
        outer.append((start, end))
    starts = [s for s, _ in outer]
    return [e for e in dict.fromkeys(edits) if not _covered(e, outer, starts)]


def _covered(edit: Edit, outer: list[tuple[int, int]], starts: list[int]) -> bool:
    """Whether an edit lies inside a larger replacement."""
    at = bisect.bisect_right(starts, edit.start) - 1
    if at < 0:
        return False
    start, end = outer[at]
    if isinstance(edit, Wrap):
        return edit.start < edit.end <= end
    if edit.end > end or (start, end) == (edit.start, edit.end):
        return False
    return edit.start < edit.end or start < edit.start < end


def apply(text: bytes, edits: list[Edit]) -> bytes:
    """``text`` with all edits made; raises EditConflict when two of them overlap."""
    events: list[tuple[int, int, int, int, bytes, int]] = []
    for order, edit in enumerate(drop_covered(edits)):
        if isinstance(edit, Replace):
            # Inserted text comes after what closes here and before what opens here.
            rank = 1 if edit.start == edit.end else 3
            whole_lines = -1 if edit.text.endswith((b"\n", b"\r")) else 0  # these come first
            events.append((edit.start, rank, whole_lines, order, edit.text, edit.end))
        else:
            events.append((edit.end, 0, -edit.start, -order, edit.suffix, edit.end))
            events.append((edit.start, 2, -edit.end, order, edit.prefix, edit.start))
    events.sort(key=lambda e: e[:4])
    out: list[bytes] = []
    position = 0
    for start, _, _, _, new, end in events:
        if start < position:
            raise EditConflict(f"byte {start} was already replaced")
        out.append(text[position:start])
        out.append(new)
        position = max(position, end) if end > start else start
    out.append(text[position:])
    return b"".join(out)

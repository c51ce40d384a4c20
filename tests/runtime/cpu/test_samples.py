"""Changes of sampled memory are seen, once."""

from __future__ import annotations

import numpy as np

from dy2st.runtime.cpu.samples import Samples


def test_changes_are_seen_until_taken() -> None:
    arrays = [np.arange(n, dtype=np.uint32) for n in (3, 50, 7)]
    addresses = [a.ctypes.data + 4 * i for a in arrays for i in (0, len(a) // 2, len(a) - 1)]
    samples = Samples(addresses, [int(a[i]) for a in arrays for i in (0, len(a) // 2, -1)])
    assert not samples.changed()
    arrays[0][1] = 99
    assert samples.changed()
    assert samples.changed()
    samples.take()
    assert not samples.changed()
    arrays[2][3] ^= 1 << 31
    assert samples.changed()
    arrays[2][3] ^= 1 << 31
    assert not samples.changed()
    arrays[1][1] = 7  # not sampled
    assert not samples.changed()


def test_what_was_seen_before_counts() -> None:
    array = np.array([5], np.uint32)
    assert Samples([array.ctypes.data], [4]).changed()
    assert not Samples([], []).changed()

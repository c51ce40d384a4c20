"""Products of strided batches: layouts that oneDNN would misread are refused, others are right."""

import itertools

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.onednn.matmul import make_matmul


def product(library, x, y):
    """``x @ y`` by oneDNN on the arrays' own strides; None where it refuses them."""
    strided = lambda a: library.descs.strided(a.shape, "float32", [s // 4 for s in a.strides])
    out = np.full((*x.shape[:-1], y.shape[-1]), np.nan, np.float32)
    primitive = make_matmul(library, strided(x), strided(y), library.descs.row_major(out.shape))
    if primitive is None:
        return None
    buffers = {c.ARG_SRC: x.ctypes.data, c.ARG_WEIGHTS: y.ctypes.data, c.ARG_DST: out.ctypes.data}
    library.execute(primitive, buffers)
    return out


@pytest.mark.parametrize("time", [4, 8, 16])
@pytest.mark.parametrize("parts", [2, 3])
def test_attention_over_interleaved_projections(library, time, parts):
    rng = np.random.default_rng(0)
    refused = 0
    for batch in range(1, parts * time + 3):
        qkv = rng.standard_normal((batch, time, parts, 2, 12)).astype(np.float32)
        q, k = qkv.transpose(2, 0, 3, 1, 4)[:2]
        out = product(library, q, k.swapaxes(-1, -2))
        if out is None:
            refused += 1
        else:
            np.testing.assert_allclose(out, q @ k.swapaxes(-1, -2), rtol=1e-4, atol=1e-4)
    assert refused <= 1


def test_any_strides(library):
    rng = np.random.default_rng(0)
    data = rng.standard_normal(200_000).astype(np.float32)
    taken = 0
    for b, h, t, k in itertools.product((4, 6), (1, 2, 3), (4, 6), (4, 8)):
        outer = {
            b * h * k,
            t * h * k,
            2 * t * h * k,
            3 * t * h * k,
            b * t * k,
            b * h * t * k,
            b * k,
        }
        for s0, s1, s2 in itertools.product(outer, (k, t * k, 300), (h * k, 3 * h * k, k, 100)):
            x = as_strided(data, (b, h, t, k), (4 * s0, 4 * s1, 4 * s2, 4))
            y = rng.standard_normal((b, h, k, t)).astype(np.float32)
            try:
                out = product(library, x, y)
            except Exception as error:  # oneDNN refuses overlapping elements
                assert "memory_desc_create" in str(error)
                continue
            if out is not None:
                taken += 1
                np.testing.assert_allclose(out, x @ y, rtol=1e-4, atol=1e-4)
    assert taken > 100

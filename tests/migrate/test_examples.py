"""Every numeric example of the table: the migrated program equals what 1.8.5 computed.

The recording (``tests/fixtures/migrate/rows.json``) is made by ``make test-fluid``.
"""

import sys

import examples
import numpy as np
import pytest
from record import run_jobs

JOBS = examples.jobs()
RECORDED = examples.recorded()
RUNNABLE = sorted(n for n in JOBS if RECORDED.get(n, {}).get("ok"))


# Paddle 3 has a gradient where 1.8.5 had none and gave an error or nothing to train by.
NEW_GRADIENTS = tuple(
    f"paddle.fluid.layers.{n}#"
    for n in ("argsort", "topk", "clip_by_norm", "diag", "label_smooth", "unique", "where")
)


@pytest.fixture(scope="session")
def computed():
    """All migrated examples, run in one process with today's Paddle."""
    jobs = {name: examples.migrated(JOBS[name])[0] for name in RUNNABLE}
    return run_jobs(sys.executable, jobs)


def test_recording_is_of_these_examples():
    stale = [
        n for n, job in JOBS.items() if RECORDED.get(n, {}).get("digest") != examples.digest(job)
    ]
    assert not stale, "run make test-fluid"


def _array(value):
    return np.array([float(v) for v in value["data"]]).reshape(value["shape"])


def _close(old, new, gradient):
    """1e-5 relative for results; gradients add up more: the house's tolerance for one operation."""
    rtol, atol = (1e-4, 1e-5 * max(1.0, np.abs(old).max(initial=0.0))) if gradient else (1e-5, 1e-6)
    return np.allclose(old, new, rtol=rtol, atol=atol, equal_nan=True)


def test_numbers_are_equal(computed):
    wrong = []
    for name in RUNNABLE:
        result = computed[name]
        if not result["ok"]:
            wrong.append(f"{name}: {result['error'][-200:]}")
            continue
        old = RECORDED[name]["values"]
        gradient = name.endswith(":grad")
        if gradient and not old:  # 1.8.5 found no way from results to inputs
            old = [{"shape": [1], "dtype": "float32", "data": [12345.0]}] * len(result["values"])
        assert len(old) == len(result["values"]), name
        for a, b in zip(old, result["values"]):
            if gradient and a["data"] == [12345.0]:  # 1.8.5 has no gradient here
                nothing = b["data"] == [12345.0] or not np.any(_array(b))
                if not nothing and not name.startswith(NEW_GRADIENTS):
                    wrong.append(f"{name}: a gradient that 1.8.5 does not have")
            elif a["shape"] != b["shape"] or a["dtype"] != b["dtype"]:
                wrong.append(f"{name}: {a['shape']} {a['dtype']}, now {b['shape']} {b['dtype']}")
            elif a.get("lod") != b.get("lod"):
                wrong.append(f"{name}: sequences {a.get('lod')}, now {b.get('lod')}")
            elif not _close(_array(a), _array(b), gradient):
                wrong.append(f"{name}: {_array(a).ravel()[:4]}, now {_array(b).ravel()[:4]}")
    assert not wrong, "\n".join(wrong)


def test_examples_are_converted_whole():
    for name in RUNNABLE:
        _, outcome = examples.migrated(JOBS[name])
        assert not outcome.error, name
        assert not outcome.open_points, (name, outcome.open_points)

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


def test_numbers_are_equal(computed):
    wrong = []
    for name in RUNNABLE:
        result = computed[name]
        if not result["ok"]:
            wrong.append(f"{name}: {result['error'][-200:]}")
            continue
        old = RECORDED[name]["values"]
        assert len(old) == len(result["values"]), name
        for a, b in zip(old, result["values"]):
            if a["shape"] != b["shape"] or a["dtype"] != b["dtype"]:
                wrong.append(f"{name}: {a['shape']} {a['dtype']}, now {b['shape']} {b['dtype']}")
            elif not np.allclose(_array(a), _array(b), rtol=1e-5, atol=1e-6, equal_nan=True):
                wrong.append(f"{name}: {_array(a).ravel()[:4]}, now {_array(b).ravel()[:4]}")
    assert not wrong, "\n".join(wrong)


def test_examples_are_converted_whole():
    for name in RUNNABLE:
        _, outcome = examples.migrated(JOBS[name])
        assert not outcome.error, name
        assert not outcome.open_points, (name, outcome.open_points)

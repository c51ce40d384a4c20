"""Thread counts: where they come from, and that OpenMP's own number is put back."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from dy2st.runtime.cpu import threads
from dy2st.runtime.cpu.onednn.library import openmp


def default_in_a_process(**environment: str) -> int:
    code = "from dy2st.runtime.cpu.threads import get_num_threads; print(get_num_threads())"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ".", **environment}, capture_output=True
    )
    return int(done.stdout)


def test_environment_decides() -> None:
    assert default_in_a_process(OMP_NUM_THREADS="3") == 3
    assert default_in_a_process(OMP_NUM_THREADS="3,2") == 3
    assert default_in_a_process(OMP_NUM_THREADS="3", DY2ST_NUM_THREADS="5") == 5
    assert default_in_a_process(OMP_NUM_THREADS="nonsense") == threads.allowed_cores()


def test_set_and_get(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_chosen", None)
    threads.set_num_threads(7)
    assert threads.get_num_threads() == 7
    for bad in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="number of threads"):
            threads.set_num_threads(bad)  # type: ignore[arg-type]
    assert threads.get_num_threads() == 7


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"sys/fs/cgroup/cpu.max": "150000 100000"}, 1.5),
        ({"sys/fs/cgroup/cpu.max": "max 100000"}, None),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "50000 100000",
                "sys/fs/cgroup/cpu.max": "max 100000",
            },
            0.5,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/x\n",
                "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us": "400000",
                "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us": "100000",
            },
            4.0,
        ),
        (
            {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/x": ""},
            None,
        ),
        ({}, None),
    ],
)
def test_cgroup_quota(tmp_path, files: dict[str, str], cores: float | None) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert threads.cgroup_cores(tmp_path) == cores


def test_openmp_count_is_put_back() -> None:
    runtime = openmp()
    if runtime is None:
        pytest.skip("no OpenMP runtime on this machine")
    get = ctypes.CFUNCTYPE(ctypes.c_int)(runtime.max_threads)
    before = get()
    with threads.openmp_threads(before + 3):
        assert get() == before + 3
    assert get() == before
    with pytest.raises(KeyError), threads.openmp_threads(before + 1):
        raise KeyError
    assert get() == before

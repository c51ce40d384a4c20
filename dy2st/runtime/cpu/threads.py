"""How many threads the CPU runtime uses.

In this order: ``set_num_threads``, ``DY2ST_NUM_THREADS``, ``OMP_NUM_THREADS``, else the cores that
the process may use (affinity and cgroup quota, whichever is less).
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

_chosen: int | None = None


def cgroup_cores(root: Path = Path("/")) -> float | None:
    """The cgroup's CPU quota in cores, or None where there is none (cgroup v2, then v1).

    ``root`` stands for ``/`` in tests.
    """
    for folder in _cgroup_folders(root):
        quota = _quota(folder)
        if quota is not None:
            return quota
    return None


def _cgroup_folders(root: Path) -> list[Path]:
    """The process's own cgroup folders first, then the mount points (as seen in a container)."""
    base = root / "sys/fs/cgroup"
    folders: list[Path] = []
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            folders.append(base / path.lstrip("/"))
        elif "cpu" in controllers.split(","):
            folders += [base / name / path.lstrip("/") for name in ("cpu", "cpu,cpuacct")]
    return [*folders, base, base / "cpu", base / "cpu,cpuacct"]


def _quota(folder: Path) -> float | None:
    try:
        limit, period = (folder / "cpu.max").read_text().split()[:2]
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass
    try:
        limit_us = int((folder / "cpu.cfs_quota_us").read_text())
        period_us = int((folder / "cpu.cfs_period_us").read_text())
        return limit_us / period_us if limit_us > 0 else None
    except (OSError, ValueError):
        return None


def allowed_cores() -> int:
    """Cores this process may use: affinity and cgroup quota (rounded up), at least 1."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    quota = cgroup_cores()
    return max(1, cores if quota is None else min(cores, math.ceil(quota)))


@lru_cache(maxsize=1)
def _default() -> int:
    for variable in ("DY2ST_NUM_THREADS", "OMP_NUM_THREADS"):
        # OMP_NUM_THREADS may be a list, one number for each nesting level.
        text = os.environ.get(variable, "").split(",")[0].strip()
        if text.isdigit() and int(text) > 0:
            return int(text)
    return allowed_cores()


def get_num_threads() -> int:
    """Threads that plans made from now on use."""
    return _chosen if _chosen is not None else _default()


def set_num_threads(count: int) -> None:
    """Use ``count`` threads from the next call on. Raises ValueError below 1."""
    global _chosen
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"the number of threads is an integer of at least 1, not {count!r}")
    _chosen = count


@contextmanager
def openmp_threads(count: int) -> Iterator[None]:
    """Let OpenMP regions that this thread starts inside the block use ``count`` threads.

    OpenMP keeps the number per thread, and Paddle sets its own (1 by default), so it is set
    around each call and put back. Native entries do the same through the addresses in ``OpenMp``.
    """
    from dy2st.runtime.cpu.onednn.library import openmp

    runtime = openmp()
    if runtime is None:
        yield
        return
    get, put = _thread_functions(runtime.max_threads, runtime.set_threads)
    before = get()
    put(count)
    try:
        yield
    finally:
        put(before)


@lru_cache(maxsize=4)
def _thread_functions(get: int, put: int) -> tuple[ctypes._FuncPointer, ctypes._FuncPointer]:
    return ctypes.CFUNCTYPE(ctypes.c_int)(get), ctypes.CFUNCTYPE(None, ctypes.c_int)(put)

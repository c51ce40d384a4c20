"""A process that holds one system with one model at one batch size and takes orders as JSON lines.

An order ``{"do": name, ...}`` calls the method of that name (``first``, ``check``, ``block``,
``memory``) and answers what it returns; ``{"do": "quit"}`` ends.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, TextIO

import numpy as np

MOST_CALLS = 5000  # of one block


def resident(field: str) -> int:
    """``VmRSS`` or ``VmHWM`` of this process in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def reset_peak() -> None:
    """Make VmHWM start again at the present resident size."""
    Path("/proc/self/clear_refs").write_text("5")


class Worker:
    """The loaded system and what can be asked of it."""

    def __init__(self, system: str, model: str, folder: Path, batch: int, threads: int) -> None:
        from benchmarks.systems import SYSTEMS

        self.folder, self.batch, self.model = folder, batch, model
        self.system = SYSTEMS[system]()
        self.call = self.system.load(model, folder, batch, threads)

    def first(self) -> dict[str, Any]:
        """Seconds from the start of compilation to the result of the first call."""
        self.call()
        return {"first_s": time.perf_counter() - self.system.started}

    def block(self, calls: int, seconds: float) -> dict[str, Any]:
        """Times of at least ``calls`` calls and ``seconds``; the first, which wakes the threads,
        is left out."""
        times: list[float] = []
        self.call()
        while len(times) < calls - 1 or (sum(times) < seconds and len(times) < MOST_CALLS):
            start = time.perf_counter()
            self.call()
            times.append(time.perf_counter() - start)
        return {"times": times}

    def check(self) -> dict[str, Any]:
        """Largest difference from eager, divided by the largest value, over all results."""
        from benchmarks.models import BY_NAME

        with np.load(self.folder / f"reference_{self.batch}.npz") as reference:
            expected = [reference[key] for key in BY_NAME[self.model].outputs]
        worst = 0.0
        for want, got in zip(expected, self.system.arrays(self.call()), strict=True):
            if want.shape != got.shape:
                raise RuntimeError(f"results of shape {got.shape}, expected {want.shape}")
            if want.dtype.kind == "f":
                scale = float(np.abs(want).max()) or 1.0
                worst = max(worst, float(np.abs(want - got).max()) / scale)
            elif not np.array_equal(want, got):
                worst = float("inf")
        return {"difference": worst}

    def memory(self) -> dict[str, Any]:
        """Growth of the resident size in the first call over just before it, in bytes.

        Asked in a fresh process. Every system has compiled for the batch size by then, so that
        compilation and weights are not counted; packed copies that the call adds are taken off.
        """
        self.system.settle(self.model, self.batch)
        gc.collect()
        # Freed memory that the allocator keeps would hide what the call needs.
        ctypes.CDLL(None).malloc_trim(0)
        packed = self.system.packed_bytes() or 0
        before = resident("VmRSS")
        reset_peak()
        self.call()
        peak = resident("VmHWM")
        packed_after = self.system.packed_bytes()
        growth = peak - before - ((packed_after or 0) - packed)
        return {"growth": growth, "rss": resident("VmRSS"), "packed": packed_after}


def serve(worker: Worker, answers: TextIO) -> None:
    """Answer orders from stdin until it ends."""
    for line in sys.stdin:
        order = json.loads(line)
        what = order.pop("do")
        if what == "quit":
            return
        try:
            answer = getattr(worker, what)(**order)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def main() -> None:
    """Load what the command line names, answer once, then serve."""
    warnings.filterwarnings("ignore")
    system, model, folder, batch, threads = sys.argv[1:6]
    # Libraries print to stdout; the answers go to a copy of it, everything else to stderr.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        worker = Worker(system, model, Path(folder), int(batch), int(threads))
    except Exception as error:
        traceback.print_exc()
        text = f"{type(error).__name__}: {error}"
        print(json.dumps({"error": text.strip().splitlines()[0][:300]}), file=answers, flush=True)
        return
    print(json.dumps({"loaded": True}), file=answers, flush=True)
    serve(worker, answers)
    os._exit(0)  # some systems' thread pools crash when the interpreter tears them down


if __name__ == "__main__":
    main()

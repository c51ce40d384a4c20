"""A process that holds one system with one model at one batch size and takes orders as JSON lines.

Orders: ``{"do": "block", "calls": n}`` makes ``n`` calls and answers their times in seconds,
``{"do": "check"}`` compares the results with eager's, ``{"do": "memory"}`` answers how far the
resident size grew over the time just before a call, ``{"do": "quit"}`` ends.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, TextIO

import numpy as np


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
        start = time.perf_counter()
        self.call = self.system.load(model, folder, batch, threads)
        self.load_seconds = time.perf_counter() - start
        before = resident("VmRSS")
        reset_peak()
        start = time.perf_counter()
        self.result = self.call()
        self.first_seconds = time.perf_counter() - start
        self.first_growth = resident("VmHWM") - before

    def loaded(self) -> dict[str, Any]:
        """What loading and the first call cost."""
        return {
            "load_s": self.load_seconds,
            "first_s": self.first_seconds,
            "first_growth": self.first_growth,
            "packed": self.system.packed_bytes(),
        }

    def block(self, calls: int) -> dict[str, Any]:
        """Times of ``calls`` calls; the first one only wakes the threads and is left out."""
        times = []
        for _ in range(calls):
            start = time.perf_counter()
            self.result = self.call()
            times.append(time.perf_counter() - start)
        return {"times": times[1:]}

    def check(self) -> dict[str, Any]:
        """Largest difference from eager, divided by the largest value, over all results."""
        from benchmarks.models import MODELS

        with np.load(self.folder / f"reference_{self.batch}.npz") as reference:
            expected = [reference[key] for key in MODELS[self.model].outputs]
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
        """Growth of the resident size during one call over just before it, in bytes."""
        self.result = None
        before = resident("VmRSS")
        reset_peak()
        self.result = self.call()
        return {"growth": resident("VmHWM") - before, "rss": resident("VmRSS")}


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
    print(json.dumps(worker.loaded()), file=answers, flush=True)
    serve(worker, answers)
    os._exit(0)  # some systems' thread pools crash when the interpreter tears them down


if __name__ == "__main__":
    main()

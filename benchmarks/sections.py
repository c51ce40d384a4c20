"""The parts of the benchmark: speed, call overhead, time to the first result, memory."""

from __future__ import annotations

import compileall
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dy2st
from benchmarks import report
from benchmarks.measure import measure, measure_once
from benchmarks.models import OVERHEAD
from benchmarks.prepare import prepare

FIRST_MODELS = ("resnet50", "encoder", "decoder")
MEMORY_MODELS = ("resnet50", "encoder")


@dataclass(frozen=True)
class Request:
    """What the command line asked for."""

    models: list[str]
    batches: list[int]
    systems: list[str]
    threads: int


def speed(request: Request) -> None:
    """Medians and minima of all systems on all models, taking turns."""
    for model in request.models:
        prepare(model, request.systems, request.batches)
        for batch in request.batches:
            row = measure(request.systems, model, batch, request.threads)
            report.store("speed", f"{model}/{batch}", row)
            report.print_row(model, batch, row)


def overhead(request: Request) -> None:
    """Cost of a call that does nothing."""
    prepare(OVERHEAD, request.systems, [1])
    row = measure(request.systems, OVERHEAD, 1, request.threads)
    report.store("overhead", OVERHEAD, row)
    report.print_row(OVERHEAD, 1, row)


def first(request: Request) -> None:
    """Time from the decorated layer to the first result in a fresh process, batch 1.

    Ours runs with an empty kernel cache, then with the one that this run has filled. Bytecode is on
    disk in both, as an installation leaves it.
    """
    compileall.compile_dir(Path(dy2st.__path__[0]), quiet=1)
    for model in FIRST_MODELS:
        if model not in request.models:
            continue
        prepare(model, request.systems, [1])
        row: dict[str, Any] = {}
        with tempfile.TemporaryDirectory() as cache:
            for system in request.systems:
                names = ["ours", "ours_warm"] if system == "ours" else [system]
                for name in names:
                    environment = {"DY2ST_CACHE_DIR": cache}
                    row[name] = measure_once(
                        "first", system, model, 1, request.threads, environment
                    )
        report.store("first", model, row)
        report.print_cells(f"{model}: decorated layer to first result", row, "first_s", 1.0, "s")


def memory(request: Request) -> None:
    """Growth of the resident size in a call, weights excluded, in a fresh process each."""
    for model in MEMORY_MODELS:
        if model not in request.models:
            continue
        prepare(model, request.systems, request.batches)
        for batch in request.batches:
            row = {
                system: measure_once("memory", system, model, batch, request.threads)
                for system in request.systems
            }
            report.store("memory", f"{model}/{batch}", row)
            title = f"{model}, batch {batch}: growth of the resident size in a call"
            report.print_cells(title, row, "growth", 2.0**-20, "MiB")


SECTIONS: dict[str, Callable[[Request], None]] = {
    "speed": speed,
    "overhead": overhead,
    "first": first,
    "memory": memory,
}

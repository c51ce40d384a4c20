"""Runs systems against each other: one process each, turns in blocks, medians and minima."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

WORK = Path(__file__).parent / ".work"
MIN_CALLS = 30
MAX_SECONDS = 20.0
BLOCK = 6
BLOCK_SECONDS = 0.03
# OpenMP threads of the system that ran last spin for 0.2 s; the next one waits them out.
PAUSE = 0.25
TOLERANCE = 1e-4


class Failed(Exception):
    """A system could not load or run a model."""


@dataclass
class Process:
    """A worker process and the times it has reported."""

    system: str
    model: str
    batch: int
    threads: int
    log: Path
    python: str = sys.executable
    times: list[float] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    def start(self) -> None:
        """Start the process and wait until the model is loaded; failures are kept in ``error``."""
        env = dict(os.environ)
        count = str(self.threads)
        env |= {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "GLOG_minloglevel": "3"}
        env |= self.environment
        # Packages are installed with their bytecode; ours, run from the source tree, keeps it too.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        env["PYTHONPATH"] = os.pathsep.join([str(WORK.parents[1]), env.get("PYTHONPATH", "")])
        folder = WORK / "models" / self.model
        command = [self.python, "-m", "benchmarks.worker", self.system, self.model, str(folder)]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [*command, str(self.batch), count],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("w"),
            text=True,
            env=env,
        )
        try:
            self._answer()
        except Failed as failure:
            self.fail(str(failure))

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"ended with code {self.process.wait()}; see {self.log.name}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """Give one order and wait for its answer; raises Failed."""
        assert self.process.stdin is not None
        print(json.dumps({"do": do, **order}), file=self.process.stdin, flush=True)
        return self._answer()

    def fail(self, why: str) -> None:
        """Note why this system has no row and end its process."""
        self.error = why
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End the process."""
        if self.process.poll() is None:
            assert self.process.stdin is not None
            print(json.dumps({"do": "quit"}), file=self.process.stdin, flush=True)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()

    @property
    def done(self) -> bool:
        """Whether enough has been measured."""
        return len(self.times) >= MIN_CALLS or sum(self.times) >= MAX_SECONDS

    def row(self) -> dict[str, Any]:
        """What was measured, times in milliseconds."""
        if self.error is not None or not self.times:
            return {"error": self.error or "nothing measured"}
        return {
            "median_ms": median(self.times) * 1e3,
            "min_ms": min(self.times) * 1e3,
            "calls": len(self.times),
            **self.answers,
        }


def _workers(systems: list[str], model: str, batch: int, threads: int) -> list[Process]:
    logs = WORK / "logs"
    return [
        Process(name, model, batch, threads, logs / f"{model}-{batch}-{name}.txt")
        for name in systems
    ]


def measure(systems: list[str], model: str, batch: int, threads: int) -> dict[str, Any]:
    """One row of the table: all systems on one model at one batch size, taking turns."""
    workers = _workers(systems, model, batch, threads)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            _guarded(worker, "check")
            difference = worker.answers.get("difference", 0.0)
            if worker.error is None and difference > TOLERANCE:
                worker.fail(f"differs from eager by {difference:.1e} of the largest value")
        while any(not worker.done and worker.error is None for worker in workers):
            for worker in workers:
                if not worker.done:
                    time.sleep(PAUSE)
                    _guarded(worker, "block", calls=BLOCK, seconds=BLOCK_SECONDS)
    finally:
        for worker in workers:
            worker.stop()
    return {worker.system: worker.row() for worker in workers}


def measure_once(
    order: str,
    system: str,
    model: str,
    batch: int,
    threads: int,
    environment: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The answer of a fresh process to one order: ``memory`` or ``first``."""
    (worker,) = _workers([system], model, batch, threads)
    worker.environment = environment or {}
    try:
        worker.start()
        _guarded(worker, order)
    finally:
        worker.stop()
    return {"error": worker.error} if worker.error is not None else worker.answers


def _guarded(worker: Process, order: str, **options: Any) -> None:
    """Give an order; a failure ends this worker alone and is kept as its row."""
    if worker.error is not None:
        return
    try:
        answer = worker.ask(order, **options)
    except (Failed, BrokenPipeError) as failure:
        worker.fail(str(failure))
        return
    worker.times.extend(answer.pop("times", []))
    worker.answers.update(answer)

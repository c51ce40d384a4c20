"""Runs a script on both versions and compares what it fetched, step by step."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dy2st.errors import MigrateError
from dy2st.migrate import runner
from dy2st.migrate.config import Settings

RECORDER = Path(__file__).with_name("recorder.py")
Record = dict[str, Any]


@dataclass
class Difference:
    """The first value that is not equal, or why the runs cannot be compared."""

    step: int
    place: str
    text: str


@dataclass
class Result:
    """What a comparison found: values compared, the largest relative difference, the first one."""

    values: int
    largest: float
    first: Difference | None

    @property
    def digits(self) -> float:
        """To how many decimal digits the runs agree."""
        return 9.0 if self.largest <= 1e-9 else -math.log10(self.largest)


def run_recorder(python: str, jobs: list[dict[str, Any]], timeout: int) -> None:
    """Run scripts with an interpreter under the recorder; raises MigrateError when that fails."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder, "plan.json")
        plan.write_text(json.dumps({"jobs": jobs}))
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        try:
            done = subprocess.run(
                [python, str(RECORDER), str(plan)],
                capture_output=True,
                text=True,
                timeout=timeout,
                env=environment,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MigrateError(f"{python}: {error}") from error
        missing = [j["script"] for j in jobs if not os.path.exists(j["record"])]
        if missing:
            raise MigrateError(f"{python} did not finish {missing[0]}:\n{done.stderr[-2000:]}")


def _flat(value: dict[str, Any]) -> Iterator[float]:
    for item in value["data"]:
        yield float(item)


def compare(old: Record, new: Record, rtol: float) -> Result:
    """Compare two records step by step; values near 0 are measured against their array's largest.

    Shapes must be equal. The first difference ends the comparison.
    """
    compared, largest = 0, 0.0
    for number, (a, b) in enumerate(zip(old["steps"], new["steps"], strict=False)):
        place = f"{a['place']} (now {b['place']})"
        if a["kind"] != b["kind"] or len(a["values"]) != len(b["values"]):
            text = (
                f"{a['kind']} of {len(a['values'])} values, now {b['kind']} of {len(b['values'])}"
            )
            return Result(compared, largest, Difference(number, place, text))
        for u, v in zip(a["values"], b["values"], strict=True):
            if u["shape"] != v["shape"]:
                text = f"shape {u['shape']}, now {v['shape']}"
                return Result(compared, largest, Difference(number, place, text))
            worst, pair = _worst(u, v)
            compared += 1
            largest = max(largest, worst)
            if not worst <= rtol:
                text = f"{pair[0]:.8g}, now {pair[1]:.8g} (relative difference {worst:.2g})"
                return Result(compared, largest, Difference(number, place, text))
    if len(old["steps"]) != len(new["steps"]):
        text = f"{len(old['steps'])} fetches, now {len(new['steps'])}"
        return Result(compared, largest, Difference(len(new["steps"]), "", text))
    return Result(compared, largest, None)


def _worst(u: dict[str, Any], v: dict[str, Any]) -> tuple[float, tuple[float, float]]:
    pairs = list(zip(_flat(u), _flat(v), strict=True))
    scale = max([abs(x) for x, _ in pairs if math.isfinite(x)], default=0.0)
    worst, found = 0.0, (0.0, 0.0)
    for x, y in pairs:
        if x == y or (math.isnan(x) and math.isnan(y)):
            continue
        difference = abs(x - y) / max(scale, 1e-6)
        if not difference <= worst:
            worst, found = difference, (x, y)
    return worst, found


def migrate_copy(script: str, target: str) -> runner.Summary:
    """Migrate the script's folder into ``target``."""
    settings = Settings(paths=[os.path.dirname(os.path.abspath(script))], out=target, cache=False)
    return runner.Runner(settings, lambda done, total: None).run()


def verify(
    script: str,
    arguments: tuple[str, ...],
    old_python: str,
    new_python: str,
    rtol: float,
    timeout: int,
) -> int:
    """Print how far the two runs agree; 0 when they do, 2 when not.

    Raises MigrateError when one of them does not run.
    """
    with tempfile.TemporaryDirectory() as folder:
        copied = os.path.join(folder, "new")
        summary = migrate_copy(script, copied)
        if summary.open_points:
            print(f"{summary.open_points} open points remain; the new run may fail")
        jobs = {}
        for name, path in (
            ("old", script),
            ("new", os.path.join(copied, os.path.basename(script))),
        ):
            jobs[name] = {
                "script": os.path.abspath(path),
                "arguments": list(arguments),
                "record": os.path.join(folder, name + ".json"),
            }
        jobs["new"]["initial"] = jobs["old"]["record"]
        run_recorder(old_python, [jobs["old"]], timeout)
        old = json.loads(Path(str(jobs["old"]["record"])).read_text())
        if old["error"]:
            raise MigrateError(f"the original fails on Paddle 1.8:\n{old['error']}")
        run_recorder(new_python, [jobs["new"]], timeout)
        new = json.loads(Path(str(jobs["new"]["record"])).read_text())
    return report(old, new, rtol)


def report(old: Record, new: Record, rtol: float) -> int:
    """Print the comparison and return the exit code."""
    result = compare(old, new, rtol)
    if new["error"]:
        sys.stdout.write(f"the migrated program fails:\n{new['error']}\n")
    if result.first is not None:
        first = result.first
        sys.stdout.write(f"step {first.step + 1}, {first.place}: {first.text}\n")
    if new["error"] or result.first is not None:
        return 2
    sys.stdout.write(
        f"equal: {result.values} values in {len(old['steps'])} steps agree to "
        f"{result.digits:.1f} digits\n"
    )
    return 0

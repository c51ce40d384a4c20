"""Runs a script on both versions and compares what it fetched, step by step."""

from __future__ import annotations

import ast
import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dy2st.errors import MigrateError
from dy2st.migrate import models, runner
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
    lost: Difference | None = None  # from this step on, draws of the old run cannot be replayed

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
        except OSError as error:
            raise MigrateError(f"{python}: {error.strerror or error}") from error
        except subprocess.TimeoutExpired as error:
            what = f"{jobs[0]['script']} did not end within {timeout} seconds (--timeout)"
            raise MigrateError(f"{python}: {what}") from error
        missing = [j["script"] for j in jobs if not os.path.exists(j["record"])]
        if missing:
            said = done.stderr.strip()[-2000:] or f"it ended with {done.returncode}"
            raise MigrateError(f"{python} did not finish {missing[0]}:\n{said}")


def load(path: str | Path) -> Record:
    """A record with its large arrays, which lie beside it, in place."""
    import numpy as np

    record: Record = json.loads(Path(path).read_text())
    if not os.path.exists(f"{path}.arrays"):
        return record
    stack: list[Any] = [record]
    while stack:
        value = stack.pop()
        if isinstance(value, dict) and "at" in value:
            count = math.prod(value["shape"])
            value["data"] = np.memmap(
                f"{path}.arrays", value["dtype"], "r", offset=value["at"], shape=(count,)
            )
        elif isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list) and value and isinstance(value[0], (dict, list)):
            stack.extend(value)
    return record


def _numbers(value: dict[str, Any]) -> Any:
    """An entry's numbers in float64, in one dimension."""
    import numpy as np

    data = value["data"]
    if isinstance(data, list):
        data = [float(v) for v in data]
    return np.asarray(data, "float64")


def compare(old: Record, new: Record, rtol: float) -> Result:
    """Compare two records step by step; values near 0 are measured against their array's largest.

    Shapes must be equal. The first difference ends the comparison, and so does the first random
    draw that could not be replayed: what comes after it is not comparable.
    """
    lost = _lost(old, new)
    result = Result(0, 0.0, None)
    for number, (a, b) in enumerate(zip(old["steps"], new["steps"], strict=False)):
        if lost is not None and number >= lost[0].step:
            break
        place = f"{a['place']} (now {b['place']})"
        before = result.values, result.largest
        text = _step(a, b, rtol, result)
        if text:
            result.values, result.largest = before
            result.first = Difference(number, place, text + _other_feed(a, b))
            return result
    if lost is not None:
        if lost[1]:
            result.first = lost[0]
        else:
            result.lost = lost[0]
    elif len(old["steps"]) != len(new["steps"]):
        text = f"{len(old['steps'])} fetches, now {len(new['steps'])}"
        result.first = Difference(len(new["steps"]), "", text)
    return result


def _step(a: dict[str, Any], b: dict[str, Any], rtol: float, result: Result) -> str:
    """Count one step's values in ``result``; says how it differs, if it does."""
    if a["kind"] != b["kind"] or len(a["values"]) != len(b["values"]):
        return f"{a['kind']} of {len(a['values'])} values, now {b['kind']} of {len(b['values'])}"
    for u, v in zip(a["values"], b["values"], strict=True):
        if u["shape"] != v["shape"]:
            return f"shape {u['shape']}, now {v['shape']}"
        worst, found = _worst(u, v)
        result.values += 1
        result.largest = max(result.largest, worst)
        if not worst <= rtol:
            return f"{found} (relative difference {worst:.2g})"
    return ""


def _other_feed(a: dict[str, Any], b: dict[str, Any]) -> str:
    """A note where the two runs of a program were not fed the same."""
    fed, now = a.get("fed", {}), b.get("fed", {})
    for name in sorted(set(fed) & set(now)):
        if not math.isclose(fed[name], now[name], rel_tol=1e-5, abs_tol=1e-6):
            return (
                f"; {name} is fed other data than in the old run (its sum is {now[name]}, was"
                f" {fed[name]}): seed what makes it, verify seeds random and numpy.random only"
            )
    return ""


def _lost(old: Record, new: Record) -> tuple[Difference, bool] | None:
    """The first draw that was not replayed, and whether that is a difference of its own."""
    found = [*old.get("lost", []), *new.get("lost", [])]
    if not found:
        return None
    first = min(found, key=lambda entry: entry["step"])
    return Difference(first["step"], first["place"], first["what"]), first["wrong"]


def _worst(u: dict[str, Any], v: dict[str, Any]) -> tuple[float, str]:
    """The largest difference, relative to the largest number of the array, and its two numbers."""
    import numpy as np

    if "text" in (u["dtype"], v["dtype"]):
        same = u["data"] == v["data"]
        return (0.0, "") if same else (math.inf, f"{u['data'][:3]}, now {v['data'][:3]}")
    x, y = _numbers(u), _numbers(v)
    finite = np.abs(x[np.isfinite(x)])
    scale = max(float(finite.max(initial=0.0)), 1e-6)
    with np.errstate(invalid="ignore"):
        apart = np.abs(x - y) / scale
    apart[(x == y) | (np.isnan(x) & np.isnan(y))] = 0.0
    apart[np.isnan(apart)] = math.inf
    if not apart.size:
        return 0.0, ""
    at = int(apart.argmax())
    return float(apart[at]), f"{x[at]:.8g}, now {y[at]:.8g}"


def migrate_copy(script: str, target: str) -> runner.Summary:
    """Migrate the script's folder into ``target``."""
    settings = Settings(paths=[os.path.dirname(os.path.abspath(script))], out=target, cache=False)
    return runner.Runner(settings, lambda done, total: None).run()


def open_points(script: str, summary: runner.Summary) -> dict[str, int]:
    """How many stay in the script and in each file that it may import, by name."""
    folder = os.path.dirname(os.path.abspath(script))
    todo, reached = [os.path.basename(script)], set()
    counts = {os.path.relpath(o.path, folder): len(o.open_points) for o in summary.outcomes}
    while todo:
        path = todo.pop()
        reached.add(path)
        names = imported_names(os.path.join(folder, path))
        for other in counts.keys() - reached - set(todo):
            if names & set(other.removesuffix(".py").split("/")):
                todo.append(other)
    return {path: counts[path] for path in sorted(reached) if counts.get(path)}


def imported_names(path: str) -> set[str]:
    """All parts of the names that a file imports."""
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {part for alias in node.names for part in alias.name.split(".")}
            found |= set((getattr(node, "module", None) or "").split("."))
    return found - {""}


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
        for place, count in open_points(script, summary).items():
            points = "open point remains" if count == 1 else "open points remain"
            print(f"{count} {points} in {place}; the new run may fail")
        jobs = {}
        for name, path in (
            ("old", script),
            ("new", os.path.join(copied, os.path.basename(script))),
        ):
            jobs[name] = {
                "script": os.path.abspath(path),
                "arguments": list(arguments),
                "record": os.path.join(folder, name + ".json"),
                "old": name == "old",
            }
        jobs["new"]["initial"] = jobs["old"]["record"]
        here, base = os.getcwd(), os.path.dirname(os.path.abspath(script))
        if os.path.commonpath([here, base]) == base:  # so that it sees no file of the old run
            jobs["new"]["folder"] = os.path.join(copied, os.path.relpath(here, base))
            rewrite_models(new_python, copied)
        run_recorder(old_python, [jobs["old"]], timeout)
        old = load(str(jobs["old"]["record"]))
        if old["error"]:
            raise MigrateError(f"the original fails on Paddle 1.8:\n{old['error']}")
        run_recorder(new_python, [jobs["new"]], timeout)
        new = load(str(jobs["new"]["record"]))
        result = compare(old, new, rtol)
        if result.first is not None and not new["error"] and not new.get("exit"):
            moved = {**jobs["new"], "nudge": True, "record": os.path.join(folder, "moved.json")}
            run_recorder(new_python, [moved], timeout)
            blame_rounding(result, compare(new, load(str(moved["record"])), rtol))
    return report(old, new, result)


def rewrite_models(python: str, folder: str) -> None:
    """Write the inference models of 1.8 in a folder again; says which cannot be."""
    for model in models.old_models(folder):
        try:
            models.convert(python, model)
        except MigrateError as error:
            print(error.message)


def blame_rounding(result: Result, moved: Result) -> None:
    """Call values not comparable where rounding decides them.

    ``moved`` compares the migrated run with one whose first parameters were moved by their last
    digit. Where that changes a value as early, the difference to the old run says nothing.
    """
    first = result.first
    if first is None or moved.first is None or moved.first.step > first.step:
        return
    text = (
        f"{first.text}, but rounding decides here: once the first parameters are moved by their"
        f" last digit, the migrated program's own values differ: {moved.first.text}"
    )
    result.first, result.lost = None, Difference(first.step, first.place, text)


def report(old: Record, new: Record, result: Result) -> int:
    """Print the comparison and return the exit code: 0 only where all is equal."""
    say = sys.stdout.write
    problems = _problems(old, new, result)
    for problem in problems:
        say(problem + "\n")
    equal = f"{result.values} values in {{}} steps agree to {result.digits:.1f} digits\n"
    if result.lost is not None and result.values:
        say("before it, " + equal.format(result.lost.step))
    if problems:
        return 2
    say("equal: " + equal.format(len(old["steps"])))
    return 0


def _problems(old: Record, new: Record, result: Result) -> list[str]:
    """What keeps two runs from being called equal."""
    found = []
    if new["error"]:
        found.append(f"the migrated program fails:\n{new['error'].rstrip()}")
    if result.first is not None:
        first = result.first
        found.append(f"step {first.step + 1}, {first.place}: {first.text}")
    if result.lost is not None:
        lost = result.lost
        found.append(f"not comparable from step {lost.step + 1} on, {lost.place}: {lost.text}")
    ends = old.get("exit", 0), new.get("exit", 0)
    if ends[0] != ends[1] and not new["error"]:
        found.append(f"the original ends with exit code {ends[0]}, the migrated with {ends[1]}")
    if not found and not result.values:
        found.append(
            "nothing was compared: the program fetches no value, reads no tensor with numpy() and"
            " calls no backward(); what it prints is not looked at"
        )
    return found

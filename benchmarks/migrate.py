"""How fast the migration is: the official tool and ours on the same trees, in one run.

The trees are made from the programs of ``tests/fixtures/fluid``, so that nothing is fetched.
Run by ``make bench-migrate``.
"""

from __future__ import annotations

import argparse
import compileall
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAMS = sorted((ROOT / "tests/fixtures/fluid").glob("*.py"))


def fluid_tree(folder: Path, count: int) -> int:
    """``count`` files that use fluid, all different; returns their lines."""
    lines = 0
    for number in range(count):
        text = PROGRAMS[number % len(PROGRAMS)].read_text()
        text = "\n".join([text, f"def copy_{number}():", f"    return {number}", ""])
        path = folder / f"part_{number // 50}" / f"file_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        lines += text.count("\n")
    return lines


def mixed_tree(folder: Path, count: int) -> int:
    """A tree where one file in twenty uses Paddle; the others are Python's own library style."""
    plain = Path(os.__file__).parent
    sources = [p for p in sorted(plain.glob("*.py")) if b"paddle" not in p.read_bytes()][:95]
    lines = fluid_tree(folder, count // 20)
    for number in range(count - count // 20):
        text = sources[number % len(sources)].read_text(encoding="utf-8")
        path = folder / f"lib_{number // 100}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        lines += text.count("\n")
    return lines


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds on the clock, and of all processors together."""

    wall: float
    processor: float


def processor_seconds() -> float:
    """Processor time of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(command: list[str], environment: dict[str, str], limit: int) -> Cost:
    """What a command takes; raises TimeoutExpired past the limit."""
    start, before = time.perf_counter(), processor_seconds()
    subprocess.run(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=limit,
        check=False,
    )
    return Cost(time.perf_counter() - start, processor_seconds() - before)


def own_environment() -> dict[str, str]:
    """The environment of our tool; its bytecode is on disk, as pip leaves the official tool's."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def ours(tree: Path, state: Path, *extra: str) -> Cost:
    """What our tool takes on a tree."""
    environment = {**own_environment(), "XDG_STATE_HOME": str(state), "XDG_CACHE_HOME": str(state)}
    command = [sys.executable, "-m", "dy2st.cli.migrate", str(tree), "--quiet", "--jobs", "2"]
    return timed([*command, *extra], environment, 600)


def warm_up(state: Path) -> None:
    """The first run on a machine, on one small file: it keeps rows and helpers in a form read faster."""
    for package in ("migrate", "cli"):
        compileall.compile_dir(ROOT / "dy2st" / package, quiet=2)
    small = state / "small"
    small.mkdir()
    code = "import paddle.fluid as fluid\ny = fluid.layers.fc(fluid.data('x', [2, 3]), 4)\n"
    (small / "one.py").write_text(code)
    ours(small, state)


def official(tool: str, tree: Path) -> Cost:
    """What the official tool takes on a tree, in place."""
    return timed(
        [tool, "-i", str(tree), "-w", "--no-confirm", "--no-log-file", "-p", "2"],
        dict(os.environ),
        600,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", help="the official tool's command")
    parser.add_argument("--files", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--peer-files", type=int, default=60, help="what the slow tool is given")
    arguments = parser.parse_args()
    print(
        "# How fast the migration is\n\nPrinted by `make bench-migrate`; no number is typed by hand."
    )
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, 2 processes.")
    print("Ratios are of the time for one file, by the clock and of all processors together.\n")
    heads = ["tree", "tool", "files", "s", "files/s", "lines/s", "ratio", "processor s", "ratio"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
    for name, make in (("all use fluid", fluid_tree), ("one in twenty", mixed_tree)):
        base = peer_row(name, make, arguments) if arguments.official else None
        for count in arguments.files:
            with tempfile.TemporaryDirectory() as folder:
                tree = Path(folder, "tree")
                warm_up(Path(folder))
                lines = make(tree, count)
                row(name, "paddle-migrate", count, lines, ours(tree, Path(folder)), base)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        lines = mixed_tree(tree, 5000)
        ours(tree, Path(folder))
        ours(tree, Path(folder))  # looks at what the first one wrote
        row("5,000 files again", "paddle-migrate", 5000, lines, ours(tree, Path(folder)), None)
        shutil.rmtree(tree)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\nlargest process: {peak:.0f} MB (the official tool's among them)")
    help_text = [sys.executable, "-m", "dy2st.cli.migrate", "--help"]
    environment = own_environment()
    best = min(timed(help_text, environment, 60).wall for _ in range(5))
    print(f"--help: {best:.2f} s")


def peer_row(name: str, make: Callable[[Path, int], int], arguments: argparse.Namespace) -> Cost:
    """Print the official tool's row; returns its cost of one file."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        lines = make(tree, arguments.peer_files)
        cost = official(arguments.official, tree)
    return row(name, "official", arguments.peer_files, lines, cost, None)


def row(tree: str, tool: str, files: int, lines: int, cost: Cost, base: Cost | None) -> Cost:
    """Print one row; returns the cost of one file."""
    one = Cost(cost.wall / files, cost.processor / files)
    ratios = ["", ""]
    if base is not None:
        ratios = [f"{base.wall / one.wall:.1f}", f"{base.processor / one.processor:.1f}"]
    cells = [tree, tool, str(files), f"{cost.wall:.2f}", f"{1 / one.wall:.1f}"]
    cells += [f"{lines / cost.wall:.0f}", ratios[0], f"{cost.processor:.2f}", ratios[1]]
    print("| " + " | ".join(cells) + " |", flush=True)
    return one


if __name__ == "__main__":
    main()

"""How fast the migration is: the official tool and ours on the same trees, in one run.

The trees are made from the programs of ``tests/fixtures/fluid``, so that nothing is fetched.
Run by ``make bench-migrate``.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
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


def timed(command: list[str], environment: dict[str, str], limit: int) -> float:
    """Seconds that a command takes; raises TimeoutExpired past the limit."""
    start = time.perf_counter()
    subprocess.run(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=limit,
        check=False,
    )
    return time.perf_counter() - start


def ours(tree: Path, state: Path, *extra: str) -> float:
    """Seconds of our tool on a tree."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.update(XDG_STATE_HOME=str(state), XDG_CACHE_HOME=str(state))
    command = [sys.executable, "-m", "dy2st.cli.migrate", str(tree), "--quiet", "--jobs", "2"]
    return timed([*command, *extra], environment, 600)


def warm_up(state: Path) -> None:
    """The first run on a machine, on one small file: it keeps the table in a form read faster."""
    small = state / "small"
    small.mkdir()
    (small / "one.py").write_text("import paddle.fluid as fluid\n")
    ours(small, state)


def official(tool: str, tree: Path) -> float:
    """Seconds of the official tool on a tree, in place."""
    return timed(
        [tool, "-i", str(tree), "-w", "--no-confirm", "--no-log-file", "-p", "2"],
        dict(os.environ),
        600,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", help="the official tool's command")
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--peer-files", type=int, default=60, help="what the slow tool is given")
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, 2 processes")
    print("| tree | tool | files | files/s | lines/s | ratio |\n|---|---|---|---|---|---|")
    for name, make in (("all use fluid", fluid_tree), ("one in twenty", mixed_tree)):
        base = 0.0
        if arguments.official:
            with tempfile.TemporaryDirectory() as folder:
                tree = Path(folder, "tree")
                lines = make(tree, arguments.peer_files)
                base = row(
                    name,
                    "official",
                    arguments.peer_files,
                    lines,
                    official(arguments.official, tree),
                    0,
                )
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder, "tree")
            warm_up(Path(folder))
            lines = make(tree, arguments.files)
            row(name, "paddle-migrate", arguments.files, lines, ours(tree, Path(folder)), base)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        lines = mixed_tree(tree, 5000)
        ours(tree, Path(folder))
        ours(tree, Path(folder))  # looks at what the first one wrote
        row("5,000 files again", "paddle-migrate", 5000, lines, ours(tree, Path(folder)), 0)
        shutil.rmtree(tree)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\nlargest process: {peak:.0f} MB (the official tool's among them)")
    help_text = [sys.executable, "-m", "dy2st.cli.migrate", "--help"]
    best = min(timed(help_text, {**os.environ, "PYTHONPATH": str(ROOT)}, 60) for _ in range(5))
    print(f"--help: {best:.2f} s")


def row(tree: str, tool: str, files: int, lines: int, seconds: float, base: float) -> float:
    """Print one row; returns files a second."""
    rate = files / seconds
    ratio = f"{rate / base:.1f}" if base else ""
    print(
        f"| {tree} | {tool} | {files} | {rate:.1f} | {lines / seconds:.0f} | {ratio} |", flush=True
    )
    return rate


if __name__ == "__main__":
    main()

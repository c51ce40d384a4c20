"""Measure systems against each other and print tables.

    python -m benchmarks --only resnet50,lstm --batch 1 --systems ours,openvino

measures the speed of a part; without options everything is measured, and docs/benchmarks.md, its
chart and the table in README.md are written. What was measured is kept as JSON under
benchmarks/.work, and every table is printed from there (--write prints them again).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable

from benchmarks import document
from benchmarks.measure import WORK
from benchmarks.models import MODELS
from benchmarks.sections import SECTIONS, Request
from benchmarks.systems import SYSTEMS


def _names(text: str | None, known: Iterable[str], what: str) -> list[str]:
    everything = list(known)
    if text is None:
        return everything
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in everything:
            raise SystemExit(f"no {what} {name!r}; there are {', '.join(everything)}")
    return names


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", help=f"models out of {','.join(MODELS)}")
    parser.add_argument("--batch", help="batch sizes, separated by commas; default 1,8")
    parser.add_argument("--systems", help=f"systems out of {','.join(SYSTEMS)}")
    parser.add_argument("--what", help=f"parts out of {','.join(SECTIONS)}")
    parser.add_argument("--threads", type=int, default=2, help="threads of every system")
    parser.add_argument("--write", action="store_true", help="write the documents in any case")
    return parser.parse_args()


def main() -> None:
    """Measure what the command line asks for."""
    arguments = _arguments()
    partial = any((arguments.only, arguments.batch, arguments.systems))
    parts = _names(arguments.what, SECTIONS, "part")
    if arguments.what is None and (partial or arguments.write):
        parts = ["speed"] if partial else []
    request = Request(
        _names(arguments.only, MODELS, "model"),
        [int(text) for text in (arguments.batch or "1,8").split(",")],
        _names(arguments.systems, SYSTEMS, "system"),
        arguments.threads,
    )
    WORK.mkdir(parents=True, exist_ok=True)
    for part in parts:
        SECTIONS[part](request)
    if arguments.write or not (partial or arguments.what):
        document.write()


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}\n{error.stderr or ''}")

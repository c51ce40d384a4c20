"""``python -m benchmarks``: measure systems against each other and print the table.

    python -m benchmarks --only resnet50,lstm --batch 1 --systems ours,openvino

Without options all models, batches and systems run. What was measured is kept as JSON under
``benchmarks/.work`` and every table is printed from there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks import report
from benchmarks.measure import WORK, measure
from benchmarks.models import MODELS
from benchmarks.prepare import prepare
from benchmarks.systems import SYSTEMS


def _names(text: str, known: dict[str, object], what: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise SystemExit(f"no {what} {name!r}; there are {', '.join(known)}")
    return names


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default=",".join(MODELS), help="models, separated by commas")
    parser.add_argument("--batch", default="1,8", help="batch sizes, separated by commas")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="systems, likewise")
    parser.add_argument("--threads", type=int, default=2, help="threads of every system")
    return parser.parse_args()


def main() -> None:
    """Measure what the command line asks for."""
    arguments = _arguments()
    models = _names(arguments.only, dict(MODELS), "model")
    systems = _names(arguments.systems, dict(SYSTEMS), "system")
    batches = [int(text) for text in arguments.batch.split(",")]
    WORK.mkdir(parents=True, exist_ok=True)
    for model in models:
        prepare(model, systems, batches)
        for batch in batches:
            row = measure(systems, model, batch, arguments.threads)
            report.store(model, batch, row)
            report.print_row(model, batch, row)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}\n{error.stderr or ''}")

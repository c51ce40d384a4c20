"""Prints docs/migrate-coverage.md: every row, and whether a numeric comparison shows it."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))
import examples
from test_table import ROWS, shown_rows


def main() -> None:
    """Print the page."""
    shown = shown_rows()
    recorded = examples.recorded()
    ran = Counter(n.split("#")[0] for n, r in recorded.items() if r["ok"])
    states = Counter(r.status for r in ROWS)
    proven = sum(1 for r in ROWS if r.status == "safe" and r.id in shown)
    print("# What the migration knows\n")
    print("Printed by `make docs-migrate` from the table and the recordings of Paddle 1.8.5.\n")
    print(
        f"{len(ROWS)} names: {states['safe']} safe ({proven} shown by numbers, the others compute"
    )
    print(f"nothing), {states['unsafe']} unsafe, {states['open']} open.\n")
    print("| name | status | becomes | comparisons | note |\n|---|---|---|---|---|")
    for row in sorted(ROWS, key=lambda r: r.old):
        new = row.new or (f"`fluid_compat.{row.helper}`" if row.helper else "")
        proof = str(ran[row.old] or ("in programs" if row.id in shown else ""))
        note = (row.note or (row.recipe if row.status == "open" else "")).replace("|", "\\|")
        print(f"| {row.old} | {row.status} | {new} | {proof} | {note} |")


if __name__ == "__main__":
    main()

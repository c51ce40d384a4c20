"""Keeps what was measured as JSON and prints tables from it."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from benchmarks.measure import WORK
from benchmarks.models import BY_NAME
from benchmarks.systems import SYSTEMS

RESULTS = WORK / "results.json"
PEERS = [name for name, system in SYSTEMS.items() if system.peer]


def machine() -> str:
    """The machine's processor and cores, as the reader of a table needs them."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        model = next((ln.split(":", 1)[1].strip() for ln in lines if "model name" in ln), model)
    return f"{model}, {len(os.sched_getaffinity(0))} cores"


def stored() -> dict[str, Any]:
    """All that has been measured so far: section, then row, then system."""
    if not RESULTS.exists():
        return {}
    data: dict[str, Any] = json.loads(RESULTS.read_text())
    return data


def store(section: str, key: str, row: dict[str, Any]) -> None:
    """Replace a row; the machine is noted beside it."""
    data = stored()
    data["machine"] = machine()
    # The load of the minute before: the systems take turns, so more than one row's own work.
    data["load"] = max(float(data.get("load", 0.0)), os.getloadavg()[0])
    data.setdefault(section, {})[key] = row
    RESULTS.write_text(json.dumps(data, indent=1))


def best_peer(row: dict[str, Any]) -> tuple[str, float] | None:
    """The peer with the smallest median and that median."""
    times = [(row[n]["median_ms"], n) for n in PEERS if "median_ms" in row.get(n, {})]
    if not times:
        return None
    value, name = min(times)
    return name, value


def ratios(row: dict[str, Any]) -> tuple[float | None, float | None]:
    """Ours over the best peer, and ``paddle.jit.to_static`` over ours."""
    ours = row.get("ours", {}).get("median_ms")
    peer = best_peer(row)
    static = row.get("to_static", {}).get("median_ms")
    to_peer = ours / peer[1] if ours and peer else None
    to_static = static / ours if ours and static else None
    return to_peer, to_static


def print_row(model: str, batch: int, row: dict[str, Any]) -> None:
    """Print one measured row for a person."""
    print(f"{BY_NAME[model].title}, batch {batch}")
    for name, cell in row.items():
        title = SYSTEMS[name].title
        if "error" in cell:
            print(f"  {title:27} {cell['error']}")
            continue
        print(
            f"  {title:27} median {cell['median_ms']:9.3f} ms   min {cell['min_ms']:9.3f} ms"
            f"   difference {cell['difference']:.1e}"
        )
    to_peer, to_static = ratios(row)
    if to_peer:
        print(f"  ours / best peer {to_peer:.2f}", end="")
    if to_static:
        print(f"   to_static / ours {to_static:.1f}", end="")
    print(flush=True)


def print_cells(title: str, row: dict[str, Any], field: str, scale: float, unit: str) -> None:
    """Print one figure of each system."""
    print(title)
    for name, cell in row.items():
        value = f"{cell[field] * scale:9.2f} {unit}" if field in cell else cell.get("error")
        print(f"  {name:27} {value}")
    print(flush=True)

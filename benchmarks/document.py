"""Writes docs/benchmarks.md, its chart and the table in README.md from what was measured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from benchmarks.chart import chart
from benchmarks.models import BY_NAME, OVERHEAD
from benchmarks.report import PEERS, best_peer, ratios, stored
from benchmarks.systems import SYSTEMS

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"

HOW = """\
Printed by `make bench`; no number is typed by hand. Machine: {machine}, 2 threads.

Every system runs in a process of its own with its best settings for two threads and latency, on the
same weights and inputs, and its results are compared with Paddle eager first (at most 1e-4 of the
largest value). The processes take turns in blocks of at least five calls; the first call of a block
only wakes the threads and is not counted. A figure is the median (in parentheses the minimum) over
at least 30 calls or 20 s. Peers get the model through paddle2onnx 2.1, the LSTM and the decoder as
graphs built with `onnx.helper`. All sizes are known to the peers when they compile.
"""


def _ms(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "not run"
    if "median_ms" not in cell:
        return "fails"
    return f"{cell['median_ms']:.2f} ({cell['min_ms']:.2f})"


def _ratio(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _lines(header: list[str], rows: list[list[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *rows]) + "\n"


def _title(key: str) -> str:
    model, _, batch = key.partition("/")
    return f"{BY_NAME[model].title}, batch {batch}" if batch else BY_NAME[model].title


def speed_table(rows: dict[str, Any]) -> str:
    """All systems, milliseconds."""
    header = ["model", *(system.title for system in SYSTEMS.values())]
    header += ["dy2st / best peer", "to_static / dy2st"]
    body = []
    for key, row in rows.items():
        to_peer, to_static = ratios(row)
        cells = [_ms(row.get(name)) for name in SYSTEMS]
        body.append([_title(key), *cells, _ratio(to_peer), _ratio(to_static, 1)])
    return _lines(header, body)


def short_table(rows: dict[str, Any]) -> str:
    """What the README shows: ours, the best peer, Paddle's to_static and the ratios."""
    header = ["model", "dy2st", "best peer", "paddle.jit.to_static", "dy2st / best peer"]
    body = []
    for key, row in rows.items():
        peer = best_peer(row)
        named = f"{peer[1]:.1f} ms ({SYSTEMS[peer[0]].title})" if peer else "-"
        cells = [_short(row.get("ours")), named, _short(row.get("to_static"))]
        body.append([_title(key), *cells, _ratio(ratios(row)[0])])
    return _lines(header, body)


def _short(cell: dict[str, Any] | None) -> str:
    return f"{cell['median_ms']:.1f} ms" if cell and "median_ms" in cell else "-"


def _cells_table(rows: dict[str, Any], field: str, scale: float, names: dict[str, str]) -> str:
    body = []
    for key, row in rows.items():
        cells = [
            f"{row[name][field] * scale:.2f}" if field in row.get(name, {}) else "-"
            for name in names
        ]
        body.append([_title(key), *cells])
    return _lines(["model", *names.values()], body)


def document(data: dict[str, Any]) -> str:
    """The text of docs/benchmarks.md."""
    titles = {name: system.title for name, system in SYSTEMS.items()}
    parts = ["# Benchmarks\n", HOW.format(machine=data["machine"]), _busy(data)]
    if "speed" in data:
        parts += ["## Time of a call (ms)\n", speed_table(data["speed"])]
        parts += ["![time relative to the best peer](benchmarks.svg)\n"]
        parts += [_failures(data["speed"])]
    if "overhead" in data:
        row = data["overhead"][OVERHEAD]
        cells = [
            f"{cell['median_ms'] * 1e3:.1f}" if "median_ms" in cell else "-"
            for cell in (row.get(name, {}) for name in SYSTEMS)
        ]
        parts += ["## A call that does nothing (microseconds)\n"]
        parts += ["`x + 1.0` for one number: the way into a call and out of it.\n"]
        parts += [_lines(["", *titles.values()], [["median", *cells]])]
    if "first" in data:
        names = {"ours": "dy2st, cold cache", "ours_warm": "dy2st, warm cache", **titles}
        names["ours"] = "dy2st, cold cache"
        parts += ["## Time to the first result (s), batch 1\n"]
        parts += [
            "From the layer (for the peers: from the file) to the first result, in a fresh process "
            "that has imported the system.\n"
        ]
        parts += [_cells_table(data["first"], "first_s", 1.0, names)]
    if "memory" in data:
        parts += ["## Peak memory of a call (MiB)\n"]
        parts += [
            "Growth of the resident size over just before the first call with this batch size, in a "
            "fresh process. Every system has compiled for the batch size by then (Paddle's own have "
            "run another), and weights are not counted.\n"
        ]
        parts += [_cells_table(data["memory"], "growth", 2.0**-20, titles)]
        parts += ["Packed copies of weights that dy2st holds beside Paddle's own (MiB):\n"]
        parts += [_cells_table(data["memory"], "packed", 2.0**-20, {"ours": "dy2st"})]
    return "\n".join(parts)


def _busy(data: dict[str, Any]) -> str:
    """A warning where other work ran beside the benchmark, from the load average."""
    load, cores = float(data.get("load", 0.0)), len(os.sched_getaffinity(0))
    if load <= cores + 1:
        return ""
    return (
        f"**Other work kept this machine busy** (load average up to {load:.1f} on {cores} cores): times "
        "are too high and uneven. The systems took turns, so the ratios say more than the times.\n"
    )


def _failures(rows: dict[str, Any]) -> str:
    lines = [
        f"- {_title(key)}, {SYSTEMS[name].title}: {cell['error']}"
        for key, row in rows.items()
        for name, cell in row.items()
        if "error" in cell
    ]
    return "\n".join(["Systems that could not run a model:\n", *lines, ""]) if lines else ""


def write() -> None:
    """Write the three documents."""
    data = stored()
    if "speed" not in data:
        raise SystemExit("nothing has been measured yet")
    (ROOT / "docs" / "benchmarks.md").write_text(document(data))
    (ROOT / "docs" / "benchmarks.svg").write_text(
        chart({_title(key): row for key, row in data["speed"].items()}, PEERS)
    )
    readme = ROOT / "README.md"
    text = readme.read_text()
    if BEGIN in text and END in text:
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        note = f"Medians on {data['machine']}, 2 threads; [how and the rest](docs/benchmarks.md).\n"
        note += _busy(data)
        table = short_table(data["speed"])
        readme.write_text(f"{before}{BEGIN}\n{table}\n{note}{END}{after}")

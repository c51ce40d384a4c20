"""The chart of the benchmark: a bar a system, as long as its time over the best peer's."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from benchmarks.report import best_peer
from benchmarks.systems import SYSTEMS

COLORS = {
    "ours": "#d1495b",
    "onnxruntime": "#30638e",
    "openvino": "#00798c",
    "inference": "#7f8fa9",
    "to_static": "#b8b8b8",
    "eager": "#dadada",
}
LEFT, WIDTH, BAR, GAP, TOP = 190, 560, 11, 14, 56
LONGEST = 8.0  # longer bars are cut off and say how long they are


def chart(rows: dict[str, Any], peers: list[str]) -> str:
    """An SVG of all ``rows`` (title to systems' figures); 1.0 is the best of ``peers``."""
    parts: list[str] = []
    y = TOP
    for title, row in rows.items():
        peer = best_peer(row)
        if peer is None:
            continue
        bars = [name for name in SYSTEMS if "median_ms" in row.get(name, {})]
        middle = y + BAR * len(bars) / 2 + 4
        parts.append(f'<text x="{LEFT - 10}" y="{middle}" text-anchor="end">{escape(title)}</text>')
        for name in bars:
            parts.append(_bar(name, row[name]["median_ms"] / peer[1], y))
            y += BAR
        y += GAP
    one = LEFT + WIDTH / LONGEST
    parts.append(f'<line x1="{one}" y1="{TOP - 6}" x2="{one}" y2="{y}" stroke="#222"/>')
    names = ", ".join(SYSTEMS[name].title for name in peers)
    heading = f"time of a call over the best of {names} (line: 1.0); shorter is better"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 70}" '
            f'height="{y + 10}" font-family="sans-serif" font-size="11">',
            '<rect width="100%" height="100%" fill="white"/>',
            f'<text x="10" y="18" font-size="12">{escape(heading)}</text>',
            *_legend(),
            *parts,
            "</svg>\n",
        ]
    )


def _bar(name: str, ratio: float, y: float) -> str:
    length = min(ratio, LONGEST) / LONGEST * WIDTH
    return (
        f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 1}" fill="{COLORS[name]}"/>'
        f'<text x="{LEFT + length + 4:.1f}" y="{y + BAR - 2}" font-size="9">{ratio:.2f}</text>'
    )


def _legend() -> list[str]:
    parts, x = [], 10
    for name, system in SYSTEMS.items():
        parts.append(f'<rect x="{x}" y="28" width="10" height="10" fill="{COLORS[name]}"/>')
        parts.append(f'<text x="{x + 14}" y="37">{escape(system.title)}</text>')
        x += 30 + 6 * len(system.title)
    return parts

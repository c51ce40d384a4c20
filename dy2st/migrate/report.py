"""The report of a run as JSON, Markdown, HTML, SARIF or text: every change, every open point."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import dy2st
from dy2st.errors import MigrateUsageError
from dy2st.migrate.engine import Outcome
from dy2st.migrate.model import Change, OpenPoint
from dy2st.migrate.points import POINTS
from dy2st.migrate.runner import Summary

FORMATS = {".json": "json", ".md": "markdown", ".html": "html", ".htm": "html", ".sarif": "sarif"}


def headline(summary: Summary) -> str:
    """The first line: converted of found, open, unknown, unreadable."""
    files = sum(1 for o in summary.outcomes if o.found or o.changed)
    text = f"converted {summary.converted} of {summary.found} uses in {files} files"
    text += f"; {summary.open_points} open points, {summary.unknown} of them unknown"
    if summary.errors:
        text += f"; {len(summary.errors)} files with errors"
    return text


def as_dict(summary: Summary) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "headline": headline(summary),
        "converted": summary.converted,
        "found": summary.found,
        "open": summary.open_points,
        "unknown": summary.unknown,
        "errors": len(summary.errors),
        "markers": summary.markers,
        "files_scanned": summary.scanned,
        "written": summary.written,
        "created": summary.created,
        "files": [o.as_dict() for o in summary.outcomes],
    }


def write(summary: Summary, path: str) -> None:
    """Write the report whose kind the name's ending says; raises MigrateUsageError for others."""
    kind = FORMATS.get(os.path.splitext(path)[1].lower())
    if kind is None:
        raise MigrateUsageError(f"--report {path}: the name must end in {', '.join(FORMATS)}")
    text = {"json": to_json, "markdown": to_markdown, "html": to_html, "sarif": to_sarif}[kind]
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(text(summary))


def to_json(summary: Summary) -> str:
    """JSON."""
    return json.dumps(as_dict(summary), indent=2, ensure_ascii=False) + "\n"


def to_markdown(summary: Summary) -> str:
    """Markdown."""
    lines = ["# Migration report", "", headline(summary), ""]
    for outcome in _worth_showing(summary):
        lines += [f"## {outcome.path}", ""]
        if outcome.error:
            lines += [f"**line {outcome.error_line}: {outcome.error}**", ""]
        lines += [f"- {note}" for note in outcome.notes]
        if outcome.open_points:
            lines += [
                "",
                "| line | rule | open point | why | what to do |",
                "|---|---|---|---|---|",
            ]
            lines += [
                "| "
                + " | ".join(_cell(v) for v in (p.line, p.rule, p.old, p.reason, p.recipe))
                + " |"
                for p in outcome.open_points
            ]
        if outcome.changes:
            lines += ["", "| line | rule | was | is | why |", "|---|---|---|---|---|"]
            lines += [
                "| " + " | ".join(_cell(v) for v in (c.line, c.rule, c.old, c.new, c.reason)) + " |"
                for c in outcome.changes
            ]
        lines.append("")
    return "\n".join(lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _worth_showing(summary: Summary) -> Iterator[Outcome]:
    for outcome in summary.outcomes:
        if outcome.found or outcome.error or outcome.changed or outcome.notes:
            yield outcome


_STYLE = """:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em}
table{border-collapse:collapse;width:100%;margin:.5em 0 1em}
td,th{border:1px solid #8884;padding:.3em .5em;text-align:left;vertical-align:top}
code{font:13px ui-monospace,monospace}.e{color:#c22}details{margin:.3em 0}
summary{cursor:pointer;font-weight:600}.n{display:flex;gap:1em;flex-wrap:wrap;padding:0}
.n li{list-style:none;border:1px solid #8884;border-radius:.4em;padding:.3em 1em}
.n b{display:block;font-size:1.5em}"""


def to_html(summary: Summary) -> str:
    """One page without anything from elsewhere: numbers, what is left by cause, then each file."""
    from html import escape

    parts = ["<!doctype html><html lang=en><meta charset=utf-8>"]
    parts.append("<meta name=viewport content='width=device-width'><title>Migration report</title>")
    parts.append(f"<style>{_STYLE}</style><h1>Migration report</h1>")
    parts.append(f"<p>{escape(headline(summary))}</p><ul class=n>")
    numbers = (
        ("found", summary.found),
        ("converted", summary.converted),
        ("open", summary.open_points - summary.unknown),
        ("unknown", summary.unknown),
        ("files with errors", len(summary.errors)),
    )
    parts += [f"<li><b>{number}</b>{name}</li>" for name, number in numbers]
    parts.append("</ul>")
    left = _by_cause(summary)
    if left:
        parts.append("<h2>What is left, by cause</h2>")
        parts.append(_table(("uses", "rule", "old name", "why", "what to do"), left))
    parts.append("<h2>Files</h2>")
    parts += [_file_part(outcome) for outcome in _worth_showing(summary)]
    return "\n".join(parts) + "\n</html>\n"


def _by_cause(summary: Summary) -> list[tuple[Any, ...]]:
    """The open points counted by what they are, the most frequent first."""
    found: dict[tuple[str, ...], int] = {}
    for outcome in summary.outcomes:
        for p in outcome.open_points:
            key = (p.rule, p.old, p.reason, p.recipe)
            found[key] = found.get(key, 0) + 1
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [(number, *key) for key, number in ordered]


def _file_part(outcome: Outcome) -> str:
    from html import escape

    opened = " open" if outcome.open_points or outcome.error else ""
    counts = f"{len(outcome.changes)} changed, {len(outcome.open_points)} open"
    parts = [f"<details{opened}><summary>{escape(outcome.path)} ({counts})</summary>"]
    if outcome.error:
        parts.append(f"<p class=e>line {outcome.error_line}: {escape(outcome.error)}</p>")
    parts += [f"<p>{escape(note)}</p>" for note in outcome.notes]
    if outcome.open_points:
        rows = [(p.line, p.rule, p.old, p.reason, p.recipe) for p in outcome.open_points]
        parts.append(_table(("line", "rule", "open point", "why", "what to do"), rows))
    if outcome.changes:
        parts.append("<table><tr><th>line<th>rule<th>was<th>is<th>why</tr>")
        for c in outcome.changes:
            new = f"<code>{escape(c.new)}</code>"
            link = f'<a href="{escape(c.link)}">{new}</a>' if c.link else new
            parts.append(
                f"<tr><td>{c.line}<td>{c.rule}<td><code>{escape(c.old)}</code>"
                f"<td>{link}<td>{escape(c.reason)}</tr>"
            )
        parts.append("</table>")
    parts.append("</details>")
    return "\n".join(parts)


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    from html import escape

    lines = ["<table><tr>" + "".join(f"<th>{h}" for h in head) + "</tr>"]
    for row in rows:
        lines.append("<tr>" + "".join(f"<td>{escape(str(v))}" for v in row) + "</tr>")
    return "\n".join(lines) + "</table>"


def to_sarif(summary: Summary) -> str:
    """SARIF 2.1.0: open points are warnings, errors are errors, changes are notes."""
    results = []
    for outcome in summary.outcomes:
        if outcome.error:
            results.append(
                _result("PM300", "error", outcome.error, outcome.path, outcome.error_line)
            )
        for p in outcome.open_points:
            text = f"{p.old}: {p.reason}. {p.recipe}"
            results.append(_result(p.rule, "warning", text, outcome.path, p.line, p.column))
        for c in outcome.changes:
            text = f"{c.old} became {c.new}. {c.reason}"
            results.append(_result(c.rule, "note", text, outcome.path, c.line, c.column))
    ids = sorted({str(r["ruleId"]) for r in results})
    for result in results:
        result["ruleIndex"] = ids.index(result["ruleId"])
    driver = {
        "name": "paddle-migrate",
        "semanticVersion": dy2st.__version__,
        "rules": [{"id": i, "shortDescription": {"text": _about(i, summary)}} for i in ids],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
        ],
    }
    return json.dumps(log, indent=2) + "\n"


def _result(
    rule: str, level: str, text: str, path: str, line: int, column: int = 0
) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": _uri(path)},
        "region": {"startLine": max(line, 1), "startColumn": column + 1},
    }
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }


def _uri(path: str) -> str:
    """A path as a URI: relative to where the tool ran, or a file's."""
    from urllib.parse import quote

    text = quote(path.replace(os.sep, "/").encode("utf-8", "surrogateescape"))
    return f"file://{text}" if os.path.isabs(path) else text


def _about(number: str, summary: Summary) -> str:
    """What one number means: the rule's sentence, or the old name of its row."""
    if number in POINTS:
        return POINTS[number]
    for outcome in summary.outcomes:
        items: list[OpenPoint | Change] = [*outcome.open_points, *outcome.changes]
        for item in items:
            if item.rule == number:
                return item.old
    return number


def diff(path: str, old: bytes | None, new: bytes) -> bytes:
    """A unified diff of one file in its own encoding, as ``git apply`` reads it.

    ``old`` is None for a file that is not there yet.
    """
    import difflib

    name = path.lstrip("/").encode("utf-8", "surrogateescape")
    first = b"/dev/null" if old is None else b"a/" + name
    lines = difflib.diff_bytes(
        difflib.unified_diff, _lines(old or b""), _lines(new), first, b"b/" + name
    )
    return b"".join(
        line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"
        for line in lines
    )


def _lines(text: bytes) -> list[bytes]:
    """Lines as patch tools see them: only a line feed ends one, a form feed or a lone CR does not."""
    parts = text.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])

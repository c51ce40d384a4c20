"""What the command line's commands do and print."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dy2st.errors import MigrateUsageError
from dy2st.migrate import config, engine, report, runner, scan, state, table
from dy2st.migrate.model import Options
from dy2st.migrate.points import POINTS
from dy2st.migrate.printing import Print, printer
from dy2st.migrate.rules import BY_METHOD, BY_NAME, SCANS, Rule, load_all

_MAX_SHOWN = 200


def run(paths: tuple[str, ...], given: dict[str, Any]) -> int:
    """The main command; returns the exit code."""
    given = dict(given)
    given["compat"] = False if given.pop("no_compat") else None
    given["cache"] = False if given.pop("no_cache") else None
    given = {
        k: (None if v is False and k not in ("compat", "cache") else v) for k, v in given.items()
    }
    start = paths[0] if paths[0] != "-" else os.getcwd()
    settings = config.merge({**given, "paths": paths}, start)
    for path in settings.report:
        if os.path.splitext(path)[1].lower() not in report.FORMATS:
            raise MigrateUsageError(f"--report {path}: ends in none of {', '.join(report.FORMATS)}")
    _check_rules(settings)
    if "-" in paths:
        if len(paths) > 1:
            raise MigrateUsageError("standard input (-) cannot be mixed with paths")
        return _run_stdin(settings)
    if settings.out and (settings.check or settings.diff):
        raise MigrateUsageError("--out writes and --check and --diff do not")
    with _progress(settings.quiet) as update:
        summary = runner.Runner(settings, update).run()
    _show(summary, settings)
    return summary.exit_code(settings)


def _check_rules(settings: config.Settings) -> None:
    """Refuse a pattern of --select or --ignore that no rule and no row answers to."""
    if not settings.select and not settings.ignore:
        return
    rules, rows = all_rules(), table.load().rows
    known = [*(r.id for r in rules), *(r.id for r in rows), *POINTS]
    names = {*(r.name for r in rules), *(n for r in rows for n in (r.old, *r.aliases))}
    for option, patterns in (("--select", settings.select), ("--ignore", settings.ignore)):
        for pattern in patterns:
            if pattern not in names and not any(i.startswith(pattern) for i in known):
                raise MigrateUsageError(f"{option} {pattern}: no rule has that number or name")


def _run_stdin(settings: config.Settings) -> int:
    raw = sys.stdin.buffer.read()
    options = Options(
        settings.unsafe,
        settings.compat,
        tuple(settings.select),
        tuple(settings.ignore),
        settings.mark,
    )
    outcome = engine.migrate(raw, "<stdin>", options, None, scan.prescan([raw]))
    summary = runner.Summary([outcome], scanned=1)
    summary.originals["<stdin>"] = raw
    if settings.diff:
        if outcome.changed:
            assert outcome.new is not None
            sys.stdout.buffer.write(report.diff(outcome.path, raw, outcome.new))
    elif not settings.check:
        sys.stdout.buffer.write(outcome.new if outcome.new is not None else raw)
        sys.stdout.flush()
    _print_points(summary, settings, printer(sys.stderr))
    _write_reports(summary, settings)
    return summary.exit_code(settings)


@contextmanager
def _progress(quiet: bool) -> Iterator[Any]:
    """A bar on a terminal, nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("migrating"), BarColumn(), MofNCompleteColumn())
    # drawn from here, not by a thread of its own: processes are forked meanwhile
    bar = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
    drawn = 0.0

    def update(done: int, total: int) -> None:
        nonlocal drawn
        bar.update(task, completed=done, total=total)
        if time.monotonic() > drawn + 0.1:
            bar.refresh()
            drawn = time.monotonic()

    with bar:
        task = bar.add_task("files", total=None)
        yield update


def _show(summary: runner.Summary, settings: config.Settings) -> None:
    if settings.diff:
        for outcome in summary.outcomes:
            if outcome.new is not None:
                old = summary.originals[outcome.path]
                sys.stdout.buffer.write(report.diff(outcome.path, old, outcome.new))
        for path, text in summary.helper_files.items():
            there = Path(path).read_bytes() if os.path.exists(path) else None
            sys.stdout.buffer.write(report.diff(os.path.relpath(path), there, text))
        sys.stdout.flush()
    target = sys.stderr if settings.diff else sys.stdout
    _print_points(summary, settings, printer(target))
    _write_reports(summary, settings)


def _write_reports(summary: runner.Summary, settings: config.Settings) -> None:
    for path in settings.report:
        report.write(summary, path)


def _print_points(summary: runner.Summary, settings: config.Settings, show: Print) -> None:
    show(report.headline(summary), "bold")
    if settings.quiet:
        return
    for outcome in summary.errors:
        place = f"{outcome.path}:{outcome.error_line}"
        show(f"{place}: {outcome.error}", "red")
    _print_open(summary, show)
    mentions = sum(o.mentions for o in summary.outcomes)
    if mentions:
        show(f"{mentions} comments or documentation texts speak of fluid; they stay")
    for path in summary.created:
        show(f"wrote {path}")
    if settings.fail_on_markers and summary.markers:
        show(f"{summary.markers} TODO(paddle-migrate) markers are left")


def _print_open(summary: runner.Summary, show: Print) -> None:
    """The open points, so many as a person reads."""
    shown = 0
    for outcome in summary.outcomes:
        for note in outcome.notes:
            show(f"{outcome.path}: {note}")
        for p in outcome.open_points:
            shown += 1
            if shown <= _MAX_SHOWN:
                bucket = "unknown " if p.unknown else ""
                place = f"{outcome.path}:{p.line}:{p.column + 1}"
                show(f"{place}: {bucket}{p.rule} {p.old}: {p.reason}")
                if p.recipe:
                    show(f"    {p.recipe}", "dim")
    if shown > _MAX_SHOWN:
        show(f"... and {shown - _MAX_SHOWN} more (see --report)")


def explain(name: str) -> int:
    """Print what is known of one name or rule."""
    show = printer(sys.stdout)
    load_all()
    rule = next((r for r in all_rules() if name in (r.id, r.name)), None)
    if rule is not None:
        show(_rule_text(rule))
        return 0
    rows = table.load()
    for candidate in (
        name,
        f"paddle.{name}",
        f"paddle.fluid.{name}",
        f"paddle.fluid.layers.{name}",
    ):
        found = rows.find(candidate)
        if found is not None and found[1] == len(candidate.split(".")):
            show(_row_text(found[0]))
            return 0
    found_id = next((r for r in rows.rows if r.id == name), None)
    if found_id is not None:
        show(_row_text(found_id))
        return 0
    if name in POINTS:
        show(f"{name} {POINTS[name]}")
        return 0
    raise MigrateUsageError(f"nothing is known of {name}{_close(name, rows)}")


def _close(name: str, rows: table.Table) -> str:
    """The known names that look most like one that is not known."""
    import difflib

    last = name.rpartition(".")[2]
    whole = difflib.get_close_matches(name, rows.names, 3, 0.8)
    # of the names that end alike the shortest
    parts = {n.rpartition(".")[2]: n for n in sorted(rows.names, key=len, reverse=True)}
    found = [*whole, *(parts[p] for p in difflib.get_close_matches(last, parts, 3, 0.7))]
    found += [
        r.name for r in all_rules() if difflib.SequenceMatcher(None, name, r.name).ratio() > 0.8
    ]
    return f"; did you mean {', '.join(dict.fromkeys(found))}?" if found else ""


def _row_text(row: table.Row) -> str:
    lines = [f"{row.id} {row.old}{row.signature.replace('self, ', '').replace('(self)', '()')}"]
    lines.append(f"  status: {row.status}")
    if row.new:
        lines.append(f"  becomes: {row.new}{row.new_signature.replace('self, ', '')}")
    if row.helper:
        lines.append(f"  or the helper: fluid_compat.{row.helper}")
    if row.rule:
        rule = BY_NAME[row.rule]
        lines.append(f"  by rule: {rule.id} {rule.name}: {_first(rule)}")
    for title, value in (
        ("arguments renamed", row.rename),
        ("arguments without meaning now", row.drop),
        ("plain form only with", {**row.only, **row.keep}),
        ("added to keep the old default", row.add),
        ("also called", row.aliases),
    ):
        if value:
            items = value.items() if isinstance(value, dict) else value
            shown = ", ".join(f"{i[0]} = {i[1]}" if isinstance(i, tuple) else str(i) for i in items)
            lines.append(f"  {title}: {shown}")
    if row.note:
        lines.append(f"  note: {row.note}")
    if row.recipe:
        lines.append(f"  what to do: {row.recipe}")
    for example in row.examples:
        code = example["code"].strip().splitlines()[0]
        lines.append(f"  example: {code}")
        lines.append(f"       to: {_migrated(code)}")
    return "\n".join(lines)


def _migrated(code: str) -> str:
    """The example's expression as this tool rewrites it."""
    text = f"import paddle\nimport paddle.fluid as fluid\nimport fluid_compat\n{code}\n"
    outcome = engine.migrate(text.encode(), "<example>", compat_module="fluid_compat")
    return (outcome.new or text.encode()).decode().strip().splitlines()[-1]


def _first(rule: Rule) -> str:
    return (rule.__doc__ or "").strip().splitlines()[0]


def _rule_text(rule: Rule) -> str:
    lines = [f"{rule.id} {rule.name} ({'safe' if rule.safe else 'unsafe'})", ""]
    lines.append((rule.__doc__ or "").strip())
    for before, after in rule.changes:
        lines += ["", "  before: " + before.replace("\n", "\n          ")]
        lines += ["  after:  " + after.replace("\n", "\n          ")]
    return "\n".join(lines)


def all_rules() -> list[Rule]:
    """Every rule once, by id."""
    load_all()
    found: dict[str, Rule] = {r.id: r for r in BY_NAME.values()}
    found.update({r.id: r for r in SCANS})
    for group in BY_METHOD.values():
        found.update({r.id: r for r in group})
    return [found[i] for i in sorted(found)]


def list_rules() -> int:
    """Print all rules, one a line."""
    show = printer(sys.stdout)
    for rule in all_rules():
        show(f"{rule.id} {rule.name}: {_first(rule)}")
    for number, text in POINTS.items():
        show(f"{number}: {text}")
    return 0


def print_table(markdown: bool, status: str | None) -> int:
    """Print the mapping table."""
    out = []
    if markdown:
        out += ["| old | new | status | note |", "|---|---|---|---|"]
    for row in sorted(table.load().rows, key=lambda r: r.old):
        if status and row.status != status:
            continue
        new = row.new or (f"fluid_compat.{row.helper}" if row.helper else "")
        if row.rule:
            new = f"{new} (rule {row.rule})" if new else f"rule {row.rule}"
        note = row.note or (row.recipe if row.status == "open" else "")
        if markdown:
            out.append(
                "| "
                + " | ".join(c.replace("|", "\\|") for c in (row.old, new, row.status, note))
                + " |"
            )
        else:
            out.append(f"{row.old}\t{new}\t{row.status}\t{note}")
    sys.stdout.write("\n".join(out) + "\n")
    return 0


def undo() -> int:
    """Put back the last run's files."""
    show = printer(sys.stdout)
    try:
        done, refused = state.History(os.getcwd()).undo()
    except FileNotFoundError:
        show("nothing to undo: no run in this folder is remembered")
        return 0
    show(f"put back {len(done)} files")
    for line in refused:
        show(line, "red")
    return 3 if refused else 0

"""Worker processes: each file is rewritten in one, so that a file that ends it ends no run."""

from __future__ import annotations

import gc
import marshal
import os
from collections.abc import Callable, Container

from dy2st.errors import SourceReadError
from dy2st.migrate import engine, notebook, pool, table
from dy2st.migrate.files import OTHERS
from dy2st.migrate.model import Change, Facts, OpenPoint, Options
from dy2st.migrate.project import Project
from dy2st.migrate.rules import load_all
from dy2st.migrate.scan import lines_with_old_names
from dy2st.records import record

_WORTH_A_PROCESS = 4  # files: starting a process costs what one or two of them do
_COLLECT = 200_000  # objects made between two looks for cycles: few trees live for long


@record
class Job:
    """One file for a worker: where its helpers come from and what its project needs."""

    path: str
    shown: str
    compat: str
    facts: Facts


def migrate_file(job: Job, project: Project | None, options: Options) -> engine.Outcome:
    """The outcome for one file on disk; every failure is an outcome with ``error``."""
    try:
        if not os.path.isfile(job.path):
            kind = "a folder" if os.path.isdir(job.path) else "no plain file"
            kind = kind if os.path.lexists(job.path) else "gone"
            return engine.Outcome(job.shown, error=f"cannot be read: {kind}", error_line=1)
        with open(job.path, "rb") as stream:
            raw = stream.read()
    except OSError as error:
        return engine.Outcome(job.shown, error=error.strerror or str(error), error_line=1)
    if job.path.endswith(OTHERS):
        return tell_old_names(raw, job.shown)
    facts = Facts(**vars(job.facts))
    if job.path.endswith(".ipynb"):
        outcome = migrate_notebook(raw, job.shown, options, facts)
    else:
        outcome = engine.migrate(raw, job.path, options, project, facts, job.compat)
        outcome.path = job.shown
    if outcome.changed:
        outcome.old = raw
    return outcome


def tell_old_names(raw: bytes, path: str) -> engine.Outcome:
    """The outcome for a script or a settings file: each line that names 1.x is an open point."""
    outcome = engine.Outcome(path)
    for line, column, name in lines_with_old_names(raw):
        outcome.open_points.append(_not_python(line, column, name))
    outcome.found = len(outcome.open_points)
    return outcome


def migrate_notebook(raw: bytes, path: str, options: Options, facts: Facts) -> engine.Outcome:
    """The outcome for a notebook, whose helpers stand in a cell."""
    try:
        book = notebook.load(raw)
        text, magics = notebook.to_module(book)
    except SourceReadError as error:
        return engine.Outcome(path, error=error.message, error_line=1)
    outcome = engine.migrate(text, path, options, None, facts, "")
    if outcome.new is not None:
        outcome.new = notebook.from_module(outcome.new, book, magics, raw)
    places = notebook.places(text)
    if outcome.error:
        outcome.error = f"{places[outcome.error_line - 1]}: {outcome.error}"
    for point in outcome.open_points:
        point.reason = f"{places[point.line - 1]}: {point.reason}"
    _tell_untouched(notebook.untouched(book), outcome)
    return outcome


def _tell_untouched(lines: list[tuple[int, int, str]], outcome: engine.Outcome) -> None:
    """Shell cells and magic lines that name 1.x are open points."""
    for cell, line, text in lines:
        for _, column, name in lines_with_old_names(text.encode()):
            point = _not_python(line, column, name)
            point.reason = f"cell {cell}, line {line}: {point.reason}"
            outcome.open_points.append(point)
            outcome.found += 1


def _not_python(line: int, column: int, name: str) -> OpenPoint:
    recipe = "change the text by hand; paddle-migrate explain says what became of the name"
    return OpenPoint(
        "PM310", line, column, name, "a name of 1.x in text that is not Python", recipe
    )


def processes(asked: int) -> int:
    """How many processes are worth having where ``asked`` were asked for (0: one a core)."""
    return asked or min(os.cpu_count() or 1, 8)


def run(
    jobs: list[Job],
    count: int,
    roots: list[str],
    paths: Container[str],
    options: Options,
    progress: Callable[[int, int], None],
) -> list[engine.Outcome]:
    """The outcomes of all jobs, in their order, by at most ``count`` processes (0: one a core)."""
    if not jobs:
        return []
    load_all()  # before the processes are forked, so that none of them does it again
    project = Project(roots, paths, table.load())
    count = max(1, min(processes(count), len(jobs) // _WORTH_A_PROCESS))
    results: list[engine.Outcome | None] = [None] * len(jobs)
    finished = 0

    def work(number: int) -> bytes:
        return _packed(migrate_file(jobs[number], project, options))

    def done(number: int, packed: bytes | None) -> None:
        nonlocal finished
        finished += 1
        results[number] = _unpacked(packed) if packed is not None else _dead(jobs[number])
        progress(finished, len(jobs))

    thresholds = gc.get_threshold()
    gc.freeze()  # what is there stays, and no worker's collector touches (and copies) it
    gc.set_threshold(_COLLECT, 20, 20)
    try:
        pool.run(len(jobs), count, work, done)
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
    return [outcome for outcome in results if outcome is not None]


def _dead(job: Job) -> engine.Outcome:
    message = "the worker process died while reading this file"
    return engine.Outcome(job.shown, error=message, error_line=1)


def _packed(outcome: engine.Outcome) -> bytes:
    """An outcome as bytes for the pipe between two processes of one run."""
    values = dict(vars(outcome))
    values["changes"] = [tuple(vars(c).values()) for c in outcome.changes]
    values["open_points"] = [tuple(vars(p).values()) for p in outcome.open_points]
    return marshal.dumps(values)


def _unpacked(packed: bytes) -> engine.Outcome:
    values = marshal.loads(packed)
    values["changes"] = [Change(*v) for v in values["changes"]]
    values["open_points"] = [OpenPoint(*v) for v in values["open_points"]]
    return engine.Outcome(**values)

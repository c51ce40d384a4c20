"""Worker processes: each file is rewritten in one, so that a file that ends it ends no run."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from dy2st.errors import SourceReadError
from dy2st.migrate import engine, notebook, table
from dy2st.migrate.model import Facts, Options
from dy2st.migrate.project import Project
from dy2st.migrate.rules import load_all

_CHUNK = 16
_COLLECT = 200_000  # objects made between two looks for cycles: few trees live for long


@dataclass(frozen=True)
class Job:
    """One file for a worker: where its helpers come from and what its project needs."""

    path: str
    shown: str
    compat: str
    facts: Facts


class _Worker:
    """What a worker process keeps between files."""

    project: Project | None = None
    options = Options()


def _start_worker(roots: list[str], paths: frozenset[str], options: Options) -> None:
    load_all()
    _Worker.project = Project(roots, paths, table.load())
    _Worker.options = options
    gc.set_threshold(_COLLECT, 20, 20)


def _work(jobs: list[Job]) -> list[engine.Outcome]:
    return [migrate_file(job, _Worker.project, _Worker.options) for job in jobs]


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
    facts = Facts(**vars(job.facts))
    if job.path.endswith(".ipynb"):
        outcome = migrate_notebook(raw, job.shown, options, facts)
    else:
        outcome = engine.migrate(raw, job.path, options, project, facts, job.compat)
        outcome.path = job.shown
    if outcome.changed:
        outcome.old = raw
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
    return outcome


def run(
    jobs: list[Job],
    count: int,
    roots: list[str],
    paths: frozenset[str],
    options: Options,
    progress: Callable[[int, int], None],
) -> list[engine.Outcome]:
    """The outcomes of all jobs, in their order, by at most ``count`` processes (0: one a core)."""
    if not jobs:
        return []
    table.load()  # before the processes are forked, so that none of them reads it again
    load_all()
    count = count or min(os.cpu_count() or 1, 8)
    count = max(1, min(count, (len(jobs) + _CHUNK - 1) // _CHUNK))
    chunks = [jobs[start : start + _CHUNK] for start in range(0, len(jobs), _CHUNK)]
    results: dict[str, engine.Outcome] = {}
    gc.collect()
    gc.freeze()  # what is there stays, and no worker's collector touches (and copies) it
    try:
        for outcome in _pool(chunks, count, (roots, paths, options)):
            results[outcome.path] = outcome
            progress(len(results), len(jobs))
    finally:
        gc.unfreeze()
    return [results[job.shown] for job in jobs]


def _pool(
    chunks: list[list[Job]], count: int, arguments: tuple[list[str], frozenset[str], Options]
) -> Iterator[engine.Outcome]:
    """Outcomes as they come; a chunk whose worker died is tried again file by file."""
    context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
    lost: list[list[Job]] = []
    with ProcessPoolExecutor(count, context, _start_worker, arguments) as pool:
        todo: dict[Future[list[engine.Outcome]], list[Job]] = {}
        try:
            for chunk in chunks:
                todo[pool.submit(_work, chunk)] = chunk
        except BrokenProcessPool:
            lost += chunks[len(todo) :]
        while todo:
            done, _ = wait(todo, return_when=FIRST_COMPLETED)
            for future in done:
                chunk = todo.pop(future)
                try:
                    yield from future.result()
                except BrokenProcessPool:
                    lost.append(chunk)
    for chunk in lost:
        if len(chunk) == 1:
            message = "the worker process died while reading this file"
            yield engine.Outcome(chunk[0].shown, error=message, error_line=1)
        else:
            for job in chunk:
                yield from _pool([[job]], 1, arguments)

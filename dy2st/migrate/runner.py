"""A run over many files: find them, rewrite them in worker processes, write what changed."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from dy2st.errors import MigrateUsageError, SourceReadError
from dy2st.migrate import engine, files, helpers, layout, notebook, state, table, vcs
from dy2st.migrate.config import Settings
from dy2st.migrate.model import Facts, Options
from dy2st.migrate.project import Project
from dy2st.migrate.rules import load_all

_MARKER = re.compile(rb"TODO\(paddle-migrate PM\d+\)")
_IMPORT = re.compile(
    rb"(?m)^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+([^\n#]*)|import[ \t]+([^\n#]*))"
)
_FOR_TEST = re.compile(rb"for_test\s*=")
_BY_NAME = re.compile(rb"fetch_list\s*=\s*\[?\s*['\"]")
_HELPER = re.compile(
    rb"CompiledProgram|ParallelExecutor|[pP]y_?[rR]eader|EOFException|DataLoader|_decay\b|lr_warmup"
)
_RATE = re.compile(rb"step_counter|create_global_var|\.Switch\b|create_tensor")
_WORD = re.compile(rb"\w+")
_CHUNK = 16


@dataclass
class Summary:
    """All that a run found and did."""

    outcomes: list[engine.Outcome] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    markers: int = 0
    scanned: int = 0
    originals: dict[str, bytes] = field(default_factory=dict, repr=False)
    helper_files: dict[str, bytes] = field(default_factory=dict, repr=False)  # for --diff
    root: str = ""

    @property
    def found(self) -> int:
        """How many uses of 1.x there were."""
        return sum(o.found for o in self.outcomes)

    @property
    def converted(self) -> int:
        """How many of them were rewritten."""
        return sum(len(o.changes) for o in self.outcomes)

    @property
    def open_points(self) -> int:
        """How many of them stay and need a person."""
        return sum(len(o.open_points) for o in self.outcomes)

    @property
    def unknown(self) -> int:
        """How many of those could not even be decided."""
        return sum(1 for o in self.outcomes for p in o.open_points if p.unknown)

    @property
    def errors(self) -> list[engine.Outcome]:
        """The files that could not be read, parsed or written."""
        return [o for o in self.outcomes if o.error]

    def exit_code(self, settings: Settings) -> int:
        """0, 1, 2 or 3 as the documentation says; the worst wins."""
        if self.errors or self.refused:
            return 3
        if self.open_points or (settings.fail_on_markers and self.markers):
            return 2
        if settings.check and any(o.changed for o in self.outcomes):
            return 1
        return 0


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


def _work(jobs: list[Job]) -> list[engine.Outcome]:
    return [migrate_file(job, _Worker.project, _Worker.options) for job in jobs]


def migrate_file(job: Job, project: Project | None, options: Options) -> engine.Outcome:
    """The outcome for one file on disk; every failure is an outcome with ``error``."""
    try:
        raw = Path(job.path).read_bytes()
    except OSError as error:
        return engine.Outcome(job.shown, error=error.strerror or str(error), error_line=1)
    facts = Facts(**vars(job.facts))
    if job.path.endswith(".ipynb"):
        return migrate_notebook(raw, job.shown, options, facts)
    outcome = engine.migrate(raw, job.path, options, project, facts, job.compat)
    outcome.path = job.shown
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


class Runner:
    """One run with its settings; ``progress`` is told how many files are done."""

    def __init__(self, settings: Settings, progress: Callable[[int, int], None]) -> None:
        self.settings = settings
        self.progress = progress
        self.options = Options(
            settings.unsafe,
            settings.compat,
            tuple(settings.select),
            tuple(settings.ignore),
            settings.mark,
        )
        self.summary = Summary(root=os.getcwd())
        self.compat_used: dict[str, set[str]] = {}

    def run(self) -> Summary:
        """Find, rewrite and write; raises MigrateUsageError for paths that do not exist."""
        selection = files.Selection.make(self.settings.include, self.settings.exclude)
        table.load()
        load_all()
        for path in self.settings.paths:
            if not os.path.lexists(path):
                raise MigrateUsageError(f"no such file or folder: {path}")
            self._run_root(path, selection)
        self._write()
        return self.summary

    # -- rewriting ----------------------------------------------------------------------------

    def _run_root(self, root: str, selection: files.Selection) -> None:
        paths = [os.path.abspath(p) for p in files.discover(root, selection)]
        contents = {p: c for p in paths if (c := _read(p)) is not None}
        self.summary.scanned += len(paths)
        self.summary.markers += sum(len(_MARKER.findall(c)) for c in contents.values())
        tainted = {p: c for p, c in contents.items() if b"paddle" in c}
        is_folder = os.path.isdir(root)
        known_files = frozenset(contents)
        plan = (
            layout.Layout(os.path.abspath(root), known_files, contents.values())
            if is_folder
            else None
        )
        facts = prescan(tainted.values())
        concerned = concerned_files(contents, tainted)
        jobs, cached = [], []
        cache = self._cache(tainted, facts)
        for path in paths:
            content: bytes | None = contents.get(path)
            if content is not None and path not in concerned:
                continue
            known = cache.get(state.digest(content)) if cache and content is not None else None
            if known is not None:
                cached.append(_from_cache(known, self._shown(path)))
                continue
            compat = plan.compat_for(path, contents[path]) if plan and content else ""
            jobs.append(Job(path, self._shown(path), compat, facts))
        names = known_files if is_folder else frozenset()
        outcomes = self._in_workers(jobs, [os.path.abspath(root)], names)
        if cache is not None:
            self._remember(cache, outcomes, contents)
        for job, outcome in zip(jobs, outcomes, strict=True):
            if outcome.helpers and job.compat and plan is not None and outcome.changed:
                target = plan.compat_path(job.path)
                self.compat_used.setdefault(target, set()).update(outcome.helpers)
        for outcome in outcomes:
            if outcome.changed:
                self.summary.originals[outcome.path] = contents[self._absolute(outcome.path)]
        self.summary.outcomes += sorted(outcomes + cached, key=lambda o: o.path)

    def _shown(self, path: str) -> str:
        relative = os.path.relpath(path, self.summary.root)
        return path if relative.startswith("..") else relative

    def _absolute(self, shown: str) -> str:
        return os.path.join(self.summary.root, shown)

    def _cache(self, tainted: dict[str, bytes], facts: Facts) -> state.Cache | None:
        if not self.settings.cache or self.options != Options():
            return None
        key = hashlib.sha256(tool_digest().encode() + repr(facts).encode())
        for path in sorted(tainted):
            key.update(path.encode() + state.digest(tainted[path]).encode())
        return state.Cache(key.hexdigest())

    def _remember(
        self, cache: state.Cache, outcomes: list[engine.Outcome], contents: dict[str, bytes]
    ) -> None:
        for outcome in outcomes:
            content = contents.get(self._absolute(outcome.path))
            if content is not None and not outcome.changed and not outcome.error:
                cache.put(state.digest(content), outcome.as_dict())
        cache.save()

    def _in_workers(
        self, jobs: list[Job], roots: list[str], paths: frozenset[str]
    ) -> list[engine.Outcome]:
        if not jobs:
            return []
        workers = self.settings.jobs or min(os.cpu_count() or 1, 8)
        workers = max(1, min(workers, (len(jobs) + _CHUNK - 1) // _CHUNK))
        chunks = list(_chunks(jobs))
        results: dict[str, engine.Outcome] = {}
        for outcome in self._pool(chunks, workers, roots, paths):
            results[outcome.path] = outcome
            self.progress(len(results), len(jobs))
        return [results[job.shown] for job in jobs]

    def _pool(
        self, chunks: list[list[Job]], workers: int, roots: list[str], paths: frozenset[str]
    ) -> Iterator[engine.Outcome]:
        """Outcomes as they come; a chunk whose worker died is tried again file by file."""
        context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
        arguments = (roots, paths, self.options)
        lost: list[list[Job]] = []
        with ProcessPoolExecutor(workers, context, _start_worker, arguments) as pool:
            todo: dict[Future[list[engine.Outcome]], list[Job]] = {}
            try:
                todo = {pool.submit(_work, chunk): chunk for chunk in chunks}
            except BrokenProcessPool:
                lost += [c for c in chunks if c not in todo.values()]
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
                    yield from self._pool([[job]], 1, roots, paths)

    # -- writing ------------------------------------------------------------------------------

    def _write(self) -> None:
        settings, summary = self.settings, self.summary
        if settings.out:
            self._write_out()
            return
        changed = [o for o in summary.outcomes if o.changed]
        if settings.diff:
            summary.helper_files = self._compat_files(changed)
        if settings.check or settings.diff:
            return
        if not settings.allow_dirty:
            self._refuse_dirty(changed)
        changed = [o for o in changed if not o.error]
        writes: dict[str, tuple[bytes | None, bytes]] = {}
        for path, text in self._compat_files(changed).items():
            writes[path] = (_read(path), text)
        for outcome in changed:
            assert outcome.new is not None
            writes[self._absolute(outcome.path)] = (summary.originals[outcome.path], outcome.new)
        if not writes:
            return
        state.History(summary.root).begin(writes)
        by_path = {self._absolute(o.path): o for o in changed}
        for path, (old, new) in writes.items():
            self._write_one(path, old, new, by_path.get(path))

    def _write_one(
        self, path: str, old: bytes | None, new: bytes, outcome: engine.Outcome | None
    ) -> None:
        try:
            files.replace(path, new)
        except (OSError, files.NotWritable) as error:
            reason = getattr(error, "strerror", None) or str(error)
            if outcome is None:
                outcome = engine.Outcome(self._shown(path))
                self.summary.outcomes.append(outcome)
            outcome.error, outcome.error_line = f"cannot be written: {reason}", 1
            return
        (self.summary.created if old is None else self.summary.written).append(self._shown(path))

    def _refuse_dirty(self, changed: list[engine.Outcome]) -> None:
        refused = vcs.dirty([self._absolute(o.path) for o in changed])
        for outcome in changed:
            if self._absolute(outcome.path) in refused:
                self._refuse(outcome, "has uncommitted changes (commit, or --allow-dirty)")

    def _refuse(self, outcome: engine.Outcome, reason: str) -> None:
        self.summary.refused.append(outcome.path)
        outcome.error, outcome.error_line = reason, 1

    def _compat_files(self, changed: list[engine.Outcome]) -> dict[str, bytes]:
        """The helper modules that the written files import."""
        kept = {self._absolute(o.path) for o in changed}
        found = {}
        for path, names in self.compat_used.items():
            users = [p for p in kept if p.startswith(os.path.dirname(path) + os.sep)]
            if users:
                have = layout.helpers_in(path)
                found[path] = helpers.module_text(names | have).encode()
        return found

    def _write_out(self) -> None:
        """A copy of each root in ``--out``, other files carried along."""
        out = os.path.abspath(self.settings.out)
        for root in self.settings.paths:
            root = os.path.abspath(root)
            if out == root or root.startswith(out + os.sep):
                raise MigrateUsageError(f"--out {self.settings.out} is where the files come from")
            if os.path.isdir(root):
                shutil.copytree(
                    root, out, symlinks=True, dirs_exist_ok=True, ignore=_not_inside(out)
                )
            else:
                os.makedirs(out, exist_ok=True)
                shutil.copy2(root, out)
            base = root if os.path.isdir(root) else os.path.dirname(root)
            changed = [o for o in self.summary.outcomes if o.changed]
            inside = [o for o in changed if self._absolute(o.path).startswith(base + os.sep)]
            for outcome in inside:
                assert outcome.new is not None
                target = os.path.join(out, os.path.relpath(self._absolute(outcome.path), base))
                self._write_one(target, b"", outcome.new, outcome)
            for path, text in self._compat_files(inside).items():
                target = os.path.join(out, os.path.relpath(path, base))
                self._write_one(target, None, text, None)


def _not_inside(out: str) -> Callable[[str, list[str]], set[str]]:
    def ignore(folder: str, names: list[str]) -> set[str]:
        return {n for n in names if os.path.join(os.path.abspath(folder), n) == out or n == ".git"}

    return ignore


def _read(path: str) -> bytes | None:
    try:
        if os.path.isfile(path):
            return Path(path).read_bytes()
    except OSError:
        pass
    return None


def _chunks(jobs: list[Job]) -> Iterator[list[Job]]:
    for start in range(0, len(jobs), _CHUNK):
        yield jobs[start : start + _CHUNK]


def _from_cache(known: dict, shown: str) -> engine.Outcome:  # type: ignore[type-arg]
    from dy2st.migrate.model import OpenPoint

    points = [OpenPoint(**p) for p in known["open"]]
    return engine.Outcome(
        shown, None, known["found"], [], points, known["mentions"], (), known["notes"]
    )


def prescan(contents: Iterable[bytes]) -> Facts:
    """What any file of a project needs of all: found by text, so that no file is parsed twice."""
    facts = Facts()
    for content in contents:
        if b"fluid" not in content:
            continue
        if _FOR_TEST.search(content) or _BY_NAME.search(content) or _HELPER.search(content):
            facts.executor_helper = True
        facts.graph_rate |= bool(_RATE.search(content))
        facts.program_clip |= b"set_gradient_clip" in content
    return facts


def concerned_files(contents: dict[str, bytes], tainted: dict[str, bytes]) -> set[str]:
    """The files that can use 1.x: they speak of Paddle, or import one that can, however far."""
    found = set(tainted)
    words = {p: _imported_words(c) for p, c in contents.items() if p not in found}
    fresh = found
    while fresh:
        names = {_module_name(p) for p in fresh} | {b"."}
        fresh = {p for p, imported in words.items() if not names.isdisjoint(imported)}
        for path in fresh:
            del words[path]
        found |= fresh
    return found


def _module_name(path: str) -> bytes:
    """The last name by which a module is imported."""
    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0]
    return (os.path.basename(folder) if stem == "__init__" else stem).encode()


def _imported_words(content: bytes) -> set[bytes]:
    """Every name in a file's import statements; a lone dot is the package that it lies in."""
    words: set[bytes] = set()
    for match in _IMPORT.finditer(content):
        words.update(_WORD.findall(b" ".join(g for g in match.groups() if g)))
        if match.group(1) and not match.group(1).strip(b"."):
            words.add(b".")
    return words


def tool_digest() -> str:
    """Changes whenever rules, rows or engine do."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in (".py", ".toml"):
            stat = path.stat()
            found.update(f"{path.name}{stat.st_size}{stat.st_mtime_ns}".encode())
    return found.hexdigest()

"""A run over many files: find them, rewrite them in worker processes, write what changed."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Container
from dataclasses import field

from dy2st.errors import MigrateUsageError
from dy2st.migrate import engine, files, helpers, layout, scan, state, vcs, workers
from dy2st.migrate.config import Settings
from dy2st.migrate.model import Facts, OpenPoint, Options
from dy2st.records import record

_WRITERS = 8


@record(frozen=False, eq=False)
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
        self.compat_of: dict[str, str] = {}  # a file to the module of its helpers
        self.bare: set[str] = set()  # those of these modules that are imported by a bare name

    def run(self) -> Summary:
        """Find, rewrite and write; raises MigrateUsageError for paths that do not exist."""
        selection = files.Selection.make(self.settings.include, self.settings.exclude)
        for path in self.settings.paths:
            if not os.path.lexists(path):
                raise MigrateUsageError(f"no such file or folder: {path}")
            self._run_root(path, selection)
        self._write()
        return self.summary

    # -- rewriting ----------------------------------------------------------------------------

    def _run_root(self, root: str, selection: files.Selection) -> None:
        paths = [os.path.abspath(p) for p in files.discover(root, selection)]
        top = os.path.abspath(root)
        seen = scan.Scan(top, paths, self.settings.cache, workers.processes(self.settings.jobs))
        self.summary.scanned += len(paths)
        self.summary.markers += sum(known.markers for known in seen.files.values())
        known_files = frozenset(seen.files)
        plan = layout.Layout(top, seen.files) if os.path.isdir(root) else None
        facts = seen.facts()
        concerned = seen.concerned()
        jobs, cached = [], []
        cache = self._cache(seen, facts)
        for path in paths:
            known = seen.files.get(path)
            if known is not None and path not in concerned and plan is not None:
                continue
            stored = cache.get(known.digest) if cache and known and known.paddle else None
            if stored is not None:
                cached.append(_from_cache(stored, self._shown(path)))
                continue
            compat = plan.compat_for(path) if plan and known else ""
            jobs.append(workers.Job(path, self._shown(path), compat, facts))
        around: Container[str] = known_files
        if plan is None:  # a single file: what it imports is found on the disk
            top, around = files.project_top(top), files.OnDisk()
        outcomes = workers.run(jobs, self.settings.jobs, [top], around, self.options, self.progress)
        if cache is not None:
            self._remember(cache, outcomes, seen)
        for job, outcome in zip(jobs, outcomes, strict=True):
            if plan is not None:
                self._note_helpers(job, outcome, plan)
            if outcome.old is not None:
                self.summary.originals[outcome.path] = outcome.old
        self.summary.outcomes += sorted(outcomes + cached, key=lambda o: o.path)

    def _note_helpers(self, job: workers.Job, outcome: engine.Outcome, plan: layout.Layout) -> None:
        """Remember which module of helpers a file needs, and whether by its bare name."""
        if outcome.helpers and job.compat and outcome.changed:
            self.compat_of[job.path] = plan.compat_path(job.path)
            if not job.compat.startswith("."):
                self.bare.add(self.compat_of[job.path])

    def _shown(self, path: str) -> str:
        relative = os.path.relpath(path, self.summary.root)
        return path if relative.startswith("..") else relative

    def _absolute(self, shown: str) -> str:
        return os.path.join(self.summary.root, shown)

    def _cache(self, seen: scan.Scan, facts: Facts) -> state.Cache | None:
        if not self.settings.cache or self.options != Options():
            return None
        key = hashlib.sha256(state.tool_digest().encode() + repr(facts).encode())
        for path, known in sorted(seen.files.items()):
            if known.paddle:
                key.update(path.encode("utf-8", "surrogateescape") + known.digest.encode())
        return state.Cache(key.hexdigest())

    def _remember(
        self, cache: state.Cache, outcomes: list[engine.Outcome], seen: scan.Scan
    ) -> None:
        for outcome in outcomes:
            known = seen.files.get(self._absolute(outcome.path))
            if known is not None and known.paddle and not outcome.changed and not outcome.error:
                cache.put(known.digest, outcome.as_dict())
        cache.save()

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
        shared: dict[str, tuple[bytes | None, bytes]] = {}
        writes: dict[str, tuple[bytes | None, bytes]] = {}
        for path, text in self._compat_files(changed).items():
            shared[path] = (scan.read_file(path), text)
        for outcome in changed:
            assert outcome.new is not None
            writes[self._absolute(outcome.path)] = (summary.originals[outcome.path], outcome.new)
        if not writes:
            return
        state.History(summary.root).begin({**shared, **writes})
        by_path = {self._absolute(o.path): o for o in changed}
        for part in (shared, writes):  # the helpers before those who import them
            for path, failure in _replace_all(part).items():
                self._note_write(path, part[path][0] is None, failure, by_path.get(path))

    def _note_write(
        self, path: str, created: bool, failure: str, outcome: engine.Outcome | None
    ) -> None:
        if failure:
            if outcome is None:
                outcome = engine.Outcome(self._shown(path))
                self.summary.outcomes.append(outcome)
            outcome.error, outcome.error_line = f"cannot be written: {failure}", 1
            return
        (self.summary.created if created else self.summary.written).append(self._shown(path))

    def _refuse_dirty(self, changed: list[engine.Outcome]) -> None:
        there = [p for p, text in self._compat_files(changed).items() if _differs(p, text)]
        refused = vcs.dirty([*(self._absolute(o.path) for o in changed), *there])
        for outcome in changed:
            path = self._absolute(outcome.path)
            helper = self.compat_of.get(path, "")
            if path in refused:
                self._refuse(outcome, "has uncommitted changes (commit, or --allow-dirty)")
            elif helper in refused:
                reason = f"needs {self._shown(helper)}, which has uncommitted changes"
                self._refuse(outcome, f"{reason} (commit, or --allow-dirty)")

    def _refuse(self, outcome: engine.Outcome, reason: str) -> None:
        self.summary.refused.append(outcome.path)
        outcome.error, outcome.error_line = reason, 1

    def _compat_files(self, changed: list[engine.Outcome]) -> dict[str, bytes]:
        """The helper modules that the written files import."""
        used: dict[str, set[str]] = {}
        for outcome in changed:
            target = self.compat_of.get(self._absolute(outcome.path))
            if target:
                used.setdefault(target, set()).update(outcome.helpers)
        used = {path: names.union(*self._mistaken_for(path, used)) for path, names in used.items()}
        return {
            path: helpers.module_text(names | layout.helpers_in(path)).encode()
            for path, names in used.items()
        }

    def _mistaken_for(self, path: str, used: dict[str, set[str]]) -> list[set[str]]:
        """The helpers of the modules that Python might find instead of this one, or for it.

        Where folders of scripts lie in each other, Python may search both; the first one of that
        name is what every file gets.
        """
        if path not in self.bare:
            return []
        here = os.path.dirname(path) + os.sep
        folders = {p: os.path.dirname(p) + os.sep for p in used if p in self.bare}
        return [used[p] for p, f in folders.items() if here.startswith(f) or f.startswith(here)]

    def _write_out(self) -> None:
        """A copy of each root in ``--out``, other files carried along."""
        out = os.path.abspath(self.settings.out)
        for root in self.settings.paths:
            root = os.path.abspath(root)
            if out == root or root.startswith(out + os.sep):
                raise MigrateUsageError(f"--out {self.settings.out} is where the files come from")
            if os.path.isdir(root):
                self._copy_folder(root, out)
            else:
                import shutil

                os.makedirs(out, exist_ok=True)
                shutil.copy2(root, out)
            base = root if os.path.isdir(root) else os.path.dirname(root)
            changed = [o for o in self.summary.outcomes if o.changed]
            inside = [o for o in changed if self._absolute(o.path).startswith(base + os.sep)]
            for outcome in inside:
                assert outcome.new is not None
                target = os.path.join(out, os.path.relpath(self._absolute(outcome.path), base))
                self._note_write(target, False, _replace(target, None, outcome.new), outcome)
            for path, text in self._compat_files(inside).items():
                target = os.path.join(out, os.path.relpath(path, base))
                self._note_write(target, True, _replace(target, None, text), None)

    def _copy_folder(self, root: str, out: str) -> None:
        """Carry all files along; what cannot be copied (pipes, unreadable files) gets a row."""
        import shutil

        try:
            shutil.copytree(root, out, symlinks=True, dirs_exist_ok=True, ignore=_not_inside(out))
        except shutil.Error as error:
            rows = {self._absolute(o.path): o for o in self.summary.outcomes}
            for source, _, reason in error.args[0]:
                if source not in rows:
                    outcome = engine.Outcome(self._shown(source), error_line=1)
                    outcome.error = f"cannot be copied: {reason}"
                    self.summary.outcomes.append(outcome)


def _not_inside(out: str) -> Callable[[str, list[str]], set[str]]:
    def ignore(folder: str, names: list[str]) -> set[str]:
        return {n for n in names if os.path.join(os.path.abspath(folder), n) == out or n == ".git"}

    return ignore


def _differs(path: str, text: bytes) -> bool:
    """Whether a file is there and would be changed."""
    old = scan.read_file(path)
    return old is not None and old != text


def _replace_all(part: dict[str, tuple[bytes | None, bytes]]) -> dict[str, str]:
    """Write files; for each why that could not be done, or nothing."""
    failures = dict.fromkeys(part, "")
    left = list(part.items())

    def write() -> None:
        while left:
            try:
                path, (old, new) = left.pop()
            except IndexError:  # another thread took the last one
                return
            failures[path] = _replace(path, old, new)

    # each waits for the disk most of the time
    threads = [threading.Thread(target=write) for _ in range(min(_WRITERS, len(part)) - 1)]
    for thread in threads:
        thread.start()
    write()
    for thread in threads:
        thread.join()
    return failures


def _replace(path: str, old: bytes | None, new: bytes) -> str:
    """Write one file; why that could not be done, or nothing."""
    try:
        if old is not None and scan.read_file(path) != old:
            return "it was changed while this run read it"
        files.replace(path, new)
    except (OSError, files.NotWritable) as error:
        return getattr(error, "strerror", None) or str(error)
    return ""


def _from_cache(known: dict, shown: str) -> engine.Outcome:  # type: ignore[type-arg]
    points = [OpenPoint(**p) for p in known["open"]]
    return engine.Outcome(
        shown,
        found=known["found"],
        open_points=points,
        mentions=known["mentions"],
        notes=known["notes"],
    )

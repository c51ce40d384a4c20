"""What a run leaves outside the project: originals for ``undo``, and the cache of clean files."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dy2st.migrate.files import NotWritable, replace


def _folder(variable: str, fallback: str) -> Path:
    base = os.environ.get(variable) or os.path.join(os.path.expanduser("~"), fallback)
    return Path(base, "paddle-migrate")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class History:
    """The originals of one run, for the folder that it was started in."""

    def __init__(self, cwd: str) -> None:
        name = hashlib.sha256(os.path.realpath(cwd).encode()).hexdigest()[:20]
        self.folder = _folder("XDG_STATE_HOME", ".local/state") / name
        self.index = self.folder / "last.json"

    def begin(self, changes: Mapping[str, tuple[bytes | None, bytes]]) -> None:
        """Store every original before the first file is written."""
        blobs = self.folder / "originals"
        blobs.mkdir(parents=True, exist_ok=True)
        entries = []
        for path, (old, new) in changes.items():
            blob = None
            if old is not None:
                blob = _digest(old)
                (blobs / blob).write_bytes(old)
            entries.append({"path": path, "original": blob, "written": _digest(new)})
        replace(str(self.index), json.dumps({"files": entries}).encode())
        used = {e["original"] for e in entries}
        for stale in blobs.iterdir():
            if stale.name not in used:
                stale.unlink()

    def undo(self) -> tuple[list[str], list[str]]:
        """Put back the last run's files; returns those put back, and those that were not and why.

        Raises FileNotFoundError when there is no run to undo.
        """
        entries = json.loads(self.index.read_text())["files"]
        done, refused = [], []
        for entry in entries:
            path = entry["path"]
            try:
                now = Path(path).read_bytes()
            except OSError as error:
                if entry["original"] is not None or not isinstance(error, FileNotFoundError):
                    refused.append(f"{path}: {error.strerror}")
                continue  # a run that was killed had not made it yet, or someone deleted it
            if entry["original"] is not None and _digest(now) == entry["original"]:
                continue
            if _digest(now) != entry["written"]:
                refused.append(f"{path}: changed since the run")
                continue
            try:
                if entry["original"] is None:
                    os.unlink(path)
                else:
                    replace(path, (self.folder / "originals" / entry["original"]).read_bytes())
                done.append(path)
            except (OSError, NotWritable) as error:
                refused.append(f"{path}: {error}")
        if not refused:
            self.index.unlink()
        return done, refused


class Cache:
    """Outcomes of files that a run leaves as they are, by content."""

    def __init__(self, key: str) -> None:
        self.path = _folder("XDG_CACHE_HOME", ".cache") / f"clean-{key[:16]}.json"
        self.known: dict[str, Any]
        self.fresh: dict[str, Any] = {}
        self.known = read_json(self.path) or {}

    def get(self, digest: str) -> Any:
        """The stored outcome of this content, or None."""
        found = self.known.get(digest)
        if found is not None:
            self.fresh[digest] = found
        return found

    def put(self, digest: str, outcome: Any) -> None:
        """Remember an outcome."""
        self.fresh[digest] = outcome

    def save(self) -> None:
        """Write what this run used; a failure to write is no failure of the run."""
        if self.fresh == self.known:
            return
        write_json(self.path, self.fresh)
        drop_stale(self.path.parent, "clean-*.json")


class Index:
    """What is known of the files of one root by their times and sizes."""

    def __init__(self, root: str) -> None:
        name = hashlib.sha256((tool_digest() + root).encode("utf-8", "surrogateescape"))
        self.path = _folder("XDG_CACHE_HOME", ".cache") / f"files-{name.hexdigest()[:16]}.json"
        self.entries: dict[str, Any] = read_json(self.path) or {}

    def save(self, entries: dict[str, Any]) -> None:
        """Write it; a failure to write is no failure of the run."""
        write_json(self.path, entries)
        drop_stale(self.path.parent, "files-*.json")


def read_json(path: Path) -> Any:
    """What a file of ours holds, or None."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_bytes())
    return None


def write_json(path: Path, value: Any) -> None:
    """Keep a value for later runs, where that can be done."""
    with contextlib.suppress(OSError, NotWritable, UnicodeError):
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(value, separators=(",", ":")).encode()
        replace(str(path), text, durable=False)


def drop_stale(folder: Path, pattern: str) -> None:
    """Delete files of ours that no run has written for a week."""
    with contextlib.suppress(OSError):
        for stale in folder.glob(pattern):
            if stale.stat().st_mtime < time.time() - 86400 * 7:
                stale.unlink()


def derived(name: str, make: Callable[[], Any]) -> Any:
    """The JSON value that ``make`` computes from the tool's own files; kept while they stay."""
    target = _folder("XDG_CACHE_HOME", ".cache") / f"{name}-{tool_digest()[:16]}.json"
    value = read_json(target)
    if value is None:
        value = make()
        write_json(target, value)
        drop_stale(target.parent, f"{name}-*.json")
    return value


@functools.cache
def tool_digest() -> str:
    """Changes whenever rules, rows or engine do."""
    found = hashlib.sha256(sys.version.encode())
    for folder, _, names in sorted(os.walk(os.path.dirname(__file__))):
        for name in sorted(names):
            if name.endswith((".py", ".toml")):
                stat = os.stat(os.path.join(folder, name))
                found.update(f"{name}{stat.st_size}{stat.st_mtime_ns}".encode())
    return found.hexdigest()


def digest(data: bytes) -> str:
    """The key of a file's content."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()

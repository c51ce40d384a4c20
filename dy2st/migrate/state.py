"""What a run leaves outside the project: originals for ``undo``, and the cache of clean files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
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
                refused.append(f"{path}: {error.strerror}")
                continue
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
        self.known: dict[str, Any] = {}
        self.fresh: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            self.known = json.loads(self.path.read_text())

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
        with contextlib.suppress(OSError, NotWritable):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace(str(self.path), json.dumps(self.fresh).encode())
            for stale in self.path.parent.glob("clean-*.json"):
                if (
                    stale != self.path
                    and stale.stat().st_mtime < self.path.stat().st_mtime - 86400 * 7
                ):
                    stale.unlink()


def digest(data: bytes) -> str:
    """The key of a file's content."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()

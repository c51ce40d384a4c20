"""Compiled objects on disk: shared by processes, bounded, and never trusted without a checksum.

A file holds a magic, the SHA-256 of the whole key (kernel text, code generator, host, LLVM), the
length and the SHA-256 of the object, then the object. Anything that does not agree is ignored and
written again. Files appear by rename, so a reader never sees half of one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import tempfile
import threading
import time
from pathlib import Path

from dy2st.debug import log

_MAGIC = b"DY2STKO1"
_HEADER = struct.Struct("<8s32sQ32s")
_HOUR, _DAY = 3600.0, 86400.0


def default_folder() -> Path:
    """``DY2ST_CACHE_DIR``, else ``$XDG_CACHE_HOME/dy2st``, else ``~/.cache/dy2st``."""
    chosen = os.environ.get("DY2ST_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "dy2st"


class ObjectCache:
    """Objects by key text; ``folder`` None keeps nothing. Safe with threads and processes."""

    def __init__(self, folder: Path | None, limit_bytes: int = 256 << 20) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._puts = 0

    def get(self, key: str) -> bytes | None:
        """The object stored under ``key``, or None where there is none that can be trusted."""
        if self.folder is None:
            return None
        digest = hashlib.sha256(key.encode()).digest()
        path = self._path(digest)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        payload = _unpack(data, digest)
        if payload is None:
            log(1, f"kernel cache: {path.name} is damaged or foreign, ignored")
            return None
        self._touch(path)
        return payload

    def put(self, key: str, payload: bytes) -> None:
        """Store ``payload``; a folder that cannot be written turns the cache off."""
        if self.folder is None:
            return
        digest = hashlib.sha256(key.encode()).digest()
        header = _HEADER.pack(_MAGIC, digest, len(payload), hashlib.sha256(payload).digest())
        try:
            self._write(self._path(digest), header + payload)
        except OSError as error:
            log(1, f"kernel cache: {self.folder} cannot be written ({error}); memory only")
            self.folder = None
            return
        with self._lock:
            self._puts += 1
            due = self._puts % 64 == 1
        if due and self._pruned_long_ago():
            self.prune()

    def _pruned_long_ago(self) -> bool:
        """Whether no process has looked through the folder for an hour: thousands of files take long."""
        assert self.folder is not None
        stamp = self.folder / ".pruned"
        try:
            if time.time() - stamp.stat().st_mtime < _HOUR:
                return False
        except OSError:
            pass
        with contextlib.suppress(OSError):
            stamp.touch()
        return True

    def prune(self) -> None:
        """Remove the files not used for longest until the folder fits its limit."""
        if self.folder is None:
            return
        entries = []
        with contextlib.suppress(OSError):
            for entry in os.scandir(self.folder):
                stat = entry.stat()
                if entry.name.endswith(".o"):
                    entries.append((stat.st_mtime, stat.st_size, entry.path))
                elif entry.name.endswith(".tmp") and time.time() - stat.st_mtime > _DAY:
                    os.unlink(entry.path)  # what a killed writer left behind
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries, key=lambda e: e[0]):
            if total <= self.limit_bytes:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
            total -= size

    def _path(self, digest: bytes) -> Path:
        assert self.folder is not None
        return self.folder / f"{digest.hex()[:32]}.o"

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise

    @staticmethod
    def _touch(path: Path) -> None:
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _DAY:
                os.utime(path)


def _unpack(data: bytes, digest: bytes) -> bytes | None:
    if len(data) < _HEADER.size:
        return None
    magic, stored, length, checksum = _HEADER.unpack_from(data)
    payload = data[_HEADER.size :]
    if magic != _MAGIC or stored != digest or len(payload) != length:
        return None
    return payload if hashlib.sha256(payload).digest() == checksum else None

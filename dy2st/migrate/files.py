"""Which files a run is about, and how a file is replaced without ever being half written."""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path

from dy2st.records import record

SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache",
     ".pytest_cache", "node_modules", ".ipynb_checkpoints", "site-packages"}
)  # fmt: skip
SUFFIXES = (".py", ".pyw", ".ipynb")
OTHERS = (".sh", ".bash", ".yaml", ".yml", ".json", ".toml", ".cfg", ".ini", ".conf")
_LOOKED_AT = SUFFIXES + OTHERS


@record
class Pattern:
    """One line of a ``.gitignore``, or one ``--include``/``--exclude``."""

    regex: re.Pattern[str]
    negated: bool
    folders_only: bool

    @staticmethod
    def parse(line: str) -> Pattern | None:
        """The pattern that a line means; None for comments and empty lines."""
        line = line.rstrip("\n").rstrip()
        if not line or line.startswith("#"):
            return None
        negated = line.startswith("!")
        line = line[1:] if negated else line
        folders_only = line.endswith("/")
        line = line.rstrip("/")
        anchored = "/" in line
        line = line.lstrip("/")
        body = _translate(line)
        regex = body if anchored else f"(?:.*/)?{body}"
        return Pattern(re.compile(regex + r"\Z"), negated, folders_only)


def _translate(pattern: str) -> str:
    parts: list[str] = []
    for part in pattern.split("/"):
        if part == "**":
            parts.append("(?:.*/)?")
            continue
        inner = fnmatch.translate(part)
        inner = re.sub(r"^\(\?s:(.*)\)\\Z$", r"\1", inner).replace(".*", "[^/]*")
        parts.append(inner + "/")
    text = "".join(parts)
    return text[:-1] if text.endswith("/") and not pattern.endswith("**") else text + ".*"


@record(frozen=False, eq=False)
class Ignore:
    """The ignore rules of a folder and of the folders above it."""

    base: str
    patterns: list[Pattern]
    parent: Ignore | None = None

    def ignored(self, path: str, is_folder: bool) -> bool:
        """Whether the last rule that matches says so."""
        rules: Ignore | None = self
        while rules is not None:
            relative = os.path.relpath(path, rules.base).replace(os.sep, "/")
            for pattern in reversed(rules.patterns):
                if pattern.folders_only and not is_folder:
                    continue
                if pattern.regex.match(relative):
                    return not pattern.negated
            rules = rules.parent
        return False


def read_ignore(folder: str, parent: Ignore | None) -> Ignore | None:
    """``parent`` with the folder's own ``.gitignore`` before it."""
    try:
        text = Path(folder, ".gitignore").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return parent
    found = [p for p in map(Pattern.parse, text.splitlines()) if p is not None]
    return Ignore(folder, found, parent)


@record(frozen=False, eq=False)
class Selection:
    """``--include`` and ``--exclude`` as patterns relative to a root."""

    include: list[Pattern] = field(default_factory=list)
    exclude: list[Pattern] = field(default_factory=list)

    @staticmethod
    def make(include: Iterable[str], exclude: Iterable[str]) -> Selection:
        """Patterns in the language of ``.gitignore``."""

        def parsed(texts: Iterable[str]) -> list[Pattern]:
            return [p for p in map(Pattern.parse, texts) if p is not None]

        return Selection(parsed(include), parsed(exclude))

    def excludes(self, relative: str) -> bool:
        """Whether a file or folder is left out."""
        return any(p.regex.match(relative) for p in self.exclude)

    def includes(self, relative: str) -> bool:
        """Whether a file is taken."""
        return not self.include or any(p.regex.match(relative) for p in self.include)


def discover(root: str, selection: Selection) -> Iterator[str]:
    """The Python files and notebooks below ``root``, sorted; links to folders are not followed.

    Scripts and settings (``OTHERS``) come too: a name of 1.x in them is told.
    """
    if not os.path.isdir(root):
        yield root
        return
    ignore: Ignore | None = None
    for folder in _up_to_repository(root):
        ignore = read_ignore(folder, ignore)
    top = os.path.abspath(root)
    yield from _walk(top, "", ignore, selection)


def _up_to_repository(root: str) -> list[str]:
    """The folders from the repository's top to above ``root``; none outside a repository."""
    folders, folder = [], os.path.abspath(root)
    while not os.path.isdir(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return []
        folders.append(parent)
        folder = parent
    return list(reversed(folders))


class OnDisk:
    """All Python files there are, for runs over single files."""

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and path.endswith(".py") and os.path.isfile(path)


def project_top(path: str) -> str:
    """The folder up to which a single file's imports are looked for: its repository, or its own."""
    own = folder = os.path.dirname(path)
    while not os.path.isdir(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return own
        folder = parent
    return folder


def _walk(folder: str, inside: str, above: Ignore | None, selection: Selection) -> Iterator[str]:
    """``inside`` is the folder relative to the root, with a slash behind it."""
    ignore = read_ignore(folder, above)
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError:
        yield folder  # reported by whoever tries to read it
        return
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if not is_folder and not _is_source(entry):
            continue
        relative = inside + entry.name
        if selection.excludes(relative) or (ignore and ignore.ignored(entry.path, is_folder)):
            continue
        if is_folder:
            is_environment = os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))
            if entry.name not in SKIPPED_FOLDERS and not is_environment:
                yield from _walk(entry.path, relative + "/", ignore, selection)
        elif selection.includes(relative):
            yield entry.path


def _is_source(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(_LOOKED_AT) and not entry.is_symlink()


@functools.cache
def _umask() -> int:
    """The process's mask for new files; asked once, as asking changes it for a moment."""
    umask = os.umask(0)
    os.umask(umask)
    return umask


class NotWritable(Exception):
    """A file that must not be replaced; the message says why."""


def _free_name() -> str:
    return os.urandom(8).hex()


def replace(path: str, data: bytes, durable: bool = True) -> None:
    """Put ``data`` in the place of a file: at any moment the file is the old one or the new one.

    The mode is kept. Not ``durable`` leaves out the wait for the disk (a power cut may lose it). Raises NotWritable for a read-only file and OSError from the system.
    """
    target = os.path.realpath(path)
    mode = None
    with contextlib.suppress(FileNotFoundError):
        mode = stat.S_IMODE(os.stat(target).st_mode)
    if mode is not None and not mode & 0o222:
        raise NotWritable("read-only")
    temporary = os.path.join(os.path.dirname(target), f".paddle-migrate-{_free_name()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        os.chmod(temporary, mode if mode is not None else 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise

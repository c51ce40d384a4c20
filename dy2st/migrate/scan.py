"""What a run must know of every file before any is parsed; kept from run to run.

A file whose size, times and inode are those of the last run is not read again. What was read less
than two seconds after its last change is not kept: a second change might leave the same times.
"""

from __future__ import annotations

import marshal
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from dy2st.errors import SourceReadError
from dy2st.migrate import pool, state
from dy2st.migrate.files import OTHERS
from dy2st.migrate.helpers import MARK
from dy2st.migrate.model import Facts
from dy2st.records import record

_MARKER = re.compile(rb"TODO\(paddle-migrate PM\d+\)")
_FOR_TEST = re.compile(rb"for_test\s*=|\.clone\(\s*True\s*\)")
_CLONE = re.compile(rb"prog(ram)?s?(\(\))?\.clone\(\s*\)")
_BY_NAME = re.compile(rb"fetch_list\s*=\s*\[?\s*['\"]")
_HELPER = re.compile(
    rb"CompiledProgram|ParallelExecutor|[pP]y_?[rR]eader|EOFException|DataLoader|_decay\b|lr_warmup"
)
_RATE = re.compile(rb"step_counter|create_global_var|\.Switch\b|create_tensor")
_PROGRAM = re.compile(
    rb"\bExecutor\(|program_guard\(|\b(fluid|layers|F|L)\.(data|fc|gradients)\(|py_reader"
    rb"|append_backward\(|ParallelExecutor|CompiledProgram|for_test\s*=|create_global_var\("
    rb"|\bProgram\(|default_(main|startup)_program\(\)(?!\.random_seed)|step_counter\("
    rb"|(save|load)_(inference_model|params|persistables|vars)\("
)
_WORD = re.compile(rb"\w+")
_STATEMENT = re.compile(rb"[ \t]*(?:from|import)[ \t]")
_OWN_PACKAGE = re.compile(rb"from[ \t]+\.+[ \t]+import")
_AS = re.compile(rb"\bas[ \t]+([A-Za-z_]\w*)")
_GIVEN = rb"(?m)^(?:[ \t]+|[ \t]*(?:\w+\.)+)([A-Za-z_]\w*)[ \t]*=[ \t]*%s[ \t]*(?:#.*)?\r?$"
_OLD = re.compile(
    rb"\b(?:paddle\.fluid(?:\.\w+)*|fluid\.(?:layers|dygraph|io|optimizer|core|initializer)\.\w+)"
)
_REPORT = b'{\n  "headline": "converted'
_MOST = 1 << 20  # bytes: what is larger holds data
_FIRST = re.compile(rb"[ \t]*(?:from|import)[ \t]+(\w+|\.)")
_HELPER_TEXT = re.compile(rb"(?m)^(?:def|class) _fluid_\w+.*\n(?:[ \t].*\n|\r?\n)*")
_CELLS = re.compile(rb'"cells"\s*:\s*\[')
_YOUNG = 2_000_000_000  # nanoseconds
_WORTH_PROCESSES = 200  # files: two processes cost what some 50 do
_PART = 50  # files that a process takes at a time


@record
class Known:
    """One file: ``digest`` is of its content, "" where that certainly does not speak of Paddle.

    ``words`` are all names in its import statements ("." for its own package), ``firsts`` the first
    parts of the modules that it imports ("." for relative ones), ``facts`` the names of the Facts
    that it makes true, ``kept`` the attributes that it gives a module of 1.x.
    """

    digest: str
    markers: int
    words: tuple[str, ...]
    firsts: tuple[str, ...]
    facts: tuple[str, ...]
    kept: tuple[str, ...] = ()

    @property
    def paddle(self) -> bool:
        """Whether the file speaks of Paddle."""
        return bool(self.digest)


class Scan:
    """The files of one root."""

    def __init__(self, root: str, paths: Iterable[str], keep: bool, processes: int = 1) -> None:
        self.files: dict[str, Known] = {}
        index = state.Index(root) if keep else None
        now = time.time_ns()
        old = index.entries if index else {}
        signatures = {path: found for path in paths if (found := _signature(path)) is not None}
        fresh = [p for p, found in signatures.items() if p not in old or old[p][0] != found]
        looked = _look_at(fresh, processes)
        kept: dict[str, Any] = {}
        for path, signature in signatures.items():
            if path in looked:
                entry = [signature, *looked[path]]
            elif path in old and old[path][0] == signature:
                entry = old[path]
            else:  # it could not be read
                continue
            self.files[path] = Known(entry[1], entry[2], *map(tuple, entry[3:]))
            if max(signature[1], signature[2]) < now - _YOUNG:
                kept[path] = entry
        if index is not None and (looked or len(kept) != len(old)):
            index.save(kept)

    def facts(self) -> Facts:
        """What any file needs of all."""
        found = Facts()
        for known in self.files.values():
            for name in known.facts:
                setattr(found, name, True)
        found.kept = tuple(sorted({k for known in self.files.values() for k in known.kept}))
        found.read_elsewhere = self._read_elsewhere(found.kept)
        return found

    def _read_elsewhere(self, kept: tuple[str, ...]) -> tuple[str, ...]:
        """Those attributes that a file reads which does not set them."""
        if not kept:
            return ()
        read = re.compile(rb"\.(%s)\b" % "|".join(kept).encode())
        found: set[str] = set()
        for path in self.concerned():
            names = {m.decode() for m in read.findall(read_file(path) or b"")}
            found |= names - set(self.files[path].kept)
        return tuple(sorted(found))

    def concerned(self) -> set[str]:
        """The files that can use 1.x: they speak of Paddle, or import one that can, however far."""
        found = {p for p, known in self.files.items() if known.paddle}
        others = {p: known.words for p, known in self.files.items() if not known.paddle}
        fresh = found
        while fresh:
            names = {_module_name(p) for p in fresh if not p.endswith(OTHERS)} | {"."}
            fresh = {p for p, words in others.items() if not names.isdisjoint(words)}
            for path in fresh:
                del others[path]
            found |= fresh
        return found


def _signature(path: str) -> list[int] | None:
    """What changes when a file does; None where there is none."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _look_at(paths: list[str], processes: int) -> dict[str, tuple[Any, ...]]:
    """The fields of Known for each file that can be read; many files are looked at side by side."""
    found: dict[str, tuple[Any, ...]] = {}

    def look_at(part: list[str]) -> list[tuple[str, tuple[Any, ...]]]:
        contents = ((path, read_file(path)) for path in part)
        return [(p, tuple(vars(look(c, p)).values())) for p, c in contents if c is not None]

    if processes < 2 or len(paths) < _WORTH_PROCESSES:
        found.update(look_at(paths))
        return found
    parts = [paths[start : start + _PART] for start in range(0, len(paths), _PART)]

    def done(number: int, packed: bytes | None) -> None:
        found.update(look_at(parts[number]) if packed is None else marshal.loads(packed))

    pool.run(len(parts), processes, lambda number: marshal.dumps(look_at(parts[number])), done)
    return found


def read_file(path: str) -> bytes | None:
    """A plain file's content, None where it cannot be read."""
    try:
        if os.path.isfile(path):
            with open(path, "rb") as stream:
                return stream.read()
    except OSError:
        pass
    return None


def look(content: bytes, path: str = "") -> Known:
    """All that is kept of one file."""
    if path.endswith(OTHERS):
        told = len(content) <= _MOST and any(lines_with_old_names(content))
        return Known(state.digest(content) if told else "", 0, (), (), ())
    statements = list(_import_lines(content))
    found = {m.group(1).decode() for m in map(_FIRST.match, statements) if m}
    firsts = tuple(sorted(found - sys.stdlib_module_names))
    if b"paddle" not in content and not _odd(content, path):
        return Known("", 0, tuple(sorted(_words(statements))), firsts, ())
    facts = prescan([_code(content) if path.endswith(".ipynb") else content])
    true = tuple(name for name, value in vars(facts).items() if value is True)
    markers = len(_MARKER.findall(content))
    return Known(state.digest(content), markers, (), firsts, true, facts.kept)


def _code(content: bytes) -> bytes:
    """The code of a notebook, where an earlier run may have put helpers into a cell."""
    if b"_fluid_" not in content:
        return content
    from dy2st.migrate import notebook

    try:
        return notebook.to_module(notebook.load(content))[0]
    except SourceReadError:
        return content


def lines_with_old_names(content: bytes) -> Iterator[tuple[int, int, str]]:
    """Line, column and text of each name of 1.x in a file that is not Python.

    A report that this tool wrote speaks of nothing else and is left out.
    """
    if b"fluid" not in content or content.startswith(_REPORT):
        return
    for number, line in enumerate(content.splitlines(), 1):
        found = _OLD.search(line)
        if found and b"paddle-migrate: skip" not in line:
            yield number, found.start(), found.group().decode()


def _odd(content: bytes, path: str) -> bool:
    """Whether a file is not what its name says, so that nobody knows whether it speaks of Paddle."""
    if path.endswith(".ipynb"):
        text = content.strip()
        return not (text.startswith(b"{") and text.endswith(b"}") and _CELLS.search(text))
    if b"\0" in content:
        return True
    if content.isascii():
        return False
    try:
        content.decode("utf-8")
    except UnicodeError:
        return True
    return False


def _import_lines(content: bytes) -> Iterator[bytes]:
    at = content.find(b"import")
    while at >= 0:
        start = content.rfind(b"\n", 0, at) + 1
        end = content.find(b"\n", at)
        end = end if end >= 0 else len(content)
        line = content[start:end]
        if _STATEMENT.match(line):
            yield line
        at = content.find(b"import", end)


def _words(statements: list[bytes]) -> set[str]:
    words = {w.decode() for line in statements for w in _WORD.findall(line)}
    if any(_OWN_PACKAGE.search(line) for line in statements):
        words.add(".")
    return words - {"import", "from", "as"}


def _module_name(path: str) -> str:
    """The last name by which a module is imported."""
    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0]
    return os.path.basename(folder) if stem == "__init__" else stem


def prescan(contents: Iterable[bytes]) -> Facts:
    """What any file of a project needs of all: found by text, so that no file is parsed twice."""
    facts = Facts()
    for content in contents:
        if b"fluid" not in content or content.startswith(MARK.encode()):
            continue  # the helpers of an earlier run are ours
        content = _HELPER_TEXT.sub(b"", content) if b"_fluid_" in content else content
        if _FOR_TEST.search(content) or _BY_NAME.search(content) or _HELPER.search(content):
            facts.executor_helper = True
        facts.programs |= bool(_PROGRAM.search(content))
        facts.graph_rate |= bool(_RATE.search(content))
        if _CLONE.search(content):
            facts.executor_helper = facts.program_clones = True
        facts.program_clip |= b"set_gradient_clip" in content
        facts.kept = tuple(sorted({*facts.kept, *_kept(content)}))
    return facts


def _kept(content: bytes) -> set[str]:
    """The attributes that are given a module of 1.x: ``self.F = fluid``, also in a class's body."""
    lines = [line for line in _import_lines(content) if b"fluid" in line]
    modules = {b"fluid", b"layers"} | {m for line in lines for m in _AS.findall(line)}
    value = rb"(?:paddle\.)?(?:" + b"|".join(sorted(modules)) + rb")(?:\.[a-z_]+)?"
    given = re.compile(_GIVEN % value)
    return {name.decode() for name in given.findall(content)}

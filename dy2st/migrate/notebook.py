"""Notebooks: the code cells are migrated as one module, magics and all else stay as they are."""

from __future__ import annotations

import json
import re
from typing import Any

from dy2st.errors import SourceReadError

_MARK = "# paddle-migrate-cell:"
_MAGIC = re.compile(r"^(\s*)((?:%(?=[A-Za-z%])|[!?]).*|[^#'\"]*\?\s*|[\w.,\s\[\]]+=\s*[%!].*)$")
# ``from __future__`` may stand in any cell, and ``% cd`` has a space at the start of a line only.
_ALONE = re.compile(r"^(from __future__ import [\w, ]+(#.*)?|% +[A-Za-z].*)$")
_HIDDEN = "pass  # paddle-migrate-magic:"
_TIMED = re.compile(r"^(\s*)(%(?:time|timeit|prun)\s+)(?!-)(\S.*)$")
_TIMED_MARK = "  # paddle-migrate-timed:"


def load(raw: bytes) -> Any:
    """The notebook as JSON; raises SourceReadError for anything else."""
    try:
        book = json.loads(raw.decode("utf-8-sig"))
    except (UnicodeError, ValueError, RecursionError) as error:
        raise SourceReadError(f"no notebook: {error}") from error
    if not isinstance(book, dict) or not isinstance(book.get("cells"), list):
        raise SourceReadError("no notebook: it has no list of cells")
    return book


def _source(cell: Any) -> str | None:
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return None
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(str(part) for part in source)
    if not isinstance(source, str):
        return None
    first = source.lstrip().split("\n", 1)[0]
    other_language = re.match(r"%%(bash|sh|html|javascript|js|latex|perl|ruby|writefile)", first)
    return None if other_language else source


def to_module(book: Any) -> tuple[bytes, list[str]]:
    """One module of all code cells, and the magic lines that were hidden in it."""
    parts: list[str] = []
    magics: list[str] = []
    for number, cell in enumerate(book["cells"]):
        source = _source(cell)
        if source is None:
            continue
        lines = [f"{_MARK}{number}"]
        for line in source.split("\n"):
            found = _MAGIC.match(line)
            timed = _TIMED.match(line)
            if timed:  # the statement is code like any other
                lines.append(f"{timed.group(1)}{timed.group(3)}{_TIMED_MARK}{len(magics)}")
                magics.append(timed.group(2))
            elif _ALONE.match(line):
                lines.append(f"{_HIDDEN}{len(magics)}")
                magics.append(line)
            elif found and not line.lstrip().startswith("#"):
                lines.append(f"{found.group(1)}{_HIDDEN}{len(magics)}")
                magics.append(line)
            else:
                lines.append(line)
        parts.append("\n".join(lines))
    return ("\n".join(parts) + "\n").encode(), magics


def places(text: bytes) -> list[str]:
    """For each line of the module, "cell N, line M" as a person counts them."""
    found: list[str] = []
    cell, line = 0, 0
    for written in text.decode().split("\n"):
        if written.startswith(_MARK):
            cell, line = int(written[len(_MARK) :]) + 1, 0
        found.append(f"cell {cell}, line {max(line, 1)}")
        line += 1
    return found


def untouched(book: Any) -> list[tuple[int, int, str]]:
    """Cell, line and text of what is no Python: cells of other languages, and magic lines."""
    found = []
    for number, cell in enumerate(book["cells"], 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        source = source if isinstance(source, str) else "".join(str(p) for p in source)
        foreign = _source(cell) is None
        for at, line in enumerate(source.split("\n"), 1):
            if foreign or (_MAGIC.match(line) and not _TIMED.match(line)):
                found.append((number, at, line))
    return found


def from_module(text: bytes, book: Any, magics: list[str], raw: bytes) -> bytes:
    """The notebook with the cells' new sources; the JSON keeps its indentation."""

    def restore(match: re.Match[str]) -> str:
        return magics[int(match.group(1))]

    def timed(match: re.Match[str]) -> str:
        return f"{match.group(1)}{magics[int(match.group(3))]}{match.group(2)}"

    pieces = re.split(rf"(?m)^{re.escape(_MARK)}(\d+)\n?", text.decode())
    head = pieces[0]
    for number, source in zip(pieces[1::2], pieces[2::2], strict=True):
        source = head + source
        head = ""
        source = source[:-1] if source.endswith("\n") else source
        source = re.sub(rf"(?m)^[ \t]*{re.escape(_HIDDEN)}(\d+)$", restore, source)
        source = re.sub(rf"(?m)^([ \t]*)(.*){re.escape(_TIMED_MARK)}(\d+)$", timed, source)
        cell = book["cells"][int(number)]
        if isinstance(cell.get("source"), list):
            cell["source"] = source.splitlines(keepends=True)
        else:
            cell["source"] = source
    found = re.match(rb"\{\r?\n([ \t]+)", raw)
    indent = found.group(1).decode() if found else None
    body = json.dumps(book, ensure_ascii=False, indent=indent)
    return (body + ("\n" if raw.endswith(b"\n") else "")).encode()

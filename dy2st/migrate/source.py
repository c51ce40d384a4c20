"""A source file as bytes, text and positions; nothing is lost on the way there and back."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
import warnings
from dataclasses import field

from dy2st.errors import SourceReadError
from dy2st.records import record

_BREAK = re.compile(rb"\r\n|\r|\n")
_MAX_BYTES = 64 * 1024 * 1024


@record(frozen=False, eq=False)
class Source:
    """Decoded source: ``text`` is UTF-8 without BOM; positions count in it as in ``ast``."""

    raw: bytes
    text: bytes
    encoding: str
    bom: bool
    newline: bytes
    starts: list[int] = field(repr=False)
    tree: ast.Module = field(repr=False)

    def offset(self, line: int, column: int) -> int:
        """The byte offset in ``text`` of a 1-based line and a 0-based byte column."""
        return self.starts[line - 1] + column

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Start and end offsets of a node that has positions."""
        end_line, end_col = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
        return (
            self.offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self.offset(end_line, end_col),
        )

    def segment(self, node: ast.AST) -> bytes:
        """The node's own bytes."""
        start, end = self.span(node)
        return self.text[start:end]

    def line_span(self, line: int) -> tuple[int, int]:
        """Offsets of a whole line, its line break included."""
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        return self.starts[line - 1], end

    def indent(self, line: int) -> bytes:
        """The white space that a line starts with."""
        start, end = self.line_span(line)
        found = re.match(rb"[ \t\f]*", self.text[start:end])
        return found.group() if found else b""

    def encode(self, text: bytes) -> bytes:
        """``text`` in the file's own encoding, BOM put back.

        Raises SourceReadError when the encoding cannot hold it.
        """
        if self.encoding == "utf-8":
            body = text
        else:
            try:
                body = text.decode("utf-8").encode(self.encoding)
            except UnicodeError as error:
                raise SourceReadError(f"cannot be written as {self.encoding}: {error}") from error
        return codecs.BOM_UTF8 + body if self.bom else body


def parse(text: bytes, filename: str = "<source>") -> ast.Module:
    """``ast.parse`` whose every failure is a SourceReadError with a line.

    Deep nesting, null bytes and Python 2 syntax all arrive as that one error.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.decode("utf-8"), filename)
    except SyntaxError as error:
        hint = " (Python 2 syntax?)" if "print" in (error.msg or "") else ""
        raise SourceReadError(f"{error.msg}{hint}", line=error.lineno or 1) from error
    except (ValueError, MemoryError, RecursionError, UnicodeError, OverflowError) as error:
        reason = str(error) or type(error).__name__
        raise SourceReadError(f"cannot be parsed: {reason}", line=1) from error


def detect_encoding(raw: bytes) -> tuple[str, bool]:
    """The encoding that Python itself would use, and whether a BOM stands before it."""
    bom = raw.startswith(codecs.BOM_UTF8)
    try:
        name, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
    except (SyntaxError, UnicodeError) as error:
        raise SourceReadError(f"encoding: {error}", line=1) from error
    return ("utf-8" if name in ("utf-8", "utf-8-sig") else name), bom


def read(raw: bytes, filename: str = "<source>") -> Source:
    """Decode and parse ``raw``; raises SourceReadError when Python 3 could not read it."""
    if len(raw) > _MAX_BYTES:
        raise SourceReadError(f"larger than {_MAX_BYTES >> 20} MB", line=1)
    encoding, bom = detect_encoding(raw)
    body = raw[3:] if bom else raw
    if encoding == "utf-8":
        text = body
        try:
            text.decode("utf-8")
        except UnicodeError as error:
            raise SourceReadError(f"not valid utf-8: {error}", line=1) from error
    else:
        try:
            decoded = body.decode(encoding)
            text = decoded.encode("utf-8")
            exact = decoded.encode(encoding) == body
        except (UnicodeError, LookupError) as error:
            raise SourceReadError(f"not valid {encoding}: {error}", line=1) from error
        if not exact:
            raise SourceReadError(f"{encoding} does not give its bytes back", line=1)
    tree = parse(text, filename)
    breaks = _BREAK.findall(text, 0, 1 << 16)
    newline = max(set(breaks), key=breaks.count) if breaks else b"\n"
    starts = [0] + [m.end() for m in _BREAK.finditer(text)]
    return Source(raw, text, encoding, bom, newline, starts, tree)

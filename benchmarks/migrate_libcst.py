"""The same edits made by LibCST and by spans of bytes, side by side.

The migration finds what to change with ``ast``; what is compared here is the last step, from the
edits of one file to its new text. LibCST is given the smallest statements that change, with the
places from its own metadata, and its text is put back as bytes. Run by ``make bench-migrate``; LibCST
is no dependency of the package.
"""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from dy2st.migrate import engine, scan, source
from dy2st.migrate.edits import Edit, apply
from dy2st.migrate.model import FileContext

ROOT = Path(__file__).parents[1]
PROGRAMS = sorted((ROOT / "tests/fixtures/fluid").glob("*.py"))
HEAD = b"import paddle.fluid as fluid\n"
USE = b"y = fluid.layers.relu(x)\n"
ODD = {
    "form feed before a statement": HEAD + b"\x0c\n" + USE,
    "form feed as the last line": HEAD + USE + b"\x0c",
    "a lone CR at the end": HEAD + USE.rstrip() + b"\r",
    "lines that end in CR": (HEAD + USE).replace(b"\n", b"\r"),
    "line ends mixed": HEAD.replace(b"\n", b"\r\n") + USE,
    "a form feed in an indent": HEAD + b"if True:\n\x0c    " + USE,
    "BOM": b"\xef\xbb\xbf" + HEAD + USE,
    "Latin-1": b"# -*- coding: latin-1 -*-\n# \xe9\n" + HEAD + USE,
    "tabs and a backslash": HEAD + b"if True:\n\t" + b"y = \\\n\t\tfluid.layers.relu(x)\n",
    "no last line break": HEAD + USE.rstrip(),
}


def edits_of(raw: bytes) -> tuple[source.Source, list[Edit]]:
    """The decoded file and the edits that the migration makes in it."""
    seen: list[FileContext] = []
    finish = engine._finish
    engine._finish = lambda context, outcome: seen.append(context)  # type: ignore[assignment]
    try:
        outcome = engine.migrate(
            raw, "a.py", facts=scan.prescan([raw]), compat_module="fluid_compat"
        )
    finally:
        engine._finish = finish
    assert not outcome.error, outcome.error
    return seen[0].source, seen[0].edits


def place(edit: Edit) -> tuple[int, int]:
    """Where an edit begins and ends."""
    return edit.start, edit.end


def changed_statements(
    read: source.Source, edits: list[Edit]
) -> Iterator[tuple[ast.stmt, list[Edit]]]:
    """The smallest statements that hold edits; what stands between statements is left out."""
    simple = [
        n
        for n in ast.walk(read.tree)
        if isinstance(n, ast.stmt) and not isinstance(getattr(n, "body", None), list)
    ]
    for node in simple:
        start, end = read.span(node)
        inside = [
            e for e in edits if start <= place(e)[0] and place(e)[1] <= end and place(e)[0] < end
        ]
        if inside and not isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, inside


class Splice(cst.CSTTransformer):
    """Puts new expressions where old ones stand, found by their first place."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, new: dict[tuple[int, int, int, int], str]) -> None:
        super().__init__()
        self.new = new

    def on_leave(self, original: cst.CSTNode, updated: cst.CSTNode) -> cst.CSTNode:
        """The new expression where the old one has one."""
        if not isinstance(original, cst.BaseExpression):
            return updated
        at = self.get_metadata(PositionProvider, original)
        text = self.new.get((at.start.line, at.start.column, at.end.line, at.end.column))
        return updated if text is None else cst.parse_expression(text)


def by_libcst(old: bytes, value: ast.expr, new_value: str) -> bytes:
    """One statement whose expression is replaced, by LibCST."""
    key = (value.lineno, value.col_offset, value.end_lineno, value.end_col_offset)
    module = MetadataWrapper(cst.parse_module(old), unsafe_skip_copy=True)
    return module.visit(Splice({key: new_value})).bytes  # type: ignore[dict-item]


def compare() -> None:
    """Time both on the programs of the fixtures."""
    lines = statements = equal = refused = 0
    ours = theirs = 0.0
    for path in PROGRAMS:
        raw = path.read_bytes()
        read, edits = edits_of(raw)
        lines += raw.count(b"\n")
        start = time.process_time()
        apply(read.text, edits)
        ours += time.process_time() - start
        for node, inside in changed_statements(read, edits):
            value = getattr(node, "value", None)
            if not isinstance(value, ast.expr):
                continue
            old = read.segment(node)
            base = read.span(node)[0]
            first, last = (p - base for p in read.span(value))
            moved = [moved_by(e, base) for e in inside]
            if any(place(e)[0] < first or place(e)[1] > last for e in moved):
                continue
            new = apply(old, moved)
            new_value = new[first : len(new) - (len(old) - last)].decode()
            fresh = ast.parse(old)
            statements += 1
            start = time.process_time()
            try:
                made = by_libcst(old, fresh.body[0].value, new_value)  # type: ignore[attr-defined]
            except Exception:
                refused += 1
            else:
                equal += made == new
            theirs += time.process_time() - start
    version = importlib.metadata.version("libcst")
    print("\n## Against LibCST\n")
    print(
        f"The last step, from edits to text, on the {len(PROGRAMS)} programs of `tests/fixtures/fluid`"
        f" ({lines} lines, {statements} changed statements), LibCST {version}, processor time.\n"
    )
    print("| | s | lines/s | statements as wanted | refused |\n|---|---|---|---|---|")
    print(f"| spans of bytes | {ours:.3f} | {lines / ours:.0f} | {statements} | 0 |")
    print(
        f"| LibCST on the smallest statements | {theirs:.3f} | {lines / theirs:.0f} | {equal} | {refused} |"
    )


def moved_by(edit: Edit, base: int) -> Edit:
    """The same edit in a text that begins at ``base``."""
    values = {**vars(edit), "start": edit.start - base, "end": edit.end - base}
    return type(edit)(**values)


def bytes_outside() -> None:
    """Whether what is not edited comes back byte for byte."""
    print(
        "\n| file | LibCST gives its bytes back unedited | spans change only the edits |\n|---|---|---|"
    )
    for name, raw in ODD.items():
        try:
            same = "yes" if cst.parse_module(raw).bytes == raw else "**no**"
        except Exception as error:
            same = f"**{type(error).__name__}**"
        outcome = engine.migrate(
            raw, "a.py", facts=scan.prescan([raw]), compat_module="fluid_compat"
        )
        wanted = raw.replace(b"import paddle.fluid as fluid", b"import paddle")
        wanted = wanted.replace(b"fluid.layers.relu", b"paddle.nn.functional.relu")
        print(f"| {name} | {same} | {'yes' if outcome.new == wanted else '**no**'} |")


DEEP = {
    "5,000 nested brackets": "b'x = ' + b'[' * 5000 + b']' * 5000",
    "5,000 chained operators": "b'x = 1' + b' + 1' * 5000",
    "5,000 chained attributes": "b'x = a' + b'.b' * 5000",
}


def ends() -> None:
    """How each ends on input that is too deep, in a process of its own."""
    print("\n| input | LibCST's process | ours |\n|---|---|---|")
    for name, text in DEEP.items():
        parse = f"import libcst; libcst.parse_module({text} + b'\\n')"
        head = HEAD + USE
        migrate = (
            "from dy2st.migrate import engine\n"
            f"o = engine.migrate({head!r} + {text} + b'\\n', compat_module='fluid_compat')\n"
            "print('one row: ' + o.error[:50] if o.error else 'rewritten')"
        )
        done = [
            subprocess.run([sys.executable, "-c", c], capture_output=True, text=True)
            for c in (parse, migrate)
        ]
        print(f"| {name} | {ending(done[0])} | {done[1].stdout.strip() or ending(done[1])} |")


def ending(done: subprocess.CompletedProcess[str]) -> str:
    """How a process ended, in words."""
    if done.returncode < 0:
        return f"**dies by signal {-done.returncode}**"
    if done.returncode:
        return f"raises {(done.stderr.strip().splitlines() or ['?'])[-1].split(':')[0]}"
    return "parses it"


if __name__ == "__main__":
    compare()
    bytes_outside()
    ends()

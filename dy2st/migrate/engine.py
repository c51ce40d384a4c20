"""From the bytes of one file to its new bytes and the list of what was done and what was not."""

from __future__ import annotations

import ast
import warnings
from dataclasses import field
from typing import Any

from dy2st.errors import SourceReadError
from dy2st.migrate import imports, layout, marks, project, source, table, uses
from dy2st.migrate.calls import Unfit
from dy2st.migrate.edits import EditConflict, apply
from dy2st.migrate.facts import learn, skipped
from dy2st.migrate.forms import plain_call, reference, to_helper
from dy2st.migrate.helpers import INLINE_PREFIX, MARK
from dy2st.migrate.model import (
    DOCS,
    OLD_DOCS,
    Change,
    Decline,
    Facts,
    FileContext,
    OpenPoint,
    Options,
    Use,
)
from dy2st.migrate.names import Names, left_over
from dy2st.migrate.older import form_of_1_6
from dy2st.migrate.rules import BY_METHOD, BY_NAME, SCANS, load_all
from dy2st.migrate.table import Row
from dy2st.migrate.texts import STRING, Mentions, mentions
from dy2st.records import record


@record(frozen=False, eq=False)
class Outcome:
    """What became of one file."""

    path: str
    new: bytes | None = None
    old: bytes | None = None  # the bytes that ``new`` was made from, in a run over files
    found: int = 0
    changes: list[Change] = field(default_factory=list)
    open_points: list[OpenPoint] = field(default_factory=list)
    mentions: int = 0
    helpers: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    error: str = ""
    error_line: int = 0

    @property
    def changed(self) -> bool:
        """Whether the file would be written."""
        return self.new is not None

    def as_dict(self) -> dict[str, Any]:
        """For the JSON report; bytes are left out."""
        return {
            "path": self.path,
            "found": self.found,
            "converted": len(self.changes),
            "changed": self.changed,
            "changes": [c.as_dict() for c in self.changes],
            "open": [o.as_dict() for o in self.open_points],
            "mentions": self.mentions,
            "notes": self.notes,
            "error": self.error,
            "error_line": self.error_line,
        }


def migrate(
    raw: bytes,
    path: str = "<stdin>",
    options: Options = Options(),  # noqa: B008 - frozen
    seen: project.Project | None = None,
    facts: Facts | None = None,
    compat_module: str = "",
) -> Outcome:
    """Rewrite one file's bytes.

    ``seen`` knows the other files of the run, ``facts`` what the whole run needs. Never raises for
    what stands in the file: a file that cannot be read is an Outcome with ``error``.
    """
    outcome = Outcome(path)
    try:
        read = source.read(raw, path)
        _migrate(read, outcome, options, seen, facts, compat_module)
    except SourceReadError as error:
        outcome.error, outcome.error_line = error.message, error.line
    except RecursionError:
        outcome.error, outcome.error_line = "nested too deeply to be followed", 1
    except Exception as error:  # one file's trouble must not stop the others
        text = f"{type(error).__name__}: {error}".strip()
        outcome.error = f"internal error ({text}); the file stays as it was, please report it"
        outcome.error_line = 1
    if outcome.error:
        outcome.new = None
    return outcome


def _migrate(
    read: source.Source,
    outcome: Outcome,
    options: Options,
    seen: project.Project | None,
    run_facts: Facts | None,
    compat_module: str,
) -> None:
    rows = table.load()
    load_all()
    seen = seen or project.Project([], frozenset(), rows)
    names = Names(read.tree, outcome.path, seen)
    seen.add(outcome.path, names)
    text_mentions = mentions(names, read, rows)
    outcome.mentions = text_mentions.prose
    facts = learn(names, rows)
    if run_facts is not None:
        facts.merge(run_facts)
    level = len(compat_module) - len(compat_module.lstrip("."))
    module = compat_module.lstrip(".")
    context = FileContext(outcome.path, read, names, rows, options, facts, module)
    context.imports_level = level
    context.paddle = imports.root_name(names)
    context.skipped_lines, skip_file = skipped(read)
    found = uses.find(names, rows, facts.kept)
    methods = _method_calls(context)
    outcome.found = found.count + len(methods) + len(text_mentions.code)
    if skip_file:
        outcome.notes.append(f"skipped by a comment in the file ({outcome.found} uses stay)")
        outcome.found = 0
        return
    if read.text.startswith(MARK.encode()):
        outcome.found = 0  # the helpers are ours
        return
    _drop_skipped(found, methods, text_mentions, context, outcome)
    _rewrite_uses(found, methods, context)
    context.open_points.extend(found.unknown)
    _report_strings(text_mentions, context)
    context.named_in_texts = text_mentions.roots
    outcome.found += imports.tidy(found, context)
    outcome.changes, outcome.open_points = context.changes, context.open_points
    _account(outcome, names)
    outcome.notes = context.notes
    outcome.helpers = tuple(sorted(context.helpers))
    if options.mark:
        marks.mark(context)
    _finish(context, outcome)


def _account(outcome: Outcome, names: Names) -> None:
    """Every use is converted or open; one that is neither is a mistake of ours, and told."""
    placeholders = [call for call, _ in names.calls if left_over(call)]
    if placeholders and not outcome.open_points:
        first = placeholders[0]
        reason = "an earlier run found a use of this name, and it is not seen any more"
        recipe = "take the line out where nothing needs it"
        place = (first.lineno, first.col_offset, left_over(first))
        outcome.open_points.append(OpenPoint("PM306", *place, reason, recipe, unknown=True))
    lost = outcome.found - len(outcome.changes) - len(outcome.open_points)
    if lost > 0:
        reason = f"{lost} uses of this file were neither converted nor listed"
        recipe = "look through the file by hand, and report it, please"
        outcome.open_points.append(OpenPoint("PM309", 1, 0, "?", reason, recipe, unknown=True))
    outcome.found = max(outcome.found, len(outcome.changes) + len(outcome.open_points))


def _drop_skipped(
    found: uses.Found,
    methods: list[tuple[Any, ast.expr, Any]],
    texts: Mentions,
    context: FileContext,
    outcome: Outcome,
) -> None:
    """Leave out our own helpers, and what a comment asks to leave: that with a note."""
    before = found.count + len(methods) + len(texts.code)
    for lines, skipped_by in ((_helper_lines(context), ""), (context.skipped_lines, "comments")):
        if not lines:
            continue
        found.uses[:] = [u for u in found.uses if u.node.lineno not in lines]
        found.unknown[:] = [p for p in found.unknown if p.line not in lines]
        methods[:] = [m for m in methods if m[1].lineno not in lines]
        texts.code[:] = [t for t in texts.code if t[0].lineno not in lines]
        number = before - found.count - len(methods) - len(texts.code)
        before -= number
        outcome.found -= number
        if number and skipped_by:
            context.notes.append(f"{number} uses skipped by {skipped_by}")


def _helper_lines(context: FileContext) -> frozenset[int]:
    """The lines of helpers that an earlier run wrote into this file."""
    if MARK.encode() not in context.source.text:
        return frozenset()
    lines: set[int] = set()
    for node in context.source.tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else node
        name = getattr(target, "name", getattr(target, "id", ""))
        if name.startswith(INLINE_PREFIX):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return frozenset(lines)


def _in_characters(context: FileContext, outcome: Outcome) -> None:
    """Columns as people and editors count them; ``ast`` counts the bytes of UTF-8."""
    if context.source.text.isascii():
        return
    items: list[OpenPoint | Change] = [*outcome.open_points, *outcome.changes]
    for item in items:
        start = context.source.line_span(item.line)[0]
        before = context.source.text[start : start + item.column]
        item.column = len(before.decode("utf-8", "replace"))


def _finish(context: FileContext, outcome: Outcome) -> None:
    """Apply the edits, and accept the result only when it parses and compiles."""
    outcome.open_points.sort(key=lambda o: (o.line, o.column))
    _in_characters(context, outcome)
    if not context.edits:
        return
    try:
        text = apply(context.source.text, context.edits)
    except EditConflict as error:
        raise SourceReadError(f"edits overlap ({error}); please report this file") from error
    if text == context.source.text:
        return
    problem = _no_program(text, outcome.path)
    if problem:
        before = _no_program(context.source.text, outcome.path)
        what = "the file does not compile" if before else "the rewritten file would not compile"
        raise SourceReadError(f"{what}: {before or problem}")
    outcome.new = context.source.encode(text)


def _no_program(text: bytes, path: str) -> str:
    """Why Python would not compile this text; empty where it would."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # as text, not bytes: a coding cookie speaks of the file's encoding, not of this one
            compile(text.decode("utf-8"), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return str(error) or type(error).__name__
    return ""


def _method_calls(context: FileContext) -> list[tuple[Any, ast.expr, Any]]:
    """What the rules for methods and the scans find; one method's name is one rule's alone."""
    found: list[tuple[Any, ast.expr, Any]] = []
    taken: set[ast.AST] = set()
    for call, scope in context.names.calls:
        if isinstance(call.func, ast.Attribute) and not _is_helper_module(call.func.value):
            for rule in BY_METHOD.get(call.func.attr, ()):
                if rule.applies(call, scope, context):
                    found.append((rule, call, scope))
                    taken.add(call.func)
                    break
    for scan in SCANS:
        if any(word in context.source.text for word in scan.words):
            places = [(n, scope) for n, scope in scan.find(context) if n not in taken]
            taken.update(n for n, _ in places if isinstance(n, ast.Attribute))
            found += [(scan, node, scope) for node, scope in places]
    return found


def _is_helper_module(node: ast.expr) -> bool:
    """Whether a call's receiver is ``fluid_compat``: what an earlier run wrote stays."""
    return isinstance(node, ast.Name) and node.id.startswith(layout.NAME)


def _rewrite_uses(
    found: uses.Found, methods: list[tuple[Any, ast.expr, Any]], context: FileContext
) -> None:
    for use in found.uses:
        rewrite_use(use, context)
    for rule, call, scope in methods:
        line, column = call.lineno, call.col_offset
        named = call.func if isinstance(call, ast.Call) else call
        old = "a fetched value"
        if isinstance(named, ast.Attribute):
            old = f".{named.attr}"
        elif isinstance(named, ast.ImportFrom):
            old = f"from {named.module}"
        if not context.options.allows(rule.id, rule.name):
            _leave(context, rule.id, call, old, "switched off", "take the skip away")
            continue
        before = len(context.edits)
        try:
            new = rule.apply(call, scope, context)
        except Decline as declined:
            del context.edits[before:]
            reason, _, recipe = str(declined).partition("|")
            recipe = recipe or "rewrite it by hand"
            _leave(context, rule.id, call, old, reason, recipe, unknown=declined.unknown)
            continue
        context.changes.append(Change(rule.id, line, column, old, new, _first_line(rule)))


def _first_line(rule: Any) -> str:
    return (rule.__doc__ or "").strip().splitlines()[0]


def _leave(
    context: FileContext,
    rule: str,
    node: ast.expr,
    old: str,
    reason: str,
    recipe: str,
    unsafe: bool = False,
    unknown: bool = False,
) -> None:
    place = (rule, node.lineno, node.col_offset)
    context.open_points.append(OpenPoint(*place, old, reason, recipe, unknown, unsafe))


def rewrite_use(use: Use, context: FileContext) -> None:
    """Rewrite one use by its rule or row, or list it as an open point."""
    row = use.row
    if not context.options.allows(row.id, row.old) or (
        row.rule and not context.options.allows(BY_NAME[row.rule].id, row.rule)
    ):
        _leave(context, row.id, use.node, row.old, "switched off by --select/--ignore", "")
        return
    if row.status == "unsafe" and not context.options.unsafe:
        reason = row.note or "the new call may compute other numbers"
        _leave(context, row.id, use.node, row.old, reason, "run with --unsafe", True)
        return
    if not _positions_hold(use, context):
        _leave(context, "PM307", use.node, row.old, "inside an f-string", "move it out of the text")
        return
    before = len(context.edits)
    helpers = set(context.helpers)
    try:
        older = form_of_1_6(use, context)
        if older:
            raise Decline(older)
        new = _by_rule(use, context) or _by_row(use, context)
    except (Decline, Unfit) as declined:
        del context.edits[before:]
        context.helpers = helpers
        reason, _, recipe = str(declined).partition("|")
        _leave(context, row.id, use.node, row.old, reason, recipe or row.recipe or "by hand")
        return
    context.converted.add(use.node)
    helped = new.partition(".")[0] == context.compat_module or new.startswith(INLINE_PREFIX)
    reason = row.note or (
        _first_line(BY_NAME[row.rule]) if row.rule else _what_changed(row, helped)
    )
    link = DOCS + row.new.replace(".", "/") + "_en.html" if row.new else ""
    if helped or not link:
        link = OLD_DOCS + row.old.replace(".", "/") + "_cn.html"
    context.changes.append(
        Change(row.id, use.node.lineno, use.node.col_offset, row.old, new, reason, link)
    )


def _what_changed(row: Row, helped: bool) -> str:
    """A row's data as a sentence for the report."""
    if helped:
        return "no call of Paddle 3 says the same: a helper with the old arguments"
    parts = [f"{old} is {new} now" for old, new in row.rename.items() if old != new]
    parts += [f"{name}={value} keeps the old default" for name, value in row.add.items()]
    if row.drop:
        parts.append(f"{', '.join(row.drop)} mean nothing now")
    return "; ".join(["another name", *parts])


def _positions_hold(use: Use, context: FileContext) -> bool:
    """Whether the bytes at the node's place are the name: not so in f-strings before 3.12."""
    if use.node not in context.names.fstring_nodes:
        return True
    written = context.source.segment(use.node)
    expected = use.written if not use.rest else use.written[: -len(".".join(use.rest)) - 1]
    if written.decode("utf-8", "replace") != expected:
        return False
    return use.call is None or context.source.segment(use.call).startswith(written)


def _by_rule(use: Use, context: FileContext) -> str | None:
    if not use.row.rule:
        return None
    return BY_NAME[use.row.rule].apply(use, context)


def _by_row(use: Use, context: FileContext) -> str:
    row = use.row
    if row.status == "open":
        raise Decline(f"{row.note or 'no call of Paddle 3 says the same'}|{row.recipe}")
    if use.call is None:
        return reference(use, context)
    problem = ""
    if row.new:
        before = len(context.edits)
        try:
            return plain_call(use, context, row.new)
        except Unfit as unfit:
            del context.edits[before:]
            problem = str(unfit)
    if row.helper:
        return to_helper(use, context, row.helper)
    raise Decline(f"{problem or 'not this way'}|{row.recipe}")


def _report_strings(found: Mentions, context: FileContext) -> None:
    for node, text in found.code:
        context.open_points.append(
            OpenPoint(
                "PM303",
                node.lineno,
                node.col_offset,
                text,
                *STRING,
            )
        )

"""From a row and a call to edits: the arguments are bound by the old signature and rewritten."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import field

from dy2st.migrate.edits import Edit, Replace, Wrap
from dy2st.migrate.source import Source
from dy2st.migrate.table import Row
from dy2st.records import record

_MISSING = object()


@record(frozen=False, eq=False)
class Argument:
    """One argument as written; ``keyword`` is None for a positional one."""

    value: ast.expr
    keyword: ast.keyword | None = None

    def span(self, source: Source) -> tuple[int, int]:
        """The bytes of the whole argument, its name and parentheses included."""
        if self.keyword is not None:
            start = source.offset(self.keyword.lineno, self.keyword.col_offset)
            return start, source.span(self.value)[1]
        start = source.span(self.value)[0]
        if isinstance(self.value, ast.Starred):
            start = source.offset(self.value.lineno, self.value.col_offset)
        return start, source.span(self.value)[1]


@record(frozen=False, eq=False)
class Bound:
    """A call's arguments by old parameter name; ``problem`` says why they could not be bound."""

    given: dict[str, Argument] = field(default_factory=dict)
    problem: str = ""

    def literal(self, name: str) -> object:
        """The value of a literal argument, or MISSING."""
        argument = self.given.get(name)
        return literal(argument.value) if argument is not None else _MISSING


def literal(node: ast.expr) -> object:
    """The value of a literal expression, MISSING for anything else."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _MISSING


def is_missing(value: object) -> bool:
    """Whether ``literal`` found no literal."""
    return value is _MISSING


def bind(row: Row, call: ast.Call) -> Bound:
    """Bind ``call``'s arguments by the row's old signature, as Python would."""
    bound = Bound()
    parameters = row.parameters
    positional = [p for p in parameters if p.kind == "normal"]
    takes_any = any(p.kind == "args" for p in parameters)
    for index, value in enumerate(call.args):
        if isinstance(value, ast.Starred):
            return Bound(problem="*args hides which arguments are given")
        if index >= len(positional):
            if takes_any:
                return Bound(problem="more arguments than names")
            return Bound(problem=f"1.8.5 takes {len(positional)} positional arguments")
        bound.given[positional[index].name] = Argument(value)
    names = {p.name for p in parameters if p.kind in ("normal", "keyword")}
    for keyword in call.keywords:
        if keyword.arg is None:
            return Bound(problem="**kwargs hides which arguments are given")
        if keyword.arg not in names:
            return Bound(problem=f"1.8.5 has no argument {keyword.arg!r} here")
        bound.given[keyword.arg] = Argument(keyword.value, keyword)
    return bound


class Unfit(Exception):
    """The row's plain form cannot say this call."""


def default_value(row: Row, name: str) -> object:
    """The literal default of an old parameter, MISSING where it has none."""
    for p in row.parameters:
        if p.name == name and p.default is not None:
            try:
                return ast.literal_eval(p.default)
            except ValueError:
                return _MISSING
    return _MISSING


def rewrite_arguments(
    row: Row, call: ast.Call, source: Source, edits: list[Edit]
) -> tuple[str, str]:
    """Add the edits that turn the old arguments into the new ones.

    Returns the literal ``act`` ("" without one) and the text of an ``act`` that is an expression.
    Raises Unfit when an argument cannot be said in the row's plain form.
    """
    bound = bind(row, call)
    if bound.problem:
        raise Unfit(bound.problem)
    removed: list[str] = []
    act, act_expression = "", ""
    for name, argument in bound.given.items():
        if row.act and name == "act":
            value = literal(argument.value)
            if isinstance(value, str):
                act = value
            elif value is not None:
                act_expression = source.segment(argument.value).decode()
            removed.append(name)
        elif name in row.drop or _may_leave(row, name, argument):
            removed.append(name)
    kept = [n for n in bound.given if n not in removed]
    _name_and_order(row, bound, kept, source, edits)
    _delete(call, [bound.given[n] for n in removed], source, edits)
    added = [f"{n}={v}" for n, v in row.add.items() if n not in _final_names(row, kept)]
    if added:
        insert_arguments(call, added, bool(kept), [bound.given[n] for n in removed], source, edits)
    return act, act_expression


def _final_names(row: Row, kept: Sequence[str]) -> set[str]:
    return {row.rename.get(n, n) for n in kept}


def _may_leave(row: Row, name: str, argument: Argument) -> bool:
    leaves = name in row.only
    if not leaves and name not in row.keep:
        return False
    value = literal(argument.value)
    allowed = [*(row.only if leaves else row.keep)[name], default_value(row, name)]
    if any(value is a or (type(value) is type(a) and value == a) for a in allowed):
        return leaves
    raise Unfit(f"{name}={ast.unparse(argument.value)[:40]} has no plain form")


def _name_and_order(
    row: Row, bound: Bound, kept: list[str], source: Source, edits: list[Edit]
) -> None:
    new = [p.name for p in row.new_parameters if p.kind == "normal"]
    all_new = {p.name for p in row.new_parameters}
    position = 0
    by_keyword = False
    for name in kept:
        argument = bound.given[name]
        final = row.rename.get(name, name)
        takes_any = any(p.kind == "kwargs" for p in row.new_parameters)
        if row.new_signature and final not in all_new and not takes_any:
            raise Unfit(f"{row.new} has no argument for {name}")
        if argument.keyword is not None:
            if final != name:
                start = source.offset(argument.keyword.lineno, argument.keyword.col_offset)
                edits.append(Replace(start, start + len(name.encode()), final.encode()))
            continue
        in_place = not row.new_signature or (position < len(new) and new[position] == final)
        by_keyword = by_keyword or not in_place
        if by_keyword:
            start = argument_start(argument.value, source)
            edits.append(Replace(start, start, f"{final}=".encode()))
        position += 1


def argument_start(value: ast.expr, source: Source) -> int:
    """Where an argument starts, before any parentheses around it."""
    start = source.span(value)[0]
    while True:
        found = re.search(rb"\(\s*$", source.text[max(0, start - 200) : start])
        if found is None or _opens_call(source.text, start - len(found.group())):
            return start
        start -= len(found.group())


def _opens_call(text: bytes, parenthesis: int) -> bool:
    before = text[:parenthesis].rstrip(b" \t\\\r\n")[-1:]
    return bool(before) and (before.isalnum() or before in b"_)]\"'")


def call_parenthesis(call: ast.Call, source: Source) -> int:
    """The offset of the ``(`` that opens the call's arguments."""
    position = source.span(call.func)[1]
    while source.text[position : position + 1] != b"(":
        position += 1
        if position >= len(source.text):
            raise Unfit("no parenthesis found")
    return position


def _delete(call: ast.Call, arguments: list[Argument], source: Source, edits: list[Edit]) -> None:
    """Delete whole arguments with the comma that belongs to them."""
    if not arguments:
        return
    gone = {id(a.value) for a in arguments}
    everything = sorted(
        [Argument(v) for v in call.args] + [Argument(k.value, k) for k in call.keywords],
        key=lambda a: a.span(source)[0],
    )
    text = source.text
    _, call_end = source.span(call)
    previous_kept_end: int | None = None
    for index, argument in enumerate(everything):
        start, end = _outer_span(argument, source)
        last = index + 1 == len(everything)
        following = call_end - 1 if last else _outer_span(everything[index + 1], source)[0]
        if id(argument.value) not in gone:
            previous_kept_end = end
            continue
        if last or all(id(a.value) in gone for a in everything[index + 1 :]):
            begin = previous_kept_end if previous_kept_end is not None else start
            tail = re.match(rb"\s*,?", text[end:following])
            stop = end + (tail.end() if tail else 0)
            if begin != start and b"#" in text[begin:start]:
                begin = start  # a comment stands between: keep it and the comma before it
            edits.append(Replace(begin, stop, b""))
            previous_kept_end = stop
            continue
        tail = re.match(rb"\s*,[ \t]*", text[end:following])
        stop = end + (tail.end() if tail else 0)
        if b"#" not in text[stop:following]:
            stop = following
        edits.append(Replace(start, stop, b""))


def _outer_span(argument: Argument, source: Source) -> tuple[int, int]:
    """The argument's span with the parentheses that stand around its value."""
    start, end = argument.span(source)
    if argument.keyword is None:
        outer = argument_start(argument.value, source)
        for _ in range(source.text[outer:start].count(b"(")):
            end = source.text.index(b")", end) + 1
        return outer, end
    equals = source.text[start : source.span(argument.value)[0]]
    for _ in range(equals.count(b"(")):
        end = source.text.index(b")", end) + 1
    return start, end


def insert_arguments(
    call: ast.Call,
    added: list[str],
    any_kept: bool,
    removed: list[Argument],
    source: Source,
    edits: list[Edit],
) -> None:
    """Insert ``added`` arguments at the end of the call."""
    text = ", ".join(added).encode()
    everything = [Argument(v) for v in call.args] + [Argument(k.value, k) for k in call.keywords]
    gone = {id(a.value) for a in removed}
    kept = [a for a in everything if id(a.value) not in gone]
    if not any_kept or not kept:
        at = call_parenthesis(call, source) + 1
        edits.append(Replace(at, at, text))
        return
    end = max(_outer_span(a, source)[1] for a in kept)
    edits.append(Replace(end, end, b", " + text))


def wrap_call(call: ast.expr, prefix: str, suffix: str, source: Source) -> Wrap:
    """A wrap around a whole expression."""
    start, end = source.span(call)
    return Wrap(start, end, prefix.encode(), suffix.encode())

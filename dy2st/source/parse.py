"""From a function object to its tree, with the positions of the user's own file.

The source comes through ``linecache``, so files, zip imports, doctests, IPython cells and anything
else that registers its lines there are found alike. Only the top-level statement that holds the
function is parsed, so a large file costs no more than a small one.
"""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType, FunctionType

from dy2st.errors import Location, SourceNotFoundError
from dy2st.source.copying import Copied, child_nodes, copy_tree, mangled
from dy2st.source.positions import at

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_TOP_LEVEL = re.compile(r"[A-Za-z_@]")
_REMEDY = (
    "define the function in a file (or a notebook cell), or keep it as it is with "
    "dy2st.not_to_static"
)


@dataclass
class ParsedFunction:
    """A function's own copy of its tree: ``node`` is a ``def`` (a lambda has become one)."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    file: str
    name: str
    qualname: str
    kinds: set[type] = field(default_factory=set)
    identifiers: set[str] = field(default_factory=set)
    freevars: tuple[str, ...] = ()
    flags: int = 0

    @property
    def location(self) -> Location:
        """Where the function starts."""
        return Location(self.file, self.node.lineno, self.node.col_offset, None, self.name)


def parse_function(function: FunctionType) -> ParsedFunction:
    """The tree of ``function``.

    Decorators are dropped: the function object at hand is what they made, or what they were given,
    and their effect has already taken place. Names that are private to a class are mangled as in
    their class. Raises SourceNotFoundError where there is no source, or it does not fit the code.
    """
    code = function.__code__
    node, owner = _find(function)
    copied = copy_tree(node)
    if owner is not None:
        mangled(copied, owner)
    _check(code, copied)
    tree = copied.node
    if isinstance(tree, ast.Lambda):
        tree = _as_def(tree)
        copied.kinds.add(ast.Return)
    assert isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef))
    tree.decorator_list = []
    return ParsedFunction(
        node=tree,
        file=code.co_filename,
        name=code.co_name,
        qualname=function.__qualname__,
        kinds=copied.kinds,
        identifiers=copied.identifiers,
        freevars=code.co_freevars,
        flags=code.co_flags,
    )


def _as_def(node: ast.Lambda) -> ast.FunctionDef:
    made = ast.FunctionDef(
        name="_lambda",
        args=node.args,
        body=[at(node.body, ast.Return(value=node.body))],
        decorator_list=[],
        returns=None,
        type_comment=None,
    )
    if "type_params" in made._fields:
        made.type_params = []  # type: ignore[attr-defined]
    return at(node, made)


def _no_source(code: CodeType, why: str) -> SourceNotFoundError:
    where = Location(code.co_filename, code.co_firstlineno, 0, None, code.co_name)
    return SourceNotFoundError(
        f"the source of {code.co_name!r} cannot be used: {why}", location=where, remedy=_REMEDY
    )


def _find(function: FunctionType) -> tuple[FunctionNode, str | None]:
    """The function's node in the tree of its file, and the class that its private names belong to."""
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise _no_source(code, "its lines are not known to linecache")
    quick = _definition(lines, code)
    if quick is not None:
        return quick, None
    for tree in _trees(code.co_filename, lines, code.co_firstlineno):
        found = [
            (node, owner)
            for node, owner in _functions(tree, code.co_firstlineno, None)
            if _fits(node, code, owner)
        ]
        if len(found) > 1:
            found = _by_columns(found, code)
        if len(found) == 1:
            return found[0]
        if found:
            raise _no_source(code, "several functions on its line look alike")
    raise _no_source(code, "no function of this name and signature starts at its line any more")


# A name that may be private to a class: two underscores before it, not two behind.
_PRIVATE = re.compile(r"\b__\w*(?<!__)\b")


def _definition(lines: list[str], code: CodeType) -> FunctionNode | None:
    """The ``def`` that starts at the code's line, parsed alone; None where that may mislead.

    The block is taken by its indentation. Where that cuts it short (a string at the margin), it does
    not parse or ends too early, and the caller looks in the whole statement. Private names need the
    class around it, so they are left to the caller as well.
    """
    first = code.co_firstlineno - 1
    if code.co_name == "<lambda>" or first >= len(lines):
        return None
    indent = len(lines[first]) - len(lines[first].lstrip())
    head = re.compile(rf"\s{{{indent}}}(async\s+)?def\s")
    stop = first
    while stop < len(lines) and not head.match(lines[stop]):
        stop += 1
    stop += 1
    ends = re.compile(rf"\s{{0,{indent}}}[^\s#)\]}}]")
    while stop < len(lines) and not ends.match(lines[stop]):
        stop += 1
    block = "".join(lines[first:stop])
    if _PRIVATE.search(block) or (indent and not first):
        return None
    text = "\n" * first + block if not indent else "\n" * (first - 1) + "if 1:\n" + block
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    body = tree.body[0].body if isinstance(tree.body[0], ast.If) else tree.body
    node = body[0]
    if len(body) != 1 or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    starts = first_line(node) == code.co_firstlineno and _fits(node, code, None)
    return node if starts and _last_line(code) <= (node.end_lineno or 0) else None


def _last_line(code: CodeType) -> int:
    return max((line or 0 for _, _, line in code.co_lines()), default=0)


_parsed: dict[str, tuple[list[str], dict[int, ast.Module]]] = {}


def _trees(file: str, lines: list[str], line: int) -> Iterator[ast.Module]:
    """Trees that may hold the function: first its top-level statement alone, then the whole file."""
    known = _parsed.get(file)
    if known is None or known[0] is not lines:
        known = _parsed[file] = (lines, {})
    start, stop = _extent(lines, line)
    for first, last in ((start, stop), (0, len(lines))):
        tree = known[1].get(first if last == stop else -1)
        if tree is None:
            text = "\n" * first + "".join(lines[first:last])
            try:
                tree = ast.parse(text, file)
            except (SyntaxError, ValueError):
                continue
            known[1][first if last == stop else -1] = tree
        yield tree


def _extent(lines: list[str], line: int) -> tuple[int, int]:
    """The 0-based range of lines of the top-level statement around 1-based ``line`` (a good guess)."""
    start = min(line - 1, len(lines) - 1)
    while start > 0 and not _TOP_LEVEL.match(lines[start]):
        start -= 1
    stop = max(line, start + 1)
    opened_by_decorator = lines[start].startswith("@") if lines else False
    while stop < len(lines):
        if _TOP_LEVEL.match(lines[stop]):
            if not opened_by_decorator:
                break
            opened_by_decorator = lines[stop].startswith("@")
        stop += 1
    return start, stop


def first_line(node: ast.AST) -> int:
    """The line that a code object made from ``node`` calls its first."""
    decorators = getattr(node, "decorator_list", None)
    line: int = (decorators[0] if decorators else node).lineno  # type: ignore[union-attr]
    return line


def _functions(
    node: ast.AST, line: int, owner: str | None
) -> Iterator[tuple[FunctionNode, str | None]]:
    """Functions below ``node`` that start at ``line``, each with its innermost class."""
    for child in child_nodes(node):
        end = getattr(child, "end_lineno", None)
        if end is not None and not first_line(child) <= line <= end:
            continue
        if isinstance(child, FUNCTIONS) and first_line(child) == line:
            yield child, owner
        inner = child.name if isinstance(child, ast.ClassDef) else owner
        yield from _functions(child, line, inner)


def _fits(node: FunctionNode, code: CodeType, owner: str | None) -> bool:
    name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
    if name != code.co_name:
        return False
    copied = copy_tree(node.args)
    if owner is not None:
        mangled(copied, owner)
    return parameter_names(copied.node) == parameter_names_of_code(code)


def parameter_names(args: ast.AST) -> tuple[str, ...]:
    """Names of all parameters, in the order of ``co_varnames``."""
    assert isinstance(args, ast.arguments)
    plain = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return tuple(arg.arg for arg in plain + [arg for arg in (args.vararg, args.kwarg) if arg])


def parameter_names_of_code(code: CodeType) -> tuple[str, ...]:
    """The same for a code object."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)
    return code.co_varnames[:count]


def _by_columns(
    found: list[tuple[FunctionNode, str | None]], code: CodeType
) -> list[tuple[FunctionNode, str | None]]:
    """Of several lambdas on one line, the smallest whose body holds every instruction of ``code``."""
    if hasattr(code, "co_positions"):
        places = [p for p in code.co_positions() if None not in p and p[2:] != (0, 0)]
        places = [p for p in places if p[0] != p[1] or p[2] != p[3]]
        if places:
            start = min((p[0], p[2]) for p in places)
            stop = max((p[1], p[3]) for p in places)
            holding = [pair for pair in found if _holds(pair[0], start, stop)]
            holding.sort(key=lambda pair: len(ast.dump(pair[0])))
            return holding[:1]
    alike = {ast.dump(node): (node, owner) for node, owner in found}
    if len(alike) == 1:
        return list(alike.values())
    return [pair for pair in found if _same_code(pair[0], code)]


def _holds(node: FunctionNode, start: tuple, stop: tuple) -> bool:
    body = node.body if isinstance(node, ast.Lambda) else node
    assert not isinstance(body, list)
    return (body.lineno, body.col_offset) <= start and stop <= (
        body.end_lineno or 0,
        body.end_col_offset or 0,
    )


def _same_code(node: FunctionNode, code: CodeType) -> bool:
    """Whether a lambda compiles to ``code`` (for interpreters that keep no columns)."""
    if not isinstance(node, ast.Lambda):
        return True
    outer = _as_def(ast.Lambda(args=_no_arguments(code.co_freevars), body=node))
    module = ast.fix_missing_locations(ast.Module(body=[outer], type_ignores=[]))
    made = compile(module, code.co_filename, "exec", dont_inherit=True)
    inner = next(c for c in made.co_consts if isinstance(c, CodeType))
    candidate = next(c for c in inner.co_consts if isinstance(c, CodeType))
    return candidate.co_code == code.co_code and _constants(code) == _constants(candidate)


def _constants(code: CodeType) -> str:
    """The constants of ``code`` but for inner code and (before 3.11) its qualified names."""
    plain = [c for c in code.co_consts if not isinstance(c, CodeType)]
    return repr([c for c in plain if not (isinstance(c, str) and "<locals>" in c)])


def _no_arguments(names: tuple[str, ...]) -> ast.arguments:
    return ast.arguments(
        posonlyargs=[],
        args=[ast.arg(arg=name) for name in names],
        vararg=None,
        kwonlyargs=[],
        kw_defaults=[],
        kwarg=None,
        defaults=[],
    )


def _check(code: CodeType, copied: Copied) -> None:
    """Refuse a tree that cannot be where ``code`` came from: the file was edited since."""
    names = set(code.co_varnames) | set(code.co_cellvars) | set(code.co_freevars)
    names -= copied.identifiers
    names = {name for name in names if name.isidentifier() and name != "__class__"}
    # pytest's assertion rewriting adds names of its own, which start with `@py`: not identifiers.
    end = getattr(copied.node, "end_lineno", None) or 0
    if names or _last_line(code) > end:
        raise _no_source(code, "the file has changed since it was loaded")

"""Names of 1.x in strings and comments: told, never touched."""

from __future__ import annotations

import ast
import re
from dataclasses import field

from dy2st.migrate.names import Names, imports_by_call, left_over
from dy2st.migrate.source import Source
from dy2st.migrate.table import Table
from dy2st.records import record

_NAMES = r"(?:paddle\.fluid|fluid\.(?:layers|dygraph|io|optimizer|core|nets|initializer))"
_CODE = re.compile(rf"(^|[^\w.]){_NAMES}\b")
_NAME_ONLY = re.compile(r"^(paddle\.)?fluid(\.\w+)*$")
_STATEMENT = re.compile(r"(^|\n|;)\s*(import|from)\s+paddle|fluid\.\w+(\.\w+)*\s*\(")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_WORD = re.compile(r"[A-Za-z_]\w*")
_COMMENT = re.compile(rb"#[^\r\n]*\bfluid\.\w")
_RUNNERS = ("eval", "exec", "compile", "locate", "patch", "ForwardRef", "cast")
_NAMESPACES = ("globals", "locals", "vars", "__dict__")
STRING = (
    "code in a string, or a name looked up by its text",
    "change the text by hand; strings are never touched",
)


@record(frozen=False, eq=False)
class Mentions:
    """Texts that name 1.x: ``code`` looks as if it were run or looked up; ``prose`` are others."""

    code: list[tuple[ast.Constant, str]] = field(default_factory=list)
    prose: int = 0
    roots: set[str] = field(default_factory=set)  # the module's own names that ``code`` needs


def mentions(names: Names, source: Source, table: Table) -> Mentions:
    """The texts of a file that name 1.x."""
    found = Mentions()
    if b"fluid" not in source.text:
        return found
    aliases = _aliases(names, table)
    for node in names.strings:
        text = node.value
        assert isinstance(text, str)
        parent = names.parents.get(node)
        if isinstance(parent, ast.Expr):  # a docstring
            found.prose += bool(_CODE.search(text))
        elif left_over(parent) or _import_that_goes(parent, names):
            continue
        elif _is_code(node, text, names) or _names_alias(node, text, names, table, aliases):
            found.code.append((node, text.strip().splitlines()[0][:60]))
            found.roots.update(aliases.intersection(_WORD.findall(text)))
        else:
            found.prose += bool(_CODE.search(text))
    found.prose += len(_COMMENT.findall(source.text))
    return found


def _is_code(node: ast.Constant, text: str, names: Names) -> bool:
    if "fluid" not in text:
        return False
    if _NAME_ONLY.match(text.strip()) and "." in text:
        return True
    if not _CODE.search(text):
        return False
    # a text without blanks is part of a name that is put together, or a call
    return (
        bool(_STATEMENT.search(text)) or not re.search(r"\s", text.strip()) or _is_run(node, names)
    )


def _is_run(node: ast.AST, names: Names) -> bool:
    """Whether a text goes, perhaps formatted, into ``eval`` or another function that runs it."""
    parent = names.parents.get(node)
    while isinstance(parent, (ast.BinOp, ast.JoinedStr, ast.Attribute, ast.Call)):
        if isinstance(parent, ast.Call) and _name_of(parent.func) in _RUNNERS:
            return True
        parent = names.parents.get(parent)
    return False


def _name_of(func: ast.AST) -> str:
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def _import_that_goes(parent: ast.AST | None, names: Names) -> bool:
    """``import_module("paddle.fluid")`` where the call is read as an import."""
    if isinstance(parent, ast.keyword):
        parent = names.parents.get(parent)
    if parent is None or not imports_by_call(parent):
        return False
    return isinstance(names.parents.get(parent), (ast.Attribute, ast.Assign, ast.Tuple))


def _aliases(names: Names, table: Table) -> frozenset[str]:
    """The module's own names for modules of 1.x and for what they hold."""
    found = set()
    for name, bindings in names.module.bindings.items():
        imported = any(b.kind in ("name", "from") for b in bindings)
        if imported and any(table.is_old(c) for c in names.lookup(name, names.module)):
            found.add(name)
    return frozenset(found)


def _names_alias(
    node: ast.Constant, text: str, names: Names, table: Table, aliases: frozenset[str]
) -> bool:
    """Whether a text is an annotation, or the key of a name in ``globals()``, for an old name."""
    parent = names.parents.get(node)
    if text in aliases and isinstance(parent, ast.Subscript):
        value = parent.value
        return _name_of(value.func if isinstance(value, ast.Call) else value) in _NAMESPACES
    if not names.in_annotation(node):
        return text.partition(".")[0] in aliases and _is_old(text, names, table)
    return text in aliases or any(_is_old(d, names, table) for d in _DOTTED.findall(text))


def _is_old(dotted: str, names: Names, table: Table) -> bool:
    """Whether a dotted text would mean an old name where the module's own names are known."""
    parts = dotted.split(".")
    if len(parts) < 2 or not all(p.isidentifier() for p in parts):
        return False
    candidates = names.lookup(parts[0], names.module)
    return any(table.is_old(".".join([c, *parts[1:]])) for c in candidates)

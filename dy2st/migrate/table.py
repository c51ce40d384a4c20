"""The mapping table: one row for each callable of ``paddle.fluid`` 1.8.5, read from TOML.

A row is validated when it is loaded; a key or a value outside the closed vocabulary is a
DeclarationError. ``tests/migrate/test_table.py`` compares the rows with both signatures.
"""

from __future__ import annotations

import ast
import functools
import json
from dataclasses import field, fields
from pathlib import Path
from typing import Any

from dy2st.errors import DeclarationError
from dy2st.migrate import state, toml
from dy2st.records import record

TABLES = Path(__file__).with_name("tables")
_STATUS = ("safe", "unsafe", "open")
_REMEMBERED = 50_000  # names whose rows are kept at hand
_KINDS = ("function", "class", "value", "module")


@record
class Parameter:
    """One parameter of a signature; ``default`` is its source text, None where it has none."""

    name: str
    default: str | None
    kind: str = "normal"  # or "args", "kwargs", "keyword"


@functools.cache
def parse_signature(text: str) -> tuple[Parameter, ...]:
    """The parameters of a signature text such as ``(self, x, axis=-1, *, name=None)``."""
    if not text:
        return ()
    try:
        node = ast.parse(f"def f{text}: pass").body[0]
    except SyntaxError as error:
        raise DeclarationError(f"signature {text!r} cannot be read: {error}") from error
    assert isinstance(node, ast.FunctionDef)
    a = node.args
    positional = [*a.posonlyargs, *a.args]
    pad: list[ast.expr | None] = [None] * (len(positional) - len(a.defaults))
    found = [
        Parameter(p.arg, None if d is None else ast.unparse(d))
        for p, d in zip(positional, [*pad, *a.defaults], strict=True)
    ]
    if a.vararg:
        found.append(Parameter(a.vararg.arg, None, "args"))
    for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True):
        found.append(Parameter(p.arg, None if d is None else ast.unparse(d), "keyword"))
    if a.kwarg:
        found.append(Parameter(a.kwarg.arg, None, "kwargs"))
    return tuple(p for p in found if p.name != "self")


@record
class Row:
    """What becomes of one old name.

    ``rename``, ``drop``, ``only``, ``keep`` and ``add`` speak of arguments: renamed; without
    meaning now; may be given with these literal values only and are then left out; the same, but
    they stay; added to keep the old default. ``act`` says that the old call had ``act=``, ``wrap`` is text put around the new call
    (``{}`` is the call), ``helper`` a function of ``fluid_compat`` with the old signature.
    """

    id: str
    old: str
    kind: str = "function"
    signature: str = ""
    aliases: tuple[str, ...] = ()
    new: str = ""
    new_signature: str = ""
    rename: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    only: dict[str, list[Any]] = field(default_factory=dict)
    keep: dict[str, list[Any]] = field(default_factory=dict)
    add: dict[str, str] = field(default_factory=dict)
    same_default: tuple[str, ...] = ()
    act: bool = False
    wrap: str = ""
    helper: str = ""
    rule: str = ""
    status: str = "open"
    note: str = ""
    recipe: str = ""
    examples: tuple[dict[str, Any], ...] = ()
    numeric: bool = True  # False: a name that computes nothing (a place, a class to ask about)

    def __post_init__(self) -> None:
        if self.status not in _STATUS or self.kind not in _KINDS:
            raise DeclarationError(f"row {self.old}: status {self.status!r}, kind {self.kind!r}")
        if self.status != "open" and not (self.new or self.helper or self.rule):
            raise DeclarationError(f"row {self.old} is {self.status} but says nothing new")
        if self.status == "open" and not self.recipe:
            raise DeclarationError(f"row {self.old} is open and has no recipe")
        if self.wrap and self.wrap.count("{}") != 1:
            raise DeclarationError(f"row {self.old}: wrap needs one {{}}")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The old parameters, without ``self``."""
        return parse_signature(self.signature)

    @property
    def new_parameters(self) -> tuple[Parameter, ...]:
        """The new parameters, without ``self``."""
        return parse_signature(self.new_signature)

    @functools.cached_property
    def exact(self) -> bool:
        """Whether the new name can stand for the old one without its arguments being known."""
        special = self.drop or self.only or self.keep or self.add or self.act or self.wrap
        if not self.new or special:
            return False
        if any(a != b for a, b in self.rename.items()):
            return False
        if not self.new_signature:
            return True
        old = [p.name for p in self.parameters]
        return old == [p.name for p in self.new_parameters][: len(old)]


_FIELDS = {f.name for f in fields(Row)}
_TUPLES = ("aliases", "drop", "same_default", "examples")


def make_row(data: dict[str, Any], where: str) -> Row:
    """A validated row; raises DeclarationError for keys that no row has."""
    unknown = set(data) - _FIELDS
    if unknown:
        raise DeclarationError(f"{where}: row {data.get('old')} has unknown keys {sorted(unknown)}")
    return Row(**_tuples(data))


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {k: (tuple(v) if k in _TUPLES else v) for k, v in data.items()}


class Table:
    """All rows, found by any of their names; a row is made when it is first asked for."""

    def __init__(
        self, rows: list[str], names: dict[str, int], modules: dict[str, list[str]]
    ) -> None:
        self._texts = rows  # JSON: a run needs some fifty of seven hundred
        self._rows: dict[int, Row] = {}
        self._numbers = names
        self._found: dict[str, tuple[Row, int] | None] = {}
        self.prefixes = set(modules)
        for name in names:
            parts = name.split(".")
            self.prefixes.update(".".join(parts[:i]) for i in range(2, len(parts)))
        self.members = {m: frozenset(names) for m, names in modules.items()}

    @property
    def names(self) -> list[str]:
        """All old names that have a row."""
        return list(self._numbers)

    @property
    def rows(self) -> list[Row]:
        """All rows, in the order of the files."""
        return [self._row(number) for number in range(len(self._texts))]

    def _row(self, number: int) -> Row:
        if number not in self._rows:
            self._rows[number] = Row(**_tuples(json.loads(self._texts[number])))
        return self._rows[number]

    def find(self, dotted: str) -> tuple[Row, int] | None:
        """The row of the longest prefix of ``dotted`` and how many parts of it were used."""
        if dotted not in self._found:
            if len(self._found) > _REMEMBERED:
                self._found.clear()
            self._found[dotted] = self._find(dotted)
        return self._found[dotted]

    def _find(self, dotted: str) -> tuple[Row, int] | None:
        parts = dotted.split(".")
        if parts[2:3] in (["core_avx"], ["core_noavx"]):  # where 1.8 keeps what ``core`` gives out
            parts[2] = "core"
        for length in range(len(parts), 1, -1):
            number = self._numbers.get(".".join(parts[:length]))
            if number is not None:
                return self._row(number), length
        if (
            "core" in parts[3:-1]
        ):  # many modules of 1.8 import ``core``: fluid.layers.core is it, too
            start = parts.index("core", 3)
            found = self._find(".".join(["paddle.fluid", *parts[start:]]))
            return (found[0], found[1] + start - 2) if found else None
        return None

    def is_old(self, dotted: str) -> bool:
        """Whether a dotted name exists in 1.x only."""
        if dotted == "paddle.fluid" or dotted.startswith("paddle.fluid."):
            return True
        return dotted in self._numbers or self.find(dotted) is not None

    @functools.cached_property
    def _member_names(self) -> frozenset[str]:
        last = {name.rpartition(".")[2] for name in (*self.prefixes, *self._numbers)}
        return frozenset(last.union(*self.members.values()))

    def is_member(self, name: str) -> bool:
        """Whether any module of 1.x has a member of that name."""
        return name in self._member_names

    def exports(self, module: str, name: str) -> bool:
        """Whether ``from module import *`` brings ``name``."""
        return name in self.members.get(module, ())


@functools.cache
def load() -> Table:
    """The table that ships with the package; read from TOML once, then from the same as JSON."""
    data = state.derived("table", lambda: read(sorted(TABLES.glob("*.toml"))))
    return Table(data["rows"], data["names"], data["modules"])


def read(paths: list[Path]) -> dict[str, Any]:
    """The validated rows of TOML files, each as JSON, and the number of the row of every name."""
    rows: list[str] = []
    names: dict[str, int] = {}
    modules: dict[str, list[str]] = {}
    for path in paths:
        data = toml.loads(path.read_text(encoding="utf-8"))
        if path.stem == "modules":
            modules = data["modules"]
            continue
        for values in data.get("row", []):
            row = make_row(values, path.name)
            for name in (row.old, *row.aliases):
                if name in names:
                    raise DeclarationError(f"two rows for {name}")
                names[name] = len(rows)
            rows.append(json.dumps(values, separators=(",", ":")))
    return {"rows": rows, "names": names, "modules": modules}

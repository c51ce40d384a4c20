"""What passes between the engine, the rules and the reports."""

from __future__ import annotations

import ast
from dataclasses import asdict, field
from typing import Any, TypeVar

from dy2st.migrate.edits import Edit, Replace
from dy2st.migrate.names import Names, Scope
from dy2st.migrate.source import Source
from dy2st.migrate.table import Row, Table
from dy2st.records import record

T = TypeVar("T")
DOCS = "https://www.paddlepaddle.org.cn/documentation/docs/en/api/"

# of Paddle 2.5, the last one whose documentation has the old names
OLD_DOCS = "https://www.paddlepaddle.org.cn/documentation/docs/zh/2.5/api/"


class Decline(Exception):
    """A use that cannot be rewritten: ``reason`` or ``reason|recipe`` for the report.

    ``unknown`` says that it is not even certain to be a use of 1.x.
    """

    def __init__(self, text: str, unknown: bool = False) -> None:
        super().__init__(text)
        self.unknown = unknown


@record(frozen=False, eq=False)
class Change:
    """One use that was rewritten."""

    rule: str
    line: int
    column: int
    old: str
    new: str
    reason: str
    link: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For the JSON report and for the way back from a worker process."""
        return asdict(self)


@record(frozen=False, eq=False)
class OpenPoint:
    """One use that stays: why, and what a person can do. ``unknown`` is its own bucket."""

    rule: str
    line: int
    column: int
    old: str
    reason: str
    recipe: str
    unknown: bool = False
    needs_unsafe: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For the JSON report and for the way back from a worker process."""
        return asdict(self)


@record
class Options:
    """What the user asked for that changes how a file is rewritten."""

    unsafe: bool = False
    compat: bool = True
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    mark: bool = False

    def allows(self, rule: str, name: str = "") -> bool:
        """Whether a rule is switched on; a prefix such as ``PM2`` means all that start with it."""

        def matches(pattern: str) -> bool:
            return rule.startswith(pattern) or pattern == name

        if any(matches(p) for p in self.ignore):
            return False
        return not self.select or any(matches(p) for p in self.select)


@record(frozen=False, eq=False)
class Use:
    """One place where an old name is used; ``call`` is the call that it is the callee of."""

    row: Row
    node: ast.expr
    scope: Scope
    written: str
    call: ast.Call | None
    parent: ast.AST | None
    rest: tuple[str, ...] = ()
    via_getattr: ast.Call | None = None


@record(frozen=False, eq=False)
class Facts:
    """What is known of the whole file (or run) before its uses are rewritten."""

    static: bool = False
    dygraph: bool = False
    executor_helper: bool = False
    graph_rate: bool = False  # a learning rate may be a value that the program computes
    program_clip: bool = False  # clipping may be set for a program, not for its optimizer
    program_clones: bool = False  # a copy of a program may be given more operations
    programs: bool = (
        False  # some file of the run builds or runs programs: it is static when imported
    )
    kept: tuple[str, ...] = ()  # attributes under which modules of 1.x are kept
    read_elsewhere: tuple[str, ...] = ()  # those of them that some other file reads

    @property
    def sets_up_optimizers(self) -> bool:
        """Whether an optimizer needs more than its own arguments."""
        return self.graph_rate or self.program_clip

    def merge(self, other: Facts) -> None:
        """Add what another file needs that every file of the project must follow."""
        self.executor_helper |= other.executor_helper
        self.graph_rate |= other.graph_rate
        self.program_clip |= other.program_clip
        self.program_clones |= other.program_clones
        self.programs |= other.programs
        self.kept = tuple(sorted({*self.kept, *other.kept}))
        self.read_elsewhere = other.read_elsewhere


@record(frozen=False, eq=False)
class FileContext:
    """All that a rule may look at, and where it leaves what it wants."""

    path: str
    source: Source
    names: Names
    table: Table
    options: Options
    facts: Facts
    compat_module: str = ""  # "" puts the helpers into the file itself
    paddle: str = "paddle"
    edits: list[Edit] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    open_points: list[OpenPoint] = field(default_factory=list)
    helpers: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)  # lines to stand after the imports
    imports_level: int = 0  # dots before the compat module, 0 where it is no package
    needs_paddle: bool = False
    skipped_lines: frozenset[int] = frozenset()
    converted: set[ast.AST] = field(default_factory=set)
    named_in_texts: set[str] = field(default_factory=set)  # the module's names that strings use
    _learned: dict[type, Any] = field(default_factory=dict)

    def learned(self, kind: type[T]) -> T:
        """What a rule works out of the whole file, ``kind(context)``, worked out once."""
        if kind not in self._learned:
            self._learned[kind] = kind(self)  # type: ignore[call-arg]
        return self._learned[kind]  # type: ignore[no-any-return]

    def helper(self, name: str) -> str:
        """The expression that names a helper, which the project will then be given."""
        self.helpers.add(name)
        if self.compat_module:
            return f"{self.compat_module}.{name}"
        return f"_fluid_{name}"

    def wrap(
        self, helper: str, node: ast.expr, upto: ast.expr | None = None, more: str = ""
    ) -> str:
        """Write a helper's call around ``node`` and return the helper's name.

        Of ``node`` only its part ``upto`` stays where one is given; ``more`` are further arguments.
        """
        name = self.helper(helper)
        start, end = self.source.span(node)
        last = end if upto is None else self.source.span(upto)[1]
        self.edits.append(Replace(start, start, f"{name}(".encode()))
        self.edits.append(Replace(last, end, f"{more})".encode()))
        return name

    def new_name(self, dotted: str) -> str:
        """The expression for a name of today's Paddle."""
        if dotted.startswith("paddle."):
            self.needs_paddle = True
            return self.paddle + dotted[len("paddle") :]
        return dotted

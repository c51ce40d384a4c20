"""Rules for what a row cannot say: one class each, found by name from the rows.

A rule for a *use* is named by a row's ``rule`` key. A rule for a *method* looks at every call of
a method of that name. Both leave edits in the context and say what they did.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.errors import DeclarationError
from dy2st.migrate.edits import Replace
from dy2st.migrate.model import FileContext, Use
from dy2st.migrate.names import Scope

BY_NAME: dict[str, UseRule] = {}
SCANS: list[ScanRule] = []
BY_METHOD: dict[str, list[MethodRule]] = {}
_IDS: dict[str, str] = {}


class Rule:
    """What every rule declares."""

    id: ClassVar[str] = ""
    name: ClassVar[str] = ""
    safe: ClassVar[bool] = True
    changes: ClassVar[tuple[tuple[str, str], ...]] = ()
    leaves: ClassVar[tuple[str, ...]] = ()


def _take_id(rule: type[Rule]) -> None:
    """Refuse a number that another rule has: reports and --select know rules by it."""
    if _IDS.setdefault(rule.id, rule.__name__) != rule.__name__:
        raise DeclarationError(f"{rule.id} is {_IDS[rule.id]}'s and {rule.__name__}'s")


class UseRule(Rule):
    """Rewrites uses of the rows that name it; ``arguments`` are those it takes care of itself."""

    arguments: ClassVar[tuple[str, ...]] = ()

    def handles(self, argument: str) -> bool:
        """Whether the rule, not the row, takes care of an old argument."""
        return argument in self.arguments

    def __init_subclass__(cls) -> None:
        if not cls.id or not cls.name or not cls.__doc__:
            raise DeclarationError(f"rule {cls.__name__} needs id, name and docstring")
        if cls.name in BY_NAME:
            raise DeclarationError(f"two rules named {cls.name}")
        _take_id(cls)
        BY_NAME[cls.name] = cls()

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Leave edits and return the new name; None hands over to the row; Decline refuses."""
        raise NotImplementedError


class MethodRule(Rule):
    """Looks at calls ``something.method(...)``."""

    methods: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        if not cls.id or not cls.name or not cls.__doc__ or not cls.methods:
            raise DeclarationError(f"rule {cls.__name__} needs id, name, methods and docstring")
        _take_id(cls)
        rule = cls()
        for method in cls.methods:
            BY_METHOD.setdefault(method, []).append(rule)

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """Whether this call is a use of 1.x."""
        raise NotImplementedError

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """Leave edits and return the new form's name; Decline refuses."""
        raise NotImplementedError


class ScanRule(Rule):
    """Looks for its uses itself, in files with one of its ``words``."""

    words: ClassVar[tuple[bytes, ...]] = (b"fluid",)

    def __init_subclass__(cls) -> None:
        if not cls.id or not cls.name or not cls.__doc__:
            raise DeclarationError(f"rule {cls.__name__} needs id, name and docstring")
        _take_id(cls)
        SCANS.append(cls())

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """The expressions that are uses of 1.x."""
        raise NotImplementedError

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """Leave edits and return the new form's name; Decline refuses."""
        raise NotImplementedError


def load_all() -> None:
    """Import every rule; they register themselves."""
    from dy2st.migrate.rules import (  # noqa: F401
        broadcasting,
        complex_numbers,
        data,
        fetching,
        members,
        methods,
        mixed_types,
        moved,
        named,
        optimizers,
        reductions,
        sampled,
        scalars,
        scripts,
        sequence_activations,
        shapes,
        surfaces,
        values,
        variables,
    )


def receiver_is(call: ast.Call, scope: Scope, context: FileContext, *names: str) -> bool:
    """Whether the object whose method is called was certainly made by one of ``names``."""
    assert isinstance(call.func, ast.Attribute)
    candidates = context.names.resolve(call.func.value, scope)
    wanted = set()
    for candidate in candidates:
        row = context.table.find(candidate[5:]) if candidate.startswith("inst:") else None
        wanted.add(row[0].old if row else candidate)
    return bool(wanted) and wanted <= set(names)


def keyword_of(call: ast.Call, name: str) -> ast.keyword | None:
    """The keyword argument of that name."""
    return next((k for k in call.keywords if k.arg == name), None)


def hand_to_helper(node: ast.Attribute, helper: str, context: FileContext) -> str:
    """``x.method(a)`` becomes ``helper(x, a)``, ``x.attribute`` becomes ``helper(x)``."""
    parent = context.names.parents.get(node)
    if not (isinstance(parent, ast.Call) and parent.func is node):
        return context.wrap(helper, node, upto=node.value)
    name = context.helper(helper)
    start, end = context.source.span(node)
    base_end = context.source.span(node.value)[1]
    context.edits.append(Replace(start, start, f"{name}(".encode()))
    opening = context.source.text.index(b"(", end)
    given = bool(parent.args or parent.keywords)
    context.edits.append(Replace(base_end, opening + 1, b", " if given else b""))
    return name

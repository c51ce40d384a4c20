"""What a transformer is, and the walk that calls it.

A transformer is one feature of Python: it says which nodes it takes and what becomes of one. It gets
the user's node as it was and converts the parts it wants through the walk (``walk.expression``,
``walk.block``, ``walk.thunk`` …). One walk serves all of them, so a tree is visited once however
many features there are.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

from dy2st.errors import UnsupportedFeatureError
from dy2st.source.control import escapes
from dy2st.source.dataflow import live_names
from dy2st.source.names import FreshNames
from dy2st.source.positions import location_of
from dy2st.source.quote import quote, quote_block
from dy2st.source.scopes import Scope


class Transformer:
    """One feature of Python. Subclasses name their nodes and define ``convert``."""

    nodes: ClassVar[tuple[type[ast.AST], ...]] = ()

    def convert(self, node: Any, walk: Walk) -> Any:
        """What stands for ``node``: an expression, or a list of statements."""
        raise NotImplementedError


class ControlFlow(Transformer):
    """A compound statement whose blocks may jump out of it."""

    def outcome(
        self, node: Any, walk: Walk, rest: ast.expr | None
    ) -> tuple[list[ast.stmt], ast.expr]:
        """Definitions, and the expression that runs ``node`` and gives its control outcome.

        ``rest`` names the function of the statements that follow in the same block; it runs where
        ``node`` falls through.
        """
        raise NotImplementedError

    def convert(self, node: Any, walk: Walk) -> list[ast.stmt]:
        """``node`` as a statement that always falls through."""
        definitions, call = self.outcome(node, walk, None)
        return [*definitions, ast.copy_location(ast.Expr(value=call), call)]


@dataclass
class FunctionState:
    """The function that is being converted: its scope, and how its statements are to be treated."""

    scope: Scope
    name: str
    in_place: bool = False
    helper: bool = False
    first_parameter: str | None = None
    has_helpers: bool = False
    declared: list[str] = field(default_factory=list)
    outer: frozenset[str] = frozenset()


class Walk:
    """Converts a function's tree by asking the transformer of each node."""

    def __init__(
        self,
        table: dict[type, Transformer],
        fresh: FreshNames,
        file: str,
        support: str,
        has_class_cell: bool,
        kinds: set[type],
        outer: Iterable[str] = (),
    ) -> None:
        self.table = table
        self.fresh = fresh
        self.file = file
        self.support = support
        self.outer = frozenset(outer)
        self.has_class_cell = has_class_cell
        self.helpers: set[str] = set()
        self._may_suspend = bool(kinds & {ast.Yield, ast.YieldFrom, ast.Await})
        self._may_bind = ast.NamedExpr in kinds
        self.state: FunctionState
        self._pending: list[ast.stmt] = []

    # Expressions

    def expression(self, node: ast.expr) -> ast.expr:
        """``node`` converted."""
        transformer = self.table.get(type(node))
        if transformer is None:
            return self.children(node)  # type: ignore[no-any-return]
        return transformer.convert(node, self)  # type: ignore[no-any-return]

    def children(self, node: Any) -> Any:
        """``node`` itself, with the expressions below it converted."""
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.expr):
                setattr(node, name, self.expression(value))
            elif isinstance(value, (ast.keyword, ast.comprehension)):
                self.children(value)
            elif type(value) is list:
                setattr(node, name, [self._item(item) for item in value])
        return node

    def _item(self, item: Any) -> Any:
        if isinstance(item, ast.expr):
            return self.expression(item)
        return self.children(item) if isinstance(item, (ast.keyword, ast.comprehension)) else item

    def expressions(self, nodes: list[ast.expr]) -> list[ast.expr]:
        """A list of expressions, converted in order."""
        return [self.expression(node) for node in nodes]

    def quote(self, template: str, at: ast.AST, **holes: Any) -> Any:
        """An expression; ``_d`` in the template is the name that ``convert`` is bound to."""
        return quote(template, at=at, _d=self.support, **holes)

    def quote_block(self, template: str, at: ast.AST, **holes: Any) -> list[ast.stmt]:
        """Statements; ``_d`` in the template is the name that ``convert`` is bound to."""
        return quote_block(template, at=at, _d=self.support, **holes)

    def thunk(self, node: ast.expr) -> ast.expr:
        """A function without arguments that evaluates ``node`` when it is called.

        It is a lambda, unless ``node`` binds a name (walrus): a lambda would bind its own.
        """
        before, self._pending = self._pending, []
        binds = self._may_bind and _binds(node)
        value = self.expression(node)
        definitions, self._pending = self._pending, before
        if not binds and not definitions:
            return quote("lambda: value", at=node, value=value)  # type: ignore[no-any-return]
        name = self.fresh.fresh("expr")
        body = [*definitions, *quote_block("return value", at=node, value=value)]
        self._pending.extend(self.helper(name, body, node))
        return quote("name", at=node, name=name)  # type: ignore[no-any-return]

    # Statements

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """A list of statements converted; what follows a jump out of one goes into its ``rest``."""
        result: list[ast.stmt] = []
        for index, statement in enumerate(body):
            if not self.state.in_place and escapes(statement):
                return result + self._jumping(statement, body[index + 1 :])
            result.extend(self.statement(statement))
            if not self.state.in_place and isinstance(
                statement, (ast.Return, ast.Break, ast.Continue)
            ):
                break
        if body and not result:
            return quote_block("pass", at=body[0])
        return result

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        """One statement converted, after the definitions that its expressions need."""
        transformer = self.table.get(type(node))
        if transformer is None:
            return self.collected(lambda: [self.children(node)])
        return self.collected(lambda: transformer.convert(node, self))  # type: ignore[no-any-return]

    def collected(self, make: Callable[[], list[ast.stmt]]) -> list[ast.stmt]:
        """What ``make`` gives, after the definitions that the expressions converted in it need."""
        before, self._pending = self._pending, []
        made = make()
        result, self._pending = [*self._pending, *made], before
        return result

    def _jumping(self, node: ast.stmt, following: list[ast.stmt]) -> list[ast.stmt]:
        transformer = self.table[type(node)]
        assert isinstance(transformer, ControlFlow)
        rest, rest_definition = None, []
        if following:
            name = self.fresh.fresh("rest")
            rest = quote("name", at=following[0], name=name)
        before, self._pending = self._pending, []
        definitions, call = transformer.outcome(node, self, rest)
        pending, self._pending = self._pending, before
        if following:
            with self.inside_helper():
                rest_definition = self.helper(name, self.block(following), following[0])
        if not self.state.helper:
            call = self.quote("_d.result(call)", at=call, call=call)
        return [
            *pending,
            *definitions,
            *rest_definition,
            *quote_block("return call", at=call, call=call),
        ]

    def helper(self, name: str, body: list[ast.stmt], at: ast.AST) -> list[ast.stmt]:
        """A generated function in which every name of the user's function is the user's own variable."""
        self.helpers.add(name)
        self.state.has_helpers = True
        scope = self.state.scope
        declarations: list[ast.stmt] = []
        if scope.globals:
            declarations += quote_block("global names", at=at, names=sorted(scope.globals))
        if self.state.declared:
            declarations += quote_block("nonlocal names", at=at, names=list(self.state.declared))
        body = body or quote_block("pass", at=at)
        return quote_block(
            "def name():\n declarations\n body",
            at=at,
            name=name,
            declarations=declarations,
            body=body,
        )

    def body(self, stem: str, body: list[ast.stmt], at: ast.AST) -> tuple[list[ast.stmt], ast.expr]:
        """A block as a helper: its definition, and the expression that names it (None for no block)."""
        if not body:
            return [], quote("None", at=at)
        name = self.fresh.fresh(stem)
        with self.inside_helper():
            converted = self.block(body)
        return self.helper(name, converted, at), quote("name", at=at, name=name)

    @contextmanager
    def inside_helper(self) -> Iterator[None]:
        """Statements converted inside of this end in an outcome, not in a plain ``return``."""
        before, self.state.helper = self.state.helper, True
        pending, self._pending = self._pending, []
        try:
            yield
        finally:
            self.state.helper, self._pending = before, pending

    @contextmanager
    def inside_function(self, state: FunctionState) -> Iterator[None]:
        """Statements converted inside of this belong to another function of the user's."""
        before = getattr(self, "state", None)
        around = self.outer if before is None else before.outer | set(before.scope.bound)
        state.outer = frozenset(around)
        pending, self._pending = self._pending, []
        self.state = state
        try:
            yield
        finally:
            if before is not None:
                self.state = before
            self._pending = pending

    def live(self, node: ast.stmt, at: ast.AST) -> ast.expr:
        """The tuple of names that are live after ``node``."""
        scope = self.state.scope
        # Variables of functions around this one are read by others, at any time.
        names = sorted({*live_names(node), *scope.kept, *(scope.free & self.state.outer)})
        elements: list[ast.expr] = [ast.copy_location(ast.Constant(value=n), at) for n in names]
        return ast.copy_location(ast.Tuple(elts=elements, ctx=ast.Load()), at)

    def temporary(
        self, stem: str, value: ast.expr
    ) -> tuple[list[ast.stmt], Callable[[], ast.expr]]:
        """A statement that keeps ``value`` under a fresh name, and a maker of loads of it."""
        name = self.fresh.fresh(stem)
        made = quote_block("name = value", at=value, name=name, value=value)
        return made, lambda: quote("name", at=value, name=name)  # type: ignore[no-any-return]

    def has_yield(self, node: ast.AST) -> bool:
        """Whether evaluating ``node`` may suspend the function (inner functions do not count)."""
        return self._may_suspend and _has_yield(node)

    def refuse(self, node: ast.AST, what: str, remedy: str) -> NoReturn:
        """Raise UnsupportedFeatureError at ``node``."""
        raise UnsupportedFeatureError(
            f"{what} cannot be converted",
            location=location_of(
                node, self.file, self.state.name if hasattr(self, "state") else ""
            ),
            remedy=remedy,
        )


def _binds(node: ast.expr) -> bool:
    return any(isinstance(inner, ast.NamedExpr) for inner in ast.walk(node))


def _has_yield(node: ast.AST) -> bool:
    stack = [node]
    while stack:
        inner = stack.pop()
        if isinstance(inner, (ast.Yield, ast.YieldFrom, ast.Await)):
            return True
        if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        stack.extend(ast.iter_child_nodes(inner))
    return False

"""List, set and dict comprehensions, and what a lambda or a generator expression cannot hold.

This runs before data flow: a comprehension becomes an inner function of the user's with ``for``,
``if`` and ``append``, which the other transformers then convert like any other code.
"""

from __future__ import annotations

import ast
from typing import Any

from dy2st.source.names import FreshNames
from dy2st.source.quote import quote, quote_block

_COMPREHENSIONS: dict[type, tuple[str, str, str, str]] = {
    # node: stem, what Python calls its function, the empty result, how an element is added
    ast.ListComp: ("list", "<listcomp>", "[]", "result.append(element)"),
    ast.SetComp: ("set", "<setcomp>", "{*()}", "result.add(element)"),
    ast.DictComp: ("dict", "<dictcomp>", "{}", "result[key] = element"),
}
_STATEMENT_LISTS = ("body", "orelse", "finalbody")


class LowerComprehensions:
    """Rewrites a function's tree in place.

    >>> lower("def f(xs):\\n  return [x.a for x in xs if x]")
    def f(xs):
        def _list_1(_all_1):
            _result_1 = []
            for x in _all_1:
                if x:
                    _result_1.append(x.a)
            return _result_1
        return _list_1(xs)
    """

    def __init__(self, fresh: FreshNames) -> None:
        self.fresh = fresh
        self.shown: dict[str, str] = {}
        self._pending: list[ast.stmt] = []
        self._globals: set[str] = set()

    def function(self, node: ast.FunctionDef) -> None:
        """Lower everything below the body of ``node``."""
        before = self._globals
        if not getattr(node, "_lowered", False):
            self._globals = _declared_global(node.body)
        node.body = self._block(node.body)
        self._globals = before

    def _block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        result: list[ast.stmt] = []
        for statement in body:
            before, self._pending = self._pending, []
            self._statement(statement)
            if isinstance(statement, (ast.While, ast.ClassDef)):
                _not_immediate(self._pending)
            result += [*self._pending, statement]
            self._pending = before
        return result

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.ClassDef):
            for name in ("decorator_list", "bases", "keywords"):
                setattr(node, name, [self._visit(part) for part in getattr(node, name)])
            return
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = [self._visit(part) for part in node.decorator_list]
            self._defaults(node.args)
            self.function(node)
            return
        for name in node._fields:
            value = getattr(node, name, None)
            if name in _STATEMENT_LISTS and isinstance(value, list):
                setattr(node, name, self._block(value))
            elif name in ("handlers", "cases"):
                for part in value or []:
                    self._part(part)
            elif isinstance(value, list):
                setattr(node, name, [self._visit(part) for part in value])
            elif isinstance(value, ast.AST):
                setattr(node, name, self._visit(value))

    def _part(self, part: Any) -> None:
        if isinstance(part, ast.ExceptHandler) and part.type is not None:
            part.type = self._visit(part.type)
        elif isinstance(part, ast.match_case) and part.guard is not None:
            part.guard = self._visit(part.guard)
        part.body = self._block(part.body)

    def _visit(self, node: Any) -> Any:
        if not isinstance(node, ast.AST):
            return node
        if isinstance(node, tuple(_COMPREHENSIONS)):
            return self._comprehension(node)
        if isinstance(node, ast.Lambda):
            return self._lambda(node)
        if isinstance(node, ast.GeneratorExp):
            return self._generator(node)
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                setattr(node, name, [self._visit(part) for part in value])
            elif isinstance(value, ast.AST):
                setattr(node, name, self._visit(value))
        if isinstance(node, ast.Call):
            for argument in node.args:
                # What a call gets is taken to be used up by it.
                argument._consumed = True  # type: ignore[attr-defined]
        return node

    def _comprehension(self, node: Any) -> ast.expr:
        if any(part.is_async for part in node.generators):
            return node  # type: ignore[no-any-return]
        stem, shown, empty, add = _COMPREHENSIONS[type(node)]
        result = self.fresh.fresh("result")
        if isinstance(node, ast.DictComp):
            # The key is evaluated before the value, which a plain store would do the other way round.
            key = self.fresh.fresh("key")
            inner = quote_block("key = value", at=node.key, key=key, value=node.key)
            holes: dict[str, Any] = {
                "key": quote("key", at=node.key, key=key),
                "element": node.value,
            }
        else:
            inner, holes = [], {"element": node.elt}
        inner += quote_block(add, at=node, result=result, **holes)
        return self._lowered(
            node,
            stem,
            shown,
            inner,
            quote_block(f"result = {empty}", at=node, result=result),
            quote_block("return result", at=node, result=result),
        )

    def _generator(self, node: ast.GeneratorExp) -> ast.expr:
        parts = [node.elt, *node.generators]
        awkward = (ast.NamedExpr, ast.Lambda, *_COMPREHENSIONS)
        if not any(isinstance(inner, awkward) for part in parts for inner in ast.walk(part)):
            node.generators[0].iter = self._visit(node.generators[0].iter)
            return node
        element = quote("(yield value)", at=node.elt, value=node.elt)
        inner = quote_block(
            "element", at=node.elt, element=[ast.copy_location(ast.Expr(element), node.elt)]
        )
        return self._lowered(node, "generator", "<genexpr>", inner, [], [])

    def _lowered(
        self,
        node: Any,
        stem: str,
        shown: str,
        inner: list[ast.stmt],
        head: list[ast.stmt],
        tail: list[ast.stmt],
    ) -> ast.expr:
        name, everything = self.fresh.fresh(stem), self.fresh.fresh("all")
        self.shown[name] = shown
        first = node.generators[0]
        iterable = self._visit(first.iter)
        if stem == "generator":
            # A generator expression asks for the iterator of its first iterable at once.
            iterable = quote("iter(xs)", at=first.iter, xs=iterable)
        first.iter = quote("xs", at=first.iter, xs=everything)
        walrus = sorted(_walrus_names(node))
        for part in reversed(node.generators):
            for test in reversed(part.ifs):
                inner = quote_block("if test: inner", at=test, test=test, inner=inner)
            loop = quote_block("for x in xs: inner", at=part.target, xs=part.iter, inner=inner)[0]
            assert isinstance(loop, ast.For)
            loop.target = part.target
            inner = [loop]
        declared = self._declarations(walrus, node)
        walrus = [name for name in walrus if name not in self._globals]
        definition = quote_block(
            "def name(everything):\n declared\n head\n inner\n tail",
            at=node,
            name=name,
            everything=everything,
            declared=declared,
            head=head,
            inner=inner,
            tail=tail,
        )[0]
        assert isinstance(definition, ast.FunctionDef)
        definition._immediate = True  # type: ignore[attr-defined]
        definition._lowered = definition._hidden = True  # type: ignore[attr-defined]
        definition._walrus = walrus  # type: ignore[attr-defined]
        self.function(definition)
        self._pending.append(definition)
        call: ast.expr = quote("name(xs)", at=node, name=name, xs=iterable)
        return call

    def _declarations(self, walrus: list[str], at: ast.AST) -> list[ast.stmt]:
        outer = [name for name in walrus if name in self._globals]
        inner = [name for name in walrus if name not in self._globals]
        made = quote_block("global names", at=at, names=outer) if outer else []
        return made + (quote_block("nonlocal names", at=at, names=inner) if inner else [])

    def _defaults(self, args: ast.arguments) -> None:
        args.defaults = [self._visit(default) for default in args.defaults]
        args.kw_defaults = [self._visit(default) for default in args.kw_defaults]

    def _lambda(self, node: ast.Lambda) -> ast.expr:
        """A lambda whose body needs statements becomes a ``def``."""
        args = node.args
        self._defaults(args)
        before, self._pending = self._pending, []
        body = self._visit(node.body)
        definitions, self._pending = self._pending, before
        if not definitions and not any(isinstance(n, ast.NamedExpr) for n in ast.walk(body)):
            node.body = body
            return node
        name = self.fresh.fresh("lambda")
        self.shown[name] = "<lambda>"
        made = quote_block(
            "def name():\n definitions\n return body",
            at=node,
            name=name,
            definitions=definitions,
            body=body,
        )[0]
        assert isinstance(made, ast.FunctionDef)
        made.args = args
        made._hidden = True  # type: ignore[attr-defined]
        self._pending.append(made)
        reference: ast.expr = quote("name", at=node, name=name)
        return reference


def _walrus_names(node: ast.AST) -> set[str]:
    """Names that a comprehension binds in the function around it."""
    found: set[str] = set()
    stack: list[ast.AST] = [node]
    while stack:
        inner = stack.pop()
        if isinstance(inner, ast.NamedExpr):
            found.add(inner.target.id)
        if not isinstance(inner, ast.Lambda):
            stack.extend(ast.iter_child_nodes(inner))
    return found


def _declared_global(body: list[ast.stmt]) -> set[str]:
    found: set[str] = set()
    stack: list[ast.AST] = list(body)
    while stack:
        inner = stack.pop()
        if isinstance(inner, ast.Global):
            found.update(inner.names)
        if not isinstance(inner, (ast.FunctionDef, ast.ClassDef, ast.expr)):
            stack.extend(ast.iter_child_nodes(inner))
    return found


def _not_immediate(pending: list[ast.stmt]) -> None:
    """A loop's test runs again and again, long after the definition."""
    for statement in pending:
        statement._immediate = False  # type: ignore[attr-defined]

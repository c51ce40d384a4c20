"""Which scope a name belongs to: parameters, locals, ``global``, ``nonlocal`` and what is captured.

List, set and dict comprehensions are expected to have become functions (see
``transformers/comprehension.py``); a generator expression is a scope of its own.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from dy2st.source.copying import child_nodes

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass
class Scope:
    """The names of one function.

    ``bound``: parameters and locals, in order of appearance; ``captured``: names of any outer scope
    or of this one that inner functions, lambdas, classes or stored generators use; ``reads``: what
    this function's own statements load; ``immediate``: what inner functions that are called on the
    spot (lowered comprehensions) use; ``implicit``: locals that only such a function binds (walrus);
    ``hidden``: names of generated functions (``kept``: those that a loop's test calls every time); ``unbinds``: outer names that it may delete;
    ``unbound_inside``: locals that inner functions may delete.
    """

    params: tuple[str, ...] = ()
    bound: dict[str, None] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
    reads: set[str] = field(default_factory=set)
    captured: set[str] = field(default_factory=set)
    immediate: set[str] = field(default_factory=set)
    implicit: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    unbinds: set[str] = field(default_factory=set)
    unbound_inside: set[str] = field(default_factory=set)

    @property
    def locals(self) -> list[str]:
        """Bound names that are no parameters."""
        return [name for name in self.bound if name not in self.params]

    @property
    def free(self) -> set[str]:
        """Names that come from outside: outer functions, globals, builtins."""
        outside = (self.reads | self.captured | self.immediate) - set(self.bound)
        return (outside - self.hidden) | self.nonlocals | self.globals


def scope_of(function: Function) -> Scope:
    """The scope of ``function``; kept on the node, so that asking again is free."""
    known = getattr(function, "_scope", None)
    if known is not None:
        assert isinstance(known, Scope)
        return known
    collector = _Collector()
    args = function.args
    plain = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    params = plain + [arg for arg in (args.vararg, args.kwarg) if arg is not None]
    for param in params:
        collector.bind(param.arg)
    collector.scope.params = tuple(collector.scope.bound)
    body = function.body if isinstance(function.body, list) else [function.body]
    for statement in body:
        collector.visit(statement)
    scope = collector.scope
    for name in scope.globals | scope.nonlocals:
        scope.bound.pop(name, None)
    scope.unbinds = (scope.unbinds & scope.nonlocals) | (scope.unbound_inside - set(scope.bound))
    function._scope = scope  # type: ignore[union-attr]
    return scope


class _Collector(ast.NodeVisitor):
    def __init__(self) -> None:
        self.scope = Scope()

    def visit(self, node: ast.AST) -> None:
        kind = type(node).__name__
        method = getattr(self, "visit_" + kind, None)
        if method is not None:
            method(node)
        else:
            self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        for child in child_nodes(node):
            self.visit(child)

    def bind(self, name: str) -> None:
        self.scope.bound.setdefault(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.scope.reads.add(node.id)
        else:
            self.bind(node.id)
            if isinstance(node.ctx, ast.Del):
                self.scope.unbinds.add(node.id)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.scope.reads.add(node.target.id)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.scope.globals.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.scope.nonlocals.update(node.names)

    def visit_alias(self, node: ast.alias) -> None:
        self.bind((node.asname or node.name).split(".")[0])

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name:
            self.bind(node.name)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self.bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.bind(node.rest)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if getattr(node, "_hidden", False):
            self.scope.hidden.add(node.name)
            if not getattr(node, "_immediate", False):
                self.scope.kept.add(node.name)
        else:
            self.bind(node.name)
        for name in getattr(node, "_walrus", ()):
            self.bind(name)
            self.scope.implicit.add(name)
        for part in [*node.decorator_list, *_defaults(node.args), *_annotations(node)]:
            self.visit(part)
        self._inner(node, getattr(node, "_immediate", False))

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for part in _defaults(node.args):
            self.visit(part)
        self._inner(node, False)

    def _inner(self, node: Function, immediate: bool) -> None:
        inner = scope_of(node)
        free = inner.free
        self.scope.unbound_inside |= inner.unbinds
        (self.scope.immediate if immediate else self.scope.captured).update(free)
        # What is made in a function that is called on the spot may outlive the call.
        self.scope.captured |= inner.captured - set(inner.bound)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bind(node.name)
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(part)
        for statement in node.body:
            for inner in ast.walk(statement):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
                    self.scope.captured.add(inner.id)
                elif isinstance(inner, ast.Nonlocal):
                    self.scope.captured.update(inner.names)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        """Everything but the first iterable runs in a scope of its own, and later."""
        self.visit(node.generators[0].iter)
        loads = generator_reads(node)
        if getattr(node, "_consumed", False):
            self.scope.immediate.update(loads)
        else:
            self.scope.captured.update(loads)


def generator_reads(node: ast.GeneratorExp) -> set[str]:
    """Names of outer scopes that a generator expression reads while it runs."""
    inner: set[str] = set()
    targets: set[str] = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            (inner if isinstance(child.ctx, ast.Load) else targets).add(child.id)
        elif isinstance(child, ast.Lambda):
            targets |= set(scope_of(child).bound)
    return inner - targets


def _defaults(args: ast.arguments) -> list[ast.expr]:
    return [*args.defaults, *(default for default in args.kw_defaults if default is not None)]


def _annotations(node: ast.FunctionDef) -> list[ast.expr]:
    args = node.args
    plain = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    params = plain + [arg for arg in (args.vararg, args.kwarg) if arg is not None]
    found = [param.annotation for param in params if param.annotation is not None]
    return found + ([node.returns] if node.returns is not None else [])

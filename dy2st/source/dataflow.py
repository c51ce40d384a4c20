"""Data flow over the statements of one function: liveness and definite assignment.

``mark_live`` (after ``control.mark_escapes``) notes on each ``if``, loop, ``try``, ``with`` and ``match`` the names that may be read
after it before they are written (``node._live``; for a loop also at the start of its next round).
``mark_unbound`` notes on each load of a local whether the name may be unbound there
(``node._unbound``). Both are exact on structured code up to the usual approximation that every path
may be taken; an exception may leave a ``try`` block anywhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from dy2st.records import record
from dy2st.source.control import BREAK, CONTINUE, RETURN, escapes
from dy2st.source.copying import child_nodes
from dy2st.source.scopes import FUNCTIONS, Scope, generator_reads, scope_of

Names = frozenset[str]
EMPTY: Names = frozenset()


def live_names(statement: ast.stmt) -> tuple[str, ...]:
    """The names that ``mark_live`` noted, sorted."""
    found: Names = getattr(statement, "_live", EMPTY)
    return tuple(sorted(found))


def mark_live(body: list[ast.stmt], scope: Scope) -> None:
    """Liveness (backward may analysis) over the body of one function."""
    everything = frozenset(scope.bound) | scope.nonlocals
    _Liveness(everything, frozenset(scope.captured) & everything | scope.nonlocals).block(
        body, EMPTY, _Exits()
    )


@record(frozen=True)
class _Exits:
    """What is live where control may go from inside a block."""

    on_break: Names = EMPTY
    on_continue: Names = EMPTY
    on_raise: Names = EMPTY
    on_return: Names = EMPTY


class _Liveness:
    def __init__(self, names: Names, always: Names) -> None:
        self.names = names
        self.always = always

    def reads(self, *nodes: ast.AST | None) -> Names:
        """Names that evaluating ``nodes`` may read."""
        found: set[str] = set()
        stack = [node for node in nodes if node is not None]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Name):
                if isinstance(node.ctx, (ast.Load, ast.Del)):
                    found.add(node.id)
            elif isinstance(node, FUNCTIONS):
                found |= scope_of(node).free
                stack += [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
                stack += getattr(node, "decorator_list", [])
            elif isinstance(node, ast.GeneratorExp):
                found |= generator_reads(node)
                stack.append(node.generators[0].iter)
            else:
                stack.extend(child_nodes(node))
        return self.names & found

    def writes(self, *nodes: ast.AST | None) -> Names:
        """Names that are bound for certain by the targets in ``nodes``."""
        found: set[str] = set()
        for node in nodes:
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, (ast.Tuple, ast.List)):
                found |= self.writes(*node.elts)
            elif isinstance(node, ast.Starred):
                found |= self.writes(node.value)
        return frozenset(found)

    def block(self, body: list[ast.stmt], out: Names, exits: _Exits) -> Names:
        live = out
        for statement in reversed(body):
            live = self.statement(statement, live, exits) | exits.on_raise
        return live

    def statement(self, node: ast.stmt, out: Names, exits: _Exits) -> Names:
        method = getattr(self, f"visit_{type(node).__name__}", None)
        if method is not None:
            result: Names = method(node, out, exits)
            return result
        return out | self.reads(node)

    def note(self, node: ast.stmt, live: Names, exits: _Exits) -> None:
        """Live after ``node``: where it falls through, and where it jumps to."""
        jumps = escapes(node)
        for jump, target in (
            (BREAK, exits.on_break),
            (CONTINUE, exits.on_continue),
            (RETURN, exits.on_return),
        ):
            if jump in jumps:
                live |= target
        node._live = live | self.always  # type: ignore[attr-defined]

    def visit_Assign(self, node: ast.Assign, out: Names, exits: _Exits) -> Names:
        return (out - self.writes(*node.targets)) | self.reads(node)

    def visit_AnnAssign(self, node: ast.AnnAssign, out: Names, exits: _Exits) -> Names:
        if node.value is None:
            return out
        return (out - self.writes(node.target)) | self.reads(node.value, node.target)

    def visit_AugAssign(self, node: ast.AugAssign, out: Names, exits: _Exits) -> Names:
        return out | self.reads(node) | (self.writes(node.target) & self.names)

    def visit_FunctionDef(self, node: ast.FunctionDef, out: Names, exits: _Exits) -> Names:
        return (out - {node.name}) | self.reads(node)

    def visit_ClassDef(self, node: ast.ClassDef, out: Names, exits: _Exits) -> Names:
        return (out - {node.name}) | self.reads(node)

    def visit_Return(self, node: ast.Return, out: Names, exits: _Exits) -> Names:
        return self.reads(node) | exits.on_return

    def visit_Raise(self, node: ast.Raise, out: Names, exits: _Exits) -> Names:
        return self.reads(node) | exits.on_raise

    def visit_Break(self, node: ast.Break, out: Names, exits: _Exits) -> Names:
        return exits.on_break

    def visit_Continue(self, node: ast.Continue, out: Names, exits: _Exits) -> Names:
        return exits.on_continue

    def visit_If(self, node: ast.If, out: Names, exits: _Exits) -> Names:
        self.note(node, out, exits)
        then = self.block(node.body, out, exits)
        orelse = self.block(node.orelse, out, exits)
        return then | orelse | self.reads(node.test)

    def visit_While(self, node: ast.While, out: Names, exits: _Exits) -> Names:
        after = self.block(node.orelse, out, exits) | self.reads(node.test)
        head = self._rounds(after, out, exits, lambda inner: self.block(node.body, *inner) | after)
        self.note(node, head | out, exits)
        return head

    def visit_For(self, node: ast.For, out: Names, exits: _Exits) -> Names:
        after = self.block(node.orelse, out, exits)
        written = self.writes(node.target)

        def once(inner: tuple[Names, _Exits]) -> Names:
            return (self.block(node.body, *inner) - written) | self.reads(node.target) | after

        head = self._rounds(after, out, exits, once)
        self.note(node, head | out, exits)
        return head | self.reads(node.iter)

    def _rounds(self, start: Names, out: Names, exits: _Exits, once: object) -> Names:
        """The least fixed point of what is live at the head of a loop."""
        assert callable(once)
        head = start
        while True:
            inner = replace(exits, on_break=out, on_continue=head)
            new: Names = head | once((head, inner))
            if new == head:
                return head
            head = new

    def visit_With(self, node: ast.With, out: Names, exits: _Exits) -> Names:
        self.note(node, out, exits)
        # A context manager may swallow an exception, and go on after the block.
        inner = self.block(node.body, out, replace(exits, on_raise=exits.on_raise | out))
        for item in reversed(node.items):
            inner = inner - self.writes(item.optional_vars)
            inner |= self.reads(item.optional_vars, item.context_expr)
        return inner

    def visit_Try(self, node: ast.Try, out: Names, exits: _Exits) -> Names:
        self.note(node, out, exits)
        if node.finalbody:
            leaving = out | exits.on_break | exits.on_continue | exits.on_raise | exits.on_return
            final = self.block(node.finalbody, leaving, exits)
            exits = _Exits(final, final, final, final)
            out = final
        caught = exits.on_raise
        for handler in node.handlers:
            body = self.block(handler.body, out, exits)
            caught |= (body - {handler.name or ""}) | self.reads(handler.type)
        orelse = self.block(node.orelse, out, exits)
        return self.block(node.body, orelse, replace(exits, on_raise=caught)) | caught

    visit_TryStar = visit_Try

    def visit_Match(self, node: ast.Match, out: Names, exits: _Exits) -> Names:
        self.note(node, out, exits)
        live = out
        for case in node.cases:
            live |= self.block(case.body, out, exits) | self.reads(case.guard, case.pattern)
        return live | self.reads(node.subject)


@dataclass
class _Loop:
    breaks: list[Names] = field(default_factory=list)


def mark_unbound(body: list[ast.stmt], scope: Scope) -> None:
    """Definite assignment (forward must analysis) over the body of one function."""
    _Assigned(frozenset(scope.bound), scope.unbound_inside).block(body, frozenset(scope.params))


def _both(left: Names | None, right: Names | None) -> Names | None:
    """What is bound where two paths meet; None is a path that is never taken."""
    if left is None:
        return right
    return left if right is None else left & right


class _Assigned:
    def __init__(self, names: Names, volatile: set[str]) -> None:
        self.names = names
        self.volatile = volatile
        self.loops: list[_Loop] = []

    def block(self, body: Iterable[ast.stmt], bound: Names | None) -> Names | None:
        for statement in body:
            if bound is None:
                # Unreachable code: nothing is known, and nothing has to be.
                bound = EMPTY
                self.statement(statement, bound)
                bound = None
            else:
                bound = self.statement(statement, bound)
        return bound

    def expression(self, node: ast.AST | None, bound: Names) -> Names:
        """Mark the loads in ``node``; the names bound after it for certain (walrus)."""
        if node is None or isinstance(node, (*FUNCTIONS, ast.GeneratorExp, ast.ClassDef)):
            return self._inner(node, bound)
        if isinstance(node, ast.Name):
            return self._name(node, bound)
        if isinstance(node, ast.NamedExpr):
            bound = self.expression(node.value, bound)
            return bound | {node.target.id}
        if isinstance(node, (ast.BoolOp, ast.IfExp, ast.Compare)):
            return self._conditional(node, bound)
        for child in child_nodes(node):
            bound = self.expression(child, bound)
        return bound

    def _inner(self, node: ast.AST | None, bound: Names) -> Names:
        if isinstance(node, ast.GeneratorExp):
            return self.expression(node.generators[0].iter, bound)
        if isinstance(node, FUNCTIONS):
            parts = [*node.args.defaults, *node.args.kw_defaults]
            for part in [*parts, *getattr(node, "decorator_list", [])]:
                bound = self.expression(part, bound)
        elif isinstance(node, ast.ClassDef):
            for part in [*node.decorator_list, *node.bases, *node.keywords]:
                bound = self.expression(part, bound)
        return bound

    def _name(self, node: ast.Name, bound: Names) -> Names:
        if isinstance(node.ctx, ast.Store):
            return bound | {node.id}
        if node.id in self.names and (node.id not in bound or node.id in self.volatile):
            node._unbound = True  # type: ignore[attr-defined]
        return bound - {node.id} if isinstance(node.ctx, ast.Del) else bound

    def _conditional(self, node: ast.BoolOp | ast.IfExp | ast.Compare, bound: Names) -> Names:
        """Only the first operand is evaluated for certain (of a comparison, the first two)."""
        if isinstance(node, ast.IfExp):
            bound = self.expression(node.test, bound)
            return self.expression(node.body, bound) & self.expression(node.orelse, bound)
        if isinstance(node, ast.Compare):
            bound = self.expression(node.left, bound)
            parts = node.comparators
        else:
            parts = node.values
        bound = inner = self.expression(parts[0], bound)
        for part in parts[1:]:
            inner = self.expression(part, inner)
        return bound

    def statement(self, node: ast.stmt, bound: Names) -> Names | None:
        method = getattr(self, f"visit_{type(node).__name__}", None)
        if method is not None:
            result: Names | None = method(node, bound)
            return result
        return self.expression(node, bound)

    def visit_Assign(self, node: ast.Assign, bound: Names) -> Names:
        bound = self.expression(node.value, bound)
        for target in node.targets:
            bound = self.expression(target, bound)
        return bound

    def visit_AnnAssign(self, node: ast.AnnAssign, bound: Names) -> Names:
        if node.value is None:
            return bound
        return self.expression(node.target, self.expression(node.value, bound))

    def visit_AugAssign(self, node: ast.AugAssign, bound: Names) -> Names:
        target = node.target
        if isinstance(target, ast.Name) and target.id in self.names and target.id not in bound:
            target._unbound = True  # type: ignore[attr-defined]
        return self.expression(target, self.expression(node.value, bound))

    def visit_Import(self, node: ast.Import | ast.ImportFrom, bound: Names) -> Names:
        return bound | {(a.asname or a.name).split(".")[0] for a in node.names}

    visit_ImportFrom = visit_Import

    def visit_FunctionDef(self, node: ast.FunctionDef, bound: Names) -> Names:
        return self._inner(node, bound) | {node.name}

    def visit_ClassDef(self, node: ast.ClassDef, bound: Names) -> Names:
        return self._inner(node, bound) | {node.name}

    def visit_Return(self, node: ast.Return, bound: Names) -> None:
        self.expression(node.value, bound)

    def visit_Raise(self, node: ast.Raise, bound: Names) -> None:
        self.expression(node.cause, self.expression(node.exc, bound))

    def visit_Break(self, node: ast.Break, bound: Names) -> None:
        self.loops[-1].breaks.append(bound)

    def visit_Continue(self, node: ast.Continue, bound: Names) -> None:
        return None

    def visit_If(self, node: ast.If, bound: Names) -> Names | None:
        bound = self.expression(node.test, bound)
        return _both(self.block(node.body, bound), self.block(node.orelse, bound))

    def visit_While(self, node: ast.While, bound: Names) -> Names | None:
        start = bound - _deleted(node.body)
        bound = self.expression(node.test, start)
        forever = isinstance(node.test, ast.Constant) and bool(node.test.value)
        return self._loop(node, bound, None if forever else bound)

    def visit_For(self, node: ast.For, bound: Names) -> Names | None:
        start = self.expression(node.iter, bound) - _deleted(node.body)
        return self._loop(node, self.expression(node.target, start), start)

    def _loop(self, node: ast.While | ast.For, inside: Names, done: Names | None) -> Names | None:
        loop = _Loop()
        self.loops.append(loop)
        self.block(node.body, inside)
        self.loops.pop()
        after = self.block(node.orelse, done)
        for state in loop.breaks:
            after = _both(after, state)
        return after

    def visit_With(self, node: ast.With, bound: Names) -> Names | None:
        for item in node.items:
            bound = self.expression(item.context_expr, bound)
            bound = self.expression(item.optional_vars, bound)
        after = self.block(node.body, bound)
        return _both(after, bound - _deleted(node.body))

    def visit_Try(self, node: ast.Try, bound: Names) -> Names | None:
        raised = bound - _deleted(node.body)
        after = self.block(node.orelse, self.block(node.body, bound))
        for handler in node.handlers:
            self.expression(handler.type, raised)
            own = frozenset({handler.name}) if handler.name else EMPTY
            end = self.block(handler.body, raised | own)
            after = _both(after, None if end is None else end - own)
        if not node.finalbody:
            return after
        inside = bound - _deleted([node])
        final = self.block(node.finalbody, inside)
        if after is None or final is None:
            return None
        return (after | (final - inside)) - _deleted(node.finalbody)

    visit_TryStar = visit_Try

    def visit_Match(self, node: ast.Match, bound: Names) -> Names | None:
        bound = self.expression(node.subject, bound)
        after: Names | None = bound
        for case in node.cases:
            inside = bound | _captures(case.pattern)
            inside = self.expression(case.guard, inside)
            after = _both(after, self.block(case.body, inside))
        return after


def _deleted(body: Iterable[ast.stmt]) -> Names:
    """Names that some statement below ``body`` may unbind."""
    found: set[str] = set()
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
                found.add(node.id)
            elif isinstance(node, ast.ExceptHandler) and node.name:
                found.add(node.name)
    return frozenset(found)


def _captures(pattern: ast.pattern) -> Names:
    found: set[str] = set()
    for node in ast.walk(pattern):
        for name in (getattr(node, "name", None), getattr(node, "rest", None)):
            if isinstance(name, str):
                found.add(name)
    return frozenset(found)

"""``match`` over values alone becomes ``if``/``elif``, so that a tensor can be matched.

Patterns that take a subject apart (sequences, mappings, classes) stay with ``match_statement.py``.
"""

from __future__ import annotations

import ast

from dy2st.source.names import FreshNames
from dy2st.source.positions import header
from dy2st.source.quote import quote, quote_block


class LowerMatch:
    """Rewrites a function's tree in place, before data flow.

    >>> lower_match("def f(x):\\n  match x:\\n    case 1 | 2:\\n      return 3\\n    case y:\\n      return y")
    def f(x):
        _subject_1 = x
        if _subject_1 == 1 or _subject_1 == 2:
            return 3
        else:
            y = _subject_1
            return y
    """

    def __init__(self, fresh: FreshNames) -> None:
        self.fresh = fresh

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """``body`` with every ``match`` in it lowered that can be."""
        result: list[ast.stmt] = []
        for statement in body:
            self._inside(statement)
            lowered = self._lowered(statement) if isinstance(statement, ast.Match) else None
            result += [statement] if lowered is None else lowered
        return result

    def _inside(self, node: ast.AST) -> None:
        if isinstance(node, ast.ClassDef):
            return
        for name in ("body", "orelse", "finalbody"):
            part = getattr(node, name, None)
            if isinstance(part, list):
                setattr(node, name, self.block(part))
        for name in ("handlers", "cases"):
            for part in getattr(node, name, None) or []:
                self._inside(part)

    def _lowered(self, node: ast.Match) -> list[ast.stmt] | None:
        if not all(_is_simple(case) for case in node.cases):
            return None
        name = self.fresh.fresh("subject")
        chain: list[ast.stmt] = []
        for case in reversed(node.cases):
            body = case.body
            capture = _capture(case.pattern)
            if capture is not None:
                # A capture has no guard here, so whatever it binds, the body runs.
                body = [
                    *quote_block("x = name", at=case.pattern, x=capture, name=name),
                    *body,
                ]
            tests = [test for test in (_test(case.pattern, name), case.guard) if test is not None]
            if not tests:
                chain = body
                continue
            test = (
                tests[0]
                if len(tests) == 1
                else quote("a and b", at=case.pattern, a=tests[0], b=tests[1])
            )
            made = quote_block("if test: body", at=case.pattern, test=test, body=body)[0]
            assert isinstance(made, ast.If)
            made.orelse = chain
            chain = [made]
        subject = quote_block("name = subject", at=header(node), name=name, subject=node.subject)
        return [*subject, *chain]


def _is_simple(case: ast.match_case) -> bool:
    """Whether only values are compared, and nothing is bound before a guard may fail."""
    if case.guard is not None and _capture(case.pattern) is not None:
        return False
    return _is_value(case.pattern, outermost=True)


def _is_value(pattern: ast.pattern, outermost: bool = False) -> bool:
    if isinstance(pattern, (ast.MatchValue, ast.MatchSingleton)):
        return True
    if isinstance(pattern, ast.MatchOr):
        return all(_is_value(part) for part in pattern.patterns)
    if isinstance(pattern, ast.MatchAs):
        if pattern.pattern is None:
            return outermost or pattern.name is None
        return outermost and _is_value(pattern.pattern)
    return False


def _capture(pattern: ast.pattern) -> str | None:
    return pattern.name if isinstance(pattern, ast.MatchAs) else None


def _test(pattern: ast.pattern, subject: str) -> ast.expr | None:
    """The condition under which ``pattern`` matches; None where it always does."""
    if isinstance(pattern, ast.MatchValue):
        test: ast.expr = quote("s == value", at=pattern, s=subject, value=pattern.value)
        return test
    if isinstance(pattern, ast.MatchSingleton):
        value = ast.copy_location(ast.Constant(value=pattern.value), pattern)
        same: ast.expr = quote("s is value", at=pattern, s=subject, value=value)
        return same
    if isinstance(pattern, ast.MatchOr):
        tests = [_test(part, subject) for part in pattern.patterns]
        known = [test for test in tests if test is not None]
        if len(known) < len(tests):
            return None
        return ast.copy_location(ast.BoolOp(op=ast.Or(), values=known), pattern)
    assert isinstance(pattern, ast.MatchAs)
    return None if pattern.pattern is None else _test(pattern.pattern, subject)

"""Templates: new code is quoted Python with holes, never a tree built by hand.

>>> import ast
>>> where = ast.parse("x = f(y)").body[0]
>>> print(ast.unparse(quote("_d.call(f, args)", at=where, f="g", args=[where.value, where.value])))
_d.call(g, f(y), f(y))

A hole is a name of the template that is passed as a keyword: a node, a list of nodes (spliced into
the list that the hole stands in) or a string (an identifier, also as the name of a function or of an
argument, or in ``nonlocal``). All new nodes get the position of ``at``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

Hole: TypeAlias = "ast.AST | list[Any] | str"
Builder: TypeAlias = Callable[[dict[str, Any], tuple[int, int, int, int]], Any]


def quote(template: str, *, at: ast.AST, **holes: Any) -> Any:
    """The expression that ``template`` stands for, its holes filled. Raises ValueError on statements."""
    return _expression_builder(template, tuple(holes))(holes, _position(at))


def quote_block(template: str, *, at: ast.AST, **holes: Any) -> list[ast.stmt]:
    """The statements that ``template`` stands for, its holes filled."""
    result = _block_builder(template, tuple(holes))(holes, _position(at))
    assert isinstance(result, list)
    return result


def _position(node: ast.AST) -> tuple[int, int, int, int]:
    return (
        node.lineno,  # type: ignore[attr-defined]
        node.col_offset,  # type: ignore[attr-defined]
        node.end_lineno,  # type: ignore[attr-defined]
        node.end_col_offset,  # type: ignore[attr-defined]
    )


@cache
def _expression_builder(template: str, holes: tuple[str, ...]) -> Builder:
    return _builder(ast.parse(template, mode="eval").body, frozenset(holes))


@cache
def _block_builder(template: str, holes: tuple[str, ...]) -> Builder:
    return _list_builder(ast.parse(template).body, frozenset(holes))


def _hole_of(node: Any, holes: frozenset[str]) -> str | None:
    """The hole that stands where ``node`` stands, if any; an expression statement may be one."""
    if isinstance(node, ast.Expr):
        node = node.value
    if isinstance(node, ast.Starred) and isinstance(node.value, ast.Name):
        return None
    if isinstance(node, ast.Name) and node.id in holes:
        return node.id
    return None


def _builder(node: ast.AST, holes: frozenset[str]) -> Builder:
    hole = _hole_of(node, holes)
    if hole is not None:
        return _hole_builder(hole, node)
    kind = type(node)
    located = "lineno" in node._attributes
    fields = [(name, _field_builder(getattr(node, name, None), holes)) for name in node._fields]

    def build(values: dict[str, Any], where: tuple[int, int, int, int]) -> ast.AST:
        made = kind(**{name: field(values, where) for name, field in fields})
        if located:
            made.lineno, made.col_offset, made.end_lineno, made.end_col_offset = where  # type: ignore[attr-defined]
        return made

    return build


def _hole_builder(hole: str, node: ast.AST) -> Builder:
    context = getattr(node, "ctx", None) or ast.Load()

    def build(values: dict[str, Any], where: tuple[int, int, int, int]) -> Any:
        value = values[hole]
        if not isinstance(value, str):
            return value
        name = ast.Name(id=value, ctx=context)
        name.lineno, name.col_offset, name.end_lineno, name.end_col_offset = where
        return name

    return build


def _field_builder(value: Any, holes: frozenset[str]) -> Builder:
    if isinstance(value, list):
        return _list_builder(value, holes)
    if isinstance(value, (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)):
        return lambda values, where: value
    if isinstance(value, ast.AST):
        return _builder(value, holes)
    if isinstance(value, str) and value in holes:
        return lambda values, where: values[value]
    return lambda values, where: value


def _list_builder(items: list[Any], holes: frozenset[str]) -> Builder:
    builders = [
        (_field_builder(item, holes), _hole_of(item, holes) is not None or isinstance(item, str))
        for item in items
    ]

    def build(values: dict[str, Any], where: tuple[int, int, int, int]) -> list[Any]:
        result: list[Any] = []
        for builder, may_splice in builders:
            made = builder(values, where)
            if may_splice and isinstance(made, list):
                result.extend(made)
            else:
                result.append(made)
        return result

    return build

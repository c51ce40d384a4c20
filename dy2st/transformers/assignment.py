"""Assignments: plain, chained, unpacking, annotated and augmented; to names, attributes and items."""

from __future__ import annotations

import ast

from dy2st.source.quote import quote
from dy2st.transformers.base import Transformer, Walk
from dy2st.transformers.subscript import key_of

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+=",
    ast.Sub: "-=",
    ast.Mult: "*=",
    ast.MatMult: "@=",
    ast.Div: "/=",
    ast.FloorDiv: "//=",
    ast.Mod: "%=",
    ast.Pow: "**=",
    ast.LShift: "<<=",
    ast.RShift: ">>=",
    ast.BitOr: "|=",
    ast.BitXor: "^=",
    ast.BitAnd: "&=",
}


class Assign(Transformer):
    """Stores to attributes, items, globals and outer variables go through the journal.

    >>> show("def f(o, v):\\n  o.a = o.b[0] = v\\n  (x, o.c) = v")
    def f(o, v):
        _value_1 = v
        _d.set_attr(o, 'a', _value_1)
        _d.set_item(_d.get_attr(o, 'b'), 0, _value_1)
        x, _part_1 = _d.unpack(v, 2)
        _d.set_attr(o, 'c', _part_1)
    """

    nodes = (ast.Assign,)

    def convert(self, node: ast.Assign, walk: Walk) -> list[ast.stmt]:
        value = walk.expression(node.value)
        if len(node.targets) == 1:
            return store(walk, node.targets[0], value)
        made, load = walk.temporary("value", value)
        for target in node.targets:
            made += store(walk, target, load())
        return made


class AnnAssign(Transformer):
    """Annotations of a function's variables are never evaluated, so only the assignment stays.

    >>> show("def f(v):\\n  x: int = v\\n  y: str")
    def f(v):
        x = v
    """

    nodes = (ast.AnnAssign,)

    def convert(self, node: ast.AnnAssign, walk: Walk) -> list[ast.stmt]:
        if node.value is not None:
            return store(walk, node.target, walk.expression(node.value))
        if isinstance(node.target, ast.Name):
            return []
        return walk.quote_block("target", node, target=[_load(node.target, walk)])


class AugAssign(Transformer):
    """``x += v`` may change ``x`` in place (a list) or not (a number).

    >>> show("def f(x, v):\\n  x += v\\n  x.a[0] -= v")
    def f(x, v):
        x = _d.aug('+=', x, v)
        _d.aug_item(_d.get_attr(x, 'a'), 0, '-=', lambda: v)
    """

    nodes = (ast.AugAssign,)

    def convert(self, node: ast.AugAssign, walk: Walk) -> list[ast.stmt]:
        target, op = node.target, _OPERATORS[type(node.op)]
        symbol = ast.copy_location(ast.Constant(value=op), node)
        if isinstance(target, ast.Name):
            old = ast.copy_location(ast.Name(id=target.id, ctx=ast.Load()), target)
            old._unbound = getattr(target, "_unbound", False)  # type: ignore[attr-defined]
            value = walk.quote(
                "_d.aug(symbol, old, value)",
                node,
                symbol=symbol,
                old=walk.expression(old),
                value=walk.expression(node.value),
            )
            return store(walk, target, value)
        if isinstance(target, ast.Attribute):
            template = "_d.aug_attr(owner, key, symbol, value)"
            key: ast.expr = ast.copy_location(ast.Constant(value=target.attr), target)
            owner = walk.expression(target.value)
        else:
            assert isinstance(target, ast.Subscript)
            template = "_d.aug_item(owner, key, symbol, value)"
            owner = walk.expression(target.value)
            key = key_of(target.slice, walk)
        call = walk.quote(
            template, node, owner=owner, key=key, symbol=symbol, value=walk.thunk(node.value)
        )
        return [ast.copy_location(ast.Expr(value=call), node)]


def _load(target: ast.expr, walk: Walk) -> ast.stmt:
    """The part of a target without its last store, evaluated for its effect."""
    owner = target.value if isinstance(target, (ast.Attribute, ast.Subscript)) else target
    return ast.copy_location(ast.Expr(value=walk.expression(owner)), target)


def store(walk: Walk, target: ast.expr, value: ast.expr) -> list[ast.stmt]:
    """Statements that store ``value`` (converted, evaluated once, first) to the user's ``target``."""
    if isinstance(target, ast.Name):
        return _store_name(walk, target, value)
    if isinstance(target, (ast.Tuple, ast.List)):
        return _unpack(walk, target, value)
    assert isinstance(target, (ast.Attribute, ast.Subscript))
    made: list[ast.stmt] = []
    if not _order_is_irrelevant(walk, target, value):
        made, load = walk.temporary("value", value)
        value = load()
    owner = walk.expression(target.value)
    if isinstance(target, ast.Attribute):
        name = ast.copy_location(ast.Constant(value=target.attr), target)
        call = walk.quote(
            "_d.set_attr(owner, name, value)", target, owner=owner, name=name, value=value
        )
    else:
        key = key_of(target.slice, walk)
        call = walk.quote(
            "_d.set_item(owner, key, value)", target, owner=owner, key=key, value=value
        )
    return [*made, ast.copy_location(ast.Expr(value=call), target)]


def _store_name(walk: Walk, target: ast.Name, value: ast.expr) -> list[ast.stmt]:
    scope, name = walk.state.scope, target.id
    text = ast.copy_location(ast.Constant(value=name), target)
    if name in scope.globals:
        call = walk.quote(
            "_d.set_global(_d.globals(), text, value)", target, text=text, value=value
        )
    elif name in scope.nonlocals and not walk.state.in_place:
        call = walk.quote("_d.set_nonlocal(lambda: name, value)", target, name=name, value=value)
    else:
        return walk.quote_block("name = value", target, name=name, value=value)
    return [ast.copy_location(ast.Expr(value=call), target)]


def is_plain(walk: Walk, target: ast.expr) -> bool:
    """Whether Python's own store to ``target`` does: a local variable, or a starred one."""
    if isinstance(target, ast.Starred):
        target = target.value
    scope = walk.state.scope
    return (
        isinstance(target, ast.Name)
        and target.id not in scope.globals
        and target.id not in scope.nonlocals
    )


def _unpack(walk: Walk, target: ast.Tuple | ast.List, value: ast.expr) -> list[ast.stmt]:
    """Unpack into names where that is all; else into temporaries from the first other target on."""
    parts: list[ast.expr] = []
    later: list[ast.stmt] = []
    for part in target.elts:
        if not later and is_plain(walk, part):
            parts.append(_unstarred(part))
            continue
        inner = _unstarred(part)
        name = walk.fresh.fresh("part")
        parts.append(ast.copy_location(ast.Name(id=name, ctx=ast.Store()), part))
        later += store(walk, inner, quote("name", at=part, name=name))
    stars = [i for i, part in enumerate(target.elts) if isinstance(part, ast.Starred)]
    counts = [stars[0], len(parts) - stars[0] - 1] if stars else [len(parts)]
    numbers = [ast.copy_location(ast.Constant(value=count), target) for count in counts]
    value = walk.quote("_d.unpack(value, numbers)", value, value=value, numbers=numbers)
    kept = ast.copy_location(ast.Tuple(elts=parts, ctx=ast.Store()), target)
    assign = ast.copy_location(ast.Assign(targets=[kept], value=value, type_comment=None), target)
    return [assign, *later]


def _unstarred(target: ast.expr) -> ast.expr:
    return target.value if isinstance(target, ast.Starred) else target


def _order_is_irrelevant(
    walk: Walk, target: ast.Attribute | ast.Subscript, value: ast.expr
) -> bool:
    """Whether the owner and the key may be evaluated before the value (Python evaluates it first).

    They may where they are bound local names or constants that evaluating the value cannot rebind.
    """
    if isinstance(value, (ast.Constant, ast.Name)):
        return True
    parts: list[ast.expr] = [target.value]
    if isinstance(target, ast.Subscript):
        key = target.slice
        parts += key.elts if isinstance(key, ast.Tuple) else [key]
    captured = walk.state.scope.captured
    rebound = {n.target.id for n in ast.walk(value) if isinstance(n, ast.NamedExpr)}
    for part in parts:
        if isinstance(part, ast.Constant):
            continue
        if not isinstance(part, ast.Name) or getattr(part, "_unbound", False):
            return False
        if part.id not in walk.state.scope.bound or part.id in captured or part.id in rebound:
            return False
    return True

"""Binary operators: containers whose contents depend on a tensor, and classes of the user's."""

from __future__ import annotations

import ast

from dy2st.transformers.base import Transformer, Walk

_SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.MatMult: "@",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.BitAnd: "&",
}


class BinOp(Transformer):
    """An operator with a number written beside it stays as it is, unless a list or text may be meant.

    >>> show("def f(a, b):\\n  return a + b, a - 1, a * 2")
    def f(a, b):
        return (_d.binary(a, '+', b), a - 1, _d.binary(a, '*', 2))
    """

    nodes = (ast.BinOp,)

    def convert(self, node: ast.BinOp, walk: Walk) -> ast.expr:
        if _is_plain(node):
            made: ast.expr = walk.children(node)
            return made
        symbol = ast.copy_location(ast.Constant(value=_SYMBOLS[type(node.op)]), node)
        left, right = walk.expression(node.left), walk.expression(node.right)
        call: ast.expr = walk.quote(
            "_d.binary(left, symbol, right)", node, left=left, symbol=symbol, right=right
        )
        return call


def _is_plain(node: ast.BinOp) -> bool:
    """Whether no container can be an operand: a number is (a list is only multiplied by one)."""
    numbers = [o for o in (node.left, node.right) if _is_number(o)]
    repeats = isinstance(node.op, ast.Mult) and not any(_is_float(o) for o in numbers)
    return bool(numbers) and not repeats and not _is_text(node.left)


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float, complex))


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _is_float(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float)

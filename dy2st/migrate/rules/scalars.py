"""Arrays with one value used as numbers: numpy 2.4 takes only 0-D arrays for that."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate.edits import Replace
from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import ScanRule

_NO, _MAYBE, _SURE = 0, 1, 2
_PASS_ON = {
    *("sum", "abs", "max", "min", "array", "asarray", "squeeze", "copy"),
    *("enumerate", "zip", "list", "tuple", "reversed", "sorted"),
}
_Owner = ast.AST | None


class OneValue(ScanRule):
    """``float(loss.numpy())`` and ``"%f" % out[0]`` say ``.item()``: arrays of one are no numbers."""

    id = "PM261"
    name = "one_value"
    changes: ClassVar = (
        ("float(loss.numpy())", "float(loss.numpy().item())"),
        ('print("%f" % loss.numpy())', 'print("%f" % loss.numpy().item())'),
        ('print("%f" % (total / n))', 'print("%f" % fluid_compat.number(total / n))'),
    )

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """What may be an array inside ``float``, ``int``, ``math`` and number formats."""
        places = list(_number_places(context))
        if not places:
            return
        arrays = context.learned(_Arrays)
        scopes = {id(call): scope for call, scope in context.names.calls}
        for node, value in places:
            if arrays.holds(value):
                yield value, scopes.get(id(node), context.names.module)

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """Ask the array for its one value; a helper asks what may be a number already."""
        if context.learned(_Arrays).holds(node) == _SURE:
            end = context.source.span(node)[1]
            context.edits.append(Replace(end, end, b".item()"))
            return ".item()"
        if not context.options.compat:
            raise Decline("may be an array of one value|write float(numpy.ravel(x)[0])")
        return context.wrap("number", node)


class _Arrays:
    """Which expressions of a file hold what a run fetched or ``.numpy()`` gave.

    Names are followed by function, through assignments, sums, loops, lists and the file's own
    functions. Sure is what is an array or a numpy number whichever way the program takes.
    """

    def __init__(self, context: FileContext) -> None:
        self._context = context
        self._parents = context.names.parents
        self._scopes = {id(call): scope for call, scope in context.names.calls}
        self._owner = context.names.function_around
        self._values: dict[tuple[_Owner, str], list[int]] = {}
        self._returned: dict[str, int] = {}
        writes = list(self._writes())
        before = -1
        while before != (before := self._size()):  # until nothing new is learned
            self._values = dict(self._pass(writes))

    def _size(self) -> int:
        return sum(map(sum, self._values.values())) + sum(self._returned.values())

    def _writes(self) -> Iterator[tuple[ast.AST, ast.expr, ast.expr]]:
        """Every target with its value and the statement."""
        for node in self._parents:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    yield node, target, node.value
            elif isinstance(node, (ast.AugAssign, ast.NamedExpr)):
                yield node, node.target, node.value
            elif isinstance(node, (ast.For, ast.comprehension)):
                yield node, node.target, node.iter
            elif isinstance(node, ast.Return) and node.value is not None:
                yield node, node.value, node.value
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "append":
                for argument in node.args:
                    yield node, node.func.value, argument  # type: ignore[attr-defined]

    def _pass(
        self, writes: list[tuple[ast.AST, ast.expr, ast.expr]]
    ) -> dict[tuple[_Owner, str], list[int]]:
        found: dict[tuple[_Owner, str], list[int]] = {}
        for node, target, value in writes:
            held = self.holds(value)
            if isinstance(node, ast.Return):
                owner = self._owner(node)
                if held and isinstance(owner, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    self._returned[owner.name] = _MAYBE
                continue
            if isinstance(node, (ast.AugAssign, ast.Call)):
                held = min(held, _MAYBE)
            for leaf, kind in _leaves(target, value, held, self):
                found.setdefault((self._owner(node), leaf), []).append(kind)
        return found

    def _name(self, node: ast.Name) -> int:
        owner = self._owner(node)
        while True:
            kinds = self._values.get((owner, node.id))
            if kinds is not None:
                return min(max(kinds), _SURE if min(kinds) == _SURE else _MAYBE)
            if owner is None:
                return _NO
            owner = self._owner(self._parents[owner])

    def holds(self, node: ast.expr) -> int:
        """Whether an expression is an array: no, maybe, sure."""
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Subscript):
            return self.holds(node.value)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.BinOp):
            text = isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
            return _NO if text else min(_MAYBE, self.holds(node.left) + self.holds(node.right))
        if isinstance(node, ast.UnaryOp):
            return min(_MAYBE, self.holds(node.operand))
        parts: list[ast.expr] = []
        if isinstance(node, ast.IfExp):
            parts = [node.body, node.orelse]
        elif isinstance(node, (ast.List, ast.Tuple)):
            parts = node.elts
        return _MAYBE if any(self.holds(part) for part in parts) else _NO

    def _call(self, node: ast.Call) -> int:
        func = node.func
        if isinstance(func, ast.Attribute):
            if func.attr == "numpy" and not node.args:
                return _SURE
            if func.attr == "run":
                fetches = any(k.arg == "fetch_list" for k in node.keywords) or len(node.args) > 2
                return _SURE if fetches else _NO
        name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        if name in _PASS_ON:
            return max(min(_MAYBE, self.holds(a)) for a in [*node.args, ast.Constant(0)])
        if name in self._returned:
            return self._returned[name]
        return _MAYBE if self._context.facts.dygraph and self._gives_tensor(node) else _NO

    def _gives_tensor(self, node: ast.Call) -> bool:
        """Whether a layer is called, of 1.x or one that a variable or attribute holds."""
        scope = self._scopes.get(id(node))
        if scope is None:
            return False
        func = node.func
        found = self._context.names.resolve(func, scope)
        if all(c.startswith(("paddle.", "inst:")) for c in found) and found:
            return any(c.startswith(("paddle.fluid.layers.", "inst:")) for c in found)
        if isinstance(func, ast.Attribute):
            owner = scope.owner()
            receiver = getattr(func.value, "id", "")
            return owner is not None and receiver == "self" and func.attr in owner.attributes
        return isinstance(func, ast.Name) and _is_variable(func.id, scope)


def _is_variable(name: str, scope: Scope | None) -> bool:
    """Whether a name is assigned or a parameter: no function, class or import of this file."""
    while scope is not None:
        if name in scope.bindings:
            made = (ast.Name, ast.arg)
            return all(isinstance(b.node, made) for b in scope.bindings[name])
        scope = scope.parent
    return False


def _leaves(
    target: ast.expr, value: ast.expr, held: int, arrays: _Arrays
) -> Iterator[tuple[str, int]]:
    """The names that an assignment gives a value, each with what is known of the value."""
    if isinstance(target, ast.Name):
        yield target.id, held
    elif isinstance(target, ast.Starred):
        yield from _leaves(target.value, value, held, arrays)
    elif isinstance(target, (ast.Tuple, ast.List)):
        pair = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
        counts = isinstance(value, ast.Call) and getattr(value.func, "id", "") == "enumerate"
        for number, element in enumerate(target.elts):
            part = value.elts[number] if pair else value  # type: ignore[attr-defined]
            known = arrays.holds(part) if pair else held
            yield from _leaves(element, part, _NO if counts and not number else known, arrays)


def _number_places(context: FileContext) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Arguments of ``float``, ``int`` and ``math`` functions, and the values of ``%d`` formats."""
    for call, scope in context.names.calls:
        func = call.func
        name = func.id if isinstance(func, ast.Name) else ""
        if name in ("float", "int", "round") and call.args and not call.keywords:
            yield call, call.args[0]
        elif getattr(getattr(func, "value", None), "id", "") == "math" and (
            {f"math.{func.attr}"} == context.names.resolve(func, scope)  # type: ignore[attr-defined]
        ):
            yield from ((call, argument) for argument in call.args)
    yield from _formatted(context)


def _formatted(context: FileContext) -> Iterator[tuple[ast.AST, ast.expr]]:
    for text in context.names.strings:
        parent = context.names.parents.get(text)
        if not isinstance(parent, ast.BinOp) or parent.left is not text:
            continue
        if not isinstance(parent.op, ast.Mod):
            continue
        kinds = _format_kinds(str(text.value))
        right = parent.right
        values = right.elts if isinstance(right, ast.Tuple) else [right]
        if len(kinds) == len(values):
            for kind, value in zip(kinds, values, strict=True):
                if kind in "diouxXeEfFgG":
                    yield parent, value


def _format_kinds(text: str) -> list[str]:
    """The letters of a format's conversions, ``*`` and ``%%`` seen."""
    kinds, at = [], 0
    while at < len(text):
        if text[at] != "%":
            at += 1
            continue
        at += 1
        while at < len(text) and text[at] in "#0- +.123456789*hlL(":
            if text[at] in "*(":
                return []
            at += 1
        if at < len(text) and text[at] != "%":
            kinds.append(text[at])
        at += 1
    return kinds

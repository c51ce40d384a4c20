"""What 1.8's static variables answered without being computed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import Chain, Scope
from dy2st.migrate.rules import ScanRule

_TENSORS = frozenset(
    ("x", "y", "X", "Y", "input", "label", "logits", "queries", "keys", "values", "h_0", "c_0")
    + ("init", "inputs", "mask", "other", "index", "updates", "hidden", "cond", "data")
)
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.MatMult)


class TruthOfVariable(ScanRule):
    """``if mask:`` on a variable of a static program: there every variable counted as true."""

    id = "PM275"
    name = "truth_of_variable"
    changes: ClassVar = (
        (
            "def f(out, prev):\n    return fluid.layers.relu(out) + prev if prev else out",
            "def f(out, prev):\n"
            "    return paddle.nn.functional.relu(out) + prev if fluid_compat.is_true(prev) else out",
        ),
    )
    leaves: ClassVar = ("def f(out, size):\n    return out if size else None",)

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """Names asked for their truth in a function that hands them to layers, too."""
        if context.facts.dygraph and not context.facts.static:
            return
        asked = [c for c in context.names.chains if _is_asked(c, context)]
        known: dict[int, set[str]] = {}
        for chain in asked:
            scope = chain.scope
            if id(scope) not in known:
                known[id(scope)] = _variables_of(scope, context)
            assert isinstance(chain.node, ast.Name)
            if chain.node.id in known[id(scope)]:
                yield chain.node, scope

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """Ask the helper."""
        if not context.options.compat:
            raise Decline("needs a helper of fluid_compat and --no-compat is given")
        return context.wrap("is_true", node)


def _is_asked(chain: Chain, context: FileContext) -> bool:
    """Whether a name's truth decides something."""
    if not isinstance(chain.node, ast.Name) or not isinstance(chain.node.ctx, ast.Load):
        return False
    parents, node = context.names.parents, chain.node
    inner: ast.AST = node
    outer = parents.get(node)
    while isinstance(outer, ast.BoolOp):
        inner, outer = outer, parents.get(outer)
    if isinstance(outer, ast.UnaryOp):
        return isinstance(outer.op, ast.Not)
    if isinstance(outer, (ast.If, ast.IfExp, ast.While, ast.Assert)):
        return outer.test is inner
    return isinstance(outer, ast.comprehension) and inner in outer.ifs


def _variables_of(scope: Scope, context: FileContext) -> set[str]:
    """The names of a function that are handed to layers or come from them."""
    found, pairs = _made_by_layers(scope, context), []
    for chain in context.names.chains:
        if chain.scope is not scope or not isinstance(chain.node, ast.Name):
            continue
        name, parent = chain.node.id, context.names.parents.get(chain.node)
        if _is_handed_to_layer(chain, context):
            found.add(name)
        elif isinstance(parent, ast.BinOp) and isinstance(parent.op, _ARITHMETIC):
            other = parent.right if parent.left is chain.node else parent.left
            pairs.append((name, other))
        elif isinstance(parent, ast.AugAssign) and isinstance(parent.op, _ARITHMETIC):
            pairs.append((name, parent.target))
    for name, other in pairs:
        if isinstance(other, ast.Name):
            if other.id in found:
                found.add(name)
        elif isinstance(other, ast.Call) and _row_of(other, scope, context) is not None:
            found.add(name)
    return found - _with_constant_default(scope)


def _made_by_layers(scope: Scope, context: FileContext) -> set[str]:
    """The names of a function that some assignment gives the result of a layer."""
    found = set()
    for name, bindings in scope.bindings.items():
        made = [b.value for b in bindings if b.kind == "expr" and isinstance(b.value, ast.Call)]
        if any(_row_of(call, scope, context) is not None for call in made):
            found.add(name)
    return found


def _is_handed_to_layer(chain: Chain, context: FileContext) -> bool:
    """Whether a name is the tensor argument of a layer of 1.8, alone or in a list."""
    parents = context.names.parents
    inner: ast.AST = chain.node
    outer = parents.get(inner)
    while isinstance(outer, (ast.List, ast.Tuple, ast.BinOp)):
        inner, outer = outer, parents.get(outer)
    call = parents.get(outer) if isinstance(outer, ast.keyword) else outer
    if not isinstance(call, ast.Call) or call.func is inner:
        return False
    if isinstance(outer, ast.keyword):
        return outer.arg in _TENSORS and _row_of(call, chain.scope, context) is not None
    parameters = _row_of(call, chain.scope, context)
    position = call.args.index(inner) if inner in call.args else len(parameters or ())
    return parameters is not None and parameters[position : position + 1] in [[t] for t in _TENSORS]


def _row_of(call: ast.Call, scope: Scope, context: FileContext) -> list[str] | None:
    """The parameters of the function of 1.8 that is called; None where it is another's."""
    for candidate in context.names.resolve(call.func, scope):
        row = context.table.find(candidate)
        if row is not None and row[0].old.startswith("paddle.fluid.layers."):
            return [p.name for p in row[0].parameters]
    return None


def _with_constant_default(scope: Scope) -> set[str]:
    """The parameters whose default is a number, a text or a truth value: they are no variables."""
    if not isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return set()
    a = scope.node.args
    positional = [*a.posonlyargs, *a.args]
    given = [*zip(positional[len(positional) - len(a.defaults) :], a.defaults, strict=True)]
    given += [(p, d) for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d is not None]
    return {p.arg for p, d in given if not (isinstance(d, ast.Constant) and d.value is None)}

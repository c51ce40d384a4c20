"""What kind of 1.x object an expression is: a program, its blocks, operators and variables, ...

Names say what was called to make an object (``names.py``); here the objects that its methods and
attributes give out are followed, too. Where the flow says nothing, the name of a parameter or
attribute may (``main_program``, ``block``): that is a guess, good enough for helpers which look
at the object when they run, and for telling a person.
"""

from __future__ import annotations

import ast
import re

from dy2st.migrate.model import FileContext
from dy2st.migrate.scopes import Binding, Scope

UNKNOWN = ""
_LIMIT = 12
_MADE = (
    (re.compile(r"^paddle\.fluid\.(Program|default_(main|startup)_program)$"), "program"),
    (re.compile(r"^paddle\.fluid\.(CompiledProgram|ParallelExecutor)$"), "compiled"),
    (re.compile(r"^paddle\.fluid\.Executor$"), "executor"),
    (re.compile(r"^paddle\.fluid\.(global_scope|Scope)$"), "scope"),
    (re.compile(r"^paddle\.fluid\.layers\.LayerHelper$"), "helper"),
    (re.compile(r"^paddle\.fluid\.optimizer\.\w+$"), "optimizer"),
    (re.compile(r"^paddle\.fluid\.DistributeTranspiler$"), "transpiler"),
    (re.compile(r"^paddle\.fluid\.dygraph\.ProgramTranslator$"), "translator"),
    (re.compile(r"^paddle\.fluid\.(layers|nets)\.[a-z]\w+$"), "variable"),
    (re.compile(r"^paddle\.fluid\.(data|embedding|one_hot)$"), "variable"),
    (re.compile(r"^paddle\.fluid\.dataset\.(InMemory|Queue|FileInstant|BoxPS)Dataset$"), "dataset"),
    (re.compile(r"^paddle\.fluid\.backward\.append_backward$"), "list pair"),
)
_GIVES = {  # a method or attribute of any object to the kind of what it gives out
    "global_block": "block",
    "current_block": "block",
    "block": "block",
    "blocks": "list block",
    "ops": "list operator",
    "vars": "dict variable",
    "list_vars": "list variable",
    "all_parameters": "list variable",
    "create_var": "variable",
    "create_variable_for_type_inference": "variable",
    "append_op": "operator",
    "create_dataset": "dataset",
    "find_var": "stored",
    "get_tensor": "tensor",
    "program": "program",
    "main_program": "program",
    "startup_program": "program",
}
_NAMED = (
    (re.compile(r"(^|_)(program|prog)$"), "program"),
    (re.compile(r"(^|_)block$"), "block"),
    (re.compile(r"(^|_)scope$"), "scope"),
    (re.compile(r"(^|_)helper$"), "helper"),
    (re.compile(r"(^|_)(optimizer|opt)$"), "optimizer"),
)


def kind_of(node: ast.AST, scope: Scope, context: FileContext, depth: int = 0) -> str:
    """The one kind that an expression certainly or probably is; "" where nothing says it."""
    if depth > _LIMIT:
        return UNKNOWN
    if isinstance(node, ast.Call):
        return _of_call(node, scope, context, depth)
    if isinstance(node, ast.Subscript):
        return _element(kind_of(node.value, scope, context, depth + 1))
    if isinstance(node, ast.Name):
        bindings = _bindings(node.id, scope)
        return _agreed(bindings, node.id, scope, context, depth)
    if isinstance(node, ast.Attribute):
        return _of_attribute(node, scope, context, depth)
    if isinstance(node, ast.IfExp):
        one, other = (kind_of(n, scope, context, depth + 1) for n in (node.body, node.orelse))
        return one if one == other else UNKNOWN
    return UNKNOWN


def _of_call(node: ast.Call, scope: Scope, context: FileContext, depth: int) -> str:
    made = {_made(c, context) for c in context.names.resolve(node.func, scope)}
    if len(made) == 1 and made != {UNKNOWN}:
        return made.pop()
    if isinstance(node.func, ast.Name) and node.func.id in ("list", "sorted", "reversed", "filter"):
        return kind_of(node.args[-1], scope, context, depth + 1) if node.args else UNKNOWN
    if not isinstance(node.func, ast.Attribute):
        return UNKNOWN
    method = node.func.attr
    if method in ("clone", "_prune", "_inference_optimize"):
        return kind_of(node.func.value, scope, context, depth + 1)
    if method == "backward" and kind_of(node.func.value, scope, context, depth + 1) == "optimizer":
        return "list pair"
    if method in ("values", "get"):
        return kind_of(node.func.value, scope, context, depth + 1)
    if method in ("var", "_var_recursive", "_find_var_recursive"):
        owner = kind_of(node.func.value, scope, context, depth + 1)
        return {"block": "variable", "scope": "stored"}.get(owner, UNKNOWN)
    return _GIVES.get(method, UNKNOWN)


def _made(candidate: str, context: FileContext) -> str:
    found = context.table.find(candidate)
    if found is None or found[1] != candidate.count(".") + 1:
        return UNKNOWN
    return next((kind for pattern, kind in _MADE if pattern.match(found[0].old)), UNKNOWN)


def _of_attribute(node: ast.Attribute, scope: Scope, context: FileContext, depth: int) -> str:
    owner = scope.owner()
    if isinstance(node.value, ast.Name) and owner is not None and node.attr in owner.attributes:
        found = _agreed(owner.attributes[node.attr], node.attr, scope, context, depth)
        if found:
            return found
    return _GIVES.get(node.attr) or _by_name(node.attr)


def _agreed(
    bindings: list[Binding], name: str, scope: Scope, context: FileContext, depth: int
) -> str:
    kinds = set()
    for binding in bindings:
        if binding.kind == "expr" and binding.scope is not None:
            value = binding.value
            if isinstance(value, ast.Constant) and value.value is None:
                continue
            assert isinstance(value, ast.AST)
            kinds.add(kind_of(value, binding.scope, context, depth + 1))
        else:
            kinds.add(_looped(binding.node, scope, context, depth))
    kinds.discard(UNKNOWN)
    if len(kinds) == 1:
        return kinds.pop()
    return UNKNOWN if kinds else _by_name(name)


def _looped(node: ast.AST | None, scope: Scope, context: FileContext, depth: int) -> str:
    """The kind of a loop's variable: that of an element of what is looped over."""
    parent = context.names.parents.get(node) if node is not None else None
    if isinstance(parent, ast.Tuple) and len(parent.elts) == 2:
        pair = _looped(parent, scope, context, depth)
        return ("variable", "gradient")[parent.elts.index(node)] if pair == "pair" else UNKNOWN  # type: ignore[arg-type]
    if isinstance(parent, (ast.For, ast.comprehension)) and parent.target is node:
        return _element(kind_of(parent.iter, scope, context, depth + 1))
    return UNKNOWN


def _element(kind: str) -> str:
    first, _, rest = kind.partition(" ")
    return rest if first in ("list", "dict") else UNKNOWN


def _by_name(name: str) -> str:
    return next((kind for pattern, kind in _NAMED if pattern.search(name)), UNKNOWN)


def _bindings(name: str, scope: Scope | None) -> list[Binding]:
    first = True
    while scope is not None:
        if (first or scope.kind != "class") and name in scope.bindings:
            return scope.bindings[name]
        first = first and scope.kind == "comprehension"
        scope = scope.parent
    return []

"""Functions: the converted one itself, inner functions, lambdas; their declarations of names."""

from __future__ import annotations

import ast

from dy2st.source.control import escapes, mark_escapes
from dy2st.source.dataflow import mark_live, mark_unbound
from dy2st.source.quote import quote_block
from dy2st.source.scopes import scope_of
from dy2st.transformers.base import FunctionState, Transformer, Walk


class FunctionDef(Transformer):
    """An inner function is converted where it stands; its variables are cells of its own.

    >>> show("def f(x):\\n  def g(y):\\n    x.append(y)\\n  return g")
    def f(x):
        def g(y):
            _d.call(_d.get_attr(x, 'append'), y)
        return g
    """

    nodes = (ast.FunctionDef,)

    def convert(self, node: ast.FunctionDef, walk: Walk) -> list[ast.stmt]:
        node.decorator_list = walk.expressions(node.decorator_list)
        _convert_defaults(node.args, walk)
        convert_body(node, walk, node.name)
        return [node]


class Lambda(Transformer):
    """The body of a lambda is converted where it stands.

    >>> show("def f(x):\\n  return lambda y: x.a if y else 0")
    def f(x):
        return lambda y: _d.ifexp(y, lambda: _d.get_attr(x, 'a'), lambda: 0)
    """

    nodes = (ast.Lambda,)

    def convert(self, node: ast.Lambda, walk: Walk) -> ast.expr:
        _convert_defaults(node.args, walk)
        state = FunctionState(
            scope=scope_of(node),
            name="<lambda>",
            in_place=walk.has_yield(node.body),
            first_parameter=_first_parameter(node.args),
        )
        with walk.inside_function(state):
            node.body = walk.expression(node.body)
        return node


class ClassDef(Transformer):
    """The body of a class is Python's; its methods are converted when they are called."""

    nodes = (ast.ClassDef,)

    def convert(self, node: ast.ClassDef, walk: Walk) -> list[ast.stmt]:
        node.decorator_list = walk.expressions(node.decorator_list)
        node.bases = walk.expressions(node.bases)
        for keyword in node.keywords:
            keyword.value = walk.expression(keyword.value)
        return [node]


class Declaration(Transformer):
    """``global`` and ``nonlocal`` move to the head of the function and of its generated functions.

    >>> show("def f(c):\\n  if c:\\n    global n\\n    n = c")
    def f(c):
        global n
        def _if_1():
            global n
            nonlocal c
            _d.set_global(_d.globals(), 'n', c)
        _d.if_(c, _if_1, None, ())
    """

    nodes = (ast.Global, ast.Nonlocal)

    def convert(self, node: ast.stmt, walk: Walk) -> list[ast.stmt]:
        return []


class Asynchronous(Transformer):
    """Coroutines are refused by name."""

    nodes = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)

    def convert(self, node: ast.AST, walk: Walk) -> list[ast.stmt]:
        walk.refuse(
            node,
            "a coroutine (`async`, `await`)",
            "call it outside of the converted function, or keep the function that holds it as it is "
            "with dy2st.not_to_static",
        )


class GeneratorExp(Transformer):
    """A generator expression stays lazy; a tensor-dependent condition in it is refused as it runs.

    >>> show("def f(xs):\\n  return sum(x.a for x in xs if x)")
    def f(xs):
        return _d.call(sum, (_d.get_attr(x, 'a') for x in _d.iterate(xs) if _d.truth(x)))
    """

    nodes = (ast.GeneratorExp,)

    def convert(self, node: ast.GeneratorExp, walk: Walk) -> ast.expr:
        for part in node.generators:
            if part.is_async:
                walk.refuse(node, "an asynchronous generator expression", "use a plain `for`")
            part.iter = walk.quote("_d.iterate(xs)", part.iter, xs=walk.expression(part.iter))
            part.ifs = [
                walk.quote("_d.truth(test)", test, test=walk.expression(test)) for test in part.ifs
            ]
        node.elt = walk.expression(node.elt)
        return node


def _convert_defaults(args: ast.arguments, walk: Walk) -> None:
    args.defaults = walk.expressions(args.defaults)
    args.kw_defaults = [None if d is None else walk.expression(d) for d in args.kw_defaults]


def _first_parameter(args: ast.arguments) -> str | None:
    plain = [*args.posonlyargs, *args.args]
    return plain[0].arg if plain else None


def convert_body(node: ast.FunctionDef, walk: Walk, name: str) -> None:
    """Convert the statements of ``node`` in place, and declare its variables at its head."""
    scope = scope_of(node)
    in_place = any(walk.has_yield(statement) for statement in node.body)
    documentation, body = _split_docstring(node.body)
    mark_escapes(body)
    mark_live(body, scope)
    mark_unbound(body, scope)
    if not in_place and any(escapes(statement) for statement in body):
        # Falling off the end is a return as well: every path then ends in an outcome.
        body = [*body, *quote_block("return None", at=body[-1])]
    state = FunctionState(
        scope=scope,
        name=name,
        in_place=in_place,
        first_parameter=_first_parameter(node.args),
        declared=[n for n in (*scope.bound, *sorted(scope.nonlocals))],
    )
    with walk.inside_function(state):
        converted = walk.block(body)
    node.body = [*documentation, *_declarations(node, state), *converted]
    if not node.body:
        node.body = quote_block("pass", at=node)


def _split_docstring(body: list[ast.stmt]) -> tuple[list[ast.stmt], list[ast.stmt]]:
    first = body[0] if body else None
    value = first.value if isinstance(first, ast.Expr) else None
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return body[:1], body[1:]
    return [], body


def _declarations(node: ast.FunctionDef, state: FunctionState) -> list[ast.stmt]:
    """``global``, ``nonlocal``, and a statement that is never run but makes every name a local."""
    scope = state.scope
    made: list[ast.stmt] = []
    if scope.globals:
        made += quote_block("global names", at=node, names=sorted(scope.globals))
    if scope.nonlocals:
        made += quote_block("nonlocal names", at=node, names=sorted(scope.nonlocals))
    if (state.has_helpers or scope.implicit) and scope.locals:
        made += quote_block("if False:\n    x = None", at=node, x=scope.locals[0])
        binding = made[-1]
        assert isinstance(binding, ast.If)
        assign = binding.body[0]
        assert isinstance(assign, ast.Assign)
        assign.targets = [
            ast.copy_location(ast.Name(id=name, ctx=ast.Store()), node) for name in scope.locals
        ]
    return made

"""Calls, with ``*args`` and ``**kwargs``; displays with stars; builtins that look at their caller."""

from __future__ import annotations

import ast

from dy2st.transformers.base import Transformer, Walk

# Builtins that read the frame of their caller, and with how many arguments they do.
_FRAME_READERS = {"locals": 0, "vars": 0, "dir": 0, "eval": 1, "exec": 1}


class Call(Transformer):
    """Every call asks at run time what is called.

    >>> show("def f(g, a, k):\\n  return g(1, *a, x=2, **k)")
    def f(g, a, k):
        return _d.call(g, 1, *_d.iterate(a), x=2, **_d.mapping(k))

    ``super()`` gets the arguments that it would look for in its caller's frame.

    >>> show("class A:\\n  def f(self):\\n    return super().f()")
    def f(self):
        return _d.call(_d.get_attr(_d.call(super, __class__, self), 'f'))
    """

    nodes = (ast.Call,)

    def convert(self, node: ast.Call, walk: Walk) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id not in walk.state.scope.bound:
            made = self._special(node, node.func.id, walk)
            if made is not None:
                return made
        function = walk.expression(node.func)
        arguments = walk.expressions(node.args)
        for keyword in node.keywords:
            keyword.value = walk.expression(keyword.value)
            if keyword.arg is None:
                keyword.value = walk.quote("_d.mapping(m)", keyword.value, m=keyword.value)
        call: ast.Call = walk.quote(
            "_d.call(function, arguments)", node, function=function, arguments=arguments
        )
        call.keywords = node.keywords
        return call

    def _special(self, node: ast.Call, name: str, walk: Walk) -> ast.expr | None:
        plain = not node.args and not node.keywords
        if name == "super" and plain and walk.has_class_cell and walk.state.first_parameter:
            call: ast.expr = walk.quote(
                "_d.call(super, __class__, first)", node, first=walk.state.first_parameter
            )
            return call
        if name == "globals" and plain:
            found: ast.expr = walk.quote("_d.globals()", node)
            return found
        if name in _FRAME_READERS and not node.keywords and len(node.args) <= _FRAME_READERS[name]:
            if "site-packages" in walk.file:
                # A library's branch for something else may hold one: refused where it is reached.
                text = ast.copy_location(ast.Constant(value=name), node)
                refused: ast.expr = walk.quote("_d.frame_reader(text)", node, text=text)
                return refused
            walk.refuse(
                node,
                f"`{ast.unparse(node)}`, which looks at the variables of its caller,",
                "pass the names it needs explicitly, or keep the function as it is with "
                "dy2st.not_to_static",
            )
        return None


class Starred(Transformer):
    """A star in a call or a display iterates as a loop would.

    >>> show("def f(a):\\n  return [0, *a]")
    def f(a):
        return [0, *_d.iterate(a)]
    """

    nodes = (ast.Starred,)

    def convert(self, node: ast.Starred, walk: Walk) -> ast.expr:
        value = walk.expression(node.value)
        if isinstance(node.ctx, ast.Load):
            value = walk.quote("_d.iterate(value)", node.value, value=value)
        node.value = value
        return node


class Dict(Transformer):
    """``{**m}`` reads a mapping.

    >>> show("def f(m):\\n  return {'a': m, **m}")
    def f(m):
        return {'a': m, **_d.mapping(m)}
    """

    nodes = (ast.Dict,)

    def convert(self, node: ast.Dict, walk: Walk) -> ast.expr:
        for index, (key, value) in enumerate(zip(node.keys, node.values)):
            if key is not None:
                node.keys[index] = walk.expression(key)
            value = walk.expression(value)
            if key is None:
                value = walk.quote("_d.mapping(m)", value, m=value)
            node.values[index] = value
        return node

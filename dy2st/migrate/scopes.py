"""One pass over ``ast``: which scope binds which name, and every place where a name is read."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import field
from typing import Any

from dy2st.records import record

UNKNOWN = "?"  # a candidate: see names.py
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _child_fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of node that may hold nodes; operators and contexts hold no names."""
    plain = {"ctx", "op", "ops", "type_comment", "kind", "id", "attr", "arg", "level"}
    return tuple(name for name in kind._fields if name not in plain)


_CHILD_FIELDS = {
    kind: _child_fields(kind)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}


def children_of(node: ast.AST) -> list[ast.AST]:
    """The nodes right below one, in their order."""
    found: list[ast.AST] = []
    for name in _CHILD_FIELDS[node.__class__]:
        value = getattr(node, name, None)
        if value.__class__ is list:
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


@record(frozen=False, eq=False)
class Binding:
    """One way in which a name gets its value."""

    kind: str  # "name" (dotted), "expr", "from" (module, attribute), "opaque"
    value: object
    scope: Scope | None = None
    node: ast.AST | None = None


@record(frozen=False, eq=False)
class Scope:
    """A module, class, function, lambda or comprehension."""

    kind: str
    node: ast.AST
    parent: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    attributes: dict[str, list[Binding]] = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)
    self_name: str | None = None

    def bind(self, name: str, binding: Binding) -> None:
        """Add one binding, in the module's scope where the name was declared global."""
        target = self
        while name in target.outer and target.parent is not None:
            target = target.parent
        target.bindings.setdefault(name, []).append(binding)

    def values_of(self, attribute: str) -> list[Binding]:
        """What ``self.attribute`` may be for a class: set by its methods or in its body."""
        return [*self.attributes.get(attribute, ()), *self.bindings.get(attribute, ())]

    def owner(self) -> Scope | None:
        """The class whose method this scope is in, for ``self``."""
        scope: Scope | None = self
        while scope is not None:
            if scope.parent is not None and scope.parent.kind == "class":
                return scope.parent if scope.kind == "function" else None
            scope = scope.parent
        return None


@record(frozen=False, eq=False)
class Chain:
    """A maximal ``a.b.c`` in a loading place, or the attribute of something that is no name."""

    node: ast.Attribute | ast.Name
    scope: Scope

    def dotted(self) -> str:
        """The chain as written, ``?`` for a root that is not a name."""
        parts: list[str] = []
        node: ast.AST = self.node
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        parts.append(node.id if isinstance(node, ast.Name) else "?")
        return ".".join(reversed(parts))


class ProjectLike:
    """What ``Names`` needs to know about the files around it; this one knows no other file."""

    def locate(self, path: str, module: str, level: int) -> str | None:
        """The path of the project's own module that an import means, or None."""
        return None

    def member(self, base: str, name: str, depth: int) -> frozenset[str]:
        """Candidates of ``base.name``."""
        if base == UNKNOWN:
            return frozenset({UNKNOWN})
        return frozenset({f"{base}.{name}"})

    def star(self, module: str, name: str, depth: int) -> frozenset[str]:
        """Candidates that ``from module import *`` gives ``name``; empty where it gives none."""
        return frozenset()


class Bindings:
    """The bindings and chains of one module."""

    def __init__(self, tree: ast.Module, path: str, project: ProjectLike) -> None:
        self.path = path
        self.project = project
        self.module = Scope("module", tree, None)
        self.chains: list[Chain] = []
        self.calls: list[tuple[ast.Call, Scope]] = []
        self.strings: list[ast.Constant] = []
        self.imports: list[tuple[ast.Import | ast.ImportFrom, Scope]] = []
        self.stars: list[tuple[str, ast.ImportFrom, Scope]] = []
        self.parents: dict[ast.AST, ast.AST] = {}
        self.withs: list[tuple[ast.With | ast.AsyncWith, Scope]] = []
        self.classes: list[tuple[ast.ClassDef, Scope]] = []
        self.fstring_nodes: set[ast.AST] = set()
        self._walk(tree)

    def _walk(self, tree: ast.Module) -> None:
        # An explicit stack: a chain of 5,000 operators is a tree 5,000 deep.
        stack: list[tuple[ast.AST, Scope, bool]] = [(n, self.module, False) for n in tree.body]
        stack.reverse()
        for statement in tree.body:
            self.parents[statement] = tree
        parents = self.parents
        while stack:
            node, scope, in_fstring = stack.pop()
            if in_fstring:
                self.fstring_nodes.add(node)
            kind = node.__class__
            handler = _HANDLERS.get(kind)
            if handler is None:
                inside = in_fstring or kind is ast.JoinedStr
                for child in reversed(children_of(node)):
                    parents[child] = node
                    stack.append((child, scope, inside))
            else:
                for child, child_scope in reversed(list(handler(self, node, scope))):
                    parents[child] = node
                    stack.append((child, child_scope, in_fstring))

    def _name(self, node: ast.Name, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        if not isinstance(node.ctx, ast.Store):  # del gives no meaning, it needs one
            self.chains.append(Chain(node, scope))
        else:
            existing = scope.bindings.get(node.id)
            if not existing or all(b.node is not node for b in existing):
                scope.bind(node.id, Binding("opaque", None, node=node))
        return ()

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        root: ast.AST = node
        while isinstance(root, ast.Attribute):
            if root is not node:
                self.parents[root.value] = root
            root = root.value
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            self.parents[inner.value] = inner
            inner = inner.value
        if isinstance(node.ctx, ast.Load) or isinstance(root, ast.Name):
            self.chains.append(Chain(node, scope))
        if not isinstance(root, ast.Name):
            parent = self.parents[root]
            yield root, scope
            self.parents[root] = parent

    def _constant(self, node: ast.Constant, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        if isinstance(node.value, str):
            self.strings.append(node)
        return ()

    def _call(self, node: ast.Call, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        self.calls.append((node, scope))
        for child in children_of(node):
            yield child, scope

    def _import(self, node: ast.Import, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        self.imports.append((node, scope))
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            target = alias.name if alias.asname else alias.name.split(".")[0]
            scope.bind(name, Binding("name", self._locate(target, 0), node=node))
        return ()

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        self.imports.append((node, scope))
        module = self._locate(node.module or "", node.level)
        for alias in node.names:
            if alias.name == "*":
                self.stars.append((module, node, scope))
            else:
                value = (module, alias.name)
                scope.bind(alias.asname or alias.name, Binding("from", value, node=node))
        return ()

    def _locate(self, module: str, level: int) -> str:
        found = self.project.locate(self.path, module, level)
        return f"@{found}" if found else ("." * level + module)

    def _function(self, node: ast.AST, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        inner = Scope("lambda" if isinstance(node, ast.Lambda) else "function", node, scope)
        arguments: ast.arguments = node.args  # type: ignore[attr-defined]
        positional = [*arguments.posonlyargs, *arguments.args]
        if positional and inner.kind == "function" and scope.kind == "class":
            inner.self_name = positional[0].arg
        yield from self._arguments(arguments, inner, scope)
        if isinstance(node, ast.Lambda):
            yield node.body, inner
            return
        assert isinstance(node, _FUNCTIONS)
        scope.bind(node.name, Binding("opaque", None, node=node))
        for decorator in node.decorator_list:
            yield decorator, scope
        if node.returns is not None:
            yield node.returns, scope
        for statement in node.body:
            yield statement, inner

    def _arguments(
        self, arguments: ast.arguments, inner: Scope, scope: Scope
    ) -> Iterable[tuple[ast.AST, Scope]]:
        """Bind the parameters; a default is one of the values that a parameter may have."""
        positional = [*arguments.posonlyargs, *arguments.args]
        with_default = positional[len(positional) - len(arguments.defaults) :]
        defaults = {a.arg: v for a, v in zip(with_default, arguments.defaults, strict=True)}
        pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        defaults.update({a.arg: v for a, v in pairs if v is not None})
        extra = [a for a in (arguments.vararg, arguments.kwarg) if a]
        for arg in [*positional, *arguments.kwonlyargs, *extra]:
            if arg.arg in defaults:
                inner.bind(arg.arg, Binding("expr", defaults[arg.arg], scope))
                yield defaults[arg.arg], scope
            inner.bind(arg.arg, Binding("opaque", None, node=arg))
            if arg.annotation is not None:
                yield arg.annotation, scope

    def _class(self, node: ast.ClassDef, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        self.classes.append((node, scope))
        scope.bind(node.name, Binding("opaque", None, node=node))
        inner = Scope("class", node, scope)
        for child in [*node.decorator_list, *node.bases, *node.keywords]:
            yield child, scope
        for statement in node.body:
            yield statement, inner

    def _comprehension(self, node: ast.AST, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        inner = Scope("comprehension", node, scope)
        for child in children_of(node):
            yield child, inner

    def _global(self, node: ast.AST, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        scope.outer.update(node.names)  # type: ignore[attr-defined]
        return ()

    def _assign(self, node: ast.AST, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        value: ast.expr | None = node.value  # type: ignore[attr-defined]
        single = isinstance(node, (ast.AnnAssign, ast.NamedExpr))
        targets = [node.target] if single else node.targets  # type: ignore[attr-defined]
        for target in targets:
            if value is not None:
                self._assign_target(target, value, scope)
        for child in children_of(node):
            yield child, scope

    def _assign_target(self, target: ast.expr, value: ast.expr, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            scope.bind(target.id, Binding("expr", value, scope, node=target))
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            owner = scope.owner()
            if owner is not None and target.value.id in self.self_names(scope):
                binding = Binding("expr", value, scope, node=target)
                owner.attributes.setdefault(target.attr, []).append(binding)
        elif isinstance(target, (ast.Tuple, ast.List)):
            pair = isinstance(value, (ast.Tuple, ast.List)) and len(target.elts) == len(value.elts)
            if pair:
                for t, v in zip(target.elts, value.elts, strict=True):  # type: ignore[attr-defined]
                    self._assign_target(t, v, scope)

    @staticmethod
    def self_names(scope: Scope | None) -> set[str]:
        """The first parameters of the methods around a scope."""
        names = set()
        while scope is not None:
            if scope.self_name:
                names.add(scope.self_name)
            scope = scope.parent
        return names

    def _with(self, node: ast.AST, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        self.withs.append((node, scope))  # type: ignore[arg-type]
        for child in children_of(node):
            yield child, scope

    def _named_handler(self, node: ast.AST, scope: Scope) -> Iterable[tuple[ast.AST, Scope]]:
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if name:
            scope.bind(name, Binding("opaque", None, node=node))
        for child in children_of(node):
            yield child, scope


_Handler = Callable[[Bindings, Any, Scope], Iterable[tuple[ast.AST, Scope]]]
_HANDLERS: dict[type, _Handler] = {
    ast.Name: Bindings._name,
    ast.Attribute: Bindings._attribute,
    ast.Constant: Bindings._constant,
    ast.Call: Bindings._call,
    ast.Import: Bindings._import,
    ast.ImportFrom: Bindings._import_from,
    ast.FunctionDef: Bindings._function,
    ast.AsyncFunctionDef: Bindings._function,
    ast.Lambda: Bindings._function,
    ast.ClassDef: Bindings._class,
    ast.Global: Bindings._global,
    ast.Nonlocal: Bindings._global,
    ast.Assign: Bindings._assign,
    ast.AnnAssign: Bindings._assign,
    ast.NamedExpr: Bindings._assign,
    ast.With: Bindings._with,
    ast.AsyncWith: Bindings._with,
    ast.ExceptHandler: Bindings._named_handler,
    **dict.fromkeys(_COMPREHENSIONS, Bindings._comprehension),
}
for _name in ("MatchAs", "MatchStar", "MatchMapping"):
    _HANDLERS[getattr(ast, _name)] = Bindings._named_handler

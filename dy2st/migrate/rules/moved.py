"""Names that numpy and Python gave up since the days of Paddle 1.8, in files that use it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate.edits import Replace
from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import ScanRule

# What stands after numpy's own name, or a builtin where it begins with "=".
_NUMPY = {
    **{f"numpy.{n}": f"={n}" for n in ("float", "int", "bool", "complex", "object", "str")},
    "numpy.long": "=int",
    "numpy.unicode": "=str",
    "numpy.float_": "float64",
    "numpy.complex_": "complex128",
    "numpy.string_": "bytes_",
    "numpy.unicode_": "str_",
    "numpy.NaN": "nan",
    "numpy.NAN": "nan",
    "numpy.Inf": "inf",
    "numpy.Infinity": "inf",
    "numpy.infty": "inf",
    "numpy.product": "prod",
    "numpy.cumproduct": "cumprod",
    "numpy.alltrue": "all",
    "numpy.sometrue": "any",
    "numpy.row_stack": "vstack",
    "numpy.round_": "round",
}
_PYTHON = {
    "time.clock": "process_time",
    "string.letters": "ascii_letters",
    "string.lowercase": "ascii_lowercase",
    "string.uppercase": "ascii_uppercase",
}
_ABSTRACT = (
    *("Callable", "Container", "Hashable", "Iterable", "Iterator", "Mapping", "MutableMapping"),
    *("MutableSequence", "MutableSet", "Sequence", "Set", "Sized"),
)
_RECIPES = {
    "numpy.asscalar": "write array.item()",
    "numpy.in1d": "numpy.isin(a, b).ravel() says the same",
    "numpy.trapz": "numpy.trapezoid says the same from numpy 2 on",
    "inspect.getargspec": "inspect.getfullargspec gives more fields: args, varargs, varkw, defaults",
    "fractions.gcd": "math.gcd says the same",
    **{f"collections.{n}": f"collections.abc.{n}, after import collections.abc" for n in _ABSTRACT},
}
_MOVED = {**_NUMPY, **_PYTHON}
_KNOWN = _MOVED.keys() | _RECIPES.keys()
_LAST = {name.rpartition(".")[2] for name in _KNOWN}


class MovedNames(ScanRule):
    """``np.int`` and other names that newer numpy and Python do not have say what they meant."""

    id = "PM262"
    name = "moved_names"
    changes: ClassVar = (
        ("x.astype(np.int)", "x.astype(int)"),
        ("from collections import Iterable", "from collections.abc import Iterable"),
    )

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """Chains that mean such a name, and imports of it."""
        for chain in context.names.chains:
            node = chain.node
            if isinstance(node, ast.Attribute) and node.attr in _LAST:
                found = context.names.resolve(node, chain.scope)
                if found and found <= _KNOWN:
                    yield node, chain.scope
        for statement, scope in context.names.imports:
            module = getattr(statement, "module", None)
            if any(f"{module}.{alias.name}" in _KNOWN for alias in statement.names):
                yield statement, scope  # type: ignore[misc]

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """Write the successor; what needs another import has a recipe."""
        if isinstance(node, ast.ImportFrom):
            return _move_import(node, context)
        assert isinstance(node, ast.Attribute)
        (old,) = context.names.resolve(node, scope) & _KNOWN or {""}
        if old in _RECIPES:
            raise Decline(f"{old} is gone|{_RECIPES[old]}")
        new = _MOVED[old]
        start, end = context.source.span(node)
        if new.startswith("="):
            context.edits.append(Replace(start, end, new[1:].encode()))
            return new[1:]
        base_end = context.source.span(node.value)[1]
        context.edits.append(Replace(base_end, end, f".{new}".encode()))
        return f"{old.partition('.')[0]}.{new}"


def _move_import(node: ast.ImportFrom, context: FileContext) -> str:
    """``collections`` becomes ``collections.abc`` where all that is imported is there."""
    names = {alias.name for alias in node.names}
    if node.module != "collections" or not names <= set(_ABSTRACT):
        listed = ", ".join(sorted(n for n in names if f"{node.module}.{n}" in _KNOWN))
        raise Decline(f"{node.module} has no {listed} now|import its successor in its place")
    start, end = context.source.span(node)
    at = context.source.text.index(b"collections", start, end)
    context.edits.append(Replace(at, at + len(b"collections"), b"collections.abc"))
    return "collections.abc"

"""What helpers do not offer: a method of 1.x's object that its helper class has not."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate import helpers, state
from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import OURS, Scope
from dy2st.migrate.rules import ScanRule
from dy2st.migrate.rules.members import BY_MEMBER


class HelperSurface(ScanRule):
    """A method or attribute that an object of 1.x had and its helper has not is told."""

    id = "PM276"
    name = "helper_surface"
    leaves: ClassVar = ("fluid.layers.DynamicRNN().lod_rank_table",)

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """Every attribute, read from an object whose class is a helper, that the helper lacks.

        What the file itself stores under that name is there.
        """
        chains = [chain.node for chain in context.names.chains]
        stored = {n.attr for n in chains if isinstance(n, ast.Attribute) and not _is_read(n)}
        for chain in context.names.chains:
            node: ast.AST = chain.node
            while isinstance(node, ast.Attribute):
                asked = _is_read(node) and node.attr not in BY_MEMBER and node.attr not in stored
                if asked and _missing(node, chain.scope, context):
                    yield node, chain.scope
                node = node.value

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """Never: the helper would raise AttributeError when it runs."""
        assert isinstance(node, ast.Attribute)
        raise Decline(
            f"the helper that stands for this object has no {node.attr}|look up in fluid_compat"
            " what it has, and say what the code needs with that or with paddle"
        )


def _is_read(node: ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Load)


def _missing(node: ast.Attribute, scope: Scope, context: FileContext) -> bool:
    candidates = context.names.resolve(node.value, scope)
    if len(candidates) != 1:
        return False
    (candidate,) = candidates
    made = candidate.startswith("inst:")
    module, _, helper = candidate.removeprefix("inst:").partition(".")
    if module == OURS:  # an earlier run wrote it
        offered = surface(helper, made)
        return offered is not None and node.attr not in offered and not node.attr.startswith("__")
    found = context.table.find(candidate.removeprefix("inst:"))
    if found is None or not found[0].helper or found[1] != candidate.count(".") + 1:
        return False
    if found[0].status == "open" or (made and found[0].rule):
        return False
    offered = surface(found[0].helper, made)
    return offered is not None and node.attr not in offered and not node.attr.startswith("__")


def surface(helper: str, made: bool) -> frozenset[str] | None:
    """The attributes of a helper class's objects, or of the one object that a helper is.

    None where they cannot be known: other classes stand behind it, or it is a function.
    """
    return _surfaces().get((helper, made))


@functools.cache
def _surfaces() -> dict[tuple[str, bool], frozenset[str]]:
    """All that are known, kept beside the helpers: to read their texts takes longer than a run."""
    kept = state.derived("surfaces", _read)
    return {(name, made): frozenset(found) for name, made, found in kept}


def _read() -> list[tuple[str, bool, list[str]]]:
    found = []
    for name in helpers.load():
        for made in (False, True):
            offered = _read_one(name, made)
            if offered is not None:
                found.append((name, made, sorted(offered)))
    return found


def _read_one(helper: str, made: bool) -> frozenset[str] | None:
    known = helpers.load()
    if helper not in known:
        return None
    node = ast.parse(known[helper].text).body[0]
    if isinstance(node, ast.Assign):
        value = node.value
        single = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
        if made or not single or value.func.id not in known:  # type: ignore[attr-defined]
            return None
        return _read_one(value.func.id, True)  # type: ignore[attr-defined]
    if not isinstance(node, ast.ClassDef) or not made:
        return None
    found = _defined_in(node)
    for base in node.bases:
        inherited = _read_one(base.id, True) if isinstance(base, ast.Name) else None
        if inherited is None:
            return None
        found |= inherited
    return None if "__getattr__" in found else frozenset(found)


def _defined_in(node: ast.ClassDef) -> set[str]:
    """What a class defines: methods, its own names, and what its methods store in ``self``."""
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, (ast.FunctionDef, ast.ClassDef)):
            found.add(inner.name)
        elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            found.add(inner.id)
        elif isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            found.add(inner.attr)
    return found

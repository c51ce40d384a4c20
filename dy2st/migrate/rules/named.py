"""``getattr(fluid.optimizer, name)`` with a name that is known at run time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate.edits import Replace
from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import ScanRule
from dy2st.migrate.uses import NAMED_MODULES


class NamedClass(ScanRule):
    """A class that is looked up by name in one of 1.x's small modules comes from a table of them."""

    id = "PM274"
    name = "named_class"
    changes: ClassVar = (
        ("getattr(fluid.optimizer, kind)", "fluid_compat.optimizer_named(kind)"),
        ("getattr(fluid.regularizer, kind)", "fluid_compat.regularizer_named(kind)"),
    )

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """Each ``getattr`` of two arguments on such a module."""
        for call, scope in context.names.calls:
            if self._helper(call, scope, context):
                yield call, scope

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """The helper of that module, called with the name."""
        assert isinstance(node, ast.Call)
        helper = self._helper(node, scope, context)
        if not context.options.compat:
            raise Decline("the name is known only at run time|write a dict from names to classes")
        name = context.helper(helper)
        start = context.source.span(node)[0]
        begin = context.source.span(node.args[1])[0]
        context.edits.append(Replace(start, begin, f"{name}(".encode()))
        context.converted.add(node.args[0])
        return name

    @staticmethod
    def _helper(call: ast.Call, scope: Scope, context: FileContext) -> str:
        if not isinstance(call.func, ast.Name) or call.func.id != "getattr":
            return ""
        if len(call.args) != 2 or isinstance(call.args[1], ast.Constant):
            return ""
        found = {NAMED_MODULES.get(c, "") for c in context.names.resolve(call.args[0], scope)}
        return found.pop() if len(found) == 1 else ""

"""Methods whose meaning changed, found by their object or by their arguments."""

from __future__ import annotations

import ast
from typing import ClassVar

from dy2st.migrate.calls import call_parenthesis, literal
from dy2st.migrate.edits import Replace
from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import MethodRule, keyword_of

PROGRAMS = ("paddle.fluid.Program", "paddle.fluid.default_main_program")


class CloneForTest(MethodRule):
    """``program.clone(for_test=True)``: a clone in test mode that knows the original's values."""

    id = "PM210"
    name = "clone_for_test"
    methods = ("clone",)
    changes: ClassVar = (("main.clone(for_test=True)", "fluid_compat.clone_for_test(main)"),)

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """Only ``clone`` with ``for_test``: no other library has that argument."""
        return keyword_of(call, "for_test") is not None

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """Name the helper; ``for_test=False`` and variables stay to be decided by a person."""
        keyword = keyword_of(call, "for_test")
        assert keyword is not None
        assert isinstance(call.func, ast.Attribute)
        value = literal(keyword.value)
        if not isinstance(value, bool):
            raise Decline("for_test is known only at run time|write an if for the two cases")
        start, end = context.source.span(call)
        _, base_end = context.source.span(call.func.value)
        if not value:
            context.edits.append(Replace(base_end, end, b".clone()"))
            return ".clone"
        if not context.options.compat:
            raise Decline("needs a helper of fluid_compat and --no-compat is given")
        name = context.helper("clone_for_test")
        context.edits.append(Replace(start, start, f"{name}(".encode()))
        context.edits.append(Replace(base_end, end, b")"))
        return name


class BackwardWithStrategy(MethodRule):
    """``loss.backward(strategy)``: how sums of gradients are ordered is no longer asked."""

    id = "PM211"
    name = "backward_strategy"
    methods = ("backward",)
    changes: ClassVar = (("loss.backward(strategy)", "loss.backward()"),)

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """Only where the one argument is certainly a BackwardStrategy."""
        given = [*call.args, *(k.value for k in call.keywords)]
        if len(given) != 1 or b"BackwardStrategy" not in context.source.text:
            return False
        found = context.names.resolve(given[0], scope)
        rows = [context.table.find(c.partition(":")[2] or c) for c in found]
        return bool(rows) and all(
            r is not None and r[0].old == "paddle.fluid.dygraph.BackwardStrategy" for r in rows
        )

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """Take the argument out."""
        start = call_parenthesis(call, context.source) + 1
        end = context.source.span(call)[1] - 1
        context.edits.append(Replace(start, end, b""))
        return ".backward"

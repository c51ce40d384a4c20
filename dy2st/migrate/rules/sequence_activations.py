"""Activations that look at sequences."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate.edits import Replace
from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import ScanRule

_NAME = "sequence_softmax"


class SequenceActivation(ScanRule):
    """``act="sequence_softmax"`` names an operator of sequences: the helper itself is handed on."""

    id = "PM284"
    name = "sequence_activation"
    changes: ClassVar = (
        (
            "fluid.layers.fc(x, 1, act='sequence_softmax')",
            "fluid_compat.fc(x, 1, act=fluid_compat.sequence_softmax)",
        ),
    )

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """The name as the ``act`` of a call."""
        if _NAME.encode() not in context.source.text:
            return
        for call, scope in context.names.calls:
            for keyword in call.keywords:
                named = isinstance(keyword.value, ast.Constant) and keyword.value.value == _NAME
                if keyword.arg == "act" and named:
                    yield keyword.value, scope

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """The helper instead of its name."""
        if not context.options.compat:
            raise Decline("act='sequence_softmax'|call sequence_softmax on the layer's result")
        name = context.helper(_NAME)
        context.edits.append(Replace(*context.source.span(node), name.encode()))
        return name

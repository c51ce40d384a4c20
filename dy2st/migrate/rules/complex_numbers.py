"""Complex numbers: pairs of tensors in 1.8, a dtype now."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate.edits import Replace
from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import ScanRule

_MAKERS = ("inst:paddle.complex.", "inst:paddle.fluid.ComplexVariable")


class ComplexPart(ScanRule):
    """``z.real`` and ``z.imag`` of a complex tensor are methods now."""

    id = "PM263"
    name = "complex_part"
    words = (b"paddle.complex.", b"paddle.complex ", b"ComplexVariable", b"import complex")
    changes: ClassVar = (
        ("paddle.complex.matmul(x, y).real", "fluid_compat.complex_matmul(x, y).real()"),
    )

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """The two attributes in files with complex tensors, of arrays excepted."""
        for chain in context.names.chains:
            node: ast.expr = chain.node
            while isinstance(node, ast.Attribute):
                parent = context.names.parents.get(node)
                called = isinstance(parent, ast.Call) and parent.func is node
                if node.attr in ("real", "imag") and not called and not self._is_array(node.value):
                    yield node, chain.scope
                node = node.value

    @staticmethod
    def _is_array(base: ast.expr) -> bool:
        """Whether this is ``x.numpy()`` or a call of numpy."""
        if not isinstance(base, ast.Call) or not isinstance(base.func, ast.Attribute):
            return False
        module = base.func.value
        return base.func.attr == "numpy" or (
            isinstance(module, ast.Name) and module.id in ("np", "numpy")
        )

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """Call it, where the value is surely such a tensor; arrays have attributes still."""
        assert isinstance(node, ast.Attribute)
        found = context.names.resolve(node.value, scope)
        if not found or not all(name.startswith(_MAKERS) for name in found):
            raise Decline(f"may be of a complex tensor|write .{node.attr}() if it is one")
        end = context.source.span(node)[1]
        context.edits.append(Replace(end, end, b"()"))
        return f".{node.attr}()"

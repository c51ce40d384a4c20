"""Inputs of static programs: the batch dimension that 1.x added in silence."""

from __future__ import annotations

import ast
from typing import ClassVar

from dy2st.migrate.calls import Bound, bind, insert_arguments, literal
from dy2st.migrate.edits import Replace
from dy2st.migrate.forms import plain_call, to_helper
from dy2st.migrate.model import Decline, FileContext, Use
from dy2st.migrate.rules import UseRule
from dy2st.migrate.scopes import Chain


class LayersData(UseRule):
    """``layers.data`` puts a batch dimension before the shape; today the shape says it."""

    id = "PM201"
    name = "layers_data"
    changes: ClassVar = (
        (
            'fluid.layers.data("x", [4], dtype="float32")',
            'paddle.static.data("x", [-1, 4], dtype="float32")',
        ),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Write the batch dimension into a literal shape; other shapes go to the helper."""
        if use.call is None:
            return None
        bound = bind(use.row, use.call)
        if bound.problem or "shape" not in bound.given:
            return to_helper(use, context, use.row.helper)
        shape = bound.given["shape"].value
        if not isinstance(shape, (ast.List, ast.Tuple)) or not shape.elts:
            return to_helper(use, context, use.row.helper)
        append = bound.given.get("append_batch_size")
        appended = literal(append.value) if append is not None else True
        sizes = [literal(e) for e in shape.elts]
        if not isinstance(appended, bool) or any(not isinstance(s, int) for s in sizes):
            return to_helper(use, context, use.row.helper)
        if has_sequences(bound) or not _is_constant(bound):
            return to_helper(use, context, use.row.helper)
        batch = appended and not any(isinstance(s, int) and s < 0 for s in sizes)
        new = plain_call(use, context, "paddle.static.data")
        if batch:
            at = context.source.span(shape.elts[0])[0]
            context.edits.append(Replace(at, at, b"-1, "))
        return new


def _is_constant(bound: Bound) -> bool:
    """Whether an input is surely a constant, as inputs are today."""
    return "stop_gradient" not in bound.given or bound.literal("stop_gradient") is True


def has_sequences(bound: Bound) -> bool:
    """Whether an input is (or may be) one of sequences: ``lod_level`` is not a literal 0."""
    return "lod_level" in bound.given and bound.literal("lod_level") != 0


class FluidData(UseRule):
    """``fluid.data`` with ``lod_level`` is two inputs: the packed rows and their offsets."""

    id = "PM205"
    name = "fluid_data"
    changes: ClassVar = (
        (
            'fluid.data("x", [None, 4], lod_level=1)',
            'fluid_compat.lod_data("x", [None, 4], lod_level=1)',
        ),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """The helper where there are sequences."""
        if use.call is None:
            return None
        bound = bind(use.row, use.call)
        if bound.problem or has_sequences(bound):
            return to_helper(use, context, use.row.helper)
        return None


class DygraphGuard(UseRule):
    """``with dygraph.guard():`` is dissolved where all is dynamic: today that is the default.

    Where any file of the run builds programs, importing it switches to static mode, so that the
    block has to switch back. A block that is entered more than once starts names anew each time,
    which saved states of optimizers and named parameters need.
    """

    id = "PM202"
    name = "dygraph_guard"
    changes: ClassVar = (
        (
            "with fluid.dygraph.guard():\n    train()\n",
            "train()\n",
        ),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Dedent the block, or name the helper that switches the mode for the block."""
        statement = self._statement(use, context)
        if statement is None or context.facts.static or context.facts.programs:
            return None
        if not _entered_once(statement, use, context):
            return None
        if not self._dedentable(statement, context):
            return None
        self._dissolve(statement, context)
        return "(block dissolved)"

    @staticmethod
    def _statement(use: Use, context: FileContext) -> ast.With | None:
        if use.call is None:
            return None
        item = context.names.parents.get(use.call)
        statement = context.names.parents.get(item) if item is not None else None
        if not isinstance(item, ast.withitem) or not isinstance(statement, ast.With):
            return None
        if len(statement.items) != 1 or item.optional_vars is not None:
            return None
        if any(not isinstance(a, (ast.Name, ast.Attribute)) for a in use.call.args):
            return None if use.call.args and not _pure_place(use.call) else statement
        return statement

    @staticmethod
    def _dedentable(statement: ast.With, context: FileContext) -> bool:
        body = statement.body
        if body[0].lineno == statement.lineno:
            return False
        for node in ast.walk(statement):
            text = isinstance(node, ast.JoinedStr) or (
                isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
            )
            if text and node.end_lineno != node.lineno:  # type: ignore[attr-defined]
                return False  # dedenting would change the text
        # every line must start with the block's own indentation
        inner = context.source.indent(body[0].lineno)
        outer = context.source.indent(statement.lineno)
        if not inner.startswith(outer) or len(inner) <= len(outer):
            return False
        for line in range(body[0].lineno, (statement.end_lineno or statement.lineno) + 1):
            begin, end = context.source.line_span(line)
            row = context.source.text[begin:end]
            blank = not row.strip() or row.lstrip().startswith(b"#")
            if not blank and not row.startswith(inner):
                return False  # tabs and spaces mixed: how far to dedent is anybody's guess
        return True

    @staticmethod
    def _dissolve(statement: ast.With, context: FileContext) -> None:
        source = context.source
        first, last = statement.body[0], statement.end_lineno or statement.lineno
        inner, outer = source.indent(first.lineno), source.indent(statement.lineno)
        header_start = source.line_span(statement.lineno)[0]
        decorators = [d.lineno for d in getattr(first, "decorator_list", ())]
        first_line = min([first.lineno, *decorators])
        start = source.span(statement)[0]
        header_end = source.line_span(first_line)[0]
        comments = source.text[start:header_end].splitlines(keepends=True)[1:]
        kept = b"".join(outer + c.lstrip() for c in comments if c.strip().startswith(b"#"))
        context.edits.append(Replace(header_start, header_end, b""))
        if kept:
            context.edits.append(Replace(header_end, header_end, kept))
        step = len(inner) - len(outer)
        for line in range(first_line, last + 1):
            begin, end = source.line_span(line)
            text = source.text[begin:end]
            if text.startswith(inner):
                context.edits.append(Replace(begin + len(outer), begin + len(outer) + step, b""))


def _entered_once(statement: ast.With, use: Use, context: FileContext) -> bool:
    """Whether a block is the only one of its kind and runs once, as far as the file tells."""
    chains = context.names.chains
    guards = [c for c in chains if c.node is not use.node and _is_guard(c, context)]
    function: ast.AST | None = statement
    while function is not None and not isinstance(function, ast.FunctionDef):
        if isinstance(function, (ast.For, ast.While, ast.AsyncFunctionDef, ast.Lambda)):
            return False
        function = context.names.parents.get(function)
    if guards or function is None:
        return not guards
    calls = [c for c, _ in context.names.calls if _called_name(c) == function.name]
    return len(calls) <= 1 and not any(_in_loop(c, context) for c in calls)


def _is_guard(chain: Chain, context: FileContext) -> bool:
    found = context.names.resolve(chain.node, chain.scope)
    rows = [context.table.find(name) for name in found]
    return any(row is not None and row[0].old == "paddle.fluid.dygraph.guard" for row in rows)


def _called_name(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def _in_loop(node: ast.AST | None, context: FileContext) -> bool:
    while node is not None:
        if isinstance(node, (ast.For, ast.While)):
            return True
        node = context.names.parents.get(node)
    return False


def _pure_place(call: ast.Call) -> bool:
    """Whether the argument only names a place (``fluid.CPUPlace()``), without effects."""
    return all(isinstance(a, (ast.Call, ast.IfExp, ast.Name, ast.Attribute)) for a in call.args)


class DataLoaderFactory(UseRule):
    """``DataLoader.from_generator`` is the helper's loader; ``DataLoader(dataset)`` is Paddle's."""

    id = "PM204"
    name = "data_loader"
    changes: ClassVar = (
        (
            "fluid.io.DataLoader.from_generator(feed_list=[x], capacity=4)",
            "fluid_compat.from_generator(feed_list=[x], capacity=4)",
        ),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Tell them apart by what follows the class's name."""
        if use.rest in (("from_generator",), ("from_dataset",)):
            parent = context.names.parents.get(use.node)
            if not isinstance(parent, ast.Attribute) or not context.options.compat:
                raise Decline("needs a helper of fluid_compat")
            start, end = context.source.span(parent)
            name = context.helper(use.rest[0])
            context.edits.append(Replace(start, end, name.encode()))
            return name
        if use.rest:
            what = ".".join(use.rest)
            raise Decline(
                f"DataLoader.{what} is gone|paddle.distributed.InMemoryDataset reads files"
            )
        call = use.call
        names = {k.arg for k in call.keywords} if call is not None else set()
        if call is not None and "feed_list" in names and "return_list" not in names:
            more = ["return_list=False"]  # 1.8 gave a dict for each place
            insert_arguments(call, more, True, [], context.source, context.edits)
        return None

"""Methods whose meaning changed, found by their object or by their arguments."""

from __future__ import annotations

import ast
from typing import ClassVar

from dy2st.migrate import helpers
from dy2st.migrate.calls import literal
from dy2st.migrate.edits import Replace
from dy2st.migrate.kinds import kind_of
from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import MethodRule, hand_to_helper, keyword_of, receiver_is

STRATEGIES = ("paddle.fluid.dygraph.BackwardStrategy", "paddle.fluid.core.BackwardStrategy")
PROGRAM_ROWS = (
    "paddle.fluid.Program",
    "paddle.fluid.default_main_program",
    "paddle.fluid.default_startup_program",
)


def _for_test(call: ast.Call) -> ast.expr | None:
    """The argument ``for_test`` of ``clone``: by name, or the one positional truth value."""
    keyword = keyword_of(call, "for_test")
    if keyword is not None:
        return keyword.value
    alone = len(call.args) == 1 and not call.keywords
    return call.args[0] if alone and isinstance(literal(call.args[0]), bool) else None


class CloneForTest(MethodRule):
    """``program.clone(for_test=True)``: a clone in test mode that knows the original's values."""

    id = "PM210"
    name = "clone_for_test"
    methods = ("clone",)
    changes: ClassVar = (
        ("main.clone(for_test=True)", "fluid_compat.clone_for_test(main)"),
        ("main.clone(True)", "fluid_compat.clone_for_test(main)"),
    )

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """Only ``clone`` with ``for_test``: no other library has that argument."""
        return _for_test(call) is not None and b"fluid" in context.source.text

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """Name the helper; ``for_test=False`` and variables stay to be decided by a person."""
        given = _for_test(call)
        assert given is not None
        assert isinstance(call.func, ast.Attribute)
        value = literal(given)
        if not isinstance(value, bool):
            raise Decline("for_test is known only at run time|write an if for the two cases")
        copied = context.facts.program_clones and context.options.compat
        if not value and not copied:
            end = context.source.span(call)[1]
            context.edits.append(Replace(context.source.span(call.func.value)[1], end, b".clone()"))
            return ".clone"
        if not context.options.compat:
            raise Decline("needs a helper of fluid_compat and --no-compat is given")
        helper = "clone_for_test" if value else "clone_program"
        return context.wrap(helper, call, upto=call.func.value)


class CloneProgram(MethodRule):
    """``program.clone()``: a copy in which values of the original stand for the copy's own."""

    id = "PM272"
    name = "clone_program"
    methods = ("clone",)
    changes: ClassVar = (
        (
            "fluid.default_main_program().clone()",
            "fluid_compat.clone_program(paddle.static.default_main_program())",
        ),
    )

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """Where the object is a program of 1.x; tensors have a ``clone``, too."""
        if call.args or call.keywords or not context.facts.program_clones:
            return False
        assert isinstance(call.func, ast.Attribute)
        return kind_of(call.func.value, scope, context) == "program"

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """Name the helper; without helpers the copy stays as it is."""
        if not context.options.compat:
            return ".clone"
        assert isinstance(call.func, ast.Attribute)
        return context.wrap("clone_program", call, upto=call.func.value)


class BackwardWithStrategy(MethodRule):
    """``loss.backward(strategy)``: a BackwardStrategy has no meaning now and is left out."""

    id = "PM211"
    name = "backward_strategy"
    methods = ("backward",)
    changes: ClassVar = (
        ("loss.backward(fluid.dygraph.BackwardStrategy())", "loss.backward()"),
        ("loss.backward(backward_strategy=strategy)", "loss.backward()"),
    )

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """An argument of that name, or one that is certainly such an object."""
        return self._given(call, scope, context) is not None

    def _given(self, call: ast.Call, scope: Scope, context: FileContext) -> ast.expr | None:
        keyword = keyword_of(call, "backward_strategy")
        if keyword is not None:
            return keyword.value
        if len(call.args) != 1 or call.keywords:
            return None
        made = {f"inst:{name}" for name in STRATEGIES}
        candidates = context.names.resolve(call.args[0], scope)
        return call.args[0] if candidates and candidates <= made else None

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """Take the argument out, where it is the only one."""
        given = self._given(call, scope, context)
        if len(call.args) + len(call.keywords) != 1 or isinstance(given, ast.Call):
            raise Decline("backward() has other arguments, too|take the strategy out by hand")
        _, func_end = context.source.span(call.func)
        open_parenthesis = context.source.text.index(b"(", func_end)
        context.edits.append(Replace(open_parenthesis, context.source.span(call)[1], b"()"))
        return ".backward()"


class BlockOfProgram(MethodRule):
    """``program.block(0)`` is ``program.global_block()``."""

    id = "PM212"
    name = "program_block"
    methods = ("block",)
    changes: ClassVar = (("fluid.default_main_program().block(0)", "main.global_block()"),)

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """On a Program; ``block(0)`` is a method of nothing else there."""
        assert isinstance(call.func, ast.Attribute)
        if b"fluid" not in context.source.text or call.keywords:
            return False
        numbered = len(call.args) == 1 and isinstance(literal(call.args[0]), int)
        return numbered or receiver_is(call, scope, context, *PROGRAM_ROWS)

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """The one block of a program outside of control flow; others have no number now."""
        assert isinstance(call.func, ast.Attribute)
        known = receiver_is(call, scope, context, *PROGRAM_ROWS)
        if not known or [literal(a) for a in call.args] != [0]:
            if not context.options.compat:
                raise Decline("a block by its number|write program.global_block() for block(0)")
            return hand_to_helper(call.func, "program_block", context)
        start = context.source.span(call.func)[1] - len(call.func.attr)
        context.edits.append(Replace(start, context.source.span(call)[1], b"global_block()"))
        return ".global_block()"


class SublayersOnly(MethodRule):
    """``layer.sublayers(include_sublayers=False)``: the argument now says something else."""

    id = "PM246"
    name = "include_sublayers"
    methods = ("sublayers", "named_sublayers")
    changes: ClassVar = (
        ("net.sublayers(include_sublayers=False)", "list(net.children())"),
        ("net.sublayers(include_sublayers=True)", "net.sublayers()"),
    )

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """Where the argument is given, by name or by place."""
        assert isinstance(call.func, ast.Attribute)
        place = 0 if call.func.attr == "sublayers" else 1
        by_name = keyword_of(call, "include_sublayers") is not None
        return by_name or (len(call.args) > place and b"fluid" in context.source.text)

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """All sublayers, or the direct ones; what is known only at run time is left."""
        assert isinstance(call.func, ast.Attribute)
        method = call.func.attr
        keyword = keyword_of(call, "include_sublayers")
        if len(call.keywords) + len(call.args) > 1:
            raise Decline("include_sublayers is gone|children() are the direct sublayers")
        value = literal(keyword.value if keyword is not None else call.args[0])
        if not isinstance(value, bool):
            raise Decline("include_sublayers is known only at run time|write an if")
        start, end = context.source.span(call)
        base_end = context.source.span(call.func.value)[1]
        if value:
            context.edits.append(Replace(base_end, end, f".{method}()".encode()))
            return f".{method}"
        children = {"sublayers": "children", "named_sublayers": "named_children"}[method]
        if method == "sublayers":
            context.edits.append(Replace(start, start, b"list("))
        tail = b")" if method == "sublayers" else b""
        context.edits.append(Replace(base_end, end, f".{children}()".encode() + tail))
        return f".{children}"


class TextOfProgram(MethodRule):
    """``program.to_string(...)``: programs are printed in another language now."""

    id = "PM219"
    name = "program_text"
    methods = ("to_string",)
    leaves: ClassVar = ("main.to_string(throw_on_error=True)",)

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """On a Program, or with arguments that only Paddle's ``to_string`` has."""
        named = {k.arg for k in call.keywords} & {"throw_on_error", "with_details"}
        assert isinstance(call.func, ast.Attribute)
        parts = ("program", "block", "operator", "variable")
        return bool(named) or kind_of(call.func.value, scope, context) in parts

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """Never: code that reads the text would not find what it looks for."""
        raise Decline("a program's text is another one in Paddle 3|to look at it: print(program)")


class BuiltByHand(MethodRule):
    """``append_op(type="abs")``: an operator by its type is a helper of that name."""

    id = "PM213"
    name = "operators_by_name"
    methods = ("append_op",)
    changes: ClassVar = (
        (
            "block.append_op(type='abs', inputs={'X': [x]}, outputs={'Out': [y]})",
            "fluid_compat.append_op(block, type=fluid_compat.op_abs, inputs={'X': [x]}, ...)",
        ),
    )
    leaves: ClassVar = ("block.append_op(type=kind, inputs=inputs, outputs=outputs)",)

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """In files that speak of fluid, where an earlier run did not put a helper for the type."""
        kind = keyword_of(call, "type")
        given = getattr(kind.value, "attr", getattr(kind.value, "id", "")) if kind else ""
        done = given.removeprefix("_fluid_").startswith("op_")
        return b"fluid" in context.source.text and not done

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """The operator's helper for its type; a LayerHelper has the method still."""
        kind = keyword_of(call, "type")
        given = literal(kind.value) if kind is not None else None
        if kind is None or not isinstance(given, str):
            raise Decline(
                "an operator whose type is known only at run time|call the function of paddle that"
                " computes it, or write a dict from types to functions"
            )
        if f"op_{given}" not in helpers.load() or not context.options.compat:
            raise Decline(
                f"the operator {given!r} put in by its type|call the function of paddle that"
                " computes it; an operator of your own is built with paddle.utils.cpp_extension"
            )
        name = context.helper(f"op_{given}")
        start, end = context.source.span(kind.value)
        context.edits.append(Replace(start, end, name.encode()))
        if receiver_is(call, scope, context, "paddle.fluid.layers.LayerHelper"):
            return name
        assert isinstance(call.func, ast.Attribute)
        hand_to_helper(call.func, "append_op", context)
        return name

"""Optimizers: the learning rate's type, and parameters by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate.calls import bind, call_parenthesis, insert_arguments, is_missing, literal
from dy2st.migrate.edits import Replace
from dy2st.migrate.forms import plain_call, to_helper
from dy2st.migrate.kinds import kind_of
from dy2st.migrate.model import Decline, FileContext, Use
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import MethodRule, ScanRule, UseRule, hand_to_helper, keyword_of

_LOOK_LIKE = ("Optimizer", "optimizer", "opt", "adam", "sgd")


class MakeOptimizer(UseRule):
    """An optimizer with today's argument names; a whole number as rate becomes a float."""

    id = "PM240"
    name = "optimizer"
    changes: ClassVar = (
        (
            "fluid.optimizer.SGD(1, parameter_list=net.parameters())",
            "paddle.optimizer.SGD(1.0, parameters=net.parameters())",
        ),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """The row's plain form, and ``.0`` behind a whole number."""
        if use.call is None:
            return None
        bound = bind(use.row, use.call)
        if use.row.helper:
            new = to_helper(use, context, use.row.helper)
        else:
            new = plain_call(use, context, use.row.new)
        if context.facts.program_clip and "grad_clip" not in bound.given:
            if not context.options.compat:
                raise Decline("set_gradient_clip of this program|give grad_clip= to the optimizer")
            clip = f"grad_clip={context.helper('ProgramClip')}()"
            if "grad_clip" in {p.name for p in use.row.parameters}:
                insert_arguments(
                    use.call, [clip], bool(bound.given), [], context.source, context.edits
                )
        if ".Adam" in use.row.old and b"is_sparse=True" in context.source.text:
            context.notes.append(
                f"line {use.node.lineno}: with is_sparse=True 1.8.5's Adam corrected its moments "
                "one step too far; today's numbers are those that is_sparse=False gave"
            )
        if use.row.helper:
            return new
        rate = bound.given.get("learning_rate")
        if rate is not None and type(literal(rate.value)) is int:
            end = context.source.span(rate.value)[1]
            context.edits.append(Replace(end, end, b".0"))
        if rate is not None and context.facts.graph_rate and is_missing(literal(rate.value)):
            return self.with_rate(use, context, new)
        return new

    def with_rate(self, use: Use, context: FileContext, new: str) -> str:
        """The class as the first argument of a helper that takes rates of any kind."""
        if not context.options.compat:
            raise Decline("a learning rate that the program may compute|use an LRScheduler")
        assert use.call is not None
        name = context.helper("with_rate")
        start, end = context.source.span(use.node)
        context.edits[:] = [
            e
            for e in context.edits
            if not (isinstance(e, Replace) and (e.start, e.end) == (start, end))
        ]
        opening = call_parenthesis(use.call, context.source)
        context.edits.append(Replace(start, opening + 1, f"{name}({new}, ".encode()))
        return name


class MinimizeByName(MethodRule):
    """``minimize(parameter_list=...)``: the argument is ``parameters``; names become parameters."""

    id = "PM241"
    name = "minimize_parameters"
    methods = ("minimize",)
    changes: ClassVar = (
        (
            "opt.minimize(loss, parameter_list=names)",
            "fluid_compat.minimize(opt, loss, parameter_list=names)",
        ),
    )

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """With ``parameter_list``, where programs are copied, or where the result is used."""
        if keyword_of(call, "parameter_list") is not None:
            return True
        if context.facts.program_clones and b"fluid." in context.source.text:
            return True
        used = not isinstance(context.names.parents.get(call), ast.Expr)
        used |= b"@GRAD" in context.source.text
        static = context.facts.static and not context.facts.dygraph
        assert isinstance(call.func, ast.Attribute)
        return used and static and kind_of(call.func.value, scope, context) == "optimizer"

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """The helper, which takes names and parameters; without helpers the new argument name."""
        keyword = keyword_of(call, "parameter_list")
        assert isinstance(call.func, ast.Attribute)
        if keyword is None and not context.options.compat:
            return f".{self.methods[0]}"
        start = context.source.offset(keyword.lineno, keyword.col_offset) if keyword else 0
        if keyword and (context.facts.dygraph or not context.options.compat):
            context.edits.append(Replace(start, start + len("parameter_list"), b"parameters"))
            return f".{self.methods[0]}(parameters=)"
        name = context.helper(self.methods[0])
        begin, _ = context.source.span(call)
        _, base_end = context.source.span(call.func.value)
        _, func_end = context.source.span(call.func)
        open_parenthesis = context.source.text.index(b"(", func_end)
        context.edits.append(Replace(begin, begin, f"{name}(".encode()))
        context.edits.append(Replace(base_end, open_parenthesis + 1, b", "))
        return name


class BackwardByName(MinimizeByName):
    """``optimizer.backward(parameter_list=...)``: as for ``minimize``."""

    id = "PM245"
    name = "backward_parameters"
    methods = ("backward",)
    changes: ClassVar = (
        (
            "opt.backward(loss, parameter_list=names)",
            "fluid_compat.backward(opt, loss, parameter_list=names)",
        ),
    )

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """As for ``minimize``, but a loss has a method of that name too."""
        assert isinstance(call.func, ast.Attribute)
        if keyword_of(call, "parameter_list") is not None:
            return True
        owner = call.func.value
        last = getattr(owner, "attr", "") or getattr(owner, "id", "")
        optimizer = "opt" in last.lower() or kind_of(owner, scope, context) == "optimizer"
        return optimizer and super().applies(call, scope, context)


class StepRate(MethodRule):
    """``optimizer.current_step_lr()`` is ``get_lr()``; a schedule is not moved by the question.

    ``optimizer._global_learning_rate()`` is the same as a tensor of shape [1].
    """

    id = "PM242"
    name = "current_step_lr"
    methods = ("current_step_lr", "_global_learning_rate")
    changes: ClassVar = (
        ("adam.current_step_lr()", "fluid_compat.current_step_lr(adam)"),
        ("adam._global_learning_rate()", "fluid_compat.global_learning_rate(adam)"),
    )

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """No other library has methods of these names."""
        assert isinstance(call.func, ast.Attribute)
        named = call.func.attr == "_global_learning_rate"
        return named or (not call.args and not call.keywords)

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """The helper; without helpers the method's new name."""
        assert isinstance(call.func, ast.Attribute)
        method = call.func.attr.lstrip("_")
        end = context.source.span(call)[1]
        base_end = context.source.span(call.func.value)[1]
        if not context.options.compat:
            if method != "current_step_lr":
                raise Decline("the rate's variable has another shape|ask optimizer.get_lr()")
            context.edits.append(Replace(base_end, end, b".get_lr()"))
            return ".get_lr"
        return hand_to_helper(call.func, method, context)


class SetDict(MethodRule):
    """``optimizer.set_dict(state)`` is ``set_state_dict``; layers still have both."""

    id = "PM243"
    name = "optimizer_set_dict"
    methods = ("set_dict",)
    changes: ClassVar = (("adam.set_dict(state)", "adam.set_state_dict(state)"),)

    def applies(self, call: ast.Call, scope: Scope, context: FileContext) -> bool:
        """In files that use 1.x."""
        return b"fluid" in context.source.text

    def apply(self, call: ast.Call, scope: Scope, context: FileContext) -> str:
        """Rename the method: layers and optimizers both have the new name."""
        assert isinstance(call.func, ast.Attribute)
        end = context.source.span(call.func)[1]
        context.edits.append(Replace(end - len("set_dict"), end, b"set_state_dict"))
        return ".set_state_dict"


class OptimizerBase(UseRule):
    """The class ``Optimizer``: a helper to derive from, Paddle's own class to ask about."""

    id = "PM271"
    name = "optimizer_base"
    changes: ClassVar = (
        ("class Own(fluid.optimizer.Optimizer):", "class Own(fluid_compat.Optimizer):"),
        (
            "isinstance(x, fluid.optimizer.Optimizer)",
            "isinstance(x, paddle.optimizer.Optimizer)",
        ),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Derived from or made: the helper."""
        if use.call is not None or isinstance(use.parent, ast.ClassDef):
            return to_helper(use, context, use.row.helper)
        start, end = context.source.span(use.node)
        new = context.new_name(use.row.new)
        context.edits.append(Replace(start, end, new.encode()))
        return new


class SetTrainable(ScanRule):
    """``parameter.trainable = False`` in a static program stops the parameter's gradient, too."""

    id = "PM273"
    name = "set_trainable"
    changes: ClassVar = (("p.trainable = False", "fluid_compat.set_trainable(p, False)"),)

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """The targets of such assignments, in files that are not dynamic."""
        if b".trainable" not in context.source.text:
            return
        if context.facts.dygraph and not context.facts.static:
            return
        for node in ast.walk(context.source.tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
                target = node.targets[0]
                own = isinstance(target.value, ast.Name) and target.value.id == "self"
                if len(node.targets) == 1 and target.attr == "trainable" and not own:
                    yield target, context.names.module

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """The helper, which looks at what it is given; other objects are only assigned to."""
        assert isinstance(node, ast.Attribute)
        statement = context.names.parents[node]
        assert isinstance(statement, ast.Assign)
        if not context.options.compat:
            raise Decline("trainable of a program's parameter|set stop_gradient = not trainable")
        name = context.helper("set_trainable")
        start = context.source.span(node)[0]
        base_end = context.source.span(node.value)[1]
        value_start, value_end = context.source.span(statement.value)
        context.edits.append(Replace(start, start, f"{name}(".encode()))
        context.edits.append(Replace(base_end, value_start, b", "))
        context.edits.append(Replace(value_end, value_end, b")"))
        return name

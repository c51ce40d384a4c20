"""Types and classes that code looks at instead of calling."""

from __future__ import annotations

import ast
from typing import ClassVar

from dy2st.migrate.calls import bind, literal
from dy2st.migrate.edits import Replace
from dy2st.migrate.forms import plain_call, to_helper
from dy2st.migrate.model import Decline, FileContext, Use
from dy2st.migrate.rules import UseRule

_TYPES = {
    "BOOL": "bool",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}


class VariableType(UseRule):
    """``core.VarDesc.VarType.FP32`` is ``paddle.float32``."""

    id = "PM250"
    name = "var_type"
    changes: ClassVar = (("fluid.core.VarDesc.VarType.FP32", "paddle.float32"),)

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Only the types of elements have a successor."""
        kind = use.rest[1] if len(use.rest) == 2 and use.rest[0] == "VarType" else ""
        if kind not in _TYPES:
            raise Decline("a kind of variable, not a type of elements|compare with isinstance")
        node: ast.AST = use.node
        for _ in use.rest:
            node = context.names.parents[node]
        start, end = context.source.span(node)
        new = context.new_name(f"paddle.{_TYPES[kind]}")
        context.edits.append(Replace(start, end, new.encode()))
        return new


class ParameterClass(UseRule):
    """``isinstance(v, fluid.framework.Parameter)`` asks the helper ``is_parameter(v)``."""

    id = "PM251"
    name = "parameter_class"
    changes: ClassVar = (
        ("isinstance(v, fluid.framework.Parameter)", "fluid_compat.is_parameter(v)"),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Only inside ``isinstance``."""
        call = use.parent
        good = (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id == "isinstance"
            and len(call.args) == 2
            and call.args[1] is use.node
        )
        if not good or not context.options.compat:
            raise Decline(
                "the class Parameter|paddle.base.framework.EagerParamBase in dynamic graphs"
            )
        assert isinstance(call, ast.Call)
        name = context.helper("is_parameter")
        start, end = context.source.span(call.func)
        context.edits.append(Replace(start, end, name.encode()))
        first_end = context.source.span(call.args[0])[1]
        last_end = context.source.span(call.args[1])[1]
        context.edits.append(Replace(first_end, last_end, b""))
        return name


class DygraphDropout(UseRule):
    """``dygraph.Dropout`` scales at inference by default; the name of that mode changed."""

    id = "PM252"
    name = "dygraph_dropout"
    changes: ClassVar = (
        ("fluid.dygraph.Dropout(p=0.4)", "paddle.nn.Dropout(p=0.4, mode='downscale_in_infer')"),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Rename the mode where it is a literal."""
        if use.call is None:
            raise Decline("handed on without being called|write a function that makes it")
        mode = bind(use.row, use.call).given.get("dropout_implementation")
        value = literal(mode.value) if mode is not None else "upscale_in_train"
        if value not in ("upscale_in_train", "downgrade_in_infer"):
            raise Decline(
                "dropout_implementation is no literal|downgrade_in_infer is now downscale"
            )
        new = plain_call(use, context, use.row.new)
        if mode is not None and value == "downgrade_in_infer":
            start, end = context.source.span(mode.value)
            context.edits.append(Replace(start, end, b"'downscale_in_infer'"))
        return new


class LossClass(UseRule):
    """Losses that are reduced to one number gave shape [1]; unreduced ones are the same."""

    id = "PM253"
    name = "loss_class"
    changes: ClassVar = (
        ("fluid.dygraph.MSELoss(reduction='none')", "paddle.nn.MSELoss(reduction='none')"),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Plain only for ``reduction='none'``."""
        if use.call is not None:
            bound = bind(use.row, use.call)
            if not bound.problem and bound.literal("reduction") == "none":
                return plain_call(use, context, use.row.new)
        return to_helper(use, context, use.row.helper)


class UniformRandom(UseRule):
    """``uniform_random`` drew from [-1, 1); today's default is [0, 1)."""

    id = "PM254"
    name = "uniform_random"
    changes: ClassVar = (
        (
            "fluid.layers.uniform_random([2, 3])",
            "fluid_compat.uniform_random([2, 3])",
        ),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Plain where both limits are given."""
        if use.call is not None:
            bound = bind(use.row, use.call)
            plain = "dtype" not in bound.given or bound.literal("dtype") == "float32"
            if not bound.problem and plain and {"min", "max"} <= set(bound.given):
                return plain_call(use, context, use.row.new)
        return to_helper(use, context, use.row.helper)


class OneOrMany(UseRule):
    """``stack(x)`` took one tensor, too: plain only where a list is seen."""

    id = "PM256"
    name = "one_or_many"
    changes: ClassVar = (
        ("fluid.layers.stack([x, y], axis=1)", "paddle.stack([x, y], axis=1)"),
        ("fluid.layers.stack(x)", "fluid_compat.stack(x)"),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """The helper for what may be one tensor."""
        if use.call is not None:
            bound = bind(use.row, use.call)
            first = bound.given.get("x")
            if first is not None and isinstance(first.value, (ast.List, ast.Tuple, ast.ListComp)):
                return None
        return to_helper(use, context, use.row.helper)


class TensorOrArray(UseRule):
    """``sign`` took an array of numpy, too: the helper where one may be seen."""

    id = "PM259"
    name = "tensor_or_array"
    changes: ClassVar = (
        ("fluid.layers.sign(y)", "paddle.sign(y)"),
        ("fluid.layers.sign(np.ones(3))", "fluid_compat.sign(np.ones(3))"),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """Plain where nothing says that the argument is made by numpy."""
        if use.call is None:
            return None
        first = bind(use.row, use.call).given.get("x")
        if first is not None:
            for node in ast.walk(first.value):
                if isinstance(node, (ast.Name, ast.Attribute)):
                    made = context.names.resolve(node, use.scope)
                    if any(name.removeprefix("inst:").startswith("numpy.") for name in made):
                        return to_helper(use, context, use.row.helper)
        return None


class DeviceNumber(UseRule):
    """``ParallelEnv().dev_id`` is known without devices in the helper only."""

    id = "PM257"
    name = "device_number"
    changes: ClassVar = (
        ("fluid.dygraph.ParallelEnv().local_rank", "paddle.distributed.ParallelEnv().local_rank"),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """The helper in files that ask for the number."""
        if b"dev_id" in context.source.text and context.options.compat:
            return to_helper(use, context, use.row.helper)
        return None

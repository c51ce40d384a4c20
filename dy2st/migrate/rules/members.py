"""Methods and attributes of 1.x's programs, blocks, operators and variables.

An object is known by its flow (``kinds.py``). Names that only 1.x has are rewritten, or told, for
any object of a file that uses it: what they are rewritten to looks at the object when it runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from dy2st.migrate.edits import Replace
from dy2st.migrate.kinds import kind_of
from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import OURS, Scope
from dy2st.migrate.rules import ScanRule, hand_to_helper, receiver_is


@dataclass(frozen=True)
class Member:
    """What becomes of one method or attribute of some kinds of objects.

    ``helper`` takes the object before the method's own arguments; without one the use is an open
    point with ``recipe``. ``telling`` names mean 1.x on any object. ``called`` says whether it is
    a method (None: either).
    """

    name: str
    kinds: tuple[str, ...]
    helper: str = ""
    recipe: str = ""
    telling: bool = False
    called: bool | None = True


_OPERATOR = (
    "operators have other names, inputs and attributes in Paddle 3: print(program) shows them"
)
_COPIED = "take it out: a clone of a program keeps all that is known of its values"
_TEXT = (
    "programs are stored by paddle.static.save_inference_model(prefix, inputs, results, exe) and"
    " read by load_inference_model; paddle.static.save(program, prefix) stores values"
)
_SLOTS = (
    "it served parameter servers and page views, which Paddle 3's programs have not; shuffle or"
    " group the samples where the files are written"
)
_CONVERTED = (
    "paddle.jit.to_static(function) holds its programs itself; paddle.jit.save(layer, path,"
    " input_spec=[...]) stores them"
)
MEMBERS = (
    *(
        Member(name, ("translator",), recipe=_CONVERTED)
        for name in ("get_program", "get_program_cache", "save_inference_model")
    ),
    Member("var", ("block",), "block_var"),
    Member("has_var", ("block",), "block_has_var", telling=True),
    Member("_var_recursive", ("block",), "block_var", telling=True),
    Member("_find_var_recursive", ("block",), "find_block_var", telling=True),
    Member("vars", ("block",), "block_vars", called=False),
    Member("list_vars", ("program", "compiled"), "list_vars", telling=True),
    Member("create_parameter", ("block",), "block_parameter"),
    Member("create_var", ("block",), "create_var", telling=True),
    Member("create_variable_for_type_inference", (), "new_variable", telling=True),
    Member("create_tmp_variable", (), "new_variable", telling=True),
    Member("all_parameters", ("program", "block", "compiled"), "all_parameters", telling=True),
    Member("_optimized_guard", ("program",), "optimized_guard", telling=True),
    Member("apply_optimize", ("optimizer",), "apply_optimize", telling=True),
    Member(
        "_learning_rate_map",
        ("optimizer",),
        recipe="optimizer._global_learning_rate() is the rate that a program uses",
        telling=True,
        called=False,
    ),
    *(
        Member(name, ("dataset",), recipe=_SLOTS, telling=True)
        for name in (
            "slots_shuffle",
            "set_fea_eval",
            "set_feed_type",
            "set_pv_batch_size",
            "set_generate_unique_feasigns",
            "generate_local_tables_unlock",
            "preprocess_instance",
            "postprocess_instance",
            "set_current_phase",
            "get_pv_data_size",
        )
    ),
    Member("lod_level", ("variable",), "lod_level_of", telling=True, called=False),
    *(
        Member(name, ("operator",), recipe=_OPERATOR, called=None)
        for name in ("type", "attr", "input", "output", "desc", "idx", "has_attr", "block_attr")
    ),
    *(
        Member(name, ("operator",), recipe=_OPERATOR, called=None, telling=True)
        for name in (
            "input_arg_names",
            "output_arg_names",
            "_set_attr",
            "all_attrs",
            "_rename_input",
            "_rename_output",
            "_block_attr_id",
        )
    ),
    *(
        Member(name, ("operator",), recipe=_OPERATOR, called=None)
        for name in ("input_names", "output_names", "attr_names", "attr_type")
    ),
    Member("ops", ("block",), recipe=_OPERATOR, called=False),
    *(
        Member(name, ("block",), recipe=_OPERATOR, telling=True)
        for name in ("_insert_op", "_prepend_op", "_remove_op", "_rename_var", "_remove_var")
    ),
    Member("current_block", ("program",), "current_block", telling=True),
    Member("idx", ("block",), "block_idx", called=False),
    Member("parent_idx", ("block",), "block_parent_idx", called=False),
    Member("current_block_idx", ("program",), "go_to_block", telling=True, called=False),
    Member("forward_block_idx", ("block",), recipe=_OPERATOR, called=False),
    *(
        Member(name, ("program",), recipe=_OPERATOR, telling=True)
        for name in ("_create_block", "_rollback")
    ),
    *(
        Member(name, ("program",), recipe=_COPIED, telling=True)
        for name in (
            "copy_data_info_from",
            "_copy_data_info_from",
            "_copy_param_info_from",
            "copy_param_info_from",
            "_copy_dist_param_info_from",
        )
    ),
    *(
        Member(name, ("program",), recipe=_TEXT, telling=True)
        for name in ("serialize_to_string", "parse_from_string", "_set_version")
    ),
    Member("desc", ("program", "block"), recipe=_TEXT, called=False),
    Member("desc", ("variable",), recipe="values have no description of their own", called=False),
    Member(
        "op",
        ("variable",),
        recipe="value.get_defining_op() is the operation; it has other names and attributes",
        called=False,
    ),
    Member(
        "error_clip",
        ("variable",),
        recipe="take it out, or clip in the optimizer with grad_clip=",
        called=False,
        telling=True,
    ),
    Member(
        "_set_error_clip",
        ("variable",),
        recipe="clip in the optimizer with grad_clip=",
        telling=True,
    ),
    Member(
        "_inference_optimize",
        ("program",),
        recipe="fluid_compat.clone_for_test(program) is a copy in test mode; _prune(targets) is still there",
        telling=True,
    ),
)
_LAYER_HELPER = "paddle.fluid.layers.LayerHelper"
BY_MEMBER: dict[str, list[Member]] = {}
for _member in MEMBERS:
    BY_MEMBER.setdefault(_member.name, []).append(_member)


class ProgramMembers(ScanRule):
    """A program's variables are found by helpers; what Paddle 3's programs have not is told."""

    id = "PM270"
    name = "program_members"
    changes: ClassVar = (
        ("main.global_block().var('x')", "fluid_compat.block_var(main.global_block(), 'x')"),
        ("program.list_vars()", "fluid_compat.list_vars(program)"),
        ("program.current_block_idx = n", "fluid_compat.go_to_block(program, n)"),
    )
    leaves: ClassVar = ("op.input_arg_names", "main.serialize_to_string()")

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """Every attribute of such a name whose object is, or may be, of 1.x."""
        for chain in context.names.chains:
            node: ast.AST = chain.node
            while isinstance(node, ast.Attribute):
                if node.attr in BY_MEMBER and self._member(node, chain.scope, context):
                    yield node, chain.scope
                node = node.value

    @staticmethod
    def _member(node: ast.Attribute, scope: Scope, context: FileContext) -> Member | None:
        parent = context.names.parents.get(node)
        call = parent if isinstance(parent, ast.Call) and parent.func is node else None
        if isinstance(node.value, ast.Name) and node.value.id.startswith("fluid_compat"):
            return None
        kind = kind_of(node.value, scope, context)
        for member in BY_MEMBER[node.attr]:
            if member.called is not None and member.called != (call is not None):
                continue
            if not member.kinds and call and receiver_is(call, scope, context, _LAYER_HELPER):
                continue  # our LayerHelper has the method
            if kind in member.kinds or (member.telling and not _is_module(node, scope, context)):
                return member
        return None

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """Hand the object to the helper; without a helper the use is told."""
        assert isinstance(node, ast.Attribute)
        member = self._member(node, scope, context)
        assert member is not None
        if node.attr == "current_block_idx" and context.options.compat:
            written = context.names.parents.get(node)
            if isinstance(written, ast.Assign) and written.targets == [node]:
                return assigned_by_helper(node, written, member.helper, context)
        certain = kind_of(node.value, scope, context) in member.kinds
        if not member.helper or not context.options.compat or not isinstance(node.ctx, ast.Load):
            what = (*member.kinds, "helper")[0]
            reason = f".{node.attr} of {'a' if certain else 'what may be a'} {what} of 1.x"
            recipe = member.recipe or f"what {member.helper} of fluid_compat does"
            raise Decline(f"{reason}|{recipe}", unknown=not certain)
        return hand_to_helper(node, member.helper, context)


def assigned_by_helper(
    node: ast.Attribute, written: ast.Assign, helper: str, context: FileContext
) -> str:
    """``x.attribute = y`` becomes ``helper(x, y)``."""
    name = context.helper(helper)
    start, end = context.source.span(written)
    value = context.source.span(written.value)[0]
    context.edits.append(Replace(start, start, f"{name}(".encode()))
    context.edits.append(Replace(context.source.span(node.value)[1], value, b", "))
    context.edits.append(Replace(end, end, b")"))
    return name


def _is_module(node: ast.Attribute, scope: Scope, context: FileContext) -> bool:
    """Whether the object is certainly something else: a module, or made by another library."""
    candidates = context.names.resolve(node.value, scope)
    if candidates == {f"inst:{OURS}.LayerHelper"}:
        return True  # it has these methods itself
    ours = ("inst:paddle.", "paddle.", f"inst:{OURS}.", f"{OURS}.")
    return bool(candidates) and all(c != "?" and not c.startswith(ours) for c in candidates)

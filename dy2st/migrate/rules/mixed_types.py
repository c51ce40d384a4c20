"""Operators between tensors of different types or dimensions, and divisions of whole numbers.

One pass over a file's assignments says which names hold tensors (``_Flow``); both rules look at the
operators between these, and both write the one line that gives a program its old operators back.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from dy2st.migrate.model import Decline, FileContext
from dy2st.migrate.names import Scope
from dy2st.migrate.rules import ScanRule

_HELPER = "left_type_operators"
_NOTHING, _FLOAT, _TENSOR, _WHOLE = "", "a float", "a tensor", "a tensor of whole numbers"
_RESULTS = frozenset(
    [
        "argmax",
        "argmin",
        "autoincreased_step_counter",
        "nonzero",
        "randint",
        "randperm",
        "rank",
        "shape",
        "size",
        "where",
    ]
)
_SECOND = frozenset(["topk", "argsort", "unique", "unique_with_counts", "ctc_greedy_decoder"])
_TYPED = frozenset(
    [
        "cast",
        "data",
        "fill_constant",
        "fill_constant_batch_size_like",
        "zeros",
        "ones",
        "full",
        "range",
        "arange",
        "create_tensor",
        "create_global_var",
        "create_parameter",
        "sequence_mask",
        "uniform_random",
    ]
)
_KEEP = frozenset(
    [
        "assign",
        "concat",
        "expand",
        "expand_as",
        "flatten",
        "flip",
        "gather",
        "gather_nd",
        "increment",
        "pad",
        "pad2d",
        "reduce_max",
        "reduce_min",
        "reduce_prod",
        "reduce_sum",
        "reshape",
        "resize_nearest",
        "reverse",
        "scatter",
        "slice",
        "split",
        "squeeze",
        "stack",
        "strided_slice",
        "sum",
        "sums",
        "transpose",
        "unsqueeze",
        "unstack",
        "elementwise_add",
        "elementwise_sub",
        "elementwise_mul",
        "elementwise_div",
        "elementwise_max",
        "elementwise_min",
        "elementwise_mod",
        "elementwise_floordiv",
        "crop",
        "crop_tensor",
        "abs",
        "sign",
    ]
)
_INTEGERS = ("int32", "int64")
_HINTS = (
    b"int32",
    b"int64",
    b"shape(",
    b"argm",
    b"argsort",
    b"topk",
    b"where(",
    b"size(",
    b"step_counter(",
)
_ALIGNING = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_DIVISIONS = (ast.Div, ast.FloorDiv, ast.Mod)


class MixedTypes(ScanRule):
    """``int_tensor / 2`` and ``int_tensor * float_tensor`` compute in the left operand's type.

    Paddle 3 refuses operands of different types, and its ``/`` makes floats of whole numbers. One
    line after the imports gives a program's operators their old meaning back; it is written where a
    tensor of whole numbers can be seen to reach such an operator.
    """

    id = "PM277"
    name = "mixed_types"
    changes: ClassVar = (
        (
            "fluid.layers.shape(x)[0] / 2",
            "fluid_compat.left_type_operators()\npaddle.shape(x)[0] / 2",
        ),
        (
            "fluid.layers.cast(x, 'int64') * y",
            "fluid_compat.left_type_operators()\npaddle.cast(x, 'int64') * y",
        ),
        (
            "fluid.layers.cast(x, 'int64') < 2.5",
            "fluid_compat.left_type_operators()\npaddle.cast(x, 'int64') < 2.5",
        ),
    )

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """The first operator that computes otherwise now."""
        text = context.source.text
        if _HELPER.encode() in text or not any(word in text for word in _HINTS):
            return
        flow = context.learned(_Flow)
        for node in context.names.parents:
            if isinstance(node, (ast.BinOp, ast.AugAssign, ast.Compare)) and flow.differs(node):
                yield node.target if isinstance(node, ast.AugAssign) else node, context.names.module
                return

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """One line after the imports."""
        if not context.options.compat:
            raise Decline(
                "operands of different types|bring the second operand to the type of the first"
                " with paddle.cast; a / b of whole numbers is paddle.floor_divide(a, b)"
            )
        return restore_operators(context)


class HandedOperands(ScanRule):
    """``cost * reward`` of a function's arguments: 1.8 laid [N] at the first dimension of [N, 1].

    What a function is given has dimensions that cannot be seen. So programs of such a file get
    the old operators back; Paddle 3 would make [N, N] of the two.
    """

    id = "PM279"
    name = "handed_operands"
    changes: ClassVar = (
        (
            "fluid.data('x', [4])\ndef f(a, b):\n    return fluid.layers.exp(a) * b",
            "fluid_compat.left_type_operators()\npaddle.static.data('x', [4])\n"
            "def f(a, b):\n    return paddle.exp(a) * b",
        ),
    )

    def find(self, context: FileContext) -> Iterator[tuple[ast.expr, Scope]]:
        """The first operator between a value of 1.x and an argument of a function."""
        if _HELPER.encode() in context.source.text:
            return
        if context.facts.dygraph and not context.facts.static:
            return
        flow = context.learned(_Flow)
        for node in context.names.parents:
            if not isinstance(node, ast.BinOp) or not isinstance(node.op, _ALIGNING):
                continue
            if flow.kind(node.left) and flow.is_argument(node.right):
                yield node, context.names.module
                return

    def apply(self, node: ast.expr, scope: Scope, context: FileContext) -> str:
        """One line after the imports."""
        if not context.options.compat:
            raise Decline(
                "an argument may have fewer dimensions than the value before it"
                "|where its first dimension is open, bring it there with paddle.unsqueeze(x, -1)"
            )
        return restore_operators(context)


def restore_operators(context: FileContext) -> str:
    """Let a program's operators compute as in 1.8, from the imports on."""
    name = context.helper(_HELPER)
    if f"{name}()" not in context.statements:
        context.statements.append(f"{name}()")
    return name


class _Flow:
    """Which names of a file hold tensors, and which of these whole numbers."""

    def __init__(self, context: FileContext) -> None:
        self._context = context
        self._owner = context.names.function_around
        self._scopes = {id(call): scope for call, scope in context.names.calls}
        self._kinds: dict[tuple[ast.AST | None, str], str] = {}
        before = -1
        while before != (before := sum(k == _WHOLE for k in self._kinds.values())):
            for node in context.names.parents:
                if isinstance(node, ast.Assign) and len(node.targets) == 1:
                    self._assign(node.targets[0], node.value)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            second = isinstance(value, ast.Call) and self._old_name(value) in _SECOND
            kind = self.kind(value)
            for number, part in enumerate(target.elts):
                self._note(part, _WHOLE if second and number else kind)
        else:
            self._note(target, self.kind(value))

    def _note(self, target: ast.expr, kind: str) -> None:
        if isinstance(target, ast.Name) and kind in (_TENSOR, _WHOLE):
            key = (self._owner(target), target.id)
            if self._kinds.get(key) != _WHOLE:
                self._kinds[key] = kind

    def differs(self, node: ast.BinOp | ast.AugAssign | ast.Compare) -> bool:
        """Whether an operator computes otherwise in Paddle 3, or may."""
        mixed = ({_WHOLE, _TENSOR}, {_WHOLE, _FLOAT})
        if isinstance(node, ast.Compare):
            return {self.kind(node.left), self.kind(node.comparators[0])} in mixed
        if isinstance(node, ast.BinOp):
            left, right = self.kind(node.left), self.kind(node.right)
        else:
            left, right = self.kind(node.target), self.kind(node.value)
        if _WHOLE not in (left, right):
            return False
        if isinstance(node.op, _DIVISIONS):
            return left != _TENSOR or right == _WHOLE
        return {left, right} in mixed

    def kind(self, node: ast.expr) -> str:
        """What an expression is; nothing where that is not known."""
        if isinstance(node, ast.Name):
            return self._of_name(node)
        if isinstance(node, ast.Subscript):
            return self.kind(node.value)
        if isinstance(node, ast.Call):
            return self._of_call(node)
        if isinstance(node, ast.BinOp):
            left, right = self.kind(node.left), self.kind(node.right)
            return left if left in (_TENSOR, _WHOLE) else right
        if isinstance(node, ast.UnaryOp):
            return self.kind(node.operand)
        if isinstance(node, (ast.List, ast.Tuple)):
            kinds = {self.kind(e) for e in node.elts}
            return _WHOLE if _WHOLE in kinds else _NOTHING
        is_float = isinstance(node, ast.Constant) and isinstance(node.value, float)
        return _FLOAT if is_float else _NOTHING

    def is_argument(self, node: ast.expr) -> bool:
        """Whether an operand is an argument of the function around it, or computed from one."""
        if isinstance(node, ast.BinOp):
            return self.is_argument(node.left) or self.is_argument(node.right)
        owner = self._owner(node)
        return isinstance(node, ast.Name) and owner is not None and _is_parameter(node.id, owner)

    def _of_name(self, node: ast.Name) -> str:
        owner = self._owner(node)
        while True:
            kind = self._kinds.get((owner, node.id))
            if kind is not None or owner is None:
                break
            if _is_parameter(node.id, owner):
                return _TENSOR
            owner = self._owner(self._context.names.parents.get(owner))
        return kind or _NOTHING

    def _of_call(self, node: ast.Call) -> str:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "astype":
            received = self.kind(node.func.value)
            return (_WHOLE if _names_integers(node) else _TENSOR) if received else _NOTHING
        name = self._old_name(node)
        if name in _RESULTS:
            return _WHOLE
        if name in _TYPED and _names_integers(node):
            return _WHOLE
        if name in _KEEP:
            given = [*node.args, *(k.value for k in node.keywords)]
            return _WHOLE if any(self.kind(a) == _WHOLE for a in given[:2]) else _TENSOR
        return _TENSOR if name else _NOTHING

    def _old_name(self, node: ast.Call) -> str:
        """The last part of the 1.x function that is called, "" for others."""
        scope = self._scopes.get(id(node))
        if scope is None:
            return ""
        table = self._context.table
        for candidate in self._context.names.resolve(node.func, scope):
            found = table.find(candidate) if table.is_old(candidate) else None
            if found is not None and found[0].kind == "function":
                old = found[0].old
                if old.startswith(("paddle.fluid.layers.", "paddle.fluid.data")):
                    return old.rpartition(".")[2]
        return ""


def _is_parameter(name: str, function: ast.AST) -> bool:
    arguments: ast.arguments = function.args  # type: ignore[attr-defined]
    return name in {a.arg for a in [*arguments.args, *arguments.kwonlyargs]}


def _names_integers(node: ast.Call) -> bool:
    given = [*node.args, *(k.value for k in node.keywords)]
    return any(isinstance(a, ast.Constant) and a.value in _INTEGERS for a in given)

"""The transformers in one readable list, and what happens to a function's tree in which order."""

from __future__ import annotations

import ast

from dy2st.records import record
from dy2st.source.compile import Names
from dy2st.source.names import FreshNames
from dy2st.source.parse import ParsedFunction
from dy2st.transformers.assertion import Assert
from dy2st.transformers.assignment import AnnAssign, Assign, AugAssign
from dy2st.transformers.attribute import Attribute
from dy2st.transformers.base import Transformer, Walk
from dy2st.transformers.binary_operator import BinOp
from dy2st.transformers.breakpoints import keep_for_debugger
from dy2st.transformers.call import Call, Dict, Starred
from dy2st.transformers.comparison import Compare
from dy2st.transformers.comprehension import LowerComprehensions
from dy2st.transformers.conditional import If
from dy2st.transformers.conditional_expression import IfExp
from dy2st.transformers.delete import Delete
from dy2st.transformers.for_loop import For
from dy2st.transformers.fstring import JoinedStr
from dy2st.transformers.function import (
    Asynchronous,
    ClassDef,
    Declaration,
    FunctionDef,
    GeneratorExp,
    Lambda,
    convert_body,
)
from dy2st.transformers.jumps import Break, Continue, Return
from dy2st.transformers.logical import BoolOp, Not
from dy2st.transformers.match_statement import Match
from dy2st.transformers.match_values import LowerMatch
from dy2st.transformers.name import Name, NamedExpr
from dy2st.transformers.subscript import Subscript
from dy2st.transformers.try_statement import Try, TryStar
from dy2st.transformers.while_loop import While
from dy2st.transformers.with_statement import With

TRANSFORMERS: tuple[Transformer, ...] = (
    # control flow
    If(),
    While(),
    For(),
    Break(),
    Continue(),
    Return(),
    Try(),
    TryStar(),
    With(),
    Match(),
    Assert(),
    # expressions with control in them
    IfExp(),
    BoolOp(),
    Not(),
    Compare(),
    BinOp(),
    GeneratorExp(),
    # what reads and writes
    Name(),
    NamedExpr(),
    Attribute(),
    Subscript(),
    Assign(),
    AnnAssign(),
    AugAssign(),
    Delete(),
    # calls, displays, strings
    Call(),
    Starred(),
    Dict(),
    JoinedStr(),
    # functions and classes
    FunctionDef(),
    Lambda(),
    ClassDef(),
    Declaration(),
    # refused
    Asynchronous(),
)

TABLE: dict[type, Transformer] = {
    node: transformer for transformer in TRANSFORMERS for node in transformer.nodes
}

_LOWERED = {ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda, ast.NamedExpr}


@record(frozen=True)
class Converted:
    """A converted tree, the name that ``convert`` has in it, and how its parts are to be called."""

    tree: ast.FunctionDef
    support: str
    names: Names


def convert_tree(parsed: ParsedFunction, has_breakpoint: bool = False) -> Converted:
    """Convert the tree of a function (it is changed in place).

    Raises UnsupportedFeatureError at the first thing that has no conversion.
    """
    fresh = FreshNames(parsed.identifiers)
    support = fresh.exactly("_d")
    kinds = parsed.kinds
    if ast.GeneratorExp in kinds:
        kinds.add(ast.Yield)  # what it may be lowered to
    has_class = "__class__" in parsed.freevars
    walk = Walk(TABLE, fresh, parsed.file, support, has_class, kinds, parsed.freevars)
    tree = parsed.node
    if not isinstance(tree, ast.FunctionDef):
        TABLE[ast.AsyncFunctionDef].convert(tree, walk)
    assert isinstance(tree, ast.FunctionDef)
    if has_breakpoint:
        keep_for_debugger(tree, support)
        return Converted(tree, support, Names(frozenset(), {}))
    if ast.Match in kinds:
        tree.body = LowerMatch(fresh).block(tree.body)
    shown: dict[str, str] = {}
    if kinds & _LOWERED:
        lowering = LowerComprehensions(fresh)
        lowering.function(tree)
        shown = lowering.shown
    convert_body(tree, walk, parsed.name)
    return Converted(tree, support, Names(frozenset(walk.helpers), shown))

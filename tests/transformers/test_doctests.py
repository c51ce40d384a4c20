"""The examples in the transformers' docstrings are true."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re

import pytest

import dy2st.source
import dy2st.transformers
from dy2st.source.copying import copy_tree, mangled
from dy2st.source.names import FreshNames
from dy2st.source.parse import ParsedFunction
from dy2st.source.positions import without_position
from dy2st.source.printing import printed
from dy2st.transformers.comprehension import LowerComprehensions
from dy2st.transformers.match_values import LowerMatch
from dy2st.transformers.pipeline import TRANSFORMERS, convert_tree

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (dy2st.source, dy2st.transformers)
    for module in pkgutil.iter_modules(package.__path__)
]


def parsed(source: str) -> ParsedFunction:
    node = ast.parse(source).body[0]
    owner = None
    if isinstance(node, ast.ClassDef):
        owner, node = node.name, node.body[0]
    copied = copy_tree(node)
    if owner:
        mangled(copied, owner)
    return ParsedFunction(
        node=copied.node,
        file="<example>",
        name=copied.node.name,
        qualname=copied.node.name,
        kinds=copied.kinds,
        identifiers=copied.identifiers,
        freevars=("__class__",) if owner else (),
    )


def show(source: str) -> None:
    converted = convert_tree(parsed(source))
    assert not without_position(converted.tree)
    text = printed(converted.tree)
    # Before Python 3.11, `ast.unparse` puts parentheses around the targets of an unpacking.
    print(re.sub(r"^( *)\(([\w, ]*)\) = ", r"\1\2 = ", text, flags=re.MULTILINE))


def lower(source: str) -> None:
    function = parsed(source)
    LowerComprehensions(FreshNames(function.identifiers)).function(function.node)
    assert not without_position(function.node)
    print(printed(function.node))


def lower_match(source: str) -> None:
    function = parsed(source)
    function.node.body = LowerMatch(FreshNames(function.identifiers)).block(function.node.body)
    assert not without_position(function.node)
    print(printed(function.node))


@pytest.mark.smoke
@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    result = doctest.testmod(
        module,
        extraglobs={"show": show, "lower": lower, "lower_match": lower_match},
        optionflags=doctest.NORMALIZE_WHITESPACE,
    )
    assert result.failed == 0


def test_every_transformer_is_documented():
    for transformer in TRANSFORMERS:
        assert type(transformer).__doc__, type(transformer)

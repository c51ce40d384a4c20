"""``convert_function``: from a function object to its converted one, converted once per code object."""

from __future__ import annotations

import ast
import importlib
import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CellType, CodeType, FunctionType
from typing import Any

from dy2st import debug
from dy2st.errors import Location
from dy2st.records import record
from dy2st.source.compile import bind, compile_tree
from dy2st.source.parse import parse_function
from dy2st.source.printing import printed
from dy2st.source.registry import forget, is_generated
from dy2st.source.scopes import scope_of
from dy2st.transformers.breakpoints import contains_breakpoint
from dy2st.transformers.pipeline import convert_tree

_GENERATOR = 0x20
_BREAKPOINTS = {"breakpoint", "set_trace"}


@dataclass
class _Template:
    """What all functions of one code object share."""

    code: CodeType
    tree: ast.AST
    support: str
    has_breakpoint: bool
    location: Location
    global_names: tuple[str, ...]
    text: str | None = None


@record(frozen=True)
class ConvertedFunction:
    """A converted function.

    ``function``: call it with the arguments of the original; ``has_breakpoint``: it is to run with
    real values, never with symbolic ones; ``is_generator``: calling it gives a generator;
    ``global_names``: names that it or its inner functions read from the module or from builtins.
    """

    function: FunctionType
    location: Location
    has_breakpoint: bool
    is_generator: bool
    global_names: tuple[str, ...]
    _template: _Template = field(repr=False)

    @property
    def code(self) -> str:
        """The generated Python."""
        if self._template.text is None:
            self._template.text = printed(self._template.tree)
        return self._template.text


_templates: dict[int, tuple[weakref.ref[CodeType], _Template]] = {}
# Templates again, by the code object that was generated (a root's only).
_by_generated: dict[int, _Template] = {}
_support: CellType = CellType()


def bind_support(module: Any) -> None:
    """Name the object that generated code calls; without this it is ``dy2st.convert``."""
    _support.cell_contents = module


def _support_cell() -> CellType:
    if _support == CellType():  # empty cells are equal
        bind_support(importlib.import_module("dy2st.convert"))
    return _support


def convert_function(function: FunctionType) -> ConvertedFunction:
    """The converted form of ``function`` (a plain Python function; of a method its ``__func__``).

    It shares the original's globals, closure cells, defaults and attributes. Code is converted once;
    binding it to another function of the same code costs microseconds, so nothing here keeps a
    function (and what its cells hold) alive. Raises SourceNotFoundError without source,
    UnsupportedFeatureError for code that has no conversion (coroutines, ``locals()`` …), TypeError
    for what is no Python function.
    """
    if not isinstance(function, FunctionType):
        raise TypeError(f"a Python function is converted, not {type(function).__name__}")
    if is_generated(function.__code__):
        return _converted(function, _by_generated.get(id(function.__code__)) or _inner(function))
    template = _template(function)
    made = bind(
        template.code, function, lambda n: _support_cell() if n == template.support else None
    )
    return _converted(made, template)


def _converted(function: FunctionType, template: _Template) -> ConvertedFunction:
    return ConvertedFunction(
        function=function,
        location=template.location,
        has_breakpoint=template.has_breakpoint,
        is_generator=bool(template.code.co_flags & _GENERATOR),
        global_names=template.global_names,
        _template=template,
    )


def _inner(function: FunctionType) -> _Template:
    """What is known of a function that a converted one has made: it is converted, in place."""
    code = function.__code__
    where = Location(code.co_filename, code.co_firstlineno, 0, None, code.co_name)
    text = f"# {function.__qualname__} is part of the code of the function around it"
    return _Template(code, ast.Module([], []), "", False, where, (), text)


def is_converted(function: object) -> bool:
    """Whether ``function`` is converted code already, inner functions of converted ones included."""
    return isinstance(function, FunctionType) and is_generated(function.__code__)


def _template(function: FunctionType) -> _Template:
    code = function.__code__
    known = _templates.get(id(code))
    if known is not None and known[0]() is code:
        return known[1]
    start = time.perf_counter()
    template = _convert(function)
    key = id(code)

    def drop(_: object, ended: Callable[[], bool] = sys.is_finalizing) -> None:
        if ended():  # modules are being emptied
            return
        gone = _templates.pop(key, None)
        if gone is not None:
            _by_generated.pop(id(gone[1].code), None)
            forget(gone[1].code)

    _templates[key] = (weakref.ref(code, drop), template)
    _by_generated[id(template.code)] = template
    if debug.level() >= 1:
        took = (time.perf_counter() - start) * 1e3
        debug.log(1, f"converted {function.__qualname__} ({template.location}) in {took:.1f} ms")
    debug.print_code(str(template.location), lambda: printed(template.tree))
    return template


def _convert(function: FunctionType) -> _Template:
    parsed = parse_function(function)
    has_breakpoint = not _BREAKPOINTS.isdisjoint(parsed.identifiers) and contains_breakpoint(
        parsed.node
    )
    location = parsed.location
    converted = convert_tree(parsed, has_breakpoint)
    code = compile_tree(parsed, converted.tree, converted.names, converted.support)
    outside = (
        scope_of(converted.tree).free - set(parsed.freevars) - {converted.support, "__class__"}
    )
    return _Template(
        code=code,
        tree=converted.tree,
        support=converted.support,
        has_breakpoint=has_breakpoint,
        location=location,
        global_names=tuple(sorted(outside)),
    )

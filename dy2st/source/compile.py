"""From a converted tree to a function that shares globals, cells and defaults with the original.

The tree is compiled with the original's file name and positions. It is nested in a function that is
never run and whose parameters are the original's free variables; the code object is taken out and
bound to the original's own cells, so that a later change of a closure variable is seen.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from types import CellType, CodeType, FunctionType

from dy2st.errors import InternalError
from dy2st.records import record
from dy2st.source.parse import ParsedFunction
from dy2st.source.quote import quote_block
from dy2st.source.registry import register

_OPTIMIZED = 0x01
# Flags of `from __future__ import …`, which the code object keeps (CPython: `PyCF_MASK`).
_FUTURE = 0x1FE0000
_HAS_QUALNAME = sys.version_info >= (3, 11)


@record(frozen=True)
class Names:
    """How generated functions are to be called in tracebacks and in pdb.

    ``helpers``: generated names that stand for a piece of the function around them; ``shown``: other
    generated names and what Python would call them (``<listcomp>``, ``<lambda>``).
    """

    helpers: frozenset[str]
    shown: Mapping[str, str]


def compile_tree(
    parsed: ParsedFunction, tree: ast.FunctionDef, names: Names, support: str
) -> CodeType:
    """The code object of ``tree``, which calls ``convert`` by the free variable ``support``."""
    outer = quote_block("def _outer(): body", at=tree, body=[tree])[0]
    assert isinstance(outer, ast.FunctionDef)
    # Under its own name it would be a local variable of the outer function, and not a global.
    own_name, tree.name = tree.name, "<converted>"
    for name in dict.fromkeys((*parsed.freevars, support)):
        argument = ast.arg(arg=name, annotation=None)
        outer.args.args.append(ast.copy_location(argument, tree))
    module = ast.Module(body=[outer], type_ignores=[])
    made = compile(module, parsed.file, "exec", flags=parsed.flags & _FUTURE, dont_inherit=True)
    tree.name = own_name
    code = _only_code(_only_code(made))
    renamer = _Renamer(names, _HAS_QUALNAME)
    result = renamer.rename(code, parsed.name, "_outer.<locals>.<converted>", parsed.qualname)
    _register(result, renamer.helpers)
    return result


def _only_code(code: CodeType) -> CodeType:
    """The one function in ``code``; defaults and annotations may hold others before it."""
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)][-1]


class _Renamer:
    """Gives nested code objects the names that the user's own code would have."""

    def __init__(self, names: Names, with_qualname: bool) -> None:
        self.names = names
        self.with_qualname = with_qualname
        self.helpers: set[int] = set()

    def rename(self, code: CodeType, name: str, old: str, new: str) -> CodeType:
        """``code`` under ``name`` and the qualified name ``new`` instead of ``old``."""
        infix = ".<locals>." if code.co_flags & _OPTIMIZED else "."
        renamed = {old: new}
        constants: list[object] = []
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                inner_old = f"{old}{infix}{constant.co_name}"
                inner_name, inner_new = self._shown(constant.co_name, name, new, infix)
                made = self.rename(constant, inner_name, inner_old, inner_new)
                if constant.co_name in self.names.helpers:
                    self.helpers.add(id(made))
                renamed[inner_old] = inner_new
                constant = made
            constants.append(constant)
        # Class bodies, and functions before 3.11, find their qualified name among the constants.
        fixed = tuple(renamed.get(c, c) if isinstance(c, str) else c for c in constants)
        if self.with_qualname:
            return code.replace(co_consts=fixed, co_name=name, co_qualname=new)  # type: ignore[call-arg]
        return code.replace(co_consts=fixed, co_name=name)

    def _shown(self, inner: str, outer: str, qualname: str, infix: str) -> tuple[str, str]:
        if inner in self.names.helpers:
            return outer, qualname
        shown = self.names.shown.get(inner, inner)
        return shown, f"{qualname}{infix}{shown}"


def _register(
    code: CodeType, helpers: set[int], owner: CodeType | None = None, converted: bool = True
) -> None:
    helper = id(code) in helpers and owner is not None
    if owner is None or not helper:
        owner = code
    # Only the body of a class is not optimised; what is in it stays as the user wrote it.
    converted = converted and bool(code.co_flags & _OPTIMIZED)
    register(code, owner, helper, converted)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _register(constant, helpers, owner, converted)


def bind(
    code: CodeType, original: FunctionType, support: Callable[[str], CellType | None]
) -> FunctionType:
    """A function of ``code`` with everything else of ``original``: globals, cells, defaults, attributes.

    ``support`` gives the cell of a name that is ours. Raises InternalError for a free variable that
    neither has.
    """
    cells = dict(zip(original.__code__.co_freevars, original.__closure__ or ()))
    closure = []
    for name in code.co_freevars:
        cell = support(name) or cells.get(name)
        if cell is None:
            raise InternalError(
                f"no cell for the free variable {name!r} of {original.__qualname__}"
            )
        closure.append(cell)
    made = FunctionType(
        code, original.__globals__, original.__name__, original.__defaults__, tuple(closure)
    )
    made.__kwdefaults__ = original.__kwdefaults__
    made.__qualname__ = original.__qualname__
    made.__module__ = original.__module__
    made.__doc__ = original.__doc__
    made.__dict__.update(original.__dict__)
    return made

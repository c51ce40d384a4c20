"""Which operation or block gives a symbol its value.

Symbols of the inputs are bound when a Program is called (``Program.symbols``). Every other symbol
is *defined* where its scope first mentions it: by a result's type, by the ``symbol`` attribute of
``item``, or by the type of a region's argument, anew each time that the operation runs. A symbol
that a region defines is not visible outside, so the results of an ``if`` or ``while`` may mention
the same name and define it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dy2st.ir.dims import Dim, SymExpr, evaluate, symbols_of
from dy2st.ir.program import Attr, Block, Operation, Program, Value
from dy2st.records import record


@record(frozen=True)
class Definition:
    """``symbol`` is read off axis ``axis`` of value ``index`` (of the results, or the arguments).

    ``axis`` is -1 for ``item``: the symbol is the value of the operation's operand.
    """

    symbol: str
    index: int
    axis: int


@dataclass(eq=False)
class Definitions:
    """The definitions of each operation (by its results) and block (by its arguments)."""

    of: dict[Operation | Block, tuple[Definition, ...]] = field(default_factory=dict)

    def __getitem__(self, key: Operation | Block) -> tuple[Definition, ...]:
        return self.of.get(key, ())


def symbol_name(attr: Attr) -> str:
    """The name in the ``symbol`` attribute of ``item``: a string or the symbol itself."""
    return attr if isinstance(attr, str) else str(attr)


def find_definitions(program: Program) -> Definitions:
    """Where the symbols of ``program`` get their values."""
    found = Definitions()
    scope = set(program.symbols)
    for definition in _from_types(program.block.args, scope):
        # An input symbol without a binding: take it from the input that mentions it first.
        found.of[program.block] = (*found[program.block], definition)
    _visit(program.block, scope, found)
    return found


def _visit(block: Block, scope: set[str], found: Definitions) -> None:
    for op in block.ops:
        for region in op.regions:
            inner = set(scope)
            found.of[region] = _from_types(region.args, inner)
            _visit(region, inner, found)
        definitions: tuple[Definition, ...] = ()
        if op.name == "item":
            name = symbol_name(op.attrs["symbol"])
            scope.add(name)
            definitions = (Definition(name, 0, -1),)
        found.of[op] = definitions + _from_types(op.results, scope)


def _from_types(values: Sequence[Value], scope: set[str]) -> tuple[Definition, ...]:
    """Definitions by the types of ``values``; the symbols are added to ``scope``."""
    symbolic = [
        (index, axis, dim)
        for index, value in enumerate(values)
        for axis, dim in enumerate(value.type.shape)
        if type(dim) is not int
    ]
    out: list[Definition] = []
    # Bare symbols first: `[2*u0]` before `[u0]` must not make the harder one define it.
    for bare in (True, False):
        for index, axis, dim in symbolic:
            new = symbols_of((dim,)) - scope
            if len(new) == 1 and (not bare or str(dim) in new):
                (name,) = new
                scope.add(name)
                out.append(Definition(name, index, axis))
    return tuple(out)


def solve(dim: Dim, name: str, value: int, env: Mapping[str, int]) -> int | None:
    """The size of symbol ``name`` that makes ``dim`` equal to ``value``; None where none does.

    ``dim`` has to be linear in the symbol, which ``s``, ``2*s`` and ``s + 1`` are.
    """
    if isinstance(dim, SymExpr) and str(dim) == name:
        return value
    at0, at1 = (evaluate(dim, {**env, name: s}) for s in (0, 1))
    if at0 == at1:
        return None
    size, rest = divmod(value - at0, at1 - at0)
    if rest or evaluate(dim, {**env, name: size}) != value:
        return None
    return size


def bind(
    definitions: Iterable[Definition],
    values: Sequence[Value],
    shapes: Sequence[Sequence[int]],
    env: dict[str, int],
) -> None:
    """Give ``env`` the symbols that ``values`` of the concrete ``shapes`` define."""
    for d in definitions:
        if d.axis < 0:
            continue
        shape = shapes[d.index]
        if d.axis >= len(shape):
            continue
        size = solve(values[d.index].shape[d.axis], d.symbol, shape[d.axis], env)
        if size is not None:
            env[d.symbol] = size


def concrete(attr: Attr, env: Mapping[str, int]) -> Attr:
    """``attr`` with its sizes evaluated."""
    if isinstance(attr, SymExpr):
        return evaluate(attr, env)
    if isinstance(attr, tuple):
        return tuple(concrete(a, env) for a in attr)
    return attr


def is_concrete(attr: Attr) -> bool:
    """Whether no size is left in ``attr``."""
    if isinstance(attr, tuple):
        return all(is_concrete(a) for a in attr)
    return not isinstance(attr, SymExpr)


def symbols_in(attr: Attr) -> frozenset[str]:
    """Names of the symbols in an attribute."""
    if isinstance(attr, SymExpr):
        return attr.symbols()
    if isinstance(attr, tuple):
        return frozenset(s for a in attr for s in symbols_in(a))
    return frozenset()

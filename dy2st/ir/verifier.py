"""Checks that a Program keeps the invariants of the IR.

* Every operand is defined before it is used, in its block or in one around it.
* A block ends in its terminator (``return`` or ``yield``) and holds no other.
* ``if`` and ``while`` have two regions whose yields fit the results (and, for ``while``, the
  arguments): dtypes agree and the sizes *instantiate* the result's, that is, a symbol that the
  result (or argument) defines may stand for any size.
* Symbols are defined before types and attributes mention them.
* Parameters and constants are known, in the entry block, and of the declared type.
* Types are what ``infer`` gives, up to the names of run-time symbols.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

from dy2st.errors import ShapeError, VerifyError
from dy2st.ir import dims
from dy2st.ir.builder import Builder, Infer
from dy2st.ir.dims import Dim, symbol, symbols_of
from dy2st.ir.program import Block, Operation, Program, Value
from dy2st.ir.symbols import symbol_name, symbols_in
from dy2st.ir.types import DType, TensorType

_TERMINATORS = ("return", "yield")
_BOOL = DType.BOOL


def verify(program: Program, infer: Infer | None = None) -> Program:
    """Return ``program``, or raise VerifyError. ``infer`` (``dy2st.ops.base.infer``) checks types."""
    _Verifier(program, infer).check()
    return program


class _Verifier:
    def __init__(self, program: Program, infer: Infer | None) -> None:
        self.program = program
        self.infer = infer
        self.defined: set[Value] = set()

    def check(self) -> None:
        program = self.program
        symbols = set(program.symbols)
        for value in program.inputs:
            symbols |= value.type.symbols()
        for name, binding in program.symbols.items():
            self.demand(
                binding.input < len(program.inputs)
                and binding.axis < program.inputs[binding.input].type.rank,
                None,
                f"symbol {name} is bound to an axis that does not exist",
            )
        self.block(program.block, symbols, "return")
        count = len(program.outputs) - len(program.writes)
        self.demand(count >= 0, None, "fewer outputs than writes")
        for name in program.writes:
            self.demand(name in program.parameters, None, f"writes {name!r}, which is unknown")

    def demand(self, ok: bool, op: Operation | None, message: str) -> None:
        if not ok:
            where = f"{op.name}: " if op is not None else ""
            location = op.location if op is not None else None
            raise VerifyError(f"{where}{message}", location=location)

    # -- blocks -----------------------------------------------------------------------------------

    def block(self, block: Block, symbols: set[str], terminator: str) -> None:
        """Check ``block``; ``symbols`` are those known outside and gains those defined inside."""
        self.demand(bool(block.ops), None, "a block without operations")
        self.define(block.args, block, None)
        for value in block.args:
            symbols |= value.type.symbols()
        entry = terminator == "return"
        for op in block.ops[:-1]:
            self.demand(op.name not in _TERMINATORS, op, "a terminator inside a block")
            self.operation(op, symbols, entry)
        last = block.ops[-1]
        self.demand(last.name == terminator, last, f"a block that does not end in {terminator}")
        self.operands(last)

    def define(self, values: Iterable[Value], owner: object, op: Operation | None) -> None:
        for index, value in enumerate(values):
            self.demand(value not in self.defined, op, f"{value!r} is defined twice")
            self.demand(
                value.owner is owner and value.index == index, op, f"{value!r} has another owner"
            )
            self.defined.add(value)

    def operands(self, op: Operation) -> None:
        for value in op.flat_operands():
            self.demand(value in self.defined, op, f"{value!r} is used before it is defined")

    # -- operations -------------------------------------------------------------------------------

    def operation(self, op: Operation, symbols: set[str], entry: bool) -> None:
        self.operands(op)
        for name, attr in op.attrs.items():
            if name != "symbol":
                unknown = symbols_in(attr) - symbols
                self.demand(not unknown, op, f"{name} mentions unknown {sorted(unknown)}")
        for region in op.regions:
            before = set(self.defined)
            self.block(region, set(symbols), "yield")
            self.defined = before  # what a region defines is not seen outside
        structural = _STRUCTURAL.get(op.name)
        if structural is not None:
            structural(self, op, symbols, entry)
        else:
            self.demand(not op.regions, op, "regions where none belong")
            self.types(op, symbols)
        if op.name == "item":
            symbols.add(symbol_name(op.attrs["symbol"]))
        for value in op.results:
            symbols |= value.type.symbols()
        self.define(op.results, op, op)

    def types(self, op: Operation, symbols: set[str]) -> None:
        if self.infer is None or op.name in _EXPLICIT:
            return
        problem = self.mismatch(op)
        if problem and self.program.guards:
            # The Program holds under its guards only, which may have decided a type.
            with dims.oracle(self.guarded):
                problem = self.mismatch(op)
        self.demand(not problem, op, problem)

    def mismatch(self, op: Operation) -> str:
        """What is wrong with the result types of ``op``; empty where nothing is."""
        assert self.infer is not None
        scratch = Builder("verify", self.infer)
        counter = itertools.count()
        # Names that nothing else uses, so that a fresh symbol can be told from a known one.
        scratch.fresh_symbol = lambda prefix="u": symbol(f"{_FRESH}{next(counter)}")  # type: ignore[method-assign]
        try:
            inferred = list(self.infer(scratch, op.name, op.operands, op.attrs))
        except ShapeError as error:
            return error.message
        if len(inferred) != len(op.results):
            return f"{len(inferred)} results are inferred"
        stand_for: dict[str, Dim] = {}
        for type_, value in zip(inferred, op.results):
            fits = _instantiates(value.shape, type_.shape, _is_fresh, stand_for)
            if type_.dtype is not value.dtype or not fits:
                return f"result {value.type} is inferred as {type_}"
        return ""

    def guarded(self, relation: dims.Relation) -> bool:
        """Whether the guards say that ``relation`` holds."""
        op, a, b = relation
        known = self.program.guards
        ways = {"<=": [("<", a, b), ("==", a, b), ("==", b, a)], "==": [("==", b, a)]}
        return relation in known or any(w in known for w in ways.get(op, ()))

    def parameter(self, op: Operation, symbols: set[str], entry: bool) -> None:
        known = self.program.parameters.get(str(op.attrs.get("name")))
        self.demand(known is not None, op, f"parameter {op.attrs.get('name')!r} is unknown")
        assert known is not None
        self.demand(known.type == op.result.type, op, f"{op.result.type} is not {known.type}")
        self.demand(entry, op, "a parameter outside of the entry block")

    def constant(self, op: Operation, symbols: set[str], entry: bool) -> None:
        array = self.program.constants.get(str(op.attrs.get("name")))
        self.demand(array is not None, op, f"constant {op.attrs.get('name')!r} is unknown")
        assert array is not None
        type_ = TensorType(DType.of(array.dtype), tuple(array.shape))
        self.demand(type_ == op.result.type, op, f"{op.result.type} is not {type_}")
        self.demand(entry, op, "a constant outside of the entry block")

    def if_(self, op: Operation, symbols: set[str], entry: bool) -> None:
        self.demand(len(op.regions) == 2, op, "not two regions")
        operands = list(op.flat_operands())
        self.demand(len(operands) == 1 and operands[0].dtype is _BOOL, op, "no bool condition")
        for region in op.regions:
            self.demand(not region.args, op, "a region with arguments")
            yields = list(region.terminator.flat_operands())
            self.fits(op, yields, op.results, symbols, "yield")

    def while_(self, op: Operation, symbols: set[str], entry: bool) -> None:
        self.demand(len(op.regions) == 2, op, "not two regions")
        cond, body = op.regions
        initial = list(op.flat_operands())
        for region in op.regions:
            self.fits(op, initial, region.args, symbols, "initial value")
        condition = list(cond.terminator.flat_operands())
        self.demand(
            len(condition) == 1 and condition[0].dtype is _BOOL, op, "its condition is no bool"
        )
        yields = list(body.terminator.flat_operands())
        for region in op.regions:
            self.fits(op, yields, region.args, symbols, "yield")
        self.fits(op, yields, op.results, symbols, "yield")

    def fits(
        self,
        op: Operation,
        given: Sequence[Value],
        wanted: Sequence[Value],
        symbols: set[str],
        what: str,
    ) -> None:
        self.demand(len(given) == len(wanted), op, f"{len(given)} {what}s for {len(wanted)}")
        stand_for: dict[str, Dim] = {}
        for g, w in zip(given, wanted):
            self.demand(
                g.dtype is w.dtype
                and _instantiates(g.shape, w.shape, lambda s: s not in symbols, stand_for),
                op,
                f"{what} {g.type} does not fit {w.type}",
            )


def _instantiates(
    shape: Sequence[Dim],
    general: Sequence[Dim],
    is_free: Callable[[str], bool],
    stand_for: dict[str, Dim],
) -> bool:
    """Whether ``shape`` is ``general`` with its free symbols standing for sizes."""
    if len(shape) != len(general):
        return False
    for dim, wanted in zip(shape, general):
        free = {s for s in symbols_of((wanted,)) if is_free(s)}
        if not free:
            if dim != wanted:
                return False
        elif str(wanted) in free and stand_for.setdefault(str(wanted), dim) != dim:
            return False
        # An expression over free symbols: whether it can be met is known at run time only.
    return True


_FRESH = "fresh!"


def _is_fresh(name: str) -> bool:
    return name.startswith(_FRESH)


# Types of these are given by whoever emits them.
_EXPLICIT = ("item", "print", "assert", "raise", "seed", "draw", "paddle_fallback")
_STRUCTURAL: dict[str, Callable[[_Verifier, Operation, set[str], bool], None]] = {
    "parameter": _Verifier.parameter,
    "constant": _Verifier.constant,
    "if": _Verifier.if_,
    "while": _Verifier.while_,
}

"""A Program at concrete sizes becomes regions of kernel graphs, through each operation's ``cpu``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dy2st import debug
from dy2st.ir.dims import evaluate, symbols_of
from dy2st.ir.program import Attr, Block, Operation, Program, Value
from dy2st.ir.symbols import concrete, symbols_in
from dy2st.ir.types import TensorType
from dy2st.ops import base
from dy2st.passes.rewrite import EFFECTS, is_random, rejects
from dy2st.records import record
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.builder import Builder
from dy2st.runtime.cpu.growing import find_growing
from dy2st.runtime.cpu.lower_control import ControlFlow
from dy2st.runtime.cpu.regions import (
    Copy,
    DynamicOutput,
    Grow,
    Lowered,
    Region,
    Segment,
    Variable,
)


@record(frozen=True, eq=False)
class ReferenceCall:
    """The payload of a ``Reference`` node: the operation, with its sizes evaluated."""

    op: Operation
    attrs: dict[str, Attr]


def lower(program: Program, sizes: Mapping[str, int]) -> Lowered:
    """Regions of kernel graphs that compute ``program`` where its inputs have these sizes."""
    return _Lowering(program, sizes).run()


class _Lowering(ControlFlow):
    def __init__(self, program: Program, sizes: Mapping[str, int]) -> None:
        self.program = program
        self.sizes = dict(sizes)
        self.builder = Builder()
        self.uses = Counter(v for op in program.walk() for v in op.flat_operands())
        # Where a value is: a node of the segment being built, or a variable.
        self.nodes: dict[Value, g.Node] = {}
        self.variables: dict[Value, Variable] = {}
        self.leaves: dict[Variable, g.Input] = {}
        self.static: dict[g.Node, bool] = {}
        self.kept: dict[g.Node, Variable] = {}  # static nodes that the interpreter reads
        self.depth = 0  # of the block that is lowered: the Program's own is at 1
        self._constant: dict[Value, bool] = {}
        self._dynamic: dict[Operation, bool] = {}
        self.growing = find_growing(program, self.sizes.keys())
        self.grows: dict[Value, Grow] = {}

    def run(self) -> Lowered:
        program = self.program
        inputs = []
        for index, value in enumerate(program.inputs):
            inputs.append(self.variable(value.type, "input", index))
            self.variables[value] = inputs[-1]
        outputs: list[Variable | DynamicOutput] = []
        targets: list[tuple[Value, Variable]] = []
        for index, value in enumerate(program.outputs):
            if self.is_dynamic_type(value.type):
                outputs.append(DynamicOutput(value))
                continue
            target = self.variable(value.type, "output", index)
            outputs.append(target)
            targets.append((value, target))
        return Lowered(self.block(program.block, targets), inputs, outputs)

    # -- types ------------------------------------------------------------------------------------

    def is_dynamic_type(self, type_: TensorType) -> bool:
        return not symbols_of(type_.shape) <= self.sizes.keys()

    def is_dynamic(self, op: Operation) -> bool:
        """Whether a size that ``op`` (or anything inside) needs is known at run time only."""
        if op not in self._dynamic:
            values = [*op.flat_operands(), *op.results, *(a for r in op.regions for a in r.args)]
            grown = {op.results[k] for k in self.growing.loops.get(op, ())}
            self._dynamic[op] = (
                any(
                    self.is_dynamic_type(v.type)
                    for v in values
                    if v not in self.growing.links and v not in grown
                )
                or not symbols_in(tuple(op.attrs.values())) <= self.sizes.keys()
                or any(self.is_dynamic(o) for r in op.regions for o in r.ops)
            )
        return self._dynamic[op]

    def variable(self, type_: TensorType, kind: str = "local", key: Any = None) -> Variable:
        shape = tuple(evaluate(d, self.sizes) for d in type_.shape)
        return Variable(shape, type_.dtype.value, kind, key)

    # -- where values are ---------------------------------------------------------------------------

    def leaf(self, variable: Variable) -> g.Input:
        """The node that reads ``variable``."""
        if variable not in self.leaves:
            self.leaves[variable] = self.builder.input(
                variable.shape, variable.dtype, str(variable.key or ""), variable
            )
        return self.leaves[variable]

    def node(self, value: Value) -> g.Node:
        """The node of ``value`` in the segment being built."""
        found = self.nodes.get(value)
        return found if found is not None else self.leaf(self.variables[value])

    def is_static(self, node: g.Node) -> bool:
        """Whether ``node`` depends on parameters and constants only."""
        return is_static(node, self.static)

    # -- blocks -----------------------------------------------------------------------------------

    def block(self, block: Block, targets: Sequence[tuple[Value, Variable]]) -> Region:
        """The items of ``block``; afterwards each target variable holds its value."""
        region = Region()
        pending: list[Operation] = []
        self.depth += 1
        for op in block.ops:
            if self.joins_segment(op):
                pending.append(op)
                continue
            last = op.name in ("return", "yield")
            self.segment(region, pending, targets if last else ())
            pending = []
            if not last:
                self.boundary(region, op)
        self.depth -= 1
        return region

    def is_constant(self, value: Value) -> bool:
        """Whether ``value`` depends on parameters and constants only."""
        if value not in self._constant:
            op = value.owner
            self._constant[value] = (
                isinstance(op, Operation)
                and not op.regions
                and not is_random(op)
                and all(map(self.is_constant, op.flat_operands()))
            )
        return self._constant[value]

    def joins_segment(self, op: Operation) -> bool:
        if op.regions or op.name in EFFECTS or self.is_dynamic(op):
            return False
        if any(r in self.growing.links for r in op.results):
            return False  # it appends to a list
        if self.depth > 1 and rejects(op) and all(map(self.is_constant, op.flat_operands())):
            return False  # among the static values it would fail before its turn
        return op.name in ("parameter", "constant") or not is_random(op)

    def segment(
        self, region: Region, ops: Sequence[Operation], targets: Sequence[tuple[Value, Variable]]
    ) -> None:
        """Lower ``ops`` and append the segment that computes what others need of them."""
        inside = Counter(v for op in ops for v in op.flat_operands())
        for op in ops:
            self.operation(op)
        segment = Segment()
        copies = self.targets(segment, targets)
        wanted = Counter(v for v, _ in targets)
        for op in ops:
            for value in op.results:
                node = self.nodes[value]
                if not self.uses[value] and rejects(op):  # nobody reads it, but it may fail
                    segment.outputs.append((node, self.variable(value.type)))
                if self.is_static(node):
                    continue  # every segment may use the node itself: it is computed once
                del self.nodes[value]
                if isinstance(node, g.Input):
                    self.variables[value] = node.payload  # the operation changed nothing
                elif self.uses[value] > inside[value] + wanted[value]:
                    self.variables[value] = self.variable(value.type)
                    segment.outputs.append((node, self.variables[value]))
        if segment.outputs:
            region.items.append(segment)
        region.items.extend(copies)

    def targets(self, segment: Segment, targets: Iterable[tuple[Value, Variable]]) -> list[Copy]:
        """Let ``segment`` store what is to be in variables; copies of what it does not compute."""
        copies: list[Copy] = []
        for value, variable in targets:
            if value in self.nodes:
                segment.outputs.append((self.nodes[value], variable))
            else:
                copies.append(Copy(variable, self.variables[value]))
        return copies

    def materialise(self, region: Region, value: Value) -> Variable:
        """A variable that holds ``value`` (static values have none of their own)."""
        if value not in self.variables:
            variable = self.variable(value.type)
            region.items.append(Segment([(self.nodes[value], variable)]))
            return variable
        return self.variables[value]

    def readable(self, region: Region, value: Value) -> Variable:
        """A variable that an interpreted run reads ``value`` from: static ones lie in the prologue."""
        if value in self.variables or not self.is_static(self.nodes[value]):
            return self.materialise(region, value)
        node = self.nodes[value]
        if node not in self.kept:
            self.kept[node] = Variable(node.shape, node.dtype, "static", node)
        return self.kept[node]

    # -- operations -------------------------------------------------------------------------------

    def operation(self, op: Operation) -> None:
        if op.name == "parameter":
            variable = self.variable(op.result.type, "parameter", str(op.attrs["name"]))
            self.nodes[op.result] = self.leaf(variable)
            return
        if op.name == "constant":
            array = self.program.constants[str(op.attrs["name"])]
            self.nodes[op.result] = self.builder.constant(array, op.result.dtype.value)
            return
        results = self.lowered(op)
        if results is None:
            results = self.reference(op)
        self.nodes.update(zip(op.results, results))

    def prepare(self, op: Operation) -> tuple[dict[str, Any], ReferenceCall]:
        attrs = {k: concrete(a, self.sizes) for k, a in op.attrs.items()}
        operands = [
            None
            if o is None
            else tuple(self.node(v) for v in o)
            if isinstance(o, tuple)
            else self.node(o)
            for o in op.operands
        ]
        call = ReferenceCall(op, attrs)
        flat = tuple(self.node(v) for v in op.flat_operands())
        results = tuple((v.shape, v.dtype) for v in map(self.variable_type, op.results))
        self.builder.source = op
        self.builder.operation = (call, flat, results)
        found = base.find(op.name)
        values: dict[str, Any] = {}
        if found is not None:
            fields = found.signature.attributes
            values = {f.name: f.default for f in fields if not f.required}
            values.update(base.bound_values(found, operands, attrs))
        return values, call

    def variable_type(self, value: Value) -> Variable:
        return self.variable(value.type)

    def lowered(self, op: Operation) -> tuple[g.Node, ...] | None:
        """The nodes that ``Op.cpu`` describes; None where the operation has to run by numpy."""
        values, _ = self.prepare(op)
        found = base.find(op.name)
        if found is None or found.cpu is None:
            return None
        if any(v.dtype.is_complex for v in (*op.flat_operands(), *op.results)):
            return None  # kernels know no complex numbers
        try:
            made = base.call_rule(found.cpu, ("b", self.builder), found, values)
        except Exception as error:
            # The rule cannot say it, or the operands are wrong: numpy's definition then raises at
            # the user's line, if the operation is reached at all.
            debug.log(1, f"{op.name} runs by its numpy definition: {type(error).__name__}: {error}")
            return None
        results = tuple(made) if isinstance(made, (tuple, list)) else (made,)
        for node, value in zip(results, op.results):
            want = self.variable(value.type)
            if (node.shape, node.dtype) != (want.shape, want.dtype):
                debug.log(
                    1,
                    f"{op.name} runs by its numpy definition: its kernel gives "
                    f"{node.dtype}{node.shape}, not {want.dtype}{want.shape}",
                )
                return None
        return results if len(results) >= len(op.results) else None

    def reference(self, op: Operation) -> tuple[g.Node, ...]:
        self.prepare(op)
        made = self.builder.reference()
        return tuple(made) if isinstance(made, tuple) else (made,)


def is_static(node: g.Node, memo: dict[g.Node, bool]) -> bool:
    """Whether ``node`` depends on parameters and constants only."""
    stack = [node]
    while stack:
        n = stack[-1]
        if n in memo:
            stack.pop()
            continue
        missing = [x for x in n.operands if x not in memo]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if isinstance(n, g.Input):
            memo[n] = n.payload.kind in ("parameter", "static")
        else:
            memo[n] = all(memo[x] for x in n.operands)
    return memo[node]

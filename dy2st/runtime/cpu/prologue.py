"""Static values: what depends on parameters and constants only, computed once per value of those.

An Executable has one ``Prologue``. Plans ask it for the values of static nodes; two nodes that
compute the same from the same parameters are one value, so plans share packed weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from dy2st import debug
from dy2st.ir.types import DType
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.onednn.primitive import Primitive
from dy2st.runtime.cpu.regions import Lowered, Region, Segment, Variable
from dy2st.runtime.cpu.scalar import Scalar
from dy2st.runtime.memory import align
from dy2st.runtime.plan import ParameterSource, array_of


@dataclass(eq=False)
class StaticValue:
    """One value: where it lies, what keeps it there, and the epochs that it was computed from."""

    address: int
    owner: Any
    epochs: tuple[int, ...]


@dataclass(eq=False)
class Statics:
    """The values that one plan needs, as of ``version`` of the parameters; ``serial`` tells one
    from another without keeping it alive."""

    serial: int
    version: int
    values: list[StaticValue]
    addresses: np.ndarray[Any, Any]


# Runs a lowered graph: addresses of static slots by node are given by the function.
RunGraph = Callable[[Lowered, Callable[[g.Node], int], Sequence[int]], None]


class Holder(Protocol):
    """Whoever keeps ``Statics`` between calls."""

    def forget_statics(self) -> None:
        """Let go of them: they are out of date, and packed weights are large."""


_all: weakref.WeakSet[Prologue] = weakref.WeakSet()


def held_bytes() -> int:
    """Bytes of all static values in the process: packed and folded copies of weights."""
    return sum(prologue.held_bytes() for prologue in list(_all))


class Prologue:
    """Static values of an Executable, by what they compute."""

    def __init__(self, source: ParameterSource, run_graph: RunGraph) -> None:
        self._source = source
        self._run = run_graph
        # Plans keep the values alive: those of a plan that is dropped go with it.
        self._values: weakref.WeakValueDictionary[str, StaticValue] = weakref.WeakValueDictionary()
        self._names: dict[str, tuple[str, ...]] = {}
        self._lock = threading.RLock()
        self._keys = _Keys()
        self._serials = itertools.count(1)
        self._holders: weakref.WeakSet[Holder] = weakref.WeakSet()
        _all.add(self)

    def held_bytes(self) -> int:
        """Bytes of the values that are computed; parameters that are read in place are not."""
        owners = [value.owner for value in list(self._values.values())]
        return sum(owner.nbytes for owner in owners if isinstance(owner, np.ndarray))

    def register(self, holder: Holder) -> None:
        """Tell ``holder`` when what it holds is out of date."""
        self._holders.add(holder)

    def statics(self, nodes: Sequence[g.Node]) -> Statics:
        """Current values of ``nodes``; what is missing or out of date is computed."""
        with self._lock:
            version = self._source.version()
            keys = [self._keys.key(n) for n in nodes]
            stale: dict[str, g.Node] = {}
            known: dict[str, StaticValue] = {}
            for key, node in zip(keys, nodes):
                if key not in self._names:
                    self._names[key] = parameters_of(node)
                found = self._values.get(key)
                if found is None or found.epochs != self._epochs(key):
                    stale[key] = node
                else:
                    known[key] = found
            if any(key in self._values for key in stale):
                for holder in list(self._holders):
                    holder.forget_statics()
            known.update(self._refresh(stale))
            values = [known[k] for k in keys]
            addresses = np.array([v.address for v in values], np.int64)
            return Statics(next(self._serials), version, values, addresses)

    def _epochs(self, key: str) -> tuple[int, ...]:
        return tuple(self._source.epoch(n) for n in self._names[key])

    def _refresh(self, stale: Mapping[str, g.Node]) -> dict[str, StaticValue]:
        fresh: dict[str, StaticValue] = {}
        computed: dict[str, g.Node] = {}
        for key, node in stale.items():
            epochs = self._epochs(key)
            if isinstance(node, g.Input):
                fresh[key] = self.parameter(node, epochs)
            elif isinstance(node, g.Constant):
                fresh[key] = StaticValue(node.array.ctypes.data, node.array, epochs)
            else:
                computed[key] = node
        if computed:
            fresh.update(self._compute(computed))
        self._values.update(fresh)
        return fresh

    def parameter(self, node: g.Input, epochs: tuple[int, ...]) -> StaticValue:
        """A parameter is read where it lies, unless it is not contiguous."""
        buffer = self._source.buffer(node.payload.key)
        if buffer.strides is None:
            return StaticValue(buffer.address, buffer.owner, epochs)
        array = np.ascontiguousarray(array_of(buffer, DType.of(node.dtype)))
        return StaticValue(array.ctypes.data, array, epochs)

    def _compute(self, wanted: Mapping[str, g.Node]) -> dict[str, StaticValue]:
        debug.log(2, f"prologue: {len(wanted)} values")
        segment, outputs, sizes = Segment(), [], []
        for index, node in enumerate(wanted.values()):
            variable = Variable(node.shape, node.dtype, "output", index)
            segment.outputs.append((node, variable))
            outputs.append(variable)
            sizes.append(align(variable.nbytes))
        # One block for all: large enough for huge pages, which reading weights gains from.
        block = aligned(sum(sizes))
        ends = np.cumsum(sizes)
        arrays = [block[end - size : end] for end, size in zip(ends, sizes)]
        lowered = Lowered(Region([segment]), [], list(outputs))
        leaves: list[StaticValue] = []  # kept alive until the graph has run

        def address_of(node: g.Node) -> int:
            leaves.append(self._leaf(node))
            return leaves[-1].address

        self._run(lowered, address_of, [a.ctypes.data for a in arrays])
        return {
            key: StaticValue(array.ctypes.data, array, self._epochs(key))
            for key, array in zip(wanted, arrays)
        }

    def _leaf(self, node: g.Node) -> StaticValue:
        key = self._keys.key(node)
        self._names.setdefault(key, parameters_of(node))
        found = self._values.get(key)
        if found is not None and found.epochs == self._epochs(key):
            return found
        return self._refresh({key: node})[key]


def aligned(nbytes: int) -> np.ndarray[Any, Any]:
    """Fresh bytes that begin at a cache line."""
    raw = np.empty(nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + nbytes]


def parameters_of(node: g.Node) -> tuple[str, ...]:
    """Names of the parameters that ``node`` depends on."""
    names = {
        str(n.payload.key)
        for n in g.topological([node])
        if isinstance(n, g.Input) and n.payload.kind == "parameter"
    }
    return tuple(sorted(names))


_LARGE = 1 << 16


class _Keys:
    """Structural names of nodes: equal for nodes that compute the same."""

    def __init__(self) -> None:
        # By node for as long as the node lives: every plan makes its own.
        self._memo: weakref.WeakKeyDictionary[g.Node, str] = weakref.WeakKeyDictionary()
        self._digests: dict[int, tuple[weakref.ref[Any], str]] = {}

    def key(self, node: g.Node) -> str:
        if node not in self._memo:
            for n in g.topological([node]):
                if n not in self._memo:
                    self._memo[n] = self._own(n)
        return self._memo[node]

    def _digest(self, array: Any) -> str:
        """The digest of a constant; a large one is read once for as long as it lives."""
        if array.nbytes < _LARGE:
            return _digest(array)
        known = self._digests.get(id(array))
        if known is not None and known[0]() is array:
            return known[1]
        digest = _digest(array)
        self._digests[id(array)] = (weakref.ref(array), digest)
        return digest

    def _own(self, node: g.Node) -> str:
        if isinstance(node, g.Input):
            return f"parameter {node.payload.key} {node.dtype}{node.shape}"
        if isinstance(node, g.Constant):
            return f"constant {node.dtype}{node.shape} {self._digest(node.array)}"
        parts: list[Any] = [type(node).__name__]
        for field in dataclasses.fields(node):
            if field.name not in ("operands", "source"):
                parts.append((field.name, _describe(getattr(node, field.name))))
        parts += [self._memo[o] for o in node.operands]
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def _digest(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _describe(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, _digest(value))
    if isinstance(value, Scalar):
        return _describe_scalar(value, {})
    if isinstance(value, (tuple, list)):
        return tuple(_describe(v) for v in value)
    if isinstance(value, dict):
        return tuple((k, _describe(v)) for k, v in sorted(value.items()))
    if isinstance(value, Primitive) and value.kind == "reorder":
        # A copy is all that its two layouts say; other primitives are told apart by their handle.
        return ("reorder", tuple((number, desc.key) for number, desc in value.args.items()))
    if hasattr(value, "op") and hasattr(value, "attrs"):  # a ReferenceCall
        return (value.op.name, _describe(value.attrs))
    return repr(value)


def _describe_scalar(expr: Scalar, memo: dict[Scalar, int]) -> Any:
    """A line for each distinct subexpression, so that sharing does not blow it up."""
    lines: list[Any] = []

    def visit(e: Scalar) -> int:
        if e not in memo:
            args = tuple(visit(a) for a in e.args)
            lines.append((e.op, repr(e.value), e.dtype, args))
            memo[e] = len(memo)
        return memo[e]

    visit(expr)
    return tuple(lines)

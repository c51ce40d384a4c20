"""A graph becomes steps: static parts are split off, the rest goes to primitives and kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dy2st.ir.program import Operation, Value
from dy2st.runtime.cpu import fuse, interpret, launch
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.llvm.engine import engine
from dy2st.runtime.cpu.onednn import layout
from dy2st.runtime.cpu.onednn.lower import primitive_step
from dy2st.runtime.cpu.scalar_numpy import FUNCTIONS
from dy2st.runtime.cpu.steps import CallbackStep, KernelStep, Step, View
from dy2st.runtime.cpu.threads import get_num_threads


@dataclass(eq=False)
class Scheduled:
    """Steps of one graph. ``outputs[i]`` is the node that holds output i (a rewrite may have put
    another in its place); ``roots`` are the static nodes that steps read and somebody else has
    to compute first."""

    steps: list[Step] = field(default_factory=list)
    views: dict[g.Node, View] = field(default_factory=dict)
    outputs: list[g.Node] = field(default_factory=list)
    roots: list[g.Node] = field(default_factory=list)


IsStatic = Callable[[g.Node], bool]
# What a kernel reads through at no cost, so that it is never stored for a kernel's sake.
_FREE = (g.Reshape, g.Permute, g.Expand, g.Slice)
_SOURCES = (g.Full, g.Iota)


def schedule(outputs: Sequence[g.Node], is_static: IsStatic, split: bool = True) -> Scheduled:
    """Steps that compute ``outputs``.

    With ``split``, static nodes are left to the prologue; without, the graph is one that came out
    of a schedule with ``split``, and runs once: by primitives and numpy, as fusing and compiling
    kernels would take longer than they save.
    """
    result = Scheduled(outputs=list(outputs))
    if not split:
        _once(result)
        return result
    result.outputs = layout.rewrite(outputs, is_static)
    result.roots = static_roots(result.outputs, is_static)
    available = set(result.roots)
    # What is in memory already is copied by the planner, not by a kernel.
    wanted = [n for n in dict.fromkeys(result.outputs) if not _in_memory(n, available, result)]
    _Steps(wanted, available, result).run()
    return result


def static_roots(outputs: Sequence[g.Node], is_static: IsStatic) -> list[g.Node]:
    """The static nodes that the rest of the graph needs stored, in order of first use."""
    roots: dict[g.Node, None] = {}
    seen: set[g.Node] = set()
    stack: list[g.Node] = []
    for node in outputs:
        if is_static(node):
            roots[node] = None
        elif node not in seen:
            seen.add(node)
            stack.append(node)
    while stack:
        node = stack.pop()
        for operand in node.operands:
            if not is_static(operand):
                if operand not in seen:
                    seen.add(operand)
                    stack.append(operand)
                continue
            opaque = isinstance(node, g.OPAQUE)
            root = _peel(operand, (g.Reshape,) if opaque else _FREE)
            if opaque or not isinstance(root, _SOURCES):
                roots[root] = None
    return list(roots)


def _peel(node: g.Node, kinds: tuple[type[g.Node], ...]) -> g.Node:
    while isinstance(node, kinds):
        node = node.operands[0]
    return node


def _in_memory(node: g.Node, available: set[g.Node], result: Scheduled) -> bool:
    """Whether ``node`` is (a reshape of) a buffer that somebody else fills."""
    base = node
    while isinstance(base, g.Reshape) and base not in available:
        base = base.operands[0]
    if base not in available and not isinstance(base, (g.Input, g.Constant)):
        return False
    if base is not node:
        result.views[node] = View(node, base)
    return True


class _Steps:
    """Turns what fusion found into the planner's steps."""

    def __init__(self, wanted: Sequence[g.Node], available: set[g.Node], result: Scheduled) -> None:
        self.wanted = wanted
        self.result = result
        self.fused = fuse.fuse(
            wanted,
            vector_bytes=engine().host.vector_bytes,
            threads=get_num_threads(),
            available=available,
        )

    def run(self) -> None:
        kernels = [s for s in self.fused.steps if isinstance(s, fuse.KernelStep)]
        addresses = iter(launch.compile_structures([k.scheduled.structure for k in kernels]))
        table = (launch.runtime_table().ctypes.data,)
        for step in self.fused.steps:
            if isinstance(step, fuse.KernelStep):
                self.result.steps.append(_kernel(step, next(addresses), table))
            else:
                self.opaque(step)
        place = {n: v.base for n, v in zip(self.wanted, self.fused.outputs)}
        self.result.outputs = [place.get(n, n) for n in self.result.outputs]

    def opaque(self, step: fuse.OpaqueStep) -> None:
        node = step.node
        for operand, view in zip(node.operands, step.operands):
            if view.base is not operand:
                itemsize = interpret.np_dtype(operand.dtype).itemsize
                self.result.views[operand] = View(operand, view.base, view.offset * itemsize)
        results = _all_results(node, step.results)
        made: Step | None = None
        if isinstance(node, g.Primitive):
            made = primitive_step(node, results)
        self.result.steps.append(made or numpy_step(node, results))


def _kernel(step: fuse.KernelStep, function: int, table: tuple[int, ...]) -> KernelStep:
    sites = tuple(step.sites)
    source = next((s.source for s in sites if s.source is not None), None)
    if source is None and step.writes:
        source = step.writes[0].source
    return KernelStep(
        operands=tuple(step.reads),
        results=tuple(step.writes),
        shares=dict(step.shares),
        overwrites=dict(step.overwrites),
        scratch=step.scratch,
        source=source,
        label=getattr(source, "name", "kernel"),
        function=function,
        sizes=step.scheduled.sizes,
        extra=table,
        sites=sites,
    )


def _all_results(node: g.Node, known: Sequence[g.Node | None]) -> tuple[g.Node, ...]:
    """The nodes of all results; those that nobody reads are made up."""
    if not isinstance(node, g.Multi):
        return (node,)
    return tuple(
        found or g.Part(shape=shape, dtype=dtype, operands=(node,), index=i, source=node.source)
        for i, (found, (shape, dtype)) in enumerate(
            zip(known or [None] * len(node.results), node.results)
        )
    )


# --- graphs that run once ----------------------------------------------------------------------


def _once(result: Scheduled) -> None:
    """A step for each node of the graph."""
    order = g.topological(result.outputs)
    parts: dict[g.Node, list[g.Node | None]] = {}
    for node in order:
        if isinstance(node, g.Part):
            whole = node.operands[0]
            assert isinstance(whole, g.Multi)
            parts.setdefault(whole, [None] * len(whole.results))[node.index] = node
    for node in order:
        if isinstance(node, (g.Input, g.Constant, g.Part)):
            continue
        if isinstance(node, g.Reshape):
            result.views[node] = View(node, node.operands[0])
            continue
        results = _all_results(node, parts.get(node, ()))
        made = primitive_step(node, results) if isinstance(node, g.Primitive) else None
        result.steps.append(made or numpy_step(node, results))


# --- nodes by numpy --------------------------------------------------------------------------------


def numpy_step(node: g.Node, results: tuple[g.Node, ...]) -> CallbackStep:
    """A step that computes ``node`` by numpy into ``results`` (itself, or some of its parts)."""

    ufunc = _ufunc(node)
    compute = reference(node) if isinstance(node, g.Reference) else None

    def function(operands: list[Any], outputs: list[Any]) -> None:
        with np.errstate(all="ignore"):
            if ufunc is not None:
                ufunc(*operands, out=outputs[0])
                return
            made = compute(operands) if compute else interpret._compute(node, operands)
        for part, out in zip(results, outputs):
            out[...] = made[part.index] if isinstance(part, g.Part) else made

    return CallbackStep(
        operands=node.operands,
        results=results,
        source=node.source,
        label=f"numpy {getattr(node, 'kind', type(node).__name__)}",
        function=function,
    )


def _ufunc(node: g.Node) -> Any:
    """The numpy ufunc that a map is, where it is one of all its operands in their own dtype."""
    if not isinstance(node, g.Map) or node.dtype not in ("float32", "float64"):
        return None
    expr = node.expr
    places = [a.value if a.op == "arg" else None for a in expr.args]
    same = all(x.dtype == node.dtype for x in node.operands) and expr.dtype == node.dtype
    function = FUNCTIONS.get(expr.op)
    if same and places == list(range(len(node.operands))) and isinstance(function, np.ufunc):
        return function
    return None


def reference(node: g.Reference) -> Callable[[list[Any]], list[Any]]:
    """The function that computes the operation of a Reference node by Paddle's kernel or numpy."""
    from dy2st.runtime.paddle_kernels import fastest

    op, attrs = node.payload.op, node.payload.attrs
    kernel = fastest(op.name)
    plain = all(isinstance(o, Value) for o in op.operands)
    shapes = [shape for shape, _ in node.results]
    dtypes = [interpret.np_dtype(dtype) for _, dtype in node.results]
    rng = np.random.default_rng()  # nothing here is random

    def compute(operands: list[Any]) -> list[Any]:
        given = operands if plain else _nested(op, operands)
        results = kernel(given, attrs, rng, op)
        return [np.asarray(r, d).reshape(s) for r, d, s in zip(results, dtypes, shapes)]

    return compute


def _nested(op: Operation, operands: list[Any]) -> list[Any]:
    """The operands as the operation has them: absent ones None, lists as tuples."""
    left = iter(operands)
    nested: list[Any] = []
    for operand in op.operands:
        if operand is None:
            nested.append(None)
        elif isinstance(operand, tuple):
            nested.append(tuple(next(left) for _ in operand))
        else:
            nested.append(next(left))
    return nested

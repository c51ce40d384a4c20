"""A graph becomes steps: static parts are split off, the rest goes to primitives and kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu import interpret
from dy2st.runtime.cpu.onednn import layout
from dy2st.runtime.cpu.onednn.lower import primitive_step
from dy2st.runtime.cpu.steps import CallbackStep, Step, View


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
    of a schedule with ``split`` and is not rewritten again.
    """
    result = Scheduled(outputs=list(outputs))
    available: set[g.Node] = set()
    if split:
        result.outputs = layout.rewrite(outputs, is_static)
        result.roots = static_roots(result.outputs, is_static)
        available.update(result.roots)
    parts = parts_of(result.outputs)
    for node in reachable(result.outputs, available):
        _naive(node, result, parts)
    return result


def parts_of(outputs: Sequence[g.Node]) -> dict[g.Node, tuple[g.Part, ...]]:
    """All parts of each node with several results; those that nobody reads are made up."""
    found: dict[g.Node, dict[int, g.Part]] = {}
    for node in g.topological(outputs):
        if isinstance(node, g.Multi):
            found[node] = {}
        elif isinstance(node, g.Part):
            found[node.operands[0]].setdefault(node.index, node)
    return {
        node: tuple(
            parts.get(i) or g.Part(shape=shape, dtype=dtype, operands=(node,), index=i)
            for i, (shape, dtype) in enumerate(_results(node))
        )
        for node, parts in found.items()
    }


def _results(node: g.Node) -> tuple[tuple[g.Shape, str], ...]:
    assert isinstance(node, g.Multi)
    return node.results


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


def reachable(outputs: Iterable[g.Node], available: set[g.Node]) -> list[g.Node]:
    """What has to be computed for ``outputs``, operands first; stops at what is available."""
    seen: set[g.Node] = set()
    order: list[g.Node] = []
    stack: list[tuple[g.Node, bool]] = [(n, False) for n in reversed(list(outputs))]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
            continue
        if node in seen or node in available or isinstance(node, (g.Input, g.Constant)):
            continue
        seen.add(node)
        stack.append((node, True))
        stack.extend((x, False) for x in reversed(node.operands))
    return order


# --- every node by numpy -------------------------------------------------------------------------


def _naive(node: g.Node, result: Scheduled, parts: dict[g.Node, tuple[g.Part, ...]]) -> None:
    if isinstance(node, g.Reshape):
        result.views[node] = View(node, node.operands[0])
    elif isinstance(node, g.Part):
        first = parts[node.operands[0]][node.index]
        if first is not node:
            result.views[node] = View(node, first)
    elif isinstance(node, g.Multi):
        step: Step | None = None
        if isinstance(node, g.Primitive):
            step = primitive_step(node, parts[node])
        result.steps.append(step or numpy_step(node, parts[node]))
    else:
        result.steps.append(numpy_step(node, (node,)))


def numpy_step(node: g.Node, results: tuple[g.Node, ...]) -> CallbackStep:
    """A step that computes ``node`` by numpy into ``results`` (itself, or some of its parts)."""

    def function(operands: list[Any], outputs: list[Any]) -> None:
        with np.errstate(all="ignore"):
            made = compute(node, operands)
        for part, out in zip(results, outputs):
            out[...] = made[part.index] if isinstance(part, g.Part) else made

    return CallbackStep(
        operands=node.operands,
        results=results,
        source=node.source,
        label=f"numpy {getattr(node, 'kind', type(node).__name__)}",
        function=function,
    )


def compute(node: g.Node, operands: list[Any]) -> Any:
    """The value (list of values) of a node from its operands' arrays."""
    if isinstance(node, g.Reference):
        return reference(node, operands)
    return interpret._compute(node, operands)


def reference(node: g.Reference, operands: list[Any]) -> list[Any]:
    """The operation of a Reference node by its own numpy rule."""
    from dy2st.runtime.reference.rules import kernel_of

    op, attrs = node.payload.op, node.payload.attrs
    left = iter(operands)
    nested: list[Any] = []
    for operand in op.operands:
        if operand is None:
            nested.append(None)
        elif isinstance(operand, tuple):
            nested.append(tuple(next(left) for _ in operand))
        else:
            nested.append(next(left))
    results = kernel_of(op.name)(nested, attrs, np.random.default_rng(), op)
    return [
        np.asarray(r, interpret.np_dtype(dtype)).reshape(shape)
        for r, (shape, dtype) in zip(results, node.results)
    ]

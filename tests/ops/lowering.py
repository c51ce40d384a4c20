"""Runs the graph that an operation's ``cpu`` describes by the kernel graph's numpy interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.errors import InternalError
from dy2st.ir.types import DType
from dy2st.ops import base
from dy2st.ops.base import Op
from dy2st.runtime.cpu import graph, interpret
from dy2st.runtime.cpu.builder import Builder


class NoKernel(Exception):
    """The operation runs by its own reference, so there is nothing to compare."""


def run_kernel(op: type[Op], operands: list[Any], attrs: dict[str, Any]) -> list[np.ndarray]:
    """Results of the described graph. Raises NoKernel for what falls back to the reference."""
    if op.cpu is None:
        raise NoKernel(op.name)
    b = Builder()
    feeds: dict[graph.Node, np.ndarray] = {}

    def node(array: np.ndarray) -> graph.Node:
        made = b.input(array.shape, DType.of(array.dtype).value)
        feeds[made] = array
        return made

    nodes = [base._map_operand(node, o) for o in operands]
    types = base._infer_types(
        op, base.bound_values(op, [base._map_operand(base._array_type, o) for o in operands], attrs)
    )
    b.operation = (op, tuple(feeds), tuple((t.shape, t.dtype.value) for t in types))
    values = base.bound_values(op, nodes, attrs)
    result = base.call_rule(op.cpu, ("b", b), op, values)
    outputs = list(base.flatten(result))
    if any(isinstance(n, graph.Reference) for n in graph.topological(outputs)):
        raise NoKernel(op.name)
    try:
        return interpret.run(outputs, feeds)
    except InternalError as error:  # oneDNN's primitives: compared where they run
        if "has no rule for" in error.message:
            raise NoKernel(op.name) from None
        raise

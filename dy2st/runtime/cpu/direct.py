"""Run a kernel graph step by step from Python: for tests, and for values computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dy2st.errors import DivisionByZeroError, IndexOutOfRangeError
from dy2st.runtime.cpu import interpret
from dy2st.runtime.cpu.executor import DIVISION_BY_ZERO, INDEX_OUT_OF_RANGE
from dy2st.runtime.cpu.fuse import Fused, KernelStep, OpaqueStep, fuse
from dy2st.runtime.cpu.fusion.views import View
from dy2st.runtime.cpu.graph import Constant, Node
from dy2st.runtime.cpu.interpret import np_dtype
from dy2st.runtime.cpu.launch import KERNEL, compile_structures, runtime_table
from dy2st.runtime.cpu.llvm.engine import Engine, engine

Array = Any


class Direct:
    """A fused graph with its kernels compiled and a buffer for every node."""

    def __init__(
        self,
        outputs: Sequence[Node],
        threads: int = 1,
        strides: Mapping[Node, tuple[int, ...]] | None = None,
        jit: Engine | None = None,
    ) -> None:
        jit = jit or engine()
        self.fused: Fused = fuse(
            outputs, vector_bytes=jit.host.vector_bytes, threads=threads, strides=strides
        )
        self.shapes = [node.shape for node in outputs]
        self.buffers: dict[Node, Array] = {}
        steps = [s for s in self.fused.steps if isinstance(s, KernelStep)]
        addresses = compile_structures([s.scheduled.structure for s in steps], jit)
        self.kernels = {id(s): KERNEL(a) for s, a in zip(steps, addresses, strict=True)}
        self.scratch = {id(s): np.zeros(s.scratch + 64, np.uint8) for s in steps}

    def buffer(self, node: Node) -> Array:
        """The buffer of ``node``, made when first asked for."""
        if node not in self.buffers:
            if isinstance(node, Constant):
                self.buffers[node] = np.ascontiguousarray(node.array, np_dtype(node.dtype))
            else:
                self.buffers[node] = np.zeros(node.size, np_dtype(node.dtype))
        return self.buffers[node]

    def view(self, view: View) -> Array:
        """A window as an array."""
        flat = self.buffer(view.base).reshape(-1)
        size = flat.itemsize
        return np.lib.stride_tricks.as_strided(
            flat[view.offset :], view.shape, [s * size for s in view.strides]
        )

    def run(self, feeds: Mapping[Node, Array]) -> list[Array]:
        """The outputs; raises what a kernel's status says. ``feeds``: arrays whose memory is read
        with the strides that were promised."""
        self.buffers.update({node: np.asarray(a) for node, a in feeds.items()})
        for step in self.fused.steps:
            if isinstance(step, KernelStep):
                self._kernel(step)
            else:
                self._opaque(step)
        pairs = zip(self.fused.outputs, self.shapes, strict=True)
        return [self.buffer(v.base).reshape(shape) for v, shape in pairs]

    def pointers(self, step: KernelStep) -> np.ndarray:
        """The ``ptrs`` of a kernel."""
        for write, read in step.overwrites.items():
            # A copy: something else may still read the operand.
            self.buffers[step.writes[write]] = np.array(self.buffer(step.reads[read])).reshape(-1)
        arrays = [self.buffer(n) for n in (*step.reads, *step.writes)]
        if step.scratch:
            arrays.append(self.scratch[id(step)])
        return np.array([a.ctypes.data for a in (*arrays, runtime_table())], np.int64)

    def _kernel(self, step: KernelStep) -> None:
        ptrs = self.pointers(step)
        status = self.kernels[id(step)](ptrs.ctypes.data, step.scheduled.sizes.ctypes.data)
        if status & 255 == DIVISION_BY_ZERO:
            raise DivisionByZeroError("integer division by zero")
        if status & 255 == INDEX_OUT_OF_RANGE:
            raise IndexOutOfRangeError("index out of range")

    def _opaque(self, step: OpaqueStep) -> None:
        values = [self.view(v) for v in step.operands]
        out = interpret.RULES[type(step.node)](step.node, *values)
        results = out if len(step.results) > 1 or isinstance(out, list) else [out]
        for node, value in zip(step.results, results, strict=True):
            if node is not None:
                self.buffer(node)[...] = np.asarray(value, np_dtype(node.dtype)).reshape(-1)

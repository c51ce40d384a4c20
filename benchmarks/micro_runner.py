"""A kernel graph as compiled steps, run one after the other: no Program, no planner's arena."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu import schedule
from dy2st.runtime.cpu.executor import Assembler, executor
from dy2st.runtime.cpu.interpret import np_dtype
from dy2st.runtime.cpu.onednn.library import ExecArg
from dy2st.runtime.cpu.onednn.lower import aligned
from dy2st.runtime.cpu.onednn.primitive import primitives
from dy2st.runtime.cpu.steps import CallbackStep, KernelStep, PrimitiveStep, Step
from dy2st.runtime.cpu.threads import openmp_threads


class Runner:
    """Static values are computed once; ``run()`` does the rest and gives the output's array."""

    def __init__(
        self, output: g.Node, feeds: dict[g.Node, np.ndarray], static: set[g.Node], threads: int
    ) -> None:
        self.threads, self.arrays, self.kept = threads, dict(feeds), []
        self.library = primitives()
        memo: dict[g.Node, bool] = {}

        def is_static(node: g.Node) -> bool:
            if node not in memo:
                operands = [is_static(x) for x in node.operands]
                leaf = node in static if isinstance(node, g.Input) else True
                memo[node] = leaf and all(operands)
            return memo[node]

        planned = schedule.schedule([output], is_static)
        self.views = dict(planned.views)
        if planned.roots:
            before = schedule.schedule(planned.roots, is_static, split=False)
            self.views.update(before.views)
            self._execute(self._table(before.steps))
        self.table = self._table(planned.steps)
        self.output = self._array(planned.outputs[0]).reshape(output.shape)
        self.address = self.table.ctypes.data

    def run(self) -> np.ndarray:
        self._execute(self.table)
        return self.output

    def _execute(self, table: np.ndarray) -> None:
        with openmp_threads(self.threads):
            outcome = executor().run(table.ctypes.data)
        assert outcome.status == 0, outcome

    def _array(self, node: g.Node) -> np.ndarray:
        while node in self.views:
            assert self.views[node].offset == 0
            node = self.views[node].base
        if node not in self.arrays:
            if isinstance(node, g.Constant):
                self.arrays[node] = np.ascontiguousarray(node.array)
            else:
                dtype = np_dtype(node.dtype)
                raw = aligned(max(node.size, 1) * dtype.itemsize)
                self.arrays[node] = raw.view(dtype)[: node.size].reshape(node.shape)
        return self.arrays[node]

    def _table(self, steps: list[Step]) -> np.ndarray:
        asm = Assembler()
        for step in steps:
            for result, operand in step.overwrites.items():
                self.arrays[step.results[result]] = self._array(step.operands[operand])
            scratch = aligned(step.scratch + 64)
            operands = [self._array(x).reshape(x.shape) for x in step.operands]
            results = [self._array(x) for x in step.results]
            if isinstance(step, KernelStep):
                arrays = [*operands, *results, *([scratch] if step.scratch else [])]
                ptrs = np.array([*(a.ctypes.data for a in arrays), *step.extra], np.int64)
                asm.call_kernel(step.function, ptrs.ctypes.data, step.sizes.ctypes.data)
                self.kept += [arrays, ptrs, step]
            elif isinstance(step, PrimitiveStep):
                self._primitive(asm, step, operands, results, scratch)
            else:
                assert isinstance(step, CallbackStep)
                call = lambda _, s=step, o=operands, r=results: s.function(o, r) or 0  # noqa: E731
                asm.callback(call)
        table = asm.finish()
        self.kept += [asm, table]
        return table

    def _primitive(
        self, asm: Assembler, step: PrimitiveStep, operands: Any, results: Any, scratch: Any
    ) -> None:
        assert self.library is not None
        onednn, made = self.library.library, step.primitive
        args = (ExecArg * len(step.args))()
        for slot, arg in zip(args, step.args, strict=True):
            if arg.kind == "scratch":
                desc = self.library.descs.row_major((made.scratch_bytes,), "uint8")
                place = scratch.ctypes.data
            else:
                desc = made.args[arg.number]
                array = (operands if arg.kind == "operand" else results)[arg.index]
                place = array.ctypes.data + arg.offset
            slot.arg = arg.number
            slot.memory = onednn.make("memory_create", desc.handle, onednn.engine, place)
        execute = onednn.address("primitive_execute")
        at = ctypes.addressof(args)
        asm.call_primitive(execute, made.handle, onednn.stream, len(args), at)
        self.kept += [operands, results, scratch, args, step]

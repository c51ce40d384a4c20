"""The passes, in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from dy2st import debug
from dy2st.ir.program import Program
from dy2st.passes.decompose import decompose
from dy2st.passes.fold_batch_norm import fold_batch_norm
from dy2st.passes.fold_constants import fold_constants
from dy2st.passes.hoist_loop_invariants import hoist_loop_invariants
from dy2st.passes.merge_common_subexpressions import merge_common_subexpressions
from dy2st.passes.remove_dead_code import remove_dead_code
from dy2st.passes.simplify import simplify

Pass = Callable[[Program], Program]

# For the CPU runtime: what is left has an ``Op.cpu`` rule of its own, or runs by its ``numpy``.
CPU: tuple[Pass, ...] = (
    remove_dead_code,
    simplify,
    fold_batch_norm,
    decompose,
    simplify,
    fold_constants,
    merge_common_subexpressions,
    hoist_loop_invariants,
    remove_dead_code,
)


def run_pipeline(program: Program, passes: Sequence[Pass] = CPU) -> Program:
    """The Program that ``passes`` make of ``program``, which stays as it is."""
    for function in passes:
        start = time.perf_counter()
        program = function(program)
        spent = (time.perf_counter() - start) * 1e3
        debug.log(2, f"{function.__name__}: {spent:.1f} ms, {len(list(program.walk()))} operations")
        if debug.level() >= 4:
            debug.log(4, f"after {function.__name__}:\n{program}")
    return program

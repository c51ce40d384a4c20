"""The CPU's Executable: passes once per Program, then a plan per set of sizes."""

from __future__ import annotations

from dy2st.ir.program import Program
from dy2st.runtime.plan import Executable, ParameterSource, make_reference_plan


def make_executable(program: Program, source: ParameterSource) -> Executable:
    """An Executable of ``program`` on the CPU. ``program`` stays as it is."""
    return Executable(program, source, make_reference_plan)

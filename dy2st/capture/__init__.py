"""Symbolic tensors and integers, recording of Paddle's operators."""

from __future__ import annotations

from typing import Any

from dy2st.capture.recorder import Recorder, current
from dy2st.capture.symint import SymInt, is_symint

__all__ = ["Recorder", "SymInt", "SymbolicTensor", "current", "is_symbolic", "is_symint"]


def is_symbolic(value: Any) -> bool:
    """Whether ``value`` is a symbolic tensor, or a real tensor while this thread records."""
    recorder = current()
    if recorder is None:
        return False
    from dy2st.capture.dispatch import is_tensor

    return is_tensor(value)


def __getattr__(name: str) -> Any:
    if name == "SymbolicTensor":
        from dy2st.capture.tensor import symbolic_class

        return symbolic_class()
    raise AttributeError(name)

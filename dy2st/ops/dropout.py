"""Dropout: random in training, a scale in inference."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ops.base import Plain
from dy2st.ops.rules import same_as

_SIGNATURE = (
    "x: Tensor, seed_tensor: Tensor? = None, p: scalar = 0.5, is_test: bool = False, "
    "mode: str = 'downgrade_in_infer', seed: int = 0, fix_seed: bool = False -> out"
)


def _keep(p: float, mode: str) -> float:
    return 1.0 if mode == "upscale_in_train" else 1.0 - p


class Dropout(Plain, name="dropout", signature=_SIGNATURE):
    """``x`` with each element zeroed with probability ``p``; a scale where ``is_test`` is set.

    ``random_when`` says which form an operation is.
    """

    infer = same_as("x")
    dtypes = ("float32", "float64")
    cases = [
        {"x": ("N", 3), "p": 0.5, "is_test": True, "mode": "upscale_in_train"},
        {"x": (2, 3), "p": 0.3, "is_test": True, "mode": "downgrade_in_infer"},
    ]

    def random_when(attrs: dict[str, Any]) -> bool:
        return not attrs["is_test"]

    def numpy(rng: np.random.Generator, x: Any, p: float, is_test: bool, mode: str) -> Any:
        if is_test:
            return x * x.dtype.type(_keep(p, mode))
        kept = np.where(rng.random(x.shape) < p, 0, x)
        scale = 1.0 / (1.0 - p) if mode == "upscale_in_train" and p < 1 else 1.0
        return kept * x.dtype.type(scale)

    def cpu(b: Any, x: Any, p: float, is_test: bool, mode: str) -> Any:
        if not is_test:
            return b.reference()
        return x if mode == "upscale_in_train" else b.mul(x, _keep(p, mode))

"""Every operation alone: a converted function against Paddle eager, at the sizes that models have.

Nobody should find a converted function slower than what it replaces, so this lists the worst first.
Both run in one process, in turns; the figure is the fastest call of each (processor time is
that of two threads). A call's own overhead is in it: what takes eager 20 µs is no loss for a model.

Run: ``python -m benchmarks.operators [substring ...]``.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

ROUNDS = 5
BUDGET = 0.03  # seconds a system for one round


def calls_of(function: Callable[[], Any], budget: float) -> float:
    """The fastest call within ``budget`` seconds, in seconds."""
    best = np.inf
    end = time.perf_counter() + budget
    while True:
        start = time.perf_counter()
        function()
        now = time.perf_counter()
        best = min(best, now - start)
        if now >= end:
            return float(best)


def measure(case: Any) -> tuple[float, float]:
    """(ours, eager) in seconds. Raises what either raises."""
    import paddle

    from dy2st import to_static

    tensors = [paddle.to_tensor(a) for a in case.arrays]
    converted = to_static(lambda *a: case.function(*a))
    with paddle.no_grad():
        for _ in range(20):  # run-time sizes get their plan after some calls
            converted(*tensors)
        times = []
        for _ in range(ROUNDS):
            eager = calls_of(lambda: case.function(*tensors), BUDGET)
            ours = calls_of(lambda: converted(*tensors), BUDGET)
            times.append((ours, eager))
    return min(t[0] for t in times), min(t[1] for t in times)


def main(wanted: list[str]) -> None:
    """Measure and print, the worst first."""
    from benchmarks.operator_cases import all_cases

    warnings.simplefilter("ignore")
    rows = []
    for case in all_cases():
        if wanted and not any(w in case.name for w in wanted):
            continue
        try:
            ours, eager = measure(case)
        except Exception as error:
            print(f"{case.name}: {type(error).__name__}: {str(error).strip()[:300]}")
            continue
        rows.append((ours / eager, case.name, ours * 1e6, eager * 1e6))
    print(f"{'case':28} {'ours µs':>10} {'eager µs':>10} {'ours / eager':>12}")
    for ratio, name, ours, eager in sorted(rows, reverse=True):
        print(f"{name:28} {ours:10.1f} {eager:10.1f} {ratio:12.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])

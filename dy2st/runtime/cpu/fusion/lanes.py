"""Costs of expressions, and the choice of the vector dimension, its width, and of tiles."""

from __future__ import annotations

from dy2st.runtime.cpu.fusion.affine import Affine
from dy2st.runtime.cpu.fusion.loop import (
    L,
    LoopKernel,
    Put,
    Reduction,
    Running,
    Store,
    roots,
    walk,
)
from dy2st.runtime.cpu.scalar import ITEMSIZE

# Rough costs of one lane vector, in units of a light instruction.
HEAVY = {
    "exp": 14, "exp2": 12, "expm1": 18, "log": 18, "log2": 18, "log10": 18, "log1p": 24,
    "tanh": 24, "sigmoid": 20, "erf": 26, "sinh": 30, "cosh": 30, "sin": 40, "cos": 40,
    "sqrt": 8, "rsqrt": 12, "div": 6, "reciprocal": 6,
}  # fmt: skip
LIBM_OPS = frozenset(
    ("pow", "atan2", "tan", "asin", "acos", "atan", "asinh", "acosh", "atanh", "lgamma", "fmod")
)


def op_cost(e: L) -> float:
    """Cost of one expression node, its arguments not counted."""
    if e.op in ("const", "index", "size", "reduced"):
        return 0.0
    if e.op in LIBM_OPS and e.dtype in ("float32", "float64"):
        return 200.0
    heavy = HEAVY.get(e.op, 1.0)
    return heavy * (10.0 if e.dtype == "float64" and heavy > 8 else 1.0)


def choose_lane(kernel: LoopKernel, native: int) -> int | None:
    """The variable whose consecutive values fill a vector."""
    best: tuple[float, int] | None = None
    ordered = [i for i in kernel.items() if isinstance(i, (Running, Put))]
    if ordered:
        # What is done in order along the inner loops is vectorised across them, or not at all.
        fits = [v for v in kernel.outer if all(i.place.coefficient(v) == 1 for i in ordered)]
        return fits[0] if fits else None
    expressions = walk([r for item in kernel.items() for r in roots(item)])
    arithmetic = sum(op_cost(e) for e in expressions)
    for v in reversed(kernel.outer + kernel.inner):
        n = max(kernel.extents[v], 1)
        width = min(native, n)
        vectors = -(-n // native)
        cost = arithmetic / width + _access_cost(kernel, expressions, v, width)
        cost *= vectors * width / n * (native / width if width < native else 1) ** 0.5
        if v in kernel.inner:
            cost += 12.0 / n * sum(isinstance(i, Reduction) for s in kernel.stages for i in s)
        if best is None or cost < best[0]:
            best = (cost, v)
    return None if best is None else best[1]


def _access_cost(kernel: LoopKernel, expressions: list[L], lane: int, width: int) -> float:
    total = 0.0
    for e in expressions:
        if e.op != "load":
            continue
        c = e.data[1].coefficient(lane)
        dynamic = any(_depends(a, lane) for a in e.args[: len(e.data[2])])
        if dynamic or c not in (0, 1):
            total += 1.5
        elif c == 1:
            total += 1.0 / width
    for item in kernel.items():
        if isinstance(item, Store):
            c = item.place.coefficient(lane)
            total += 1.0 / width if c in (0, 1) else 3.0
    return total


def _depends(e: L, variable: int) -> bool:
    for x in walk([e]):
        if any(isinstance(d, Affine) and d.coefficient(variable) for d in x.data):
            return True
    return False


def choose_width(kernel: LoopKernel, lane: int | None, vector_bytes: int) -> int:
    """Lanes of a vector: one to four registers of the widest type."""
    if lane is None:
        return 0
    expressions = walk([r for item in kernel.items() for r in roots(item)])
    wide = max(
        [ITEMSIZE[e.dtype] for e in expressions if e.op not in ("index", "size", "const", "wrap")]
        + [ITEMSIZE[kernel.buffers[i.buffer]] for i in kernel.items() if hasattr(i, "buffer")]
    )
    native = max(vector_bytes // max(wide, 1), 2)
    heavy = sum(op_cost(e) for e in expressions)
    gathers = any(
        e.op == "load" and (e.data[1].coefficient(lane) not in (0, 1) or e.data[2])
        for e in expressions
    )
    per_lane = any(op_cost(e) >= 100 for e in expressions)
    factor = 1 if per_lane or gathers else 2 if heavy > 30 else 4
    if len(expressions) > 120:
        factor = 1
    width = min(native * factor, 64)
    n = kernel.extents[lane]
    while width > 4 and width >= 2 * n:
        width //= 2
    while width > native and n % width and n < 2 * width:
        width //= 2
    return width


def choose_tile(kernel: LoopKernel, lane: int | None, width: int) -> int | None:
    """The variable along which most of the loads that lanes would gather are contiguous."""
    if lane is None or kernel.inner or kernel.extents[lane] < width:
        return None
    votes: dict[int, int] = {}
    for e in walk([r for item in kernel.items() for r in roots(item)]):
        gathered = e.op == "load" and not e.args and e.data[1].coefficient(lane) not in (0, 1)
        if gathered and ITEMSIZE[kernel.buffers[e.data[0]]] > 1:
            for v in kernel.outer:
                if e.data[1].coefficient(v) == 1 and kernel.extents[v] >= width:
                    votes[v] = votes.get(v, 0) + 1
    return max(votes, key=lambda v: votes[v]) if votes else None

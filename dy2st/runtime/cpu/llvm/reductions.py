"""Reductions of an emitter: accumulators, one step, and the end (across lanes where needed)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dy2st.runtime.cpu.fusion.loop import Reduction, Running
from dy2st.runtime.cpu.llvm import scalar_ops
from dy2st.runtime.cpu.llvm.text import UNSIGNED, V, type_of
from dy2st.runtime.cpu.scalar import is_float

if TYPE_CHECKING:
    from dy2st.runtime.cpu.llvm.emit import Emitter

_BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}


def _lowest(dtype: str) -> float | int | bool:
    if is_float(dtype):
        return -math.inf
    return 0 if dtype in UNSIGNED else -(1 << (_BITS[dtype] - 1))


def _highest(dtype: str) -> float | int | bool:
    if is_float(dtype):
        return math.inf
    if dtype == "bool":
        return True
    return 255 if dtype == "uint8" else (1 << (_BITS[dtype] - 1)) - 1


def _identity(op: str, dtype: str) -> float | int | bool:
    if op in ("sum", "any"):
        return 0
    if op in ("prod", "all"):
        return 1
    return _lowest(dtype) if op in ("max", "argmax") else _highest(dtype)


def start(e: Emitter, item: Reduction | Running) -> list[V]:
    """Accumulators in memory (registers after mem2reg) with the neutral value."""
    dtype = item.value.dtype
    lanes = e.s.width
    starts = [e.w.const(_identity(item.op, dtype), dtype, lanes)]
    if item.op.startswith("arg"):
        starts.append(e.w.const(0, "int64", lanes))
    slots = []
    for first in starts:
        with e.at(e.entry):
            # At the entry, so that the stack does not grow with the loops.
            slot = e.w.value(f"alloca {first.type}", first.dtype, 0)
        with e.at(e.levels[-1]):
            e.w.line(f"store {first}, ptr {slot.name}")
        slots.append(slot)
    return slots


def _load(e: Emitter, slot: V) -> V:
    lanes = e.s.width
    return e.w.value(f"load {type_of(slot.dtype, lanes)}, ptr {slot.name}", slot.dtype, lanes)


def step(e: Emitter, item: Reduction, slots: list[V]) -> None:
    """Take one element (or one in each lane) into the accumulators."""
    w = e.w
    new = [e.splat(e.result(item.value), e.s.width)]
    if item.position is not None:
        new.append(e.splat(e.value(item.position), e.s.width))
    old = [_load(e, slot) for slot in slots]
    combined = combine(e, item.op, old, new)
    for slot, before, after in zip(slots, old, combined, strict=True):
        kept = after if e.mask is None else w.select(e.mask, after, before)
        w.line(f"store {kept}, ptr {slot.name}")


def advance(e: Emitter, item: Running, slots: list[V]) -> tuple[V, V]:
    """Take one element into a running value: (before, after)."""
    (before,) = [_load(e, slot) for slot in slots]
    (after,) = combine(e, item.op, [before], [e.splat(e.result(item.value), e.s.width)])
    e.w.line(f"store {after}, ptr {slots[0].name}")
    return before, after


def combine(e: Emitter, op: str, a: list[V], b: list[V]) -> list[V]:
    """The accumulators ``a`` and ``b`` as one."""
    w = e.w
    if op.startswith("arg"):
        return _combine_arg(e, op, a, b)
    x, y = a[0], b[0]
    if op in ("any", "all"):
        return [w.op("or" if op == "any" else "and", x, y)]
    if op in ("max", "min"):
        return [_extreme(e, op, x, y)]
    return [w.add(x, y) if op == "sum" else w.mul(x, y)]


def _extreme(e: Emitter, op: str, x: V, y: V) -> V:
    w = e.w
    if x.dtype == "bool":
        return w.op("or" if op == "max" else "and", x, y)
    # y where it is better or NaN; a NaN in x is kept because no comparison with it holds.
    best = w.select(scalar_ops.compare(w, "gt" if op == "max" else "lt", y, x), y, x)
    return w.select(w.compare("uno", y, y), y, best) if is_float(x.dtype) else best


def _combine_arg(e: Emitter, op: str, a: list[V], b: list[V]) -> list[V]:
    w = e.w
    (x, i), (y, j) = a, b
    # NaN is never better: eager Paddle passes over it, and reports 0 where there is nothing else.
    better = scalar_ops.compare(w, "gt" if op == "argmax" else "lt", y, x)
    same = scalar_ops.compare(w, "eq", y, x)
    take = w.op("or", better, w.op("and", same, w.compare("slt", j, i)))
    return [w.select(take, y, x), w.select(take, j, i)]


def finish(e: Emitter, item: Reduction, slots: list[V]) -> V:
    """The result: a vector where each lane is a row of its own, else one value of all lanes."""
    values = [_load(e, slot) for slot in slots]
    if e.s.lane is not None and e.s.lane in e.s.inner:
        values = _across_lanes(e, item.op, values)
    return values[-1]


def _across_lanes(e: Emitter, op: str, values: list[V]) -> list[V]:
    w = e.w
    while values[0].lanes > 1:
        half = values[0].lanes // 2
        parts = []
        for first in (0, half):
            mask = ", ".join(f"i32 {first + i}" for i in range(half))
            parts.append(
                [
                    w.value(
                        f"shufflevector {v}, {v.type} poison, <{half} x i32> <{mask}>",
                        v.dtype,
                        half,
                    )
                    for v in values
                ]
            )
        values = combine(e, op, parts[0], parts[1])
    return [w.value(f"extractelement {v}, i64 0", v.dtype, 0) for v in values]

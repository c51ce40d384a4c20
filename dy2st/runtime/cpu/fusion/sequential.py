"""Kernels whose inner loops run in order: running sums and the like, and scattered writes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TypeVar

import numpy as np

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.fusion.affine import Affine, NeedSplit, dot
from dy2st.runtime.cpu.fusion.loop import L, LoopKernel, Pool, Put, Running
from dy2st.runtime.cpu.fusion.lower import Domain, Lowered, MergeRefused
from dy2st.runtime.cpu.fusion.pull import CannotInline, NeedSegments, Puller, broadcast_index
from dy2st.runtime.cpu.fusion.schedule import PARALLEL_FROM, Scheduled, schedule
from dy2st.runtime.cpu.fusion.views import View
from dy2st.runtime.cpu.graph import Node, Shape, contiguous_strides
from dy2st.runtime.cpu.llvm.sort import SortStructure, choose, scratch_bytes

ViewOf = Callable[[Node], View | None]
T = TypeVar("T")


class _Reader:
    """A puller over a domain, for a kernel that writes one buffer (number 0)."""

    def __init__(self, domain: Domain, view_of: ViewOf) -> None:
        self.domain = domain
        self.bases: list[Node] = []
        self.sites: list[Node] = []
        self.pool = Pool()
        self.puller = Puller(
            self.pool, domain.extents, view_of, lambda node, index: None, self._buffer, self.sites
        )

    def _buffer(self, node: Node) -> int:
        if node not in self.bases:
            self.bases.append(node)
        return 1 + self.bases.index(node)

    def kernel(self, outer: list[int], inner: list[int], dtype: str) -> LoopKernel:
        """A kernel over the domain without any item yet; call it when everything is read."""
        kernel = LoopKernel(dict(self.domain.extents), outer, inner)
        kernel.buffers = [dtype, *(n.dtype for n in self.bases)]
        kernel.writes = 1
        kernel.sites = self.sites
        return kernel


def _splitting(shape: Shape, axes: tuple[int, ...], attempt: Callable[[Domain], T]) -> T:
    """``attempt`` with a domain whose variables are split as it asks for."""
    splits: dict[int, list[int]] = {}
    for _ in range(32):
        domain = Domain(shape, axes, splits)
        try:
            return attempt(domain)
        except NeedSegments as need:
            raise CannotInline(need.node) from None
        except NeedSplit as need:
            d, k = domain.owner[need.variable]
            parts = list(splits.get(d, [shape[d]]))
            parts[k : k + 1] = [parts[k] // need.factor, need.factor]
            splits[d] = parts
    raise MergeRefused


def lower_scan(node: g.Scan, view_of: ViewOf, vector_bytes: int, threads: int) -> Lowered:
    """One loop along the axis, vectorised across the dimensions behind it."""
    x = node.operands[0]

    def attempt(domain: Domain) -> Lowered:
        reader = _Reader(domain, view_of)
        index = list(domain.index)
        if node.reverse:
            n = node.shape[node.axis]
            index[node.axis] = index[node.axis].scale(-1).shift(n - 1)
        value = reader.puller.value(x, tuple(index))
        place = dot(index, contiguous_strides(node.shape))
        kernel = reader.kernel(list(domain.outer), list(domain.inner), node.dtype)
        kernel.stages = [[Running(0, node.op, value, 0, place, node.exclusive)]]
        scheduled = schedule(kernel, vector_bytes, threads)
        return Lowered(scheduled, reader.bases, [node], reader.sites)

    return _splitting(node.shape, (node.axis,), attempt)


def lower_scatter(node: g.Scatter, view_of: ViewOf, vector_bytes: int, threads: int) -> Lowered:
    """Writes into the memory of x, in the order of the updates except along dimensions where no
    two can meet."""
    x, updates, *indices = node.operands
    target = view_of(x)
    if target is None or not target.is_whole:
        raise CannotInline(x)

    def attempt(domain: Domain) -> Lowered:
        reader = _Reader(domain, view_of)
        index = tuple(domain.index)
        puller = reader.puller
        value = puller.value(updates, index)
        known: list[Affine] = []
        dynamic: list[L] = []
        strides: list[int] = []
        place = Affine()
        for node_i, n, stride in zip(indices, x.shape, contiguous_strides(x.shape), strict=True):
            at = puller.value(node_i, broadcast_index(index, node_i.shape))
            fixed = puller.known_index(at, n)
            if fixed is not None:
                known.append(fixed)
                place = place + fixed.scale(stride)
            else:
                dynamic.append(puller.checked_index(at, n, node))
                strides.append(stride)
        free = _free_variables(known, dynamic, domain)
        rest = [v for v in domain.outer if v not in free]
        reader.bases.append(target.base)
        kernel = reader.kernel(free, rest, node.dtype)
        put = Put(0, place, value, tuple(dynamic), tuple(strides), node.op)
        kernel.stages = [[put]]
        scheduled = schedule(kernel, vector_bytes, threads)
        reads = reader.bases
        return Lowered(scheduled, reads, [node], reader.sites, {}, {0: len(reads) - 1})

    return _splitting(updates.shape, (), attempt)


def _free_variables(known: list[Affine], dynamic: list[L], domain: Domain) -> list[int]:
    """The loop variables that alone decide a dimension of the place: their writes never meet."""
    from dy2st.runtime.cpu.fusion.loop import walk

    free = []
    moving = {
        v for e in walk(list(dynamic)) for d in e.data if isinstance(d, Affine) for v, _ in d.terms
    }
    for v in domain.outer:
        holders = [a for a in known if a.coefficient(v)]
        if v not in moving and len(holders) == 1 and len(holders[0].terms) == 1:
            free.append(v)
    return free


def schedule_sort(node: g.Sort, threads: int) -> Scheduled:
    """The rows of a sort, shared by threads where there is enough to do."""
    n, k = node.operands[0].shape[node.axis], node.k
    inner = prod(node.shape[node.axis + 1 :])
    rows = prod(node.shape[: node.axis]) * inner
    how = choose(n, k)
    cost = rows * n * (4.0 if how == "few" else 6.0 * max(n.bit_length(), 1))
    chunks = min(threads, rows) if cost > PARALLEL_FROM else 1
    length = -(-rows // chunks)
    chunks = -(-rows // length)
    scratch = scratch_bytes(n, k, node.dtype, how)
    sizes = np.array([chunks, 0, length, scratch, n, inner, k, rows], np.int64)
    structure = SortStructure(node.dtype, node.descending, how)
    return Scheduled(structure, sizes, scratch * chunks, cost, chunks)

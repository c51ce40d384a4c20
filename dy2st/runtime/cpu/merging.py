"""Copies that vanish: their two ends become the same memory.

That is how results are computed in place, branches write their result where it is wanted, and
loops carry values without moving them.
"""

from __future__ import annotations

from bisect import bisect_left

from dy2st.runtime.cpu.instructions import Instruction, Move, Run, Storage


def merge_copies(code: list[Instruction], loops: list[tuple[int, int]]) -> None:
    """Let both ends of a copy, and operands and results that steps allow, share memory."""
    for position, instruction in enumerate(code):
        if isinstance(instruction, Move):
            if instruction.target.offset or instruction.source.offset:
                continue
            target, source = instruction.target.storage.root(), instruction.source.storage.root()
            if instruction.carried:
                _merge_carried(target, source, position, code)
            else:
                _merge(target, source, position, loops)
        elif isinstance(instruction, Run):
            _merge_shares(instruction, position, loops)


def _merge_shares(run: Run, position: int, loops: list[tuple[int, int]]) -> None:
    for r, o in run.step.shares.items():
        result, operand = run.results[r], run.operands[o]
        if result.offset or operand.offset:
            continue
        target, source = result.storage.root(), operand.storage.root()
        # Another operand may read the same memory elsewhere than where the result is written.
        readers = sum(p.storage.root() is source for p in run.operands)
        writers = sum(p.storage.root() is source for p in run.results)
        if readers == 1 and writers == 0:
            _merge(target, source, position, loops)


def _merge(target: Storage, source: Storage, at: int, loops: list[tuple[int, int]]) -> bool:
    """Make ``target`` (born at ``at``) and ``source`` (dead after ``at``) one, where they are."""
    if target is source or target.nbytes != source.nbytes:
        return False
    if source.kind != "arena" or target.kind not in ("arena", "output"):
        return False
    if source.last > at or target.first < at:
        return False
    # A loop around `at` that the source was born before runs again with the source's value.
    if any(b <= at <= e and source.first < b for b, e in loops):
        return False
    _unite(target, source)
    return True


def _merge_carried(target: Storage, source: Storage, at: int, code: list[Instruction]) -> bool:
    """Let a round compute the next carried value in place of the present one, where the present
    one is not read any more once the next begins to be written."""
    if target is source or target.nbytes != source.nbytes or source.kind != "arena":
        return False
    if source.last > at or target.kind not in ("arena", "output"):
        return False
    uses = sorted({*target.reads, *target.writes})
    for use in uses[bisect_left(uses, source.first) : bisect_left(uses, at)]:
        if use != source.first or not _may_share(code[use], target, source):
            return False
    _unite(target, source)
    return True


def _may_share(instruction: Instruction, target: Storage, source: Storage) -> bool:
    if isinstance(instruction, Move):
        ends = (instruction.target.storage.root(), instruction.source.storage.root())
        return ends == (source, target)  # the copy vanishes too
    if not isinstance(instruction, Run):
        return False
    reads = [i for i, p in enumerate(instruction.operands) if p.storage.root() is target]
    writes = [i for i, p in enumerate(instruction.results) if p.storage.root() is source]
    shares = instruction.step.shares
    return all(shares.get(w) == r for r in reads for w in writes) and len(reads) <= 1


def _unite(target: Storage, source: Storage) -> None:
    source.merged = target
    target.first = min(target.first, source.first)
    target.last = max(target.last, source.last)
    target.writes = sorted(target.writes + source.writes)
    target.reads = sorted(target.reads + source.reads)

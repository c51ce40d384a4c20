"""Forked processes that share a row of jobs: one that dies costs the job that it was at, no other.

The standard library's pools cost some 20 ms of imports and threads, and cannot say which job ended
a process. Here each process tells over a pipe of its own what it begins and what came out.
"""

from __future__ import annotations

import os
import select
import struct
from collections.abc import Callable

_HEAD = struct.Struct("<qq")  # job, length of what follows; -1 for a job that begins
_BEGINS = -1
_SHARES = 4096  # as many numbers as surely fit into a pipe that nobody reads yet
_BLOCK = 1 << 20


class _Child:
    """One process as its parent sees it."""

    def __init__(self, pid: int, stream: int) -> None:
        self.pid = pid
        self.stream = stream
        self.buffer = bytearray()
        self.at = -1  # the job that it has begun and not ended

    def read(self, done: Callable[[int, bytes | None], None]) -> bool:
        """Hand on what has come; False when the process has ended."""
        block = os.read(self.stream, _BLOCK)
        self.buffer += block
        while len(self.buffer) >= _HEAD.size:
            job, length = _HEAD.unpack_from(self.buffer)
            if length == _BEGINS:
                self.at = job
                del self.buffer[: _HEAD.size]
                continue
            end = _HEAD.size + length
            if len(self.buffer) < end:
                break
            self.at = -1
            result = bytes(self.buffer[_HEAD.size : end])
            del self.buffer[:end]
            done(job, result)
        return bool(block)


def run(
    jobs: int,
    processes: int,
    work: Callable[[int], bytes],
    done: Callable[[int, bytes | None], None],
) -> None:
    """``done(job, work(job))`` for each number below ``jobs``, in any order.

    ``work`` runs in the forked processes, ``done`` in this one; it is given None for a job whose
    process died. Where processes cannot be forked the work is done here.
    """
    if not hasattr(os, "fork"):
        for job in range(jobs):
            done(job, work(job))
        return
    left = dict.fromkeys(range(jobs))

    def took(job: int, result: bytes | None) -> None:
        left.pop(job, None)
        done(job, result)

    while left:
        before = len(left)
        for job in _round(list(left), min(processes, before), work, took):
            took(job, None)
        if len(left) == before:  # they die before they begin anything
            took(next(iter(left)), None)


def _round(
    jobs: list[int],
    processes: int,
    work: Callable[[int], bytes],
    done: Callable[[int, bytes | None], None],
) -> list[int]:
    """Give the jobs to new processes; returns those at which a process died."""
    share = -(-len(jobs) // _SHARES)
    numbers, fill = os.pipe()
    for start in range(0, len(jobs), share):
        os.write(fill, struct.pack("<q", start))
    os.close(fill)
    children: dict[int, _Child] = {}
    poll = select.poll()
    died = []
    try:
        for _ in range(processes):
            child = _fork(jobs, share, numbers, work)
            children[child.stream] = child
            poll.register(child.stream, select.POLLIN | select.POLLHUP)
        while children:
            for stream, _ in poll.poll():
                child = children[stream]
                if not child.read(done):
                    poll.unregister(stream)
                    _end(children.pop(stream))
                    died += [child.at] if child.at >= 0 else []
    finally:
        os.close(numbers)
        for child in children.values():  # after an interrupt
            os.kill(child.pid, 9)
            _end(child)
    return died


def _end(child: _Child) -> None:
    os.close(child.stream)
    os.waitpid(child.pid, 0)


def _fork(jobs: list[int], share: int, numbers: int, work: Callable[[int], bytes]) -> _Child:
    mine, theirs = os.pipe()
    pid = os.fork()
    if pid:
        os.close(theirs)
        return _Child(pid, mine)
    try:  # the new process: it takes the next share until none is left, and never returns
        with open(theirs, "wb") as stream:
            while token := os.read(numbers, 8):
                start = struct.unpack("<q", token)[0]
                for job in jobs[start : start + share]:
                    stream.write(_HEAD.pack(job, _BEGINS))
                    stream.flush()
                    result = work(job)
                    stream.write(_HEAD.pack(job, len(result)) + result)
        os._exit(0)
    except BaseException:
        pass
    finally:
        os._exit(1)

"""Asking Paddle in a child process: some of its kernels and shape functions end the process on
arguments that they cannot take, and nobody can tell before.

The child is a fork: it knows all that the parent knows, costs a few milliseconds, and leaves no trace
(no random number is drawn, nothing is allocated here). Its answer is text in JSON.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

_SECONDS = 20.0


class ChildDied(Exception):
    """The child ended without an answer; ``args[0]`` says how."""


def ask(question: Callable[[], Any]) -> Any:
    """``question()``, computed in a child process. Raises ChildDied.

    Where there is no fork the question is asked here.
    """
    if not hasattr(os, "fork"):
        return question()
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks beside threads: the child runs one
        pid = os.fork()
    if pid == 0:
        _answer(question, read, write)
    os.close(write)
    text = _text(read)
    os.close(read)
    if text is None:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if text is None:
        raise ChildDied(f"it took more than {_SECONDS:.0f} s")
    if not text:
        raise ChildDied(_how(status))
    return json.loads(text)


def _answer(question: Callable[[], Any], read: int, write: int) -> None:
    """In the child: compute, write, end. Never returns."""
    try:
        os.close(read)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGBUS):
            signal.signal(number, signal.SIG_DFL)  # Paddle's handlers print a long story
        import paddle

        paddle.base.core.set_num_threads(1)  # the parent's threads are not here
        os.write(write, json.dumps(question()).encode())
    finally:
        os._exit(0)


def _text(read: int) -> bytes | None:
    """All that the child writes; None where it takes too long."""
    parts: list[bytes] = []
    end = time.monotonic() + _SECONDS
    while True:
        ready, _, _ = select.select([read], [], [], max(end - time.monotonic(), 0))
        if not ready:
            return None
        part = os.read(read, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"it ends the process ({signal.Signals(os.WTERMSIG(status)).name})"
    return "it ends the process"

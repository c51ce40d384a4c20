"""Which files have changes that no commit holds."""

from __future__ import annotations

import os
from collections.abc import Iterable


def repository(path: str) -> str | None:
    """The top of the git work tree that holds ``path``; None outside one."""
    folder = path if os.path.isdir(path) else os.path.dirname(os.path.abspath(path))
    if not _may_be_inside(folder):
        return None
    import subprocess

    try:
        done = subprocess.run(
            ["git", "-C", folder or ".", "rev-parse", "--show-toplevel"],
            capture_output=True,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _may_be_inside(folder: str) -> bool:
    """Whether asking git is worth a process: a ``.git`` lies above, or the environment names one."""
    if "GIT_DIR" in os.environ:
        return True
    folder = os.path.realpath(folder or ".")
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above
    return True


def dirty(paths: Iterable[str]) -> set[str]:
    """Those of ``paths`` (absolute) that git would lose: changed, staged or untracked."""
    by_top: dict[str, list[str]] = {}
    tops: dict[str, str | None] = {}
    for path in paths:
        folder = os.path.dirname(path)
        if folder not in tops:
            tops[folder] = repository(path)
        top = tops[folder]
        if top is not None:
            by_top.setdefault(top, []).append(path)
    found: set[str] = set()
    for top, members in by_top.items():
        import subprocess

        done = subprocess.run(
            ["git", "-C", top, "status", "--porcelain", "-z", "--untracked-files=all"],
            capture_output=True,
            timeout=300,
        )
        changed = set()
        for entry in done.stdout.split(b"\0"):
            if len(entry) > 3:
                changed.add(os.path.realpath(os.path.join(top, os.fsdecode(entry[3:]))))
        found |= {m for m in members if os.path.realpath(m) in changed}
    return found

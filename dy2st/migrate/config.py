"""``[tool.paddle-migrate]`` in pyproject.toml: the command line's options under their own names."""

from __future__ import annotations

import os
from dataclasses import field
from pathlib import Path
from typing import Any

from dy2st.errors import MigrateUsageError
from dy2st.migrate import toml
from dy2st.records import record

TARGETS = ("3.x",)


@record(frozen=False, eq=False)
class Settings:
    """All that a run may be told."""

    paths: list[str] = field(default_factory=list)
    include: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    select: list[str] = field(default_factory=list)
    ignore: list[str] = field(default_factory=list)
    jobs: int = 0
    target: str = "3.x"
    unsafe: bool = False
    compat: bool = True
    allow_dirty: bool = False
    mark: bool = False
    check: bool = False
    diff: bool = False
    out: str = ""
    report: list[str] = field(default_factory=list)
    fail_on_markers: bool = False
    cache: bool = True
    quiet: bool = False


_KEYS = {
    "include": list,
    "exclude": list,
    "select": list,
    "ignore": list,
    "jobs": int,
    "target": str,
    "unsafe": bool,
    "compat": bool,
    "allow-dirty": bool,
    "mark": bool,
    "cache": bool,
}


def read_pyproject(start: str) -> dict[str, Any]:
    """The table of the nearest pyproject.toml at or above ``start``; empty where there is none.

    Raises MigrateUsageError for keys or values that mean nothing.
    """
    folder = Path(os.path.abspath(start))
    folder = folder if folder.is_dir() else folder.parent
    for candidate in (folder, *folder.parents):
        path = candidate / "pyproject.toml"
        if path.is_file():
            return _checked(path)
    return {}


def _checked(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        if "paddle-migrate" not in text:
            return {}  # what others broke in it is not ours to judge
        data = toml.loads(text)
    except OSError:
        return {}
    except ValueError as error:
        raise MigrateUsageError(f"{path} cannot be read: {error}") from error
    table = data.get("tool", {}).get("paddle-migrate", {})
    for key, value in table.items():
        if key not in _KEYS or not isinstance(value, _KEYS[key]):
            raise MigrateUsageError(
                f"{path}: [tool.paddle-migrate] {key} = {value!r} means nothing"
            )
    return {key.replace("-", "_"): value for key, value in table.items()}


def merge(given: dict[str, Any], start: str) -> Settings:
    """Settings of the command line over those of pyproject.toml.

    Raises MigrateUsageError for an unknown target.
    """
    values = read_pyproject(start)
    for key, value in given.items():
        if value not in (None, (), [], ""):
            values[key] = list(value) if isinstance(value, tuple) else value
    settings = Settings(**values)
    if settings.target not in TARGETS:
        raise MigrateUsageError(f"--target {settings.target}: the only target is {TARGETS[0]}")
    if settings.jobs < 0:
        raise MigrateUsageError("--jobs must not be negative")
    return settings

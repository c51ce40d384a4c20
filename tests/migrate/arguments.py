"""Which arguments of the old signatures the recorded examples and programs give."""

from __future__ import annotations

import examples
import programs

from dy2st.migrate import calls, project, source, table, uses
from dy2st.migrate.names import Names


def given_arguments() -> dict[str, set[str]]:
    """Old name to the arguments that something recorded gives, with another value than the default."""
    recorded = examples.recorded()
    texts = [
        job["text"].encode()
        for name, job in examples.jobs().items()
        if not name.endswith(":grad") and recorded.get(name, {}).get("ok")
    ]
    for script in programs.scripts().values():
        files = [script] if script.parent == programs.FOLDER else script.parent.rglob("*.py")
        texts += [path.read_bytes() for path in files if path.suffix == ".py"]
    given: dict[str, set[str]] = {}
    for text in texts:
        for use in _uses(text):
            if use.call is not None and not use.rest:
                given.setdefault(use.row.old, set()).update(_changed(use.row, use.call))
    return given


def _uses(text: bytes) -> list:
    rows = table.load()
    read = source.read(text, "example.py")
    seen = project.Project([], frozenset(), rows)
    names = Names(read.tree, "example.py", seen)
    seen.add("example.py", names)
    return uses.find(names, rows).uses


def _changed(row: table.Row, call) -> set[str]:
    bound = calls.bind(row, call)
    return {
        name
        for name, argument in bound.given.items()
        if calls.is_missing(value := calls.literal(argument.value))
        or value != calls.default_value(row, name)
    }

"""Writes the pages that are printed from tables in the code; ``make docs`` runs it."""

from __future__ import annotations

import inspect
from pathlib import Path

from dy2st import debug, errors

HERE = Path(__file__).parent
PRINTED = "<!-- Printed by `make docs`; edit the table in the code instead. -->\n"


def debugging() -> str:
    """Debug levels and environment variables, from dy2st/debug.py."""
    levels = "\n".join(f"| {level} | {text} |" for level, text in debug.LEVELS.items())
    flags = "\n".join(f"| `{name}` | {text} |" for name, text in debug.FLAGS.items())
    return f"""\
# Debugging

{PRINTED}
`DY2ST_DEBUG=n` in the environment, `dy2st.set_verbosity(n)` or `with dy2st.debug.verbosity(n):` say how
much is printed to stderr; each level prints what the levels below it print too.

| level | prints |
| --- | --- |
{levels}

| environment variable | meaning |
| --- | --- |
{flags}

`net.forward.code` is the generated Python, `net.forward.main_program` the Program;
`dy2st.set_code_level()` prints the generated code of every function that is converted.
`breakpoint()` and `pdb.set_trace()` in a converted function stop in your own file with real values.
"""


def error_page() -> str:
    """All errors by code, from dy2st/errors.py."""
    family = [
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, errors.Dy2stError)
    ]
    parts = ["# Errors\n", PRINTED]
    for cls in sorted(family, key=lambda c: c.code):
        builtin = [b.__name__ for b in cls.__mro__ if b.__module__ == "builtins"]
        also = [f"`{n}`" for n in builtin if n not in ("object", "Exception", "BaseException")]
        kind = f" (also a {', '.join(also)})" if also else ""
        parts.append(f"## {cls.code}\n\n**`{cls.__name__}`**{kind}: {inspect.getdoc(cls)}\n")
    return "\n".join(parts)


PAGES = {"debugging.md": debugging, "errors.md": error_page}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page())


if __name__ == "__main__":
    main()

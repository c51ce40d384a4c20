"""Pages of the documentation that are printed from code: ``python -m dy2st.cli.pages NAME``."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import click

from dy2st import debug, errors


def errors_page() -> str:
    """Every error, its code, what it means and where it stands in the family."""
    lines = [
        "# Errors",
        "",
        "Printed by `make docs` from `dy2st/errors.py`. Each error names your file, line and column, what",
        "was seen, and one remedy. `DY2ST_FULL_TRACEBACK=1` keeps our own frames in the traceback.",
        "",
        "| code | error | means |",
        "| --- | --- | --- |",
    ]
    classes = [
        c
        for _, c in inspect.getmembers(errors, inspect.isclass)
        if issubclass(c, errors.Dy2stError) and c is not errors.Dy2stError
    ]
    for c in sorted(classes, key=lambda c: (c.code, c.__name__)):
        meaning = " ".join((c.__doc__ or "").split())
        lines.append(f'| <a id="{c.code.lower()}"></a>{c.code} | `{c.__name__}` | {meaning} |')
    return "\n".join(lines) + "\n"


def debugging_page() -> str:
    """Debug levels and environment variables."""
    lines = [
        "# Debugging",
        "",
        "Printed by `make docs` from `dy2st/debug.py`.",
        "",
        "`DY2ST_DEBUG=n`, `dy2st.set_verbosity(n)` or `with dy2st.debug.verbosity(n):`; each level prints",
        "what the levels below it print too.",
        "",
        "| level | prints |",
        "| --- | --- |",
        *(f"| {level} | {text} |" for level, text in debug.LEVELS.items()),
        "",
        "| variable | means |",
        "| --- | --- |",
        *(f"| `{name}` | {text} |" for name, text in debug.FLAGS.items()),
    ]
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {"errors": errors_page, "debugging": debugging_page}


@click.command()
@click.argument("name", type=click.Choice(sorted(PAGES)))
def main(name: str) -> None:
    """Print one page."""
    click.echo(PAGES[name](), nl=False)


if __name__ == "__main__":
    main()

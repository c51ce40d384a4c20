"""Lines for a person: with colours on a terminal, plain elsewhere (rich is loaded on a terminal only)."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

Print = Callable[..., None]  # (text, style="")


def printer(stream: IO[str]) -> Print:
    """A function that writes one line in a style (``bold``, ``red``, ``dim``)."""
    if not stream.isatty():

        def plain(text: str, style: str = "") -> None:
            stream.write(text + "\n")

        return plain
    from rich.console import Console

    console = Console(file=stream, highlight=False, soft_wrap=True, emoji=False, markup=False)

    def coloured(text: str, style: str = "") -> None:
        console.print(text, style=style or None)

    return coloured

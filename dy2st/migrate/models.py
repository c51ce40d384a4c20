"""``paddle-migrate model``: inference models that Paddle 1.8 saved, written again for Paddle 3."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dy2st.errors import MigrateError
from dy2st.migrate import helpers

_ERROR = re.compile(r"\w*(Error|Exception)\b")
_MAIN = """

if __name__ == "__main__":
    import sys

    paddle.enable_static()
    try:
        print(convert_old_model(*(a or None for a in sys.argv[1:])))
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}".strip())
"""


def convert(
    python: str, folder: str, model_filename: str | None = None, params_filename: str | None = None
) -> str:
    """Rewrite one model with the Paddle 3 of an interpreter; returns the new files' prefix.

    The new files stand beside the old ones, which stay. Raises MigrateError where the model cannot
    be read or has an operator without a successor.
    """
    program = os.path.join(folder, model_filename or "__model__")
    if not os.path.isfile(program):
        raise MigrateError(f"{program} is not there: name the file by --model-filename")
    operators = [name for name in helpers.load() if name.startswith("op_")]
    text = helpers.module_text(["convert_old_model", *operators]) + _MAIN
    with tempfile.TemporaryDirectory() as temporary:
        script = Path(temporary, "convert.py")
        script.write_text(text, encoding="utf-8")
        arguments = [folder, model_filename or "", params_filename or ""]
        try:
            done = subprocess.run(
                [python, "-W", "ignore", str(script), *arguments],
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise MigrateError(f"{python} does not run: {error}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        marks = [n for n, line in enumerate(lines) if _ERROR.match(line)]
        reason = " ".join(lines[marks[-1] :] if marks else lines[-1:]) or "it died"
        raise MigrateError(f"{program} stays as it was: {reason}")
    return done.stdout.strip().splitlines()[-1]


def old_models(root: str) -> Iterator[str]:
    """The folders below ``root`` that hold a ``__model__`` of 1.8 and nothing newer."""
    for folder, _, files in os.walk(root):
        if "__model__" in files and "__model__.json" not in files:
            yield folder

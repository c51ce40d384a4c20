"""The generated code as text."""

from __future__ import annotations

import ast


def printed(tree: ast.AST) -> str:
    """``tree`` as Python source, one blank line less than ``ast.unparse`` puts before functions."""
    lines = ast.unparse(tree).splitlines()
    kept = [
        line
        for line, following in zip(lines, [*lines[1:], ""])
        if line.strip() or not following.lstrip().startswith(("def ", "@", "class "))
    ]
    # Before Python 3.11, `ast.unparse` puts a space after a lambda without arguments.
    return "\n".join(kept).replace("lambda : ", "lambda: ")

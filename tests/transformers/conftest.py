"""Makes the corpus and the plain meaning of `convert` importable, and binds the latter."""

import sys
from pathlib import Path
from types import CellType

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import python_meaning  # noqa: E402

from dy2st.transformers import conversion  # noqa: E402


@pytest.fixture(autouse=True)
def plain_meaning(monkeypatch):
    """Converted code calls plain Python meanings here; `convert` itself has tests of its own."""
    monkeypatch.setattr(conversion, "_support", CellType(python_meaning))
    python_meaning._FILES.add(str(Path(__file__).parent / "corpus"))
    return python_meaning

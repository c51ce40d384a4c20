"""Tracebacks show the user's frames, one for each call of the user's."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import traceback
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "transformers"

PROGRAM = """\
import sys
sys.path[:0] = [{root!r}, {support!r}]
import types
import python_meaning
from dy2st.transformers import bind_support, convert_function
from dy2st.source.tracebacks import strip

# The package's own modules, as far as a frame can tell.
for name in ("if_", "for_", "while_", "and_", "compare", "call", "ifexp", "or_", "local"):
    f = getattr(python_meaning, name)
    setattr(python_meaning, name, types.FunctionType(
        f.__code__, dict(vars(python_meaning), __name__="dy2st.convert.fake"), f.__name__,
        f.__defaults__, f.__closure__))
bind_support(python_meaning)
source = '''
def run(f, *args):
    made = convert_function(f).function
    try:
        return made(*args)
    except Exception as error:
        strip(error)
        raise
'''
scope = dict(__name__="dy2st.static.fake", convert_function=convert_function, strip=strip)
exec(compile(source, "fake.py", "exec"), scope)
run = scope["run"]

{user}
"""


def stderr_of(tmp_path, user, **environment):
    path = tmp_path / "user.py"
    path.write_text(
        PROGRAM.format(root=str(ROOT), support=str(SUPPORT), user=textwrap.dedent(user))
    )
    made = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, env=environment, timeout=60
    )
    assert made.returncode == 1
    return made.stderr


USER = """
    def helper(x):
        return x["missing"]

    def f(x):
        for i in range(3):
            if i == 1:
                y = x and helper(x)
        return y

    run(f, {1: 2})
"""


def test_uncaught_error_shows_only_the_users_frames(tmp_path):
    text = stderr_of(tmp_path, USER)
    files = [line.strip() for line in text.splitlines() if line.strip().startswith("File ")]
    assert all("user.py" in line for line in files), text
    assert files[0].endswith("in <module>")
    assert files[-1].endswith("in helper")
    # module, the operand of `and` in f, helper: nothing twice
    assert len(files) == 3, text
    assert 'return x["missing"]' in text
    assert "y = x and helper(x)" in text
    if sys.version_info >= (3, 11):
        assert "~^^^^^^^^^^^" in text
    assert text.rstrip().endswith("KeyError: 'missing'")


def test_full_traceback_on_demand(tmp_path):
    text = stderr_of(tmp_path, USER, DY2ST_FULL_TRACEBACK="1")
    assert "in run" in text
    assert "python_meaning.py" in text


def test_unstripped_without_our_frames():
    from dy2st.source.tracebacks import user_frames

    try:
        {}["k"]
    except KeyError as error:
        before = traceback.format_tb(error.__traceback__)
        assert traceback.format_tb(user_frames(error.__traceback__)) == before


def test_location_of_an_error():
    from dy2st.source.tracebacks import error_location
    from dy2st.transformers import convert_function

    with pytest.raises(ZeroDivisionError) as caught:
        convert_function(divides).function(0)
    where = error_location(caught.value)
    assert where is not None
    first = divides.__code__.co_firstlineno
    assert (where.file, where.line) == (__file__, first + 2)
    assert where.function == "divides"
    if sys.version_info >= (3, 11):
        line = Path(__file__).read_text().splitlines()[where.line - 1]
        assert line[where.column : where.end_column] == "1 / x"


def divides(x):
    while True:
        y = [1 / x]
        return y


@pytest.fixture(autouse=True)
def plain_meaning(monkeypatch):
    from types import CellType

    monkeypatch.syspath_prepend(str(SUPPORT))
    import python_meaning

    from dy2st.transformers import conversion

    monkeypatch.setattr(conversion, "_support", CellType(python_meaning))

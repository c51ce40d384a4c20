"""A real pdb in a pseudo-terminal: it stops on the user's lines and never in frames of ours."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

pexpect = pytest.importorskip("pexpect")

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "transformers"

HEAD = f"""\
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(SUPPORT)!r}]
import python_meaning
from dy2st.source.debugger import debugger
from dy2st.transformers import bind_support, convert_function
python_meaning.debugger = debugger
bind_support(python_meaning)
scope = dict(__name__="dy2st.static.fake", convert_function=convert_function)
exec(compile('''
def to_static(f):
    made = convert_function(f)
    assert made.has_breakpoint

    def run(*args):
        x = made.function(*args)
        return x

    return run
''', "fake.py", "exec"), scope)
to_static = scope["to_static"]
"""

USER = """\
import pdb


def caller(x):
    before = "caller's"
    result = f(x)
    return result


@to_static
def f(x):
    unused = "seen"
    total = 0
    for i in range(2):
        if x > 0:
            if i == 0:
                {stop}
            y = x + i
        else:
            y = 0
        total += y
    return total


print("result", caller(5))
print("done")
"""
PROMPT = r"\(Pdb\) "
FIRST = HEAD.count("\n") + 1


class Session:
    """A program under pdb's prompt; line numbers are those of ``USER``."""

    def __init__(self, tmp_path, stop, env=None):
        self.fresh = True
        path = tmp_path / "user_model.py"
        path.write_text(HEAD + USER.format(stop=stop))
        self.process = pexpect.spawn(
            sys.executable, [str(path)], encoding="utf-8", timeout=30, env=env, echo=False
        )

    def stopped(self):
        """``(file, line, function)`` of the stop, and the text before the prompt."""
        self.process.expect(PROMPT)
        text = self.process.before
        found = re.findall(r"^> (\S+)\((\d+)\)(\S+?)\(\)", text, re.MULTILINE)
        assert found, text
        if self.fresh and sys.version_info >= (3, 13):
            # There a breakpoint stops on its own line, before 3.13 on the line after it.
            self.fresh = False
            return self("n")
        self.fresh = False
        file, line, function = found[-1]
        return Path(file).name, int(line) - FIRST + 1, function

    def __call__(self, command):
        self.process.sendline(command)
        return self.stopped()

    def ask(self, command):
        self.process.sendline(command)
        self.process.expect(PROMPT)
        return self.process.before.strip()


@pytest.mark.parametrize(
    "stop", ["pdb.set_trace()", "breakpoint()", "from pdb import set_trace; set_trace()"]
)
def test_steps_through_the_users_lines(tmp_path, stop):
    pdb = Session(tmp_path, stop)
    assert pdb.stopped() == ("user_model.py", 18, "f")
    assert pdb.ask("p x, i, total, unused") == "(5, 0, 0, 'seen')"
    # From the last line of the branch to the line after it, round the loop, and on.
    lines = [pdb("n") for _ in range(5)]
    assert lines == [("user_model.py", line, "f") for line in (21, 14, 15, 16, 18)]
    assert pdb.ask("p y, total") == "(5, 5)"
    assert pdb("n") == ("user_model.py", 21, "f")
    assert pdb("n") == ("user_model.py", 14, "f")
    assert pdb("n") == ("user_model.py", 22, "f")


def test_leaves_into_the_users_caller(tmp_path):
    pdb = Session(tmp_path, "pdb.set_trace()")
    pdb.stopped()
    assert pdb.ask("p total") == "0"
    for _ in range(8):
        place = pdb("n")
    assert place == ("user_model.py", 22, "f")
    assert pdb("n") == ("user_model.py", 22, "f")  # pdb's own "--Return--"
    assert pdb("n") == ("user_model.py", 7, "caller")
    assert pdb.ask("p result") == "11"
    pdb.process.sendline("c")
    pdb.process.expect("result 11")
    pdb.process.expect("done")


def test_up_down_and_where(tmp_path):
    pdb = Session(tmp_path, "breakpoint()")
    pdb.stopped()
    where = pdb.ask("w")
    assert "fake.py" not in where
    assert [m for m in re.findall(r"\)(\S+?)\(\)", where)] == ["<module>", "caller", "f"]
    assert pdb("u") == ("user_model.py", 6, "caller")
    assert pdb.ask("p before") == '"caller\'s"'
    assert pdb("u") == ("user_model.py", 25, "<module>")
    assert pdb("d") == ("user_model.py", 6, "caller")
    assert pdb("d") == ("user_model.py", 18, "f")
    assert pdb.ask("!x = 100").strip() == ""
    assert pdb("n")[1] == 21
    assert pdb.ask("p y") == "100"


def test_step_into_a_call_stops_in_the_users_callee(tmp_path):
    pdb = Session(tmp_path, "breakpoint()\n                helper(1)")
    pdb.process.close()
    path = tmp_path / "user_model.py"
    text = path.read_text().replace("import pdb\n", "import pdb\ndef helper(a):\n    return a\n", 1)
    path.write_text(text)
    pdb.process = pexpect.spawn(
        sys.executable, [str(path)], encoding="utf-8", timeout=30, echo=False
    )
    assert pdb.stopped() == ("user_model.py", 20, "f")
    assert pdb("s") == ("user_model.py", 2, "helper")
    assert pdb("s") == ("user_model.py", 3, "helper")
    assert pdb.ask("p a") == "1"


def test_a_debugger_of_the_users_choice(tmp_path):
    import os

    (tmp_path / "mine.py").write_text(
        "import sys\ndef stop():\n    f = sys._getframe(1)\n    print('mine', f.f_code.co_name, f.f_locals['i'])\n"
    )
    env = {**os.environ, "PYTHONBREAKPOINT": "mine.stop", "PYTHONPATH": str(tmp_path)}
    pdb = Session(tmp_path, "breakpoint()", env)
    pdb.process.expect("mine f 0")
    pdb.process.expect("result 11")

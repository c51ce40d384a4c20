"""Breakpoints and errors in functions that were given to ``to_static``."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pexpect = pytest.importorskip("pexpect")
pytest.importorskip("paddle")

ROOT = Path(__file__).parents[2]
PROGRAM = """\
import pdb
import paddle
from dy2st import to_static


class Net(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = paddle.nn.Linear(2, 2)

    @to_static
    def forward(self, x):
        h = self.fc(x)
        if x.sum() > 0:
            scale = 2
            {stop}
            h = h * scale
        else:
            h = -h
        total = h.sum()
        return total


def inner(x):
    {inner}
    return x + 1


@to_static
def outer(x):
    y = inner(x)
    z = y * 2
    return z


def main():
    net = Net()
    x = paddle.ones([1, 2])
    r = {call}
    print("result", tuple(r.shape))


main()
print("done")
"""
LINES = PROGRAM.splitlines()


def line_of(text):
    return next(i for i, line in enumerate(LINES, 1) if text in line)


class Session:
    def __init__(self, tmp_path, **parts):
        path = tmp_path / "user_model.py"
        path.write_text(PROGRAM.format(**{"stop": "pass", "inner": "pass", **parts}))
        self.process = pexpect.spawn(
            sys.executable,
            ["-W", "ignore", str(path)],
            encoding="utf-8",
            timeout=60,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            echo=False,
        )

    def stopped(self):
        self.process.expect(r"\(Pdb\) ")
        text = self.process.before
        found = re.findall(r"^> (\S+)\((\d+)\)(\S+?)\(\)", text, re.MULTILINE)
        assert found, text
        file, line, function = found[-1]
        return Path(file).name, int(line), function

    def __call__(self, command):
        self.process.sendline(command)
        return self.stopped()

    def ask(self, command):
        self.process.sendline(command)
        self.process.expect(r"\(Pdb\) ")
        return self.process.before.strip()


@pytest.mark.slow
@pytest.mark.parametrize("stop", ["pdb.set_trace()", "breakpoint()"])
def test_breakpoint_in_a_branch(tmp_path, stop):
    pdb = Session(tmp_path, stop=stop, call="net(x)")
    assert pdb.stopped() == ("user_model.py", line_of("h = h * scale"), "forward")
    assert pdb.ask("p scale, type(self).__name__, h.numpy().shape") == ("(2, 'Net', (1, 2))")
    assert pdb("n") == ("user_model.py", line_of("total = h.sum()"), "forward")
    assert pdb("n") == ("user_model.py", line_of("return total"), "forward")
    assert "dy2st" not in pdb.ask("w")
    assert pdb("n") == ("user_model.py", line_of("return total"), "forward")
    pdb.process.sendline("c")
    pdb.process.expect("result")
    pdb.process.expect("done")


@pytest.mark.slow
def test_breakpoint_in_a_function_that_is_called(tmp_path):
    pdb = Session(tmp_path, inner="breakpoint()", call="outer(x)")
    assert pdb.stopped() == ("user_model.py", line_of("return x + 1"), "inner")
    assert pdb.ask("p x.numpy().tolist()") == "[[1.0, 1.0]]"
    assert pdb("u") == ("user_model.py", line_of("y = inner(x)"), "outer")
    assert pdb("u") == ("user_model.py", line_of("r = {call}"), "main")
    pdb("d"), pdb("d")
    assert pdb("n")[2] == "inner"  # "--Return--"
    assert pdb("n") == ("user_model.py", line_of("z = y * 2"), "outer")
    assert pdb("n") == ("user_model.py", line_of("return z"), "outer")
    assert pdb("n")[2] == "outer"
    assert pdb("n") == ("user_model.py", line_of('print("result"'), "main")
    pdb.process.sendline("c")
    pdb.process.expect("done")


@pytest.mark.slow
def test_errors_show_the_users_frames(tmp_path):
    path = tmp_path / "user_model.py"
    path.write_text(
        textwrap.dedent(
            """\
            import paddle
            from dy2st import to_static

            def helper(x, table):
                return table["missing"]

            @to_static
            def f(x):
                if x.sum() > 0:
                    y = helper(x, {})
                else:
                    y = x
                return y

            f(paddle.ones([2]))
            """
        )
    )
    made = subprocess.run(
        [sys.executable, "-W", "ignore", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    places = re.findall(r'File "(.*)", line (\d+), in (\S+)', made.stderr)
    assert all(Path(file).name == "user_model.py" for file, _, _ in places), made.stderr
    assert [place[1:] for place in places] == [("15", "<module>"), ("5", "helper")], made.stderr
    assert 'return table["missing"]' in made.stderr


@pytest.mark.nightly
def test_a_debugger_that_runs_the_program(tmp_path):
    """``python -m pdb`` with a breakpoint on a line: while the function is captured, it stops there."""
    pdb = Session(tmp_path, call="net(x)")
    pdb.process.close()
    path = tmp_path / "user_model.py"
    pdb.process = pexpect.spawn(
        sys.executable,
        ["-W", "ignore", "-m", "pdb", str(path)],
        encoding="utf-8",
        timeout=60,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        echo=False,
    )
    pdb.stopped()
    pdb.ask(f"b {line_of('scale = 2')}")
    assert pdb("c") == ("user_model.py", line_of("scale = 2"), "forward")
    assert pdb.ask("p type(self).__name__, h.shape") == "('Net', paddle.Size([1, 2]))"
    seen = {pdb("n")[0] for _ in range(12)}
    assert "user_model.py" in seen
    assert not {file for file in seen if (ROOT / "dy2st" / "convert" / file).exists()}

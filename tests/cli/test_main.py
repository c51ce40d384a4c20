"""The command line starts fast and without Paddle, and every command says what it does."""

import os
import subprocess
import sys

from dy2st.cli.main import COMMANDS

BLOCK_PADDLE = "import sys; sys.modules['paddle'] = None; sys.argv = ['dy2st', {args}]; "
RUN = BLOCK_PADDLE + "from dy2st.cli.main import main; main()"


def run(*args: str) -> subprocess.CompletedProcess:
    code = RUN.format(args=", ".join(map(repr, args)))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_help_names_every_command_without_paddle():
    result = run("--help")
    assert result.returncode == 0, result.stderr
    for name, (_, _, line) in COMMANDS.items():
        assert name in result.stdout
        assert line.split()[0] in result.stdout


def test_help_starts_in_under_0_3_seconds_of_processor_time():
    def cost() -> float:
        before = os.times()
        run("--help")
        after = os.times()
        return after.children_user + after.children_system - before[2] - before[3]

    assert min(cost() for _ in range(3)) < 0.3


def test_every_command_has_help_of_its_own():
    for name in COMMANDS:
        result = run(name, "--help")
        assert result.returncode == 0, result.stderr
        assert "Usage" in result.stdout


def test_demo_without_paddle_says_what_to_install():
    result = run("demo")
    assert result.returncode == 1
    assert "dy2st[paddle]" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_command_is_refused():
    assert run("nonsense").returncode == 2


def test_version():
    assert "0.1.0" in run("--version").stdout

"""``verify`` on programs that draw at random: right migrations are equal, wrong ones are told."""

import json
import os
import re
import sys

import programs
import pytest

from dy2st.errors import MigrateError
from dy2st.migrate import engine, scan
from dy2st.migrate.verify import compare, recorder

pytestmark = pytest.mark.slow

RANDOM_BRANCH = """paddle.static.nn.cond(
    paddle.full([], True, 'bool'), lambda: paddle.uniform([3, 8]), lambda: paddle.zeros([3, 8]))"""
# Name to: program, what is replaced in its migrated text, by what, and what must be said of it.
WRONG = {
    "probability": (
        "dropout_static",
        "hidden, 0.3, mode",
        "hidden, 0.4, mode",
        r"step 1, dropout_static.py:\d+: dropout drawn with p = 0.3, now 0.4\n",
    ),
    "range": (
        "dropout_static",
        "min=-0.5",
        "min=-0.25",
        r"step 1, dropout_static.py:\d+: uniform drawn with min = -0.5, now -0.25\n",
    ),
    "mode": (
        "dropout_static",
        "p=0.5, mode='upscale_in_train'",
        "p=0.5, mode='downscale_in_infer'",
        r"step 1, dropout_static.py:26 \(now dropout_static.py:\d+\): \S+, now \S+ \(relative",
    ),
    "learning rate": (
        "dropout_static",
        "SGD(0.1)",
        "SGD(0.2)",
        r"step 2, dropout_static.py:28 \(now dropout_static.py:\d+\): \S+, now \S+ \(relative",
    ),
    "activation": (
        "dropout_dygraph",
        "act='relu')",
        "act='tanh')",
        r"step 1, dropout_dygraph.py:30 \(now dropout_dygraph.py:\d+\): \S+, now \S+ \(relative",
    ),
    "in a branch": (
        "dropout_static",
        "paddle.uniform([3, 8], min=-0.5, max=0.5)",
        RANDOM_BRANCH,
        r"not comparable from step 1 on, dropout_static.py:\d+: uniform in a block of control flow\n$",
    ),
    "left out": (
        "dropout_dygraph",
        "_fluid_gaussian_random([3, 8], std=0.1)",
        "0.0",
        r"not comparable from step 1 on, .*: dropout drawn where the old run draws gaussian\n$",
    ),
    "one more": (
        "dropout_dygraph",
        "print(net(rows).numpy())",
        "print(net(rows).numpy())\nprint(paddle.rand([2]).numpy())",
        r"not comparable from step 12 on, .*: a draw of uniform that the old run does not make\n"
        r"before it, 11 values in 11 steps agree to [5-9]\.\d digits\n$",
    ),
}


def record(folder, jobs):
    """Run scripts of today's Paddle from the old runs' parameters and draws."""
    plan = []
    for name, (program, text) in jobs.items():
        script = folder / name.replace(" ", "_") / f"{program}.py"
        script.parent.mkdir()
        script.write_text(text)
        plan.append(
            {
                "script": str(script),
                "record": str(folder / f"{name}.json"),
                "initial": str(programs.RECORDED / f"{program}.json"),
            }
        )
    compare.run_recorder(sys.executable, plan, 300)
    return {name: compare.load(folder / f"{name}.json") for name in jobs}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The records of all wrong migrations, made in one process, and of the two right ones."""
    texts = {}
    for program in ("dropout_static", "dropout_dygraph"):
        raw = programs.scripts()[program].read_bytes()
        outcome = engine.migrate(raw, facts=scan.prescan([raw]))
        assert not outcome.open_points
        texts[program] = outcome.new.decode()
    jobs = {p: (p, text) for p, text in texts.items()}
    for name, (program, old, new, _) in WRONG.items():
        assert texts[program].count(old) == 1, (name, old)
        jobs[name] = program, texts[program].replace(old, new)
    return record(tmp_path_factory.mktemp("verify"), jobs)


def _said(runs, name, program, capsys):
    old = json.loads((programs.RECORDED / f"{program}.json").read_text())
    code = compare.report(old, runs[name], compare.compare(old, runs[name], 1e-4))
    return code, capsys.readouterr().out


@pytest.mark.parametrize("program", ["dropout_static", "dropout_dygraph"])
def test_draws_are_replayed(runs, program, capsys):
    code, said = _said(runs, program, program, capsys)
    assert code == 0
    assert re.match(r"equal: (25|11) values in (10|11) steps agree to [4-9]\.\d digits\n$", said)


@pytest.mark.parametrize("name", sorted(WRONG))
def test_what_is_wrong_is_told(runs, name, capsys):
    program, _, _, expected = WRONG[name]
    code, said = _said(runs, name, program, capsys)
    assert code == 2
    assert "equal:" not in said
    assert re.match(expected, said), said


@pytest.mark.parametrize(
    ("now", "old", "expected"),
    [
        ([-1, 4], [3, 4], [3, 4]),
        ([-1, 1], [5], [5, 1]),
        ([5], [5, 1], [5]),
        ([-1, 8], [1, 8], [1, 8]),
        ([3, 4], [4, 3], None),
        ([2, -1], [3, 4], [3, 4]),  # nominal where one is open
        ([-1], [3, 4], None),
        ([], [1], []),
        ([0, 4], [0, 4], [0, 4]),
    ],
)
def test_shapes_of_draws(now, old, expected):
    assert recorder.filled(now, old) == expected


def test_old_draws_that_show_nothing_are_not_comparable():
    lost = {"step": 1, "what": "nce", "place": "train.py:7", "wrong": False}
    step = {"kind": "run", "place": "a", "values": [{"shape": [], "dtype": "f", "data": [1.0]}]}
    old, new = ({"steps": [step, step], "error": ""} for _ in range(2))
    old["lost"] = [lost]
    result = compare.compare(old, new, 1e-4)
    assert result.lost.text == "nce"
    assert result.values == 1
    assert compare.report(old, new, compare.compare(old, new, 1e-4)) == 2


def _run(value, fed=1.0, **more):
    values = [{"shape": [1], "dtype": "float32", "data": [value]}]
    steps = [{"kind": "run", "place": "a.py:3", "values": values, "fed": {"x": fed}}]
    return {"steps": steps, "error": "", "exit": 0, **more}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (_run(1.0), _run(1.0), "equal: 1 values in 1 steps"),
        (_run(1.0, steps=[]), _run(1.0, steps=[]), "nothing was compared: the program fetches no"),
        (
            _run(1.0),
            _run(2.0),
            r"step 1, a.py:3 \(now a.py:3\): 1, now 2 \(relative difference 1\)$",
        ),
        (_run(1.0), _run(2.0, 3.0), "step 1, .*; x is fed other data .* is 3.0, was 1.0"),
        (_run(1.0, exit=3), _run(1.0, exit=3), "equal: "),
        (_run(1.0), _run(1.0, exit=3), "the original ends with exit code 0, the migrated with 3"),
        (
            _run(1.0),
            _run(1.0, error="Traceback: no\n"),
            "the migrated program fails:\nTraceback: no$",
        ),
    ],
)
def test_reports(old, new, expected, capsys):
    code = compare.report(old, new, compare.compare(old, new, 1e-4))
    said = capsys.readouterr().out
    assert re.match(expected, said, re.MULTILINE), said
    assert code == (0 if expected.startswith("equal") else 2)


def test_large_arrays_lie_beside_the_record(tmp_path):
    script = tmp_path / "big.py"
    script.write_text(
        "import numpy as np, sys\nx = np.arange(5000.0)\ny = x[:3] + 1j\nsys.exit(3)\n"
    )
    job = {"script": str(script), "record": str(tmp_path / "r.json")}
    compare.run_recorder(sys.executable, [job], 100)
    assert compare.load(job["record"])["exit"] == 3
    script.write_text(script.read_text().replace("sys.exit(3)", ""))
    compare.run_recorder(sys.executable, [job], 100)
    left = compare.load(job["record"])["globals"]
    assert left["x"][0]["data"].tolist() == list(range(5000))
    assert left["y"][0] == {"shape": [3, 2], "dtype": "float64", "data": [0, 1, 1, 1, 2, 1]}
    assert (tmp_path / "r.json").stat().st_size < 1000


def test_the_other_paddle_is_refused(tmp_path):
    script = tmp_path / "empty.py"
    script.write_text("")
    job = {"script": str(script), "record": str(tmp_path / "r.json"), "old": True}
    with pytest.raises(MigrateError, match=r"it has Paddle 3.* and 1.6 to 1.8 is wanted"):
        compare.run_recorder(sys.executable, [job], 100)
    with pytest.raises(MigrateError, match="No such file"):
        compare.run_recorder(str(tmp_path / "python"), [job], 100)


def test_errors_are_told_from_the_users_first_line(tmp_path):
    script = tmp_path / "bad.py"
    script.write_text("def f(x):\n    return 1 / x\nf(0)\n")
    job = {"script": str(script), "record": str(tmp_path / "r.json")}
    compare.run_recorder(sys.executable, [job], 100)
    lines = compare.load(job["record"])["error"].splitlines()
    assert "bad.py" in lines[1]
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert not any("recorder.py" in line for line in lines)


@pytest.mark.skipif("PADDLE_1_8_PYTHON" not in os.environ, reason="needs a Python with Paddle 1.8")
@pytest.mark.parametrize("program", ["dropout_static", "dropout_dygraph", "regression"])
def test_both_sides_run(program, capsys):
    old = os.environ["PADDLE_1_8_PYTHON"]
    script = str(programs.scripts()[program])
    assert compare.verify(script, (), old, sys.executable, 1e-4, 300) == 0
    assert capsys.readouterr().out.startswith("equal: ")


def _record(*values):
    array = lambda v: {"shape": [1], "dtype": "float32", "data": [v]}
    steps = [{"kind": "run", "place": "a.py:1", "values": [array(v)]} for v in values]
    return {"parameters": [], "steps": steps, "draws": [], "lost": [], "globals": {}, "error": ""}


@pytest.mark.parametrize(
    ("moved", "start"), [((1.0, 2.1), "not comparable from step 2"), ((1.0, 2.0), "step 2, ")]
)
def test_rounding_is_told_from_other_differences(moved, start, capsys):
    """What a last digit of the first parameters moves as early is not comparable, never equal."""
    old, new = _record(1.0, 2.2), _record(1.0, 2.0)
    result = compare.compare(old, new, 1e-4)
    compare.blame_rounding(result, compare.compare(new, _record(*moved), 1e-4))
    assert compare.report(old, new, result) == 2
    assert capsys.readouterr().out.startswith(start)

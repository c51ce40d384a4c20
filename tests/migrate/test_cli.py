"""The command line on real folders: what is written, what is refused, what the exit code says."""

import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dy2st.cli.migrate import main

ROOT = Path(__file__).parent.parent.parent
OLD = "import paddle.fluid as fluid\nx = fluid.layers.relu(y)\n"
NEW = "import paddle\nx = paddle.nn.functional.relu(y)\n"
HALF = "import paddle.fluid as fluid\nx = fluid.layers.no_such_name(y)\n"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in a folder; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as end:
            code = end.code or 0
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


def write(folder, files):
    for name, text in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_rewrites_in_place_and_undo(run, tmp_path):
    write(tmp_path, {"a.py": OLD, "b.txt": OLD, "sub/c.py": "x = 1\n"})
    os.chmod(tmp_path / "a.py", 0o755)
    code, out, _ = run(".")
    assert code == 0
    assert out.splitlines()[0].startswith("converted 1 of 1 uses in 1 files")
    assert (tmp_path / "a.py").read_text() == NEW
    assert stat.S_IMODE((tmp_path / "a.py").stat().st_mode) == 0o755
    assert (tmp_path / "b.txt").read_text() == OLD
    assert run(".")[1].startswith("converted 0 of 0")
    assert run("undo")[0] == 0
    assert (tmp_path / "a.py").read_text() == OLD


def test_exit_codes(run, tmp_path):
    write(tmp_path, {"a.py": OLD})
    assert run(".", "--check")[0] == 1
    assert (tmp_path / "a.py").read_text() == OLD
    write(tmp_path, {"half.py": HALF})
    assert run(".", "--check")[0] == 2
    write(tmp_path, {"bad.py": "print 'x'\n" + OLD})
    code, out, _ = run(".")
    assert code == 3
    assert "bad.py:1" in out
    assert (tmp_path / "a.py").read_text() == NEW
    assert run("--no-such-option")[0] == 64
    assert run("missing-folder")[0] == 64
    assert run(".", "--target", "4.x")[0] == 64
    assert run(".", "--report", "r.pdf")[0] == 64


def test_diff_and_check_change_nothing(run, tmp_path):
    write(tmp_path, {"a.py": OLD})
    code, out, err = run(".", "--diff")
    assert code == 0
    assert "-x = fluid.layers.relu(y)\n" in out
    assert "+x = paddle.nn.functional.relu(y)\n" in out
    assert err.startswith("converted 1 of 1")
    assert (tmp_path / "a.py").read_text() == OLD


def test_diff_is_what_git_applies(run, tmp_path, monkeypatch):
    """The new helper file, a form feed, CRLF, Latin-1 and a missing last newline included."""
    sources = {
        "a.py": b"import paddle.fluid as fluid\nx = fluid.layers.fc(y, 3, act='relu')",
        "b.py": b"# -*- coding: latin-1 -*-\n\x0cimport paddle.fluid as f # \xe9\nz = f.layers.relu(y)\n",
        "c.py": b"import paddle.fluid as f\r\nz = f.layers.relu(y)\r\n",
    }
    patched, rewritten = tmp_path / "patched", tmp_path / "rewritten"
    for folder in (patched, rewritten):
        folder.mkdir()
        for name, text in sources.items():
            (folder / name).write_bytes(text)
    command = [sys.executable, "-m", "dy2st.cli.migrate", ".", "--diff"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    patch = subprocess.run(command, cwd=patched, env=environment, check=True, capture_output=True)
    subprocess.run(["git", "apply", "-"], cwd=patched, input=patch.stdout, check=True)
    monkeypatch.chdir(rewritten)
    assert run(".")[0] == 0
    names = {p.name for p in rewritten.glob("*.py")}
    assert names == {*sources, "fluid_compat.py"}
    for name in names:
        assert (patched / name).read_bytes() == (rewritten / name).read_bytes()


def test_out_is_a_copy(run, tmp_path):
    write(tmp_path, {"src/a.py": OLD, "src/data/b.txt": "text"})
    assert run("src", "--out", "new")[0] == 0
    assert (tmp_path / "src/a.py").read_text() == OLD
    assert (tmp_path / "new/a.py").read_text() == NEW
    assert (tmp_path / "new/data/b.txt").read_text() == "text"


def test_helper_module_of_scripts_and_packages(run, tmp_path):
    helper = OLD.replace("relu", "hard_sigmoid")
    write(
        tmp_path, {"s/a.py": helper, "p/__init__.py": "", "p/q/__init__.py": "", "p/q/b.py": helper}
    )
    assert run(".")[0] == 0
    assert "import fluid_compat" in (tmp_path / "s/a.py").read_text()
    assert (tmp_path / "s/fluid_compat.py").exists()
    assert "from .. import fluid_compat" in (tmp_path / "p/q/b.py").read_text()
    assert (tmp_path / "p/fluid_compat.py").exists()
    assert not (tmp_path / "p/q/fluid_compat.py").exists()


def test_helper_module_of_scripts_in_a_folder_with_init(run, tmp_path):
    """A folder whose files import each other by bare names is searched by Python: no package."""
    helper = OLD.replace("relu", "hard_sigmoid")
    write(
        tmp_path,
        {
            "seg/__init__.py": "",
            "seg/solver.py": helper,
            "seg/train.py": "import solver\nfrom models.net import f\n" + helper,
            "seg/models/__init__.py": "",
            "seg/models/net.py": helper + "f = 1\n",
            "pkg/__init__.py": "",
            "pkg/a.py": "from . import b\n" + helper,
            "pkg/b.py": helper,
        },
    )
    assert run(".")[0] == 0
    for name in ("seg/solver.py", "seg/train.py"):
        assert "\nimport fluid_compat\n" in "\n" + (tmp_path / name).read_text()
    for name in ("seg/models/net.py", "pkg/a.py", "pkg/b.py"):
        assert "from . import fluid_compat" in (tmp_path / name).read_text()
    folders = {str(p.parent.relative_to(tmp_path)) for p in tmp_path.rglob("fluid_compat.py")}
    assert folders == {"seg", "seg/models", "pkg"}
    assert run(".", "--check")[0] == 0


def test_own_fluid_compat_is_not_written_over(run, tmp_path):
    write(tmp_path, {"a.py": OLD.replace("relu", "hard_sigmoid"), "fluid_compat.py": "mine = 1\n"})
    assert run(".")[0] == 0
    assert (tmp_path / "fluid_compat.py").read_text() == "mine = 1\n"
    assert "import fluid_compat_2" in (tmp_path / "a.py").read_text()


def test_names_through_the_projects_own_files(run, tmp_path):
    write(
        tmp_path,
        {
            "common.py": "import paddle.fluid as fluid\nfrom paddle.fluid import layers\n",
            "star.py": "from common import *\nlayers.relu(1)\n",
            "use.py": "from common import layers as L\n"
            "import common\nL.relu(1)\ncommon.fluid.layers.tanh(2)\n",
        },
    )
    code, out, _ = run(".")
    assert code == 0, out
    assert "paddle.nn.functional.relu(1)" in (tmp_path / "star.py").read_text()
    text = (tmp_path / "use.py").read_text()
    assert "paddle.nn.functional.relu(1)" in text
    assert "paddle.tanh(2)" in text


def test_ignored_files_and_globs(run, tmp_path):
    files = ["a.py", "build/b.py", "c_test.py", "keep/d.py", "venv/pyvenv.cfg", "venv/e.py"]
    write(tmp_path, {**dict.fromkeys(files, OLD), ".gitignore": "build/\n*_test.py\n"})
    assert run(".", "--exclude", "keep/")[0] == 0
    assert (tmp_path / "a.py").read_text() == NEW
    for name in files[1:]:
        assert (tmp_path / name).read_text() == OLD, name
    assert run(".", "--include", "keep/*.py")[0] == 0
    assert (tmp_path / "keep/d.py").read_text() == NEW


def test_uncommitted_changes_are_refused(run, tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.email=a@b.c", "-c", "user.name=n"]
    write(tmp_path, {"a.py": OLD, "b.py": OLD})
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "start"], check=True)
    write(tmp_path, {"a.py": "# changed\n" + OLD})
    code, out, _ = run(".")
    assert code == 3
    assert "uncommitted" in out
    assert (tmp_path / "a.py").read_text() == "# changed\n" + OLD
    assert (tmp_path / "b.py").read_text() == NEW
    assert run("a.py", "--allow-dirty")[0] == 0
    assert (tmp_path / "a.py").read_text() == "# changed\n" + NEW


def test_reports(run, tmp_path):
    write(tmp_path, {"a.py": OLD, "half.py": HALF})
    names = ["r.json", "r.md", "r.html", "r.sarif"]
    arguments = [a for n in names for a in ("--report", n)]
    assert run(".", "--check", *arguments)[0] == 2
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["found"] == 2
    assert data["converted"] == 1
    assert data["unknown"] == 1
    sarif = json.loads((tmp_path / "r.sarif").read_text())
    assert {r["level"] for r in sarif["runs"][0]["results"]} == {"note", "warning"}
    for name in names[1:3]:
        assert "no_such_name" in (tmp_path / name).read_text()


def test_stdin(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "dy2st.cli.migrate", "-"],
        input=OLD.encode(),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0
    assert done.stdout == NEW.encode()


def test_notebook(run, tmp_path):
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["fluid.layers"]},
        {
            "cell_type": "code",
            "metadata": {},
            "outputs": [],
            "source": ["%matplotlib inline\n", "import paddle.fluid as fluid\n", "!ls"],
        },
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": "fluid.layers.relu(x)"},
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": ["%%bash\n", "if x; then"]},
    ]
    book = {"cells": cells, "metadata": {"k": "é"}, "nbformat": 4, "nbformat_minor": 2}
    write(tmp_path, {"n.ipynb": json.dumps(book, indent=1, ensure_ascii=False) + "\n"})
    assert run(".")[0] == 0
    text = (tmp_path / "n.ipynb").read_text()
    new = json.loads(text)
    assert new["cells"][1]["source"] == ["%matplotlib inline\n", "import paddle\n", "!ls"]
    assert new["cells"][2]["source"] == "paddle.nn.functional.relu(x)"
    assert new["cells"][3] == cells[3]
    assert text.startswith('{\n "cells"')
    write(tmp_path, {"broken.ipynb": "{paddle"})
    assert run(".")[0] == 3


def test_configuration(run, tmp_path):
    write(tmp_path, {"a.py": OLD, "gen/b.py": OLD})
    write(tmp_path, {"pyproject.toml": "[tool.paddle-migrate]\nexclude = ['gen/']\n"})
    assert run(".")[0] == 0
    assert (tmp_path / "gen/b.py").read_text() == OLD
    write(tmp_path, {"pyproject.toml": "[tool.paddle-migrate]\nno-such-key = 1\n"})
    assert run(".")[0] == 64


def test_markers_fail_when_asked(run, tmp_path):
    write(tmp_path, {"a.py": "# TODO(paddle-migrate PM301): why\nx = 1\n"})
    assert run(".")[0] == 0
    assert run(".", "--fail-on-markers")[0] == 2


def test_bad_files_do_not_stop_the_others(run, tmp_path):
    write(tmp_path, {"a.py": OLD})
    (tmp_path / "nul.py").write_bytes(b"import paddle.fluid\n\x00")
    (tmp_path / "deep.py").write_bytes(b"import paddle.fluid\nx = " + b"[" * 5000 + b"]" * 5000)
    (tmp_path / "long.py").write_bytes(b"import paddle\nx = '" + b"a" * 5_000_000 + b"'\n")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "folder_loop").symlink_to(".")
    code, out, _ = run(".")
    assert code == 3
    assert (tmp_path / "a.py").read_text() == NEW
    assert "nul.py" in out
    assert "deep.py" in out
    assert not list(tmp_path.glob(".paddle-migrate-*"))


def test_read_only_files_stay(run, tmp_path):
    write(tmp_path, {"a.py": OLD})
    os.chmod(tmp_path / "a.py", 0o444)
    code, out, _ = run(".")
    assert code == 3
    assert "read-only" in out
    assert (tmp_path / "a.py").read_text() == OLD


def test_explain_rules_table(run):
    code, out, _ = run("explain", "paddle.fluid.layers.cross_entropy")
    assert code == 0
    assert "use_softmax = False" in out
    assert run("explain", "PM201")[0] == 0
    assert run("explain", "nothing.at.all")[0] == 64
    assert "PM210" in run("rules")[1]
    assert len(run("table")[1].splitlines()) >= 621


def test_help_is_quick_and_needs_no_paddle():
    root = str(Path(__file__).parents[2])
    code = (
        "import sys\nfrom dy2st.cli.migrate import main\ntry:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'paddle', 'rich', 'numpy', 'dy2st.migrate.engine'} & set(sys.modules)\n"
        "sys.exit(bool(heavy))"
    )
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": root},
            capture_output=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # processor time: what others run on the machine is no fault of ours
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.returncode == 0, done.stderr
    assert min(times) < 0.3


def test_a_kill_at_any_moment_leaves_whole_files(tmp_path):
    """The write itself is interrupted: the file is the old one, and nothing lies beside it."""
    from unittest import mock

    from dy2st.migrate import files

    path = tmp_path / "a.py"
    path.write_text(OLD)
    with mock.patch("os.replace", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        files.replace(str(path), b"new")
    assert path.read_text() == OLD
    assert [p.name for p in tmp_path.iterdir()] == ["a.py"]


def test_explain_says_what_was_probably_meant(run):
    code, _, err = run("explain", "fluid.layers.cross_entrpy")
    assert code == 64
    assert "paddle.fluid.layers.cross_entropy" in err
    assert run("explain", "PM306")[0] == 0
    assert run("explain", "fluid.layers.fc")[0] == 0


def test_rules_that_nobody_has_are_wrong_usage(run, tmp_path):
    write(tmp_path, {"a.py": OLD})
    assert run(".", "--select", "NOPE")[0] == 64
    assert run(".", "--ignore", "paddle.fluid.layers.relu", "--check")[0] == 2
    assert run(".", "--select", "optimizer", "--check")[0] == 2


def test_a_broken_pyproject_is_told_where_it_speaks_of_us(run, tmp_path):
    write(tmp_path, {"a.py": OLD, "pyproject.toml": "[tool.other\n"})
    assert run(".", "--check")[0] == 1
    write(tmp_path, {"pyproject.toml": "[tool.paddle-migrate\n"})
    assert run(".", "--check")[0] == 64


def test_helpers_with_uncommitted_changes_are_refused(run, tmp_path):
    """A file that needs the changed helper module is refused with it, the others are not."""
    fc = OLD.replace("relu(y)", "fc(y, 3)")
    write(tmp_path, {"a.py": fc})
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    assert run(".", "--allow-dirty")[0] == 0
    write(tmp_path, {"b.py": OLD.replace("relu", "hard_sigmoid"), "c.py": OLD})
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *arguments], check=True)
    with (tmp_path / "fluid_compat.py").open("a") as stream:
        stream.write("# mine\n")
    code, out, _ = run(".")
    assert code == 3
    assert "b.py:1: needs fluid_compat.py" in out
    assert (tmp_path / "c.py").read_text() == NEW
    assert (tmp_path / "fluid_compat.py").read_text().endswith("# mine\n")


def test_sarif_names_files_as_uris(run, tmp_path):
    write(tmp_path, {"a b é.py": "n = 'é'; import paddle.fluid as f; f.layers.no_such_name(1)\n"})
    assert run(".", "--report", "r.sarif")[0] == 2
    log = json.loads((tmp_path / "r.sarif").read_text())
    driver = log["runs"][0]["tool"]["driver"]
    result = log["runs"][0]["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert log["version"] == "2.1.0"
    assert place["artifactLocation"]["uri"] == "a%20b%20%C3%A9.py"
    assert place["region"] == {"startLine": 1, "startColumn": 36}
    assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "PM301"
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])


def test_the_second_run_over_helpers_in_the_file_changes_nothing(run, tmp_path):
    """Helpers that stand in a single file are ours: no rule looks at them."""
    write(tmp_path, {"a.py": "import paddle.fluid as fluid\nx = fluid.io.load_vars(e, d)\n"})
    assert run("a.py")[0] == 0
    text = (tmp_path / "a.py").read_text()
    assert "_fluid_load_vars" in text
    code, out, _ = run("a.py")
    assert out.startswith("converted 0 of 0")
    assert code == 0
    assert (tmp_path / "a.py").read_text() == text


def test_a_process_that_dies_costs_one_file(tmp_path):
    """The other jobs of the same process are done by another one."""
    from dy2st.migrate import pool

    def work(number):
        if number in (3, 8):
            os._exit(1)
        return str(number).encode()

    done = {}
    pool.run(12, 2, work, done.__setitem__)
    assert done == {n: None if n in (3, 8) else str(n).encode() for n in range(12)}
    pool.run(3, 2, lambda number: os._exit(1), done.__setitem__)
    assert [done[n] for n in range(3)] == [None] * 3


def test_notebooks_with_every_kind_of_line(run, tmp_path):
    """Magics keep their lines; timed statements are code; shell lines that name 1.x are told."""
    sources = [
        "%matplotlib inline\nfiles = !ls\nhere = %pwd\nimport paddle.fluid as fluid",
        "%time z = fluid.layers.relu(y)\nz?\nprint('%s'\n      % z)\nif True:\n    %cd ..\n",
        "%%time\nw = fluid.layers.tanh(y)\n",
        "%%bash\npython -c 'import paddle.fluid'\n",
        "v = fluid.layers.no_such_name(1)\n",
        "from __future__ import division\n% cd ../..\nimport os\n",
    ]
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": s} for s in sources]
    write(tmp_path, {"a.ipynb": json.dumps({"cells": cells, "nbformat": 4})})
    code, out, _ = run("a.ipynb", "--no-compat")
    assert code == 2
    assert out.startswith("converted 2 of 4 uses")
    assert "cell 4, line 2: a name of 1.x in text that is not Python" in out
    assert "cell 5, line 1: paddle.fluid.layers.no_such_name is no public name" in out
    new = [cell["source"] for cell in json.loads((tmp_path / "a.ipynb").read_text())["cells"]]
    assert new[0].startswith("%matplotlib inline\nfiles = !ls\nhere = %pwd\nimport paddle\nimport")
    assert new[1] == sources[1].replace("fluid.layers", "paddle.nn.functional")
    assert new[2] == "%%time\nw = paddle.tanh(y)\n"
    assert new[3:] == sources[3:]


def test_undo_after_a_run_that_was_killed(run, tmp_path, monkeypatch):
    """The originals are stored before the first write; what was not written yet needs nothing."""
    from dy2st.migrate import runner

    files = {"a.py": OLD.replace("relu(y)", "fc(y, 3)"), "b.py": OLD}
    write(tmp_path, files)
    written = []

    def killed(path, old, new):
        if written:
            raise KeyboardInterrupt
        written.append(path)
        Path(path).write_bytes(new)
        return ""

    with monkeypatch.context() as patch:
        patch.setattr(runner, "_replace", killed)
        patch.setattr(runner, "_WRITERS", 1)
        with pytest.raises(KeyboardInterrupt):
            runner.Runner(runner.Settings(paths=[str(tmp_path)]), lambda done, total: None).run()
    assert run("undo")[:2] == (0, "put back 1 files\n")
    assert {n: (tmp_path / n).read_text() for n in files} == files
    assert not (tmp_path / "fluid_compat.py").exists()
    assert run("undo")[1].startswith("nothing to undo")


@pytest.mark.slow
def test_a_second_run_over_all_programs_changes_nothing(run, tmp_path):
    """As one project, whose helper module and facts the second run sees, too."""
    for path in sorted((ROOT / "tests/fixtures/fluid").glob("*.py")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    first, out, _ = run(".", "--allow-dirty")
    assert first in (0, 2)
    left = out.splitlines()[0].split("; ", 1)[1]
    before = {p.name: p.read_bytes() for p in tmp_path.glob("*.py")}
    for path, text in before.items():
        compile(text, path, "exec")
    again, out, _ = run(".", "--allow-dirty", "--no-cache")
    assert again == first
    assert out.splitlines()[0].startswith("converted 0 of ")
    assert out.splitlines()[0].split("; ", 1)[1] == left
    assert {p.name: p.read_bytes() for p in tmp_path.glob("*.py")} == before


def test_a_single_file_knows_what_it_imports(run, tmp_path):
    """As a pre-commit hook hands files over: names come through files that are not given."""
    files = {
        "pkg/__init__.py": "",
        "pkg/common.py": "import paddle.fluid as F\nlayers = F.layers\n",
        "pkg/use.py": "from .common import layers as L\ny = L.relu(1)\n",
        "top.py": "from pkg.common import *\nz = layers.tanh(2)\n",
    }
    write(tmp_path, files)
    code, out, _ = run("pkg/use.py", "top.py")
    assert code == 0
    assert out.startswith("converted 2 of 2")
    assert "paddle.nn.functional.relu(1)" in (tmp_path / "pkg/use.py").read_text()
    assert "paddle.tanh(2)" in (tmp_path / "top.py").read_text()
    assert (tmp_path / "pkg/common.py").read_text() == files["pkg/common.py"]


def test_many_files_are_looked_at_side_by_side(run, tmp_path):
    """The same is found, by one process or two, and kept for the next run."""
    files = {f"d{n % 7}/f{n}.py": OLD if n % 10 == 0 else f"x = {n}\n" for n in range(260)}
    write(tmp_path, files)
    one = run(".", "--check", "--jobs", "1", "--no-cache")
    two = run(".", "--check", "--jobs", "2", "--no-cache")
    assert one == two
    assert two[1].startswith("converted 26 of 26 uses in 26 files")

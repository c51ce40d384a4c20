"""The house rules: which room may import which, what importing costs, what the wheel holds."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dy2st

ROOT = Path(dy2st.__file__).parent
EVERYBODY = {"errors", "debug", "records"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "debug": set(),
    "records": set(),
    "source": set(),
    "transformers": {"source"},
    "convert": {"capture", "ir", "ops", "source", "transformers"},
    "capture": {"ir", "ops"},
    "ir": set(),
    "ops": {"ir"},
    # Folding constants is running them, and the reference interpreter is what running means.
    "passes": {"ir", "ops", "runtime.reference"},
    "autodiff": {"ir", "ops", "passes"},
    "runtime": {"ir", "ops", "passes"},
    "static": {
        "source",
        "transformers",
        "convert",
        "capture",
        "ir",
        "ops",
        "passes",
        "autodiff",
        "runtime",
    },
    "saved": {"ir", "runtime"},
    "interop": {"ir", "ops", "saved"},
    "migrate": set(),
}
# cli: all, lazily; __init__: the public names.
FREE = {"cli", "__init__"}
PADDLE_ALLOWED = {"capture", "convert", "static", "cli", "migrate"}


def imports(path):
    """(module imported, whether at import time) of a file."""
    tree = ast.parse(path.read_text())
    lazy = {
        id(n)
        for f in ast.walk(tree)
        if isinstance(f, (ast.FunctionDef, ast.Lambda))
        for n in ast.walk(f)
    }
    guarded = {
        id(n)
        for f in ast.walk(tree)
        if isinstance(f, ast.If) and "TYPE_CHECKING" in ast.unparse(f.test)
        for n in ast.walk(f)
    }
    for node in ast.walk(tree):
        early = id(node) not in lazy and id(node) not in guarded
        if isinstance(node, ast.Import):
            yield from ((a.name, early) for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "dy2st":
                yield from ((f"dy2st.{a.name}", early) for a in node.names)
            else:
                yield node.module, early


# Programs, helper functions for users and what runs under their interpreters: Paddle at the top.
TEMPLATES = ("cli/demo_models.py", "migrate/compat/", "migrate/verify/watch_")
FILES = sorted(
    f for f in ROOT.rglob("*.py") if not f.relative_to(ROOT).as_posix().startswith(TEMPLATES)
)


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def test_every_room_is_known():
    assert {room(f) for f in FILES} <= set(ALLOWED) | FREE


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_stay_in_their_rooms(path):
    mine = room(path)
    for name, early in imports(path):
        parts = name.split(".")
        if parts[0] == "paddle":
            assert not early, f"{path}: Paddle is imported lazily"
            kernels = ("runtime/fallback.py", "runtime/paddle_kernels.py")
            runs_paddle = path.relative_to(ROOT).as_posix() in kernels
            assert mine in PADDLE_ALLOWED or runs_paddle, f"{path}: {mine} does not know Paddle"
        if parts[0] != "dy2st" or len(parts) < 2 or mine in FREE:
            continue
        other = parts[1]
        allowed = ALLOWED[mine] | EVERYBODY | {mine}
        assert other in allowed or ".".join(parts[1:3]) in allowed, (
            f"{path.name} of {mine}/ imports {name}"
        )


def run(code, *options):
    return subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.smoke
@pytest.mark.parametrize("module", ["dy2st", "dy2st.cli.main"])
def test_importing_is_light(module):
    code = (
        f"import time; t = time.perf_counter(); import {module}, sys;"
        "print(time.perf_counter() - t, 'paddle' in sys.modules, 'libcst' in sys.modules)"
    )
    best = min((run(code).split() for _ in range(3)), key=lambda r: float(r[0]))
    assert float(best[0]) < 0.3
    assert best[1:] == ["False", "False"]


def test_importing_without_paddle():
    code = (
        "import sys; sys.modules['paddle'] = None\n"
        "import dy2st, dy2st.runtime.plan, dy2st.ir.parser, dy2st.cli.main; print('ok')"
    )
    assert run(code).strip() == "ok"


@pytest.mark.slow
def test_the_wheel_holds_one_package(tmp_path):
    repository = ROOT.parent
    source = tmp_path / "source"
    files = subprocess.run(
        [
            "git",
            "-C",
            str(repository),
            "ls-files",
            "dy2st",
            "pyproject.toml",
            "README.md",
            "LICENSE",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in files:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((repository / name).read_bytes())
    subprocess.run(
        [
            *(sys.executable, "-m", "build", "--wheel", "--no-isolation"),
            *("--outdir", str(tmp_path / "dist"), str(source)),
        ],
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "check_wheel_contents", str(wheel)], check=True)
    with zipfile.ZipFile(wheel) as z:
        tops = {n.split("/")[0] for n in z.namelist()}
        assert {t for t in tops if not t.endswith(".dist-info")} == {"dy2st"}
        assert "dy2st/py.typed" in z.namelist()

"""The whole programs of tests/fixtures/fluid, migrated one by one, and their recordings."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from dy2st.migrate import runner
from dy2st.migrate.config import Settings
from dy2st.migrate.verify import compare

FOLDER = Path(__file__).parents[1] / "fixtures" / "fluid"
RECORDED = FOLDER / "recorded"


def scripts() -> dict[str, Path]:
    """Name to script; a folder with a ``train.py`` is one program, a notebook is its code."""
    found = {p.stem: p for p in sorted(FOLDER.glob("*.py"))}
    found.update({p.parent.name: p for p in sorted(FOLDER.glob("*/train.py"))})
    found.update({p.stem: p for p in sorted(FOLDER.glob("*.ipynb"))})
    return found


def digest(script: Path) -> str:
    """Says whether a recording is of this very program."""
    files = [script] if script.parent == FOLDER else sorted(script.parent.rglob("*.py"))
    return hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()[:12]


def copy(script: Path, target: Path) -> Path:
    """The program alone in a folder of its own."""
    if script.parent == FOLDER:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(script, target)
    else:
        shutil.copytree(script.parent, target)
    return target / script.name


def runnable(script: Path) -> Path:
    """The script itself, or a notebook's code without its magics as a script beside it."""
    if script.suffix != ".ipynb":
        return script
    cells = json.loads(script.read_text())["cells"]
    code = [line for c in cells if c["cell_type"] == "code" for line in [*c["source"], "\n"]]
    lines = "".join(line for line in code if not line.lstrip().startswith(("%", "!")))
    path = script.with_suffix(".py")
    path.write_text(lines)
    return path


def migrate(script: Path, folder: Path) -> tuple[Path, runner.Summary]:
    """The migrated copy of a program and what the run said."""
    source = copy(script, folder / "old" / script.stem)
    target = folder / "new" / script.stem
    settings = Settings(paths=[str(source.parent)], out=str(target), cache=False, jobs=1)
    summary = runner.Runner(settings, lambda done, total: None).run()
    return target / script.name, summary


def run(python: str, paths: dict[str, Path], folder: Path, initial: bool) -> dict[str, Any]:
    """Run programs with an interpreter; returns their records."""
    jobs = []
    for name, path in paths.items():
        record = folder / f"{name}.json"
        job: dict[str, Any] = {"script": str(runnable(path)), "record": str(record)}
        job["folder"] = str(folder)
        job["inline"] = not initial  # recordings are kept as text
        if initial:
            job["initial"] = str(RECORDED / f"{name}.json")
        jobs.append(job)
    compare.run_recorder(python, jobs, 500)
    return {name: compare.load(folder / f"{name}.json") for name in paths}

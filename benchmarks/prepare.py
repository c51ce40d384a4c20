"""Exports each model once for all systems, in the environments of the benchmark's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.graphs import GRAPHS
from benchmarks.measure import WORK
from benchmarks.models import BY_NAME

# paddle2onnx pins onnx 1.17 and wants Paddle beside it: it lives apart from everything else.
PADDLE2ONNX = ["paddlepaddle==3.3.1", "paddle2onnx==2.1.0", "onnx==1.17.0", "packaging"]
NEEDS_ONNX = {"onnxruntime", "openvino"}
SOURCES = ("models.py", "layers.py", "export.py", "graphs.py")


def _run(*command: str) -> None:
    env = dict(os.environ)
    env["PYTHONPATH"] = os.pathsep.join([str(WORK.parents[1]), env.get("PYTHONPATH", "")])
    subprocess.run(command, check=True, env=env, capture_output=True, text=True)


def paddle2onnx_python() -> str:
    """The interpreter of paddle2onnx's own environment, made where it is missing."""
    python = WORK / "p2o-env" / "bin" / "python"
    if not (WORK / "p2o-env" / ".installed").exists():
        print("making an environment for paddle2onnx ...", file=sys.stderr)
        _run(sys.executable, "-m", "venv", str(WORK / "p2o-env"))
        _run(str(python), "-m", "pip", "install", "--quiet", *PADDLE2ONNX)
        (WORK / "p2o-env" / ".installed").touch()
    return str(python)


def _stale(made: Path) -> bool:
    if not made.exists():
        return True
    newest = max((Path(__file__).parent / name).stat().st_mtime for name in SOURCES)
    return made.stat().st_mtime < newest


def prepare(model: str, systems: list[str], batches: list[int]) -> Path:
    """Write what ``systems`` need to run ``model`` under ``.work/models`` and return the folder."""
    folder = WORK / "models" / model
    folder.mkdir(parents=True, exist_ok=True)
    references = [folder / f"reference_{batch}.npz" for batch in batches]
    if any(_stale(path) for path in [*references, folder / "paddle.json"]):
        sizes = ",".join(map(str, batches))
        _run(sys.executable, "-m", "benchmarks.export", model, str(folder), sizes)
    if NEEDS_ONNX & set(systems) and _stale(folder / "model.onnx"):
        if BY_NAME[model].paddle2onnx:
            _run(paddle2onnx_python(), "-m", "benchmarks.export", "--onnx", str(folder))
        else:
            GRAPHS[model](folder)
    return folder

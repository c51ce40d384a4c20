"""Inference models that 1.8.5 saved, written again, compute what 1.8.5 computed from them."""

import json
import shutil
import subprocess
import sys

import examples
import numpy as np
import old_models
import pytest

from dy2st.errors import MigrateError
from dy2st.migrate import engine, models

SAVED = examples.FIXTURES / "models"
USE = """
import json, sys
import numpy as np
import paddle.fluid as fluid
import old_models

place = fluid.CPUPlace()
exe = fluid.Executor(place)
found = {}
for name in old_models.MODELS:
    with fluid.scope_guard(fluid.Scope()):
        folder, files = sys.argv[1] + "/" + name, old_models.FILES.get(name, {})
        program, inputs, fetched = fluid.io.load_inference_model(folder, exe, **files)
        feed = old_models.feed_of(name, lambda a, n: fluid.create_lod_tensor(a, n, place))
        values = exe.run(program, feed=feed, fetch_list=fetched, return_numpy=False)
        values = [np.array(v).tolist() for v in values]
        found[name] = {"inputs": inputs, "values": values}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of the saved models."""
    target = tmp_path_factory.mktemp("models") / "saved"
    shutil.copytree(SAVED, target)
    return target


def run_migrated(folder):
    script = folder / "use.py"
    outcome = engine.migrate(USE.encode(), "use.py")
    assert not outcome.open_points
    script.write_bytes(outcome.new)
    shutil.copy(old_models.__file__, folder)
    return subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, check=False
    )


def test_models_are_written_again(folder):
    before = run_migrated(folder)  # says what to do
    assert "paddle-migrate model" in before.stderr and before.returncode
    for name in old_models.MODELS:
        files = old_models.FILES.get(name, {})
        prefix = models.convert(sys.executable, str(folder / name), *files.values())
        assert prefix == str(folder / name / files.get("model_filename", "__model__"))
    done = run_migrated(folder)
    assert not done.returncode, done.stderr[-2000:]
    computed, recorded = json.loads(done.stdout), json.loads((SAVED / "computed.json").read_text())
    assert computed.keys() == recorded.keys()
    for name, old in recorded.items():
        assert computed[name]["inputs"] == old["inputs"], name
        for a, b in zip(old["values"], computed[name]["values"], strict=True):
            np.testing.assert_allclose(np.array(b), np.array(a), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(MigrateError, match="--model-filename"):
        models.convert(sys.executable, str(tmp_path))
    (tmp_path / "__model__").write_bytes(b"no program at all")
    with pytest.raises(MigrateError, match="stays as it was"):
        models.convert(sys.executable, str(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["__model__"]

"""Whole programs: five and more training steps of the migrated code equal what 1.8.5 computed."""

import json
import sys

import programs
import pytest

from dy2st.migrate.verify import compare

pytestmark = pytest.mark.slow
SCRIPTS = programs.scripts()


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """The migrated programs, all run in one process, and the summaries of their migration."""
    folder = tmp_path_factory.mktemp("programs")
    paths, summaries = {}, {}
    for name, script in SCRIPTS.items():
        paths[name], summaries[name] = programs.migrate(script, folder)
    return programs.run(sys.executable, paths, folder, True), summaries


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_equal_to_1_8_5(name, records):
    runs, summaries = records
    old = json.loads((programs.RECORDED / f"{name}.json").read_text())
    assert old["digest"] == programs.digest(SCRIPTS[name]), "run make test-fluid"
    assert not old["error"]
    assert len(old["steps"]) >= 5
    summary = summaries[name]
    assert summary.converted == summary.found
    assert not summary.open_points
    assert not runs[name]["error"]
    result = compare.compare(old, runs[name], 1e-4)
    assert result.first is None, result.first
    assert result.values >= 5


def test_there_are_twenty():
    assert len(SCRIPTS) >= 20

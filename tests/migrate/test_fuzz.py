"""A short part of the fuzz target, with fixed seeds (``make fuzz-migrate`` runs the long one)."""

import random

import fuzz
import pytest

from dy2st.migrate import scan, workers
from dy2st.migrate.model import Facts, Options

CORPUS = fuzz.corpus()


@pytest.mark.parametrize("seed", range(6))
def test_mangled_programs(seed):
    rng = random.Random(seed)
    for _ in range(20):
        fuzz.check_any(fuzz.mangled(rng, CORPUS))


@pytest.mark.parametrize("name", sorted(fuzz.encoded_files()))
def test_encodings(name):
    fuzz.check_any(fuzz.encoded_files()[name])


@pytest.mark.slow
def test_whole_programs_keep_their_text():
    for text in CORPUS:
        fuzz.check_valid(text)


@pytest.mark.slow
def test_a_hostile_tree(tmp_path):
    fuzz.check_tree(tmp_path, random.Random(1), 30, False)


def test_a_copy_of_a_tree_with_a_pipe(tmp_path):
    fuzz.check_copy(tmp_path)


@pytest.mark.slow
def test_killed_at_random(tmp_path):
    fuzz.check_killed(tmp_path, random.Random(2), 1)


def test_unreadable(tmp_path, monkeypatch):
    path = tmp_path / "secret.py"
    path.write_bytes(fuzz.HEAD)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    assert scan.read_file(str(path)) is None
    job = workers.Job(str(path), "secret.py", "", Facts())
    outcome = workers.migrate_file(job, None, Options())
    assert outcome.error == "Permission denied"

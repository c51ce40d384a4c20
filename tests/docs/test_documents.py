"""Documents are run: snippets of the README, pages that are printed from code, links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dy2st.cli.pages import PAGES
from dy2st.ops import coverage

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.S)


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(SNIPPETS)))
def test_snippet(index, tmp_path, monkeypatch, capsys):
    # From a file: conversion reads source.
    path = tmp_path / f"snippet_{index}.py"
    path.write_text(SNIPPETS[index])
    namespace = {"__name__": f"snippet_{index}"}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    printed = capsys.readouterr().out
    if index == 0:
        assert namespace["y"].shape == [1, 1000]
        assert "def forward" in printed
        assert "program forward(%x: f32[N, 3, 224, 224])" in printed
    else:
        assert "111" in printed


def test_there_are_snippets():
    assert len(SNIPPETS) == 2


@pytest.mark.parametrize("name", PAGES)
def test_printed_page_is_current(name):
    assert (ROOT / "docs" / f"{name}.md").read_text() == PAGES[name](), "run `make docs`"


def test_the_table_of_operations_is_current():
    assert (ROOT / "docs" / "ops.md").read_text() == coverage.page(), "run `make docs`"


@pytest.mark.parametrize("page", sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")]))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"

"""Printed pages are up to date, links lead somewhere, and the README's snippets run."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def generator():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["debugging.md", "errors.md"])
def test_printed_page_is_up_to_date(name):
    assert (ROOT / "docs" / name).read_text() == generator().PAGES[name](), "run `make docs`"


def test_every_error_has_a_code_of_its_own():
    from dy2st import errors

    family = [
        cls
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, errors.Dy2stError)
    ]
    codes = [cls.code for cls in family]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"(DY|PM)\d{3}", code) for code in codes)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text()):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), target


def snippets():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    return [block for block in blocks if "import" in block]


def test_readme_has_snippets():
    assert len(snippets()) == 2


def test_readme_migration_is_what_the_tool_prints(tmp_path, monkeypatch, capsysbinary):
    from dy2st.cli.migrate import main

    block = re.search(r"```diff\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1)
    old = [line[1:] for line in block.splitlines()[3:] if not line.startswith("+")]
    (tmp_path / "train.py").write_text("\n".join(old) + "\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main([".", "--diff"])
    assert not end.value.code
    assert capsysbinary.readouterr().out.decode() == block


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
def test_readme_snippet_runs(index, tmp_path, capsys):
    """Each runs as a user's file, whose source can be found."""
    path = tmp_path / "snippet.py"
    path.write_text(snippets()[index])
    namespace = {"__name__": "snippet", "__file__": str(path)}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    printed = capsys.readouterr().out
    if index == 0:
        import paddle

        expected = paddle.vision.models.resnet50(num_classes=1000)
        expected.set_state_dict(namespace["net"].state_dict())
        expected.eval()
        difference = (expected(namespace["x"]) - namespace["y"]).abs().max()
        assert float(difference) <= 1e-4 * float(namespace["y"].abs().max())
        assert "conv2d" in printed
    else:
        n, steps = 27, []
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps.append(n)
        assert namespace["collatz"](namespace["paddle"].to_tensor(27)).tolist() == steps

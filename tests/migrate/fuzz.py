"""Files and trees that nobody would write on purpose; the tool must survive every one of them.

Usage: python tests/migrate/fuzz.py [--seconds N] [--seed N]. ``make fuzz-migrate`` runs it with
fresh seeds; ``test_fuzz.py`` runs a short part with a fixed one.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tokenize
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from dy2st.migrate import engine, scan  # noqa: E402

FLUID = ROOT / "tests/fixtures/fluid"
HEAD = b"import paddle.fluid as fluid\n"
USE = b"y = fluid.layers.fc(x, 10, act='relu')\n"


def corpus() -> list[bytes]:
    """Real programs."""
    return [p.read_bytes() for p in sorted(FLUID.rglob("*.py"))]


# -- single files -------------------------------------------------------------------------------


def deep_files() -> dict[str, bytes]:
    """Nesting and sizes at which parsers and recursive walks give up."""
    n = 5000
    chain = b"".join(b"el" * bool(i) + b"if x == %d:\n    y = %d\n" % (i, i) for i in range(1500))
    nested = b"".join(b" " * i + b"if x:\n" for i in range(95)) + b" " * 95 + b"y = 1\n"
    parts = {
        "brackets": b"x = " + b"(" * n + b")" * n + b"\n",
        "squares": b"x = " + b"[" * n + b"]" * n + b"\n",
        "open": b"x = " + b"{" * n + b"\n",
        "minus": b"x = " + b"-" * n + b"1\n",
        "not": b"x = " + b"not " * n + b"1\n",
        "plus": b"x = 1" + b" + 1" * n + b"\n",
        "power": b"x = 2" + b" ** 1" * 2000 + b"\n",
        "and": b"x = a" + b" and a" * n + b"\n",
        "attributes": b"x = a" + b".b" * n + b"\n",
        "calls": b"x = a" + b"()" * n + b"\n",
        "calls_in_calls": b"x = " + b"fluid.layers.relu(" * 150 + b"z" + b")" * 150 + b"\n",
        "too_many_calls": b"x = " + b"fluid.layers.relu(" * n + b"z" + b")" * n + b"\n",
        "elif": chain,
        "ifs": nested,
        "lambdas": b"x = " + b"lambda: " * 2000 + b"1\n",
        "text_of_5_mb": b"x = '" + b"a" * 5_000_000 + b"'\n",
        "list_of_5_mb": b"x = [" + b"123456789012345678901234," * 200_000 + b"]\n",
        "comment_of_5_mb": b"#" + b" fluid" * 800_000 + b"\n",
    }
    return {name: HEAD + body + USE for name, body in parts.items()}


def encoded_files() -> dict[str, bytes]:
    """Encodings, marks and control characters, right and wrong."""
    body = HEAD + USE
    return {
        "bom": b"\xef\xbb\xbf" + body,
        "two_boms": b"\xef\xbb\xbf" * 2 + body,
        "utf16": body.decode().encode("utf-16"),
        "utf32": body.decode().encode("utf-32"),
        "unknown_cookie": b"# -*- coding: klingon -*-\n" + body,
        "wrong_cookie": b"# -*- coding: ascii -*-\nname = '\xc3\xa9'\n" + body,
        "latin": b"# -*- coding: latin-1 -*-\nname = '\xe9'\n" + body,
        "gbk": b"# -*- coding: gbk -*-\nname = '\xc4\xe3'\n" + body,
        "cut_utf8": b"name = '\xe4\xbd'\n" + body,
        "no_codec_for_text": b"# coding: base64\n" + body,
        "nul": b"x = 1\0\n" + body,
        "form_feed": b"\x0c" + HEAD + b"\x0c\n" + USE,
        "lone_cr": body.replace(b"\n", b"\r"),
        "final_cr": body + b"\r",
        "mixed_ends": HEAD[:-1] + b"\r\n" + USE[:-1] + b"\r# end\n",
        "vertical_tab": HEAD + b"x = 1\x0b\n" + USE,
        "ctrl_z": body + b"\x1a",
        "no_final_newline": body[:-1],
        "only_head": HEAD[:-1],
        "backslash_at_end": body + b"\\",
        "surrogate": HEAD + b"x = '\xed\xa0\x80'\n",
        "python2": HEAD + b"print fluid.layers.relu(x)\n",
        "tabs_and_spaces": HEAD + b"if 1:\n\tx = 1\n        y = fluid.layers.relu(x)\n",
        "empty_call": HEAD + b"fluid.layers.fc(\n",
    }


def mangled(rng: random.Random, texts: list[bytes]) -> bytes:
    """A real program with something done to its bytes."""
    text = bytearray(rng.choice(texts))
    what = rng.randrange(7)
    at = rng.randrange(len(text) or 1)
    if what == 0:
        return bytes(text[:at])
    if what == 1:
        return bytes(text[at:]) + b"# paddle\n"
    if what == 2:
        return rng.randbytes(rng.randrange(1, 3000)) + b"paddle.fluid"
    if what == 3:
        for _ in range(rng.randrange(1, 6)):
            text[rng.randrange(len(text))] = rng.randrange(256)
    if what == 4:
        other = rng.choice(texts)
        start = rng.randrange(len(other))
        text[at:at] = other[start : start + rng.randrange(400)]
    if what == 5:
        del text[at : at + rng.randrange(1, 40)]
    if what == 6:
        lines = bytes(text).splitlines(keepends=True)
        rng.shuffle(lines)
        text = bytearray(b"".join(lines))
    return bytes(text)


# -- what must hold -----------------------------------------------------------------------------


def migrate(raw: bytes) -> engine.Outcome:
    """One file, its helpers in a module of their own."""
    facts = scan.prescan([raw])
    return engine.migrate(raw, "file.py", facts=facts, compat_module="fluid_compat")


def compiles(raw: bytes) -> bool:
    """Whether Python takes these bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(raw, "file.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, MemoryError, RecursionError, LookupError):
            return False
    return True


def comments(raw: bytes) -> list[str]:
    """All comments."""
    tokens = tokenize.tokenize(io.BytesIO(raw).readline)
    return [t.string for t in tokens if t.type == tokenize.COMMENT]


def check_any(raw: bytes) -> engine.Outcome:
    """What must hold for any bytes: an answer, that compiles, and that a second run leaves."""
    outcome = migrate(raw)
    assert "internal error" not in outcome.error, outcome.error
    assert "overlap" not in outcome.error, outcome.error
    assert "would not compile" not in outcome.error, outcome.error
    if outcome.new is not None:
        assert compiles(outcome.new)
        again = migrate(outcome.new)
        assert again.new is None, "a second run changes it again"
        assert not again.error
    return outcome


def check_valid(raw: bytes) -> None:
    """What must hold for valid Python besides: comments, line ends and untouched statements."""
    outcome = check_any(raw)
    assert not outcome.error, outcome.error
    new = outcome.new if outcome.new is not None else raw
    for name, change in VARIANTS.items():
        other = migrate(change(raw))
        result = other.new if other.new is not None else change(raw)
        assert result == change(new), f"{name}: not the same text"
    if outcome.new is None:
        return
    rest = iter(comments(new))
    for comment in comments(raw):
        assert comment in rest, f"lost: {comment}"
    position = 0
    for statement in untouched(raw, outcome):
        position = new.find(statement, position)
        assert position >= 0, f"changed: {statement[:80]!r}"
        position += len(statement)


VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    "crlf": lambda raw: raw.replace(b"\n", b"\r\n"),
    "bom": lambda raw: b"\xef\xbb\xbf" + raw,
    "form feed": lambda raw: b"\x0c\n" + raw,
    "gbk": lambda raw: b"# coding: gbk\n" + raw.decode().encode("gbk"),
}


def untouched(raw: bytes, outcome: engine.Outcome) -> Iterator[bytes]:
    """The top-level statements in which nothing was changed and that import nothing."""
    lines = raw.splitlines(keepends=True)
    changed = {c.line for c in outcome.changes} | {p.line for p in outcome.open_points}
    for node in ast.parse(raw).body:
        end = node.end_lineno or node.lineno
        if isinstance(node, (ast.Import, ast.ImportFrom)) or changed & set(
            range(node.lineno, end + 1)
        ):
            continue
        text = b"".join(lines[node.lineno - 1 : end]).rstrip(b"\r\n")
        moved = any(isinstance(n, (ast.Import, ast.ImportFrom, ast.With)) for n in ast.walk(node))
        if not moved and b"fluid" not in text:
            yield text


# -- trees --------------------------------------------------------------------------------------


def hostile_tree(folder: Path, rng: random.Random, count: int) -> None:
    """Every bad file beside good ones."""
    texts = corpus()
    files = {**deep_files(), **encoded_files()}
    files.update({f"mangled_{i}": mangled(rng, texts) for i in range(count)})
    files.update({f"good_{i}": texts[i % len(texts)] for i in range(20)})
    for name, raw in files.items():
        (folder / f"{name}.py").write_bytes(raw)
    (folder / "folder.py").mkdir()
    (folder / "folder.py" / "inside.py").write_bytes(HEAD + USE)
    (folder / "loop").symlink_to(folder)
    (folder / "self.py").symlink_to("self.py")
    (folder / "nowhere.py").symlink_to("is/not/there.py")
    os.mkfifo(folder / "pipe.py")
    (folder / "readonly.py").write_bytes(HEAD + USE)
    (folder / "readonly.py").chmod(0o444)
    (folder / "caf\udce9.py").write_bytes(HEAD + USE)  # a name that is no text
    notebooks = {
        "not_json": b"{",
        "a_list": b"[]",
        "no_cells": b'{"nbformat": 4}',
        "cells_number": b'{"cells": 3}',
        "odd_source": b'{"cells": [{"cell_type": "code", "source": {"a": 1}}], "x": "paddle"}',
        "nul": b"\0paddle",
        "deep": b"[" * 100_000 + b'"paddle"',
    }
    for name, raw in notebooks.items():
        (folder / f"{name}.ipynb").write_bytes(raw)


def command(tree: Path, state: Path, *extra: str) -> subprocess.Popen[bytes]:
    """The tool on a tree, in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.update(XDG_STATE_HOME=str(state), XDG_CACHE_HOME=str(state))
    return subprocess.Popen(
        [sys.executable, "-m", "dy2st.cli.migrate", str(tree), "--jobs", "2", *extra],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        cwd=state,
    )


def snapshot(tree: Path) -> dict[str, bytes]:
    """The plain files of a tree."""
    found = {}
    for folder, _, names in os.walk(tree):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                found[str(path.relative_to(tree))] = path.read_bytes()
    return found


def check_tree(folder: Path, rng: random.Random, count: int, again: bool) -> None:
    """One run over the hostile tree: a row for every bad file, and every good one migrated."""
    tree, state = folder / "tree", folder / "state"
    tree.mkdir()
    state.mkdir()
    hostile_tree(tree, rng, count)
    before = snapshot(tree)
    process = command(tree, state, "--report", str(state / "r.json"))
    said = process.communicate(timeout=300)[0].decode(errors="replace")
    assert process.returncode == 3, said[-2000:]
    assert "Traceback" not in said, said[-3000:]
    report = json.loads((state / "r.json").read_text())
    rows = {os.path.basename(f["path"]): f for f in report["files"]}
    after = snapshot(tree)
    for name, raw in before.items():
        row = rows.get(Path(name).name)
        if row is None:  # a part of a program, or text, without a word of Paddle
            assert not scan.look(raw, name).paddle, f"no row for {name}"
            continue
        assert "internal error" not in row["error"], (name, row["error"])
        if row["error"]:
            assert after[name] == raw, f"{name} has an error and was changed"
        elif after[name] != raw and name.endswith(".py"):
            assert compiles(after[name]), name
    for name in ("pipe.py", "readonly.py"):
        assert rows[name]["error"], name
    changed = sum(after[name] != raw for name, raw in before.items())
    assert changed >= 20, f"only {changed} files migrated"
    if not again:
        return
    second = command(tree, state)
    said = second.communicate(timeout=300)[0].decode(errors="replace")
    assert snapshot(tree) == after, "a second run changes files again"


def check_copy(folder: Path) -> None:
    """``--out`` carries along what can be copied, and says what cannot."""
    tree, state = folder / "tree", folder / "state"
    tree.mkdir()
    state.mkdir()
    (tree / "good.py").write_bytes(HEAD + USE)
    (tree / "data.bin").write_bytes(bytes(range(256)))
    os.mkfifo(tree / "pipe")
    (tree / "loop").symlink_to(tree)
    copied = command(tree, state, "--out", str(folder / "out"))
    said = copied.communicate(timeout=300)[0].decode(errors="replace")
    assert copied.returncode == 3, said[-2000:]
    assert "Traceback" not in said, said[-3000:]
    assert "pipe:1: cannot be copied" in said
    assert (folder / "out" / "data.bin").read_bytes() == bytes(range(256))
    assert b"paddle.fluid" not in (folder / "out" / "good.py").read_bytes()
    assert (tree / "good.py").read_bytes() == HEAD + USE


def check_killed(folder: Path, rng: random.Random, times: int) -> None:
    """Killed at any moment, every file is the old one or the new one; the next run finishes."""
    old_tree, new_tree, state = folder / "old", folder / "new", folder / "state"
    state.mkdir()
    for number, text in enumerate(corpus()):
        path = old_tree / f"part_{number % 4}" / f"file_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    shutil.copytree(old_tree, new_tree)
    start = time.monotonic()
    command(new_tree, state, "--quiet").communicate(timeout=300)
    whole = time.monotonic() - start
    old, new = snapshot(old_tree), snapshot(new_tree)
    for number in range(times):
        tree = folder / f"killed_{number}"
        shutil.copytree(old_tree, tree)
        process = command(tree, state, "--quiet")
        time.sleep(rng.uniform(0.3, 1.1) * whole)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for name, raw in snapshot(tree).items():
            if os.path.basename(name).startswith(".paddle-migrate-"):
                continue  # what was being written when the end came; nobody reads it
            assert raw in (old.get(name), new.get(name)), f"{name} is neither old nor new"
        command(tree, state, "--quiet").communicate(timeout=300)
        left = {n: r for n, r in snapshot(tree).items() if ".paddle-migrate-" not in n}
        assert left == new
        shutil.rmtree(tree)


def main() -> None:
    """Run with a fresh seed until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    rng, end = random.Random(arguments.seed), time.monotonic() + arguments.seconds
    print(f"seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a").mkdir()
        check_tree(Path(folder, "a"), rng, 300, True)
        Path(folder, "b").mkdir()
        check_killed(Path(folder, "b"), rng, 10)
        Path(folder, "c").mkdir()
        check_copy(Path(folder, "c"))
    texts, count = corpus(), 0
    for text in texts:
        check_valid(text)
    while time.monotonic() < end:
        raw = mangled(rng, texts)
        try:
            check_any(raw)
        except AssertionError:
            Path("fuzz-failure.py").write_bytes(raw)
            print("the file is in fuzz-failure.py")
            raise
        count += 1
    print(f"{count} mangled files, {len(texts)} whole ones, 10 kills: nothing found")


if __name__ == "__main__":
    main()

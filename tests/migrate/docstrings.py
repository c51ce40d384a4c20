"""Every code example in the docstrings of the installed Paddle 1.8.5, before and after migration.

Usage: python tests/migrate/docstrings.py --old PYTHON37 [--only REGEX] [--show NAME] [--report F].
The examples are read from the wheel at run time and kept in the work folder alone; so are the
results, by content, so that only what changed is run again. Run by ``make docstrings``.
"""

from __future__ import annotations

import argparse
import ast
import collections
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from dy2st.migrate import engine, scan
from dy2st.migrate.verify import compare

SERVER = Path(__file__).with_name("docstring_server.py")
EXERCISE = Path(__file__).with_name("exercise.py")
MARKER = re.compile(r"^(\s*)\.\. code-block:: *python\s*$|^(\s*)\.\. code:: *python\s*$")
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf")
BARE = re.compile(r"^(paddle\.)?(fluid\.)?layers\.|^(np|numpy)\.array$|^fluid\.executor\.as_numpy$")
PLACE = re.compile(r"\(at /paddle/\S*\)?|\(/\S*site-packages/\S*\)")
EXECUTOR = "\nexe_to_run, lod_to_feed = fluid.Executor(fluid.CPUPlace()), fluid.LoDTensor\n"
SECONDS = 40
# Examples of which only what they do themselves is compared.
NOT_FED = {
    "paddle.fluid.layers.nn:topk#1": "it takes the first of several numbers for k",
    "paddle.fluid.layers.nn:affine_grid#1": "its input says how large the result is",
    "paddle.fluid.layers.sequence_lod:sequence_mask#1": "it takes lengths that are no whole numbers",
    "paddle.fluid.executor:Executor.run#1": "Paddle 3 cannot run a program with an array twice with "
    "other results asked for",
}
# Differences that are 1.8.5's own, or of what an example does without meaning to.
EXPLAINED = {
    "paddle.fluid.dygraph.nn:GroupNorm#1": "1.8.5 gives zeros for inputs that are not 4-D",
    "paddle.fluid.initializer:BilinearInitializer#1": "its 3 channels are no multiple of its 2 "
    "groups, which 1.8.5 does not look at",
    "paddle.fluid.lod_tensor:create_lod_tensor#1": "its array was never filled: numpy.ndarray(shape)",
    "paddle.fluid.layers.nn:deformable_conv#1": "without modulation 1.8.5 computes nothing where a "
    "batch is smaller than im2col_step (64)",
    "paddle.fluid.layers.detection:generate_proposals#1": "it has fewer anchors than scores: 1.8.5 "
    "reads past their end",
    "paddle.fluid.dygraph.base:to_variable#1": "1.8.5's tensor shares the array's memory, Paddle 3 "
    "copies; x[0][0] of a matrix is 0-D now",
}
PASSED = ("equal", "runs", "random")


@dataclass
class Example:
    """One example: where it stands in the wheel, its text, what became of it."""

    name: str
    text: str
    new: str = ""
    open_points: list[str] = field(default_factory=list)
    error: str = ""
    state: str = ""
    why: str = ""
    unfed: str = ""
    values: int = 0

    @property
    def key(self) -> str:
        """Says whether a stored result is of this text."""
        return digest(self.text)


def digest(*texts: str) -> str:
    """A short hash."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def blocks(text: str) -> list[str]:
    """The code blocks of one docstring."""
    lines = text.expandtabs(4).splitlines()
    found = []
    for number, line in enumerate(lines):
        match = MARKER.match(line)
        if not match:
            continue
        indent = len(match.group(1) or match.group(2) or "")
        body = []
        for follower in lines[number + 1 :]:
            if follower.strip() and len(follower) - len(follower.lstrip()) <= indent:
                break
            body.append(follower)
        while body and (not body[0].strip() or body[0].strip().startswith(":")):
            body.pop(0)
        code = textwrap.dedent("\n".join(body)).strip("\n") + "\n"
        if code.strip():
            found.append(code)
    return found


def named(code: str) -> str:
    """The code with names for the results of layers that it calls and leaves: they are compared."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return code
    starts = []
    stack: list[ast.stmt] = list(tree.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.With) and "guard" in ast.unparse(node.items[0]):
            stack += node.body
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and BARE.match(ast.unparse(call.func)):
            starts.append((node.lineno, node.col_offset))
    lines = code.splitlines(keepends=True)
    for number, (line, column) in enumerate(sorted(starts, reverse=True)):
        text = lines[line - 1]
        lines[line - 1] = f"{text[:column]}left_{number} = {text[column:]}"
    return "".join(lines)


def strings(tree: ast.Module) -> list[tuple[str, str]]:
    """Every text of a module with the dotted name of the definition that it stands in."""
    found: list[tuple[str, str]] = []
    stack: list[tuple[ast.AST, str]] = [(tree, "")]
    while stack:
        node, owner = stack.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append((owner, node.value))
        for child in ast.iter_child_nodes(node):
            name = getattr(child, "name", None)
            inner = isinstance(child, (ast.FunctionDef, ast.ClassDef))
            stack.append((child, f"{owner}.{name}".lstrip(".") if inner else owner))
    return found


def extract(site: Path) -> list[Example]:
    """All examples below a ``paddle`` package, each text once."""
    found: dict[str, Example] = {}
    for path in sorted(site.rglob("*.py")):
        module = ".".join(path.relative_to(site.parent).with_suffix("").parts)
        counts: collections.Counter[str] = collections.Counter()
        for owner, text in strings(ast.parse(path.read_text(encoding="utf-8"))):
            for code in blocks(text):
                counts[owner] += 1
                name = f"{module}:{owner or 'module'}#{counts[owner]}"
                code = named(code)
                found.setdefault(code, Example(name, code))
    return sorted(found.values(), key=lambda e: e.name)


def site_of(python: str) -> Path:
    """The folder of an interpreter's ``paddle``, found without importing it."""
    code = "import importlib.util as u; print(u.find_spec('paddle').origin)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip()).parent


def shared_modules(python: str, folder: Path) -> Path:
    """A folder with what examples import besides Paddle and the new side may lack (six)."""
    target = folder / "modules"
    target.mkdir(parents=True, exist_ok=True)
    code = "import six; print(six.__file__)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    if done.returncode == 0:
        shutil.copy(done.stdout.strip(), target / "six.py")
    return target


def run(python: str, jobs: dict[str, dict[str, Any]], folder: Path, modules: Path | None) -> None:
    """Run the jobs whose record is not there yet."""
    todo = [j for j in jobs.values() if not Path(j["record"]).exists()]
    if not todo:
        return
    plan = folder / f"plan-{time.time_ns()}.json"
    plan.write_text(json.dumps({"jobs": todo}))
    command = [python, str(SERVER), str(compare.RECORDER), str(plan)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    if modules is not None:
        environment["PYTHONPATH"] = str(modules)
    with (
        open(f"{plan}.log", "w") as complaints,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=complaints, env=environment
        ) as process,
    ):
        assert process.stdout is not None
        for number, _ in enumerate(process.stdout, 1):
            if number % 50 == 0:
                print(f"  {number} of {len(todo)}", file=sys.stderr, flush=True)
    plan.unlink()
    if process.returncode:
        sys.exit(f"the server ended with {process.returncode}: {plan}.log")
    os.unlink(f"{plan}.log")


def job(folder: Path, key: str, text: str, record: Path, initial: Path | None) -> dict[str, Any]:
    """A job whose script lies in a folder of its own."""
    place = folder / key
    place.mkdir(parents=True, exist_ok=True)
    script = place / "example.py"
    script.write_text(text, encoding="utf-8")
    found: dict[str, Any] = {"script": str(script), "record": str(record), "seconds": SECONDS}
    if initial is not None:
        found["initial"] = str(initial)
    return found


def convert(example: Example, old: dict[str, Any]) -> None:
    """Fill in the migrated text and the open points.

    An example that only builds programs is given the Executor that a program needs to run them.
    """
    fed = any(p["fetches"] for p in (old.get("exercised") or {}).get("programs", ()))
    imported = "import paddle.fluid as fluid" in example.text
    more = fed and imported and "Executor" not in example.text
    raw = (example.text + (EXECUTOR if more else "")).encode()
    outcome = engine.migrate(raw, "<example>", facts=scan.prescan([raw]))
    example.new = (outcome.new or raw).decode()
    example.open_points = [f"{p.old}: {p.reason}" for p in outcome.open_points]
    example.error = outcome.error


def judge(example: Example, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Say whether the new run is the old one."""
    why = (old.get("exercised") or {"why": "cannot be run: it ends the process"})["why"]
    if new["error"] and why.startswith("cannot be run"):
        example.state, example.why = "unfit", why
        return
    if new["error"]:
        last = [line for line in new["error"].strip().splitlines() if line.strip()][-1]
        example.state, example.why = "fails", PLACE.sub("", last).strip()[:200]
        return
    result = compare.compare(old, new, 1e-4)
    if result.first is not None:
        first = result.first
        example.state, example.why = "differs", f"{first.place}: {first.text}"[:200]
        return
    example.values = result.values
    if result.lost is not None:
        example.state, example.why = "random", f"{result.lost.place}: {result.lost.text}"
        return
    for name, values in old["globals"].items():
        if name not in new["globals"]:
            example.state, example.why = "differs", f"{name} is no number or array any more"
            return
        left = {"steps": [{"kind": "left", "place": name, "values": values}]}
        right = {"steps": [{"kind": "left", "place": name, "values": new["globals"][name]}]}
        part = compare.compare(left, right, 1e-4)
        example.values += part.values
        if part.first is not None:
            example.state, example.why = "differs", f"{name}: {part.first.text}"
            return
    if exercised_differently(example, old.get("exercised"), new.get("exercised")):
        return
    numbers = printed_numbers(old["printed"], new["printed"])
    example.why = "prints another text" if numbers is None else ""
    example.values += numbers or 0
    example.state = "equal" if example.values else "runs"


def exercised_differently(
    example: Example, old: dict[str, Any] | None, new: dict[str, Any] | None
) -> bool:
    """Compare what both sides' programs and layers gave on made-up feeds; whether they differ.

    What cannot be compared leaves its reason in ``example.unfed``.
    """
    if example.name in NOT_FED:
        example.unfed = NOT_FED[example.name]
        return False
    if old is None or not old["values"]:
        example.unfed = old["why"] if old else "made-up feeds end the process"
        return False
    why = "made-up feeds end the process" if new is None else new["why"]
    lost = [*old["lost"], *(new["lost"] if new else [])]
    if lost and not lost[0]["wrong"]:
        example.unfed = f"draws: {lost[0]['what']}"
        return False
    if why or new is None or lost:
        example.state, example.why = "differs", f"fed: {why or lost[0]['what']}"
        return True
    left, right = (
        {
            "steps": [
                {"kind": "fed", "place": k, "values": _flat(side["values"][k])}
                for k in old["values"]
            ]
        }
        for side in (old, new)
    )
    result = compare.compare(left, right, 1e-4)
    example.values += result.values
    if result.first is not None:
        name = list(old["values"])[result.first.step]
        example.state, example.why = "differs", f"fed, {name}: {result.first.text}"
    return result.first is not None


def _flat(runs: list[Any]) -> list[dict[str, Any]]:
    values = [value for run in runs for value in (run if isinstance(run, list) else [run])]
    # 1.8.5 forgets the other sizes of what is empty
    return [v if math.prod(v["shape"]) else {**v, "shape": [0]} for v in values]


def printed_numbers(old: str, new: str) -> int | None:
    """How many numbers (or lines without any) both print alike; None where they differ.

    Texts of objects may be others.
    """
    if old == new:
        return len(NUMBER.findall(old)) or len(old.split())
    a, b = (NUMBER.findall(t) for t in (old, new))
    same = len(a) == len(b) and all(_near(float(x), float(y)) for x, y in zip(a, b, strict=True))
    return len(a) if same else None


def _near(x: float, y: float) -> bool:
    return x == y or (math.isnan(x) and math.isnan(y)) or math.isclose(x, y, rel_tol=1e-4)


def check(examples: list[Example], arguments: argparse.Namespace) -> None:
    """Run all examples on both sides and judge them."""
    work = Path(arguments.work)
    recorder = "".join(p.read_text() for p in (compare.RECORDER, SERVER, EXERCISE))
    side = {}
    for name, watcher in (("old", "watch_fluid.py"), ("new", "watch_paddle.py")):
        text = compare.RECORDER.with_name(watcher).read_text()
        side[name] = digest(recorder, text, getattr(arguments, name))
    if arguments.keep:
        side = {name: arguments.keep for name in side}
    records = {n: work / f"{n}-{side[n]}" for n in side}
    for folder in records.values():
        folder.mkdir(parents=True, exist_ok=True)
    jobs = {}
    broken = work / f"broken-{digest(arguments.old)}"  # does not run on 1.8.5, whatever records it
    broken.mkdir(exist_ok=True)
    for e in examples:
        target = broken / f"{e.key}.json"
        if not target.exists():
            target = records["old"] / f"{e.key}.json"
        jobs[e.name] = job(work / "scripts-old", e.key, e.text, target, None)
    run(arguments.old, jobs, work, None)
    old = {e.name: compare.load(jobs[e.name]["record"]) for e in examples}
    runnable = [e for e in examples if not old[e.name]["error"]]
    for e in examples:
        if old[e.name]["error"]:
            os.replace(jobs[e.name]["record"], broken / f"{e.key}.json")
    again = {}
    for e in runnable:
        convert(e, old[e.name])
        key = digest(e.text, e.new)
        target = records["new"] / f"{key}.json"
        initial = Path(jobs[e.name]["record"])
        again[e.name] = job(work / "scripts-new", key, e.new, target, initial)
    run(arguments.new, again, work, shared_modules(arguments.old, work))
    for e in runnable:
        judge(e, old[e.name], compare.load(again[e.name]["record"]))
        if e.error:
            e.state, e.why = "not read", e.error
        elif e.name in EXPLAINED and e.state not in PASSED:
            e.state, e.why = "explained", EXPLAINED[e.name]


def report(examples: list[Example]) -> str:
    """The table: counts, then what does not pass by cause."""
    ran = [e for e in examples if e.state]
    counts = collections.Counter(e.state for e in ran)
    passed = sum(counts[s] for s in PASSED)
    lines = [
        "# Docstring examples of Paddle 1.8.5",
        "",
        "Printed by `make docstrings`, which extracts every example from the installed wheel, runs it "
        "on 1.8.5, migrates it, runs it on Paddle 3 from the same parameters and draws, and compares "
        "what is fetched, read and left at module level. *equal*: values were compared; *runs*: it "
        "only builds a graph or objects; *random*: draws that cannot be replayed. One of them: "
        "`make docstrings DOCSTRINGS_ARGS='--only NAME --show'`. Programs that an example only builds are "
        "run twice on made-up feeds, from the same parameters and draws, on both sides. *unfit*: the "
        "program that it builds cannot be run on 1.8.5 either. Lines *open:* are what the tool tells.",
        "",
        f"{len(examples)} examples, {len(ran)} run on 1.8.5, {passed} of these run migrated "
        f"({counts['equal']} with values compared and equal).",
        "",
        "| result | examples |",
        "|---|---|",
    ]
    lines += [f"| {state} | {number} |" for state, number in counts.most_common()]
    groups: dict[str, list[Example]] = collections.defaultdict(list)
    for e in ran:
        if e.state in ("explained", "unfit"):
            groups[f"{e.state}: the difference is 1.8.5's or the example's own"].append(e)
        elif e.state not in PASSED:
            cause = e.open_points[0] if e.open_points else f"{e.state}: {_cause(e.why)}"
            groups[cause].append(e)
    for cause, members in sorted(groups.items(), key=lambda g: (-len(g[1]), g[0])):
        lines += ["", f"## {cause} ({len(members)})"]
        for e in members:
            lines.append(f"- {e.name} [{e.state}] {e.why}")
            lines += [f"  - open: {p}" for p in e.open_points[:6]]
    lines += unfed(ran)
    noted = [e for e in ran if e.state in PASSED and e.why]
    lines += ["", f"## Passed, but the printed text differs ({len(noted)})"]
    lines += [f"- {e.name} [{e.state}]" for e in noted]
    return "\n".join(lines) + "\n"


def unfed(ran: list[Example]) -> list[str]:
    """The examples of which no value was compared, by reason."""
    groups: dict[str, list[Example]] = collections.defaultdict(list)
    for e in ran:
        if e.state == "runs":
            groups[_cause(e.unfed)].append(e)
    lines = ["", f"## Nothing compared ({sum(map(len, groups.values()))})"]
    for reason, members in sorted(groups.items(), key=lambda g: (-len(g[1]), g[0])):
        lines.append(f"- {reason} ({len(members)}): {', '.join(e.name for e in members)}")
    return lines


def _cause(why: str) -> str:
    return re.sub(r"[\d.]{2,}|0x\w+", "_", why)[:110]


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", required=True, help="a Python with Paddle 1.8.5")
    parser.add_argument("--new", default=sys.executable, help="a Python with Paddle 3")
    parser.add_argument("--work", default="tests/.work/docstrings")
    parser.add_argument("--only", default="", help="only examples whose name or text matches")
    parser.add_argument("--keep", help="use records kept under this name, whatever made them")
    parser.add_argument("--show", action="store_true", help="print old and new text and the errors")
    parser.add_argument("--report", help="write the table here, too")
    parser.add_argument("--at-least", type=int, default=0, help="fail where fewer pass")
    arguments = parser.parse_args()
    examples = extract(site_of(arguments.old))
    if arguments.only:
        pattern = re.compile(arguments.only)
        examples = [e for e in examples if pattern.search(e.name) or pattern.search(e.text)]
    check(examples, arguments)
    text = report(examples)
    if arguments.show:
        for e in examples:
            print(f"===== {e.name} [{e.state}] {e.why}\n{e.text}\n----- now\n{e.new}")
    if arguments.report and not arguments.only:
        Path(arguments.report).write_text(text)
    print(text)
    if sum(e.state in PASSED for e in examples) < arguments.at_least:
        sys.exit(1)


if __name__ == "__main__":
    main()

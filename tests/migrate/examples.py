"""The numeric examples of the table as whole programs, and what 1.8.5 computed for them."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from dy2st.migrate import engine, table
from dy2st.migrate.model import Options

FIXTURES = Path(__file__).parents[1] / "fixtures" / "migrate"
RECORDED = FIXTURES / "rows.json"


def _dtype(spec: str) -> str:
    kind = spec.split()[0].split("<")[0].replace("range", "int64")
    return "float32" if kind in ("prob", "pos", "big", "boxes", "tie") else kind


def _lengths(spec: str) -> list[list[int]]:
    """The lengths that ``float32 6 4 lod 2,1/2,1,3`` gives its sequences, level by level."""
    _, _, levels = spec.partition(" lod ")
    return [[int(n) for n in level.split(",")] for level in levels.split("/")] if levels else []


def batch_text(example: dict[str, Any]) -> str:
    """The example as a static program whose inputs have a first dimension known at run time."""
    return static_text(example, open_batch=True)


def static_text(example: dict[str, Any], open_batch: bool = False) -> str:
    """The example as a static program."""
    lines = ["import paddle.fluid as fluid"]
    sequences = {n: _lengths(s) for n, s in example.get("inputs", {}).items() if _lengths(s)}
    for name, spec in example.get("inputs", {}).items():
        if not example.get("own_data"):
            dims = [int(d) for d in spec.partition(" lod ")[0].split()[1:]]
            if name in sequences:
                dims[0], level = -1, len(sequences[name])
                data = f"fluid.data({name!r}, {dims}, {_dtype(spec)!r}, lod_level={level})"
                lines.append(f"{name} = {data}")
                continue
            dims[:1] = [-1] if open_batch and dims else dims[:1]
            lines.append(f"{name} = fluid.data({name!r}, {dims}, {_dtype(spec)!r})")
    feeds = [
        f"FEED[{n!r}] = fluid.create_lod_tensor(FEED[{n!r}], {lengths}, fluid.CPUPlace())"
        for n, lengths in sequences.items()
    ]
    if example.get("whole"):  # the example runs its program itself
        return "\n".join([*lines, *feeds, example["code"].strip()]) + "\n"
    lines += _body(example)
    lines += [
        "exe = fluid.Executor(fluid.CPUPlace())",
        "exe.run(fluid.default_startup_program())",
        *([] if example.get("nofill") else ["FILL(fluid.default_main_program())"]),
        *example.get("before_run", "").splitlines(),
        *feeds,
        f"for step in range({example.get('steps', 1)}):",
        f"    RESULT = exe.run(feed=FEED, fetch_list=OUTS(out){_as_tensors(example)})",
    ]
    return "\n".join(lines) + "\n"


def _as_tensors(example: dict[str, Any]) -> str:
    tensors = example.get("tensors") or any(_lengths(s) for s in example.get("inputs", {}).values())
    return ", return_numpy=False" if tensors else ""


def unknown_sizes_text(example: dict[str, Any]) -> str:
    """The static program with sizes that only a run tells: batches, steps, heights and widths."""

    def unknown(match: re.Match[str]) -> str:
        dims = match[2].split(", ")
        known = {1: (), 2: (1,), 3: (2,)}.get(len(dims), (1,))
        dims = [n if i in known else "-1" for i, n in enumerate(dims)]
        return f"{match[1]}[{', '.join(dims)}]"

    return re.sub(r"(?m)^(\w+ = fluid\.data\('\w+', )\[([^\]]+)\]", unknown, static_text(example))


def gradient_text(example: dict[str, Any]) -> str:
    """The gradient of the sum of squares of the example's floating results."""
    floats = [n for n, s in example.get("inputs", {}).items() if _dtype(s) == "float32"]
    text = static_text(example)
    start = "exe = fluid.Executor"
    extra = [
        *(f"{name}.stop_gradient = False" for name in floats),
    ]
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("out ="))
    inputs_end = 1 + len(example.get("inputs", {}))
    lines[inputs_end:inputs_end] = extra
    at = next(i for i, line in enumerate(lines) if line.startswith(start))
    lines[at:at] = [
        "parts = [fluid.layers.reduce_sum(fluid.layers.square(o)) for o in OUTS(out)]",
        "none = fluid.layers.fill_constant([1], 'float32', 12345.0)",
        f"grads = fluid.gradients(parts, [{', '.join(floats)}])",
        "out = [none if g is None else g for g in grads]",
    ]
    if _as_tensors(example):
        lines.append("RESULT = [np.array(r) for r in RESULT]")
    assert first < at
    return "\n".join(lines) + "\n"


def dygraph_text(example: dict[str, Any]) -> str:
    """The example as a dynamic-graph program."""
    lines = ["import paddle.fluid as fluid", "with fluid.dygraph.guard():"]
    body = [
        f"{name} = fluid.dygraph.to_variable(FEED[{name!r}])" for name in example.get("inputs", {})
    ]
    if example.get("fill"):  # what layers make is not random then
        body.append("FILL_CREATED()")
    body += _body(example)
    body.append("RESULT = [o.numpy() for o in OUTS(out)]")
    return "\n".join(lines + ["    " + line for line in body]) + "\n"


def _body(example: dict[str, Any]) -> list[str]:
    code = example["code"].strip().splitlines()
    return code if any(line.startswith("out =") for line in code) else [f"out = {code[0]}"]


_MAKERS = {
    "static": static_text,
    "batch": batch_text,
    "dygraph": dygraph_text,
    "grad": gradient_text,
    "sizes": unknown_sizes_text,
}


def jobs() -> dict[str, dict[str, Any]]:
    """All examples in all their modes: ``old name#number:mode`` to text and feed."""
    found = {}
    for row in table.load().rows:
        for number, example in enumerate(row.examples):
            modes = example.get("modes", "static dygraph").split()
            if any(_lengths(s) for s in example.get("inputs", {}).values()):
                modes = ["static"]  # dynamic graphs had no sequences
            if example.get("own_data"):
                modes = ["static"]
            if "static" in modes and _has_gradient(example):
                modes.append("grad")
            special = {"own_data", "whole", "fixed_batch"} & set(example)
            if "static" in modes and example.get("inputs") and not special:
                modes.append("batch")
            if "static" in modes and _has_unknown_sizes(number, example):
                modes.append("sizes")
            for mode in modes:
                make = _MAKERS[mode]
                if mode == "batch" and make(example) == static_text(example):
                    continue
                found[f"{row.old}#{number}:{mode}"] = {
                    "text": make(example),
                    "feed": example.get("inputs", {}),
                }
    return found


def _has_unknown_sizes(number: int, example: dict[str, Any]) -> bool:
    """The first example of each row, where other sizes than the batch may be unknown."""
    sequences = any(_lengths(s) for s in example.get("inputs", {}).values())
    special = {"own_data", "whole", "known", "fixed_batch"} & set(example)
    wide = any(len(s.split()) > 3 for s in example.get("inputs", {}).values())
    return number == 0 and wide and not sequences and not special


def _has_gradient(example: dict[str, Any]) -> bool:
    floats = any(_dtype(s) == "float32" for s in example.get("inputs", {}).values())
    special = {"own_data", "steps", "nofill", "nograd", "whole"} & set(example)
    return floats and not special and "gradients" not in example["code"]


def digest(job: dict[str, Any]) -> str:
    """Says whether a recording is of this very program."""
    return hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:12]


def migrated(job: dict[str, Any]) -> tuple[dict[str, Any], engine.Outcome]:
    """The same job with its text migrated, and the engine's outcome."""
    outcome = _outcome(job["text"])
    text = (outcome.new or job["text"].encode()).decode()
    return {"text": text, "feed": job["feed"]}, outcome


@functools.cache
def _outcome(text: str) -> engine.Outcome:
    return engine.migrate(text.encode(), "example.py", Options(unsafe=True))


def recorded() -> dict[str, Any]:
    """What 1.8.5 computed: ``{name: {"digest":, "ok":, "values":}}``."""
    return json.loads(RECORDED.read_text()) if RECORDED.exists() else {}

"""``dy2st demo``: three real models compiled, compared with eager and timed against Paddle."""

from __future__ import annotations

import inspect
import os
import textwrap
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from dy2st.errors import Dy2stError

if TYPE_CHECKING:
    from dy2st.cli.demo_models import Model

SIDE_BY_SIDE = 150  # columns of the terminal from which three texts fit beside each other
ROUNDS = 4
BLOCK = 3


@dataclass
class Outcome:
    """What the demo found out about one model; times in milliseconds."""

    captured: int
    planned: int
    parameters: int
    difference: float
    times: dict[str, float]
    seconds_to_first: float


def count_operations(program: Any) -> int:
    """Operations that compute something in every call: without parameters, constants, terminators
    and what depends on weights only, which is computed once."""
    static: set[Any] = set()
    count = 0
    for op in program.block.walk():
        constant = op.name in ("parameter", "constant")
        operands = list(op.flat_operands())
        if constant or (operands and not op.regions and all(v in static for v in operands)):
            static.update(op.results)
        elif op.name not in ("return", "yield"):
            count += 1
    return count


def largest_difference(expected: Any, actual: Any) -> float:
    """Largest difference over the largest value; infinite where shapes or integers differ."""
    a, b = expected.numpy(), actual.numpy()
    if a.shape != b.shape:
        return float("inf")
    if a.dtype.kind != "f":
        return 0.0 if np.array_equal(a, b) else float("inf")
    return float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30))


def interleaved(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Medians in milliseconds; the calls take turns in blocks whose first call is not counted."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            call()
            for _ in range(BLOCK):
                start = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - start)
    return {name: median(values) * 1e3 for name, values in times.items()}


def examine(model: Model) -> tuple[Outcome, Any]:
    """Compile ``model``, compare it with eager on all its calls and time the first one."""
    import paddle
    from paddle.static import InputSpec as PaddleInputSpec

    import dy2st

    def build() -> Any:
        paddle.seed(1)
        layer = model.build()
        layer.eval()
        return layer

    shape, dtype, name = model.spec
    calls = [paddle.to_tensor(value) for value in model.calls()]
    eager = build()
    static = paddle.jit.to_static(
        build(), input_spec=[PaddleInputSpec(shape, dtype, name)], full_graph=True
    )
    layer = build()
    start = time.perf_counter()
    spec = dy2st.InputSpec(shape, dtype, name)  # type: ignore[attr-defined]
    ours = dy2st.to_static(layer, input_spec=[spec])  # type: ignore[attr-defined]
    with paddle.no_grad():
        ours(calls[0])
        seconds = time.perf_counter() - start
        difference = max(largest_difference(eager(x), ours(x)) for x in calls)
        times = interleaved(
            {
                "eager": lambda: eager(calls[0]),
                "to_static": lambda: static(calls[0]),
                "ours": lambda: ours(calls[0]),
            }
        )
    program = ours.forward.main_program
    outcome = Outcome(
        captured=count_operations(program),
        planned=count_operations(optimized(program)),
        parameters=sum(int(np.prod(p.shape)) for p in layer.parameters()),
        difference=difference,
        times=times,
        seconds_to_first=seconds,
    )
    return outcome, ours.forward


def optimized(program: Any) -> Any:
    """``program`` after the passes that run before planning."""
    from dy2st.passes.pipeline import run_pipeline

    return run_pipeline(program)


def results_table(outcomes: dict[str, Outcome]) -> Table:
    """A column a model, a line a figure: narrow enough for any terminal."""
    table = Table(title="dy2st against Paddle, batch 1, medians")
    table.add_column("")
    for title in outcomes:
        table.add_column(title, justify="right")
    for label, show in _LINES:
        table.add_row(label, *(show(outcome) for outcome in outcomes.values()))
    return table


_LINES: list[tuple[str, Callable[[Outcome], str]]] = [
    ("operations a call, captured", lambda o: str(o.captured)),
    ("operations a call, after passes", lambda o: str(o.planned)),
    ("parameters", lambda o: f"{o.parameters / 1e6:.1f} M"),
    ("largest difference from eager", lambda o: f"{o.difference:.1e}"),
    ("decorated layer to first result", lambda o: f"{o.seconds_to_first:.2f} s"),
    ("Paddle eager", lambda o: f"{o.times['eager']:.1f} ms"),
    ("paddle.jit.to_static", lambda o: f"{o.times['to_static']:.1f} ms"),
    ("dy2st", lambda o: f"{o.times['ours']:.1f} ms"),
    ("to_static / dy2st", lambda o: f"{o.times['to_static'] / o.times['ours']:.1f}"),
]


def show_texts(console: Console, model: Model, converted: Any) -> None:
    """The user's source, the generated Python and the Program, side by side where they fit."""
    source = textwrap.dedent(inspect.getsource(model.build.forward))  # type: ignore[attr-defined]
    texts = [
        ("your source", Syntax(source, "python", word_wrap=True)),
        ("generated Python (net.forward.code)", Syntax(converted.code, "python", word_wrap=True)),
        (
            "Program (net.forward.main_program)",
            Syntax(str(converted.main_program), "text", word_wrap=True),
        ),
    ]
    panels = [Panel(syntax, title=title) for title, syntax in texts]
    if console.width < SIDE_BY_SIDE:
        for panel in panels:
            console.print(panel)
        return
    grid = Table.grid(expand=True)
    for _ in panels:
        grid.add_column(ratio=1)
    grid.add_row(*panels)
    console.print(grid)


@click.command()
@click.option("--only", default="", help="Only models whose title contains this.")
@click.option("--width", default=0, help="Columns of the output; default: the terminal's.")
def demo(only: str, width: int) -> None:
    """Compile three real models, compare them with eager, time them."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    for module in ("paddle.utils", "paddle.static"):
        warnings.filterwarnings("ignore", module=module.replace(".", r"\."))
    try:
        import paddle
    except ImportError as error:
        raise click.ClickException(
            "the demo needs PaddlePaddle: pip install 'dy2st[paddle]'"
        ) from error
    models = load_models()

    console = Console(width=width or None)
    console.print(f"PaddlePaddle {paddle.__version__}; weights are random, inputs are real.")
    outcomes: dict[str, Outcome] = {}
    for model in models.MODELS:
        if only.lower() not in model.title.lower():
            continue
        console.print(f"compiling {model.title} ...")
        try:
            outcome, converted = examine(model)
        except Dy2stError as error:
            raise click.ClickException(f"{model.title}: {error}") from error
        outcomes[model.title] = outcome
        if model.shows_source:
            show_texts(console, model, converted)
    if not outcomes:
        raise click.ClickException(f"no model's title contains {only!r}")
    console.print(results_table(outcomes))
    worst = max(outcome.difference for outcome in outcomes.values())
    if worst > 1e-4:
        raise click.ClickException(f"results differ from eager: {worst:.1e} of the largest value")


def load_models() -> Any:
    """The module of the demo's models, under a name outside of this package: it stands for a user's
    own file, and code of ours is not converted."""
    import importlib.util
    import sys

    name = "demo_models"
    path = Path(__file__).with_name("demo_models.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module

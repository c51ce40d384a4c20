"""What the model tests share: find the fixtures, convert, compare with eager, name fallbacks."""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

FIXTURES = Path(__file__).parent.parent / "fixtures" / "models"
TOLERANCE = 1e-4


def fixture_names() -> list[str]:
    """Names of the models in tests/fixtures/models."""
    return sorted(path.stem for path in FIXTURES.glob("*.py") if path.stem != "__init__")


def load_fixture(name: str) -> Any:
    """The fixture's module, loaded from its file so that its source can be found."""
    spec = importlib.util.spec_from_file_location(f"fixture_{name}", FIXTURES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def leaves(value: Any, path: str = "result") -> Iterator[tuple[str, Any]]:
    """Every leaf of nested containers with the path to it, in order; structure is in the paths."""
    if isinstance(value, dict):
        yield path, sorted(map(str, value))
        for key, item in value.items():
            yield from leaves(item, f"{path}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        yield path, (type(value).__name__, len(value))
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    elif dataclasses.is_dataclass(value):
        yield from leaves(vars(value), path)
    else:
        yield path, value


def assert_same(expected: Any, actual: Any) -> None:
    """Equal structure, shapes and dtypes; floats within TOLERANCE of the largest value."""
    import paddle

    want, got = list(leaves(expected)), list(leaves(actual))
    assert [path for path, _ in got] == [path for path, _ in want]
    for (path, a), (_, b) in zip(want, got):
        if not isinstance(a, paddle.Tensor):
            assert a == b, path
            continue
        assert isinstance(b, paddle.Tensor), path
        assert list(a.shape) == list(b.shape), path
        assert a.dtype == b.dtype, path
        assert_close(a.numpy(), b.numpy(), path)


def assert_close(a: np.ndarray, b: np.ndarray, path: str) -> None:
    """Largest difference over largest value at most TOLERANCE; integers and bools equal."""
    if a.dtype.kind not in "fc":
        np.testing.assert_array_equal(a, b, err_msg=path)
        return
    finite = np.isfinite(a)
    np.testing.assert_array_equal(a[~finite], b[~finite], err_msg=path)
    if finite.any():
        scale = max(float(np.abs(a[finite]).max()), 1e-30)
        difference = float(np.abs(a[finite] - b[finite]).max()) / scale
        assert difference <= TOLERANCE, f"{path}: {difference:.2e} of the largest value"


def fallbacks(program: Any) -> set[str]:
    """Names of Paddle's operators that the Program calls because the registry lacks them."""
    found = set()
    pending = list(program.block.ops)
    while pending:
        op = pending.pop()
        if op.name == "paddle_fallback":
            found.add(op.attrs["op"])
        for region in op.regions:
            for block in getattr(region, "blocks", [region]):
                pending.extend(block.ops)
    return found


def check_program(program: Any) -> None:
    """The Program is well formed, after each pass too, and its text reads back."""
    from dy2st.ir.parser import parse_program
    from dy2st.ir.verifier import verify
    from dy2st.ops.base import infer
    from dy2st.passes.pipeline import CPU

    text = str(verify(program, infer))
    assert str(parse_program(text, program.constants)) == text
    for function in CPU:
        program = verify(function(program), infer)


def check(build: Any, spec: Any, calls: list[tuple], expected_fallbacks: set[str]) -> None:
    """Convert ``build()``; every call equals a second, eager instance with the same seed."""
    import paddle

    from dy2st import to_static

    eager, layer = build(), build()
    eager.eval()
    layer.eval()
    converted = to_static(layer, input_spec=spec)
    with paddle.no_grad(), warnings.catch_warnings():
        for name in expected_fallbacks:  # each is named once in a process
            warnings.filterwarnings("ignore", message=f"dy2st has no operation '{name}'")
        for args in calls:
            assert_same(eager(*args), converted(*args))
    check_program(converted.forward.main_program)
    assert fallbacks(converted.forward.main_program) == expected_fallbacks

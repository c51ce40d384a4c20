"""Random functions over tensors against eager: the same, or refused by name; never something else."""

from __future__ import annotations

import linecache
from typing import Any

import numpy as np
import paddle
import pytest

from dy2st import to_static
from dy2st.errors import Dy2stError

from .random_programs import program
from .test_functions import same, seen

ARGUMENTS = [
    ([1.0, 2.0, 0.5], [[1.0, 2.0, 3.0], [-1.0, 0.0, 2.0]], 2),
    ([-1.0, -2.0, 0.5], [[0.1, 0.2, 0.3], [2.0, 2.0, 2.0]], 0),
    ([0.0, 0.0, 0.0], [[-3.0, 1.0, 1.0], [0.0, 0.0, 0.0]], 3),
]


class Box:
    def __init__(self) -> None:
        self.v = 0
        self.t: Any = None


def outcome(function: Any, x: Any, rows: Any, c: int) -> Any:
    box, tensor = Box(), paddle.to_tensor(x)
    try:
        with paddle.no_grad():
            result = (
                "returned",
                seen(function(tensor, paddle.to_tensor(rows), paddle.to_tensor(c), box)),
            )
    except Dy2stError:
        raise
    except Exception as error:  # noqa: BLE001
        kind = NameError if isinstance(error, NameError) else type(error)
        return ("raised", kind)
    return result, seen(tensor), seen(box)


def check(seed: int) -> bool:
    """Whether the function was converted; False where it was refused."""
    source, name = program(seed), f"<random program {seed}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    scope: dict[str, Any] = {"__name__": "random_program"}
    try:
        exec(compile(source, name, "exec"), scope)
        converted = to_static(scope["f"])
        for arguments in ARGUMENTS:
            eager = outcome(scope["f"], *arguments)
            try:
                ours = outcome(converted, *arguments)
            except Dy2stError as error:
                assert error.location is not None, f"seed {seed}: {error}"
                assert error.remedy, f"seed {seed}: {error}"
                return False
            assert same(eager, ours), f"seed {seed} with {arguments}:\n{source}\n{eager}\n{ours}"
        return True
    finally:
        del linecache.cache[name]


def run(seeds: range) -> None:
    np.random.seed(0)
    refused = [seed for seed in seeds if not check(seed)]
    assert len(refused) <= 0.12 * len(seeds), f"refused: {refused}"


@pytest.mark.parametrize("start", [1000, 1020])
def test_random_programs(start):
    run(range(start, start + 20))


@pytest.mark.nightly
@pytest.mark.parametrize("start", range(2000, 2500, 50))
def test_many_random_programs(start):
    run(range(start, start + 50))

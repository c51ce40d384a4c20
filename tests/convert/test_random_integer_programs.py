"""Random programs with tensor conditions: equal to eager, or refused; never silently different."""

from __future__ import annotations

import importlib.util
import linecache
from pathlib import Path

import numpy as np
import pytest

paddle = pytest.importorskip("paddle")

from dy2st import to_static  # noqa: E402
from dy2st.errors import Dy2stError  # noqa: E402

_spec = importlib.util.spec_from_file_location(
    "random_integer_program", Path(__file__).parent / "random_integer_program.py"
)
random_integer_program = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(random_integer_program)

REFUSED = object()


class Ob:
    """What the programs make an instance of."""


def plain(value):
    """A result as Python data in which a tensor differs from the number it holds."""
    if isinstance(value, paddle.Tensor):
        return ("tensor", str(value.dtype), value.numpy().tolist())
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def tensor(value):
    return paddle.to_tensor(np.array(value, dtype="int64"))


def observe(function, a, b):
    """A result, a kind of exception, or REFUSED."""
    try:
        return plain(function(tensor(a), tensor(b), tensor([a, b, 4]), tensor(0), tensor(4)))
    except Dy2stError as error:
        return type(error).__mro__[-4:] if isinstance(error, UnboundLocalError) else REFUSED
    except Exception as error:
        return type(error)


def check(seed):
    source = random_integer_program.program(seed)
    name = f"<random tensors {seed}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    scope = {"Ob": Ob, "__name__": "random_tensors"}
    exec(compile(source, name, "exec"), scope)
    static = to_static(scope["f"])
    refused = 0
    for a, b in ((1, 2), (5, -3), (0, 0)):
        found = observe(static, a, b)
        if found is REFUSED:
            refused += 1
            continue
        expected = observe(scope["f"], a, b)
        assert found == expected, f"{source}\na, b = {a, b}"
    return refused


@pytest.mark.parametrize("seed", range(30))
def test_random_programs(seed):
    check(seed)


def test_few_are_refused():
    assert sum(check(seed) for seed in range(100, 115)) < 10


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1000, 1400))
def test_many_random_programs(seed):
    check(seed)

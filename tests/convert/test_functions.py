"""Every function of ``functions/`` against plain eager Paddle: result, effects, output, exceptions."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import numpy as np
import paddle
import pytest

from dy2st import to_static

from .functions import table

MODULES = ("branches", "whiles", "fors", "state", "logic", "errors", "functions")
MODULES += tuple(f"corners_{i}" for i in range(1, 9))
for name in MODULES:
    importlib.import_module(f".functions.{name}", __package__)


def materialize(argument: Any) -> Any:
    if isinstance(argument, table.Py):
        return copy.deepcopy(argument.value)
    if isinstance(argument, table.Scalar):
        return paddle.to_tensor(argument.value)
    return paddle.to_tensor(argument) if isinstance(argument, list) else argument


def seen(value: Any) -> Any:
    """A value in a form that can be compared: types, dtypes, shapes, numbers."""
    if isinstance(value, paddle.Tensor):
        return ("tensor", str(value.dtype), tuple(value.shape), value.numpy())
    if isinstance(value, (list, tuple)):
        return (type(value), [seen(v) for v in value])
    if isinstance(value, dict):
        return (type(value), [(k, seen(v)) for k, v in value.items()])
    if hasattr(value, "__dict__") and not callable(value):
        return (type(value), seen(vars(value)))
    return (type(value), value)


def layer_state(layer: Any) -> Any:
    if layer is None:
        return None
    if isinstance(layer, paddle.nn.Layer):
        plain = {
            k: v
            for k, v in sorted(vars(layer).items())
            if type(v) in (int, float, str, type(None)) and not k.startswith("_")
        }
        return seen([plain, dict(layer.named_buffers())])
    return seen({k: v for k, v in sorted(vars(layer).items()) if not k.startswith("_dy2st")})


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and np.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, float) and isinstance(b, float):
        return a == pytest.approx(b, rel=1e-6, nan_ok=True)
    return bool(a == b)


def outcome(function: Any, state: Any, arguments: list[Any], capsys: Any) -> Any:
    """What a caller can see of a call."""
    leading = [] if state is None else [state]
    try:
        with paddle.no_grad():
            result = ("returned", seen(function(*leading, *arguments)))
    except Exception as error:  # noqa: BLE001
        ours = type(error).__module__.startswith("dy2st")
        kinds = [k for k in type(error).__mro__ if k.__module__ == "builtins"]
        result = (
            "raised",
            AssertionError if AssertionError in kinds else kinds[0],
            _message(error),
        )
        if not ours:
            result = ("raised", type(error), str(error))
    globals_seen = {
        k: seen(v)
        for k, v in function_globals(function).items()
        if k in ("COUNTER", "TABLE", "LIST")
    }
    return [result, seen(arguments), layer_state(state), capsys.readouterr().out, globals_seen]


def _message(error: Exception) -> str:
    text = getattr(error, "message", None) or str(error)
    return str(text)


def function_globals(function: Any) -> dict[str, Any]:
    inner = getattr(function, "_function", function)
    return inner.__globals__


@pytest.mark.parametrize("case", table.CASES, ids=[c.name for c in table.CASES])
def test_equals_eager(case: table.Case, capsys: Any) -> None:
    converted = to_static(case.function)
    for values in case.arguments:
        for _ in range(2):  # the second call runs the Program without a capture
            found = []
            for function in (case.function, converted):
                paddle.seed(7)
                state = case.setup() if case.setup else None
                arguments = [materialize(v) for v in values]
                found.append(outcome(function, state, arguments, capsys))
            eager, ours = found
            assert eager[0][0] == ours[0][0], f"{values}: eager {eager[0]}, ours {ours[0]}"
            if eager[0][0] == "raised" and eager[0][1] in (AssertionError, UnboundLocalError):
                eager[0], ours[0] = eager[0][:2], ours[0][:2]
            assert same(eager, ours), f"{values}:\neager {eager}\nours  {ours}"
    if case.setup is None:
        assert converted.programs, "it was never captured"

"""Operations with an effect: ``print``, ``assert``, ``raise``. They run in program order, always."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import numpy as np

from dy2st.ops.base import Op, todo


def show_array(array: np.ndarray) -> str:
    """An array as eager prints a tensor, where Paddle is there; as numpy prints it elsewhere."""
    paddle: Any = sys.modules.get("paddle")
    return str(array) if paddle is None else str(paddle.to_tensor(array))


def fill(template: tuple[Any, ...], values: tuple[np.ndarray, ...]) -> str:
    """The text of a template: strings as they are, an int ``i`` is value ``i``."""
    return "".join(p if isinstance(p, str) else show_array(values[p]) for p in template)


def _no_results(**values: Any) -> tuple[()]:
    return ()


def _print(values: Any, template: Any, flush: bool) -> tuple[()]:
    # The template holds separators and the end of the line too.
    print(fill(template, values), end="", flush=flush)
    return ()


class Print(
    Op, name="print", signature="values: Tensor[], template: any, flush: bool = False -> "
):
    """Python's ``print`` with tensors among what it prints."""

    effect = True
    infer = lambda values, template: ()  # noqa: E731
    numpy = _print
    cpu = lambda b, values, template: b.reference()  # noqa: E731
    grad = todo("training")
    onnx = todo("onnx")
    cases: list[dict[str, Any]] = []


def _assert(condition: Any, values: Any, template: Any) -> tuple[()]:
    if not bool(np.asarray(condition).reshape(-1)[0]):
        raise AssertionError(*([fill(template, values)] if template is not None else []))
    return ()


class Assert(
    Op,
    name="assert",
    signature="condition: Tensor, values: Tensor[], template: any = None -> ",
):
    """Python's ``assert`` on a tensor; ``template`` None is an assert without a message."""

    effect = True
    infer = lambda condition, values: ()  # noqa: E731
    numpy = _assert
    cpu = lambda b, condition, values: b.reference()  # noqa: E731
    grad = todo("training")
    onnx = todo("onnx")
    cases: list[dict[str, Any]] = []


def find_exception(name: str) -> type[Exception]:
    """The exception class ``module:qualified.name``; RuntimeError where it is not loaded."""
    module_name, _, path = name.partition(":")
    found: Any = builtins if module_name == "builtins" else sys.modules.get(module_name)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else RuntimeError


def _raise(exception: str, args: Any) -> tuple[()]:
    kind = find_exception(exception)
    try:
        error = kind(*args)
    except TypeError:
        error = RuntimeError(f"{exception.partition(':')[2]}{tuple(args)}")
    raise error


class Raise(Op, name="raise", signature="exception: str, args: any = () -> "):
    """Python's ``raise`` of an exception with plain arguments."""

    effect = True
    infer = lambda exception: ()  # noqa: E731
    numpy = _raise
    cpu = lambda b, exception: b.reference()  # noqa: E731
    grad = todo("training")
    onnx = todo("onnx")
    cases: list[dict[str, Any]] = []

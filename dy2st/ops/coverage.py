"""The coverage page: what each registered operation has, printed from the registry.

``python -m dy2st.ops.coverage`` prints ``docs/ops.md``. Whether an operation has a native kernel is
found by describing each of its cases to the kernel graph's builder and looking for callbacks.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from dy2st.errors import Dy2stError
from dy2st.ops import base
from dy2st.ops.cases import Draw

_SIZES = {"N": 3, "M": 5}


def page() -> str:
    """The page in Markdown."""
    ops = list(base.all_ops())
    kernels = {op.name: kernel_of(op) for op in ops}
    count = {k: sum(v == k for v in kernels.values()) for k in ("native", "partly", "reference")}
    lines = [
        "# Operations",
        "",
        "Printed from the registry by `make docs`; not edited by hand. Names and arguments are phi's.",
        "",
        f"{len(ops)} operations: {count['native']} with native kernels, {count['partly']} with native",
        "kernels for some of their forms (layouts, dtypes, modes), and "
        f"{count['reference']} that run by",
        "callbacks: Paddle's own kernel where Paddle is loaded and takes all values, numpy elsewhere.",
        "Operations that are not listed run through Paddle's own kernels, with one warning.",
        "",
        "| operation | arguments and results | CPU kernel | gradient | ONNX | compared with eager |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(op, kernels[op.name]) for op in ops),
        "",
    ]
    return "\n".join(lines)


def _row(op: type[base.Op], kernel: str) -> str:
    names = ", ".join((op.name, *op.aliases))
    arguments = ", ".join(f.name for f in op.signature.fields)
    results = ", ".join(op.signature.results)
    compared = op.not_compared or (f"{len(op.cases or ())} cases")
    cells = (
        names,
        f"({arguments}) → {results}",
        kernel,
        _state(op.grad, op),
        _state(op.onnx, op),
        compared,
    )
    return "| " + " | ".join(cells) + " |"


def _state(value: Any, op: type[base.Op]) -> str:
    if isinstance(value, base.Todo):
        return f"to do: {value.why}"
    return "yes" if value is not None else ("by decomposition" if op.decompose else "no")


def kernel_of(op: type[base.Op]) -> str:
    """``native``, ``partly`` or ``reference``, over the cases of the operation in float32 or its own."""
    if op.cpu is None:
        return "by decomposition"
    found = {_is_native(op, case) for case in op.cases or ()} - {None}
    if found == {True}:
        return "native"
    return "partly" if True in found else "reference"


def _is_native(op: type[base.Op], case: dict[str, Any]) -> bool | None:
    # The kernel graph belongs to the runtime, which operations do not import.
    builder = importlib.import_module("dy2st.runtime.cpu.builder")
    graph = importlib.import_module("dy2st.runtime.cpu.graph")
    dtype = case.get("dtypes", op.dtypes or ("float32",))[0]
    attrs = {f.name: f.normalize(case.get(f.name)) for f in op.signature.attributes}
    rng = np.random.default_rng(0)
    operands = Draw(dtype, _SIZES, False, False, rng).operands(op.signature.operands, case)
    b = builder.Builder()
    inputs: list[Any] = []

    def node(array: np.ndarray) -> Any:
        inputs.append(b.input(array.shape, base._array_type(array).dtype.value))
        return inputs[-1]

    nodes = [base._map_operand(node, o) for o in operands]
    kinds = [base._map_operand(base._array_type, o) for o in operands]
    try:
        types = base._infer_types(op, base.bound_values(op, kinds, attrs))
        b.operation = (op, tuple(inputs), tuple(_concrete(t) for t in types))
        result = base.call_rule(op.cpu, ("b", b), op, base.bound_values(op, nodes, attrs))
    except Dy2stError:
        return None
    outputs = list(base.flatten(result))
    return not any(isinstance(n, graph.Reference) for n in graph.topological(outputs))


def _concrete(type_: Any) -> tuple[tuple[int, ...], str]:
    return tuple(d if isinstance(d, int) else 1 for d in type_.shape), type_.dtype.value


if __name__ == "__main__":
    print(page(), end="")

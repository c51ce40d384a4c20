"""Capturing: from a function and example arguments to an ``Entry``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from dy2st import debug
from dy2st.capture import Recorder
from dy2st.convert import run
from dy2st.errors import GuardError
from dy2st.ir.dims import SymExpr, symbol
from dy2st.ir.program import SymbolBinding
from dy2st.ir.types import DType, TensorType
from dy2st.runtime.plan import compile_program
from dy2st.static.carried import carried, made_anew
from dy2st.static.counters import Number
from dy2st.static.entry import Entry
from dy2st.static.input_spec import dtype_name
from dy2st.static.results import Results
from dy2st.static.snapshot import LayerSnapshot, random_state
from dy2st.static.structure import rebuild
from dy2st.static.weights import Weights


def capture(
    function: Any,
    structure: Any,
    tensors: Sequence[Any],
    names: Sequence[str],
    dynamic: Sequence[frozenset[int]],
    roots: Sequence[Any],
    name: str,
    numbers: Sequence[Number] = (),
) -> Entry:
    """Run ``function`` on symbolic stand-ins of ``tensors`` and make an Entry of what it did.

    ``structure`` is the (args, kwargs) tree with the tensors as leaves; ``dynamic[i]`` are the axes of
    tensor i that become symbols; ``roots`` are the Layers whose state the function reads; ``numbers``
    are Python numbers that become inputs too.
    """
    start = time.perf_counter()
    recorder = Recorder(name, _tensor_names(roots))
    inputs = [_input(recorder, n, t, axes) for n, t, axes in zip(names, tensors, dynamic)]
    before = random_state()
    with recorder.recording():
        stand_ins = [recorder.wrap(v) for v in inputs]
        for stand_in, tensor in zip(stand_ins, tensors):
            stand_in.stop_gradient = tensor.stop_gradient
        args, kwargs = rebuild(structure, stand_ins)
        lifted = [(n.place, n.input(recorder, i)) for i, n in enumerate(numbers)]
        captured = run(recorder, function, args, kwargs, lifted)
        results = Results(recorder, stand_ins, (args, kwargs))
        results.set_result(captured.result)
        for place, value in captured.effects:
            results.add_effect(place, value)
    if random_state() != before:
        raise GuardError(
            f"{name} drew Python or numpy random numbers, which a Program would freeze",
            remedy="draw with paddle.rand and its relatives, or mark the function not_to_static",
        )
    written = list(recorder.written.values())
    values = [*results.values, *(recorder.value_of(t) for t in written)]
    program = recorder.builder.return_(values)
    by_id = {id(t): n for n, t in recorder.externals.items()}
    program.writes = tuple(by_id[id(t)] for t in written)
    program.guards = [relation for relation, answer in recorder.guards if answer]
    results.seal()
    weights = Weights(program, recorder.externals)
    executable = compile_program(program, weights)
    layers = _all_layers(roots)
    followed = carried(captured, weights, layers, results.returned)
    ignored = made_anew(captured, recorder.externals.values()) | {c.owned for c in followed}
    entry = Entry(
        program,
        weights,
        executable,
        results,
        recorder.guards,
        captured.reads,
        LayerSnapshot(layers, ignored),
        frozenset(recorder.fallbacks),
        tuple(numbers),
        followed,
        flags=[bool(t.stop_gradient) for t in tensors] if recorder.reads_flags else None,
    )
    took = time.perf_counter() - start
    debug.log(1, f"captured {name}: {sum(1 for _ in program.walk())} operations in {took:.3f} s")
    return entry


def _input(recorder: Recorder, name: str, tensor: Any, axes: frozenset[int]) -> Any:
    shape: list[int | SymExpr] = [int(d) for d in tensor.shape]
    program = recorder.builder.program
    index = len(program.inputs)
    for axis in sorted(axes):
        label = "N" if not program.symbols else f"N{len(program.symbols)}"
        recorder.examples[label] = int(tensor.shape[axis])
        program.symbols[label] = SymbolBinding(index, axis)
        shape[axis] = symbol(label)
    dtype = DType.of(dtype_name(tensor.dtype))
    return recorder.builder.input(TensorType(dtype, tuple(shape)), name)


def _tensor_names(roots: Sequence[Any]) -> dict[int, tuple[str, str]]:
    names: dict[int, tuple[str, str]] = {}
    for number, root in enumerate(roots):
        prefix = "" if len(roots) == 1 else f"{number}."
        for name, tensor in root.named_parameters():
            names.setdefault(id(tensor), (prefix + name, "parameter"))
        for name, tensor in root.named_buffers():
            names.setdefault(id(tensor), (prefix + name, "buffer"))
    return names


def _all_layers(roots: Sequence[Any]) -> list[Any]:
    seen: dict[int, Any] = {}
    for root in roots:
        for layer in root.sublayers(include_self=True):
            seen[id(layer)] = layer
    return list(seen.values())

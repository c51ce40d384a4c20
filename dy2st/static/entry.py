"""One captured Program of a function, with what it takes to call it: guards, weights, results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dy2st import debug
from dy2st.errors import GuardError
from dy2st.ir.dims import Relation, SymExpr, evaluate
from dy2st.ir.program import Program
from dy2st.ir.types import DType
from dy2st.runtime.plan import Buffer, Executable
from dy2st.static import guards, watch
from dy2st.static.carried import Carried
from dy2st.static.counters import Number, held_at
from dy2st.static.results import Results, write_tensor
from dy2st.static.snapshot import LayerSnapshot, process_state
from dy2st.static.structure import PLAIN
from dy2st.static.weights import Weights

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}
_MAX_KNOWN = 256


class Entry:
    """See the module's docstring. Made by ``static.capture``."""

    def __init__(
        self,
        program: Program,
        weights: Weights,
        executable: Executable,
        results: Results,
        relations: list[tuple[Relation, bool]],
        reads: list[tuple[Any, Any]],
        layers: LayerSnapshot,
        fallbacks: frozenset[str],
        numbers: tuple[Number, ...] = (),
        carried: tuple[Carried, ...] = (),
        flags: list[bool] | None = None,
    ) -> None:
        import paddle

        self.program = program
        self.weights = weights
        self.executable = executable
        self.results = results
        self.fallbacks = fallbacks
        self._relations = relations
        self.reads = reads
        self.numbers = numbers
        self.flags = flags  # `stop_gradient` of the inputs, where the user's code looked at it
        self._carried = carried
        self._layers = layers
        self._process = process_state()
        self._version = -1
        self._known: dict[tuple[Any, ...], bool] = {}
        self._place = paddle.CPUPlace()
        self._dtypes = {d: getattr(paddle, d.value) for d in DType}
        impure = results.has_effects or results.conditional or bool(program.writes)
        self.pure = not (impure or _is_random(program))

    # --- may this Program serve this call? ------------------------------------------------------

    def accepts(self, shapes: tuple[tuple[int, ...], ...]) -> bool:
        """Whether the Program was captured for these sizes."""
        known = self._known.get(shapes)
        if known is None:
            known = self._accepts(shapes)
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[shapes] = known
        return known

    def _accepts(self, shapes: tuple[tuple[int, ...], ...]) -> bool:
        env: dict[str, int] = {}
        for value, shape in zip(self.program.inputs, shapes):
            if len(value.shape) != len(shape):
                return False
            for dim, size in zip(value.shape, shape):
                if isinstance(dim, SymExpr):
                    env[str(dim)] = size
                elif dim != size:
                    return False
        return all(
            _COMPARE[op](evaluate(a, env), evaluate(b, env)) == answer
            for (op, a, b), answer in self._relations
        )

    def state_matches(self) -> bool:
        """Whether everything of Python's that the capture read is as it was."""
        if not self._layers.matches() or process_state() != self._process:
            return False
        for place, expected in self.reads:
            if not guards.still(place, expected):
                return False
        if self.numbers and not all(number.fits() for number in self.numbers):
            return False
        if self._carried and not all(c.follow(self.weights) for c in self._carried):
            return False
        if self._version != watch.Clock.weights:
            if not self.weights.fits():
                return False
            self._version = watch.Clock.weights
        return True

    @contextmanager
    def as_captured(self) -> Iterator[None]:
        """Inside, Python's plain values are what the capture read, whatever became of them since.

        Raises GuardError where something else changed.
        """
        changed = [(p, value) for p, value in self.reads if not guards.still(p, value)]
        for place, value in changed:
            if not isinstance(value, PLAIN):
                raise GuardError(f"{place} changed between a call and its backward()")
        with held_at(changed), self._layers.as_captured():
            yield

    def why_not(self, shapes: tuple[tuple[int, ...], ...]) -> str:
        """What changed, for debug level 1."""
        if not self.accepts(shapes):
            return (
                f"sizes {shapes} do not fit ({', '.join(str(v.type) for v in self.program.inputs)})"
            )
        for place, expected in self.reads:
            if not guards.still(place, expected):
                return f"{place} changed"
        if process_state() != self._process:
            return "the default dtype changed"
        if not self.weights.fits():
            return "the shape or dtype of a weight changed"
        return self._layers.difference()

    def describe(self) -> list[str]:
        """Facts about the Program for ``explain``."""
        count = sum(1 for _ in self.program.walk())
        facts = [f"{count} operations, {len(self.program.parameters)} weights"]
        facts += [f"holds where {a} {op} {b} is {yes}" for (op, a, b), yes in self._relations]
        facts += [f"reads {place}" for place, _ in self.reads]
        facts += [f"takes {number.place} at each call" for number in self.numbers]
        if self.program.writes:
            facts.append(f"updates {', '.join(self.program.writes)}")
        if self.fallbacks:
            facts.append(f"runs in Paddle's own kernels: {', '.join(sorted(self.fallbacks))}")
        if not self.pure:
            facts.append("runs eagerly when gradients are asked for: running it twice would differ")
        return facts

    # --- running -----------------------------------------------------------------------------------

    def run(self, tensors: list[Any], shapes: tuple[tuple[int, ...], ...]) -> list[Any]:
        """The Program's outputs as fresh Paddle tensors."""
        buffers = _buffers(tensors, shapes)
        if self.numbers:
            buffers += [number.buffer() for number in self.numbers]
        return self.executable.run(buffers, self._allocate)

    def prepare(self, tensors: list[Any]) -> None:
        """Make the plan that inputs of these sizes need, and the packed weights that it reads."""
        buffers = _buffers(tensors, tuple(tuple(t.shape) for t in tensors))
        self.executable.plan_for(buffers + [number.buffer() for number in self.numbers])

    def finish(self, outputs: list[Any], tensors: list[Any], call: Any) -> Any:
        """Write the buffers that the Program updated, apply effects, rebuild the result."""
        if self.program.writes:
            count = len(self.results.values)
            for name, value in zip(self.program.writes, outputs[count:]):
                write_tensor(self.weights.tensors[name], value)
        return self.results.rebuild(outputs, tensors, call)

    def _allocate(self, index: int, dtype: DType, shape: tuple[int, ...]) -> tuple[Any, int]:
        tensor = watch.Originals.empty(shape, self._dtypes[dtype], self._place)
        return tensor, watch.Originals.data_ptr(tensor)


def _buffers(tensors: list[Any], shapes: tuple[tuple[int, ...], ...]) -> list[Buffer]:
    data_ptr = watch.Originals.data_ptr
    return [
        Buffer(data_ptr(t), shape, None if t.is_contiguous() else tuple(t.strides), t)
        for t, shape in zip(tensors, shapes)
    ]


def _is_random(program: Program) -> bool:
    from dy2st.ops import base

    for op in program.walk():
        if base.draws_random(op.name, op.attrs) or op.name in ("seed", "draw", "paddle_fallback"):
            debug.log(2, f"{program.name}: {op.name} may draw random numbers")
            return True
    return False

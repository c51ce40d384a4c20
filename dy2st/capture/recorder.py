"""The Recorder: what one capture knows. Operators of Paddle arrive here as names and arguments.

A Recorder belongs to one thread and one call. It owns the Builder, gives every tensor its current
``ir.Value`` (symbolic tensors carry theirs; the user's real tensors become parameters by
identity), keeps the example's sizes, and answers what symbolic sizes ask.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from dy2st.capture import storage, symint
from dy2st.capture.scalar import Scalar
from dy2st.errors import CaptureError, Dy2stError, Location
from dy2st.ir import dims
from dy2st.ir.builder import Builder
from dy2st.ir.dims import Dim, Relation
from dy2st.ir.program import Block, Operation, Value
from dy2st.ir.types import DType, TensorType
from dy2st.ops import base as ops

_active = threading.local()


def current() -> Recorder | None:
    """The Recorder of this thread, or None where everything is eager."""
    return getattr(_active, "recorder", None)


class Recorder(symint.Owner):
    """See the module's docstring.

    ``names`` maps ``id(tensor)`` of the user's parameters and buffers to (name, kind).
    ``write_hook(tensor, old)`` is called before an in-place operation gives ``tensor`` a new value.
    """

    def __init__(self, name: str, names: dict[int, tuple[str, str]] | None = None) -> None:
        self.builder = Builder(name, ops.infer)
        self.examples: dict[str, int] = {}
        self.guards: list[tuple[Relation, bool]] = []
        # Sizes that only a run tells and that an operation of the block needs equal.
        self.equations: list[tuple[Block, Dim, Dim]] = []
        self.externals: dict[str, Any] = {}
        self.written: dict[int, Any] = {}  # id -> real tensor with a new value
        self.fallbacks: set[str] = set()
        self.user_files: set[str] = set()
        self.reads_flags = False  # the user's code looks at `stop_gradient`
        self.write_hook: Callable[[Any, Value], None] | None = None
        self.raiser: Callable[[Value, Exception], None] | None = None
        self._names = names or {}
        self._external_ids: dict[int, str] = {}
        self._real_values: dict[int, Value] = {}
        self._location: Location | None = None

    # --- being the thread's recorder ---------------------------------------------------------

    @contextmanager
    def recording(self) -> Iterator[Recorder]:
        """Record what this thread does with Paddle inside the block."""
        from dy2st.capture import patches

        if current() is not None:
            raise CaptureError("a capture is already under way in this thread")
        with patches.installed(), dims.oracle(self.decide):
            _active.recorder = self
            try:
                yield self
            finally:
                _active.recorder = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Run Paddle eagerly inside the block (probes, constants)."""
        before = current()
        _active.recorder = None
        try:
            yield
        finally:
            _active.recorder = before

    # --- places in the user's source ---------------------------------------------------------

    @property
    def location(self) -> Location | None:
        """The user's place that runs now: the innermost frame of a converted user file."""
        frame = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if code.co_filename in self.user_files:
                return Location(
                    code.co_filename,
                    frame.f_lineno,
                    function=code.co_qualname if sys.version_info >= (3, 11) else code.co_name,
                )
            frame = frame.f_back  # type: ignore[assignment]
        return self._location

    @location.setter
    def location(self, value: Location | None) -> None:
        self._location = value

    # --- values ------------------------------------------------------------------------------

    def wrap(self, value: Value) -> Any:
        """A new symbolic tensor whose value is ``value``."""
        from dy2st.capture.tensor import symbolic_class

        return symbolic_class()._make(self, value)

    def input(self, name: str, type_: TensorType) -> Any:
        """A symbolic tensor for a new input of the Program."""
        return self.wrap(self.builder.input(type_, name))

    def lift(self, tensor: Any) -> Any:
        """A symbolic stand-in for any tensor; itself where it is symbolic already."""
        from dy2st.capture.tensor import SymbolicTensor

        return tensor if type(tensor) is SymbolicTensor else storage.alias(self, tensor)

    def value_of(self, tensor: Any) -> Value:
        """The current value of a symbolic tensor, or of a real one of the user's (by identity)."""
        from dy2st.capture.tensor import SymbolicTensor

        if type(tensor) is SymbolicTensor:
            if tensor._recorder is not self:
                raise CaptureError(
                    "a symbolic tensor of another capture is used",
                    location=self.location,
                    remedy="return tensors instead of keeping them in a global or an attribute",
                )
            return storage.current_value(tensor)
        key = id(tensor)
        if key not in self._real_values:
            self._real_values[key] = self._external(tensor)
        return self._real_values[key]

    def _external(self, tensor: Any) -> Value:
        name, kind = self._names.get(id(tensor), ("", "tensor"))
        if not tensor._is_initialized():
            if 0 in tensor.shape:  # the state that recurrent layers keep for dropout
                dtype = DType.of(dtype_name(tensor.dtype))
                return self.builder.constant(np.zeros(tuple(tensor.shape), dtype.numpy))
            raise CaptureError(
                f"the tensor {name or tensor.name!r} holds no data", location=self.location
            )
        name = name or f"tensor_{len(self.externals)}"
        type_ = TensorType(DType.of(dtype_name(tensor.dtype)), tuple(tensor.shape))
        self.externals[name] = tensor
        return self.builder.parameter(name, type_, kind)

    def untouched_externals(self) -> dict[Value, Any]:
        """Real tensors of the user's by the value that stands for them, written ones left out."""
        return {
            self._real_values[id(t)]: t
            for t in self.externals.values()
            if id(t) not in self.written
        }

    def rebind(self, tensor: Any, value: Value) -> None:
        """Give ``tensor`` (symbolic, or real and the user's) a new current value, as in place."""
        old = self.value_of(tensor)
        if self.write_hook is not None:
            self.write_hook(tensor, old)
        self.restore(tensor, value)

    def restore(self, tensor: Any, value: Value) -> None:
        """``rebind`` without the hook: what a journal does when it rolls back."""
        from dy2st.capture.tensor import SymbolicTensor

        if type(tensor) is SymbolicTensor:
            storage.write(tensor, value)
        else:
            self._real_values[id(tensor)] = value
            self.written[id(tensor)] = tensor

    def constant(self, array: np.ndarray) -> Any:
        """A symbolic tensor whose value is a constant of the Program."""
        return self.wrap(self.builder.constant(np.ascontiguousarray(array).reshape(array.shape)))

    # --- operations --------------------------------------------------------------------------

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Record a phi operation; returns a symbolic tensor, or a tuple or list of them."""
        from dy2st.capture.dispatch import record

        return record(self, name, args, kwargs)

    def full(self, shape: Sequence[Any], value: Any, dtype: DType) -> Any:
        """A tensor filled with a number or a symbolic size."""
        import paddle

        return self.call("full", tuple(shape), value, dtype, paddle.CPUPlace())

    def emit(
        self,
        name: str,
        operands: Sequence[Any],
        attrs: dict[str, Any],
        types: Sequence[TensorType] | None = None,
    ) -> Operation:
        """Append an operation whose operands are Values; errors get the user's place."""
        location = self.location
        self.builder.location = location
        try:
            return self.builder.emit(name, tuple(operands), attrs, types=types)
        except Dy2stError as error:
            raise error.at(location) from error.__cause__

    # --- symbolic sizes ----------------------------------------------------------------------

    def symint(self, dim: Dim) -> Any:
        """The Python-side integer of a size."""
        return symint.wrap(dim, self)

    def example(self, dim: Dim) -> int | None:
        try:
            return dims.evaluate(dim, self.examples)
        except (KeyError, ZeroDivisionError):
            return None

    def decide(self, relation: Relation) -> bool:
        """The oracle: the example's answer, recorded as a guard."""
        op, a, b = relation
        x, y = self.example(a), self.example(b)
        if x is None or y is None:
            if op == "==":
                # Two run-time sizes that an operation needs equal: checked as it runs.
                self.equations.append((self.builder.block, a, b))
                return True
            raise symint.concrete_error(a if x is None else b).at(self.location)
        answer = bool(_PYTHON[op](x, y))
        if (relation, answer) not in self.guards:
            self.guards.append((relation, answer))
        return answer

    def compare(self, op: str, a: Dim, b: Dim) -> Any:
        if self.example(a) is not None and self.example(b) is not None:
            if op in (">", ">="):
                return dims.holds({">": "<", ">=": "<="}[op], b, a)
            return dims.holds(op, a, b)
        difference = self._reduced(a - b)
        if isinstance(difference, int):
            return bool(_PYTHON[op](difference, 0))
        return Scalar("bool", self.call(_PHI[op], self.tensor_of(a), self.tensor_of(b)))

    def raise_where_zero(self, dim: Dim, error: Exception) -> None:
        if self.raiser is not None:
            zero = self.call("equal", self.tensor_of(dim), self.tensor_of(0))
            self.raise_where(zero, error)

    def raise_where(self, flag: Any, error: Exception) -> None:
        """Let the Program raise ``error`` where the bool tensor ``flag`` holds (a Session can)."""
        if self.raiser is None:
            raise symint.concrete_error("a number").at(self.location)
        self.raiser(self.value_of(flag), error)

    def _reduced(self, dim: Dim) -> Dim:
        """``dim`` by the equations of the blocks that surround this place."""
        here = [(a, b) for block, a, b in self.equations if self.builder.within(block)]
        for a, b in here * len(here):
            if isinstance(dim, int):
                break
            if dim in (a - b, b - a):
                return 0
            for one, other in ((a, b), (b, a)):
                name = str(one)
                if name in dims.symbols_of([dim]) and name not in dims.symbols_of([other]):
                    dim = dims.substitute(dim, {name: other})
                    break
        return dim

    def tensor_of(self, dim: Dim) -> Any:
        """An int64 tensor of shape [] that holds the value of a size."""
        return self.wrap(self.emit("dim_value", (), {"value": dim}).result)

    def item(self, tensor: Any) -> Any:
        """The integer in a one-element integer tensor, as a run-time SymInt."""
        value = self.value_of(tensor)
        known = self.known_content(value)
        if known is not None:
            return self.symint(known)
        fresh = self.builder.fresh_symbol()
        self.emit("item", (value,), {"symbol": fresh}, types=())
        return self.symint(fresh)

    def known_content(self, value: Value) -> Dim | None:
        """The size that an integer tensor is known to hold (``x.shape`` through simple operations)."""
        from dy2st.capture.content import content_of

        content = content_of(self.builder.program, value)
        return content[0] if content is not None and len(content) == 1 else None

    def concrete(self, dim: Dim) -> int:
        value = self.example(dim)
        if value is None:
            raise symint.concrete_error(dim).at(self.location)
        self.guards.append((("==", dim, value), True))
        return value


_PYTHON: dict[str, Callable[[int, int], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_PHI = {
    "==": "equal",
    "!=": "not_equal",
    "<": "less_than",
    "<=": "less_equal",
    ">": "greater_than",
    ">=": "greater_equal",
}


def dtype_name(dtype: Any) -> str:
    """``float32`` for ``paddle.float32`` and its relatives."""
    return str(dtype).rsplit(".", 1)[-1].lower()

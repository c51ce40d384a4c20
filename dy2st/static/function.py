"""StaticFunction: what ``to_static`` returns in place of a function or method.

The call path: the arguments' structure and dtypes choose a *group*; in it the first Program whose sizes
and guards fit runs; where none does, one is captured. A size that differs from all Programs of the
group becomes a symbol in the new one, so that a varying batch costs one more Program, not one a size.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Any

from dy2st import debug
from dy2st.capture import current
from dy2st.errors import BreakpointError, CaptureError, Dy2stError, InputError
from dy2st.ir.dims import SymExpr
from dy2st.ir.program import Program
from dy2st.runtime.plan import collector_paused
from dy2st.source.debugger import spare_running_debugger
from dy2st.source.tracebacks import strip
from dy2st.static import autograd, settings, watch
from dy2st.static.capture import capture
from dy2st.static.counters import Counters, held_at
from dy2st.static.entry import Entry
from dy2st.static.input_spec import InputSpec, dtype_name
from dy2st.static.structure import LEAF, Constant, flatten, rebuild

# A function whose Python state changes at every call is not captured again for ever.
MAX_PROGRAMS = 24


class Group:
    """The Programs of one structure of arguments."""

    def __init__(self, names: list[str], specs: list[InputSpec | None]) -> None:
        self.names = names
        self.specs = specs
        self.entries: list[Entry] = []
        self.counters = Counters()
        self.dynamic: list[set[int]] = [
            {a for a, d in enumerate(s.shape) if d is None} if s is not None else set()
            for s in specs
        ]


class StaticFunction:
    """A converted function. Call it like the original; see the methods for what else it offers."""

    __name__: str

    def __init__(
        self,
        function: Callable[..., Any],
        input_spec: Any = None,
        instance: Any = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._instance = instance
        self._spec = None if input_spec is None else InputSpec.of(list(input_spec))
        self._groups: dict[Any, Group] = {}
        self._lock = threading.RLock()
        self._last: Entry | None = None
        self._stops = False
        self._signature = inspect.signature(function)
        watch.install()

    # --- being a method ----------------------------------------------------------------------------

    def __get__(self, instance: Any, owner: Any = None) -> StaticFunction:
        if instance is None:
            return self
        key = "_dy2st_" + self._function.__name__
        bound: StaticFunction | None = instance.__dict__.get(key)
        if bound is None or bound._function is not self._function:
            bound = StaticFunction(self._function, self._spec, instance)
            instance.__dict__[key] = bound
        return bound

    def __deepcopy__(self, memo: dict[int, Any]) -> StaticFunction:
        """A copy of a Layer has a converted function of its own, which shares no Program."""
        instance = memo.get(id(self._instance), self._instance)
        return StaticFunction(self._function, self._spec, instance)

    @property
    def original(self) -> Callable[..., Any]:
        """The user's function, bound where this one is."""
        if self._instance is None:
            return self._function
        return self._function.__get__(self._instance)  # type: ignore[no-any-return]

    # --- calling -----------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if current() is not None:  # inside another capture: part of that Program
            return self._inline(args, kwargs)
        try:
            return self._call(args, kwargs)
        except Exception as error:
            raise strip(error)  # noqa: B904 - the user's frames alone are of interest to the user

    def _call(self, args: Any, kwargs: Any) -> Any:
        if not settings.enabled or _mixed_precision():
            return self.original(*args, **kwargs)
        plain = watch.Originals.Tensor
        if not kwargs and all([type(a) is plain for a in args]):
            tensors = list(args)  # the common case: nothing but tensors, in order
            structure: Any = _positional(len(args))
        else:
            tensors = []
            structure = flatten((args, kwargs), _is_tensor, tensors)
        key = (structure, tuple([(t.dtype, len(t.shape)) for t in tensors]))
        group = self._groups.get(key)
        if group is None:
            group = self._new_group(key, args, kwargs, tensors)
        shapes = tuple([tuple(t.shape) for t in tensors])
        entry = self._find(group, shapes, tensors)
        if entry is None:
            entry = self._capture(group, structure, tensors, shapes)
            if entry is None:
                return self._eagerly(args, kwargs)
        self._last = entry
        return self._run(entry, structure, tensors, shapes, (args, kwargs))

    def _find(
        self, group: Group, shapes: tuple[tuple[int, ...], ...], tensors: Sequence[Any]
    ) -> Entry | None:
        for entry in group.entries:
            if entry.flags is not None and entry.flags != [t.stop_gradient for t in tensors]:
                continue
            if entry.accepts(shapes) and entry.state_matches():
                return entry
        return None

    def _eagerly(self, args: Any, kwargs: Any) -> Any:
        if not self._stops:
            return self.original(*args, **kwargs)
        from dy2st.static.convert import run_in_debugger

        return run_in_debugger(self._function, self._instance, args, kwargs)

    def _inline(self, args: Any, kwargs: Any) -> Any:
        from dy2st.static.convert import inline

        return inline(self.original, args, kwargs)

    # --- capturing ---------------------------------------------------------------------------------

    def _new_group(self, key: Any, args: Any, kwargs: Any, tensors: list[Any]) -> Group:
        names, specs = self._describe(args, kwargs)
        group = Group(names, specs)
        with self._lock:
            return self._groups.setdefault(key, group)

    def _describe(self, args: Any, kwargs: Any) -> tuple[list[str], list[InputSpec | None]]:
        """A name and a spec (or None) for each tensor among the arguments, in order."""
        bound_args = args if self._instance is None else (self._instance, *args)
        try:
            bound = self._signature.bind(*bound_args, **kwargs)
        except TypeError as error:
            raise InputError(
                f"{self.__name__}: {error}", remedy=f"its signature is {self._signature}"
            ) from None
        arguments = dict(bound.arguments)
        if self._instance is not None:
            arguments.pop(next(iter(arguments)))
        specs = self._spec_of(arguments)
        out: list[tuple[str, InputSpec | None]] = []
        for name, value in arguments.items():
            _pair(name, value, specs.get(name), out)
        for name, spec in specs.items():
            if name not in arguments:
                raise InputError(f"argument {name!r} is missing: InputSpec says {spec}")
        return [n for n, _ in out], [s for _, s in out]

    def _spec_of(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if self._spec is None:
            return {}
        names = [
            p.name
            for p in self._signature.parameters.values()
            if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        ]
        if self._instance is not None:
            names = names[1:]
        if len(self._spec) > len(names):
            raise InputError(
                f"{self.__name__} takes {len(names)} arguments, but InputSpec describes {len(self._spec)}"
            )
        return dict(zip(names, self._spec))

    def _capture(
        self, group: Group, structure: Any, tensors: list[Any], shapes: Sequence[tuple[int, ...]]
    ) -> Entry | None:
        with self._lock:
            entry = self._find(group, tuple(shapes), tensors)
            if entry is not None:
                return entry
            _check_specs(group, tensors, self.__name__)
            spare_running_debugger()
            if self._stops_in_debugger():
                return None
            if len(group.entries) >= MAX_PROGRAMS:
                debug.log(1, f"{self.__name__}: {MAX_PROGRAMS} Programs already, running eagerly")
                return None
            _generalise(group, shapes)
            if group.entries:
                debug.log(1, f"{self.__name__} again: {group.entries[0].why_not(tuple(shapes))}")
            try:
                with collector_paused():
                    entry = self._captured(group, structure, tensors)
            except BreakpointError as error:
                self._stops = True
                debug.log(1, f"{self.__name__} runs eagerly: {error.message} ({error.location})")
                return None
            group.entries.insert(0, entry)
            return entry

    def _captured(self, group: Group, structure: Any, tensors: list[Any]) -> Entry:
        """A new Program, with the numbers that go on changing as inputs where that can be."""
        axes = [frozenset(d) for d in group.dynamic]
        given = (self.original, structure, tensors, group.names, axes, self._roots())
        numbers = group.counters.wanted(e.reads for e in group.entries)
        if numbers:
            try:
                return capture(*given, self.__name__, numbers)
            except BreakpointError:
                raise
            except Dy2stError as error:
                group.counters.give_up(numbers, error)
        return capture(*given, self.__name__)

    def _stops_in_debugger(self) -> bool:
        """Whether the function, or one that it was seen to call, holds a breakpoint."""
        from dy2st.static.convert import stops_in_debugger

        if not self._stops and stops_in_debugger(self._function):
            self._stops = True
            debug.log(1, f"{self.__name__} runs eagerly: it stops in a debugger")
        return self._stops

    def _roots(self) -> list[Any]:
        import paddle

        return [self._instance] if isinstance(self._instance, paddle.nn.Layer) else []

    # --- running -----------------------------------------------------------------------------------

    def _run(
        self,
        entry: Entry,
        structure: Any,
        tensors: list[Any],
        shapes: tuple[tuple[int, ...], ...],
        call: Any,
    ) -> Any:
        if watch.Originals.tracer._has_grad:
            weights = autograd.differentiable_weights(entry.weights.parameters)
            wanted = weights or any(not t.stop_gradient for t in tensors)
            if wanted and (entry.results.fresh_outputs() or not entry.pure):
                return self._run_with_gradients(entry, structure, tensors, shapes, weights, call)
        outputs = entry.run(tensors, shapes)
        return entry.finish(outputs, tensors, call)

    def _run_with_gradients(
        self,
        entry: Entry,
        structure: Any,
        tensors: list[Any],
        shapes: tuple[tuple[int, ...], ...],
        weights: list[Any],
        call: Any,
    ) -> Any:
        if not entry.pure:
            debug.log(1, f"{self.__name__}: gradients with random operations or effects: eager")
            args, kwargs = call
            return self.original(*args, **kwargs)
        fresh = entry.results.fresh_outputs()
        numbers = [(number.place, number.value()) for number in entry.numbers]

        def again(inputs: list[Any]) -> list[Any]:
            args, kwargs = rebuild(structure, inputs)
            leaves: list[Any] = []
            with entry.as_captured(), held_at(numbers):
                flatten(self.original(*args, **kwargs), _is_tensor, leaves)
            return entry.results.select_fresh(leaves)

        outputs: list[Any] = []

        def forward() -> list[Any]:
            outputs.extend(entry.run(tensors, shapes))
            return [outputs[i] for i in fresh]

        for index, tensor in zip(fresh, autograd.run(forward, again, tensors, weights)):
            outputs[index] = tensor
        return entry.finish(outputs, tensors, call)

    # --- looking inside ------------------------------------------------------------------------------

    @property
    def code(self) -> str:
        """The generated Python."""
        from dy2st.static.convert import code_of

        return code_of(self._function)

    @property
    def concrete_program(self) -> Entry:
        """What the last call ran; captured from InputSpec where nothing was called yet."""
        if self._last is None:
            self._last = self._capture_from_spec()
        return self._last

    @property
    def main_program(self) -> Program:
        """The Program of ``concrete_program``; ``print`` it."""
        return self.concrete_program.program

    @property
    def programs(self) -> list[Program]:
        """All Programs captured so far."""
        return [e.program for g in self._groups.values() for e in g.entries]

    def explain(self) -> str:
        """What was captured, for which arguments, and what runs outside of our own kernels."""
        lines = [f"{self.__name__}: {len(self.programs)} Program(s)"]
        for group in self._groups.values():
            for entry in group.entries:
                inputs = ", ".join(
                    f"{n}: {v.type}" for n, v in zip(group.names, entry.program.inputs)
                )
                lines.append(f"  ({inputs})")
                lines += [f"    {line}" for line in entry.describe()]
        return "\n".join(lines)

    def _capture_from_spec(self) -> Entry:
        if self._spec is None:
            raise CaptureError(
                f"{self.__name__} was not called yet and has no InputSpec",
                remedy="call it once, or pass input_spec to to_static",
            )
        import paddle

        args = _examples(self._spec, paddle)
        tensors: list[Any] = []
        structure = flatten((tuple(args), {}), _is_tensor, tensors)
        key = (structure, tuple([(t.dtype, t.ndim) for t in tensors]))
        group = self._groups.get(key) or self._new_group(key, args, {}, tensors)
        shapes = tuple(tuple(t.shape) for t in tensors)
        entry = self._capture(group, structure, tensors, shapes)
        assert entry is not None
        return entry

    def rollback(self) -> Callable[..., Any]:
        """The original function; a Layer's ``forward`` is put back."""
        if self._instance is not None and self._instance.__dict__.get("forward") is self:
            del self._instance.__dict__["forward"]
        return self.original


def _mixed_precision() -> bool:
    """Whether ``auto_cast`` is in force: eager then casts operands where capture cannot see it."""
    if watch.Originals.tracer._amp_level == watch.Originals.no_amp:
        return False
    debug.log(1, "paddle.amp.auto_cast is in force: running eagerly")
    return True


def _is_tensor(value: Any) -> bool:
    return isinstance(value, watch.Originals.Tensor)


@functools.cache
def _positional(count: int) -> Any:
    return flatten((tuple([LEAF] * count), {}), lambda v: v is LEAF, [])


def _examples(spec: Any, paddle: Any) -> Any:
    """Tensors of zeros for InputSpecs; sizes that vary get a size of their own each."""
    if isinstance(spec, InputSpec):
        shape = [3 + a if d is None else d for a, d in enumerate(spec.shape)]
        return paddle.zeros(shape, spec.dtype.value)
    if isinstance(spec, dict):
        return {k: _examples(v, paddle) for k, v in spec.items()}
    if isinstance(spec, (list, tuple)):
        return type(spec)(_examples(v, paddle) for v in spec)
    return spec


def _pair(name: str, value: Any, spec: Any, out: list[tuple[str, InputSpec | None]]) -> None:
    """Tensors of ``value`` with the parts of ``spec`` that describe them."""
    leaves: list[Any] = []
    structure = flatten(value, _is_tensor, leaves)
    specs: list[Any] = []
    if spec is not None:
        spec_structure = flatten(spec, lambda v: isinstance(v, InputSpec), specs)
        if not _same_containers(structure, spec_structure):
            raise InputError(
                f"argument {name!r} is {_describe_value(value)}, but InputSpec says {spec}"
            )
    for i, _ in enumerate(leaves):
        label = name if structure is LEAF else f"{name}_{i}"
        out.append((label, specs[i] if spec is not None else None))


def _same_containers(a: Any, b: Any) -> bool:
    if a is LEAF or b is LEAF:
        return a is b
    if isinstance(a, Constant) or isinstance(b, Constant):
        return isinstance(a, Constant) and isinstance(b, Constant)
    kids_a, kids_b = a[2 if len(a) > 2 else 1], b[2 if len(b) > 2 else 1]
    return len(kids_a) == len(kids_b) and all(map(_same_containers, kids_a, kids_b))


def _describe_value(value: Any) -> str:
    if _is_tensor(value):
        return f"a tensor {list(value.shape)} of {dtype_name(value.dtype)}"
    return f"a {type(value).__name__}"


def _check_specs(group: Group, tensors: Sequence[Any], function: str) -> None:
    for name, spec, tensor in zip(group.names, group.specs, tensors):
        if not tensor.place.is_cpu_place():
            raise InputError(
                f"{function}: argument {name!r} lies on {tensor.place}",
                remedy="move it with .cpu(): only the CPU runtime is built so far",
            )
        if spec is None:
            continue
        given = f"a tensor {list(tensor.shape)} of {dtype_name(tensor.dtype)}"
        fits = len(spec.shape) == tensor.ndim and all(
            d is None or d == s for d, s in zip(spec.shape, tensor.shape)
        )
        if not fits or spec.dtype.value != dtype_name(tensor.dtype):
            raise InputError(
                f"{function}: argument {name!r} is {given}, but its InputSpec is {spec}",
                remedy="pass what InputSpec says, or change InputSpec",
            )


def _generalise(group: Group, shapes: Sequence[tuple[int, ...]]) -> None:
    """Axes whose sizes differ from those of every Program of the group become symbols."""
    for entry in group.entries:
        for axes, value, shape, spec in zip(
            group.dynamic, entry.program.inputs, shapes, group.specs
        ):
            for axis, (dim, size) in enumerate(zip(value.shape, shape)):
                if not isinstance(dim, SymExpr) and dim != size and spec is None:
                    axes.add(axis)

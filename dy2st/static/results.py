"""What a call gives back: the function's result and its effects, in terms of Program outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from dy2st.capture import Recorder, symint
from dy2st.capture.dispatch import is_tensor
from dy2st.capture.scalar import Scalar
from dy2st.convert.grown import unstack
from dy2st.convert.places import UNBOUND
from dy2st.convert.running import GrownList, Made
from dy2st.convert.text import Item, Text
from dy2st.convert.unions import Union, need
from dy2st.errors import CaptureError
from dy2st.ir.program import Value
from dy2st.records import record
from dy2st.static.structure import LEAF, flatten, rebuild


@record(frozen=True)
class _Output:
    """Output number ``index`` of the Program, as a tensor (``kind`` "tensor") or a Python number."""

    index: int
    kind: str = "tensor"


@record(frozen=True)
class _Choice:
    """A value that depends on a tensor: the bool output ``tag`` says which of two trees it is."""

    tag: int
    then: tuple[Any, list[Any]]
    orelse: tuple[Any, list[Any]]
    name: str


@record(frozen=True)
class _Object:
    """A plain object that the function made: class, and the tree of its attributes."""

    cls: type
    attributes: tuple[Any, list[Any]]


@record(frozen=True)
class _Text:
    """A text; its parts are strings and ``(output, format)``, where None is how a tensor prints."""

    parts: tuple[Any, ...]

    def text(self, outputs: Sequence[Any]) -> str:
        """The text of one call."""
        return "".join(
            p if isinstance(p, str) else _written(outputs[p[0]], p[1]) for p in self.parts
        )


def _written(tensor: Any, spec: str | None) -> str:
    if spec is None:
        return str(tensor)
    item = tensor.item()
    return spec % item if spec.startswith("%") else format(item, spec)


@record(frozen=True)
class _Rows:
    """A list that grew in a loop: the outputs hold its items' parts, stacked."""

    indices: tuple[int, ...]
    item: Any

    def list(self, outputs: Sequence[Any]) -> list[Any]:
        """Its items."""
        import paddle

        stacks = [outputs[i] for i in self.indices]
        if not stacks[0].shape[0]:
            return []
        return [unstack(self.item, list(rows)) for rows in zip(*map(paddle.unbind, stacks))]


@record(frozen=True)
class _Argument:
    """A place in container number ``number`` of the caller's arguments."""

    number: int
    place: Any

    def of(self, call: Any) -> Any:
        """The place in the arguments of this call."""
        return replace(self.place, owner=containers_in(call)[self.number])


def containers_in(value: Any) -> list[Any]:
    """The lists, dicts and dataclass instances in ``value``, in the order of ``flatten``."""
    out: list[Any] = []
    if isinstance(value, (list, tuple)):
        parts: Any = value
    elif isinstance(value, dict):
        parts = value.values()
    elif is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, f.name) for f in fields(value)]
    else:
        return out
    if not isinstance(value, tuple):
        out.append(value)
    for part in parts:
        out.extend(containers_in(part))
    return out


@record(frozen=True)
class _Input:
    """The caller's own tensor: argument number ``index``."""

    index: int


@record(frozen=True)
class _External:
    """A tensor of the user's that the function returns as it is."""

    tensor: Any


class Results:
    """Built once per capture; ``rebuild`` is called at each call."""

    def __init__(self, recorder: Recorder, inputs: Sequence[Any], call: Any = ((), {})) -> None:
        self._recorder: Any = recorder
        # The containers among the arguments: their copies in the capture stand for the caller's.
        self._containers = {id(c): i for i, c in enumerate(containers_in(call))}
        self._kept = call
        self._inputs = {recorder.builder.program.inputs[i]: i for i in range(len(inputs))}
        self._externals = recorder.untouched_externals()
        self.values: list[Value] = []
        self._index: dict[Value, int] = {}
        self._result: tuple[Any, list[Any]] | None = None
        self._effects: list[tuple[Any, Any, list[Any]]] = []
        self._input_writes: list[tuple[int, int]] = []
        self.returned: list[Any] = []  # the user's tensors that are returned as they are
        self.conditional = False  # some part of the result depends on a tensor
        for i, symbolic in enumerate(inputs):
            value = recorder.value_of(symbolic)
            if value is not recorder.builder.program.inputs[i]:
                self._input_writes.append((i, self._output(value)))

    def set_result(self, result: Any) -> None:
        """The function's result."""
        self._result = self._tree(result)
        self.conditional = any(
            isinstance(leaf, (_Choice, _Object, _Rows)) for leaf in self._result[1]
        )

    def add_effect(self, place: Any, value: Any) -> None:
        """A place that the caller sees changed after the call."""
        owner = self._containers.get(id(place.owner))
        target = place if owner is None else _Argument(owner, place)
        self._effects.append((target, *self._tree(value)))

    def _tree(self, value: Any) -> tuple[Any, list[Any]]:
        leaves: list[Any] = []
        structure = flatten(value, _is_leaf, leaves)
        return structure, [self._leaf(v) for v in leaves]

    def seal(self) -> None:
        """No more values: forget the recorder."""
        self._recorder = None
        self._kept = None
        self._inputs = {}
        self._externals = {}
        self._index = {}

    @property
    def has_effects(self) -> bool:
        """Whether a call does more than return something."""
        return bool(self._effects or self._input_writes)

    def _output(self, value: Value) -> int:
        if value not in self._index:
            self._index[value] = len(self.values)
            self.values.append(value)
        return self._index[value]

    def _leaf(self, leaf: Any) -> Any:
        recorder = self._recorder
        if type(leaf) is Union:
            trees = self._tree(leaf.then), self._tree(leaf.orelse)
            return _Choice(self._output(leaf.tag), *trees, leaf.name)
        if type(leaf) is GrownList:
            values = [recorder.value_of(s) for s in leaf.grown.stacks]
            return _Rows(tuple(map(self._output, values)), leaf.grown.item)
        if type(leaf) is Made:
            return _Object(leaf.cls, self._tree(leaf.attributes))
        if type(leaf) is Text:
            return _Text(tuple(map(self._part, leaf.parts)))
        if type(leaf) is Scalar:
            return _Output(self._output(recorder.value_of(leaf.tensor)), leaf.kind)
        if symint.is_symint(leaf):
            return _Output(self._output(recorder.value_of(recorder.tensor_of(leaf.expr))), "int")
        value = recorder.value_of(leaf)
        if value in self._inputs:
            return _Input(self._inputs[value])
        if value in self._externals:
            self.returned.append(self._externals[value])
            return _External(self._externals[value])
        return _Output(self._output(value))

    def _part(self, part: Any) -> Any:
        if isinstance(part, str):
            return part
        recorder = self._recorder
        if symint.is_symint(part):
            return (self._output(recorder.value_of(part.tensor())), "")
        tensor, spec = (part.tensor, part.spec) if type(part) is Item else (part, None)
        return (self._output(recorder.value_of(tensor)), spec)

    # --- at each call -----------------------------------------------------------------------------

    def fresh_outputs(self) -> list[int]:
        """Numbers of the Program outputs that are returned to the caller as tensors."""
        assert self._result is not None
        found = [v.index for v in self._result[1] if isinstance(v, _Output) and v.kind == "tensor"]
        return list(dict.fromkeys(found))  # a tensor may be returned twice

    def select_fresh(self, leaves: list[Any]) -> list[Any]:
        """Of the tensors of an eager result, those that ``fresh_outputs`` counts."""
        assert self._result is not None
        kinds = (_Input, _External)
        tensors = [
            v for v in self._result[1] if isinstance(v, kinds) or getattr(v, "kind", "") == "tensor"
        ]
        found: dict[int, Any] = {}
        for tensor, leaf in zip(leaves, tensors, strict=True):
            if isinstance(leaf, _Output):
                found.setdefault(leaf.index, tensor)
        return list(found.values())

    def rebuild(self, outputs: Sequence[Any], inputs: Sequence[Any], call: Any = None) -> Any:
        """Apply the effects and return the function's result."""
        for index, output in self._input_writes:
            write_tensor(inputs[index], outputs[output])
        for place, structure, leaves in self._effects:
            value = rebuild(structure, [_fetch(v, outputs, inputs) for v in leaves])
            (place.of(call) if type(place) is _Argument else place).write(value)
        if self._result is None:
            raise CaptureError("results were never set")
        structure, leaves = self._result
        if structure is LEAF and type(leaves[0]) is _Output and leaves[0].kind == "tensor":
            return outputs[leaves[0].index]  # the common case, without a walk
        found = rebuild(structure, [_fetch(v, outputs, inputs) for v in leaves])
        if found is UNBOUND:
            need(UNBOUND, leaves[0].name)
        return found


def _is_leaf(value: Any) -> bool:
    kind = type(value)
    return (
        kind in (Union, Scalar, Made, GrownList, Text)
        or is_tensor(value)
        or symint.is_symint(value)
    )


_NUMBERS: dict[str, Any] = {"int": int, "float": float, "bool": bool}


def _fetch(leaf: Any, outputs: Sequence[Any], inputs: Sequence[Any]) -> Any:
    if isinstance(leaf, _Output):
        output = outputs[leaf.index]
        return output if leaf.kind == "tensor" else _NUMBERS[leaf.kind](output)
    if isinstance(leaf, _Rows):
        return leaf.list(outputs)
    if isinstance(leaf, _Text):
        return leaf.text(outputs)
    if isinstance(leaf, _Object):
        structure, leaves = leaf.attributes
        made: Any = object.__new__(leaf.cls)
        vars(made).update(rebuild(structure, [_fetch(v, outputs, inputs) for v in leaves]))
        return made
    if isinstance(leaf, _Choice):
        structure, leaves = leaf.then if bool(outputs[leaf.tag]) else leaf.orelse
        return rebuild(structure, [_fetch(v, outputs, inputs) for v in leaves])
    return inputs[leaf.index] if isinstance(leaf, _Input) else leaf.tensor


def write_tensor(target: Any, value: Any) -> None:
    """Give a real tensor the values of another, in place, as eager's in-place operation would."""
    import paddle

    with paddle.no_grad():
        paddle.assign(value, target)

"""The state model alone: branches and loops written as plain functions, without any transformer.

A recorder of a few lines stands in for the capture; the Programs that come out are verified, and run
by the reference interpreter for every outcome.
"""

from __future__ import annotations

from types import CellType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dy2st.capture import symint
from dy2st.capture.scalar import Scalar
from dy2st.convert.frames import Frame
from dy2st.convert.loop import capture_loop
from dy2st.convert.outcome import Ret
from dy2st.convert.places import UNBOUND, AttrPlace, ListPlace
from dy2st.convert.session import Session
from dy2st.convert.unions import Union
from dy2st.errors import BranchMismatchError, SideEffectError
from dy2st.ir.builder import Builder
from dy2st.ir.types import DType, TensorType
from dy2st.ir.verifier import verify
from dy2st.ops.base import infer
from dy2st.runtime.reference.interpreter import run


class FakeTensor:
    """A value with three operators."""

    _view = None

    def __init__(self, recorder: FakeRecorder, value: Any) -> None:
        self._recorder = recorder
        self._value = value

    def _apply(self, name: str, other: Any) -> FakeTensor:
        if not isinstance(other, FakeTensor):
            other = self._recorder.constant(np.asarray(other, self._value.dtype.numpy))
        operands = (self._value, other._value)
        return self._recorder.wrap(self._recorder.builder.emit(name, operands).result)

    def __add__(self, other: Any) -> FakeTensor:
        return self._apply("add", other)

    def __mul__(self, other: Any) -> FakeTensor:
        return self._apply("multiply", other)

    def __lt__(self, other: Any) -> FakeTensor:
        return self._apply("less_than", other)

    def set(self, other: FakeTensor) -> None:
        self._recorder.write_hook(self, self._value)
        self._value = other._value


class FakeRecorder(symint.Owner):
    location = None

    def __init__(self) -> None:
        self.builder = Builder("f", infer)
        self.write_hook: Any = None

    def is_tensor(self, value: object) -> bool:
        return isinstance(value, FakeTensor)

    def wrap(self, value: Any) -> FakeTensor:
        return FakeTensor(self, value)

    def value_of(self, tensor: FakeTensor) -> Any:
        return tensor._value

    def restore(self, tensor: FakeTensor, value: Any) -> None:
        tensor._value = value

    def constant(self, array: np.ndarray) -> FakeTensor:
        return self.wrap(self.builder.constant(array))

    def symint(self, dim: Any) -> Any:
        return symint.wrap(dim, self)

    def item(self, tensor: FakeTensor) -> Any:
        fresh = self.builder.fresh_symbol()
        self.builder.emit("item", (tensor._value,), {"symbol": fresh}, types=[])
        return self.symint(fresh)

    def call(self, name: str, *args: Any) -> FakeTensor:
        raise NotImplementedError

    def example(self, dim: Any) -> None:
        return None


F = TensorType(DType.FLOAT32, (2,))
B = TensorType(DType.BOOL, ())


@pytest.fixture
def world() -> Any:
    """A session with inputs c (a bool), x and y (two floats)."""
    recorder = FakeRecorder()
    c = recorder.builder.input(B, "c")
    x = recorder.wrap(recorder.builder.input(F, "x"))
    y = recorder.wrap(recorder.builder.input(F, "y"))
    session = Session(recorder)
    with session.running():
        yield SimpleNamespace(session=session, c=c, x=x, y=y, recorder=recorder)


def cells(**values: Any) -> Frame:
    return Frame({name: CellType(value) for name, value in values.items()})


X, Y = np.array([1, 2], np.float32), np.array([10, 20], np.float32)


def value(world: Any, found: Any, c: bool) -> Any:
    """What ``found`` is when the Program runs with the condition ``c``."""
    outputs: list[Any] = []
    choose = resolve(world, found, outputs)
    program = world.recorder.builder.program
    returned = SimpleNamespace(ops=list(program.block.ops))
    world.recorder.builder.return_(outputs)
    try:
        verify(program, infer)
        arrays = run(program, [np.asarray(c), X, Y], {})
    finally:
        program.block.ops[:] = returned.ops
    return choose(arrays)


def resolve(world: Any, found: Any, outputs: list[Any]) -> Any:
    def output(ssa: Any) -> int:
        outputs.append(ssa)
        return len(outputs) - 1

    if isinstance(found, FakeTensor):
        index = output(found._value)
        return lambda arrays: arrays[index].tolist()
    if type(found) is Scalar:
        index = output(found.tensor._value)
        return lambda arrays: arrays[index].item()
    if symint.is_symint(found):
        made = world.recorder.builder.emit("dim_value", (), {"value": found.expr})
        index = output(made.result)
        return lambda arrays: int(arrays[index])
    if type(found) is Union:
        index = output(found.tag)
        then, orelse = (resolve(world, v, outputs) for v in (found.then, found.orelse))
        return lambda arrays: (then if arrays[index] else orelse)(arrays)
    if isinstance(found, (list, tuple)):
        parts = [resolve(world, v, outputs) for v in found]
        return lambda arrays: type(found)(p(arrays) for p in parts)
    return lambda arrays: found


def both(world: Any, found: Any) -> tuple[Any, Any]:
    return value(world, found, True), value(world, found, False)


# --- branches ---------------------------------------------------------------------------------


def test_tensors_become_results_of_the_if(world):
    frame = cells(v=world.x)
    v = frame.cells["v"]

    def then():
        v.cell_contents = world.x + world.y

    def orelse():
        v.cell_contents = world.x * 2

    world.session.branch(world.c, then, orelse, frame)
    assert both(world, v.cell_contents) == ([11, 22], [2, 4])


def test_the_second_branch_starts_where_the_first_did(world):
    frame = cells(v=1)
    v = frame.cells["v"]
    seen = []

    def side():
        seen.append(v.cell_contents)
        v.cell_contents += 1

    world.session.branch(world.c, side, side, frame)
    assert seen == [1, 1]
    assert v.cell_contents == 2, "equal values stay values"


def test_different_python_values_are_a_union(world):
    frame = cells(v=None)
    v = frame.cells["v"]

    def then():
        v.cell_contents = "a"

    world.session.branch(world.c, then, lambda: None, frame)
    assert type(v.cell_contents) is Union
    assert both(world, v.cell_contents) == ("a", None)


def test_a_union_is_used_on_each_side(world):
    frame = cells(v=2)
    v = frame.cells["v"]

    def then():
        v.cell_contents = 5

    world.session.branch(world.c, then, lambda: None, frame)
    assert both(world, v.cell_contents + 1) == (6, 3)
    assert both(world, world.x * 1 + (v.cell_contents * 0)) == ([1, 2], [1, 2])


def test_a_union_is_known_inside_of_its_own_condition(world):
    frame = cells(v=None)
    v = frame.cells["v"]

    def then():
        v.cell_contents = world.x

    world.session.branch(world.c, then, lambda: None, frame)
    inside = []
    world.session.branch(
        world.c, lambda: inside.append(world.session.simplify(v.cell_contents)), lambda: None, frame
    )
    assert inside == [world.x]


def test_a_variable_that_one_branch_binds(world):
    frame = Frame({"v": CellType()})
    v = frame.cells["v"]

    def then():
        v.cell_contents = world.x

    world.session.branch(world.c, then, lambda: None, frame)
    assert both(world, v.cell_contents) == ([1, 2], UNBOUND)


def test_a_variable_that_is_not_live_is_unbound(world):
    frame = Frame({"v": CellType(1)}, live=frozenset())
    v = frame.cells["v"]

    def then():
        v.cell_contents = 2

    world.session.branch(world.c, then, lambda: None, frame)
    with pytest.raises(ValueError):
        v.cell_contents


def test_attributes_and_lists_are_places(world):
    thing = SimpleNamespace(a=0)
    items = [world.x]
    world.session.args = (thing, items)

    def then():
        world.session.write(AttrPlace(thing, "thing.a", "a"), world.y)
        world.session.touch(ListPlace(items, "items"))
        items[0] = world.y

    world.session.branch(world.c, then, lambda: None, Frame())
    assert both(world, [thing.a, items[0]]) == ([[10, 20], [10, 20]], [0, [1, 2]])


def test_a_list_of_another_length_is_split(world):
    items = [world.x]
    world.session.args = (items,)

    def then():
        world.session.touch(ListPlace(items, "items"))
        items.append(world.y)

    world.session.branch(world.c, then, lambda: None, Frame())
    length = world.session.with_contents(items, lambda: len(items))
    assert both(world, length) == (2, 1)


def test_an_object_of_a_branch_does_not_leak(world):
    frame = cells(v=None)
    v = frame.cells["v"]

    def then():
        made = []
        world.session.touch(ListPlace(made, "made"))
        made.append(world.x)
        v.cell_contents = made

    def orelse():
        v.cell_contents = [world.y * 2]

    world.session.branch(world.c, then, orelse, frame)
    assert both(world, v.cell_contents) == ([[1, 2]], [[20, 40]])


def test_tensors_changed_in_place(world):
    frame = cells(v=world.x)
    alias = world.x

    def then():
        world.x.set(world.x + world.y)

    world.session.branch(world.c, then, lambda: None, frame)
    assert frame.cells["v"].cell_contents is alias
    assert both(world, alias) == ([11, 22], [1, 2])


def test_a_tensor_that_may_be_another_one_is_not_changed(world):
    frame = cells(v=world.x)
    v = frame.cells["v"]
    world.session.args = (world.x, world.y)

    def then():
        v.cell_contents = world.y

    world.session.branch(world.c, then, lambda: None, frame)
    with pytest.raises(SideEffectError, match="'v' is changed in place"):
        v.cell_contents.set(world.x)


def test_outcomes_are_values(world):
    found = world.session.branch(world.c, lambda: Ret(world.x), lambda: Ret(world.y), Frame())
    assert both(world, found.value) == ([1, 2], [10, 20])
    found = world.session.branch(world.c, lambda: Ret(world.x), lambda: None, Frame())
    assert type(found) is Union
    assert found.orelse is None


def test_a_branch_that_raises_leaves_the_other_ones_state(world):
    frame = cells(v=0)
    v = frame.cells["v"]

    def then():
        raise ValueError("no")

    def orelse():
        v.cell_contents = 7

    world.session.branch(world.c, then, orelse, frame)
    assert v.cell_contents == 7
    assert value(world, v.cell_contents, False) == 7
    with pytest.raises(ValueError, match="no"):
        value(world, v.cell_contents, True)


def test_an_error_of_ours_leaves_everything_as_it_was(world):
    frame = cells(v=0)
    v = frame.cells["v"]

    def then():
        v.cell_contents = 1
        raise BranchMismatchError("stop")

    with pytest.raises(BranchMismatchError):
        world.session.branch(world.c, then, lambda: None, frame)
    assert v.cell_contents == 0
    assert len(world.session.journals) == 1


# --- loops -------------------------------------------------------------------------------------


def less(world: Any, tensor: FakeTensor, limit: FakeTensor) -> Any:
    """A bool value of shape [] from the first elements."""
    op = world.recorder.builder.emit("less_than", (tensor._value, limit._value))
    flat = world.recorder.builder.emit("all", (op.result,), {"axis": (), "keepdim": False})
    return flat.result


def test_a_loop_carries_tensors_and_numbers(world):
    frame = cells(v=world.x, n=0, f=1.0, same=3)
    v, n, f = (frame.cells[k] for k in ("v", "n", "f"))

    def step():
        v.cell_contents = v.cell_contents * 2
        n.cell_contents = n.cell_contents + 1
        return less(world, v.cell_contents, world.y)

    capture_loop(world.session, less(world, world.x, world.y), step, frame)
    # 1 2 → 2 4 → 4 8 → 8 16 → 16 32, which is not less than 10 20.
    assert both(world, [v.cell_contents, n.cell_contents]) == ([[16, 32], 4], [[16, 32], 4])
    assert frame.cells["same"].cell_contents == 3
    assert f.cell_contents == 1.0


def test_a_loop_that_never_runs(world):
    frame = cells(v=world.y, n=0)
    v, n = frame.cells["v"], frame.cells["n"]

    def step():
        v.cell_contents = v.cell_contents * 2
        n.cell_contents = n.cell_contents + 1
        return less(world, v.cell_contents, world.x)

    capture_loop(world.session, less(world, world.y, world.x), step, frame)
    assert value(world, [v.cell_contents, n.cell_contents], True) == [[10, 20], 0]


def test_a_size_that_changes_becomes_a_symbol(world):
    frame = cells(v=world.x)
    v = frame.cells["v"]
    rounds = cells(n=0).cells["n"]
    frame.cells["n"] = rounds

    def step():
        op = world.recorder.builder.emit(
            "concat", ((v.cell_contents._value, world.y._value),), {"axis": 0}
        )
        v.cell_contents = world.recorder.wrap(op.result)
        rounds.cell_contents = rounds.cell_contents + 1
        size = world.recorder.builder.emit(
            "dim_value",
            (),
            {
                "value": rounds.cell_contents.expr
                if symint.is_symint(rounds.cell_contents)
                else rounds.cell_contents
            },
        )
        three = world.recorder.constant(np.asarray(3))
        return world.recorder.builder.emit("less_than", (size.result, three._value)).result

    capture_loop(world.session, True, step, frame)
    assert str(v.cell_contents._value.type).startswith("f32[u")
    assert value(world, v.cell_contents, True) == [1, 2, 10, 20, 10, 20, 10, 20]


def test_unbound_before_a_loop_that_surely_runs(world):
    frame = Frame({"v": CellType(), "n": CellType(0)})
    v = frame.cells["v"]

    def step():
        v.cell_contents = world.x * 2
        return False

    capture_loop(world.session, True, step, frame)
    assert isinstance(v.cell_contents, FakeTensor)
    assert value(world, v.cell_contents, True) == [2, 4]


def test_unbound_after_a_loop_that_may_not_run(world):
    frame = Frame({"v": CellType()})
    v = frame.cells["v"]

    def step():
        v.cell_contents = world.x * 2
        return False

    capture_loop(world.session, world.c, step, frame)
    assert both(world, v.cell_contents) == ([2, 4], UNBOUND)


def test_none_until_the_first_round(world):
    frame = cells(v=None)
    v = frame.cells["v"]

    def step():
        v.cell_contents = world.x * 2
        return False

    capture_loop(world.session, world.c, step, frame)
    assert both(world, v.cell_contents) == ([2, 4], None)


def test_an_object_that_changes_in_every_round_is_refused_by_name(world):
    frame = cells(handle=object())

    def step():
        frame.cells["handle"].cell_contents = object()
        return world.c

    with pytest.raises(BranchMismatchError, match="handle"):
        capture_loop(world.session, world.c, step, frame)

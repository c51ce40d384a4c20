"""Control-flow blocks of static programs (``Switch``, ``IfElse``), step counters, arrays."""

import contextlib

import numpy as np
import paddle


class While:
    """A block that runs again as long as ``cond`` holds, which the block itself must renew."""

    def __init__(self, cond, is_test=False, name=None):
        self.cond = cond

    @contextlib.contextmanager
    def block(self):
        """The block."""
        with paddle.static.nn.control_flow.While(self.cond).block():
            yield
            written = written_in_block()
        show_written(written)


@contextlib.contextmanager
def conditional_block(condition):
    """A block that runs once where ``condition`` holds."""
    with paddle.static.nn.control_flow.If(condition).true_block():
        yield
        written = written_in_block()
    show_written(written)


def written_in_block():
    """The values of outer blocks that operations of the current block write in place."""
    pir, found = paddle.base.libpaddle.pir, {}
    block = pir.get_current_insertion_point().block()
    for op in block.ops:
        for index in pir.get_op_inplace_info(op).values() if op.name().endswith("_") else ():
            value = op.operand_source(index)
            if value.block != block:
                found[value.hash()] = value
    return list(found.values())


def show_written(values):
    """Write values of outer blocks once more, unchanged.

    Paddle 3.3 looks for writes only in the operations of a block itself, not in blocks inside it:
    what reads such a value later would otherwise not wait for them.
    """
    block = paddle.base.libpaddle.pir.get_current_insertion_point().block()
    for value in values:
        if value.block == block:
            continue
        if value.is_dense_tensor_array_type():
            length = paddle.tensor.array_length(value)
            paddle.tensor.array_write(paddle.zeros([1], value.dtype), length, value)
            paddle._C_ops.array_pop(value, -1)
        else:
            paddle.assign(paddle.assign(value), value)


class Switch:
    """Runs the first case whose condition holds, else the default case."""

    def __init__(self, name=None):
        self.none_before = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def case(self, condition):
        """The block of one case: what it assigns is kept where it is the first to hold."""
        missed = paddle.logical_not(condition)
        chosen = condition
        if self.none_before is not None:
            chosen = paddle.logical_and(self.none_before, condition)
            missed = paddle.logical_and(self.none_before, missed)
        self.none_before = missed
        return conditional_block(chosen)

    def default(self):
        """The block for when no case holds."""
        if self.none_before is None:
            raise ValueError("there should be at least one condition")
        return conditional_block(self.none_before)


class IfElse:
    """Rows (or sequences) where ``cond`` holds pass the true block, the others the false block."""

    def __init__(self, cond, name=None):
        flat = paddle.reshape(cond, [-1])
        self.rows = [
            paddle.reshape(paddle.nonzero(flat), [-1]),
            paddle.reshape(paddle.nonzero(paddle.logical_not(flat)), [-1]),
        ]
        self.outputs = [[], []]
        self.side = None

    @contextlib.contextmanager
    def block(self, side):
        """The block of one side."""
        self.side = side
        yield
        self.side = None

    def true_block(self):
        """The block for the rows where the condition holds."""
        return self.block(0)

    def false_block(self):
        """The block for the other rows."""
        return self.block(1)

    def input(self, x):
        """The rows of ``x`` that this block works on."""
        return chosen_sequences(x, self.rows[self.side])

    def output(self, *outs):
        """What this block makes of its rows."""
        self.outputs[self.side].extend(outs)

    def __call__(self):
        true, false = self.outputs
        if not true and not false:
            raise ValueError("must invoke true_block/false_block before __call__")
        if not true or not false:
            return true or false
        if len(true) != len(false):
            raise ValueError("the two blocks of IfElse give different numbers of outputs")
        place = paddle.argsort(paddle.concat(self.rows))
        return [chosen_sequences(paddle.concat(pair), place) for pair in zip(true, false)]


def chosen_sequences(x, numbers):
    """The sequences of ``x`` with these numbers, in this order; rows where it has no sequences."""
    lod = []
    for offsets in lod_of(x):
        lod.append(offsets_from(paddle.gather(lengths_from(offsets), numbers)))
        sequence, place = row_places(lod[-1])
        numbers = paddle.gather(paddle.gather(offsets, numbers), sequence) + place
    return set_lod(paddle.gather(x, numbers), lod)


def create_tensor(dtype, name=None, persistable=False):
    """A variable for one value, to be written to by ``assign`` and the like."""
    if paddle.in_dynamic_mode():
        return paddle.zeros([1], dtype)
    if persistable:
        return create_global_var([1], 0, dtype, persistable=True, name=name)
    made = paddle.zeros([1], dtype)
    made.stop_gradient = str(dtype).split(".")[-1] not in ("float32", "float64")
    return made


def autoincreased_step_counter(counter_name=None, begin=1, step=1):
    """A counter of the runs of the program, by ``step`` from ``begin - 1`` on."""
    name = counter_name or "@STEP_COUNTER@"
    counter = existing_parameter(name)
    if counter is None:
        counter = create_global_var([1], begin - 1, "int64", persistable=True, name=name)
        paddle.increment(counter, step)
        run_counters.append((paddle.static.default_main_program(), name, step))
    counter.stop_gradient = True
    return counter


run_counters = shared("run_counters", [])


def count_ended_run(program):
    """Count the run that found its reader at the end: in 1.8 the counters came before the reader."""
    for counted, name, step in run_counters:
        stored = paddle.static.global_scope().find_var(name)
        if counted is program and stored is not None:
            tensor = stored.get_tensor()
            tensor.set(np.array(tensor) + step, paddle.CPUPlace())


def decay_step_counter(begin=0):
    """The number of this run of the program, as the learning rates of 1.8 count it."""
    counter = decay_counter(begin)
    return paddle.cast(counter, "float32")

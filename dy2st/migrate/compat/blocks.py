"""Control-flow blocks of static programs (``Switch``, ``IfElse``), step counters, arrays."""

import contextlib

import paddle


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
        return paddle.static.nn.control_flow.If(chosen).true_block()

    def default(self):
        """The block for when no case holds."""
        if self.none_before is None:
            raise ValueError("there should be at least one condition")
        return paddle.static.nn.control_flow.If(self.none_before).true_block()


class IfElse:
    """Rows where ``cond`` holds pass the true block, the others the false block."""

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
        return paddle.gather(x, self.rows[self.side])

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
        return [paddle.gather(paddle.concat(pair), place) for pair in zip(true, false)]


def create_tensor(dtype, name=None, persistable=False):
    """A variable for one value, to be written to by ``assign`` and the like."""
    if paddle.in_dynamic_mode():
        return paddle.zeros([1], dtype)
    if persistable:
        return create_global_var([1], 0, dtype, persistable=True, name=name)
    return paddle.zeros([1], dtype)


def autoincreased_step_counter(counter_name=None, begin=1, step=1):
    """A counter of the runs of the program, by ``step`` from ``begin - 1`` on."""
    name = counter_name or "@STEP_COUNTER@"
    counter = existing_parameter(name)
    if counter is None:
        counter = create_global_var([1], begin - 1, "int64", persistable=True, name=name)
        paddle.increment(counter, step)
    counter.stop_gradient = True
    return counter


def decay_step_counter(begin=0):
    """The number of this run of the program, as the learning rates of 1.8 count it."""
    counter = decay_counter(begin)
    return paddle.cast(counter, "float32")

"""Control-flow blocks of static programs: ``Switch``, ``IfElse``, ``StaticRNN``, step counters."""

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


class StaticRNN:
    """A step written once and repeated for each step of its inputs ([steps, batch, ...]).

    The block is recorded as the first step; leaving it repeats its operations for the others.
    """

    def __init__(self, name=None):
        self.steps = None
        self.inputs, self.memories, self.outputs = [], [], []
        self.made_outside = []

    @contextlib.contextmanager
    def step(self):
        """The block of one step."""
        self.block = paddle.static.default_main_program().global_block()
        before = {op.id() for op in self.block.ops}
        yield
        ops = [op for op in self.block.ops if op.id() not in before]
        own = {op.id() for op in self.made_outside}
        self.repeat([op for op in ops if op.id() not in own and op.name() != "builtin.parameter"])

    @contextlib.contextmanager
    def outside(self):
        """What is made here belongs before the steps, not to each of them."""
        before = {op.id() for op in self.block.ops}
        yield
        self.made_outside += [op for op in self.block.ops if op.id() not in before]

    def step_input(self, x):
        """This step's part of ``x``."""
        if x.shape[0] < 0:
            raise NotImplementedError("StaticRNN needs a known number of steps: give it in data()")
        if self.steps not in (None, x.shape[0]):
            raise ValueError("Static RNN only take fix seq_len input")
        self.steps = x.shape[0]
        with self.outside():
            parts = paddle.unbind(x, 0)
        self.inputs.append((x, parts))
        return parts[0]

    def memory(
        self,
        init=None,
        shape=None,
        batch_ref=None,
        init_value=0.0,
        init_batch_dim_idx=0,
        ref_batch_dim_idx=1,
    ):
        """What the step before left; ``init``, or ``init_value`` in a shape, for the first step."""
        with self.outside():
            if init is None:
                if shape is None or batch_ref is None:
                    raise ValueError("if init is None, memory at least need shape and batch_ref")
                for x, parts in self.inputs:  # in 1.8 a step's input had the whole input's name
                    batch_ref = x if batch_ref is parts[0] else batch_ref
                shape = batch_size_like(batch_ref, shape, ref_batch_dim_idx, init_batch_dim_idx)
                init = paddle.full(shape, init_value, batch_ref.dtype)
            before = paddle.assign(init)
        before.stop_gradient = init.stop_gradient
        self.memories.append([before, None])
        return before

    def update_memory(self, mem, var):
        """What the next step finds in ``mem``."""
        for pair in self.memories:
            if pair[0] is mem:
                pair[1] = var

    def step_output(self, o):
        """A result of each step."""
        self.outputs.append([o])

    def output(self, *outputs):
        """Results of each step."""
        for each in outputs:
            self.step_output(each)

    def repeat(self, ops):
        """Append copies of a step's operations for all steps after the first."""
        now = [after for _, after in self.memories]
        results = [each[0] for each in self.outputs]
        for number in range(1, self.steps):
            mapping = paddle.pir.IrMapping()
            for _, parts in self.inputs:
                mapping.add(parts[0], parts[number])
            for (before, _), value in zip(self.memories, now):
                mapping.add(before, value)
            copy_ops(ops, mapping)
            now = [mapped(mapping, after) for _, after in self.memories]
            for result, each in zip(results, self.outputs):
                each.append(mapped(mapping, result))
        self.results = [paddle.stack(each) for each in self.outputs]

    def __call__(self):
        if not self.outputs:
            raise ValueError("RNN has no output")
        return self.results[0] if len(self.results) == 1 else self.results


def copy_ops(ops, mapping):
    """Append copies of operations here; operands are looked up in ``mapping`` where it has them."""
    options = paddle.base.libpaddle.pir.CloneOptions(True, True, True)
    for op in ops:
        for value in op.operands_source():
            if not mapping.has(value):
                mapping.add(value, value)
        op.clone(mapping, options)


def mapped(mapping, value):
    """What stands for ``value`` in a copy: itself where it was not made there."""
    return mapping.look_up(value) if mapping.has(value) else value


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
    return paddle.cast(autoincreased_step_counter("@LR_DECAY_COUNTER@", begin), "float32")

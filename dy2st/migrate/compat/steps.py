"""Steps that are written once and repeated: ``StaticRNN``, ``DynamicRNN``, ``while_loop``.

The block is recorded once, on stand-ins for what changes from step to step. Leaving it repeats the
recorded operations: copies of them, or a loop whose body is a copy.
"""

import contextlib

import paddle


class RecordedSteps:
    """What both kinds of RNN share: ``index`` stands for the step's number, ``carried`` for memory."""

    def __init__(self, name=None):
        self.carried, self.outputs, self.results = [], [], []
        self.inputs, self.outside_ops = [], set()
        self.sequence_input = None

    @contextlib.contextmanager
    def record(self):
        """The block of one step."""
        self.block = paddle.base.libpaddle.pir.get_current_insertion_point().block()
        self.index = paddle.assign(paddle.zeros([1], "int64"))
        self.earlier = {op.id() for op in self.block.ops}
        yield
        skip = self.earlier | self.outside_ops
        ops = [op for op in self.block.ops if op.id() not in skip]
        self.results = self.repeat([op for op in ops if op.name() != "builtin.parameter"])

    @contextlib.contextmanager
    def outside(self):
        """What is made here belongs before the steps, not to each of them."""
        before = {op.id() for op in self.block.ops}
        yield
        self.outside_ops |= {op.id() for op in self.block.ops} - before

    def remember(self, start):
        """A stand-in for what the step before left, ``start`` in the first step."""
        makers = [start.get_defining_op()]
        while makers:  # written inside the block, but of the first step only
            op = makers.pop()
            if op is not None and op.id() not in self.earlier | self.outside_ops:
                self.outside_ops.add(op.id())
                makers.extend(value.get_defining_op() for value in op.operands_source())
        with self.outside():
            before = paddle.assign(start)
        before.stop_gradient = str(start.dtype).split(".")[-1] not in ("float32", "float64")
        self.carried.append([before, None])
        return before

    def update_memory(self, mem, var):
        """What the next step finds in ``mem``."""
        for pair in self.carried:
            if pair[0] is mem:
                pair[1] = var

    def output(self, *outputs):
        """Results of each step."""
        self.outputs.extend(outputs)

    def __call__(self):
        if not self.results:
            raise ValueError("the steps have no output, or are asked for it inside their block")
        return self.results[0] if len(self.results) == 1 else self.results


class StaticRNN(RecordedSteps):
    """A step over inputs of [steps, batch, ...]."""

    def step(self):
        """The block of one step."""
        return self.record()

    def step_input(self, x):
        """This step's part of ``x``."""
        known = {n.shape[0] for n, _ in self.inputs} | {x.shape[0]}
        if len(known - {-1}) > 1:
            raise ValueError("Static RNN only take fix seq_len input")
        part = paddle.squeeze(paddle.gather(x, self.index), 0)
        self.inputs.append((x, part))
        return part

    def step_output(self, o):
        """A result of each step."""
        self.output(o)

    def memory(
        self,
        init=None,
        shape=None,
        batch_ref=None,
        init_value=0.0,
        init_batch_dim_idx=0,
        ref_batch_dim_idx=1,
    ):
        """What the step before left; ``init``, or ``init_value`` in a shape, in the first step."""
        if init is not None:
            return self.remember(init)
        if shape is None or batch_ref is None:
            raise ValueError("if init is None, memory at least need shape and batch_ref")
        for x, part in self.inputs:  # in 1.8 a step's input had the whole input's name
            batch_ref = x if batch_ref is part else batch_ref
        with self.outside():
            shape = batch_size_like(batch_ref, shape, ref_batch_dim_idx, init_batch_dim_idx)
            init = paddle.full(shape, init_value, batch_ref.dtype)
        return self.remember(init)

    def repeat(self, ops):
        """All steps: copies where their number is known, else a loop."""
        count = max(x.shape[0] for x, _ in self.inputs)
        if count < 0:
            count = paddle.shape(self.inputs[0][0])[0].astype("int64")
            return repeat_while(ops, self.index, count, self.carried, self.outputs)[0]
        collected = [[value] for value in self.outputs]
        state = [after for _, after in self.carried]
        for number in range(1, count):
            mapping = paddle.pir.IrMapping()
            mapping.add(self.index, paddle.full([1], number, "int64"))
            for (before, _), value in zip(self.carried, state):
                mapping.add(before, value)
            copy_ops(ops, mapping)
            state = [mapped(mapping, after) for _, after in self.carried]
            for value, each in zip(self.outputs, collected):
                each.append(mapped(mapping, value))
        return [paddle.stack(each) for each in collected]


class DynamicRNN(RecordedSteps):
    """A step along sequences of different lengths; one that has ended keeps its memory."""

    def block(self):
        """The block of one step."""
        return self.record()

    def step_input(self, x, level=0):
        """This step's row of each sequence of ``x``; where it has two levels, its inner sequence."""
        lod = lod_of(x)
        if level or len(lod) > 2:
            raise NotImplementedError("DynamicRNN here steps along the first of one or two levels")
        with self.outside():
            offsets = lod[0] if lod else offsets_of(x)
            index, inside = (paddle.transpose(v, [1, 0]) for v in padded_index(offsets))
            rows = index if len(lod) == 2 else take_rows(x, index)
            if self.sequence_input is None:
                self.sequence_input, self.offsets, self.inside = x, offsets, inside
        of_this_step = lambda v: paddle.squeeze(paddle.gather(v, self.index), 0)
        if len(lod) == 2:
            return inner_sequences(x, lod[1], of_this_step(rows), of_this_step(inside))
        return set_lod(of_this_step(rows), [])

    def static_input(self, x):
        """What every step sees whole."""
        return x

    def memory(self, init=None, shape=None, value=0.0, need_reorder=False, dtype="float32"):
        """What the step before left; ``init``, or ``value`` in a shape, in the first step."""
        if init is None:
            if self.sequence_input is None or shape is None:
                raise ValueError("memory without init needs a shape and step_input before it")
            with self.outside():
                batch = paddle.shape(self.offsets)[0] - 1
                init = paddle.full([batch, *shape], value, dtype)
        elif not need_reorder:
            with self.outside():
                init = paddle.gather(init, longest_first(self.offsets))
        return set_lod(self.remember(init), [])

    def update_memory(self, ex_mem, new_mem):
        """What the next step finds in ``ex_mem``."""
        super().update_memory(ex_mem, new_mem)

    def repeat(self, ops):
        """The loop over the steps of the longest sequence."""
        names = {op.name() for op in ops} - {"pd_op.share_data_"}  # detach() only looks in place
        if any(name.endswith("_") for name in names):
            raise NotImplementedError("an operation in place inside DynamicRNN is not repeated")
        count = paddle.shape(self.inside)[0].astype("int64")
        stacked, _ = repeat_while(ops, self.index, count, self.carried, self.outputs, self.inside)
        sequence, step = row_places(self.offsets)
        at = paddle.stack([step, sequence], -1)
        return [set_lod(paddle.gather_nd(s, at), [self.offsets]) for s in stacked]


def inner_sequences(x, offsets, numbers, inside):
    """The sequences of ``x`` with these numbers, without rows where they are not ``inside``."""
    starts, ends = paddle.gather(offsets, numbers), paddle.gather(offsets, numbers + 1)
    lengths = paddle.where(inside, ends - starts, paddle.zeros_like(starts))
    own = offsets_from(lengths)
    sequence, place = row_places(own)
    return set_lod(paddle.gather(x, paddle.gather(starts, sequence) + place), [own])


def longest_first(offsets):
    """The place of each sequence among all, ordered by length: 1.8 gave out first states by it."""
    order = paddle.argsort(lengths_from(offsets), descending=True, stable=True)
    return paddle.argsort(order)


def repeat_while(ops, index, count, carried, outputs, inside=None, going=None):
    """Recorded operations as a loop of ``count`` steps, or while ``going[1]`` of the step holds.

    ``carried`` are pairs (stand-in, value after the step); where ``inside`` is given, rows outside
    of it keep what they had. Returns the outputs of all steps and the last values. What a body
    yields is copied: Paddle 3.3 loses the gradient of a yielded value that is used there, too.
    """
    arrays = [create_array(value.dtype) for value in outputs]

    def body(number, held, *state):
        mapping = paddle.pir.IrMapping()
        mapping.add(index, number)
        for (before, _), value in zip(carried, state):
            mapping.add(before, value)
        copy_ops(ops, mapping)
        new = [mapped(mapping, after) for _, after in carried]
        if inside is not None:
            here = paddle.squeeze(paddle.gather(inside, number), 0)
            new = [
                paddle.where(like_rows(here, a).astype("bool"), a, b) for a, b in zip(new, state)
            ]
        for array, value in zip(arrays, outputs):
            paddle.tensor.array_write(paddle.assign(mapped(mapping, value)), number, array)
        after = number + 1
        more = after < count if going is None else mapped(mapping, going[1])
        return [after, paddle.assign(more), *[paddle.assign(value) for value in new]]

    first = paddle.less_than(paddle.zeros([1], "int64"), count) if going is None else going[0]
    start = [before for before, _ in carried]
    last = paddle.static.nn.while_loop(
        lambda number, more, *state: more, body, [paddle.zeros([1], "int64"), first, *start]
    )
    return [tensor_array_to_tensor_stack(array) for array in arrays], last[2:]


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


def while_loop(cond, body, loop_vars, is_test=False, name=None):
    """``body`` as long as ``cond`` holds; the sequences of the variables go along.

    What goes in and what the body yields is copied (see ``repeat_while``); arrays stay themselves.
    """
    each, flatten = paddle.utils.map_structure, paddle.utils.flatten
    if paddle.in_dynamic_mode():
        return paddle.static.nn.while_loop(cond, body, loop_vars)
    flat = flatten(list(loop_vars))
    arrays = {n: v for n, v in enumerate(flat) if is_array(v)}
    lods = [lod_of(value) for value in flat]
    state = [copy_of_tensor(value) for n, value in enumerate(flat) if n not in arrays]
    noted = NotedLods(lods, arrays)

    def whole(values):
        values = iter(values)
        values = [arrays[n] if n in arrays else next(values) for n in range(len(flat))]
        return paddle.utils.pack_sequence_as(list(loop_vars), values)

    def copied(*values):
        variables = noted.take(values)
        made = body(*whole(variables))
        made = list(made) if isinstance(made, (list, tuple)) else [made]
        paddle.utils.assert_same_structure(list(loop_vars), made, check_types=False)
        noted.written += written_in_block()
        made = [value for n, value in enumerate(flatten(made)) if n not in arrays]
        return each(paddle.assign, [*made, *noted.give(made)])

    last = paddle.static.nn.while_loop(
        lambda *values: cond(*whole(values)), copied, [*state, *noted.levels()]
    )
    for value in state:  # the body may have written, before the loop, what is copied into it
        if value.has_one_use() and value.get_defining_op().name() == "pd_op.assign":
            value.get_defining_op().move_before(last[0].get_defining_op())
    show_written(noted.written)
    return whole(noted.take(last))


class NotedLods:
    """The offsets of a loop's variables, which are variables of the loop themselves."""

    def __init__(self, lods, arrays):
        self.lods = [lod for n, lod in enumerate(lods) if n not in arrays]
        self.mixed, self.asked, self.written = set(), set(), []

    def levels(self):
        """All offsets, as copies."""
        return [paddle.assign(level) for lod in self.lods for level in lod]

    def take(self, values):
        """The variables among a loop's values, the offsets noted for them."""
        variables, levels = values[: len(self.lods)], iter(values[len(self.lods) :])
        for number, (value, lod) in enumerate(zip(variables, self.lods)):
            self.note(number, value, [next(levels) for _ in lod])
        return variables

    def note(self, number, value, lod):
        """Note a variable's offsets; asking for them is remembered."""

        def asked_for():
            self.asked.add(number)
            return mixed_sequences() if number in self.mixed else lod

        set_lod(value, asked_for)

    def give(self, variables):
        """The offsets of what the body yields."""
        found = []
        for number, (value, before) in enumerate(zip(variables, self.lods)):
            lod = lod_of(value)
            if len(lod) != len(before):
                self.mixed.add(number)
                lod = [paddle.zeros([1], "int64") for _ in before]
            found.extend(lod)
        if self.mixed & self.asked:
            mixed_sequences()
        return found


def is_array(value):
    """Whether a value is an array of tensors."""
    return hasattr(value, "is_dense_tensor_array_type") and value.is_dense_tensor_array_type()


def copy_of_tensor(value):
    """A copy of a tensor, of open size where it has none yet and may grow."""
    value = paddle.assign(value)
    if 0 in value.shape:
        shape = [size or -1 for size in value.shape]
        value.set_type(paddle.base.libpaddle.pir.create_shaped_type(value.type(), shape))
    return value

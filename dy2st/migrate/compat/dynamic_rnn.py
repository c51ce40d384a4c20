"""``DynamicRNN``: a step written once, run for each step of sequences of different lengths."""

import contextlib

import paddle


def longest_first(offsets):
    """The place of each sequence among all, ordered by length: 1.8 gave out first states by it."""
    order = paddle.argsort(lengths_from(offsets), descending=True, stable=True)
    return paddle.argsort(order)


class DynamicRNN:
    """The block is recorded as a template and repeated in a while loop over the steps.

    All sequences take part in every step; what a step leaves for a sequence that has ended is
    not kept. ``outputs`` are packed as the inputs were.
    """

    def __init__(self, name=None):
        self.offsets = None
        self.lod = None
        self.inputs, self.memories, self.outputs = [], [], []
        self.prepared = set()

    @contextlib.contextmanager
    def block(self):
        """The block of one step."""
        self.graph = paddle.static.default_main_program().global_block()
        before = {op.id() for op in self.graph.ops}
        yield
        ops = [op for op in self.graph.ops if op.id() not in before]
        ops = [op for op in ops if op.id() not in self.prepared]
        self.repeat([op for op in ops if op.name() != "builtin.parameter"])

    @contextlib.contextmanager
    def outside(self):
        """What is made here belongs before the loop."""
        before = {op.id() for op in self.graph.ops}
        yield
        self.prepared |= {op.id() for op in self.graph.ops if op.id() not in before}

    def step_input(self, x, level=0):
        """The row of this step of each sequence of ``x``."""
        with self.outside():
            lod = lod_of(x)
            offsets = offsets_of(x)
            if len(lod) > 1:
                raise NotImplementedError("DynamicRNN over sequences of sequences")
            if self.offsets is None:
                self.offsets, self.lod = offsets, lod
                index, inside = padded_index(offsets)
                self.index = paddle.transpose(index, [1, 0])
                self.mask = paddle.transpose(inside, [1, 0])
            # rows of the others are numbered as those of the first
            steps = take_rows(x, self.index)
            now = set_lod(steps[0], [])
        self.inputs.append((now, steps))
        return now

    def static_input(self, x):
        """A value that is the same in every step."""
        if self.offsets is None:
            raise RuntimeError("static_input() must be called after step_input().")
        return x

    def memory(self, init=None, shape=None, value=0.0, need_reorder=False, dtype="float32"):
        """What the step before left; ``init``, or ``value`` in a shape, for the first step."""
        with self.outside():
            if init is None:
                if self.offsets is None:
                    raise ValueError("step_input should be invoked before memory(shape=...)")
                init = paddle.full([paddle.shape(self.offsets)[0] - 1, *shape], value, dtype)
                init.stop_gradient = False
            elif not need_reorder:
                init = paddle.gather(init, longest_first(self.offsets))
            before = set_lod(paddle.assign(init), [])
        before.stop_gradient = False
        self.memories.append([before, init, None])
        return before

    def update_memory(self, ex_mem, new_mem):
        """What the next step finds in ``ex_mem``."""
        for each in self.memories:
            if each[0] is ex_mem:
                each[2] = new_mem

    def output(self, *outputs):
        """Results of each step."""
        self.outputs.extend(outputs)

    def repeat(self, ops):
        """A while loop whose body is a copy of the recorded operations."""
        count = paddle.shape(self.mask)[0].astype("int64")
        arrays = [paddle.tensor.create_array(out.dtype) for out in self.outputs]

        def body(t, *states):
            here = paddle.reshape(t, [1])
            take = lambda v: paddle.squeeze(paddle.index_select(v, here, 0), 0)
            mapping = paddle.pir.IrMapping()
            for now, steps in self.inputs:
                mapping.add(now, take(steps))
            for (before, _, _), state in zip(self.memories, states):
                mapping.add(before, state)
            copy_ops(ops, mapping)
            there = take(self.mask)
            after = []
            for (_, _, new), state in zip(self.memories, states):
                new = state if new is None else mapped(mapping, new)
                mask = like_rows(there, new)
                after.append(new * mask + state * (1 - mask))
            for array, out in zip(arrays, self.outputs):
                paddle.tensor.array_write(paddle.assign(mapped(mapping, out)), t, array)
            # copies: the gradient of a yielded value that the body uses is lost in Paddle 3.3
            return [t + 1, *[paddle.assign(value) for value in after]]

        # copies again: a value whose gradient needs it must not be the loop's own variable
        states = [paddle.assign(init) for _, init, _ in self.memories]
        paddle.static.nn.while_loop(
            lambda t, *states: t < count, body, [paddle.zeros([], "int64"), *states]
        )
        sequence, place = row_places(self.offsets)
        at = paddle.stack([place, sequence], -1)
        self.results = [
            set_lod(paddle.gather_nd(tensor_array_to_tensor_stack(array), at), self.lod)
            for array in arrays
        ]
        for op in reversed(ops):  # the template has served
            self.graph.remove_op(op)

    def __call__(self):
        return self.results[0] if len(self.results) == 1 else self.results

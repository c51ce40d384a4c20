"""Arrays of tensors, whose members keep their sequences: their offsets go into arrays beside."""

import paddle


def create_array(dtype):
    """An array of tensors that gradients pass through."""
    array = paddle.tensor.create_array(dtype)
    if hasattr(array, "stop_gradient"):
        array.stop_gradient = False
    return array


class ArrayMembers:
    """What is known of an array's members: their shape, and the arrays of their offsets."""

    def __init__(self, array):
        self.array, self.program = array, paddle.static.default_main_program()
        self.levels, self.shape = None, None
        self.asked = self.mixed = False

    def write(self, x, i):
        """Note that ``x`` becomes member ``i``."""
        lod, shape = lod_of(x), list(x.shape)
        if self.levels is None:
            with inserting(self.array.get_defining_op(), after=True):
                self.levels = [paddle.tensor.create_array("int64") for _ in lod]
        self.mixed = self.mixed or len(lod) != len(self.levels)
        if self.mixed and self.asked:
            mixed_sequences()
        for level, offsets in zip(self.levels, lod):
            paddle.tensor.array_write(offsets, i, level)
        if self.shape is not None and len(self.shape) == len(shape):
            shape = [a if a == b else -1 for a, b in zip(shape, self.shape)]
        self.shape = [-1, *shape[1:]] if lod else shape

    def read(self, i):
        """Member ``i`` with its shape; its offsets are read where they are asked for."""
        value = paddle.tensor.array_read(self.array, i)
        op = value.get_defining_op()
        if self.shape is not None:
            shaped = paddle.base.libpaddle.pir.create_shaped_type(value.type(), self.shape)
            value.set_type(shaped)

        def levels():
            self.asked = True
            if self.mixed:
                mixed_sequences()
            with inserting(op, after=True):
                return [paddle.tensor.array_read(level, i) for level in self.levels or []]

        return set_lod(value, levels)


array_members = shared("array_members", {})


def members_of(array):
    """What is known of an array's members."""
    return array_members.setdefault(array.hash(), ArrayMembers(array))


def array_write(x, i, array=None):
    """``x`` written at place ``i`` of an array, which is made where none is given."""
    array = create_array(x.dtype) if array is None else array
    if not isinstance(array, list):
        members_of(array).write(x, i)
    return paddle.tensor.array_write(x, i, array)


def array_read(array, i):
    """Member ``i`` of an array."""
    if isinstance(array, list):
        return paddle.tensor.array_read(array, i)
    return members_of(array).read(i)


def tensor_array_to_tensor(input, axis=1, name=None, use_stack=False):
    """The members of an array side by side along ``axis``, and their sizes there."""
    if isinstance(input, list):
        joined = paddle.stack(input, axis) if use_stack else paddle.concat(input, axis)
        return joined, paddle.to_tensor([x.shape[axis] for x in input])
    return paddle.tensor.manipulation.tensor_array_to_tensor(input, axis, use_stack)

"""Sequences of different lengths: packed rows, and beside them where each sequence starts.

As in 1.8 a value of sequences is its rows one after the other, so every operation that works row
by row is what it was. The offsets (one int64 vector a level) are inputs of their own, fed from the
same ``LoDTensor``; ``lod_of`` finds them by walking from a value to its input.
"""

import contextlib

import numpy as np
import paddle


@shared_class
class LoDTensor(paddle.base.core.DenseTensor):
    """An array of rows and the offsets of its sequences, one list a level."""

    offsets = ()

    def set_lod(self, lod):
        """Set the offsets."""
        self.offsets = [[int(n) for n in level] for level in lod]

    def lod(self):
        """The offsets."""
        return [list(level) for level in self.offsets]

    def set_recursive_sequence_lengths(self, lengths):
        """Set the offsets from lengths."""
        self.offsets = [np.cumsum([0, *level]).tolist() for level in lengths]

    def recursive_sequence_lengths(self):
        """The lengths."""
        return [np.diff(level).tolist() for level in self.offsets]

    def has_valid_recursive_sequence_lengths(self):
        """Whether each level counts what the next one has."""
        sizes = [len(level) - 1 for level in self.offsets[1:]] + [self.shape()[0]]
        return all(level[-1] == size for level, size in zip(self.offsets, sizes))


def lod_tensor(array, lod):
    """A LoDTensor of rows and offsets."""
    made = LoDTensor()
    made.set(np.ascontiguousarray(array), paddle.CPUPlace())
    made.set_lod(lod)
    return made


def create_lod_tensor(data, recursive_seq_lens, place=None):
    """A LoDTensor of an array, of another one, or of a list of sequences of ids."""
    if isinstance(data, list):
        rows = [np.asarray(sequence) for sequence in data]
        if [len(r) for r in rows] != list(recursive_seq_lens[-1]):
            raise ValueError("data and recursive_seq_lens do not match")
        data = np.concatenate(rows).astype("int64")
        data = data.reshape([len(data), 1])
    made = LoDTensor()
    made.set(np.ascontiguousarray(data), paddle.CPUPlace())
    made.set_recursive_sequence_lengths(recursive_seq_lens)
    if not made.has_valid_recursive_sequence_lengths():
        raise ValueError("the provided lod info is invalid")
    return made


def create_random_int_lodtensor(recursive_seq_lens, base_shape, place, low, high):
    """A LoDTensor of random ids from ``low`` to ``high``, both of them possible."""
    shape = [int(np.sum(recursive_seq_lens[-1])), *base_shape]
    return create_lod_tensor(
        np.random.randint(low, high + 1, shape).astype("int64"), recursive_seq_lens, place
    )


lod_inputs = shared("lod_inputs", {})
# number of a value: its offsets (or a function that gives them) and its program
known_lods = shared("known_lods", {})
lods_missed = shared("lods_missed", set())  # values that were asked for offsets and had none


def lod_data(name, shape, dtype="float32", lod_level=0):
    """An input of packed rows; its offsets are inputs named ``<name>@lod0``, ``@lod1`` ..."""
    shape = [-1 if n is None or n < 0 else n for n in shape]  # 1.8 took any n < 0 for open
    made = paddle.static.data(name, shape, dtype)
    lod_inputs[name] = lod_level
    levels = [paddle.static.data(f"{name}@lod{n}", [-1], "int64") for n in range(lod_level)]
    return set_lod(made, levels)


def with_offsets(name):
    """The names of an input and of the inputs of its offsets."""
    return [name, *(f"{name}@lod{n}" for n in range(lod_inputs.get(name, 0)))]


def set_lod(value, lod):
    """``value``, with the offsets of its sequences noted (none for ``[]``), or what gives them."""
    if paddle.in_dynamic_mode():
        return value
    # the program is kept: another value could otherwise be given this one's number
    lod = lod if callable(lod) else list(lod)
    known_lods[value.hash()] = (lod, paddle.static.default_main_program())
    return value


def lod_of(value):
    """The offsets of a value's sequences, one vector a level; [] where it has none.

    An operation hands the sequences of its first operand on when it keeps the rows.
    """
    return [] if paddle.in_dynamic_mode() else followed_lod(value) or []


def followed_lod(value):
    """The offsets of the first noted value on the way back from ``value``; None without one."""
    pending, seen = [value], set()
    while pending:
        found = pending.pop()
        if found.hash() in seen:
            continue
        seen.add(found.hash())
        around = block_around(found)
        if around is not None and found.hash() not in own_lods:
            lod = lod_of_its_own(found, around)
            if lod is not None:
                return lod
        elif found.hash() in known_lods:
            return noted_lod(found)
        elif found.get_defining_op() is not None:
            if rows_after_each_other(found.get_defining_op()):
                return joined_lod(found.get_defining_op())
            shared = found.get_defining_op().operands_source()
            pending.extend(reversed([v for v in shared if may_share_rows(v, found)]))
    return None


def rows_after_each_other(op):
    """Whether an operation is a concatenation of rows."""
    if op.name() != "pd_op.concat":
        return False
    axis = op.operand_source(1).get_defining_op()
    return axis is not None and axis.attrs().get("value") == 0


def joined_lod(concat):
    """The sequences of the first operand, then those of the next ones; None without any."""
    parts = concat.operand_source(0).get_defining_op().operands_source()
    first, *rest = (lod_of(value) for value in parts)
    with inserting(concat):
        for lod in rest:
            first = [paddle.concat([a, b[1:] + a[-1]]) for a, b in zip(first, lod)]
    if not first or not all(rest):
        return None
    set_lod(concat.result(0), first)
    return first


def noted_lod(value):
    """The offsets that were noted for a value; remembers where there were none."""
    lod = known_lods[value.hash()][0]
    if callable(lod):
        lod = lod()
        set_lod(value, lod)
    if not lod:
        lods_missed.add(value.hash())
    return lod


# values of outer blocks whose offsets a block may change, and their programs
own_lods = shared("own_lods", {})


def lod_of_its_own(value, around):
    """The offsets of an outer value, copied before the block: ``assign`` may change them there."""
    with inserting(around):
        lod = followed_lod(value)
        lod = lod and [paddle.assign(level) for level in lod]
    if lod:
        set_lod(value, lod)
        own_lods[value.hash()] = paddle.static.default_main_program()
    return lod


def block_around(value):
    """The operation beside ``value`` whose block operations are being put into, or None."""
    block, op = paddle.base.libpaddle.pir.get_current_insertion_point().block(), None
    while block is not None and block != value.block:
        op = block.parent_op
        block = None if op is None else op.get_parent_block()
    return op if block is not None else None


@contextlib.contextmanager
def inserting(op, after=False):
    """Operations made in this block go before (or after) another one."""
    pir = paddle.base.libpaddle.pir
    here = pir.get_current_insertion_point()
    (pir.set_insertion_point_after if after else pir.set_insertion_point)(op)
    try:
        yield
    finally:
        pir.set_insertion_point(here)


def write_lod(value, target):
    """Let ``target``, which a block may read again, have the sequences of ``value`` from now on."""
    lod, before = lod_of(value), lod_of(target)
    around = block_around(target)
    if around is None:
        set_lod(target, lod)
    elif len(lod) == len(before):
        for level, old in zip(lod, before):
            paddle.assign(level, old)
    elif before or target.hash() in lods_missed:
        set_lod(target, mixed_sequences)
    else:
        with inserting(around):
            set_lod(target, [paddle.zeros([1], "int64") for _ in lod])
        own_lods[target.hash()] = paddle.static.default_main_program()
        write_lod(value, target)


def mixed_sequences():
    """Refuse: what has sequences on one way and none on another."""
    raise ValueError(
        "a value or array is written with sequences of different levels inside a block: "
        "give all of them the same levels with lod_reset"
    )


def may_share_rows(operand, result):
    """Whether an operation's result may have the rows of this operand, in their order."""
    op = result.get_defining_op()
    other_rows = ("gather", "gather_nd", "index_select", "masked_select", "nonzero", "transpose")
    if op.name().startswith("py_op."):
        return False  # what Python makes of it says no offsets, and tells no attributes
    if op.name().split(".")[-1] in other_rows or 0 in op.attrs().get("axes", ()):
        return False
    try:
        before, after = operand.shape, result.shape
    except (ValueError, AttributeError):  # a list of values: its members are looked at
        return True
    if not before or not after or before[0] != after[0]:
        return False
    if op.name() == "pd_op.reshape" and min([0, *before[1:], *after[1:]]) >= 0:
        return int(np.prod(before[1:])) == int(np.prod(after[1:])) or is_one_column(operand, after)
    return True


def is_one_column(operand, shape):
    """Whether an input of two levels is reshaped to one column: decoders' start tokens.

    1.8 looked at the rows of what was fed, whatever the sizes that the input was declared with;
    here the feed is asked to be one column.
    """
    op = operand.get_defining_op()
    name = op.attrs()["name"] if op.name() == "pd_op.data" else None
    if lod_inputs.get(name, 0) < 2 or shape != [-1, 1]:
        return False
    op.set_bool_attr("one_column", True)
    return True


def offsets_of(value):
    """The offsets of the innermost sequences.

    An input that was made without ``lod_level`` is given offsets when they are first asked for;
    raises ValueError for a value that no input hands its rows to.
    """
    lod = lod_of(value)
    if lod:
        return lod[-1]
    pending, seen = [value], set()
    while pending and not paddle.in_dynamic_mode():
        found = pending.pop()
        op = found.get_defining_op()
        if op is None or found.hash() in seen or found.hash() in known_lods:
            continue
        seen.add(found.hash())
        if op.name() == "pd_op.data" and found.shape[0] < 0:
            name = op.attrs()["name"]
            lod_inputs[name] = 1
            set_lod(found, [paddle.static.data(f"{name}@lod0", [-1], "int64")])
            return lod_of(found)[-1]
        pending.extend(reversed([v for v in op.operands_source() if may_share_rows(v, found)]))
    raise ValueError(
        f"the sequences of {value} cannot be followed back to an input: "
        "note them with set_lod(value, lod_of(other)), other having the same rows"
    )


def feed_with_lod(program, feed):
    """The feed with each LoDTensor as its rows and, where the program asks, its offsets."""
    lods = {name: value.lod() for name, value in feed.items() if is_lod_tensor(value)}
    if not lods and not lod_inputs:
        return feed
    feed = {n: np.array(v) if is_lod_tensor(v) else v for n, v in feed.items()}
    for op in program.global_block().ops:
        if op.name() != "pd_op.data":
            continue
        name, _, level = op.attrs()["name"].partition("@lod")
        if op.has_attr("one_column") and np.prod(np.shape(feed.get(name))[1:]) != 1:
            raise ValueError(f"{name!r} is reshaped to one column: feed it with one number a row")
        if level:
            given = lods.get(name, [])
            if len(given) <= int(level) and not op.result(0).use_empty():
                raise ValueError(f"feed {name!r} as a LoDTensor: its sequences are used")
            row = given[int(level)] if len(given) > int(level) else [0]
            feed[f"{name}@lod{level}"] = np.array(row, "int64")
    return feed


def padded_index(offsets, multiple=1):
    """The row number of each step of each sequence [sequences, steps], and which steps there are.

    The number of steps is that of the longest sequence, rounded up to a multiple.
    """
    starts, ends = paddle.unsqueeze(offsets[:-1], 1), paddle.unsqueeze(offsets[1:], 1)
    count = (paddle.max(ends - starts) + (multiple - 1)) // multiple * multiple
    steps = paddle.arange(0, count, 1, "int64")
    index = starts + paddle.unsqueeze(steps, 0)
    inside = index < ends
    return paddle.where(inside, index, paddle.zeros_like(index)), inside


def take_rows(x, index):
    """The rows of ``x`` at ``index``, which may have any number of dimensions."""
    return paddle.gather_nd(x, paddle.unsqueeze(index, -1))


def like_rows(mask, rows):
    """A mask of steps in the shape and type of ``rows``, which has more dimensions."""
    more = len(rows.shape) - len(mask.shape)
    return paddle.reshape(mask, [*paddle.shape(mask), *[1] * more]).astype(rows.dtype)


def pad_rows(x, offsets, value=0.0):
    """Packed rows as [sequences, steps, ...], ``value`` where a sequence has ended."""
    index, inside = padded_index(offsets)
    rows = take_rows(x, index)
    filled = paddle.full_like(rows, value)
    return paddle.where(like_rows(inside, rows).astype("bool"), rows, filled)


def unpad_rows(padded, offsets):
    """Packed rows of [sequences, steps, ...]."""
    sequence, step = row_places(offsets)
    return paddle.gather_nd(padded, paddle.stack([sequence, step], -1))


def row_places(offsets):
    """For each packed row the number of its sequence and its step in it."""
    rows = paddle.arange(0, offsets[-1], 1, "int64")
    sequence = paddle.searchsorted(offsets[1:], rows, right=True)
    return sequence, rows - paddle.gather(offsets, sequence)


def offsets_from(lengths):
    """Offsets from lengths."""
    lengths = paddle.reshape(lengths, [-1]).astype("int64")
    return paddle.concat([paddle.zeros([1], "int64"), paddle.cumsum(lengths)])


def retyped(value, dtype):
    """``value`` with its own type, which some operations of Paddle 3.3 announce wrongly in PIR."""
    if paddle.in_dynamic_mode():
        return value
    array = paddle.tensor.create_array(dtype)  # takes what comes
    paddle.tensor.array_write(value, paddle.zeros([], "int64"), array)
    return paddle.tensor.array_read(array, paddle.zeros([], "int64"))


def lengths_from(offsets):
    """Lengths from offsets."""
    return offsets[1:] - offsets[:-1]


def lod_reset(x, y=None, target_lod=None):
    """``x`` with other sequences: those of ``y``, the offsets that ``y`` holds, or a list."""
    lod = [] if y is None else lod_of(y)
    if not lod:
        if y is None and target_lod is None:
            raise ValueError("y and target_lod should not be both none.")
        given = paddle.to_tensor(target_lod, "int64") if y is None else y.astype("int64")
        lod = [paddle.reshape(given, [-1])]
    return set_lod(paddle.assign(x), lod)


def lod_append(x, level):
    """``x`` with one more level of sequences inside those that it has (``level``'s own, alone)."""
    if isinstance(level, (list, tuple)):
        return set_lod(paddle.assign(x), [*lod_of(x), paddle.to_tensor(list(level), "int64")])
    if lod_of(level):
        return set_lod(paddle.assign(x), lod_of(level))
    more = paddle.reshape(level.astype("int64"), [-1])
    return set_lod(paddle.assign(x), [*lod_of(x), more])


def as_numpy(tensor):
    """The array of a fetched tensor without sequences, or those of a list of them."""
    if isinstance(tensor, (list, tuple)):
        return [as_numpy(t) for t in tensor]
    if is_lod_tensor(tensor) and tensor.lod():
        raise RuntimeError("the tensor has sequences, which an array cannot hold")
    return np.array(tensor)

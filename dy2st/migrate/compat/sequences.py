"""The sequence operations of 1.8, on packed rows and offsets."""

import paddle


def sequence_pool(input, pool_type, is_test=False, pad_value=0.0):
    """One row for each sequence: average, sum, sqrt, max, first or last of its rows.

    An empty sequence gives ``pad_value``.
    """
    kind, lod = pool_type.lower(), lod_of(input)
    offsets = offsets_of(input)
    lengths = lengths_from(offsets)
    if kind in ("first", "last"):
        at = offsets[:-1] if kind == "first" else offsets[1:] - 1
        last_row = paddle.maximum(offsets[-1] - 1, paddle.zeros([], "int64"))
        out = paddle.gather(input, paddle.clip(at, 0, last_row))
    elif kind == "max":
        rows = pad_rows(input, offsets, float("-inf"))
        # the gradient goes to the first of equal values
        out = paddle.take_along_axis(rows, paddle.argmax(rows, 1, keepdim=True), 1)
        out = paddle.squeeze(out, 1)
    else:
        out = paddle.sum(pad_rows(input, offsets), 1)
        count = like_rows(paddle.maximum(lengths, paddle.ones_like(lengths)), out)
        if kind in ("average", "sqrt"):
            out = out / (count if kind == "average" else paddle.sqrt(count))
        elif kind != "sum":
            raise ValueError(f"unknown pool_type {pool_type!r}")
    some = like_rows(lengths > 0, out).astype("bool")
    out = paddle.where(some, out, paddle.full_like(out, pad_value))
    return set_lod(out, lod[:-1])


def sequence_first_step(input):
    """The first row of each sequence."""
    return sequence_pool(input, "first")


def sequence_last_step(input):
    """The last row of each sequence."""
    return sequence_pool(input, "last")


def sequence_softmax(input, use_cudnn=False, name=None):
    """Softmax over the rows of each sequence."""
    offsets = offsets_of(input)
    scores = paddle.nn.functional.softmax(pad_rows(input, offsets, float("-inf")), 1)
    return set_lod(unpad_rows(scores, offsets), lod_of(input))


def sequence_conv(
    input,
    num_filters,
    filter_size=3,
    filter_stride=1,
    padding=True,
    padding_start=None,
    bias_attr=None,
    param_attr=None,
    act=None,
    name=None,
):
    """A convolution over the rows of each sequence, zeros outside of it, then ``act``."""
    name = layer_name("sequence_conv", name)
    weight = new_parameter(
        [filter_size * input.shape[1], num_filters],
        input.dtype,
        named(param_attr, name, "w"),
        None,
    )
    first = -(filter_size // 2) if padding_start is None else padding_start
    windows = neighbour_rows(input, first, filter_size)
    out = paddle.matmul(paddle.flatten(windows, 1, 2), weight)
    bias = new_parameter([num_filters], input.dtype, named(bias_attr, name, "b"), None, True)
    return append_act(out if bias is None else out + bias, act)


def neighbour_rows(x, first, count, value=0):
    """For each row the ``count`` rows of its sequence from ``first`` on: [rows, count, ...]."""
    offsets = offsets_of(x)
    sequence, step = row_places(offsets)
    steps = paddle.unsqueeze(step, 1) + paddle.arange(first, first + count, 1, "int64")
    lengths = paddle.unsqueeze(paddle.gather(lengths_from(offsets), sequence), 1)
    inside = paddle.logical_and(steps >= 0, steps < lengths)
    index = steps + paddle.unsqueeze(paddle.gather(offsets, sequence), 1)
    rows = take_rows(x, paddle.where(inside, index, paddle.zeros_like(index)))
    mask = like_rows(inside, rows).astype("bool")
    return set_lod(paddle.where(mask, rows, paddle.full_like(rows, value)), lod_of(x))


def sequence_expand(x, y, ref_level=-1, name=None):
    """Each sequence of ``x`` (or each row, where it has none) as often as ``y`` has members."""
    offsets_of(y)  # it may find the sequences of an input that was made without
    lod = lod_of(y)
    reference = lod[ref_level]
    times = row_places(reference)[0]
    own = lod_of(x)
    if not own:
        return set_lod(paddle.gather(x, times), [])
    lengths = paddle.gather(lengths_from(own[0]), times)
    offsets = offsets_from(lengths)
    sequence, step = row_places(offsets)
    start = paddle.gather(own[0], paddle.gather(times, sequence))
    return set_lod(paddle.gather(x, start + step), [offsets])


def sequence_expand_as(x, y, name=None):
    """Row i of ``x`` once for each row of sequence i of ``y``."""
    offsets_of(y)
    lod = lod_of(y)
    return set_lod(paddle.gather(x, row_places(lod[0])[0]), lod[:1])


def sequence_pad(x, pad_value, maxlen=None, name=None):
    """Sequences as [sequences, steps, ...] with ``pad_value`` at their ends, and their lengths."""
    offsets = offsets_of(x)
    index, inside = padded_index(offsets)
    if maxlen is not None:
        starts, ends = paddle.unsqueeze(offsets[:-1], 1), paddle.unsqueeze(offsets[1:], 1)
        index = starts + paddle.arange(0, maxlen, 1, "int64")
        inside = index < ends
        index = paddle.where(inside, index, paddle.zeros_like(index))
    rows = take_rows(x, index)
    mask = like_rows(inside, rows)
    width = len(x.shape) - 1
    value = paddle.reshape(
        pad_value.astype(x.dtype),
        [1, 1, *([1] * width if pad_value.shape in ([1], []) else x.shape[1:])],
    )
    out = paddle.where(mask.astype("bool"), rows, paddle.zeros_like(rows) + value)
    return set_lod(out, []), set_lod(lengths_from(offsets), [])


def sequence_unpad(x, length, name=None):
    """The first ``length`` steps of each row of [sequences, steps, ...], packed."""
    offsets = offsets_from(length)
    return set_lod(unpad_rows(x, offsets), [offsets])


def sequence_concat(input, name=None):
    """Sequence i of every input, one after the other."""
    lods = [offsets_of(x) for x in input]
    total = lods[0]
    for offsets in lods[1:]:
        total = total + offsets
    parts, places, before = [], [], paddle.zeros_like(total[:-1])
    for x, offsets in zip(input, lods):
        sequence, step = row_places(offsets)
        places.append(paddle.gather(total[:-1] + before, sequence) + step)
        parts.append(x)
        before = before + lengths_from(offsets)
    order = paddle.argsort(paddle.concat(places))
    return set_lod(paddle.gather(paddle.concat(parts), order), [total])


def sequence_slice(input, offset, length, name=None):
    """From each sequence ``length`` rows, the first of which is row ``offset``."""
    offsets = offsets_from(length)
    sequence, step = row_places(offsets)
    start = offsets_of(input)[:-1] + paddle.reshape(offset, [-1]).astype("int64")
    return set_lod(paddle.gather(input, paddle.gather(start, sequence) + step), [offsets])


def sequence_reverse(x, name=None):
    """The rows of each sequence in reverse order."""
    return set_lod(paddle.gather(x, reversed_rows(offsets_of(x))), lod_of(x))


def reversed_rows(offsets):
    """For each packed row the row that stands there when its sequence is reversed."""
    sequence, step = row_places(offsets)
    return paddle.gather(offsets[1:], sequence) - 1 - step


def sequence_enumerate(input, win_size, pad_value=0, name=None):
    """For each id the ``win_size`` ids from it on, ``pad_value`` behind the sequence's end."""
    windows = neighbour_rows(input, 0, win_size, pad_value)
    if len(windows.shape) > 2:
        windows = paddle.squeeze(windows, -1)
    return set_lod(windows, lod_of(input))


def sequence_reshape(input, new_dim):
    """The same numbers in rows of ``new_dim``."""
    offsets = offsets_of(input) * input.shape[1] // new_dim
    return set_lod(paddle.reshape(input, [-1, new_dim]), [offsets])


def sequence_scatter(input, index, updates, name=None):
    """``input`` with the updates of sequence i added to row i, whose numbers ``index`` counts."""
    sequence, _ = row_places(offsets_of(index))
    column = paddle.reshape(index, [-1]).astype("int64")
    places = paddle.stack([sequence, column], -1)
    rows = paddle.flatten(input, 1) if len(input.shape) > 2 else input
    out = paddle.scatter_nd_add(rows, places, paddle.reshape(updates, [-1]))
    out = paddle.reshape(out, [-1, *input.shape[1:]]) if len(input.shape) > 2 else out
    return set_lod(out, lod_of(input))


def sequence_conv_pool(
    input, num_filters, filter_size, param_attr=None, act="sigmoid", pool_type="max", bias_attr=None
):
    """``sequence_conv`` and ``sequence_pool``."""
    rows = sequence_conv(
        input, num_filters, filter_size, param_attr=param_attr, bias_attr=bias_attr, act=act
    )
    return sequence_pool(rows, pool_type)


def im2sequence(
    input, filter_size=1, stride=1, padding=0, input_image_size=None, out_stride=1, name=None
):
    """The patches of each image as the rows of one sequence."""
    if input_image_size is not None:
        raise ValueError("im2sequence with input_image_size: cut the images before")
    pair = lambda v: list(v) if isinstance(v, (list, tuple)) else [v, v]
    padding = [padding] * 4 if isinstance(padding, int) else list(padding)
    padding = padding * 2 if len(padding) == 2 else padding
    columns = paddle.nn.functional.unfold(input, pair(filter_size), pair(stride), padding)
    rows = paddle.reshape(paddle.transpose(columns, [0, 2, 1]), [-1, columns.shape[1]])
    count = paddle.shape(columns)[2].astype("int64")
    images = paddle.arange(0, paddle.shape(columns)[0].astype("int64") + 1, 1, "int64")
    return set_lod(rows, [images * count])


class RankTable:
    """Sequences from the longest to the shortest: ``order`` has their numbers."""

    def __init__(self, lengths):
        self.order = paddle.argsort(lengths, descending=True, stable=True)
        self.longest = paddle.reshape(paddle.max(lengths), [1])


def lod_rank_table(x, level=0):
    """The ranking of a value's sequences by their length; its rows where it has none."""
    lod = lod_of(x)
    return RankTable(lengths_from(lod[level]) if lod else paddle.ones([size_of(x, 0)], "int64"))


def max_sequence_len(rank_table):
    """The length of the longest sequence."""
    return rank_table.longest


def reorder_lod_tensor_by_rank(x, rank_table):
    """The sequences (or rows) of ``x`` in the order of a ranking."""
    return chosen_sequences(x, rank_table.order)

"""Shapes and places: reshaping, indexing, sorting."""

import paddle


def reshape(x, shape, actual_shape=None, act=None, inplace=False, name=None):
    """``x`` with another shape (``actual_shape`` where it is given), then ``act``."""
    target = actual_shape if actual_shape is not None else shape
    return append_act(paddle.reshape(x, target), act)


def flatten(x, axis=1, name=None):
    """``x`` as a matrix whose rows are the dimensions before ``axis``."""
    if axis == 0:
        return paddle.reshape(x, [1, -1])
    out = paddle.flatten(x, 0, axis - 1) if axis > 1 else x
    if len(x.shape) == axis:
        return paddle.unsqueeze(out, -1)
    return joined(out, 1)


def joined(x, start):
    """``x`` with its dimensions from ``start`` on as one.

    Unlike ``paddle.flatten`` it has gradients of gradients.
    """
    size = 1
    for n in x.shape[start:]:
        size = -1 if n < 0 or size < 0 else size * n
    return paddle.reshape(x, [0] * start + [size])


def squeeze(input, axes, name=None):
    """Without the named dimensions of size 1; without all of them where none is named."""
    return paddle.squeeze(input, axis=list(axes) if axes else None)


def expand(x, expand_times, name=None):
    """``x`` repeated along each dimension."""
    return paddle.tile(x, expand_times)


def expand_as(x, target_tensor, name=None):
    """``x`` repeated along each dimension up to the target's shape."""
    times = [size_of(target_tensor, i) // size_of(x, i) for i in range(len(x.shape))]
    return paddle.tile(x, times)


def size_of(x, axis):
    """The size along an axis: a number where it is known, else a value."""
    return x.shape[axis] if x.shape[axis] >= 0 else paddle.shape(x)[axis]


def one_hot(input, depth, allow_out_of_range=False):
    """One-hot rows; a last dimension of 1 in the ids is replaced by the row."""
    if input.shape[-1] == 1:
        input = paddle.squeeze(input, -1)
    return one_hot_v2(input, depth, allow_out_of_range)


def one_hot_v2(input, depth, allow_out_of_range=False):
    """One-hot rows; a row of zeros for an id out of range where that is allowed."""
    if allow_out_of_range:
        classes = paddle.arange(0, depth, 1, input.dtype)
        return paddle.cast(paddle.unsqueeze(input, -1) == classes, "float32")
    return paddle.nn.functional.one_hot(input, depth)


def topk(input, k, name=None):
    """The ``k`` largest values and their places in the last dimension."""
    return paddle.topk(input, k)


def argsort(input, axis=-1, descending=False, name=None):
    """The sorted values and the places that they came from."""
    index = paddle.argsort(input, axis, descending)
    return paddle.take_along_axis(input, index, axis), index


def where(condition):
    """The places where the condition holds, one row a place."""
    return paddle.nonzero(condition)


def unique(x, dtype="int32"):
    """The distinct values in the order in which they appear, and for each value its index."""
    return unique_by_order(x, dtype)[:2]


def unique_with_counts(x, dtype="int32"):
    """As ``unique``, and how often each value appears."""
    return unique_by_order(x, dtype)


def unique_by_order(x, dtype):
    """Distinct values in order of appearance, index of each element in them, counts."""
    _, first, inverse, counts = paddle.unique(
        x, return_index=True, return_inverse=True, return_counts=True
    )
    order = paddle.argsort(first)
    rank = paddle.argsort(order)
    return (
        paddle.gather(x, paddle.gather(first, order)),
        paddle.gather(rank, inverse).astype(dtype),
        paddle.gather(counts, order).astype(dtype),
    )


def reverse(x, axis):
    """``x`` turned round along one or more dimensions."""
    return paddle.flip(x, [axis] if isinstance(axis, int) else list(axis))


def scatter(input, index, updates, name=None, overwrite=True):
    """Rows replaced, or set to 0 and added to; the gradient of ``input`` passes as if none were."""
    out = paddle.scatter(without_gradient(input), paddle.reshape(index, [-1]), updates, overwrite)
    if str(input.dtype).split(".")[-1] not in ("float32", "float64"):
        return out
    return out + (input - without_gradient(input))


def gather(input, index, overwrite=True):
    """Rows of ``input``; of a row that is taken twice the last one's gradient counts.

    With ``overwrite=False`` the gradients add up, as they do in Paddle 3.
    """
    index = paddle.reshape(index, [-1])
    rows = paddle.gather(input, index)
    if not overwrite or input.stop_gradient or "float" not in str(input.dtype):
        return rows
    place = paddle.arange(paddle.shape(index)[0], dtype="int64")
    last = paddle.zeros([paddle.shape(input)[0]], "int64")
    last = paddle.gather(paddle.scatter(last, index, place), index)
    mask = paddle.reshape((last == place).astype(input.dtype), [-1] + [1] * (len(rows.shape) - 1))
    fixed = without_gradient(rows)
    return fixed + (rows - fixed) * mask


def shuffle_channel(x, group, name=None):
    """Channels dealt out over groups."""
    c, h, w = (size_of(x, axis) for axis in (1, 2, 3))
    out = paddle.reshape(x, [-1, group, c // group, h, w])
    return paddle.reshape(paddle.transpose(out, [0, 2, 1, 3, 4]), [-1, c, h, w])


def space_to_depth(x, blocksize, name=None):
    """Blocks of an image moved into channels, in the order of 1.8's operator."""
    c, h, w = (size_of(x, axis) for axis in (1, 2, 3))
    b = blocksize
    out = paddle.reshape(x, [-1, b, b, c // (b * b), h, w])
    return paddle.reshape(
        paddle.transpose(out, [0, 3, 4, 1, 5, 2]), [-1, c * b * b, h // b, w // b]
    )


def crop(x, shape=None, offsets=None, name=None):
    """A window of ``x``."""
    if shape is not None and not isinstance(shape, (list, tuple)) and hasattr(shape, "shape"):
        shape = list(shape.shape)
    return paddle.crop(x, shape, offsets)


def rank(input):
    """How many dimensions ``input`` has, as a 0-D tensor."""
    return paddle.full([], len(input.shape), "int32")


def flip(input, dims, name=None):
    """``input`` turned round along one or more dimensions."""
    return paddle.flip(input, dims)


def roll(input, shifts, dims=None):
    """Values moved along dimensions, round the end; over all values without ``dims``."""
    return paddle.roll(input, shifts, dims)


def meshgrid(input, name=None):
    """Coordinates of a grid."""
    return paddle.meshgrid(*input)


def nonzero(input, as_tuple=False):
    """The places of values that are not 0; for each dimension with a last size of 1."""
    places = paddle.nonzero(input)
    return tuple(places[:, i : i + 1] for i in range(len(input.shape))) if as_tuple else places

"""Functions on tensors whose defaults or shapes changed."""

import numpy as np
import paddle


def as_shape_1(x):
    """A 0-D result with shape [1], as 1.8 had it."""
    return x.reshape([1]) if len(x.shape) == 0 else x


def reduce_sum(input, dim=None, keep_dim=False, name=None):
    """The sum over ``dim``; shape [1] where nothing is left."""
    return as_shape_1(paddle.sum(input, axis=dim, keepdim=keep_dim))


def reduce_mean(input, dim=None, keep_dim=False, name=None):
    """The mean over ``dim``; shape [1] where nothing is left."""
    return as_shape_1(paddle.mean(input, axis=dim, keepdim=keep_dim))


def reduce_max(input, dim=None, keep_dim=False, name=None):
    """The largest value over ``dim``; all that are as large get the whole gradient."""
    return extreme(paddle.max, input, dim, keep_dim)


def reduce_min(input, dim=None, keep_dim=False, name=None):
    """The smallest value over ``dim``; all that are as small get the whole gradient."""
    return extreme(paddle.min, input, dim, keep_dim)


def extreme(reduce, x, dim, keep_dim):
    """``reduce`` (max or min) of ``x`` with 1.8's gradient; shape [1] where nothing is left."""
    out = as_shape_1(reduce(x.detach(), axis=dim, keepdim=keep_dim))
    if str(x.dtype).split(".")[-1] not in ("float32", "float64"):
        return out
    chosen = x.detach() == reduce(x.detach(), axis=dim, keepdim=True)
    change = paddle.where(chosen, x - x.detach(), paddle.zeros_like(x))  # 0, but for its gradient
    return out + as_shape_1(paddle.sum(change, axis=dim, keepdim=keep_dim))


def reduce_prod(input, dim=None, keep_dim=False, name=None):
    """The product over ``dim``; shape [1] where nothing is left."""
    return as_shape_1(paddle.prod(input, axis=dim, keepdim=keep_dim))


def reduce_all(input, dim=None, keep_dim=False, name=None):
    """Whether all are true over ``dim``; shape [1] where nothing is left."""
    return as_shape_1(paddle.all(input, axis=dim, keepdim=keep_dim))


def reduce_any(input, dim=None, keep_dim=False, name=None):
    """Whether any is true over ``dim``; shape [1] where nothing is left."""
    return as_shape_1(paddle.any(input, axis=dim, keepdim=keep_dim))


def mean(x, name=None):
    """The mean of all values, with shape [1]."""
    return paddle.mean(x).reshape([1])


def elementwise(operation, x, y, axis, act):
    """``operation(x, y)`` with the dimensions of ``y`` laid at ``axis`` of ``x``, then ``act``."""
    if axis != -1 and len(y.shape) < len(x.shape):
        y = paddle.unsqueeze(y, list(range(len(y.shape), len(x.shape) - axis)))
    return append_act(operation(x, y), act)


def elementwise_add(x, y, axis=-1, act=None, name=None):
    """``x + y``, see ``elementwise``."""
    return elementwise(paddle.add, x, y, axis, act)


def elementwise_sub(x, y, axis=-1, act=None, name=None):
    """``x - y``, see ``elementwise``."""
    return elementwise(paddle.subtract, x, y, axis, act)


def elementwise_mul(x, y, axis=-1, act=None, name=None):
    """``x * y``, see ``elementwise``."""
    return elementwise(paddle.multiply, x, y, axis, act)


def elementwise_div(x, y, axis=-1, act=None, name=None):
    """``x / y``, see ``elementwise``; integers are divided as C does."""
    if x.dtype in (paddle.int32, paddle.int64):
        return elementwise(lambda a, b: paddle.trunc(a / b).astype(a.dtype), x, y, axis, act)
    return elementwise(paddle.divide, x, y, axis, act)


def elementwise_max(x, y, axis=-1, act=None, name=None):
    """The larger of ``x`` and ``y``, see ``elementwise``."""
    return elementwise(lambda a, b: paddle.where(a > b, a, b), x, y, axis, act)


def elementwise_min(x, y, axis=-1, act=None, name=None):
    """The smaller of ``x`` and ``y``, see ``elementwise``."""
    return elementwise(lambda a, b: paddle.where(a < b, a, b), x, y, axis, act)


def elementwise_pow(x, y, axis=-1, act=None, name=None):
    """``x ** y``, see ``elementwise``."""
    return elementwise(paddle.pow, x, y, axis, act)


def elementwise_mod(x, y, axis=-1, act=None, name=None):
    """``x mod y``, see ``elementwise``."""
    return elementwise(paddle.mod, x, y, axis, act)


def elementwise_floordiv(x, y, axis=-1, act=None, name=None):
    """``x // y``, see ``elementwise``."""
    return elementwise(paddle.floor_divide, x, y, axis, act)


def matmul(x, y, transpose_x=False, transpose_y=False, alpha=1.0, name=None):
    """``alpha * x @ y``; two vectors give shape [1]."""
    out = as_shape_1(paddle.matmul(x, y, transpose_x, transpose_y))
    return out * alpha if alpha != 1.0 else out


def mul(x, y, x_num_col_dims=1, y_num_col_dims=1, name=None):
    """The product of ``x`` and ``y`` seen as matrices."""
    left = paddle.flatten(x, x_num_col_dims, -1)
    if x_num_col_dims > 1:
        left = paddle.flatten(left, 0, x_num_col_dims - 1)
    right = paddle.flatten(y, y_num_col_dims, -1) if len(y.shape) > y_num_col_dims + 1 else y
    if y_num_col_dims > 1:
        right = paddle.flatten(right, 0, y_num_col_dims - 1)
    out = paddle.matmul(left, right)
    if x_num_col_dims == 1 and len(y.shape) == y_num_col_dims + 1:
        return out
    lead = [paddle.shape(x)[i] if n < 0 else n for i, n in enumerate(x.shape[:x_num_col_dims])]
    return paddle.reshape(out, [*lead, *y.shape[y_num_col_dims:]])


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
    return paddle.flatten(out, 1, -1)


def squeeze(input, axes, name=None):
    """Without the named dimensions of size 1; without all of them where none is named."""
    return paddle.squeeze(input, axis=list(axes) if axes else None)


def expand(x, expand_times, name=None):
    """``x`` repeated along each dimension."""
    return paddle.tile(x, expand_times)


def expand_as(x, target_tensor, name=None):
    """``x`` repeated along each dimension up to the target's shape."""
    times = [t // s for s, t in zip(x.shape, target_tensor.shape)]
    return paddle.tile(x, times)


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


def argmax(x, axis=0):
    """The place of the largest value; shape [1] where nothing else is left."""
    return as_shape_1(paddle.argmax(x, axis))


def argmin(x, axis=0):
    """The place of the smallest value; shape [1] where nothing else is left."""
    return as_shape_1(paddle.argmin(x, axis))


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


def cumsum(x, axis=None, exclusive=None, reverse=None):
    """Running sums along ``axis``, from the end and without the element itself where asked for."""
    axis = -1 if axis is None else axis
    y = paddle.flip(x, [axis]) if reverse else x
    out = paddle.cumsum(y, axis)
    if exclusive:
        out = out - y
    return paddle.flip(out, [axis]) if reverse else out


def has_inf(x):
    """Whether any value is infinite, with shape [1]."""
    return paddle.any(paddle.isinf(x)).reshape([1])


def has_nan(x):
    """Whether any value is not a number, with shape [1]."""
    return paddle.any(paddle.isnan(x)).reshape([1])


def isfinite(x):
    """Whether all values are finite, with shape [1]."""
    return paddle.all(paddle.isfinite(x)).reshape([1])


def diag(diagonal):
    """A square matrix with this diagonal."""
    return paddle.diag(diagonal)


def eye(num_rows, num_columns=None, batch_shape=None, dtype="float32"):
    """Ones on the diagonal, once for each place of ``batch_shape``."""
    out = paddle.eye(num_rows, num_columns, dtype)
    if batch_shape is not None:
        for _ in batch_shape:
            out = paddle.unsqueeze(out, 0)
        out = paddle.tile(out, [*batch_shape, 1, 1])
    return out


def fill_constant(shape, dtype, value, force_cpu=False, out=None):
    """A tensor of one value; written into ``out`` where it is given."""
    made = paddle.full(shape, value, dtype)
    return made if out is None else paddle.assign(made, out)


def batch_size_like(input, shape, input_dim_idx, output_dim_idx):
    """``shape`` with one size taken from ``input``."""
    shape = list(shape)
    size = input.shape[input_dim_idx]
    shape[output_dim_idx] = size if size >= 0 else paddle.shape(input)[input_dim_idx]
    return shape


def fill_constant_batch_size_like(
    input, shape, dtype, value, input_dim_idx=0, output_dim_idx=0, force_cpu=False
):
    """A tensor of one value whose size in one dimension is that of ``input``."""
    shape = batch_size_like(input, shape, input_dim_idx, output_dim_idx)
    return paddle.full(shape, value, dtype)


def uniform_random_batch_size_like(
    input, shape, dtype="float32", input_dim_idx=0, output_dim_idx=0, min=-1.0, max=1.0, seed=0
):
    """Uniform random values; one size is that of ``input``."""
    shape = batch_size_like(input, shape, input_dim_idx, output_dim_idx)
    return paddle.uniform(shape, dtype, min, max, seed)


def gaussian_random_batch_size_like(
    input,
    shape,
    input_dim_idx=0,
    output_dim_idx=0,
    mean=0.0,
    std=1.0,
    seed=0,
    dtype="float32",
):
    """Normal random values; one size is that of ``input``."""
    shape = batch_size_like(input, shape, input_dim_idx, output_dim_idx)
    return paddle.normal(mean, std, shape).astype(dtype)


def gaussian_random(shape, mean=0.0, std=1.0, seed=0, dtype="float32"):
    """Normal random values."""
    return paddle.normal(mean, std, shape).astype(dtype)


def assign(input, output=None):
    """A copy, written into ``output`` where it is given; numpy arrays become tensors."""
    if isinstance(input, np.ndarray) and input.dtype == np.float64:
        input = input.astype("float32")
    return paddle.assign(input) if output is None else paddle.assign(input, output)


def sums(input, out=None):
    """The sum of a list of tensors; written into ``out`` where it is given."""
    total = paddle.add_n(input)
    return total if out is None else paddle.assign(total, out)


def sum(x):
    """The sum of a list of tensors."""
    return paddle.add_n(x)


def increment(x, value=1.0, in_place=True):
    """``x + value``, in place where asked for."""
    return paddle.increment(x if in_place else paddle.assign(x), value)


def reverse(x, axis):
    """``x`` turned round along one or more dimensions."""
    return paddle.flip(x, [axis] if isinstance(axis, int) else list(axis))


def scatter(input, index, updates, name=None, overwrite=True):
    """Rows replaced, or set to 0 and added to; the gradient of ``input`` passes as if none were."""
    out = paddle.scatter(input.detach(), paddle.reshape(index, [-1]), updates, overwrite)
    if str(input.dtype).split(".")[-1] not in ("float32", "float64"):
        return out
    return out + (input - input.detach())


def gather(input, index, overwrite=True):
    """Rows of ``input``."""
    return paddle.gather(input, paddle.reshape(index, [-1]))


def l2_normalize(x, axis, epsilon=1e-12, name=None):
    """``x`` over its length along ``axis``."""
    axis = axis if len(x.shape) > 1 else 0
    norm = paddle.sqrt(paddle.sum(x * x, axis=axis, keepdim=True) + epsilon)
    return x / norm


def clip(x, min, max, name=None):
    """``x`` held between two values; at a limit itself there is no gradient."""
    inside = paddle.logical_and(x > min, x < max)
    return paddle.where(inside, x, paddle.clip(x.detach(), min, max))


def clip_by_norm(x, max_norm, name=None):
    """``x`` scaled down to a length of at most ``max_norm``."""
    norm = paddle.sqrt(paddle.sum(x * x))
    limit = paddle.full([], max_norm, x.dtype)
    return x * paddle.where(norm > limit, limit / norm, paddle.ones_like(norm))


def scale(x, scale=1.0, bias=0.0, bias_after_scale=True, act=None, name=None):
    """``scale * x + bias``, then ``act``."""
    return append_act(paddle.scale(x, scale, bias, bias_after_scale), act)


def slice(input, axes, starts, ends):
    """A part of ``input``; what 1.8 left with shape [1] stays so."""
    return paddle.slice(input, axes, starts, ends)


def shape_1(x):
    """``x`` with shape [1] where it is 0-D."""
    return as_shape_1(x)


def rank(input):
    """How many dimensions ``input`` has, as a 0-D tensor."""
    return paddle.full([], len(input.shape), "int32")


def size(input):
    """How many values ``input`` has, with shape [1]."""
    return paddle.numel(input).reshape([1])


def is_empty(x, cond=None):
    """Whether ``x`` has no values, with shape [1]."""
    out = paddle.is_empty(x).reshape([1])
    return out if cond is None else paddle.assign(out, cond)


def shuffle_channel(x, group, name=None):
    """Channels dealt out over groups."""
    n, c, h, w = x.shape
    out = paddle.reshape(x, [-1, group, c // group, h, w])
    return paddle.reshape(paddle.transpose(out, [0, 2, 1, 3, 4]), [-1, c, h, w])


def space_to_depth(x, blocksize, name=None):
    """Blocks of an image moved into channels, in the order of 1.8's operator."""
    n, c, h, w = x.shape
    b = blocksize
    out = paddle.reshape(x, [-1, b, b, c // (b * b), h, w])
    return paddle.reshape(
        paddle.transpose(out, [0, 3, 4, 1, 5, 2]), [-1, c * b * b, h // b, w // b]
    )


def add_position_encoding(input, alpha, beta, name=None):
    """``alpha * input + beta * position``, sines in the first half and cosines in the second."""
    length, width = input.shape[1], input.shape[2]
    half = width // 2
    position = np.arange(length, dtype="float64").reshape(-1, 1)
    power = np.arange(half, dtype="float64") / (half - 1) if half > 1 else np.zeros(1)
    angle = position / np.power(10000.0, power)
    table = np.concatenate([np.sin(angle), np.cos(angle)], 1).astype("float32")
    return alpha * input + beta * paddle.to_tensor(table)


def fsp_matrix(x, y):
    """The mean product of two feature maps' channels."""
    n, c1, h, w = x.shape
    a = paddle.reshape(x, [-1, c1, h * w])
    b = paddle.reshape(y, [-1, y.shape[1], h * w])
    return paddle.matmul(a, b, transpose_y=True) / float(h * w)


def crop(x, shape=None, offsets=None, name=None):
    """A window of ``x``."""
    if shape is not None and not isinstance(shape, (list, tuple)) and hasattr(shape, "shape"):
        shape = list(shape.shape)
    return paddle.crop(x, shape, offsets)


def logsumexp(x, dim=None, keepdim=False, out=None, name=None):
    """``log(sum(exp(x)))`` over ``dim``; shape [1] where nothing is left."""
    return as_shape_1(paddle.logsumexp(x, dim, keepdim))


def addcmul(input, tensor1, tensor2, value=1.0, out=None, name=None):
    """``input + value * tensor1 * tensor2``."""
    return input + tensor1 * tensor2 * value


def sequence_mask(x, maxlen=None, dtype="int64", name=None):
    """For each length a row of that many ones, then zeros."""
    if maxlen is None:
        maxlen = paddle.max(x)
    places = paddle.arange(0, maxlen, 1, x.dtype)
    return paddle.cast(places < paddle.unsqueeze(x, -1), dtype)


def linspace(start, stop, num, dtype):
    """``num`` values from ``start`` to ``stop``."""
    return paddle.linspace(start, stop, num, dtype)


def arange(start, end, step, dtype):
    """Values from ``start`` up to ``end`` by ``step``."""
    return paddle.arange(start, end, step, dtype)


def dropout(
    x,
    dropout_prob,
    is_test=False,
    seed=None,
    name=None,
    dropout_implementation="downgrade_in_infer",
):
    """Random zeros in training; scaled as ``dropout_implementation`` says."""
    mode = dropout_implementation.replace("downgrade", "downscale")
    return paddle.nn.functional.dropout(x, dropout_prob, training=not is_test, mode=mode)


def random_crop(x, shape, seed=None):
    """A window at a random place of the last dimensions."""
    out = x
    first = len(x.shape) - len(shape)
    for i, want in enumerate(shape):
        have = x.shape[first + i]
        start = paddle.randint(0, have - want + 1, [1])
        out = paddle.slice(out, [first + i], [start], [start + want])
    return out

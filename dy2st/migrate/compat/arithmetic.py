"""Arithmetic on tensors with the broadcasting and the gradients of 1.8."""

import numpy as np
import paddle


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
    return elementwise(lambda a, b: paddle.where(paddle.greater_than(a, b), a, b), x, y, axis, act)


def elementwise_min(x, y, axis=-1, act=None, name=None):
    """The smaller of ``x`` and ``y``, see ``elementwise``."""
    return elementwise(lambda a, b: paddle.where(paddle.less_than(a, b), a, b), x, y, axis, act)


def elementwise_pow(x, y, axis=-1, act=None, name=None):
    """``x ** y``, see ``elementwise``."""
    return elementwise(paddle.pow, x, y, axis, act)


def elementwise_mod(x, y, axis=-1, act=None, name=None):
    """What is left of ``x / y``, see ``elementwise``; with the sign of an integer ``x``, as in C."""
    if x.dtype in (paddle.int32, paddle.int64):
        return elementwise(lambda a, b: a - truncated_division(a, b) * b, x, y, axis, act)
    return elementwise(paddle.mod, x, y, axis, act)


def elementwise_floordiv(x, y, axis=-1, act=None, name=None):
    """The whole part of ``x / y``, see ``elementwise``; towards 0, as in C."""
    return elementwise(truncated_division, x, y, axis, act)


def matmul(x, y, transpose_x=False, transpose_y=False, alpha=1.0, name=None):
    """``alpha * x @ y``; two vectors give shape [1]."""
    out = as_shape_1(paddle.matmul(x, y, transpose_x, transpose_y))
    return out * alpha if alpha != 1.0 else out


def mul(x, y, x_num_col_dims=1, y_num_col_dims=1, name=None):
    """The product of ``x`` and ``y`` seen as matrices."""
    left = joined(x, x_num_col_dims)
    if x_num_col_dims > 1:
        left = paddle.flatten(left, 0, x_num_col_dims - 1)
    right = joined(y, y_num_col_dims) if len(y.shape) > y_num_col_dims + 1 else y
    if y_num_col_dims > 1:
        right = paddle.flatten(right, 0, y_num_col_dims - 1)
    out = paddle.matmul(left, right)
    if x_num_col_dims == 1 and len(y.shape) == y_num_col_dims + 1:
        return out
    lead = [paddle.shape(x)[i] if n < 0 else n for i, n in enumerate(x.shape[:x_num_col_dims])]
    return paddle.reshape(out, [*lead, *y.shape[y_num_col_dims:]])


def scale(x, scale=1.0, bias=0.0, bias_after_scale=True, act=None, name=None):
    """``scale * x + bias``, then ``act``."""
    return append_act(paddle.scale(x, scale, bias, bias_after_scale), act)


def clip(x, min, max, name=None):
    """``x`` held between two values; at a limit itself there is no gradient."""
    inside = paddle.logical_and(x > min, x < max)
    return paddle.where(inside, x, paddle.clip(without_gradient(x), min, max))


def clip_by_norm(x, max_norm, name=None):
    """``x`` scaled down to a length of at most ``max_norm``."""
    norm = paddle.sqrt(paddle.sum(x * x))
    limit = paddle.full([], max_norm, x.dtype)
    return x * paddle.where(norm > limit, limit / norm, paddle.ones_like(norm))


def l2_normalize(x, axis, epsilon=1e-12, name=None):
    """``x`` over its length along ``axis``."""
    axis = axis if len(x.shape) > 1 else 0
    norm = paddle.sqrt(paddle.sum(x * x, axis=axis, keepdim=True) + epsilon)
    return x / norm


def sums(input, out=None):
    """The sum of a list of tensors; written into ``out`` where it is given."""
    total = paddle.add_n(input)
    return total if out is None else paddle.assign(total, out)


def sum(x):
    """The sum of a list of tensors."""
    return paddle.add_n(x)


def increment(x, value=1.0, in_place=True):
    """``x + value``, which is put into ``x`` itself unless told otherwise."""
    if not in_place:
        return paddle.increment(paddle.assign(x), value)
    if paddle.in_dynamic_mode() or (block_around(x) is not None and not x.persistable):
        return paddle.increment(x, value)
    # not paddle.increment: the gradient of a While block would take it back
    return assign(paddle.increment(paddle.assign(x), value), x)


def addcmul(input, tensor1, tensor2, value=1.0, out=None, name=None):
    """``input + value * tensor1 * tensor2``."""
    return write_to(input + tensor1 * tensor2 * value, out)


def fsp_matrix(x, y):
    """The mean product of two feature maps' channels."""
    a, b = paddle.flatten(x, 2), paddle.flatten(y, 2)
    return paddle.matmul(a, b, transpose_y=True) / paddle.shape(a)[2].astype(x.dtype)


def add_position_encoding(input, alpha, beta, name=None):
    """``alpha * input + beta * position``, sines in the first half and cosines in the second."""
    half = input.shape[2] // 2
    position = paddle.arange(0, size_of(input, 1), 1, "int64").astype("float64")
    power = np.arange(half, dtype="float64") / (half - 1) if half > 1 else np.zeros(1)
    angle = paddle.unsqueeze(position, 1) / paddle.to_tensor(np.power(10000.0, power))
    table = paddle.concat([paddle.sin(angle), paddle.cos(angle)], 1).astype(input.dtype)
    return alpha * input + beta * table


def addmm(input, x, y, alpha=1.0, beta=1.0, name=None):
    """``beta * input + alpha * x @ y``."""
    return beta * input + alpha * paddle.matmul(x, y)


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False, name=None):
    """Whether all values are close, with shape [1]."""
    return paddle.allclose(input, other, rtol, atol, equal_nan).reshape([1])


def dist(x, y, p=2):
    """The ``p``-norm of ``x - y``, with shape [1]."""
    return paddle.dist(x, y, p).reshape([1])


def dot(x, y, name=None):
    """Products of vectors; each leaves a last dimension of 1."""
    return paddle.sum(x * y, axis=-1, keepdim=True)


def elementwise_equal(x, y, name=None):
    """``x == y`` element by element."""
    return paddle.equal(x, y)


def kron(x, y, out=None, name=None):
    """Kronecker's product."""
    return write_to(paddle.kron(x, y), out)


def log1p(x, out=None, name=None):
    """``log(1 + x)``."""
    return write_to(paddle.log1p(x), out)


def trace(input, offset=0, dim1=0, dim2=1, out=None, name=None):
    """The sum of a diagonal; shape [1] where nothing is left."""
    return write_to(as_shape_1(paddle.trace(input, offset, dim1, dim2)), out)

"""Reductions, whose results had shape [1] where nothing was left."""

import paddle


def without_gradient(x):
    """``x`` as a constant; a copy in static programs, where what ``detach`` gives may be read early."""
    if paddle.in_dynamic_mode():
        return x.detach()
    x = paddle.assign(x)
    x.stop_gradient = True
    return x


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
    out = as_shape_1(reduce(without_gradient(x), axis=dim, keepdim=keep_dim))
    if str(x.dtype).split(".")[-1] not in ("float32", "float64"):
        return out
    chosen = without_gradient(x) == reduce(without_gradient(x), axis=dim, keepdim=True)
    change = paddle.where(
        chosen, x - without_gradient(x), paddle.zeros_like(x)
    )  # 0, but for its gradient
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


def argmax(x, axis=0):
    """The place of the largest value; shape [1] where nothing else is left."""
    return as_shape_1(paddle.argmax(x, axis))


def argmin(x, axis=0):
    """The place of the smallest value; shape [1] where nothing else is left."""
    return as_shape_1(paddle.argmin(x, axis))


def has_inf(x):
    """Whether any value is infinite, with shape [1]."""
    return paddle.any(paddle.isinf(x)).reshape([1])


def has_nan(x):
    """Whether any value is not a number, with shape [1]."""
    return paddle.any(paddle.isnan(x)).reshape([1])


def isfinite(x):
    """Whether all values are finite, with shape [1]."""
    return paddle.all(paddle.isfinite(x)).reshape([1])


def cumsum(x, axis=None, exclusive=None, reverse=None):
    """Running sums along ``axis``, from the end and without the element itself where asked for."""
    axis = -1 if axis is None else axis
    y = paddle.flip(x, [axis]) if reverse else x
    out = paddle.cumsum(y, axis)
    if exclusive:
        out = out - y
    return paddle.flip(out, [axis]) if reverse else out


def logsumexp(x, dim=None, keepdim=False, out=None, name=None):
    """``log(sum(exp(x)))`` over ``dim``; shape [1] where nothing is left."""
    return as_shape_1(paddle.logsumexp(x, dim, keepdim))


def size(input):
    """How many values ``input`` has, with shape [1]."""
    return paddle.numel(input).reshape([1])


def is_empty(x, cond=None):
    """Whether ``x`` has no values, with shape [1]."""
    out = paddle.is_empty(x).reshape([1])
    return out if cond is None else paddle.assign(out, cond)


def number(value):
    """The one value of an array; a number as it is. numpy takes only 0-D arrays for numbers now."""
    return value.item() if hasattr(value, "item") else value

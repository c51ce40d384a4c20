"""Functions that only changed their arguments' names, under their old signature.

They are used where the old function is handed on instead of being called, or is called with
arguments that are known only at run time.
"""

import copy

import numpy as np
import paddle


def with_old_names(function, **names):
    """``function`` for callers that still use old keywords: ``old="new"`` for each of ``names``."""

    def call(*args, **kwargs):
        return function(*args, **{names.get(k, k): v for k, v in kwargs.items()})

    return call


def leaky_relu(x, alpha=0.02, name=None):
    """``x`` where positive, ``alpha * x`` elsewhere."""
    return paddle.nn.functional.leaky_relu(x, alpha)


def log_softmax(input, axis=None, dtype=None, name=None):
    """The logarithm of softmax along ``axis``, the last one by default."""
    return paddle.nn.functional.log_softmax(input, -1 if axis is None else axis, dtype)


def stanh(x, scale_a=0.67, scale_b=1.7159, name=None):
    """``scale_b * tanh(scale_a * x)``."""
    return paddle.stanh(x, scale_a, scale_b)


def pow_factor(x, factor=1.0, name=None):
    """``x ** factor``."""
    return paddle.pow(x, factor)


def softmax(input, use_cudnn=False, name=None, axis=-1):
    """Softmax along ``axis``."""
    return paddle.nn.functional.softmax(input, axis)


def maxout(x, groups, name=None, axis=1):
    """The largest of each group of channels."""
    return paddle.nn.functional.maxout(x, groups, axis)


def write_to(result, out):
    """``result``, written into ``out`` where it is given."""
    return result if out is None else paddle.assign(result, out)


def less_than(x, y, force_cpu=None, cond=None):
    """``x < y``; written into ``cond`` where it is given."""
    return write_to(paddle.less_than(x, y), cond)


def less_equal(x, y, cond=None):
    """``x <= y``; written into ``cond`` where it is given."""
    return write_to(paddle.less_equal(x, y), cond)


def greater_than(x, y, cond=None):
    """``x > y``; written into ``cond`` where it is given."""
    return write_to(paddle.greater_than(x, y), cond)


def greater_equal(x, y, cond=None):
    """``x >= y``; written into ``cond`` where it is given."""
    return write_to(paddle.greater_equal(x, y), cond)


def equal(x, y, cond=None):
    """``x == y``; written into ``cond`` where it is given."""
    return write_to(paddle.equal(x, y), cond)


def not_equal(x, y, cond=None):
    """``x != y``; written into ``cond`` where it is given."""
    return write_to(paddle.not_equal(x, y), cond)


def logical_and(x, y, out=None, name=None):
    """``x and y`` element by element."""
    return write_to(paddle.logical_and(x, y), out)


def logical_or(x, y, out=None, name=None):
    """``x or y`` element by element."""
    return write_to(paddle.logical_or(x, y), out)


def logical_xor(x, y, out=None, name=None):
    """Exactly one of ``x`` and ``y``, element by element."""
    return write_to(paddle.logical_xor(x, y), out)


def logical_not(x, out=None, name=None):
    """``not x`` element by element."""
    return write_to(paddle.logical_not(x), out)


def concat(input, axis=0, name=None):
    """Tensors one after the other along ``axis``."""
    return paddle.concat(input, axis)


def sign(x):
    """-1, 0 or 1 for each number of a tensor, or of an array of numpy."""
    return paddle.sign(paddle.assign(x) if isinstance(x, np.ndarray) else x)


def stack(x, axis=0):
    """Tensors along a new dimension; one tensor alone is a list of one."""
    return paddle.stack(x if isinstance(x, (list, tuple)) else [x], axis)


def split(input, num_or_sections, dim=-1, name=None):
    """Parts along ``dim``, the last dimension by default."""
    return paddle.split(input, num_or_sections, dim)


def unsqueeze(input, axes, name=None):
    """New dimensions of size 1."""
    return paddle.unsqueeze(input, axes)


def shape_of(input):
    """The shape as an int32 tensor."""
    return paddle.shape(input).astype("int32")


def strided_slice(input, axes, starts, ends, strides):
    """A part of ``input`` with steps."""
    return paddle.strided_slice(input, axes, starts, ends, strides)


def gather_nd(input, index, name=None):
    """Slices of ``input`` at many places."""
    return paddle.gather_nd(input, index)


def scatter_nd_add(ref, index, updates, name=None):
    """``ref`` with values added at many places."""
    return paddle.scatter_nd_add(ref, index, updates)


def zeros(shape, dtype, force_cpu=False):
    """Zeros."""
    return paddle.zeros(shape, dtype)


def ones(shape, dtype, force_cpu=False):
    """Ones."""
    return paddle.ones(shape, dtype)


def zeros_like(x, out=None):
    """Zeros in the shape of ``x``."""
    return write_to(paddle.zeros_like(x), out)


def ones_like(x, out=None):
    """Ones in the shape of ``x``."""
    return write_to(paddle.ones_like(x), out)


def clamp(input, min=None, max=None, output=None, name=None):
    """``input`` held between two values (from 0 on where ``min`` is not given, as in 1.8.5)."""
    low, high = (0.0 if min is None else min), (3.4e38 if max is None else max)
    return write_to(clip(input, low, high), output)


def label_smooth(label, prior_dist=None, epsilon=0.1, dtype="float32", name=None):
    """Labels mixed with a prior distribution."""
    return paddle.nn.functional.label_smooth(label, prior_dist, epsilon).astype(dtype)


def grid_sampler(x, grid, name=None):
    """Bilinear samples of ``x`` at the places of ``grid``."""
    return paddle.nn.functional.grid_sample(x, grid)


def affine_grid(theta, out_shape, name=None):
    """The places that an affine map gives."""
    return paddle.nn.functional.affine_grid(theta, out_shape)


def temporal_shift(x, seg_num, shift_ratio=0.25, name=None):
    """A share of the channels moved one step back or forth in time."""
    return paddle.nn.functional.temporal_shift(x, seg_num, shift_ratio)


def softmax_with_cross_entropy(
    logits,
    label,
    soft_label=False,
    ignore_index=-100,
    numeric_stable_mode=True,
    return_softmax=False,
    axis=-1,
):
    """Cross entropy of logits, one value a row."""
    return paddle.nn.functional.softmax_with_cross_entropy(
        logits, label, soft_label, ignore_index, numeric_stable_mode, return_softmax, axis
    )


def fc(input, size, num_flatten_dims=1, param_attr=None, bias_attr=None, act=None, name=None):
    """The sum of each input times its own matrix, plus a bias, then ``act``."""
    name = layer_name("fc", name)
    inputs = list(input) if isinstance(input, (list, tuple)) else [input]
    attrs = (
        list(param_attr) if isinstance(param_attr, (list, tuple)) else [param_attr] * len(inputs)
    )
    total = None
    for x, attr in zip(inputs, attrs):
        first = num_flatten_dims if num_flatten_dims >= 0 else len(x.shape) + num_flatten_dims
        if len(x.shape) > first + 1:
            x = joined(x, first)
        attr = named(attr, name, "w")
        weight = new_parameter([x.shape[-1], size], x.dtype, attr, None)
        part = paddle.matmul(x, weight)
        total = part if total is None else total + part
    bias = new_parameter([size], total.dtype, named(bias_attr, name, "b"), None, True)
    return append_act(total if bias is None else total + bias, act)


def to_variable(value, name=None, zero_copy=None):
    """A tensor from an array; a tensor stays what it is."""
    return value if isinstance(value, paddle.Tensor) else paddle.to_tensor(value)


def create_parameter(shape, dtype, name=None, attr=None, is_bias=False, default_initializer=None):
    """A parameter; the program's own where it has one of that name."""
    if name is not None:
        attr = copy.copy(paddle.ParamAttr._to_attr(attr))
        attr.name = attr.name or name
    else:
        attr = named(attr, layer_name("create_parameter", None), "w_0")
    return new_parameter(list(shape), dtype, attr, default_initializer, is_bias)


def uniform_random(shape, dtype="float32", min=-1.0, max=1.0, seed=0):
    """Uniform random values; 1.8.5 takes ``dtype`` and makes float32."""
    return paddle.uniform(shape, "float32", min, max, seed)

"""Tensors made from constants, sizes and random numbers."""

import numpy as np
import paddle


def diag(diagonal):
    """A square matrix with this diagonal."""
    return paddle.diag(paddle.to_tensor(diagonal) if isinstance(diagonal, np.ndarray) else diagonal)


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
    shape[output_dim_idx] = size_of(input, input_dim_idx)
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
    if hasattr(input, "last_lr") and not paddle.in_dynamic_mode():
        input = rate_value(input)
    if output is None:
        return paddle.assign(input)
    if not hasattr(output, "get_defining_op") or not hasattr(input, "get_defining_op"):
        paddle.assign(input, output)
        return output
    constant = output.stop_gradient  # as in 1.8 it stays one
    paddle.assign(without_gradient(input) if constant else input, output)
    output.stop_gradient = constant
    if not constant and not input.stop_gradient and block_around(output) is not None:
        watch_gradient(output)
    write_lod(input, output)
    output.set_type(input.type())  # what is built on it sees the new shape
    return output


def linspace(start, stop, num, dtype):
    """``num`` values from ``start`` to ``stop``."""
    return paddle.linspace(start, stop, num, dtype)


def arange(start, end, step, dtype):
    """Values from ``start`` up to ``end`` by ``step``."""
    return paddle.arange(start, end, step, dtype)


def sequence_mask(x, maxlen=None, dtype="int64", name=None):
    """For each length a row of that many ones, then zeros."""
    if maxlen is None:
        maxlen = paddle.max(x)
    places = paddle.arange(0, maxlen, 1, x.dtype)
    return paddle.cast(places < paddle.unsqueeze(x, -1), dtype)


def dropout(
    x,
    dropout_prob,
    is_test=False,
    seed=None,
    name=None,
    dropout_implementation="downgrade_in_infer",
):
    """Random zeros in training; scaled as ``dropout_implementation`` says.

    In dynamic graphs ``train()``, ``eval()`` and ``no_grad`` decide, not ``is_test``, as in 1.8.
    """
    if paddle.in_dynamic_mode():
        tracer = paddle.base.framework._dygraph_tracer()
        is_test = not (tracer._train_mode and tracer._has_grad)
    mode = dropout_implementation.replace("downgrade", "downscale")
    return paddle.nn.functional.dropout(x, dropout_prob, training=not is_test, mode=mode)


def random_crop(x, shape, seed=None):
    """A window at a random place of the last dimensions."""
    out = x
    first = len(x.shape) - len(shape)
    for i, want in enumerate(shape):
        places = size_of(x, first + i) - want + 1
        if isinstance(places, int):
            start = paddle.randint(0, places, [1])
        else:
            start = (paddle.uniform([1], min=0.0) * places.astype("float32")).astype("int32")
        out = paddle.slice(out, [first + i], [start], [start + want])
    return out


def arange_1_8(start, end, step=1, dtype=None, name=None):
    """Values from ``start`` up to ``end``, float32 by default."""
    return paddle.arange(start, end, step, dtype or "float32")


def full(shape, fill_value, out=None, dtype=None, device=None, stop_gradient=True, name=None):
    """A tensor of one value, float32 by default; written into ``out`` where it is given."""
    made = write_to(paddle.full(shape, fill_value, dtype or "float32"), out)
    made.stop_gradient = stop_gradient
    return made


def full_like(input, fill_value, out=None, dtype=None, device=None, stop_gradient=True, name=None):
    """One value in the shape of ``input``; written into ``out`` where it is given."""
    return write_to(paddle.full_like(input, fill_value, dtype), out)


def randint(
    low,
    high=None,
    shape=None,
    out=None,
    dtype=None,
    device=None,
    stop_gradient=False,
    seed=0,
    name=None,
):
    """Random whole numbers from ``low`` up to ``high`` (from 0 up to ``low`` without one)."""
    return write_to(
        paddle.randint(low, high, [1] if shape is None else shape, dtype or "int64"), out
    )


def randn(shape, out=None, dtype=None, device=None, stop_gradient=True, name=None):
    """Normal random values, float32 by default."""
    return write_to(paddle.randn(shape, dtype or "float32"), out)


def randperm(n, out=None, dtype="int64", device=None, stop_gradient=True, seed=0):
    """The numbers below ``n`` in random order."""
    return write_to(paddle.randperm(n, dtype), out)

"""Layers with parameters."""

import numpy as np
import paddle


def conv2d(
    input,
    num_filters,
    filter_size,
    stride=1,
    padding=0,
    dilation=1,
    groups=None,
    param_attr=None,
    bias_attr=None,
    use_cudnn=True,
    act=None,
    name=None,
    data_format="NCHW",
):
    """A convolution with its own parameters, then ``act``."""
    where = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups or 1}
    attrs = named(param_attr, name, "w"), named(bias_attr, name, "b")
    kind = paddle.nn.Conv2D
    return convolve(kind, input, num_filters, filter_size, where, attrs, data_format, act)


def conv3d(
    input,
    num_filters,
    filter_size,
    stride=1,
    padding=0,
    dilation=1,
    groups=None,
    param_attr=None,
    bias_attr=None,
    use_cudnn=True,
    act=None,
    name=None,
    data_format="NCDHW",
):
    """A convolution over three dimensions with its own parameters, then ``act``."""
    where = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups or 1}
    attrs = named(param_attr, name, "w"), named(bias_attr, name, "b")
    kind = paddle.nn.Conv3D
    return convolve(kind, input, num_filters, filter_size, where, attrs, data_format, act)


def convolve(
    kind, input, num_filters, filter_size, where, attrs, data_format, act, output_size=None
):
    """``input`` through a layer of this kind with parameters of its own, then ``act``."""
    layer = kind(
        input.shape[1 if data_format.startswith("NC") else -1],
        num_filters,
        filter_size,
        weight_attr=attrs[0],
        bias_attr=attrs[1],
        data_format=data_format,
        **where,
    )
    more = () if output_size is None else (output_size,)
    return append_act(apply_layer(layer, input, *more), act)


def transposed_filter_size(filter_size, output_size, input, where, data_format):
    """The filter sizes that give ``output_size``, where they were not given."""
    sizes = input.shape[2:] if data_format.startswith("NC") else input.shape[1:-1]
    as_list = lambda v: list(v) if isinstance(v, (list, tuple)) else [v] * len(sizes)
    if filter_size is not None:
        return as_list(filter_size)
    stride, padding, dilation = (as_list(where[k]) for k in ("stride", "padding", "dilation"))
    spread = [
        out - (size - 1) * step + 2 * pad - 1
        for out, size, step, pad in zip(as_list(output_size), sizes, stride, padding)
    ]
    return [n // wide + 1 for n, wide in zip(spread, dilation)]


def conv2d_transpose(
    input,
    num_filters,
    output_size=None,
    filter_size=None,
    padding=0,
    stride=1,
    dilation=1,
    groups=None,
    param_attr=None,
    bias_attr=None,
    use_cudnn=True,
    act=None,
    name=None,
    data_format="NCHW",
):
    """A transposed convolution with its own parameters, then ``act``."""
    where = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups or 1}
    attrs = named(param_attr, name, "w"), named(bias_attr, name, "b")
    kind = paddle.nn.Conv2DTranspose
    filter_size = transposed_filter_size(filter_size, output_size, input, where, data_format)
    return convolve(
        kind, input, num_filters, filter_size, where, attrs, data_format, act, output_size
    )


def conv3d_transpose(
    input,
    num_filters,
    output_size=None,
    filter_size=None,
    padding=0,
    stride=1,
    dilation=1,
    groups=None,
    param_attr=None,
    bias_attr=None,
    use_cudnn=True,
    act=None,
    name=None,
    data_format="NCDHW",
):
    """A transposed convolution over three dimensions, then ``act``."""
    where = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups or 1}
    attrs = named(param_attr, name, "w"), named(bias_attr, name, "b")
    kind = paddle.nn.Conv3DTranspose
    filter_size = transposed_filter_size(filter_size, output_size, input, where, data_format)
    return convolve(
        kind, input, num_filters, filter_size, where, attrs, data_format, act, output_size
    )


def batch_norm(
    input,
    act=None,
    is_test=False,
    momentum=0.9,
    epsilon=1e-05,
    param_attr=None,
    bias_attr=None,
    data_layout="NCHW",
    in_place=False,
    name=None,
    moving_mean_name=None,
    moving_variance_name=None,
    do_model_average_for_mean_and_var=True,
    use_global_stats=False,
):
    """Batch normalisation with its own parameters and moving averages, then ``act``."""
    if hasattr(momentum, "dtype"):
        momentum = 0.9  # 1.8 takes one that the program computes and does not use it
    attrs = named(param_attr, name, "w"), named(bias_attr, name, "b")
    if name is not None:  # the averages are counted on after the scale, as in 1.8
        moving_mean_name = moving_mean_name or paddle.utils.unique_name.generate(f"{name}.w")
        moving_variance_name = moving_variance_name or paddle.utils.unique_name.generate(
            f"{name}.w"
        )
    layer = paddle.nn.BatchNorm(
        input.shape[1 if data_layout == "NCHW" else -1],
        is_test=is_test,
        momentum=momentum,
        epsilon=epsilon,
        param_attr=attrs[0],
        bias_attr=attrs[1],
        dtype="float32",
        data_layout=data_layout,
        moving_mean_name=moving_mean_name,
        moving_variance_name=moving_variance_name,
        do_model_average_for_mean_and_var=do_model_average_for_mean_and_var,
        use_global_stats=use_global_stats,
    )
    if is_test:
        layer.eval()
    return append_act(apply_layer(layer, input), act)


def layer_norm(
    input,
    scale=True,
    shift=True,
    begin_norm_axis=1,
    epsilon=1e-05,
    param_attr=None,
    bias_attr=None,
    act=None,
    name=None,
):
    """Normalisation over the dimensions from ``begin_norm_axis`` on, then ``act``."""
    name = layer_name("layer_norm", name)
    shape = list(input.shape[begin_norm_axis:])
    size = int(np.prod(shape))
    ones = paddle.nn.initializer.Constant(1.0)
    weight = bias = None
    if scale:
        weight = new_parameter([size], input.dtype, named(param_attr, name, "w"), ones)
    if shift:
        bias = new_parameter([size], input.dtype, named(bias_attr, name, "b"), None, True)
    rows = paddle.flatten(input, begin_norm_axis, -1)
    out = paddle.nn.functional.layer_norm(rows, [size], weight, bias, epsilon)
    return (
        append_act(paddle.reshape(out, paddle.shape(input)), act)
        if len(shape) > 1
        else append_act(out, act)
    )


def group_norm(
    input,
    groups,
    epsilon=1e-05,
    param_attr=None,
    bias_attr=None,
    act=None,
    data_layout="NCHW",
    name=None,
):
    """Normalisation over groups of channels, then ``act``; no parameters where none is asked for."""
    name = layer_name("group_norm", name)
    channels = [input.shape[1 if data_layout == "NCHW" else -1]]
    weight = bias = None
    if param_attr:
        ones = paddle.nn.initializer.Constant(1.0)
        weight = new_parameter(channels, input.dtype, named(param_attr, name, "w"), ones)
    if bias_attr:
        bias = new_parameter(channels, input.dtype, named(bias_attr, name, "b"), None, True)
    out = paddle.nn.functional.group_norm(input, groups, epsilon, weight, bias, data_layout)
    return append_act(out, act)


def instance_norm(input, epsilon=1e-05, param_attr=None, bias_attr=None, name=None):
    """Normalisation of each image and channel."""
    name = layer_name("instance_norm", name)
    weight = new_parameter(
        [input.shape[1]],
        input.dtype,
        named(param_attr, name, "w"),
        paddle.nn.initializer.Constant(1.0),
    )
    bias = new_parameter([input.shape[1]], input.dtype, named(bias_attr, name, "b"), None, True)
    return paddle.nn.functional.instance_norm(input, weight=weight, bias=bias, eps=epsilon)


def spectral_norm(weight, dim=0, power_iters=1, eps=1e-12, name=None):
    """A weight over its largest singular value, found from two random vectors."""
    rows = weight.shape[dim]
    start = paddle.nn.initializer.Normal(0.0, 1.0)
    made = []
    for number, size in enumerate((rows, int(np.prod(weight.shape)) // rows)):
        own = paddle.utils.unique_name.generate("spectral_norm") + f".w_{number}"
        vector = new_parameter([size], weight.dtype, paddle.ParamAttr(name=own), start)
        vector.stop_gradient = True
        made.append(vector)
    return over_largest_value(weight, *made, dim, power_iters, eps)


def over_largest_value(weight, u, v, dim, power_iters, eps):
    """``weight`` over its largest singular value, after ``power_iters`` steps from ``u`` and ``v``."""
    u, v = without_gradient(u), without_gradient(v)
    return paddle._C_ops.spectral_norm(weight, u, v, dim, power_iters, eps)


def inplace_abn(
    input,
    act=None,
    is_test=False,
    momentum=0.9,
    epsilon=1e-05,
    param_attr=None,
    bias_attr=None,
    data_layout="NCHW",
    name=None,
    moving_mean_name=None,
    moving_variance_name=None,
    do_model_average_for_mean_and_var=True,
    use_global_stats=False,
    act_alpha=1.0,
):
    """Batch normalisation, then ``leaky_relu`` or ``elu`` with ``act_alpha``, or nothing."""
    out = batch_norm(
        input,
        None,
        is_test,
        momentum,
        epsilon,
        param_attr,
        bias_attr,
        data_layout,
        False,
        name,
        moving_mean_name,
        moving_variance_name,
        do_model_average_for_mean_and_var,
        use_global_stats,
    )
    if act == "leaky_relu":
        return paddle.nn.functional.leaky_relu(out, act_alpha)
    return paddle.nn.functional.elu(out, act_alpha) if act == "elu" else out


def embedding(
    input,
    size,
    is_sparse=False,
    is_distributed=False,
    padding_idx=None,
    param_attr=None,
    dtype="float32",
):
    """Rows of a table; a last dimension of 1 in the ids is replaced by the row."""
    if input.shape[-1] == 1:
        input = paddle.squeeze(input, -1)
    return embedding_v2(input, size, is_sparse, is_distributed, padding_idx, param_attr, dtype)


def embedding_v2(
    input,
    size,
    is_sparse=False,
    is_distributed=False,
    padding_idx=None,
    param_attr=None,
    dtype="float32",
):
    """Rows of a table; the row's dimension comes after those of the ids."""
    weight = named_embedding(size, dtype, param_attr)
    rows = paddle.nn.functional.embedding(
        input, weight, padding_idx=padding_idx, sparse=bool(is_sparse)
    )
    if is_sparse and hasattr(rows, "get_defining_op"):
        # programs of Paddle 3 forget it; some optimizers of 1.8 went by it
        rows.get_defining_op().set_bool_attr("sparse_rows", True)
    return rows


def named_embedding(size, dtype, param_attr):
    """The table, with the name that 1.8 gave it."""
    attr = named(param_attr, layer_name("embedding", None), "w")
    return new_parameter(list(size), dtype, attr, paddle.nn.initializer.XavierUniform())


def bilinear_tensor_product(x, y, size, act=None, name=None, param_attr=None, bias_attr=None):
    """``x W_i y`` for each of ``size`` matrices, plus a bias, then ``act``."""
    name = layer_name("bilinear_tensor_product", name)
    weight = new_parameter(
        [size, x.shape[1], y.shape[1]], x.dtype, named(param_attr, name, "w"), None
    )
    bias = new_parameter([1, size], x.dtype, named(bias_attr, name, "b"), None, True)
    return append_act(paddle.nn.functional.bilinear(x, y, weight, bias), act)


def row_conv(input, future_context_size, param_attr=None, act=None):
    """Each step plus a learned mix of the ``future_context_size`` steps after it."""
    shape = [future_context_size + 1, input.shape[-1]]
    attr = named(param_attr, layer_name("row_conv", None), "w")
    weight = new_parameter(shape, input.dtype, attr, None)
    if lod_of(input):
        return append_act(paddle.sum(neighbour_rows(input, 0, shape[0]) * weight, 1), act)
    steps = size_of(input, 1)
    padded = paddle.nn.functional.pad(
        input, [0, future_context_size], data_format="NLC", mode="constant"
    )
    out = padded[:, :steps] * weight[0]
    for i in range(1, future_context_size + 1):
        out = out + padded[:, i : i + steps] * weight[i]
    return append_act(out, act)


def affine_channel(x, scale=None, bias=None, data_layout="NCHW", name=None, act=None):
    """``x * scale + bias`` with one value a channel, then ``act``."""
    shape = [1, -1, 1, 1] if data_layout == "NCHW" else [1, 1, 1, -1]
    if len(x.shape) == 2:
        shape = [1, -1]
    out = x
    if scale is not None:
        out = out * paddle.reshape(scale, shape)
    if bias is not None:
        out = out + paddle.reshape(bias, shape)
    return append_act(out, act)

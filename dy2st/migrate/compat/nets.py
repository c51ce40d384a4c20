"""The small networks of ``fluid.nets``."""

import paddle


def simple_img_conv_pool(
    input,
    num_filters,
    filter_size,
    pool_size,
    pool_stride,
    pool_padding=0,
    pool_type="max",
    global_pooling=False,
    conv_stride=1,
    conv_padding=0,
    conv_dilation=1,
    conv_groups=1,
    param_attr=None,
    bias_attr=None,
    act=None,
    use_cudnn=True,
):
    """A convolution, then pooling."""
    out = conv2d(
        input,
        num_filters,
        filter_size,
        conv_stride,
        conv_padding,
        conv_dilation,
        conv_groups,
        param_attr,
        bias_attr,
        act=act,
    )
    return pool2d(out, pool_size, pool_type, pool_stride, pool_padding, global_pooling)


def img_conv_group(
    input,
    conv_num_filter,
    pool_size,
    conv_padding=1,
    conv_filter_size=3,
    conv_act=None,
    param_attr=None,
    conv_with_batchnorm=False,
    conv_batchnorm_drop_rate=0.0,
    pool_stride=1,
    pool_type="max",
    use_cudnn=True,
):
    """Several convolutions, each with batch normalisation and dropout where asked for; pooling."""
    count = len(conv_num_filter)
    each = lambda v: v if isinstance(v, (list, tuple)) else [v] * count
    out = input
    for i in range(count):
        normalise = each(conv_with_batchnorm)[i]
        out = conv2d(
            out,
            conv_num_filter[i],
            each(conv_filter_size)[i],
            padding=each(conv_padding)[i],
            param_attr=each(param_attr)[i],
            act=None if normalise else conv_act,
        )
        if normalise:
            out = batch_norm(out, act=conv_act)
            rate = each(conv_batchnorm_drop_rate)[i]
            if abs(rate) > 1e-5:
                out = dropout(out, rate)
    return pool2d(out, pool_size, pool_type, pool_stride)


def glu(input, dim=-1):
    """The first half times the sigmoid of the second."""
    a, b = paddle.split(input, 2, dim)
    return a * paddle.nn.functional.sigmoid(b)


def scaled_dot_product_attention(queries, keys, values, num_heads=1, dropout_rate=0.0):
    """Attention of several heads over batches of sequences."""
    if num_heads > 1:
        queries = project(queries)
        keys = project(keys)
        values = project(values)
    q, k, v = (split_heads(x, num_heads) for x in (queries, keys, values))
    scaled = q * (k.shape[-1] ** -0.5)
    weights = paddle.nn.functional.softmax(paddle.matmul(scaled, k, transpose_y=True))
    if dropout_rate:
        weights = dropout(weights, dropout_rate)
    out = paddle.matmul(weights, v)
    if len(out.shape) == 3:
        return out
    out = paddle.transpose(out, [0, 2, 1, 3])
    return paddle.reshape(out, [0, 0, out.shape[2] * out.shape[3]])


def project(x):
    """A learned matrix of the input's own width."""
    return fc(x, x.shape[-1], num_flatten_dims=2)


def split_heads(x, num_heads):
    """[batch, length, width] as [batch, head, length, width of a head]."""
    if num_heads == 1:
        return x
    out = paddle.reshape(x, [0, 0, num_heads, x.shape[-1] // num_heads])
    return paddle.transpose(out, [0, 2, 1, 3])

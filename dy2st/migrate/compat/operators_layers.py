"""Operators that were put into programs by their type: layers."""

import paddle


def op_leaky(x, alpha, mode):
    """``x`` where it is positive, else ``alpha * x``."""
    if mode == "channel":
        alpha = paddle.reshape(alpha, [1, -1, *([1] * (len(x.shape) - 2))])
    elif mode == "element":
        alpha = paddle.reshape(alpha, [1, *x.shape[1:]])
    return paddle.where(x > 0, x, alpha * x)


def op_convolved(ins, attrs):
    """A convolution with a given filter."""
    x, weight = ins["Input"], ins["Filter"]
    flat = len(x.shape) == 4
    convolve = paddle.nn.functional.conv2d if flat else paddle.nn.functional.conv3d
    return convolve(
        x,
        weight,
        ins.get("Bias"),
        attrs.get("strides", 1),
        op_padding(attrs),
        attrs.get("dilations", 1),
        attrs.get("groups", 1),
        op_layout(attrs, "NCHW" if flat else "NCDHW"),
    )


def op_padding(attrs):
    """The padding of a window: numbers, or the algorithm that finds them."""
    algorithm = attrs.get("padding_algorithm", "EXPLICIT")
    return attrs.get("paddings", 0) if algorithm == "EXPLICIT" else algorithm


def op_layout(attrs, default):
    """The order of dimensions, the usual one for ``AnyLayout``."""
    layout = attrs.get("data_format", "AnyLayout")
    return default if layout == "AnyLayout" else layout


def op_spread(ins, attrs):
    """A transposed convolution with a given filter."""
    return paddle.nn.functional.conv2d_transpose(
        ins["Input"],
        ins["Filter"],
        ins.get("Bias"),
        attrs.get("strides", 1),
        op_padding(attrs),
        groups=attrs.get("groups", 1),
        dilation=attrs.get("dilations", 1),
        output_size=attrs.get("output_size") or None,
        data_format=op_layout(attrs, "NCHW"),
    )


def op_pooled(x, attrs):
    """The largest value or the mean of each window."""
    kind, size = attrs["pooling_type"], attrs["ksize"]
    if attrs.get("adaptive", False):
        return adaptive_pool2d(x, size, kind)
    return pool2d(
        x,
        size,
        kind,
        attrs.get("strides", [1, 1]),
        op_padding(attrs),
        attrs.get("global_pooling", False),
        True,
        attrs.get("ceil_mode", False),
        None,
        attrs.get("exclusive", True),
        op_layout(attrs, "NCHW"),
    )


def op_batch_norm_parts(ins, attrs):
    """Normalised ``X``, and the averages, which are moved in place where it is training."""
    test = attrs.get("is_test", False)
    out = paddle.nn.functional.batch_norm(
        ins["X"],
        ins["Mean"],
        ins["Variance"],
        ins["Scale"],
        ins["Bias"],
        not test,
        attrs.get("momentum", 0.9),
        attrs.get("epsilon", 1e-5),
        attrs.get("data_layout", "NCHW"),
        attrs.get("use_global_stats", False) or test,
    )
    return out, ins["Mean"], ins["Variance"]


def op_normalized_rows(ins, attrs):
    """Normalisation over the dimensions from ``begin_norm_axis`` on."""
    x, first = ins["X"], attrs.get("begin_norm_axis", 1)
    rows = paddle.flatten(x, first, -1)
    epsilon = attrs.get("epsilon", 1e-5)
    size = [rows.shape[-1]]
    out = paddle.nn.functional.layer_norm(rows, size, ins.get("Scale"), ins.get("Bias"), epsilon)
    return paddle.reshape(out, paddle.shape(x)) if len(rows.shape) < len(x.shape) else out


def op_affine(ins, attrs):
    """``Scale * X + Bias``, channel by channel."""
    channels = attrs.get("data_layout", "AnyLayout") in ("NCHW", "AnyLayout")
    shape = [1, -1, 1, 1] if channels and len(ins["X"].shape) == 4 else [-1]
    return ins["X"] * paddle.reshape(ins["Scale"], shape) + paddle.reshape(ins["Bias"], shape)


def op_softmax(ins, attrs):
    """``softmax``."""
    return {"Out": paddle.nn.functional.softmax(ins["X"], attrs.get("axis", -1))}


def op_maxout(ins, attrs):
    """``maxout``."""
    return {"Out": paddle.nn.functional.maxout(ins["X"], attrs["groups"], attrs.get("axis", 1))}


def op_prelu(ins, attrs):
    """``prelu``."""
    return {"Out": op_leaky(ins["X"], ins["Alpha"], attrs["mode"])}


def op_conv2d(ins, attrs):
    """``conv2d``."""
    return {"Output": op_convolved(ins, attrs)}


def op_depthwise_conv2d(ins, attrs):
    """``depthwise_conv2d``."""
    return {"Output": op_convolved(ins, attrs)}


def op_conv3d(ins, attrs):
    """``conv3d``."""
    return {"Output": op_convolved(ins, attrs)}


def op_conv2d_transpose(ins, attrs):
    """``conv2d_transpose``."""
    return {"Output": op_spread(ins, attrs)}


def op_depthwise_conv2d_transpose(ins, attrs):
    """``depthwise_conv2d_transpose``."""
    return {"Output": op_spread(ins, attrs)}


def op_pool2d(ins, attrs):
    """``pool2d``."""
    return {"Out": op_pooled(ins["X"], attrs)}


def op_batch_norm(ins, attrs):
    """``batch_norm``."""
    found = op_batch_norm_parts(ins, attrs)
    return dict(zip(("Y", "MeanOut", "VarianceOut"), found))


def op_layer_norm(ins, attrs):
    """``layer_norm``."""
    return {"Y": op_normalized_rows(ins, attrs)}


def op_group_norm(ins, attrs):
    """``group_norm``."""
    return {
        "Y": paddle.nn.functional.group_norm(
            ins["X"],
            attrs["groups"],
            attrs.get("epsilon", 1e-5),
            ins.get("Scale"),
            ins.get("Bias"),
            attrs.get("data_layout", "NCHW"),
        )
    }


def op_instance_norm(ins, attrs):
    """``instance_norm``."""
    return {
        "Y": paddle.nn.functional.instance_norm(
            ins["X"],
            weight=ins.get("Scale"),
            bias=ins.get("Bias"),
            eps=attrs.get("epsilon", 1e-5),
        )
    }


def op_lrn(ins, attrs):
    """``lrn``."""
    return {
        "Out": lrn(
            ins["X"],
            attrs.get("n", 5),
            attrs.get("k", 2.0),
            attrs.get("alpha", 1e-4),
            attrs.get("beta", 0.75),
            None,
            attrs.get("data_format", "NCHW"),
        )
    }


def op_dropout(ins, attrs):
    """``dropout``."""
    return {
        "Out": dropout(
            ins["X"],
            attrs.get("dropout_prob", 0.5),
            attrs.get("is_test", False),
            None,
            None,
            attrs.get("dropout_implementation", "downgrade_in_infer"),
        )
    }


def op_affine_channel(ins, attrs):
    """``affine_channel``."""
    return {"Out": op_affine(ins, attrs)}


def op_bilinear_tensor_product(ins, attrs):
    """``bilinear_tensor_product``."""
    return {
        "Out": paddle.nn.functional.bilinear(ins["X"], ins["Y"], ins["Weight"], ins.get("Bias"))
    }


def op_add_position_encoding(ins, attrs):
    """``add_position_encoding``."""
    return {"Out": add_position_encoding(ins["X"], attrs["alpha"], attrs["beta"])}

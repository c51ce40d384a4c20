"""Pooling, padding and resizing."""

import paddle


def pool2d(
    input,
    pool_size=-1,
    pool_type="max",
    pool_stride=1,
    pool_padding=0,
    global_pooling=False,
    use_cudnn=True,
    ceil_mode=False,
    name=None,
    exclusive=True,
    data_format="NCHW",
):
    """The largest value or the mean of each window."""
    if global_pooling and pool_type == "max" and data_format == "NCHW":
        return paddle.nn.functional.adaptive_max_pool2d(input, 1)
    if global_pooling:
        axes = [2, 3] if data_format == "NCHW" else [1, 2]
        reduce = paddle.max if pool_type == "max" else paddle.mean
        return reduce(input, axis=axes, keepdim=True)
    if pool_type == "max":
        return paddle.nn.functional.max_pool2d(
            input, pool_size, pool_stride, pool_padding, False, ceil_mode, data_format
        )
    if ceil_mode and not exclusive and data_format == "NCHW":
        # 1.8 divides by the whole window even where it hangs over the edge
        input = pad_for_ceil(input, pool_size, pool_stride, pool_padding)
        ceil_mode, pool_padding = False, 0
    return paddle.nn.functional.avg_pool2d(
        input, pool_size, pool_stride, pool_padding, ceil_mode, exclusive, None, data_format
    )


def pad_for_ceil(input, pool_size, pool_stride, pool_padding):
    """Zeros around an image, so many that windows fit exactly as rounding up needs them."""
    as_pair = lambda v: list(v) if isinstance(v, (list, tuple)) else [v, v]
    size, stride, padding = as_pair(pool_size), as_pair(pool_stride), as_pair(pool_padding)
    amounts = []
    for i in (1, 0):
        have = input.shape[2 + i] + 2 * padding[i]
        count = -(-(have - size[i]) // stride[i]) + 1
        amounts += [padding[i], padding[i] + (count - 1) * stride[i] + size[i] - have]
    return paddle.nn.functional.pad(input, amounts)


def pool3d(
    input,
    pool_size=-1,
    pool_type="max",
    pool_stride=1,
    pool_padding=0,
    global_pooling=False,
    use_cudnn=True,
    ceil_mode=False,
    name=None,
    exclusive=True,
    data_format="NCDHW",
):
    """The largest value or the mean of each window in three dimensions."""
    if global_pooling:
        axes = [2, 3, 4] if data_format == "NCDHW" else [1, 2, 3]
        reduce = paddle.max if pool_type == "max" else paddle.mean
        return reduce(input, axis=axes, keepdim=True)
    if pool_type == "max":
        return paddle.nn.functional.max_pool3d(
            input, pool_size, pool_stride, pool_padding, False, ceil_mode, data_format
        )
    return paddle.nn.functional.avg_pool3d(
        input, pool_size, pool_stride, pool_padding, ceil_mode, exclusive, None, data_format
    )


def adaptive_pool2d(input, pool_size, pool_type="max", require_index=False, name=None):
    """Pooling to a given size; with the places of the largest values where asked for."""
    if pool_type == "max":
        return paddle.nn.functional.adaptive_max_pool2d(input, pool_size, require_index)
    return paddle.nn.functional.adaptive_avg_pool2d(input, pool_size)


def adaptive_pool3d(input, pool_size, pool_type="max", require_index=False, name=None):
    """Pooling to a given size in three dimensions."""
    if pool_type == "max":
        return paddle.nn.functional.adaptive_max_pool3d(input, pool_size, require_index)
    return paddle.nn.functional.adaptive_avg_pool3d(input, pool_size)


def pad(x, paddings, pad_value=0.0, name=None):
    """Constant values around ``x``: before and after each dimension, first to last."""
    for axis in range(len(x.shape)):
        before, after = paddings[2 * axis], paddings[2 * axis + 1]
        shape = [size_of(x, i) for i in range(len(x.shape))]
        parts = [x]
        for count, where in ((before, 0), (after, 1)):
            if not isinstance(count, int) or count:
                block = paddle.full([*shape[:axis], count, *shape[axis + 1 :]], pad_value, x.dtype)
                parts.insert(0 if where == 0 else len(parts), block)
        x = paddle.concat(parts, axis) if len(parts) > 1 else x
    return x


def pad2d(
    input,
    paddings=(0, 0, 0, 0),
    mode="constant",
    pad_value=0.0,
    data_format="NCHW",
    name=None,
):
    """Padding of height and width: top, bottom, left, right."""
    top, bottom, left, right = paddings
    mode = "replicate" if mode == "edge" else mode
    return paddle.nn.functional.pad(
        input, [left, right, top, bottom], mode, pad_value, data_format=data_format
    )


def pad_constant_like(x, y, pad_value=0.0, name=None):
    """``y`` with constant values after it in each dimension up to the shape of ``x``."""
    paddings = []
    for axis in range(len(x.shape)):
        paddings += [0, size_of(x, axis) - size_of(y, axis)]
    return pad(y, paddings, pad_value)


def image_resize(
    input,
    out_shape=None,
    scale=None,
    name=None,
    resample="BILINEAR",
    actual_shape=None,
    align_corners=True,
    align_mode=1,
    data_format="NCHW",
):
    """An image at another size, with the alignment of Paddle 1.8."""
    mode = {
        "BILINEAR": "bilinear",
        "NEAREST": "nearest",
        "TRILINEAR": "trilinear",
        "BICUBIC": "bicubic",
        "LINEAR": "linear",
    }[resample.upper()]
    size = actual_shape if actual_shape is not None else out_shape
    if mode == "nearest" and align_corners:
        return resize_nearest_aligned(input, size, scale, data_format)
    if size is None and mode in ("bilinear", "nearest", "bicubic"):
        first = data_format == "NCHW"
        height, width = (input.shape[2], input.shape[3]) if first else input.shape[1:3]
        if height > 0 and width > 0:
            size, scale = [int(height * scale), int(width * scale)], None
    return paddle.nn.functional.interpolate(
        input,
        size,
        None if size is not None else scale,
        mode,
        align_corners if mode != "nearest" else False,
        align_mode,
        data_format,
    )


def resize_nearest_aligned(input, size, scale, data_format):
    """Nearest neighbour with aligned corners: ``floor(ratio * i + 0.5)`` picks the source."""
    first = 2 if data_format == "NCHW" else 1
    for offset in (0, 1):
        axis = first + offset
        have = input.shape[axis]
        want = int(have * scale) if size is None else int(size[offset])
        ratio = (have - 1) / (want - 1) if want > 1 else 0.0
        index = paddle.to_tensor([int(ratio * i + 0.5) for i in range(want)], dtype="int32")
        input = paddle.index_select(input, index, axis)
    return input


def resize_bilinear(
    input,
    out_shape=None,
    scale=None,
    name=None,
    actual_shape=None,
    align_corners=True,
    align_mode=1,
    data_format="NCHW",
):
    """Bilinear resizing."""
    return image_resize(
        input,
        out_shape,
        scale,
        name,
        "BILINEAR",
        actual_shape,
        align_corners,
        align_mode,
        data_format,
    )


def resize_nearest(
    input,
    out_shape=None,
    scale=None,
    name=None,
    actual_shape=None,
    align_corners=True,
    data_format="NCHW",
):
    """Nearest-neighbour resizing."""
    return image_resize(
        input, out_shape, scale, name, "NEAREST", actual_shape, align_corners, 1, data_format
    )


def resize_trilinear(
    input,
    out_shape=None,
    scale=None,
    name=None,
    actual_shape=None,
    align_corners=True,
    align_mode=1,
    data_format="NCDHW",
):
    """Trilinear resizing."""
    return image_resize(
        input,
        out_shape,
        scale,
        name,
        "TRILINEAR",
        actual_shape,
        align_corners,
        align_mode,
        data_format,
    )


def image_resize_short(input, out_short_len, resample="BILINEAR"):
    """Resizing so that the shorter side gets a given length."""
    sizes = [int(n) for n in input.shape[2:4]]
    short = sizes.index(min(sizes))
    out = list(sizes)
    out[short] = out_short_len
    other = 1 - short
    out[other] = int(float(sizes[other]) * (float(out_short_len) / float(sizes[short])) + 0.5)
    return image_resize(input, out, resample=resample)


def adaptive_lrn_window(input, n, data_format):
    """The sum of squares over ``n`` neighbouring channels."""
    axis = 1 if data_format == "NCHW" else 3
    square = paddle.square(input)
    half = (n - 1) // 2
    shape = list(input.shape)
    paddings = [0] * (2 * len(shape))
    paddings[2 * axis], paddings[2 * axis + 1] = half, n - 1 - half
    padded = pad(square, paddings)
    total = None
    for i in range(n):
        part = paddle.slice(padded, [axis], [i], [i + shape[axis]])
        total = part if total is None else total + part
    return total


def lrn(input, n=5, k=1.0, alpha=0.0001, beta=0.75, name=None, data_format="NCHW"):
    """Local response normalisation; ``alpha`` counts whole, not divided by ``n``."""
    return input / paddle.pow(k + alpha * adaptive_lrn_window(input, n, data_format), beta)

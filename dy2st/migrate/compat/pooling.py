"""Pooling, padding and resizing."""

import numpy as np
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
    if global_pooling:
        return global_pool(input, pool_type, data_format)
    if pool_type == "max":
        return paddle.nn.functional.max_pool2d(
            input, pool_size, pool_stride, pool_padding, False, ceil_mode, data_format
        )
    if not exclusive and (ceil_mode or isinstance(pool_padding, (str, list, tuple))):
        # 1.8 divides by the whole window even where it hangs over the edge
        window = (pool_size, pool_stride, pool_padding, ceil_mode)
        input, ceil_mode, pool_padding = pad_for_windows(input, *window, data_format), False, 0
    return paddle.nn.functional.avg_pool2d(
        input, pool_size, pool_stride, pool_padding, ceil_mode, exclusive, None, data_format
    )


def global_pool(input, pool_type, data_format):
    """The largest value or the mean of each channel."""
    rank = len(input.shape)
    first = 2 if data_format.startswith("NC") else 1
    axes = list(range(first, first + rank - 2))
    if pool_type != "max":
        return paddle.mean(input, axis=axes, keepdim=True)
    # paddle.max over several axes has no right gradient in Paddle 3.3
    flat = paddle.flatten(input, first, first + rank - 3)
    if first == 1:
        flat = paddle.transpose(flat, [0, 2, 1])
    largest = paddle.nn.functional.adaptive_max_pool1d(flat, 1)  # at ties the first has it all
    if first == 1:
        largest = paddle.transpose(largest, [0, 2, 1])
    return paddle.unsqueeze(largest, axes[1:])


def pad_for_windows(input, pool_size, pool_stride, pool_padding, ceil_mode, data_format):
    """Zeros around an image, so many that no window hangs over the edge."""
    rank = len(input.shape) - 2
    first = 2 if data_format.startswith("NC") else 1
    as_list = lambda v: list(v) if isinstance(v, (list, tuple)) else [v] * rank
    size, stride, padding = as_list(pool_size), as_list(pool_stride), as_list(pool_padding)
    if isinstance(padding[0], (list, tuple)):  # pairs for all dimensions of the input
        padding = [n for pair in padding[first : first + rank] for n in pair]
    elif len(padding) == rank:
        padding = [n for n in padding for _ in (0, 1)]
    amounts = []
    for i in reversed(range(rank)):
        have = size_of(input, first + i)
        if padding[2 * i] == "SAME":
            missing = (-(-have // stride[i]) - 1) * stride[i] + size[i] - have
            missing = max(missing, 0) if isinstance(missing, int) else paddle.clip(missing, min=0)
            before, after = missing // 2, missing - missing // 2
        else:
            before, after = (0, 0) if padding[2 * i] == "VALID" else padding[2 * i : 2 * i + 2]
            have = have + before + after
            if ceil_mode:
                after = after + -(-(have - size[i]) // stride[i]) * stride[i] + size[i] - have
        amounts += [before, after]
    return paddle.nn.functional.pad(input, amounts, data_format=data_format)


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
        return global_pool(input, pool_type, data_format)
    if pool_type == "max":
        return paddle.nn.functional.max_pool3d(
            input, pool_size, pool_stride, pool_padding, False, ceil_mode, data_format
        )
    if not exclusive and (ceil_mode or isinstance(pool_padding, (str, list, tuple))):
        window = (pool_size, pool_stride, pool_padding, ceil_mode)
        input, ceil_mode, pool_padding = pad_for_windows(input, *window, data_format), False, 0
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
    mode = resample.lower()
    size = out_shape if actual_shape is None else actual_shape
    if size is not None and not isinstance(size, (list, tuple)):
        size = [size[i] for i in range(len(input.shape) - 2)]
    if size is None:
        first = 2 if data_format.startswith("NC") else 1
        axes = range(first, first + len(input.shape) - 2)
        size = [scaled_size(input, axis, scale) for axis in axes]
    if mode == "nearest" and align_corners:
        return resize_nearest_aligned(input, size, data_format)
    aligned = align_corners and mode != "nearest"
    return paddle.nn.functional.interpolate(
        input, size, None, mode, aligned, align_mode, data_format
    )


def scaled_size(input, axis, scale):
    """The size of a dimension times ``scale``, rounded down: a number where both are known."""
    have = input.shape[axis]
    if have >= 0 and isinstance(scale, (int, float)):
        return int(np.float32(have) * np.float32(scale))
    return (paddle.shape(input)[axis].astype("float32") * scale).astype("int32")


def resize_nearest_aligned(input, size, data_format):
    """Nearest neighbour with aligned corners: ``floor(ratio * i + 0.5)`` picks the source."""
    first = 2 if data_format == "NCHW" else 1
    for offset in (0, 1):
        axis, want = first + offset, size[offset]
        have = input.shape[axis]
        if have >= 0 and isinstance(want, int):
            ratio = np.float32((have - 1) / (want - 1) if want > 1 else 0.0)
            index = (ratio * np.arange(want, dtype="float32") + 0.5).astype("int32")
            input = paddle.index_select(input, paddle.to_tensor(index), axis)
            continue
        last = paddle.shape(input)[axis].astype("float32") - 1.0
        want = want if isinstance(want, int) else paddle.reshape(want, [])
        steps = paddle.arange(0, want, 1, "int32").astype("float32")
        ratio = last / paddle.clip(paddle.shape(steps)[0].astype("float32") - 1.0, min=1.0)
        index = paddle.floor(ratio * steps + 0.5).astype("int32")
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
    channels = size_of(input, axis)
    paddings = [0] * (2 * len(input.shape))
    paddings[2 * axis], paddings[2 * axis + 1] = half, n - 1 - half
    padded = pad(square, paddings)
    total = None
    for i in range(n):
        part = paddle.slice(padded, [axis], [i], [i + channels])
        total = part if total is None else total + part
    return total


def lrn(input, n=5, k=1.0, alpha=0.0001, beta=0.75, name=None, data_format="NCHW"):
    """Local response normalisation; ``alpha`` counts whole, not divided by ``n``."""
    return input / paddle.pow(k + alpha * adaptive_lrn_window(input, n, data_format), beta)

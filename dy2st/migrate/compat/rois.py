"""Features of regions: pooling and aligned sampling, deformable convolution."""

import paddle


def rois_count(rois, given=None):
    """How many regions each image has: given, or the lengths of the sequences."""
    if given is not None:
        return paddle.reshape(given, [-1]).astype("int32")
    return lengths_from(offsets_of(rois)).astype("int32")


def roi_pool(input, rois, pooled_height=1, pooled_width=1, spatial_scale=1.0, rois_lod=None):
    """The largest value of each part of each region."""
    count = rois_count(rois, None if rois_lod is None else lengths_from(rois_lod))
    out = paddle.vision.ops.roi_pool(
        input, rois, count, (pooled_height, pooled_width), spatial_scale
    )
    return set_lod(out, [])


def roi_align(
    input,
    rois,
    pooled_height=1,
    pooled_width=1,
    spatial_scale=1.0,
    sampling_ratio=-1,
    name=None,
    rois_lod=None,
):
    """The mean of bilinear samples in each part of each region."""
    count = rois_count(rois, None if rois_lod is None else lengths_from(rois_lod))
    out = paddle.vision.ops.roi_align(
        input, rois, count, (pooled_height, pooled_width), spatial_scale, sampling_ratio, False
    )
    return set_lod(out, [])


def psroi_pool(input, rois, output_channels, spatial_scale, pooled_height, pooled_width, name=None):
    """The mean of each part of each region, each part from channels of its own."""
    out = paddle._C_ops.psroi_pool(
        input, rois, rois_count(rois), pooled_height, pooled_width, output_channels, spatial_scale
    )
    return set_lod(out, [])


def prroi_pool(
    input,
    rois,
    spatial_scale=1.0,
    pooled_height=1,
    pooled_width=1,
    batch_roi_nums=None,
    name=None,
):
    """The exact mean of the bilinear image over each part of each region."""
    count = rois_count(rois, batch_roi_nums)
    image = row_places(offsets_from(count))[0]
    rois = rois * spatial_scale
    across = bin_weights(rois[:, 0], rois[:, 2], pooled_width, paddle.shape(input)[3])
    down = bin_weights(rois[:, 1], rois[:, 3], pooled_height, paddle.shape(input)[2])
    features = paddle.gather(input, image)
    rows = paddle.matmul(paddle.unsqueeze(down, 1), features)
    return set_lod(paddle.matmul(rows, paddle.unsqueeze(across, 1), transpose_y=True), [])


def bin_weights(start, end, bins, size):
    """What each pixel weighs in the mean over each bin: [regions, bins, pixels]."""
    width = paddle.clip(end - start, min=0.0) / bins
    edges = paddle.arange(0, bins + 1, 1, "float32")
    edges = paddle.unsqueeze(start, 1) + paddle.unsqueeze(width, 1) * edges
    away = paddle.unsqueeze(edges, 2) - paddle.arange(0, size, 1, "int64").astype("float32")
    before = paddle.clip(away, -1.0, 0.0) + 1.0
    after = 1.0 - paddle.clip(away, 0.0, 1.0)
    area = 0.5 * before * before + 0.5 * (1.0 - after * after)  # of a pixel's hat up to the edge
    width = paddle.unsqueeze(paddle.unsqueeze(width, 1), 1)
    some = paddle.where(width > 0, width, paddle.ones_like(width))
    return (area[:, 1:] - area[:, :-1]) / some * (width > 0).astype("float32")


def deformable_conv(
    input,
    offset,
    mask,
    num_filters,
    filter_size,
    stride=1,
    padding=0,
    dilation=1,
    groups=None,
    deformable_groups=None,
    im2col_step=None,
    param_attr=None,
    bias_attr=None,
    modulated=True,
    name=None,
):
    """A convolution whose samples are moved by ``offset`` and weighed by ``mask``."""
    name = layer_name("deformable_conv", name)
    pair = lambda v: list(v) if isinstance(v, (list, tuple)) else [v, v]
    size, groups = pair(filter_size), groups or 1
    spread = (2.0 / (size[0] * size[1] * input.shape[1])) ** 0.5
    start = paddle.nn.initializer.Normal(0.0, spread)
    shape = [num_filters, input.shape[1] // groups, *size]
    weight = new_parameter(shape, input.dtype, named(param_attr, name, "w"), start)
    bias = new_parameter([num_filters], input.dtype, named(bias_attr, name, "b"), None, True)
    return paddle.vision.ops.deform_conv2d(
        input,
        offset,
        weight,
        bias,
        pair(stride),
        pair(padding),
        pair(dilation),
        deformable_groups or 1,
        groups,
        mask if modulated else None,
    )

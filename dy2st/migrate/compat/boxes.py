"""Boxes of detection networks: priors, anchors, overlaps, coding, clipping."""

import math

import numpy as np
import paddle


def prior_box(
    input,
    image,
    min_sizes,
    max_sizes=None,
    aspect_ratios=[1.0],
    variance=[0.1, 0.1, 0.2, 0.2],
    flip=False,
    clip=False,
    steps=[0.0, 0.0],
    offset=0.5,
    name=None,
    min_max_aspect_ratios_order=False,
):
    """The boxes that SSD starts from at each place of ``input``, and their variances."""
    floats = lambda v: [float(n) for n in (v if isinstance(v, (list, tuple)) else [v])]
    return paddle.vision.ops.prior_box(
        input,
        image,
        floats(min_sizes),
        floats(max_sizes) if max_sizes is not None and floats(max_sizes)[:1] > [0] else None,
        floats(aspect_ratios),
        floats(variance),
        flip,
        clip,
        floats(steps),
        offset,
        min_max_aspect_ratios_order,
    )


def density_prior_box(
    input,
    image,
    densities=None,
    fixed_sizes=None,
    fixed_ratios=None,
    variance=[0.1, 0.1, 0.2, 0.2],
    clip=False,
    steps=[0.0, 0.0],
    offset=0.5,
    flatten_to_2d=False,
    name=None,
):
    """Boxes of fixed sizes, several of each around each place of ``input``."""
    height, width = image.shape[2:]
    rows, columns = input.shape[2:]
    if min(height, width, rows, columns) < 0:
        raise ValueError("density_prior_box needs the sizes of input and image")
    step_w = steps[0] or width / columns
    step_h = steps[1] or height / rows
    average = int((step_w + step_h) * 0.5)
    found = []
    for size, density in zip(fixed_sizes, densities):
        shift = int(average / density)
        for ratio in fixed_ratios:
            w, h = size * math.sqrt(ratio) / 2.0, size / math.sqrt(ratio) / 2.0
            for i in range(density):
                for j in range(density):
                    x = -average / 2.0 + shift / 2.0 + j * shift
                    y = -average / 2.0 + shift / 2.0 + i * shift
                    found.append([x - w, y - h, x + w, y + h])
    x = (np.arange(columns) + offset) * step_w
    y = (np.arange(rows) + offset) * step_h
    centers = np.stack([*np.meshgrid(x, y), *np.meshgrid(x, y)], -1)[:, :, None]
    boxes = (centers + np.array(found)) / np.array([width, height, width, height])
    boxes = np.clip(boxes, [0, 0, -np.inf, -np.inf], [np.inf, np.inf, 1, 1])
    boxes = np.clip(boxes, 0, 1) if clip else boxes
    variances = np.broadcast_to(np.array(variance), boxes.shape)
    shape = [-1, 4] if flatten_to_2d else boxes.shape
    as_tensor = lambda v: paddle.assign(v.astype("float32").reshape(shape))
    return as_tensor(boxes), as_tensor(variances)


def anchor_generator(
    input,
    anchor_sizes=None,
    aspect_ratios=None,
    variance=[0.1, 0.1, 0.2, 0.2],
    stride=None,
    offset=0.5,
    name=None,
):
    """The anchors of Faster R-CNN at each place of ``input``, and their variances."""
    as_list = lambda v: list(v) if isinstance(v, (list, tuple)) else [v]
    sizes = []
    for ratio in as_list(aspect_ratios):
        width = math.floor(math.sqrt(stride[0] * stride[1] / ratio) + 0.5)
        height = math.floor(width * ratio + 0.5)
        for size in as_list(anchor_sizes):
            w, h = (size / stride[0] * width - 1) / 2, (size / stride[1] * height - 1) / 2
            sizes.append([-w, -h, w, h])
    rows, columns = paddle.shape(input)[2], paddle.shape(input)[3]
    place = lambda n, step: (
        paddle.arange(0, n, 1, "int64").astype(input.dtype) * step + offset * (step - 1)
    )
    y, x = paddle.meshgrid(place(rows, stride[1]), place(columns, stride[0]))
    centers = paddle.unsqueeze(paddle.stack([x, y, x, y], -1), 2)
    boxes = centers + paddle.assign(np.array(sizes, "float32"))
    variances = paddle.zeros_like(boxes) + paddle.assign(np.array(variance, "float32"))
    boxes.stop_gradient = variances.stop_gradient = True
    return boxes, variances


def iou_similarity(x, y, box_normalized=True, name=None):
    """The overlap of each box of ``x`` with each of ``y``: intersection over union."""
    more = 0.0 if box_normalized else 1.0
    a, b = paddle.unsqueeze(x, 1), paddle.unsqueeze(y, 0)
    low = paddle.maximum(a[:, :, :2], b[:, :, :2])
    high = paddle.minimum(a[:, :, 2:], b[:, :, 2:])
    both = paddle.prod(paddle.clip(high - low + more, min=0.0), -1)
    area = lambda v: paddle.prod(v[:, :, 2:] - v[:, :, :2] + more, -1)
    return set_lod(both / (area(a) + area(b) - both), lod_of(x))


def box_coder(
    prior_box,
    prior_box_var,
    target_box,
    code_type="encode_center_size",
    box_normalized=True,
    name=None,
    axis=0,
):
    """Boxes as distances from prior boxes, or back."""
    is_list = isinstance(prior_box_var, (list, tuple))
    out = paddle._C_ops.box_coder(
        prior_box,
        None if is_list else prior_box_var,
        target_box,
        code_type,
        box_normalized,
        axis,
        [float(v) for v in prior_box_var] if is_list else [],
    )
    return set_lod(out, lod_of(target_box)) if code_type == "encode_center_size" else out


def box_clip(input, im_info, name=None):
    """Boxes held inside their images; ``im_info`` is [height, width, scale] of each."""
    size = paddle.floor(im_info[:, :2] / im_info[:, 2:3] + 0.5)
    limit = paddle.concat([size[:, 1:2], size[:, 0:1], size[:, 1:2], size[:, 0:1]], 1) - 1
    if lod_of(input):
        limit = paddle.gather(limit, row_places(offsets_of(input))[0])
    while len(limit.shape) < len(input.shape):
        limit = paddle.unsqueeze(limit, 1)
    out = paddle.maximum(paddle.minimum(input, limit), paddle.zeros_like(input))
    out.stop_gradient = True
    return set_lod(out, lod_of(input))


def box_decoder_and_assign(prior_box, prior_box_var, target_box, box_score, box_clip, name=None):
    """The decoded boxes of all classes, and for each row that of its best class but the first."""
    classes = box_score.shape[1]
    delta = paddle.reshape(target_box, [-1, classes, 4]) * prior_box_var
    size = prior_box[:, 2:] - prior_box[:, :2] + 1.0
    center = paddle.unsqueeze(prior_box[:, :2] + size / 2.0, 1)
    size = paddle.unsqueeze(size, 1)
    middle = delta[:, :, :2] * size + center
    half = paddle.exp(paddle.clip(delta[:, :, 2:], max=box_clip)) * size / 2.0
    boxes = paddle.concat([middle - half, middle + half - 1.0], -1)
    best = paddle.argmax(box_score[:, 1:], 1, keepdim=True) + 1
    index = paddle.expand(paddle.unsqueeze(best, -1), [-1, 1, 4])
    chosen = paddle.squeeze(paddle.take_along_axis(boxes, index, 1), 1)
    return paddle.reshape(boxes, [-1, classes * 4]), chosen


def polygon_box_transform(input, name=None):
    """Distances to the corners of quadrilaterals as their places in the image."""
    rows, columns = paddle.shape(input)[2], paddle.shape(input)[3]
    x = paddle.reshape(paddle.arange(0, columns, 1, "int64"), [1, 1, 1, -1]).astype(input.dtype)
    y = paddle.reshape(paddle.arange(0, rows, 1, "int64"), [1, 1, -1, 1]).astype(input.dtype)
    even = paddle.assign(np.arange(input.shape[1]).reshape([1, -1, 1, 1]) % 2 == 0)
    place = paddle.where(paddle.expand_as(even, input), x + 0.0 * input, y + 0.0 * input)
    return 4.0 * place - input


def multi_box_head(
    inputs,
    image,
    base_size,
    num_classes,
    aspect_ratios,
    min_ratio=None,
    max_ratio=None,
    min_sizes=None,
    max_sizes=None,
    steps=None,
    step_w=None,
    step_h=None,
    offset=0.5,
    variance=[0.1, 0.1, 0.2, 0.2],
    flip=True,
    clip=False,
    kernel_size=1,
    pad=0,
    stride=1,
    name=None,
    min_max_aspect_ratios_order=False,
):
    """SSD's head: places and scores by convolution of each input, prior boxes and variances."""
    if min_sizes is None and max_sizes is None:
        step = int(math.floor((max_ratio - min_ratio) / (len(inputs) - 2)))
        ratios = range(min_ratio, max_ratio + 1, step)
        min_sizes = [base_size * 0.1, *(base_size * r / 100.0 for r in ratios)]
        max_sizes = [base_size * 0.2, *(base_size * (r + step) / 100.0 for r in ratios)]
    step_w, step_h = (steps, steps) if steps is not None else (step_w, step_h)
    places, scores, boxes, variances = [], [], [], []
    for i, x in enumerate(inputs):
        step = [step_w[i] if step_w else 0.0, step_h[i] if step_w else 0.0]
        box, var = prior_box(
            x, image, min_sizes[i], max_sizes[i], aspect_ratios[i], variance, flip, clip, step,
            offset, None, min_max_aspect_ratios_order,
        )  # fmt: skip
        for kept, count in ((places, box.shape[2] * 4), (scores, box.shape[2] * num_classes)):
            out = conv2d(x, count, kernel_size, stride, pad)
            kept.append(paddle.flatten(paddle.transpose(out, [0, 2, 3, 1]), 1, -1))
        boxes.append(box)
        variances.append(var)
    if len(inputs) == 1:
        return places[0], scores[0], boxes[0], variances[0]
    join = lambda v: paddle.concat([paddle.reshape(part, [-1, 4]) for part in v])
    locations = paddle.reshape(paddle.concat(places, 1), [0, -1, 4])
    scores = paddle.reshape(paddle.concat(scores, 1), [0, -1, num_classes])
    boxes, variances = join(boxes), join(variances)
    boxes.stop_gradient = variances.stop_gradient = True
    return locations, scores, boxes, variances

"""Regions with four corners, straightened."""

import paddle


def roi_perspective_transform(
    input, rois, transformed_height, transformed_width, spatial_scale=1.0, name=None
):
    """Each quadrilateral [x1, y1, ..., x4, y4] as a rectangle, clockwise from its top left.

    Returns the images, a mask of the pixels that lie in region and image, and the matrices.
    """
    image = row_places(offsets_of(rois))[0]
    corners = paddle.reshape(without_gradient(rois) * spatial_scale, [-1, 4, 2])
    matrix = perspective_matrix(corners, transformed_height, transformed_width)
    y, x = paddle.meshgrid(
        paddle.arange(0, transformed_height, 1, "int64").astype("float32"),
        paddle.arange(0, transformed_width, 1, "int64").astype("float32"),
    )
    ones = paddle.ones_like(x)
    places = paddle.reshape(paddle.stack([x, y, ones], 0), [3, -1])
    u, v, w = paddle.unstack(paddle.matmul(paddle.reshape(matrix, [-1, 3, 3]), places), 1)
    x, y = u / w, v / w
    rows, columns = size_of(input, 2), size_of(input, 3)
    inside = in_quadrilateral(x, y, corners)
    inside = paddle.logical_and(inside, paddle.logical_and(x > -0.5, x < columns - 0.5))
    inside = paddle.logical_and(inside, paddle.logical_and(y > -0.5, y < rows - 0.5))
    x, y = paddle.clip(x, min=0.0), paddle.clip(y, min=0.0)
    pixels = bilinear_pixels(input, image, x, y, rows, columns)
    pixels = pixels * paddle.unsqueeze(inside.astype(input.dtype), 1)
    size = [-1, input.shape[1], transformed_height, transformed_width]
    mask = paddle.reshape(inside.astype("int32"), [-1, 1, transformed_height, transformed_width])
    mask.stop_gradient = matrix.stop_gradient = True
    out = set_lod(paddle.reshape(pixels, size), [offsets_of(rois)])
    return out, set_lod(mask, []), set_lod(matrix, [])


def perspective_matrix(corners, height, width):
    """The nine numbers that lead from a place in the rectangle to one in the image."""
    x, y = corners[:, :, 0], corners[:, :, 1]
    sides = paddle.sqrt((x - paddle.roll(x, -1, 1)) ** 2 + (y - paddle.roll(y, -1, 1)) ** 2)
    tall = (sides[:, 1] + sides[:, 3]) / 2.0
    wide = (sides[:, 0] + sides[:, 2]) / 2.0
    high = max(2, height)
    across = paddle.floor(wide * (high - 1) / tall + 0.5) + 1.0
    across = paddle.clip(across, 2.0, float(max(2, width)))
    down = float(high)
    dx1, dx2 = x[:, 1] - x[:, 2], x[:, 3] - x[:, 2]
    dy1, dy2 = y[:, 1] - y[:, 2], y[:, 3] - y[:, 2]
    dx3 = x[:, 0] - x[:, 1] + x[:, 2] - x[:, 3]
    dy3 = y[:, 0] - y[:, 1] + y[:, 2] - y[:, 3]
    area = dx1 * dy2 - dx2 * dy1 + 1e-5
    g = (dx3 * dy2 - dx2 * dy3) / area / (across - 1.0)
    h = (dx1 * dy3 - dx3 * dy1) / area / (down - 1.0)
    a = (x[:, 1] - x[:, 0] + g * (across - 1.0) * x[:, 1]) / (across - 1.0)
    b = (x[:, 3] - x[:, 0] + h * (down - 1.0) * x[:, 3]) / (down - 1.0)
    d = (y[:, 1] - y[:, 0] + g * (across - 1.0) * y[:, 1]) / (across - 1.0)
    e = (y[:, 3] - y[:, 0] + h * (down - 1.0) * y[:, 3]) / (down - 1.0)
    one = paddle.ones_like(g)
    return paddle.stack([a, b, x[:, 0], d, e, y[:, 0], g, h, one], 1)


def in_quadrilateral(x, y, corners):
    """Whether places [regions, pixels] lie on or inside their region's border."""
    crossings = paddle.zeros_like(x)
    border = x > 1e30
    for number in range(4):
        xs, ys = corners[:, number, 0:1], corners[:, number, 1:2]
        xe, ye = corners[:, (number + 1) % 4, 0:1], corners[:, (number + 1) % 4, 1:2]
        level = paddle.abs(ys - ye) < 1e-4
        step = paddle.where(level, paddle.ones_like(ys), ye - ys)
        at = (y - ys) * (xe - xs) / step + xs
        low, high = paddle.minimum(ys, ye), paddle.maximum(ys, ye)
        left, right = paddle.minimum(xs, xe), paddle.maximum(xs, xe)
        on_level = paddle.logical_and(paddle.abs(y - ys) < 1e-4, paddle.abs(y - ye) < 1e-4)
        on_level = paddle.logical_and(
            on_level, paddle.logical_and(x > left - 1e-4, x < right + 1e-4)
        )
        between = paddle.logical_and(y > low - 1e-4, y < high + 1e-4)
        on_edge = paddle.logical_and(paddle.abs(at - x) < 1e-4, between)
        on_edge = paddle.logical_and(on_edge, paddle.logical_not(level))
        border = paddle.logical_or(border, paddle.logical_or(on_level, on_edge))
        crossed = paddle.logical_and(y > low + 1e-4, paddle.logical_not(y - high > 1e-4))
        cross = paddle.logical_and(
            paddle.logical_and(crossed, at - x > 1e-4), paddle.logical_not(level)
        )
        crossings = crossings + cross.astype("float32")
    return paddle.logical_or(border, paddle.remainder(crossings, paddle.full([], 2.0)) == 1.0)


def bilinear_pixels(input, image, x, y, rows, columns):
    """The values between pixels, [regions, channels, places]."""
    ends = [paddle.full_like(x, 1.0) * (n - 1) for n in (columns, rows)]
    x0, y0 = (paddle.minimum(paddle.floor(v), end) for v, end in zip((x, y), ends))
    x, y = (paddle.minimum(v, end) for v, end in zip((x, y), ends))
    x1, y1 = (paddle.minimum(v + 1.0, end) for v, end in zip((x0, y0), ends))
    features = paddle.transpose(input, [0, 2, 3, 1])
    image = paddle.expand_as(paddle.unsqueeze(image.astype("int64"), 1), x0.astype("int64"))

    def at(row, column):
        places = paddle.stack([image, row.astype("int64"), column.astype("int64")], -1)
        return paddle.gather_nd(features, places)

    right, below = paddle.unsqueeze(x - x0, -1), paddle.unsqueeze(y - y0, -1)
    top = at(y0, x0) * (1.0 - right) + at(y0, x1) * right
    bottom = at(y1, x0) * (1.0 - right) + at(y1, x1) * right
    return paddle.transpose(top * (1.0 - below) + bottom * below, [0, 2, 1])

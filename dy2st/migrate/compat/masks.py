"""Mask targets of Mask R-CNN, drawn from polygons."""

import numpy as np


def generate_mask_labels(
    im_info, gt_classes, is_crowd, gt_segms, rois, labels_int32, num_classes, resolution
):
    """The regions with an object, their numbers among ``rois``, and a mask a class for each.

    The mask of the region's class holds 0 and 1, the masks of the others -1.
    """

    def compute(info, classes, crowd, segments, regions, labels):
        images = regions.lod()[-1]
        truth = classes.lod()[-1]
        polygons = polygons_of(segments)
        classes, crowd = np.array(classes).ravel(), np.array(crowd).ravel()
        regions, labels = np.array(regions), np.array(labels).ravel()
        found = []
        for image, scale in enumerate(np.array(info)[:, 2]):
            shapes = [
                polygons[n]
                for n in range(truth[image], truth[image + 1])
                if classes[n] > 0 and crowd[n] == 0
            ]
            here = slice(images[image], images[image + 1])
            found.append(image_masks(shapes, regions[here], labels[here], scale, resolution))
        boxes, places, names, masks = (np.concatenate(each) for each in zip(*found))
        targets = np.full([len(boxes), num_classes, resolution**2], -1, "int32")
        for target, name, mask in zip(targets, names, masks):
            if name > 0:
                target[name] = mask
        offsets = np.cumsum([0, *[len(each[0]) for each in found]])
        return boxes, places.reshape(-1, 1), targets.reshape(len(boxes), -1), offsets

    types = [
        ([-1, 4], "float32"),
        ([-1, 1], "int32"),
        ([-1, num_classes * resolution**2], "int32"),
        ([-1], "int64"),
    ]
    inputs = [im_info, gt_classes, is_crowd, gt_segms, rois, labels_int32]
    *found, offsets = on_host(compute, inputs, types)
    return tuple(set_lod(value, [offsets]) for value in found)


def polygons_of(segments):
    """For each object its polygons, as arrays of points."""
    _, objects, parts = segments.lod()
    points = np.array(segments).reshape(-1, 2)
    each = [points[a:b] for a, b in zip(parts[:-1], parts[1:])]
    return [each[a:b] for a, b in zip(objects[:-1], objects[1:])]


def image_masks(shapes, regions, labels, scale, resolution):
    """Boxes, numbers, classes and masks of one image's regions with an object (else of one)."""
    places = np.flatnonzero(labels > 0)
    if not len(places):
        place = int(np.argmax(labels == 0))
        empty = np.full([1, resolution**2], -1, "int32")
        return regions[place : place + 1], np.array([place]), np.array([0]), empty
    corners = [np.concatenate(shape) for shape in shapes]
    around = np.array([[*points.min(0), *points.max(0)] for points in corners])
    masks = []
    for region in regions[places] / scale:
        best = int(np.argmax([box_overlap(region, box, 1.0) for box in around]))
        masks.append(drawn_mask(shapes[best], region, resolution))
    return regions[places], places, labels[places], np.array(masks)


def drawn_mask(shape, region, resolution):
    """The pixels of a region, row by row, that lie in one of the polygons."""
    size = np.maximum(region[2:] - region[:2], 1.0)
    mask = np.zeros([resolution, resolution], bool)
    for points in shape:
        mask |= inside_polygon((points - region[:2]) * resolution / size, resolution)
    return mask.astype("int32").ravel()


def inside_polygon(points, side):
    """The pixels inside a polygon, counted as COCO's run lengths do."""
    fine = np.trunc(5.0 * points + 0.5).astype(int)
    across, down = [], []
    for (xs, ys), (xe, ye) in zip(fine, np.roll(fine, -1, axis=0)):
        dx, dy = abs(xe - xs), abs(ye - ys)
        flip = (dx >= dy and xs > xe) or (dx < dy and ys > ye)
        (xs, ys), (xe, ye) = ((xe, ye), (xs, ys)) if flip else ((xs, ys), (xe, ye))
        steps = np.arange(max(dx, dy) + 1)
        steps = steps[::-1] if flip else steps
        slope = (ye - ys) / max(dx, 1) if dx >= dy else (xe - xs) / dy
        start, moved = (ys, xs) if dx >= dy else (xs, ys)
        sloped = np.trunc(start + slope * steps + 0.5).astype(int)
        across.append(steps + moved if dx >= dy else sloped)
        down.append(sloped if dx >= dy else steps + moved)
    u, v = np.concatenate(across), np.concatenate(down)
    turns = np.flatnonzero(u[1:] != u[:-1])
    x = (np.minimum(u[turns + 1], u[turns + 1] - (u[turns + 1] > u[turns])) + 0.5) / 5.0 - 0.5
    y = (np.minimum(v[turns + 1], v[turns]) + 0.5) / 5.0 - 0.5
    good = (np.floor(x) == x) & (x >= 0) & (x <= side - 1)
    edges = x[good] * side + np.ceil(np.clip(y[good], 0, side))
    counts = np.bincount(edges.astype(int), minlength=side * side + 1)[: side * side]
    return (np.cumsum(counts) % 2 == 1).reshape(side, side).T

"""Boxes and quadrilaterals that 1.8 merged and suppressed on the processor."""

import numpy as np


def locality_aware_nms(
    bboxes,
    scores,
    score_threshold,
    nms_top_k,
    keep_top_k,
    nms_threshold=0.3,
    normalized=True,
    nms_eta=1.0,
    background_label=-1,
    name=None,
):
    """Rows [class, score, box]: boxes that follow each other are merged before suppression."""

    def kept(boxes, values):
        rows = []
        for label, own in enumerate(values):
            if label == background_label:
                continue
            order = merged_boxes(boxes, own, score_threshold, nms_threshold, normalized)
            order = sorted(order, key=lambda i: -own[i])
            order = order[:nms_top_k] if nms_top_k > -1 else order
            for i in suppressed(boxes, order, nms_threshold, nms_eta, normalized):
                rows.append([label, own[i], *boxes[i]])
        if 0 <= keep_top_k < len(rows):
            best = sorted(rows, key=lambda row: -row[1])[:keep_top_k]
            rows = sorted(best, key=lambda row: row[0])
        return rows

    def compute(boxes, values):
        rows, offsets = [], [0]
        for image in zip(np.array(boxes), np.array(values)):
            rows += kept(*(part.copy() for part in image))
            offsets.append(len(rows))
        return (rows, offsets) if rows else ([[-1.0]], [0, 1])

    types = [([-1, -1], "float32"), ([-1], "int64")]
    out, offsets = on_host(compute, [bboxes, scores], types)
    return set_lod(out, [offsets])


def merged_boxes(boxes, scores, score_threshold, threshold, normalized):
    """Merge each box into the one before it where they overlap; the numbers of those left.

    ``boxes`` and ``scores`` are changed in place: a mean weighed by the scores, and their sum.
    """
    left, held = [], -1
    for i in range(len(boxes)):
        if held < 0:
            held = i
        elif polygon_overlap(boxes[i], boxes[held], normalized) > threshold:
            weight = scores[i] + scores[held]
            boxes[held] = (boxes[i] * scores[i] + boxes[held] * scores[held]) / weight
            scores[held] = weight
        else:
            left.append(held)
            held = i
    left += [held] if held >= 0 else []
    return [i for i in left if scores[i] > score_threshold]


def suppressed(boxes, order, threshold, eta, normalized):
    """The numbers in ``order`` whose boxes overlap no box that was kept before."""
    kept = []
    for i in order:
        if all(polygon_overlap(boxes[i], boxes[k], normalized) <= threshold for k in kept):
            kept.append(i)
            threshold = threshold * eta if eta < 1.0 and threshold > 0.5 else threshold
    return kept


def polygon_overlap(a, b, normalized=True):
    """The common part of two boxes, or of two convex polygons [x, y, x, y, ...], over their union."""
    if len(a) == 4:
        return box_overlap(a, b, 0.0 if normalized else 1.0)
    a, b = (counterclockwise(p.reshape(-1, 2).astype("float64")) for p in (a, b))
    both = abs(signed_area(clipped_polygon(a, b)))
    return both / (abs(signed_area(a)) + abs(signed_area(b)) - both)


def signed_area(points):
    """The area inside a polygon, positive where it turns to the left."""
    if len(points) < 3:
        return 0.0
    x, y = np.array(points).T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def counterclockwise(points):
    """The polygon in the order that turns to the left."""
    return points if signed_area(points) >= 0 else points[::-1]


def clipped_polygon(points, window):
    """The part of a polygon inside a convex one (Sutherland and Hodgman)."""
    points = list(points)
    for start, end in zip(window, np.roll(window, -1, axis=0)):
        edge = end - start
        sides = [edge[0] * (p[1] - start[1]) - edge[1] * (p[0] - start[0]) for p in points]
        inside = []
        for i, (p, side) in enumerate(zip(points, sides)):
            before, other = points[i - 1], sides[i - 1]
            if (side >= 0) != (other >= 0):
                inside.append(before + (p - before) * (other / (other - side)))
            if side >= 0:
                inside.append(p)
        points = inside
    return points


def proposals_on_host(scores, deltas, info, anchors, variances, options):
    """``generate_proposals`` with a ``min_size`` that counts in the original image's pixels."""

    def compute(scores, deltas, info, anchors, variances):
        arrays = [np.array(v) for v in (scores, deltas, info, anchors, variances)]
        scores, deltas = (np.moveaxis(v, 1, -1) for v in arrays[:2])
        anchors, variances = (v.reshape(-1, 4) for v in arrays[3:])
        found = [
            image_proposals(s.ravel(), d.reshape(-1, 4), i, anchors, variances, options)
            for s, d, i in zip(scores, deltas, arrays[2])
        ]
        boxes, values = (np.concatenate(each) for each in zip(*found))
        return boxes, values.reshape(-1, 1), [len(b) for b, _ in found]

    types = [([-1, 4], "float32"), ([-1, 1], "float32"), ([-1], "int32")]
    return on_host(compute, [scores, deltas, info, anchors, variances], types)


def image_proposals(scores, deltas, info, anchors, variances, options):
    """The boxes of one image that are large enough and not suppressed, and their scores."""
    before, after, threshold, least, eta = options
    order = np.argsort(-scores, kind="stable")
    order = order[:before] if before > 0 else order
    anchors, deltas = anchors[order], deltas[order] * variances[order]
    size = anchors[:, 2:] - anchors[:, :2] + 1.0
    middle = anchors[:, :2] + 0.5 * size + deltas[:, :2] * size
    half = np.exp(np.minimum(deltas[:, 2:], np.log(1000.0 / 16.0))) * size / 2.0
    limit = np.array([info[1], info[0]] * 2) - 1.0
    boxes = np.concatenate([middle - half, middle + half - 1.0], 1)
    boxes = np.clip(boxes, 0.0, limit).astype("float32")
    side = (boxes[:, 2:] - boxes[:, :2]) / info[2] + 1.0
    middle = boxes[:, :2] + (boxes[:, 2:] - boxes[:, :2] + 1.0) / 2.0
    wide = np.all(side >= max(least, 1.0), 1) & np.all(middle <= [info[1], info[0]], 1)
    boxes, scores = boxes[wide], scores[order][wide]
    kept = suppressed(boxes, range(len(boxes)), threshold, eta, False)
    kept = kept[:after] if after > 0 else kept
    return boxes[kept], scores[kept]

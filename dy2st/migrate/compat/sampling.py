"""What a two-stage detector learns from: anchors and proposals picked for each image."""

import paddle


def pixel_overlaps(a, b):
    """Intersection over union of boxes [images, n, 4] and [images, m, 4], ends included."""
    a, b = paddle.unsqueeze(a, 2), paddle.unsqueeze(b, 1)
    low, high = paddle.maximum(a[..., :2], b[..., :2]), paddle.minimum(a[..., 2:], b[..., 2:])
    both = paddle.prod(paddle.clip(high - low + 1.0, min=0.0), -1)
    area = lambda v: paddle.prod(v[..., 2:] - v[..., :2] + 1.0, -1)
    return both / (area(a) + area(b) - both)


def box_deltas(boxes, targets, weights=(1.0, 1.0, 1.0, 1.0)):
    """How to move and stretch boxes onto their targets."""
    size, wanted = (v[:, 2:] - v[:, :2] + 1.0 for v in (boxes, targets))
    center, goal = boxes[:, :2] + 0.5 * size, targets[:, :2] + 0.5 * wanted
    moved = paddle.concat([(goal - center) / size, paddle.log(wanted / size)], 1)
    return moved / paddle.to_tensor(list(weights), moved.dtype)


def at_most(mask, count, use_random):
    """``mask`` with at most ``count`` places of each row: the first ones, or any."""
    if use_random:
        key = paddle.where(
            mask, paddle.rand(paddle.shape(mask)), paddle.full_like(mask, 2, "float32")
        )
        rank = paddle.argsort(paddle.argsort(key, 1), 1)
    else:
        rank = paddle.cumsum(mask.astype("int64"), 1) - 1
    return paddle.logical_and(mask, rank < count)


def places(mask):
    """Image and column of each place of a mask, image by image, and their offsets."""
    at = paddle.nonzero(mask)
    return at[:, 0], at[:, 1], offsets_from(paddle.sum(mask.astype("int64"), 1))


def true_boxes(gt_boxes, is_crowd, scale):
    """Boxes [images, most, 4] of the truth in pixels of the input, and which are boxes of one thing."""
    offsets = offsets_of(gt_boxes)
    boxes = pad_rows(gt_boxes, offsets) * paddle.unsqueeze(scale, 2)
    _, inside = padded_index(offsets)
    single = pad_rows(paddle.reshape(is_crowd, [-1]), offsets, 1) == 0
    return boxes, paddle.logical_and(inside, single)


def assign_anchors(anchors, boxes, real, inside, options):
    """Places of anchors that stand for things, of those for scores, labels, targets and weights.

    As in 1.8 an anchor that is picked for both sides counts as background, and the first anchor of
    its image is repeated without weight in its stead.
    """
    positive, negative, fraction, size, use_random = options
    images = paddle.shape(boxes)[0]
    anchors = paddle.expand(paddle.unsqueeze(anchors, 0), [images, *anchors.shape])
    overlap = pixel_overlaps(anchors, boxes)
    overlap = paddle.where(paddle.unsqueeze(real, 1).expand_as(overlap), overlap, 0 * overlap - 1.0)
    overlap = paddle.where(inside.unsqueeze(2).expand_as(overlap), overlap, 0 * overlap - 1.0)
    best, match = paddle.max(overlap, 2), paddle.argmax(overlap, 2)
    top = paddle.max(overlap, 1, keepdim=True)
    is_top = paddle.logical_and(paddle.abs(overlap - top) < 1e-5, paddle.unsqueeze(real, 1))
    front = paddle.logical_or(paddle.any(is_top, 2), best >= positive)
    front = paddle.logical_and(front, inside)
    back = paddle.logical_and(best < negative, inside)
    if fraction > 0 and size > 0:
        front = at_most(front, int(fraction * size), use_random)
        back = at_most(back, size - paddle.sum(front.astype("int64"), 1, keepdim=True), use_random)
    both = paddle.logical_and(front, back)
    kept = paddle.logical_and(front, paddle.logical_not(back))
    count = paddle.shape(front)[1].astype("int64")
    first = paddle.argmax(front.astype("int64"), 1)
    image, column, offsets = places(paddle.concat([both, kept], 1))
    fake = column < count
    column = paddle.where(fake, paddle.gather(first, image), column - count)
    at = paddle.stack([image, column], 1)
    target = paddle.gather_nd(boxes, paddle.stack([image, paddle.gather_nd(match, at)], 1))
    target = box_deltas(paddle.gather_nd(anchors, at), target)
    weight = paddle.unsqueeze(1.0 - fake.astype("float32"), 1).expand([-1, 4])
    score_image, score_column, score_offsets = places(paddle.concat([kept, back], 1))
    is_front = score_column < count
    score_column = paddle.where(is_front, score_column, score_column - count)
    score_match = paddle.gather_nd(match, paddle.stack([score_image, score_column], 1))
    return {
        "location": image * count + column,
        "offsets": offsets,
        "target": target,
        "weight": weight,
        "score": score_image * count + score_column,
        "score_offsets": score_offsets,
        "front": is_front,
        "match": (score_image, score_match),
        "fronts": paddle.sum(paddle.concat([both, kept], 1).astype("int32"), 1, keepdim=True),
    }


def rpn_target_assign(
    bbox_pred,
    cls_logits,
    anchor_box,
    anchor_var,
    gt_boxes,
    is_crowd,
    im_info,
    rpn_batch_size_per_im=256,
    rpn_straddle_thresh=0.0,
    rpn_fg_fraction=0.5,
    rpn_positive_overlap=0.7,
    rpn_negative_overlap=0.3,
    use_random=True,
):
    """What a region proposal network says at the picked anchors, and what it should say there."""
    boxes, real = true_boxes(gt_boxes, is_crowd, im_info[:, 2:3])
    low, high = anchor_box[:, :2], anchor_box[:, 2:]
    limit = paddle.unsqueeze(paddle.stack([im_info[:, 1], im_info[:, 0]], 1), 1)
    margin = rpn_straddle_thresh
    inside = paddle.all(paddle.logical_and(low >= -margin, high < limit + margin), 2)
    if margin < 0:
        inside = paddle.ones_like(inside)
    options = (
        rpn_positive_overlap, rpn_negative_overlap, rpn_fg_fraction, rpn_batch_size_per_im,
        use_random,
    )  # fmt: skip
    found = assign_anchors(anchor_box, boxes, real, inside, options)
    label = paddle.unsqueeze(found["front"].astype("int32"), 1)
    return picked(bbox_pred, paddle.reshape(cls_logits, [-1, 1]), found, label)


def picked(bbox_pred, scores, found, label):
    """Predictions at the picked anchors, their labels, targets and weights."""
    made = [
        paddle.gather(scores, found["score"]),
        paddle.gather(paddle.reshape(bbox_pred, [-1, 4]), found["location"]),
        label,
        found["target"],
        found["weight"],
    ]
    for constant in made[2:]:
        constant.stop_gradient = True
    lods = [[], [], [found["score_offsets"]], [found["offsets"]], [found["offsets"]]]
    return tuple(set_lod(value, lod) for value, lod in zip(made, lods))


def retinanet_target_assign(
    bbox_pred,
    cls_logits,
    anchor_box,
    anchor_var,
    gt_boxes,
    gt_labels,
    is_crowd,
    im_info,
    num_classes=1,
    positive_overlap=0.5,
    negative_overlap=0.4,
):
    """What a RetinaNet says at the anchors that matter, and what it should say there."""
    boxes, real = true_boxes(gt_boxes, is_crowd, im_info[:, 2:3])
    images, anchors = paddle.shape(boxes)[0], paddle.shape(anchor_box)[0]
    inside = paddle.ones([images, anchors], "bool")
    options = (positive_overlap, negative_overlap, -1.0, -1, False)
    found = assign_anchors(anchor_box, boxes, real, inside, options)
    labels = pad_rows(paddle.reshape(gt_labels, [-1]), offsets_of(gt_boxes), 0)
    label = paddle.gather_nd(labels, paddle.stack(found["match"], 1)).astype("int32")
    label = paddle.unsqueeze(paddle.where(found["front"], label, paddle.zeros_like(label)), 1)
    scores = paddle.reshape(cls_logits, [-1, num_classes])
    fronts = (found["fronts"] + 1).astype("int32")
    fronts.stop_gradient = True
    set_lod(fronts, [paddle.arange(0, images.astype("int64") + 1, 1, "int64")])
    return (*picked(bbox_pred, scores, found, label), fronts)


def generate_proposal_labels(
    rpn_rois,
    gt_classes,
    is_crowd,
    gt_boxes,
    im_info,
    batch_size_per_im=256,
    fg_fraction=0.25,
    fg_thresh=0.25,
    bg_thresh_hi=0.5,
    bg_thresh_lo=0.0,
    bbox_reg_weights=[0.1, 0.1, 0.2, 0.2],
    class_nums=None,
    use_random=True,
    is_cls_agnostic=False,
    is_cascade_rcnn=False,
):
    """Proposals picked for each image, their classes, and box targets with weights a class."""
    if is_cascade_rcnn:  # 1.8.5 scales some of the boxes twice then: nothing to be equal to
        raise NotImplementedError("generate_proposal_labels with is_cascade_rcnn")
    offsets, scale = offsets_of(gt_boxes), paddle.unsqueeze(im_info[:, 2:3], 2)
    truth, real = true_boxes(gt_boxes, paddle.zeros_like(is_crowd), paddle.ones_like(scale[:, 0]))
    crowd = pad_rows(paddle.reshape(is_crowd, [-1]), offsets, 0) != 0
    rois = pad_rows(rpn_rois, offsets_of(rpn_rois)) / scale
    boxes = paddle.concat([truth, rois], 1)
    usable = paddle.concat([real, padded_index(offsets_of(rpn_rois))[1]], 1)
    overlap = pixel_overlaps(boxes, truth)
    overlap = paddle.where(paddle.unsqueeze(real, 1).expand_as(overlap), overlap, 0 * overlap - 1.0)
    best, match = paddle.max(overlap, 2), paddle.argmax(overlap, 2)
    crowd = paddle.concat([crowd, paddle.zeros_like(usable[:, paddle.shape(real)[1] :])], 1)
    best = paddle.where(paddle.logical_and(usable, paddle.logical_not(crowd)), best, 0 * best - 1.0)
    front = at_most(best >= fg_thresh, int(batch_size_per_im * fg_fraction), use_random)
    back = paddle.logical_and(best >= bg_thresh_lo, best < bg_thresh_hi)
    back = paddle.logical_and(back, best < fg_thresh)
    left = batch_size_per_im - paddle.sum(front.astype("int64"), 1, keepdim=True)
    back = at_most(back, left, use_random)
    count = paddle.shape(front)[1].astype("int64")
    image, column, lod = places(paddle.concat([front, back], 1))
    is_front = column < count
    column = paddle.where(is_front, column, column - count)
    at = paddle.stack([image, column], 1)
    chosen = paddle.gather_nd(boxes, at)
    matched = paddle.stack([image, paddle.gather_nd(match, at)], 1)
    labels = pad_rows(paddle.reshape(gt_classes, [-1]), offsets, 0)
    label = paddle.gather_nd(labels, matched).astype("int32")
    label = paddle.where(is_front, label, paddle.zeros_like(label))
    target = box_deltas(chosen, paddle.gather_nd(truth, matched), bbox_reg_weights)
    column = paddle.clip(label, 0, 1) if is_cls_agnostic else label
    hot = paddle.nn.functional.one_hot(column.astype("int64"), class_nums)
    hot = hot * paddle.unsqueeze((label > 0).astype("float32"), 1)
    wide = lambda v: paddle.reshape(paddle.unsqueeze(hot, 2) * v, [-1, 4 * class_nums])
    weight = wide(paddle.ones([1, 1, 4]))
    made = [
        chosen * paddle.gather(scale[:, 0], image),
        paddle.unsqueeze(label, 1),
        wide(paddle.unsqueeze(target, 1)),
        weight,
        paddle.assign(weight),
    ]
    for value in made:
        value.stop_gradient = True
        set_lod(value, [lod])
    return tuple(made)


def retinanet_detection_output(
    bboxes,
    scores,
    anchors,
    im_info,
    score_threshold=0.05,
    nms_top_k=1000,
    keep_top_k=100,
    nms_threshold=0.3,
    nms_eta=1.0,
):
    """Rows [class, score, box] of each image from the levels of a RetinaNet."""
    scale = paddle.unsqueeze(im_info[:, 2:3], 2)
    places, values = [], []
    for number, (delta, score, anchor) in enumerate(zip(bboxes, scores, anchors)):
        size = anchor[:, 2:] - anchor[:, :2] + 1.0
        middle = delta[:, :, :2] * size + anchor[:, :2] + size / 2.0
        half = paddle.exp(delta[:, :, 2:]) * size / 2.0
        places.append(paddle.concat([middle - half, middle + half - 1.0], 2) / scale)
        limit = score_threshold if number + 1 < len(bboxes) else 0.0
        flat = paddle.flatten(score, 1, 2)
        kept = paddle.where(flat > limit, flat, paddle.zeros_like(flat))
        rank = paddle.argsort(paddle.argsort(kept, 1, descending=True, stable=True), 1)
        kept = kept * (rank < nms_top_k).astype(kept.dtype)
        values.append(paddle.reshape(kept, paddle.shape(score)))
    boxes = box_clip(paddle.concat(places, 1), im_info)
    score = paddle.transpose(paddle.concat(values, 1), [0, 2, 1])
    out, _, count = paddle._C_ops.multiclass_nms3(
        boxes, score, None, 0.0, -1, keep_top_k, nms_threshold, False, nms_eta, -1
    )
    image = row_places(offsets_from(count))[0]
    order = paddle.argsort(out[:, 1], descending=True, stable=True)  # 1.8 ordered by score
    order = paddle.gather(order, paddle.argsort(paddle.gather(image, order), stable=True))
    out = paddle.gather(paddle.concat([out[:, :1] + 1.0, out[:, 1:]], 1), order)
    out.stop_gradient = True
    return set_lod(out, [offsets_from(count)])

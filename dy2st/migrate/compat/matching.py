"""Which box of the truth each prior box stands for, and the loss of SSD."""

import paddle


def bipartite_match(dist_matrix, match_type=None, dist_threshold=None, name=None):
    """For each column of each image's matrix the row that is matched with it (or -1), and its value.

    Greedy: the largest value of rows and columns that are still free comes next. With
    ``per_prediction`` a column that is left takes its largest row above ``dist_threshold``.
    """
    if lod_of(dist_matrix):
        values = pad_rows(dist_matrix, offsets_of(dist_matrix), -1.0)
    else:
        values = paddle.unsqueeze(dist_matrix, 0)
    values = paddle.assign(values)
    values.stop_gradient = True
    values = paddle.transpose(values, [0, 2, 1])  # columns before rows: the order of ties
    columns, rows = paddle.shape(values)[1], paddle.shape(values)[2]
    row_numbers = paddle.reshape(paddle.arange(0, rows, 1, "int64"), [1, 1, -1])
    column_numbers = paddle.reshape(paddle.arange(0, columns, 1, "int64"), [1, -1])
    index = paddle.zeros_like(values[:, :, 0]).astype("int32") - 1
    distance = paddle.zeros_like(values[:, :, 0])

    def body(t, free, index, distance):
        flat = paddle.flatten(free, 1, 2)
        best = paddle.max(flat, 1, keepdim=True)
        at = paddle.argmax(flat, 1, keepdim=True)
        column, row = at // rows, at % rows
        here = paddle.logical_and(column_numbers == column, best >= 1e-6)
        index = paddle.where(here, (row + column_numbers * 0).astype("int32"), index)
        distance = paddle.where(here, best + distance * 0, distance)
        taken = paddle.logical_or(
            paddle.unsqueeze(column_numbers == column, 2), row_numbers == paddle.unsqueeze(row, 2)
        )
        return t + 1, paddle.where(taken, free * 0 - 1, free), index, distance

    state = [paddle.zeros([], "int64"), values, index, distance]
    if paddle.in_dynamic_mode():
        for _ in range(int(rows)):
            state = body(*state)
    else:
        count = rows.astype("int64")
        state = paddle.static.nn.while_loop(lambda t, *rest: t < count, body, state)
    index, distance = state[2], state[3]
    if match_type == "per_prediction":
        best = paddle.max(values, 2)
        limit = 0.5 if dist_threshold is None else dist_threshold
        more = paddle.logical_and(index < 0, paddle.logical_and(best >= limit, best >= 1e-6))
        index = paddle.where(more, paddle.argmax(values, 2).astype("int32"), index)
        distance = paddle.where(more, best, distance)
    index.stop_gradient = distance.stop_gradient = True
    return set_lod(index, []), set_lod(distance, [])


def target_assign(input, matched_indices, negative_indices=None, mismatch_value=None, name=None):
    """For each prior box the target of the row matched with it, and a weight of 1 (else 0)."""
    negatives = None
    if negative_indices is not None:
        sequence, _ = row_places(offsets_of(negative_indices))
        column = paddle.reshape(negative_indices, [-1]).astype("int64")
        at = paddle.stack([sequence, column], -1)
        ones = paddle.ones_like(column).astype("float32")
        zeros = paddle.zeros_like(matched_indices).astype("float32")
        negatives = paddle.scatter_nd_add(zeros, at, ones) > 0
    return assign_targets(input, matched_indices, negatives, mismatch_value)


def assign_targets(x, matched, negatives, mismatch_value):
    """``target_assign`` with the negative places as a mask [images, priors]."""
    starts = paddle.unsqueeze(offsets_of(x)[:-1], 1)
    hit = matched >= 0
    rows = starts + paddle.where(hit, matched, paddle.zeros_like(matched)).astype("int64")
    columns = paddle.zeros_like(rows)
    if x.shape[1] != 1:
        columns = columns + paddle.arange(0, paddle.shape(x)[1], 1, "int64")
    found = paddle.gather_nd(x, paddle.stack([rows, columns], -1))
    taken = hit if negatives is None else paddle.logical_and(hit, paddle.logical_not(negatives))
    mask = like_rows(taken, found).astype("bool")
    mask = paddle.logical_and(mask, paddle.ones_like(found).astype("bool"))
    out = paddle.where(mask, found, paddle.full_like(found, mismatch_value or 0))
    weight = hit.astype("float32")
    if negatives is not None:
        weight = paddle.where(negatives, paddle.ones_like(weight), weight)
    return set_lod(out, []), set_lod(paddle.unsqueeze(weight, -1), [])


def hardest_negatives(loss, matched, distance, neg_pos_ratio, neg_overlap):
    """The unmatched places with the largest losses, ``neg_pos_ratio`` for each matched one."""
    free = paddle.logical_and(matched < 0, distance < neg_overlap)
    positives = paddle.sum((matched >= 0).astype("float32"), 1, keepdim=True)
    wanted = paddle.floor(positives * neg_pos_ratio).astype("int64")
    ordered = paddle.where(free, loss, paddle.full_like(loss, float("-inf")))
    rank = paddle.argsort(paddle.argsort(ordered, 1, descending=True, stable=True), 1)
    return paddle.logical_and(free, rank < wanted)


def ssd_loss(
    location,
    confidence,
    gt_box,
    gt_label,
    prior_box,
    prior_box_var=None,
    background_label=0,
    overlap_threshold=0.5,
    neg_pos_ratio=3.0,
    neg_overlap=0.5,
    loc_loss_weight=1.0,
    conf_loss_weight=1.0,
    match_type="per_prediction",
    mining_type="max_negative",
    normalize=True,
    sample_size=None,
):
    """SSD's loss, [images, 1]: classes by cross entropy with hard negatives, places by smooth L1."""
    if mining_type != "max_negative":
        raise ValueError("Only support mining_type == max_negative now.")
    entropy = lambda label: paddle.squeeze(
        paddle.nn.functional.softmax_with_cross_entropy(confidence, label.astype("int64")), -1
    )
    overlap = iou_similarity(gt_box, prior_box)
    matched, distance = bipartite_match(overlap, match_type, overlap_threshold)
    labels = set_lod(paddle.reshape(gt_label, [-1, 1, 1]), lod_of(gt_label))
    target, _ = assign_targets(labels, matched, None, background_label)
    first_loss = paddle.assign(entropy(target))
    first_loss.stop_gradient = True
    negatives = hardest_negatives(first_loss, matched, distance, neg_pos_ratio, neg_overlap)
    coded = box_coder(prior_box, prior_box_var, gt_box, "encode_center_size")
    boxes, box_weight = assign_targets(coded, matched, None, background_label)
    target, class_weight = assign_targets(labels, matched, negatives, background_label)
    for constant in (boxes, box_weight, target, class_weight):
        constant.stop_gradient = True
    class_loss = entropy(target) * paddle.squeeze(class_weight, -1)
    far = paddle.abs(location - boxes)
    smooth = paddle.where(far < 1.0, 0.5 * far * far, far - 0.5)
    place_loss = paddle.sum(smooth, -1) * paddle.squeeze(box_weight, -1)
    loss = conf_loss_weight * class_loss + loc_loss_weight * place_loss
    loss = paddle.sum(loss, 1, keepdim=True)
    return set_lod(loss / paddle.sum(box_weight) if normalize else loss, [])

"""What a detection network keeps of its boxes."""

import paddle


def multiclass_nms(
    bboxes,
    scores,
    score_threshold,
    nms_top_k,
    keep_top_k,
    nms_threshold=0.3,
    normalized=True,
    nms_eta=1.0,
    background_label=0,
    name=None,
):
    """Rows [label, score, box] of each image, or the one row [-1] where no image has any."""
    return multiclass_nms2(
        bboxes, scores, score_threshold, nms_top_k, keep_top_k, nms_threshold, normalized, nms_eta,
        background_label, alone=True,
    )  # fmt: skip


def multiclass_nms2(
    bboxes,
    scores,
    score_threshold,
    nms_top_k,
    keep_top_k,
    nms_threshold=0.3,
    normalized=True,
    nms_eta=1.0,
    background_label=0,
    return_index=False,
    name=None,
    alone=False,
):
    """As ``multiclass_nms``, without rows where there are none; with the rows' numbers if asked."""
    lengths = None
    if len(scores.shape) == 2:
        lengths = lengths_from(offsets_of(bboxes)).astype("int32")
    out, index, count = paddle._C_ops.multiclass_nms3(
        bboxes, scores, lengths, score_threshold, nms_top_k, keep_top_k, nms_threshold, normalized,
        nms_eta, background_label,
    )  # fmt: skip
    out.stop_gradient = True
    if alone:
        return none_as_minus_one(out, count)
    set_lod(out, [offsets_from(count)])
    return (out, set_lod(index, [offsets_from(count)])) if return_index else out


def none_as_minus_one(out, count):
    """``out``, or [[-1]] with the offsets [0, 1] where it has no rows, as 1.8 had it."""
    some = paddle.sum(count) > 0
    lod = offsets_from(count)
    if paddle.in_dynamic_mode():
        return out if bool(some) else paddle.full([1, 1], -1.0, out.dtype)
    nothing = lambda: (paddle.full([1, 1], -1.0, out.dtype), paddle.arange(0, 2, 1, "int64"))
    found = paddle.static.nn.cond(some, lambda: (paddle.assign(out), paddle.assign(lod)), nothing)
    return set_lod(found[0], [found[1]])


def matrix_nms(
    bboxes,
    scores,
    score_threshold,
    post_threshold,
    nms_top_k,
    keep_top_k,
    use_gaussian=False,
    gaussian_sigma=2.0,
    background_label=0,
    normalized=True,
    return_index=False,
    name=None,
):
    """Rows [label, score, box] of each image whose scores are lowered where boxes overlap."""
    out, index, count = paddle._C_ops.matrix_nms(
        bboxes, scores, score_threshold, nms_top_k, keep_top_k, post_threshold, use_gaussian,
        gaussian_sigma, background_label, normalized,
    )  # fmt: skip
    out.stop_gradient = True
    set_lod(out, [offsets_from(count)])
    return (out, set_lod(index, [offsets_from(count)])) if return_index else out


def detection_output(
    loc,
    scores,
    prior_box,
    prior_box_var,
    background_label=0,
    nms_threshold=0.3,
    nms_top_k=400,
    keep_top_k=200,
    score_threshold=0.01,
    nms_eta=1.0,
    return_index=False,
):
    """SSD's result: boxes decoded from prior boxes, softmax of the scores, then NMS.

    As in 1.8 ``background_label`` and ``nms_eta`` are taken and not used.
    """
    boxes = box_coder(prior_box, prior_box_var, loc, "decode_center_size")
    scores = paddle.transpose(paddle.nn.functional.softmax(scores), [0, 2, 1])
    scores.stop_gradient = True
    return multiclass_nms2(
        boxes, scores, score_threshold, nms_top_k, keep_top_k, nms_threshold, True, 1.0, 0,
        return_index, alone=not return_index,
    )  # fmt: skip


def yolo_box(
    x,
    img_size,
    anchors,
    class_num,
    conf_thresh,
    downsample_ratio,
    clip_bbox=True,
    name=None,
    scale_x_y=1.0,
):
    """The boxes and scores that a YOLO head means."""
    return paddle.vision.ops.yolo_box(
        x, img_size, anchors, class_num, conf_thresh, downsample_ratio, clip_bbox,
        scale_x_y=scale_x_y,
    )  # fmt: skip


def yolov3_loss(
    x,
    gt_box,
    gt_label,
    anchors,
    anchor_mask,
    class_num,
    ignore_thresh,
    downsample_ratio,
    gt_score=None,
    use_label_smooth=True,
    name=None,
    scale_x_y=1.0,
):
    """The loss of a YOLO head, one number for each image."""
    return paddle.vision.ops.yolo_loss(
        x, gt_box, gt_label, anchors, anchor_mask, class_num, ignore_thresh, downsample_ratio,
        gt_score, use_label_smooth, scale_x_y=scale_x_y,
    )  # fmt: skip


def generate_proposals(
    scores,
    bbox_deltas,
    im_info,
    anchors,
    variances,
    pre_nms_top_n=6000,
    post_nms_top_n=1000,
    nms_thresh=0.5,
    min_size=0.1,
    eta=1.0,
    name=None,
    return_rois_num=False,
):
    """The boxes that a region proposal network keeps and their scores.

    Boxes of less than one pixel go; a larger ``min_size`` counts by each image's scale.
    """
    if min_size > 1.0:
        options = (pre_nms_top_n, post_nms_top_n, nms_thresh, min_size, eta)
        found = proposals_on_host(scores, bbox_deltas, im_info, anchors, variances, options)
        rois, probabilities, count = found
    else:
        rois, probabilities, count = paddle._C_ops.generate_proposals(
            scores, bbox_deltas, im_info[:, :2], anchors, variances, pre_nms_top_n, post_nms_top_n,
            nms_thresh, 1.0, eta, True,
        )  # fmt: skip
        count = retyped(count, "int32")
    lod = [offsets_from(count)]
    rois.stop_gradient = probabilities.stop_gradient = True
    found = set_lod(rois, lod), set_lod(probabilities, lod)
    return (*found, lod[0][1:]) if return_rois_num else found  # 1.8.5 adds them up


def distribute_fpn_proposals(fpn_rois, min_level, max_level, refer_level, refer_scale, name=None):
    """The boxes of each level of a feature pyramid, and the places to put them back."""
    lengths = lengths_from(offsets_of(fpn_rois)).astype("int32")
    rois, counts, restore = paddle._C_ops.distribute_fpn_proposals(
        fpn_rois, lengths, min_level, max_level, refer_level, refer_scale, True
    )
    rois = [set_lod(part, [offsets_from(count)]) for part, count in zip(rois, counts)]
    return rois, set_lod(restore, [])


def collect_fpn_proposals(
    multi_rois, multi_scores, min_level, max_level, post_nms_top_n, name=None
):
    """The best boxes of all levels of a feature pyramid, image by image."""
    counts = [lengths_from(offsets_of(rois)).astype("int32") for rois in multi_rois]
    rois, count = paddle._C_ops.collect_fpn_proposals(
        list(multi_rois), list(multi_scores), counts, post_nms_top_n
    )
    return set_lod(rois, [offsets_from(count)])

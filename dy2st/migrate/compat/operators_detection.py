"""Operators by their type: detection, and recurrence over sequences with given weights."""

import paddle


def op_yolo_box(ins, attrs):
    """``yolo_box``."""
    boxes, scores = yolo_box(
        ins["X"], ins["ImgSize"], attrs["anchors"], attrs["class_num"], attrs["conf_thresh"],
        attrs["downsample_ratio"], attrs.get("clip_bbox", True),
        scale_x_y=attrs.get("scale_x_y", 1.0),
    )  # fmt: skip
    return {"Boxes": boxes, "Scores": scores}


def op_prior_box(ins, attrs):
    """``prior_box``."""
    boxes, variances = prior_box(
        ins["Input"], ins["Image"], attrs["min_sizes"], attrs.get("max_sizes") or None,
        attrs["aspect_ratios"], attrs["variances"], attrs.get("flip", True),
        attrs.get("clip", True), [attrs.get("step_w", 0.0), attrs.get("step_h", 0.0)],
        attrs.get("offset", 0.5), None, attrs.get("min_max_aspect_ratios_order", False),
    )  # fmt: skip
    return {"Boxes": boxes, "Variances": variances}


def op_anchor_generator(ins, attrs):
    """``anchor_generator``."""
    anchors, variances = anchor_generator(
        ins["Input"], attrs["anchor_sizes"], attrs["aspect_ratios"], attrs["variances"],
        attrs["stride"], attrs.get("offset", 0.5),
    )  # fmt: skip
    return {"Anchors": anchors, "Variances": variances}


def op_box_coder(ins, attrs):
    """``box_coder``."""
    variance = ins.get("PriorBoxVar")
    variance = attrs.get("variance") if variance is None else variance
    box = box_coder(
        ins["PriorBox"], variance or None if isinstance(variance, list) else variance,
        ins["TargetBox"], attrs.get("code_type", "encode_center_size"),
        attrs.get("box_normalized", True), None, attrs.get("axis", 0),
    )  # fmt: skip
    return {"OutputBox": box}


def op_box_clip(ins, attrs):
    """``box_clip``."""
    return {"Output": box_clip(ins["Input"], ins["ImInfo"])}


def op_multiclass_nms(ins, attrs):
    """``multiclass_nms``."""
    rows = multiclass_nms2(
        ins["BBoxes"], ins["Scores"], attrs["score_threshold"], attrs["nms_top_k"],
        attrs["keep_top_k"], attrs.get("nms_threshold", 0.3), attrs.get("normalized", True),
        attrs.get("nms_eta", 1.0), attrs.get("background_label", 0), alone=True,
    )  # fmt: skip
    return {"Out": rows}


def op_generate_proposals(ins, attrs):
    """``generate_proposals``."""
    rois, probabilities = generate_proposals(
        ins["Scores"], ins["BboxDeltas"], ins["ImInfo"], ins["Anchors"], ins["Variances"],
        attrs["pre_nms_topN"], attrs["post_nms_topN"], attrs["nms_thresh"], attrs["min_size"],
        attrs.get("eta", 1.0),
    )  # fmt: skip
    return {"RpnRois": rois, "RpnRoiProbs": probabilities}


def op_roi_align(ins, attrs):
    """``roi_align``."""
    out = roi_align(
        ins["X"], ins["ROIs"], attrs.get("pooled_height", 1), attrs.get("pooled_width", 1),
        attrs.get("spatial_scale", 1.0), attrs.get("sampling_ratio", -1),
    )  # fmt: skip
    return {"Out": out}


def op_roi_pool(ins, attrs):
    """``roi_pool``."""
    size = attrs.get("pooled_height", 1), attrs.get("pooled_width", 1)
    return {"Out": roi_pool(ins["X"], ins["ROIs"], *size, attrs.get("spatial_scale", 1.0))}


def op_im2sequence(ins, attrs):
    """``im2sequence``."""
    rows = im2sequence(
        ins["X"], attrs["kernels"], attrs.get("strides", 1), attrs.get("paddings", 0)
    )
    return {"Out": rows}


def op_sequence_conv(ins, attrs):
    """``sequence_conv``."""
    windows = neighbour_rows(ins["X"], attrs.get("contextStart", 0), attrs["contextLength"])
    return {"Out": paddle.matmul(paddle.flatten(windows, 1, 2), ins["Filter"])}


def op_sequence_concat(ins, attrs):
    """``sequence_concat``."""
    return {"Out": sequence_concat(ins.all("X"))}


def op_lstm(ins, attrs):
    """``lstm``, the operator of ``dynamic_lstm``."""
    acts = [attrs[f"{name}_activation"] for name in ("gate", "cell", "candidate")]
    hidden, cell = lstm_of_sequences(
        ins["Input"], ins["Weight"], ins["Bias"], ins.get("H0"), ins.get("C0"), acts,
        attrs.get("use_peepholes", True), attrs.get("is_reverse", False),
    )  # fmt: skip
    return {"Hidden": hidden, "Cell": cell}


def op_gru(ins, attrs):
    """``gru``, the operator of ``dynamic_gru``."""
    out = gru_of_sequences(
        ins["Input"], ins["Weight"], ins.get("Bias"), ins.get("H0"), attrs["gate_activation"],
        attrs["activation"], attrs.get("is_reverse", False), attrs.get("origin_mode", False),
    )  # fmt: skip
    return {"Hidden": out}

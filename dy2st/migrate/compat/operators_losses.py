"""Operators that were put into programs by their type: losses, images, sequences, updates."""

import paddle


def op_resized(ins, attrs, kind):
    """An image at another size."""
    size, scale = [attrs.get("out_h", 0), attrs.get("out_w", 0)], attrs.get("scale", 0.0)
    align = attrs.get("align_corners", True), attrs.get("align_mode", 1)
    layout = op_layout({"data_format": attrs.get("data_layout", "NCHW")}, "NCHW")
    if scale > 0:
        return image_resize(ins["X"], None, scale, None, kind, None, *align, layout)
    return image_resize(ins["X"], ins.get("OutSize", size), None, None, kind, None, *align, layout)


def op_hits(indices, label):
    """The share, and the number, of rows whose label is among the indices, and of all rows."""
    label = paddle.reshape(label, [-1, 1]).astype(indices.dtype)
    hit = paddle.any(indices == label, axis=1)
    share = paddle.mean(hit.astype("float32")).reshape([1])
    correct = paddle.sum(hit.astype("int32")).reshape([1])
    return share, correct.astype("int32"), paddle.numel(hit).reshape([1]).astype("int32")


def op_moved(ins, attrs):
    """A step of Momentum."""
    velocity = attrs["mu"] * ins["Velocity"] + ins["Grad"]
    step = ins["Grad"] + attrs["mu"] * velocity if attrs.get("use_nesterov", False) else velocity
    return ins["Param"] - ins["LearningRate"] * step, velocity


def op_by_sums(ins, attrs):
    """A step of Adagrad."""
    moment = ins["Moment"] + ins["Grad"] * ins["Grad"]
    step = ins["Grad"] / (paddle.sqrt(moment) + attrs.get("epsilon", 1e-6))
    return ins["Param"] - ins["LearningRate"] * step, moment


def op_by_moments(ins, attrs):
    """A step of Adam as 1.8 took it, whose ``epsilon`` is not corrected for the start."""
    beta1, beta2 = attrs.get("beta1", 0.9), attrs.get("beta2", 0.999)
    first = beta1 * ins["Moment1"] + (1.0 - beta1) * ins["Grad"]
    second = beta2 * ins["Moment2"] + (1.0 - beta2) * ins["Grad"] * ins["Grad"]
    powers = ins["Beta1Pow"], ins["Beta2Pow"]
    rate = ins["LearningRate"] * paddle.sqrt(1.0 - powers[1]) / (1.0 - powers[0])
    step = first / (paddle.sqrt(second) + attrs.get("epsilon", 1e-8))
    return ins["Param"] - rate * step, first, second, powers[0] * beta1, powers[1] * beta2


def op_cross_entropy(ins, attrs):
    """``cross_entropy``."""
    return {
        "Y": cross_entropy(
            ins["X"], ins["Label"], attrs.get("soft_label", False), attrs.get("ignore_index", -100)
        )
    }


def op_cross_entropy2(ins, attrs):
    """``cross_entropy2``."""
    return {"Y": cross_entropy(ins["X"], ins["Label"], False, attrs.get("ignore_index", -100))}


def op_softmax_with_cross_entropy(ins, attrs):
    """``softmax_with_cross_entropy``."""
    found = paddle.nn.functional.softmax_with_cross_entropy(
        ins["Logits"],
        ins["Label"],
        attrs.get("soft_label", False),
        attrs.get("ignore_index", -100),
        attrs.get("numeric_stable_mode", True),
        True,
        attrs.get("axis", -1),
    )
    return dict(zip(("Loss", "Softmax"), found))


def op_sigmoid_cross_entropy_with_logits(ins, attrs):
    """``sigmoid_cross_entropy_with_logits``."""
    return {
        "Out": sigmoid_cross_entropy_with_logits(
            ins["X"],
            ins["Label"],
            attrs.get("ignore_index", -100),
            None,
            attrs.get("normalize", False),
        )
    }


def op_log_loss(ins, attrs):
    """``log_loss``."""
    return {
        "Loss": paddle.nn.functional.log_loss(
            ins["Predicted"], ins["Labels"], attrs.get("epsilon", 1e-4)
        )
    }


def op_bce_loss(ins, attrs):
    """``bce_loss``."""
    return {
        "Out": paddle.nn.functional.binary_cross_entropy(ins["X"], ins["Label"], reduction="none")
    }


def op_kldiv_loss(ins, attrs):
    """``kldiv_loss``."""
    return {"Loss": kldiv_loss(ins["X"], ins["Target"], attrs.get("reduction", "mean"))}


def op_huber_loss(ins, attrs):
    """``huber_loss``."""
    return {"Out": huber_loss(ins["X"], ins["Y"], attrs["delta"])}


def op_smooth_l1_loss(ins, attrs):
    """``smooth_l1_loss``."""
    return {
        "Out": smooth_l1(
            ins["X"],
            ins["Y"],
            ins.get("InsideWeight"),
            ins.get("OutsideWeight"),
            attrs.get("sigma", 1.0),
        )
    }


def op_rank_loss(ins, attrs):
    """``rank_loss``."""
    return {"Out": rank_loss(ins["Label"], ins["Left"], ins["Right"])}


def op_margin_rank_loss(ins, attrs):
    """``margin_rank_loss``."""
    return {"Out": margin_rank_loss(ins["Label"], ins["X1"], ins["X2"], attrs.get("margin", 0.0))}


def op_hinge_loss(ins, attrs):
    """``hinge_loss``."""
    return {"Loss": paddle.nn.functional.relu(1.0 - ins["Logits"] * (2.0 * ins["Labels"] - 1.0))}


def op_bpr_loss(ins, attrs):
    """``bpr_loss``."""
    return {"Y": bpr_loss(ins["X"], ins["Label"])}


def op_teacher_student_sigmoid_loss(ins, attrs):
    """``teacher_student_sigmoid_loss``."""
    return {
        "Y": teacher_student_sigmoid_loss(
            ins["X"],
            ins["Label"],
            attrs.get("soft_max_up_bound", 15.0),
            attrs.get("soft_max_lower_bound", -15.0),
        )
    }


def op_sigmoid_focal_loss(ins, attrs):
    """``sigmoid_focal_loss``."""
    return {
        "Out": sigmoid_focal_loss(
            ins["X"], ins["Label"], ins["FgNum"], attrs.get("gamma", 2.0), attrs.get("alpha", 0.25)
        )
    }


def op_label_smooth(ins, attrs):
    """``label_smooth``."""
    return {
        "Out": paddle.nn.functional.label_smooth(
            ins["X"], ins.get("PriorDist"), attrs.get("epsilon", 0.0)
        )
    }


def op_fsp(ins, attrs):
    """``fsp``."""
    return {"Out": fsp_matrix(ins["X"], ins["Y"])}


def op_bilinear_interp(ins, attrs):
    """``bilinear_interp``."""
    return {"Out": op_resized(ins, attrs, "BILINEAR")}


def op_nearest_interp(ins, attrs):
    """``nearest_interp``."""
    return {"Out": op_resized(ins, attrs, "NEAREST")}


def op_grid_sampler(ins, attrs):
    """``grid_sampler``."""
    return {"Output": paddle.nn.functional.grid_sample(ins["X"], ins["Grid"])}


def op_affine_grid(ins, attrs):
    """``affine_grid``."""
    return {
        "Output": paddle.nn.functional.affine_grid(
            ins["Theta"], ins.get("OutputShape", attrs.get("output_shape"))
        )
    }


def op_accuracy(ins, attrs):
    """``accuracy``."""
    found = op_hits(ins["Indices"], ins["Label"])
    return dict(zip(("Accuracy", "Correct", "Total"), found))


def op_iou_similarity(ins, attrs):
    """``iou_similarity``."""
    return {"Out": iou_similarity(ins["X"], ins["Y"], attrs.get("box_normalized", True))}


def op_sequence_pool(ins, attrs):
    """``sequence_pool``."""
    return {
        "Out": sequence_pool(
            ins["X"], attrs.get("pooltype", "AVERAGE"), False, attrs.get("pad_value", 0.0)
        )
    }


def op_sequence_softmax(ins, attrs):
    """``sequence_softmax``."""
    return {"Out": sequence_softmax(ins["X"])}


def op_sequence_expand(ins, attrs):
    """``sequence_expand``."""
    return {"Out": sequence_expand(ins["X"], ins["Y"], attrs.get("ref_level", -1))}


def op_sequence_reverse(ins, attrs):
    """``sequence_reverse``."""
    return {"Y": sequence_reverse(ins["X"])}


def op_sgd(ins, attrs):
    """``sgd``."""
    return {"ParamOut": ins["Param"] - ins["LearningRate"] * ins["Grad"]}


def op_momentum(ins, attrs):
    """``momentum``."""
    found = op_moved(ins, attrs)
    return dict(zip(("ParamOut", "VelocityOut"), found))


def op_adagrad(ins, attrs):
    """``adagrad``."""
    found = op_by_sums(ins, attrs)
    return dict(zip(("ParamOut", "MomentOut"), found))


def op_adam(ins, attrs):
    """``adam``."""
    found = op_by_moments(ins, attrs)
    return dict(zip(("ParamOut", "Moment1Out", "Moment2Out", "Beta1PowOut", "Beta2PowOut"), found))


def op_print(ins, attrs):
    """``print``."""
    return {
        "Out": paddle.static.Print(
            ins["In"], attrs.get("first_n", -1), attrs.get("message"), attrs.get("summarize", 20)
        )
    }

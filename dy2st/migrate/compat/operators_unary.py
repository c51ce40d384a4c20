"""Operators that were put into programs by their type: one value in, one value out.

Each takes its inputs by slot and its attributes, with the operator's own defaults, and gives its
outputs by slot; ``append_op`` calls them.
"""

import paddle


def op_tanh(ins, attrs):
    """``tanh``."""
    return {"Out": paddle.tanh(ins["X"])}


def op_exp(ins, attrs):
    """``exp``."""
    return {"Out": paddle.exp(ins["X"])}


def op_sqrt(ins, attrs):
    """``sqrt``."""
    return {"Out": paddle.sqrt(ins["X"])}


def op_rsqrt(ins, attrs):
    """``rsqrt``."""
    return {"Out": paddle.rsqrt(ins["X"])}


def op_abs(ins, attrs):
    """``abs``."""
    return {"Out": paddle.abs(ins["X"])}


def op_ceil(ins, attrs):
    """``ceil``."""
    return {"Out": paddle.ceil(ins["X"])}


def op_floor(ins, attrs):
    """``floor``."""
    return {"Out": paddle.floor(ins["X"])}


def op_round(ins, attrs):
    """``round``."""
    return {"Out": paddle.round(ins["X"])}


def op_sin(ins, attrs):
    """``sin``."""
    return {"Out": paddle.sin(ins["X"])}


def op_cos(ins, attrs):
    """``cos``."""
    return {"Out": paddle.cos(ins["X"])}


def op_asin(ins, attrs):
    """``asin``."""
    return {"Out": paddle.asin(ins["X"])}


def op_acos(ins, attrs):
    """``acos``."""
    return {"Out": paddle.acos(ins["X"])}


def op_atan(ins, attrs):
    """``atan``."""
    return {"Out": paddle.atan(ins["X"])}


def op_reciprocal(ins, attrs):
    """``reciprocal``."""
    return {"Out": paddle.reciprocal(ins["X"])}


def op_log(ins, attrs):
    """``log``."""
    return {"Out": paddle.log(ins["X"])}


def op_log1p(ins, attrs):
    """``log1p``."""
    return {"Out": paddle.log1p(ins["X"])}


def op_square(ins, attrs):
    """``square``."""
    return {"Out": paddle.square(ins["X"])}


def op_sign(ins, attrs):
    """``sign``."""
    return {"Out": paddle.sign(ins["X"])}


def op_erf(ins, attrs):
    """``erf``."""
    return {"Out": paddle.erf(ins["X"])}


def op_logical_not(ins, attrs):
    """``logical_not``."""
    return {"Out": paddle.logical_not(ins["X"])}


def op_isfinite(ins, attrs):
    """``isfinite``."""
    return {"Out": isfinite(ins["X"])}


def op_relu(ins, attrs):
    """``relu``."""
    return {"Out": paddle.nn.functional.relu(ins["X"])}


def op_sigmoid(ins, attrs):
    """``sigmoid``."""
    return {"Out": paddle.nn.functional.sigmoid(ins["X"])}


def op_softsign(ins, attrs):
    """``softsign``."""
    return {"Out": paddle.nn.functional.softsign(ins["X"])}


def op_softplus(ins, attrs):
    """``softplus``."""
    return {"Out": paddle.nn.functional.softplus(ins["X"])}


def op_logsigmoid(ins, attrs):
    """``logsigmoid``."""
    return {"Out": paddle.nn.functional.log_sigmoid(ins["X"])}


def op_tanh_shrink(ins, attrs):
    """``tanh_shrink``."""
    return {"Out": paddle.nn.functional.tanhshrink(ins["X"])}


def op_gelu(ins, attrs):
    """``gelu``."""
    return {"Out": paddle.nn.functional.gelu(ins["X"], attrs.get("approximate", False))}


def op_relu6(ins, attrs):
    """``relu6``."""
    return {"Out": relu6(ins["X"], attrs.get("threshold", 6.0))}


def op_leaky_relu(ins, attrs):
    """``leaky_relu``."""
    return {"Out": paddle.nn.functional.leaky_relu(ins["X"], attrs.get("alpha", 0.02))}


def op_elu(ins, attrs):
    """``elu``."""
    return {"Out": paddle.nn.functional.elu(ins["X"], attrs.get("alpha", 1.0))}


def op_selu(ins, attrs):
    """``selu``."""
    return {"Out": selu(ins["X"], attrs.get("scale"), attrs.get("alpha"))}


def op_hard_sigmoid(ins, attrs):
    """``hard_sigmoid``."""
    return {"Out": hard_sigmoid(ins["X"], attrs.get("slope", 0.2), attrs.get("offset", 0.5))}


def op_hard_swish(ins, attrs):
    """``hard_swish``."""
    return {
        "Out": hard_swish(
            ins["X"],
            attrs.get("threshold", 6.0),
            attrs.get("scale", 6.0),
            attrs.get("offset", 3.0),
        )
    }


def op_swish(ins, attrs):
    """``swish``."""
    return {"Out": ins["X"] * paddle.nn.functional.sigmoid(attrs.get("beta", 1.0) * ins["X"])}


def op_hard_shrink(ins, attrs):
    """``hard_shrink``."""
    return {"Out": hard_shrink(ins["X"], attrs.get("threshold", 0.5))}


def op_softshrink(ins, attrs):
    """``softshrink``."""
    return {"Out": softshrink(ins["X"], attrs.get("lambda", 0.5))}


def op_thresholded_relu(ins, attrs):
    """``thresholded_relu``."""
    return {"Out": thresholded_relu(ins["X"], attrs.get("threshold", 1.0))}


def op_brelu(ins, attrs):
    """``brelu``."""
    return {"Out": brelu(ins["X"], attrs.get("t_min", 0.0), attrs.get("t_max", 24.0))}


def op_soft_relu(ins, attrs):
    """``soft_relu``."""
    return {"Out": soft_relu(ins["X"], attrs.get("threshold", 40.0))}


def op_stanh(ins, attrs):
    """``stanh``."""
    return {"Out": paddle.stanh(ins["X"], attrs.get("scale_a", 0.67), attrs.get("scale_b", 1.7159))}


def op_pow(ins, attrs):
    """``pow``."""
    return {"Out": pow_factor(ins["X"], ins.get("FactorTensor", attrs.get("factor", 1.0)))}


def op_scale(ins, attrs):
    """``scale``."""
    return {
        "Out": paddle.scale(
            ins["X"],
            ins.get("ScaleTensor", attrs.get("scale", 1.0)),
            attrs.get("bias", 0.0),
            attrs.get("bias_after_scale", True),
        )
    }


def op_clip(ins, attrs):
    """``clip``."""
    return {
        "Out": clip(ins["X"], ins.get("Min", attrs.get("min")), ins.get("Max", attrs.get("max")))
    }


def op_clip_by_norm(ins, attrs):
    """``clip_by_norm``."""
    return {"Out": clip_by_norm(ins["X"], attrs["max_norm"])}


def op_cast(ins, attrs):
    """``cast``."""
    return {"Out": paddle.cast(ins["X"], op_type_of(attrs["out_dtype"]))}


def op_assign(ins, attrs):
    """``assign``."""
    return {"Out": paddle.assign(ins["X"])}


def op_mean(ins, attrs):
    """``mean``."""
    return {"Out": mean(ins["X"])}


def op_cumsum(ins, attrs):
    """``cumsum``."""
    return {
        "Out": cumsum(
            ins["X"],
            attrs.get("axis", -1),
            attrs.get("exclusive", False),
            attrs.get("reverse", False),
        )
    }


def op_increment(ins, attrs):
    """``increment``."""
    return {"Out": ins["X"] + paddle.full([1], attrs.get("step", 1.0), ins["X"].dtype)}

"""Activations: ``act=`` by name, and functions whose constants changed."""

import copy

import paddle


def append_act(x, act):
    """The activation that a layer's ``act=`` names (or is), with the constants of Paddle 1.8."""
    if act is None:
        return x
    if callable(act):
        return act(x)
    if isinstance(act, dict):
        act = dict(act)
        return append_act_named(x, act.pop("type"), act)
    return append_act_named(x, act, {})


def append_act_named(x, act, attrs):
    """Activation ``act`` of ``x``; ``attrs`` are the operator's attributes that were given."""
    functional = paddle.nn.functional
    if act == "leaky_relu":
        return functional.leaky_relu(x, attrs.get("alpha", 0.02))
    if act == "hard_sigmoid":
        return hard_sigmoid(x, attrs.get("slope", 0.2), attrs.get("offset", 0.5))
    plain = {"hard_swish": hard_swish, "swish": swish, "logsigmoid": functional.log_sigmoid}
    if act in plain:
        return plain[act](x)
    if act in ("tanh_shrink", "hard_shrink"):
        return getattr(functional, act.replace("_", ""))(x, **attrs)
    if act == "brelu":
        return paddle.clip(x, attrs.get("t_min", 0.0), attrs.get("t_max", 24.0))
    for place in (functional, paddle):
        if hasattr(place, act):
            return getattr(place, act)(x, **attrs)
    own = globals().get(act) or globals().get("_fluid_" + act)  # a helper of the same name
    if own is None:
        raise ValueError(f"Paddle 3 has no activation {act!r}")
    return own(x, **attrs)


def hard_sigmoid(x, slope=0.2, offset=0.5, name=None):
    """``max(0, min(1, slope * x + offset))``; Paddle 3's default slope is 1/6."""
    return clip(slope * x + offset, 0.0, 1.0)


def hard_swish(x, threshold=6.0, scale=6.0, offset=3.0, name=None):
    """``x * clip(x + offset, 0, threshold) / scale``, with slope 1 from ``threshold`` on."""
    constant = without_gradient(x)
    moved = constant + offset
    slope = paddle.where(moved > 0, (2.0 * constant + offset) / scale, paddle.zeros_like(moved))
    slope = paddle.where(moved < threshold, slope, paddle.ones_like(slope))
    return constant * paddle.clip(moved, 0.0, threshold) / scale + (x - constant) * slope


def swish(x, beta=1.0, name=None):
    """``x * sigmoid(x)``: 1.8.5 takes ``beta`` and does not use it."""
    return paddle.nn.functional.swish(x)


def brelu(x, t_min=0.0, t_max=24.0, name=None):
    """``x`` held between ``t_min`` and ``t_max``."""
    return clip(x, t_min, t_max)


def soft_relu(x, threshold=40.0, name=None):
    """``log(1 + exp(x))`` with ``x`` held between -threshold and threshold."""
    constant = without_gradient(x)
    out = paddle.log(1 + paddle.exp(paddle.clip(constant, -threshold, threshold)))
    # 1.8's gradient looks at the result where it means its argument
    slope = (1.0 - paddle.exp(-out)) * (out < threshold).astype(x.dtype)
    return out + (x - constant) * slope


def relu6(x, threshold=6.0, name=None):
    """``min(max(0, x), threshold)``."""
    return paddle.clip(x, 0.0, threshold)


def mish(x, threshold=20, name=None):
    """``x * tanh(softplus(x))``; ``softplus`` is x above the threshold and exp(x) far below."""
    constant = without_gradient(x)
    power = paddle.exp(paddle.clip(constant, max=threshold))
    soft = paddle.where(constant < -threshold, power, paddle.log1p(power))
    soft = paddle.where(constant > threshold, constant, soft)
    return x * paddle.tanh(soft - paddle.expm1(-soft) * (x - constant))


def selu(x, scale=None, alpha=None, name=None):
    """Scaled exponential linear unit."""
    scale = 1.0507009873554805 if scale is None else scale
    alpha = 1.6732632423543772 if alpha is None else alpha
    return paddle.nn.functional.selu(x, scale, alpha)


def thresholded_relu(x, threshold=None):
    """``x`` where it is above the threshold, else 0."""
    return paddle.nn.functional.thresholded_relu(x, 1.0 if threshold is None else threshold)


def hard_shrink(x, threshold=None):
    """``x`` where its absolute value is above the threshold, else 0."""
    return x * (paddle.abs(x) > (0.5 if threshold is None else threshold)).astype(x.dtype)


def softshrink(x, alpha=None):
    """``x`` moved towards 0 by ``alpha``."""
    return paddle.nn.functional.softshrink(x, 0.5 if alpha is None else alpha)


def prelu(x, mode, param_attr=None, name=None):
    """``max(0, x) + alpha * min(0, x)`` with a learned ``alpha`` for all, a channel or an element."""
    shape = {"all": [1], "channel": [1, x.shape[1], 1, 1]}.get(mode)
    if shape is None:
        shape = [1, *x.shape[1:]]
    name = layer_name("prelu", name)
    alpha = new_parameter(
        shape, x.dtype, named(param_attr, name, "w"), paddle.nn.initializer.Constant(0.25)
    )
    if mode == "channel":
        alpha = alpha.reshape([x.shape[1]] + [1] * (len(x.shape) - 2))
    return paddle.maximum(x, paddle.zeros_like(x)) + alpha * paddle.minimum(x, paddle.zeros_like(x))


def named(attr, name, kind):
    """``attr`` with the parameter name that 1.8 made from a layer's ``name=``, counted by kind."""
    if name is None or attr is False:
        return attr
    attr = paddle.ParamAttr._to_attr(attr)
    if attr and attr.name is None:
        attr = copy.copy(attr)  # the caller may use it for another layer, which gets its own name
        attr.name = paddle.utils.unique_name.generate(f"{name}.{kind}")
    return attr


def layer_name(kind, name):
    """The layer's name, or the next one of its kind."""
    return name if name is not None else paddle.utils.unique_name.generate(kind)


def new_parameter(shape, dtype, attr, initializer, is_bias=False):
    """A parameter; the program's own where it has one of that name; None where ``attr`` is False."""
    if attr is False:
        return None
    attr = paddle.ParamAttr._to_attr(attr)
    if not paddle.in_dynamic_mode():  # Paddle 3's own counter outlives unique_name.guard()
        attr = named(attr, "parameter", "b" if is_bias else "w")
    shared = existing_parameter(attr.name)
    if shared is not None:
        return shared
    made = paddle.create_parameter(
        shape, dtype, attr=attr, is_bias=is_bias, default_initializer=initializer
    )
    return to_program_start(made)


def to_program_start(parameter):
    """A parameter that was made inside a block, moved to the program itself."""
    if hasattr(parameter, "get_defining_op"):
        op = parameter.get_defining_op()
        block = paddle.static.default_main_program().global_block()
        if op.get_parent_block() != block:
            op.move_before(block.front())
    return parameter


def existing_parameter(name, besides=None):
    """The parameter of that name in the program that is being built, or None.

    ``besides`` is one that was made just now: the program had it if there is another.
    """
    if name is None or paddle.in_dynamic_mode() or not paddle.framework.in_pir_mode():
        return None
    for op in paddle.static.default_main_program().global_block().ops:
        if op.name() == "builtin.parameter" and op.attrs()["parameter_name"] == name:
            if besides is None or not op.result(0).is_same(besides):
                return op.result(0)
    return None


def apply_layer(layer, *inputs):
    """``layer(*inputs)`` with the program's own parameters where it has some of these names."""
    if paddle.framework.in_pir_mode() and not paddle.in_dynamic_mode():
        for table in (layer._parameters, layer._buffers):
            for key, parameter in table.items():
                if parameter is not None:
                    table[key] = own_parameter(parameter)
    return layer(*inputs)


def own_parameter(parameter):
    """The program's parameter of the same name, if it had one before this was made; else this."""
    known = existing_parameter(parameter.name, besides=parameter)
    if known is None:
        return to_program_start(parameter)
    op = parameter.get_defining_op()
    op.get_parent_block().remove_op(op)
    return known

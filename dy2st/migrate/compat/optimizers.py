"""Optimizers, clipping and averages."""

import paddle


def minimize(optimizer, loss, startup_program=None, parameter_list=None, no_grad_set=None):
    """``optimizer.minimize`` that also takes parameters by name, and values of a copy's original."""
    if paddle.framework.in_pir_mode():
        adopt_values(paddle.static.default_main_program())
        loss = value_in(paddle.static.default_main_program(), loss)
    if parameter_list is not None:
        parameter_list = [parameter_by_name(loss, p) for p in parameter_list]
    made = optimizer.minimize(loss, startup_program, parameter_list, no_grad_set)
    return (made[0], in_creation_order(made[1])) if isinstance(made, tuple) else made


def gradients(targets, inputs, target_gradients=None, no_grad_set=None):
    """The gradients of ``targets`` with respect to ``inputs``; ``no_grad_set`` may hold names."""
    program = paddle.static.default_main_program()
    if paddle.framework.in_pir_mode():
        adopt_values(program)
        no_grad_set = [value_in(program, value) for value in no_grad_set or ()]
    return paddle.static.gradients(targets, inputs, target_gradients, set(no_grad_set or ()))


def backward(optimizer, loss, startup_program=None, parameter_list=None, *args, **kwargs):
    """``optimizer.backward`` that also takes parameters by name."""
    if parameter_list is not None:
        parameter_list = [parameter_by_name(loss, p) for p in parameter_list]
    pairs = optimizer.backward(loss, startup_program, parameter_list, *args, **kwargs)
    return in_creation_order(pairs)


def in_creation_order(pairs):
    """Pairs of parameters and gradients, in the order in which the parameters were made.

    As in 1.8 the gradient of ``w`` is known as ``w@GRAD``.
    """
    if paddle.in_dynamic_mode():
        return pairs
    program = paddle.static.default_main_program()
    declared.extend((program, f"{p.name}@GRAD", g) for p, g in pairs if g is not None)
    made = all_parameters(program)
    place = {p.name: n for n, p in enumerate(made)}
    return sorted(pairs, key=lambda pair: place.get(pair[0].name, len(made)))


def parameter_by_name(loss, parameter):
    """The parameter itself where its name is given."""
    if not isinstance(parameter, str):
        return parameter
    if hasattr(loss, "block") and not hasattr(loss, "get_defining_op"):
        return parameter  # Paddle's old IR takes names
    return value_by_name(paddle.static.default_main_program(), parameter)


def all_parameters(program):
    """The parameters of a program, a block or a program's stand-in, in the order of creation."""
    program = getattr(program, "program", program)
    block = program.global_block() if hasattr(program, "global_block") else program
    if not hasattr(block, "ops") or not paddle.framework.in_pir_mode():
        return program.all_parameters()
    found = {}
    for op in reversed(block.ops):  # each was put before those that were there
        own = op.name() == "builtin.parameter" and not op.has_attr("global_var")
        if own and is_model_parameter(op):
            found.setdefault(op.attrs()["parameter_name"], op.result(0))
    return list(found.values())


def apply_optimize(optimizer, loss, startup_program, params_grads):
    """Append the updates of parameters by their gradients."""
    if paddle.in_dynamic_mode():
        return optimizer._apply_optimize(loss, startup_program, params_grads)
    return optimizer.apply_gradients(params_grads)


program_clips = shared("program_clips", [])


def set_gradient_clip(clip, param_list=None, program=None):
    """Clipping of the gradients of a program's parameters, or of some of them (or their names)."""
    program = program if program is not None else paddle.static.default_main_program()
    chosen = param_list if param_list is not None else all_parameters(program)
    program_clips.append((program, clip, {p if isinstance(p, str) else p.name for p in chosen}))


class ProgramClip(paddle.nn.ClipGradByGlobalNorm):
    """What ``set_gradient_clip`` asked for the program that is being built; else nothing."""

    def __init__(self):
        super().__init__(1.0)

    def __call__(self, params_grads):
        """The clipped pairs; as in 1.8 nothing is clipped where one parameter was not named."""
        for program, clip, names in reversed(program_clips):
            if program is paddle.static.default_main_program():
                if all(p.name in names for p, g in params_grads if g is not None):
                    return clip(params_grads)
                return params_grads
        return params_grads


class ClipOfSome:
    """Clipping of the parameters of which ``need_clip`` says so."""

    def __call__(self, params_grads):
        """The pairs of parameter and gradient, clipped."""
        if self.need_clip is None:
            return super().__call__(params_grads)
        chosen = [(p, g) for p, g in params_grads if g is not None and self.need_clip(p)]
        clipped = {id(p): (p, g) for p, g in super().__call__(chosen)} if chosen else {}
        return [clipped.get(id(p), (p, g)) for p, g in params_grads]


class GradientClipByGlobalNorm(ClipOfSome, paddle.nn.ClipGradByGlobalNorm):
    """All gradients scaled so that their common length is at most ``clip_norm``."""

    def __init__(self, clip_norm, group_name="default_group", need_clip=None):
        super().__init__(clip_norm, group_name)
        self.need_clip = need_clip


class GradientClipByNorm(ClipOfSome, paddle.nn.ClipGradByNorm):
    """Each gradient scaled so that its length is at most ``clip_norm``."""

    def __init__(self, clip_norm, need_clip=None):
        super().__init__(clip_norm)
        self.need_clip = need_clip


class GradientClipByValue(ClipOfSome, paddle.nn.ClipGradByValue):
    """Gradients held between ``min`` (``-max`` by default) and ``max``."""

    def __init__(self, max, min=None, need_clip=None):
        super().__init__(max, -max if min is None else min)
        self.need_clip = need_clip

    def _pir_clip(self, params_grads):
        pairs = []
        for parameter, gradient in params_grads:
            if gradient is not None:
                gradient = paddle.clip(gradient, self.min, self.max)
            pairs.append((parameter, gradient))
        return pairs


def append_backward(loss, parameter_list=None, no_grad_set=None, callbacks=None, checkpoints=None):
    """Pairs of each trained parameter and its gradient; parameters may be given by name."""
    if parameter_list is not None:
        parameter_list = [parameter_by_name(loss, p) for p in parameter_list]
    if no_grad_set is not None:
        no_grad_set = {parameter_by_name(loss, p) for p in no_grad_set}
    pairs = paddle.static.append_backward(loss, parameter_list, no_grad_set, callbacks, checkpoints)
    return in_creation_order([(p, gradient) for p, gradient in pairs if gradient is not None])

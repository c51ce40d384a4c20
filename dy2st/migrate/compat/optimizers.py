"""Optimizers, clipping and averages."""

import paddle


def minimize(optimizer, loss, startup_program=None, parameter_list=None, no_grad_set=None):
    """``optimizer.minimize`` that also takes parameters by name."""
    if parameter_list is not None:
        parameter_list = [parameter_by_name(loss, p) for p in parameter_list]
    return optimizer.minimize(loss, startup_program, parameter_list, no_grad_set)


def parameter_by_name(loss, parameter):
    """The parameter itself where its name is given."""
    if not isinstance(parameter, str):
        return parameter
    if hasattr(loss, "block") and not hasattr(loss, "get_defining_op"):
        return parameter  # Paddle's old IR takes names
    return value_by_name(paddle.static.default_main_program(), parameter)


class ListedParameters(list):
    """Parameters of a program."""


def all_parameters(program):
    """The parameters of a program, a block or a program's stand-in, in the order of creation."""
    program = getattr(program, "program", program)
    block = program.global_block() if hasattr(program, "global_block") else program
    if not hasattr(block, "ops") or not paddle.framework.in_pir_mode():
        return program.all_parameters()
    found = []
    for op in block.ops:
        if op.name() == "builtin.parameter":
            value = op.result(0)
            if not value.stop_gradient and value not in found:
                found.append(value)
    return found


def set_gradient_clip(clip, param_list=None, program=None):
    """Clipping for all parameters of a program: given to the optimizers that come after."""
    raise NotImplementedError("give grad_clip= to the optimizer instead of set_gradient_clip")


class GradientClipByValue(paddle.nn.ClipGradByValue):
    """Gradients held between ``min`` (``-max`` by default) and ``max``."""

    def __init__(self, max, min=None, need_clip=None):
        super().__init__(max, -max if min is None else min)

    def _pir_clip(self, params_grads):
        pairs = []
        for parameter, gradient in params_grads:
            if gradient is not None:
                gradient = paddle.clip(gradient, self.min, self.max)
            pairs.append((parameter, gradient))
        return pairs


def Adadelta(
    learning_rate,
    epsilon=1e-06,
    rho=0.95,
    parameter_list=None,
    regularization=None,
    grad_clip=None,
    name=None,
):
    """Adadelta, whose ``learning_rate`` had no effect in 1.8."""
    return paddle.optimizer.Adadelta(
        1.0, epsilon, rho, parameter_list, regularization, grad_clip, name
    )


def ModelAverage(
    average_window_rate,
    min_average_window=10000,
    max_average_window=10000,
    regularization=None,
    name=None,
):
    """Averages of the parameters over a window of steps."""
    return paddle.incubate.ModelAverage(
        average_window_rate,
        min_average_window=min_average_window,
        max_average_window=max_average_window,
        name=name,
    )


def append_backward(loss, parameter_list=None, no_grad_set=None, callbacks=None, checkpoints=None):
    """Pairs of each trained parameter and its gradient."""
    pairs = paddle.static.append_backward(loss, parameter_list, no_grad_set, callbacks, checkpoints)
    return [(parameter, gradient) for parameter, gradient in pairs if gradient is not None]

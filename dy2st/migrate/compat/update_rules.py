"""Optimizers of 1.8 that Paddle 3 lacks or computes otherwise, written as formulas."""

import paddle


def first_rate(learning_rate):
    """What Paddle 3 takes as a rate; 1.0 for one that the program computes."""
    if hasattr(learning_rate, "get_defining_op"):
        return 1.0
    return float(learning_rate) if isinstance(learning_rate, int) else learning_rate


def follow_rate(optimizer, learning_rate):
    """Let an optimizer's steps use a rate that the program computes."""
    if hasattr(learning_rate, "get_defining_op"):
        optimizer._learning_rate_map[paddle.static.default_main_program()] = learning_rate
    return optimizer


def with_rate(optimizer, learning_rate, *args, **kwargs):
    """``optimizer(learning_rate, ...)``, where the rate may be a value that the program computes."""
    return follow_rate(optimizer(first_rate(learning_rate), *args, **kwargs), learning_rate)


class Adam(paddle.optimizer.Adam):
    """Adam as 1.8 computed it: ``epsilon`` is not corrected for the moments' start at 0."""

    def __init__(
        self,
        learning_rate=0.001,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-08,
        parameter_list=None,
        regularization=None,
        grad_clip=None,
        name=None,
        lazy_mode=False,
    ):
        super().__init__(
            first_rate(learning_rate),
            beta1,
            beta2,
            epsilon,
            parameter_list,
            regularization,
            grad_clip,
            lazy_mode,
            name=name,
        )
        follow_rate(self, learning_rate)
        self.plain_epsilon = epsilon

    def _append_optimize_op(self, block, param_and_grad):
        power = self._get_accumulator_master(self._beta2_pow_acc_str, param_and_grad[0])
        if paddle.in_dynamic_mode():
            self._epsilon = self.plain_epsilon / (1.0 - power.item()) ** 0.5
        else:
            self._epsilon = self.plain_epsilon / paddle.sqrt(1.0 - power)
        rows = rows_of_gradient(param_and_grad[1]) if self._lazy_mode else None
        if rows is not None and not paddle.in_dynamic_mode():
            return self.update_rows(*param_and_grad, rows)
        return super()._append_optimize_op(block, param_and_grad)

    def _create_param_lr(self, param_and_grad):
        """The rate; for the gradient of a sparse embedding, 1.8 corrected it one step ahead."""
        rate = super()._create_param_lr(param_and_grad)
        if paddle.in_dynamic_mode():  # its operator still does so
            return rate
        if rows_of_gradient(param_and_grad[1]) is None:
            return rate
        first, second = self.powers(param_and_grad[0])
        ahead = paddle.sqrt((1.0 - second * self._beta2) / (1.0 - second))
        return rate * ahead * (1.0 - first) / (1.0 - first * self._beta1)

    def powers(self, parameter):
        """How far each moment is from its start."""
        names = (self._beta1_pow_acc_str, self._beta2_pow_acc_str)
        return [self._get_accumulator_master(name, parameter) for name in names]

    def update_rows(self, parameter, gradient, rows):
        """A step of the rows that were looked up; the others stay as they are (``lazy_mode``)."""
        names = (self._moment1_acc_str, self._moment2_acc_str)
        moment, square = [self._get_accumulator_master(name, parameter) for name in names]
        first, second = self.powers(parameter)
        rate = self._create_param_lr((parameter, gradient))
        rate = rate * paddle.sqrt(1.0 - second) / (1.0 - first)
        with paddle.no_grad():
            rows = paddle.unsqueeze(rows, 1)
            nowhere = paddle.zeros([parameter.shape[0], 1], gradient.dtype)
            times = paddle.ones_like(rows).astype(gradient.dtype)
            looked_up = paddle.scatter_nd_add(nowhere, rows, times)
            new_moment = self._beta1 * moment + (1.0 - self._beta1) * gradient
            new_square = self._beta2 * square + (1.0 - self._beta2) * gradient * gradient
            step = rate * new_moment / (paddle.sqrt(new_square) + self.plain_epsilon)
            for new, old in (
                (parameter - step, parameter),
                (new_moment, moment),
                (new_square, square),
            ):
                write_update(paddle.where(looked_up > 0, new, old), old)
            write_update(first * self._beta1, first)
            write_update(second * self._beta2, second)


def rows_of_gradient(gradient):
    """The rows that a sparse embedding's gradient is of; None for a gradient of all rows.

    Programs of Paddle 3.3 compute it whole, so the rows are the ids that were looked up.
    """
    if paddle.in_dynamic_mode():
        return () if gradient.is_selected_rows() else None
    op = gradient.get_defining_op()
    name = op.name().split(".")[-1] if op is not None else ""
    if name == "embedding_grad":
        ids = op.operands_source()[0]
        sparse = any(user.has_attr("sparse_rows") for user in ids.all_used_ops())
        return paddle.reshape(ids, [-1]).astype("int64") if sparse else None
    if name in ("multiply", "scale", "clip", "clip_by_norm"):  # what gradient clipping does
        return rows_of_gradient(op.operands_source()[0])
    if name in ("add", "add_n", "combine"):
        found = [rows_of_gradient(part) for part in op.operands_source()]
        return None if any(part is None for part in found) else paddle.concat(found)
    return None


class Optimizer(paddle.optimizer.Optimizer):
    """What optimizers of a project's own derive from, with the arguments of 1.8."""

    def __init__(
        self, learning_rate, parameter_list=None, regularization=None, grad_clip=None, name=None
    ):
        rate = first_rate(learning_rate)
        super().__init__(rate, parameter_list, regularization, grad_clip, name)
        follow_rate(self, learning_rate)

    def _apply_optimize(self, loss, startup_program, params_grads, *more):
        if paddle.in_dynamic_mode():
            return super()._apply_optimize(loss, startup_program, params_grads, *more)
        return self.apply_gradients(params_grads)  # which a project may have replaced


class FormulaOptimizer(Optimizer):
    """An optimizer whose step is ``update(p, g, rate, *state)``: the new ``p`` and state.

    ``state`` names what is kept for each parameter beside it, 0 at first; names with ``shape_1``
    hold one number, others have the parameter's shape.
    """

    state = ()
    shape_1 = ()

    def _create_accumulators(self, block, parameters):
        for parameter in parameters:
            for name in self.state:
                shape = [1] if name in self.shape_1 else None
                self._add_accumulator(name, parameter, shape=shape)

    def _append_optimize_op(self, block, param_and_grad):
        parameter, gradient = param_and_grad
        state = [self._get_accumulator(name, parameter) for name in self.state]
        rate = self._create_param_lr(param_and_grad)
        if paddle.in_dynamic_mode() and not isinstance(rate, paddle.Tensor):
            rate = paddle.to_tensor(rate, parameter.dtype)
        with paddle.no_grad():
            new = self.update(parameter, gradient, rate, *state)
            for value, target in zip(new, [parameter, *state]):
                write_update(value, target)

    def update(self, p, g, rate, *state):
        """The parameter and the state after a step."""
        raise NotImplementedError


def write_update(value, target):
    """Write what only training changes; test clones of a program are made without it."""
    fixed = target.stop_gradient
    paddle.assign(value, target)
    target.stop_gradient = fixed  # ``no_grad`` marks what is written
    if not paddle.in_dynamic_mode():
        op = paddle.static.default_main_program().global_block().back()
        op.set_bool_attr("optimizer_step", True)


class DecayedAdagrad(FormulaOptimizer):
    """Adagrad with a decaying sum of squares."""

    state = ("moment",)

    def __init__(
        self,
        learning_rate,
        decay=0.95,
        epsilon=1e-06,
        parameter_list=None,
        regularization=None,
        grad_clip=None,
        name=None,
    ):
        super().__init__(learning_rate, parameter_list, regularization, grad_clip, name)
        self.decay, self.epsilon = decay, epsilon

    def update(self, p, g, rate, moment):
        """The parameter and the decayed sum of squares after a step."""
        moment = self.decay * moment + (1 - self.decay) * g * g
        return p - rate * g / (paddle.sqrt(moment) + self.epsilon), moment


class Ftrl(FormulaOptimizer):
    """Follow the regularised leader (McMahan et al., "Ad Click Prediction")."""

    state = ("squared", "linear")

    def __init__(
        self,
        learning_rate,
        l1=0.0,
        l2=0.0,
        lr_power=-0.5,
        parameter_list=None,
        regularization=None,
        grad_clip=None,
        name=None,
    ):
        super().__init__(learning_rate, parameter_list, regularization, grad_clip, name)
        self.l1, self.l2, self.power = l1, l1, -lr_power  # 1.8 took l1 for both

    def update(self, p, g, rate, squared, linear):
        """The parameter, the sum of squares and the linear term after a step."""
        total = squared + g * g
        before, after = paddle.pow(squared, self.power), paddle.pow(total, self.power)
        linear = linear + g - (after - before) / rate * p
        p = (self.l1 * paddle.sign(linear) - linear) / (after / rate + 2 * self.l2)
        return paddle.where(paddle.abs(linear) > self.l1, p, paddle.zeros_like(p)), total, linear


class Dpsgd(FormulaOptimizer):
    """SGD with a clipped gradient and one normal random number added to it."""

    def __init__(
        self, learning_rate=0.001, clip=0.9, batch_size=0.999, sigma=1e-08, parameter_list=None
    ):
        super().__init__(learning_rate, parameter_list)
        self.clip, self.batch_size, self.sigma = clip, batch_size, sigma

    def update(self, p, g, rate):
        """The parameter after a step."""
        norm = paddle.sqrt(paddle.sum(g * g))
        noise = paddle.normal(0.0, 1.0, [1]) * (self.sigma / self.batch_size)
        return (p - rate * (g / paddle.clip(norm / self.clip, min=1.0) + noise),)


class LarsMomentum(FormulaOptimizer):
    """Momentum with a rate for each parameter, from its length and its gradient's."""

    state = ("velocity",)

    def __init__(
        self,
        learning_rate,
        momentum,
        lars_coeff=0.001,
        lars_weight_decay=0.0005,
        parameter_list=None,
        regularization=None,
        grad_clip=None,
        name=None,
    ):
        super().__init__(learning_rate, parameter_list, regularization, grad_clip, name)
        self.momentum, self.coefficient, self.decay = momentum, lars_coeff, lars_weight_decay

    def update(self, p, g, rate, velocity):
        """The parameter and its velocity after a step."""
        length, steep = paddle.sqrt(paddle.sum(p * p)), paddle.sqrt(paddle.sum(g * g))
        own = rate * self.coefficient * length / (steep + self.decay * length)
        own = paddle.where(paddle.logical_and(length > 0, steep > 0), own, rate + 0 * length)
        velocity = self.momentum * velocity + own * (g + self.decay * p)
        return p - velocity, velocity


class Adadelta(FormulaOptimizer):
    """Adadelta, whose ``learning_rate`` has no effect."""

    state = ("avg_squared_grad", "avg_squared_update")

    def __init__(
        self,
        learning_rate,
        epsilon=1e-06,
        rho=0.95,
        parameter_list=None,
        regularization=None,
        grad_clip=None,
        name=None,
    ):
        super().__init__(learning_rate, parameter_list, regularization, grad_clip, name)
        self.epsilon, self.rho = epsilon, rho

    def update(self, p, g, rate, squares, moves):
        """The parameter and the two averages after a step."""
        squares = self.rho * squares + (1 - self.rho) * g * g
        ratio = (moves + self.epsilon) / (squares + self.epsilon)
        moves = self.rho * moves + (1 - self.rho) * ratio * g * g
        # 1.8's kernel looks at the average after this step, which the paper does not
        move = paddle.sqrt((moves + self.epsilon) / (squares + self.epsilon)) * g
        return p - move, squares, moves


class Lamb(FormulaOptimizer):
    """Layer-wise adaptive moments, without today's correction of the moments' start."""

    state = ("moment1", "moment2")

    def __init__(
        self,
        learning_rate=0.001,
        lamb_weight_decay=0.01,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-06,
        parameter_list=None,
        regularization=None,
        grad_clip=None,
        exclude_from_weight_decay_fn=None,
        name=None,
    ):
        super().__init__(learning_rate, parameter_list, regularization, grad_clip, name)
        self.decay, self.epsilon = lamb_weight_decay, epsilon
        self.betas, self.without_decay = (beta1, beta2), exclude_from_weight_decay_fn

    def update(self, p, g, rate, first, second):
        """The parameter and its two moments after a step."""
        decay = 0.0 if self.without_decay is not None and self.without_decay(p) else self.decay
        first = self.betas[0] * first + (1 - self.betas[0]) * g
        second = self.betas[1] * second + (1 - self.betas[1]) * g * g
        move = first / (paddle.sqrt(second) + self.epsilon) + decay * p
        length, step = paddle.sqrt(paddle.sum(p * p)), paddle.sqrt(paddle.sum(move * move))
        known = paddle.logical_and(length > 0, step > 0)
        trust = paddle.where(known, length / step, paddle.ones_like(length))
        return p - rate * trust * move, first, second


class RecomputeOptimizer:
    """The inner optimizer: what 1.8 computed again backwards is kept instead (same numbers)."""

    def __init__(self, optimizer):
        self.inner = optimizer

    def _set_checkpoints(self, checkpoints):
        self.checkpoints = checkpoints

    def load(self, stat_dict):
        """There was none in 1.8 either."""
        raise NotImplementedError("load function is not supported by Recompute Optimizer for now")

    def __getattr__(self, name):
        return getattr(self.__dict__["inner"], name)


class LookaheadOptimizer:
    """Every ``k`` steps the parameters go back to ``alpha`` of the way from the slow ones."""

    def __init__(self, inner_optimizer, alpha=0.5, k=5):
        self.inner_optimizer, self.alpha, self.k = inner_optimizer, alpha, k

    def minimize(self, loss, startup_program=None):
        """The inner optimizer's step, then the slow parameters' every ``k`` steps."""
        result = self.inner_optimizer.minimize(loss, startup_program)
        step = create_global_var([1], 0, "int32", persistable=True, name="lookahead_step")
        paddle.increment(step)
        paddle.static.default_main_program().global_block().back().set_bool_attr(
            "optimizer_step", True
        )
        due = paddle.equal(
            paddle.mod(step, paddle.full([1], self.k, "int32")), paddle.zeros([1], "int32")
        )
        for fast in all_parameters(paddle.static.default_main_program()):
            attr = paddle.ParamAttr(name=fast.name + "@SLOW", trainable=False)
            slow = paddle.create_parameter(
                list(fast.shape), fast.dtype, attr=attr, default_initializer=SameStart(fast.name)
            )
            mixed = fast * self.alpha + slow * (1.0 - self.alpha)
            write_update(paddle.where(due, mixed, slow), slow)
            write_update(paddle.where(due, mixed, fast), fast)
        return result


class SameStart(paddle.nn.initializer.Initializer):
    """The initial value of another parameter of the startup program."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def forward(self, var, block=None):
        """The value that the startup program sets that parameter to."""
        for op in block.ops:
            if op.name() == "builtin.set_parameter":
                if op.attrs()["parameter_name"] == self.name:
                    return paddle.assign(op.operand_source(0))
        raise ValueError(f"the startup program has no parameter {self.name!r}")

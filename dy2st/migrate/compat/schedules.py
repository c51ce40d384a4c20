"""Learning-rate decay that counts runs of the program (or optimizer steps) by itself."""

import math

import numpy as np
import paddle


class LearningRateDecay(paddle.optimizer.lr.LRScheduler):
    """What dynamic schedules derive from: ``step()`` gives the rate of step ``step_num``.

    As in 1.8 nobody counts by hand: each optimizer step in a dynamic graph asks for the rate once.
    """

    def __init__(self, begin=0, step=1, dtype="float32"):
        self.step_num, self.step_size, self.dtype = begin, step, dtype
        self.base_lr = self.last_lr = 0.0
        self.last_epoch, self.verbose, self._var_name = 0, False, None

    def create_lr_var(self, lr):
        """The rate as a tensor of shape [1]."""
        return paddle.full([1], float(lr), self.dtype)

    def step(self):
        """The rate of this step."""
        raise NotImplementedError()

    def get_lr(self):
        """The rate of the step that comes next, as a number."""
        rate = self.step()
        return float(rate.item() if isinstance(rate, paddle.Tensor) else rate)

    def __call__(self):
        self.last_lr = self.get_lr()
        self.step_num += self.step_size
        return self.last_lr

    def _state_keys(self):
        self.keys = ["step_num"]

    def state_keys(self):
        """What is saved with an optimizer."""
        self._state_keys()


@shared_class
class StepwiseDecay(LearningRateDecay):
    """A schedule for static programs too: the learning rate is ``rule(number)``.

    There the number is that of the run, counted in the program as ``@LR_DECAY_COUNTER@``; so it is
    saved with what outlives a run, and starts again with the startup program. ``Executor`` sets the
    rate before each run.
    """

    def __init__(self, begin=0, step=1, dtype="float32"):
        super().__init__(begin, step, dtype)
        self.last_lr = float(self.rule(begin))
        if not paddle.in_dynamic_mode():
            decay_counter(begin)
            self.program = paddle.static.default_main_program()
            schedules.append(self)

    def rule(self, n):
        """The rate of step ``n``."""
        raise NotImplementedError()

    def get_lr(self):
        """The rate of the step that comes next, as a number."""
        return float(self.rule(self.step_num))

    def step(self):
        """The rate of this step."""
        rate = self.rule(self.step_num)
        return self.create_lr_var(rate) if paddle.in_dynamic_mode() else rate

    def before_run(self):
        """The rate for this run of a program."""
        tensor = paddle.static.global_scope().find_var("@LR_DECAY_COUNTER@")
        if tensor is not None:
            self.step_num = int(np.array(tensor.get_tensor()).item()) + 1
        self.last_lr = self.get_lr()
        return self.last_lr

    def __call__(self):
        return super().__call__() if paddle.in_dynamic_mode() else self.last_lr

    def __mul__(self, other):
        return changed_rate(self, other, lambda rate, number: rate * number)

    def __truediv__(self, other):
        return changed_rate(self, other, lambda rate, number: rate / number)

    def __add__(self, other):
        return changed_rate(self, other, lambda rate, number: rate + number)

    def __sub__(self, other):
        return changed_rate(self, other, lambda rate, number: rate - number)

    __rmul__, __radd__ = __mul__, __add__


schedules = shared("schedules", [])


def decay_counter(begin):
    """The program's one counter of decay steps; its first user decides where it begins."""
    first = existing_parameter("@LR_DECAY_COUNTER@") is None
    counter = autoincreased_step_counter("@LR_DECAY_COUNTER@", begin)
    if first and paddle.framework.in_pir_mode():
        counter.all_used_ops()[0].set_bool_attr("counts_decay", True)
    return counter


def rate_value(schedule):
    """The rate of a schedule as a value of the program; ``Executor`` sets it before each run."""
    name = getattr(schedule, "_var_name", None)
    value = existing_parameter(name)
    if value is None:
        schedule._var_name = name or paddle.utils.unique_name.generate("learning_rate")
        value = create_global_var(
            [1], schedule(), "float32", persistable=True, name=schedule._var_name
        )
    return value


def current_step_lr(optimizer):
    """The rate of the optimizer's last step (before the first step: of that one)."""
    rate = optimizer._global_learning_rate()
    if isinstance(rate, paddle.Tensor):
        return rate.numpy().reshape([-1])[0]
    schedule = optimizer._learning_rate
    if hasattr(schedule, "before_run"):
        return schedule.get_lr()
    return schedule.last_lr if hasattr(schedule, "last_lr") else schedule


def global_learning_rate(optimizer, program=None):
    """The optimizer's rate in a program as a value of shape [1]."""
    rate = optimizer._global_learning_rate(program)
    if rate is None or not isinstance(rate, paddle.pir.Value):
        return rate if rate is None else paddle.reshape(rate, [1])
    with paddle.static.program_guard(rate.get_defining_op().get_parent_block().program):
        return paddle.reshape(rate, [1])


def rate_at(learning_rate, step):
    """``learning_rate`` itself, or what a schedule says for this step."""
    return learning_rate.rule(step) if hasattr(learning_rate, "before_run") else learning_rate


def noam_decay(d_model, warmup_steps, learning_rate=1.0):
    """The Transformer's rate: rising linearly, then with the inverse square root."""
    return NoamDecay(d_model, warmup_steps, learning_rate=learning_rate)


class NoamDecay(StepwiseDecay):
    """The Transformer's rate: rising linearly, then with the inverse square root."""

    def __init__(self, d_model, warmup_steps, begin=1, step=1, dtype="float32", learning_rate=1.0):
        self.d_model, self.warmup_steps, self.learning_rate = d_model, warmup_steps, learning_rate
        super().__init__(begin, step, dtype)

    def rule(self, n):
        """The rate of step ``n``."""
        slower = min(n**-0.5, self.warmup_steps**-1.5 * n)
        return self.learning_rate * self.d_model**-0.5 * slower


class RatioDecay(StepwiseDecay):
    """Schedules by the share of ``decay_steps`` that has passed."""

    def __init__(
        self,
        learning_rate,
        decay_steps,
        decay_rate,
        staircase=False,
        begin=0,
        step=1,
        dtype="float32",
    ):
        self.learning_rate, self.decay_steps = learning_rate, decay_steps
        self.decay_rate, self.staircase = decay_rate, staircase
        super().__init__(begin, step, dtype)

    def ratio(self, n):
        """The share that has passed, in whole parts for ``staircase``."""
        return n // self.decay_steps if self.staircase else n / self.decay_steps


def exponential_decay(learning_rate, decay_steps, decay_rate, staircase=False):
    """``learning_rate * decay_rate ** (step / decay_steps)``."""
    return ExponentialDecay(learning_rate, decay_steps, decay_rate, staircase)


class ExponentialDecay(RatioDecay):
    """``learning_rate * decay_rate ** (step / decay_steps)``."""

    def rule(self, n):
        """The rate of step ``n``."""
        return self.learning_rate * self.decay_rate ** self.ratio(n)


def natural_exp_decay(learning_rate, decay_steps, decay_rate, staircase=False):
    """``learning_rate * exp(-decay_rate * step / decay_steps)``."""
    return NaturalExpDecay(learning_rate, decay_steps, decay_rate, staircase)


class NaturalExpDecay(RatioDecay):
    """``learning_rate * exp(-decay_rate * step / decay_steps)``."""

    def rule(self, n):
        """The rate of step ``n``."""
        return self.learning_rate * math.exp(-self.decay_rate * self.ratio(n))


def inverse_time_decay(learning_rate, decay_steps, decay_rate, staircase=False):
    """``learning_rate / (1 + decay_rate * step / decay_steps)``."""
    return InverseTimeDecay(learning_rate, decay_steps, decay_rate, staircase)


class InverseTimeDecay(RatioDecay):
    """``learning_rate / (1 + decay_rate * step / decay_steps)``."""

    def rule(self, n):
        """The rate of step ``n``."""
        return self.learning_rate / (1 + self.decay_rate * self.ratio(n))


def polynomial_decay(learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False):
    """From ``learning_rate`` to ``end_learning_rate`` by a power of the steps that are left."""
    return PolynomialDecay(learning_rate, decay_steps, end_learning_rate, power, cycle)


class PolynomialDecay(StepwiseDecay):
    """From ``learning_rate`` to ``end_learning_rate`` by a power of the steps that are left."""

    def __init__(
        self,
        learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        begin=0,
        step=1,
        dtype="float32",
    ):
        self.learning_rate, self.decay_steps = learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle = end_learning_rate, power, cycle
        super().__init__(begin, step, dtype)

    def rule(self, n):
        """The rate of step ``n``."""
        steps = self.decay_steps
        if self.cycle:
            steps = steps * max(math.ceil(n / steps), 1)
        else:
            n = min(n, steps)
        range_of_rates = self.learning_rate - self.end_learning_rate
        return range_of_rates * (1 - n / steps) ** self.power + self.end_learning_rate


def piecewise_decay(boundaries, values):
    """``values[i]`` up to step ``boundaries[i]``, the last value afterwards."""
    return PiecewiseDecay(boundaries, values, 0)


class PiecewiseDecay(StepwiseDecay):
    """``values[i]`` up to step ``boundaries[i]``, the last value afterwards."""

    def __init__(self, boundaries, values, begin, step=1, dtype="float32"):
        self.boundaries, self.values = boundaries, values
        super().__init__(begin, step, dtype)

    def rule(self, n):
        """The rate of step ``n``."""
        for boundary, value in zip(self.boundaries, self.values):
            if n < boundary:
                return value
        return self.values[len(self.boundaries)]

    def step(self):
        """The rate of this step; before the last boundary 1.8 gave the number itself."""
        before_last = any(self.step_num < boundary for boundary in self.boundaries)
        return self.rule(self.step_num) if before_last else super().step()


def cosine_decay(learning_rate, step_each_epoch, epochs):
    """Half a cosine wave over the epochs."""
    return CosineDecay(learning_rate, step_each_epoch, epochs)


class CosineDecay(StepwiseDecay):
    """Half a cosine wave over the epochs."""

    def __init__(self, learning_rate, step_each_epoch, epochs, begin=0, step=1, dtype="float32"):
        self.learning_rate, self.step_each_epoch = learning_rate, step_each_epoch
        self.epochs = epochs
        super().__init__(begin, step, dtype)

    def rule(self, n):
        """The rate of step ``n``."""
        angle = (n // self.step_each_epoch) * math.pi / self.epochs
        return self.learning_rate * 0.5 * (math.cos(angle) + 1)


class linear_lr_warmup(StepwiseDecay):
    """A line from ``start_lr`` to ``end_lr``, then the rate or schedule that was given."""

    def __init__(self, learning_rate, warmup_steps, start_lr, end_lr):
        self.learning_rate, self.warmup_steps = learning_rate, warmup_steps
        self.start_lr, self.end_lr = start_lr, end_lr
        super().__init__()

    def rule(self, n):
        """The rate of step ``n``."""
        if n < self.warmup_steps:
            return self.start_lr + (self.end_lr - self.start_lr) * n / self.warmup_steps
        return rate_at(self.learning_rate, n)


class LinearLrWarmup(LearningRateDecay):
    """A line from 0 (1.8 forgets ``start_lr``) to the end, then what was given.

    As in 1.8 a schedule that comes afterwards counts from the first step on, by itself.
    """

    def __init__(
        self, learning_rate, warmup_steps, start_lr, end_lr, begin=1, step=1, dtype="float32"
    ):
        super().__init__(begin, step, dtype)
        self.learning_rate, self.warmup_steps = learning_rate, warmup_steps
        self.lr_ratio_before_warmup = (float(end_lr) - float(start_lr)) / float(warmup_steps)

    def step(self):
        """The rate of this step."""
        schedule = callable(self.learning_rate)
        afterwards = self.learning_rate() if schedule else self.learning_rate
        if self.step_num < self.warmup_steps:
            return self.lr_ratio_before_warmup * self.step_num
        return afterwards


class EpochDecay(LearningRateDecay):
    """A rate ``rule(number)`` that changes when ``epoch()`` is called."""

    def __init__(self, learning_rate):
        self.base_lr, self.epoch_num, self.dtype = float(learning_rate), -1, "float32"
        self.last_epoch, self.verbose, self._var_name = 0, False, None
        self.epoch()

    def rule(self, n):
        """The rate of epoch ``n``."""
        raise NotImplementedError()

    def get_lr(self):
        """The rate of the present epoch."""
        return float(self.rule(self.epoch_num))

    def epoch(self, epoch=None):
        """Go to the next epoch, or to the one that is named."""
        self.epoch_num = self.epoch_num + 1 if epoch is None else epoch
        self.last_lr = self.learning_rate = self.get_lr()

    def __call__(self):
        self.last_lr = float(self.learning_rate)
        return self.last_lr

    def _state_keys(self):
        self.keys = ["epoch_num", "learning_rate"]


class StepDecay(EpochDecay):
    """``decay_rate`` once every ``step_size`` epochs."""

    def __init__(self, learning_rate, step_size, decay_rate=0.1):
        self.step_size, self.decay_rate = step_size, decay_rate
        super().__init__(learning_rate)

    def rule(self, n):
        """The rate of epoch ``n``."""
        return self.base_lr * self.decay_rate ** (n // self.step_size)


class MultiStepDecay(EpochDecay):
    """``decay_rate`` once at every milestone."""

    def __init__(self, learning_rate, milestones, decay_rate=0.1):
        self.milestones, self.decay_rate = milestones, decay_rate
        super().__init__(learning_rate)

    def rule(self, n):
        """The rate of epoch ``n``."""
        return self.base_lr * self.decay_rate ** len([m for m in self.milestones if n >= m])


class LambdaDecay(EpochDecay):
    """``learning_rate * lr_lambda(epoch)``."""

    def __init__(self, learning_rate, lr_lambda):
        self.lr_lambda = lr_lambda
        super().__init__(learning_rate)

    def rule(self, n):
        """The rate of epoch ``n``."""
        return self.base_lr * self.lr_lambda(n)


class ReduceLROnPlateau(LearningRateDecay):
    """A rate that ``step(loss)`` lowers when the loss has not improved for ``patience`` calls."""

    def __init__(
        self,
        learning_rate,
        mode="min",
        decay_rate=0.1,
        patience=10,
        verbose=False,
        threshold=0.0001,
        threshold_mode="rel",
        cooldown=0,
        min_lr=0,
        eps=1e-08,
        dtype="float32",
    ):
        super().__init__(dtype=dtype)
        self.learning_rate = self.last_lr = self.base_lr = float(learning_rate)
        self.sign = {"min": 1.0, "max": -1.0}[mode.lower()]
        self.decay_rate, self.patience, self.min_lr, self.eps = decay_rate, patience, min_lr, eps
        self.threshold, self.relative = threshold, threshold_mode.lower() == "rel"
        self.cooldown, self.cooldown_counter, self.epoch_num = cooldown, 0, 0
        self.num_bad_epochs, self.best_loss = 0, None

    def __call__(self):
        self.last_lr = self.learning_rate
        return self.last_lr

    def _state_keys(self):
        self.keys = "cooldown_counter best_loss num_bad_epochs epoch_num learning_rate".split()

    def step(self, loss):
        """Look at a loss."""
        loss = float(loss.item())
        self.epoch_num += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            return
        room = self.sign * self.threshold * ((self.best_loss or 0.0) if self.relative else 1.0)
        if self.best_loss is None or self.sign * loss < self.sign * (self.best_loss - room):
            self.best_loss, self.num_bad_epochs = loss, 0
        else:
            self.num_bad_epochs += 1
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            new = max(self.learning_rate * self.decay_rate, self.min_lr)
            if self.learning_rate - new > self.eps:
                self.learning_rate = new

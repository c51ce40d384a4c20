"""Learning-rate decay that counts runs of the program (or optimizer steps) by itself."""

import math

import paddle


class StepwiseDecay(paddle.optimizer.lr.LRScheduler):
    """The learning rate ``rule(number)`` of the run (or optimizer step) with that number.

    As in 1.8 nobody calls ``step()``: ``Executor`` counts the runs of static programs, and each
    optimizer step in a dynamic graph asks for the rate once.
    """

    def __init__(self, rule, begin=0, step=1):
        self.rule = rule
        begin = shared_begin(begin)
        self.step_num = begin
        self.step_size = step
        self.started = False
        super().__init__(learning_rate=float(rule(begin)))
        schedules.append(self)

    def get_lr(self):
        """The rate of the step that comes next."""
        return float(self.rule(self.step_num))

    def before_run(self):
        """The rate for this run; the next one counts further."""
        self.last_lr = self.get_lr()
        self.started = True
        self.step_num += self.step_size
        return self.last_lr

    def __call__(self):
        if paddle.in_dynamic_mode():
            return self.before_run()
        return self.last_lr


schedules = []
decay_begins = []


def shared_begin(begin):
    """Where a program's one counter of decay steps begins: its first user decides."""
    if paddle.in_dynamic_mode():
        return begin
    program = paddle.static.default_main_program()
    for known, first in decay_begins:
        if known is program:
            return first
    decay_begins.append((program, begin))
    return begin


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
    """The rate of the last step (before the first step: of that one)."""
    schedule = optimizer._learning_rate
    return schedule.last_lr if isinstance(schedule, StepwiseDecay) else optimizer.get_lr()


def rate_at(learning_rate, step):
    """``learning_rate`` itself, or what a schedule says for this step."""
    return learning_rate.rule(step) if isinstance(learning_rate, StepwiseDecay) else learning_rate


def noam_decay(d_model, warmup_steps, learning_rate=1.0):
    """The Transformer's rate: rising linearly, then with the inverse square root."""
    return NoamDecay(d_model, warmup_steps, learning_rate=learning_rate)


def NoamDecay(d_model, warmup_steps, begin=1, step=1, dtype="float32", learning_rate=1.0):
    """The Transformer's rate: rising linearly, then with the inverse square root."""

    def rule(n):
        return learning_rate * d_model**-0.5 * min(n**-0.5, warmup_steps**-1.5 * n)

    return StepwiseDecay(rule, begin, step)


def ratio_decay(formula, decay_steps, staircase, begin, step):
    """The rate that ``formula`` gives for the share of ``decay_steps`` that has passed."""
    ratio = lambda n: n // decay_steps if staircase else n / decay_steps
    return StepwiseDecay(lambda n: formula(ratio(n)), begin, step)


def exponential_decay(learning_rate, decay_steps, decay_rate, staircase=False):
    """``learning_rate * decay_rate ** (step / decay_steps)``."""
    return ExponentialDecay(learning_rate, decay_steps, decay_rate, staircase)


def ExponentialDecay(
    learning_rate, decay_steps, decay_rate, staircase=False, begin=0, step=1, dtype="float32"
):
    """``learning_rate * decay_rate ** (step / decay_steps)``."""
    formula = lambda ratio: learning_rate * decay_rate**ratio
    return ratio_decay(formula, decay_steps, staircase, begin, step)


def natural_exp_decay(learning_rate, decay_steps, decay_rate, staircase=False):
    """``learning_rate * exp(-decay_rate * step / decay_steps)``."""
    return NaturalExpDecay(learning_rate, decay_steps, decay_rate, staircase)


def NaturalExpDecay(
    learning_rate, decay_steps, decay_rate, staircase=False, begin=0, step=1, dtype="float32"
):
    """``learning_rate * exp(-decay_rate * step / decay_steps)``."""
    formula = lambda ratio: learning_rate * math.exp(-decay_rate * ratio)
    return ratio_decay(formula, decay_steps, staircase, begin, step)


def inverse_time_decay(learning_rate, decay_steps, decay_rate, staircase=False):
    """``learning_rate / (1 + decay_rate * step / decay_steps)``."""
    return InverseTimeDecay(learning_rate, decay_steps, decay_rate, staircase)


def InverseTimeDecay(
    learning_rate, decay_steps, decay_rate, staircase=False, begin=0, step=1, dtype="float32"
):
    """``learning_rate / (1 + decay_rate * step / decay_steps)``."""
    formula = lambda ratio: learning_rate / (1 + decay_rate * ratio)
    return ratio_decay(formula, decay_steps, staircase, begin, step)


def polynomial_decay(learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False):
    """From ``learning_rate`` to ``end_learning_rate`` by a power of the steps that are left."""
    return PolynomialDecay(learning_rate, decay_steps, end_learning_rate, power, cycle)


def PolynomialDecay(
    learning_rate,
    decay_steps,
    end_learning_rate=0.0001,
    power=1.0,
    cycle=False,
    begin=0,
    step=1,
    dtype="float32",
):
    """From ``learning_rate`` to ``end_learning_rate`` by a power of the steps that are left."""

    def rule(n):
        steps = decay_steps
        if cycle:
            steps = decay_steps * max(math.ceil(n / decay_steps), 1)
        else:
            n = min(n, decay_steps)
        return (learning_rate - end_learning_rate) * (1 - n / steps) ** power + end_learning_rate

    return StepwiseDecay(rule, begin, step)


def piecewise_decay(boundaries, values):
    """``values[i]`` up to step ``boundaries[i]``, the last value afterwards."""
    return PiecewiseDecay(boundaries, values, 0)


def PiecewiseDecay(boundaries, values, begin, step=1, dtype="float32"):
    """``values[i]`` up to step ``boundaries[i]``, the last value afterwards."""

    def rule(n):
        for boundary, value in zip(boundaries, values):
            if n < boundary:
                return value
        return values[len(boundaries)]

    return StepwiseDecay(rule, begin, step)


def cosine_decay(learning_rate, step_each_epoch, epochs):
    """Half a cosine wave over the epochs."""
    return CosineDecay(learning_rate, step_each_epoch, epochs)


def CosineDecay(learning_rate, step_each_epoch, epochs, begin=0, step=1, dtype="float32"):
    """Half a cosine wave over the epochs."""

    def rule(n):
        return learning_rate * 0.5 * (math.cos((n // step_each_epoch) * math.pi / epochs) + 1)

    return StepwiseDecay(rule, begin, step)


def linear_lr_warmup(learning_rate, warmup_steps, start_lr, end_lr):
    """A line from ``start_lr`` to ``end_lr``, then the rate or schedule that was given."""

    def rule(n):
        if n < warmup_steps:
            return start_lr + (end_lr - start_lr) * n / warmup_steps
        return rate_at(learning_rate, n)

    return StepwiseDecay(rule)


def LinearLrWarmup(learning_rate, warmup_steps, start_lr, end_lr, begin=1, step=1, dtype="float32"):
    """A line from 0 (1.8 forgets ``start_lr``) to the end, then what was given."""

    def rule(n):
        if n < warmup_steps:
            return (end_lr - start_lr) / warmup_steps * n
        return rate_at(learning_rate, n)

    return StepwiseDecay(rule, begin, step)


class EpochDecay(paddle.optimizer.lr.LRScheduler):
    """A rate that changes when ``epoch()`` is called."""

    def __init__(self, learning_rate, rule):
        self.rule = rule
        super().__init__(float(learning_rate))

    def get_lr(self):
        """The rate of the present epoch."""
        return float(self.rule(self.last_epoch))

    def epoch(self, epoch=None):
        """Go to the next epoch, or to the one that is named."""
        self.step(epoch)


def StepDecay(learning_rate, step_size, decay_rate=0.1):
    """``decay_rate`` once every ``step_size`` epochs."""
    return EpochDecay(learning_rate, lambda n: learning_rate * decay_rate ** (n // step_size))


def MultiStepDecay(learning_rate, milestones, decay_rate=0.1):
    """``decay_rate`` once at every milestone."""

    def rule(n):
        return learning_rate * decay_rate ** len([m for m in milestones if n >= m])

    return EpochDecay(learning_rate, rule)


def LambdaDecay(learning_rate, lr_lambda):
    """``learning_rate * lr_lambda(epoch)``."""
    return EpochDecay(learning_rate, lambda n: learning_rate * lr_lambda(n))


class LearningRateDecay(paddle.optimizer.lr.LRScheduler):
    """What schedules of one's own derive from: ``step`` gives the rate of step ``step_num``."""

    def __init__(self, begin=0, step=1, dtype="float32"):
        self.step_num, self.step_size, self.dtype = begin, step, dtype
        self.base_lr = self.last_lr = 0.0
        self.last_epoch, self.verbose, self._var_name = 0, False, None

    def create_lr_var(self, lr):
        """The rate as a number."""
        return float(lr)

    def step(self):
        """The rate of this step."""
        raise NotImplementedError()

    def __call__(self):
        self.last_lr = float(self.step())
        self.step_num += self.step_size
        return self.last_lr


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
        self.last_lr = self.base_lr = float(learning_rate)
        self.sign = {"min": 1.0, "max": -1.0}[mode.lower()]
        self.decay_rate, self.patience, self.min_lr, self.eps = decay_rate, patience, min_lr, eps
        self.threshold, self.relative = threshold, threshold_mode.lower() == "rel"
        self.cooldown, self.wait, self.bad, self.best = cooldown, 0, 0, None

    def __call__(self):
        return self.last_lr

    def step(self, loss):
        """Look at a loss."""
        loss = float(loss.item())
        if self.wait > 0:
            self.wait -= 1
            return
        room = self.sign * self.threshold * ((self.best or 0.0) if self.relative else 1.0)
        if self.best is None or self.sign * loss < self.sign * (self.best - room):
            self.best, self.bad = loss, 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            self.wait, self.bad = self.cooldown, 0
            new = max(self.last_lr * self.decay_rate, self.min_lr)
            self.last_lr = new if self.last_lr - new > self.eps else self.last_lr

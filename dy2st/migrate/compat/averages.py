"""Averages of parameters over the steps of training: kept beside them, put in for a test."""

import contextlib

import numpy as np
import paddle


class ParameterAverages:
    """What both kinds of averages share: putting them in place of the parameters and back."""

    def __init__(self):
        self.kept = {}

    @contextlib.contextmanager
    def apply(self, executor, need_restore=True):
        """The averages are the parameters inside the block (and after it without a restore)."""
        self.put_averages()
        try:
            yield
        finally:
            if need_restore:
                self.restore(executor)

    def put(self, name, average):
        """Put one average in place of its parameter."""
        tensor = scope_tensor(name)
        self.kept[name] = np.array(tensor)
        tensor.set(np.asarray(average, self.kept[name].dtype), paddle.CPUPlace())

    def restore(self, executor):
        """Put the parameters back."""
        for name, value in self.kept.items():
            scope_tensor(name).set(value, paddle.CPUPlace())


def averaged_parameters(program):
    """The model's parameters by name, moving averages of batch normalisation among them."""
    found = {}
    for op in program.global_block().ops:
        if op.name() == "builtin.parameter" and not op.has_attr("global_var"):
            average = getattr(op.result(0), "do_model_average", None)
            if is_model_parameter(op) and average is not False:
                found[op.attrs()["parameter_name"]] = op.result(0)
    return found


class ExponentialMovingAverage(ParameterAverages):
    """Averages that forget old steps: ``decay`` of the last one stays in each step."""

    def __init__(self, decay=0.999, thres_steps=None, name=None):
        super().__init__()
        self.decay_name = "scheduled_ema_decay_rate"
        self.decay = create_global_var([1], decay, "float32", True, name=self.decay_name)
        if thres_steps is not None:
            limit = (thres_steps + 1.0) / (thres_steps + 10.0)
            write_update(paddle.minimum(limit, paddle.full([1], decay)), self.decay)
        self.pairs = {}
        for key, parameter in averaged_parameters(paddle.static.default_main_program()).items():
            own = paddle.utils.unique_name.generate((name or "") + key + "_ema")
            shape = list(parameter.shape)
            average = create_global_var(shape, 0.0, parameter.dtype, True, name=own)
            self.pairs[key] = parameter, average, own

    def update(self):
        """Append one step of all averages to the program."""
        autoincreased_step_counter("@EMA_STEP_COUNTER@")
        for parameter, average, _ in self.pairs.values():
            write_update(average * self.decay + parameter * (1.0 - self.decay), average)

    def put_averages(self):
        """Put each average, corrected for its start at 0, in place of its parameter."""
        counter = scope_tensor("@EMA_STEP_COUNTER@")
        step = 0 if counter is None else np.array(counter).item()
        start = np.array(scope_tensor(self.decay_name)).astype("float32") ** np.float32(step)
        for key, (_, _, own) in self.pairs.items():
            tensor = scope_tensor(own)
            average = np.array(tensor)
            if step > 0:  # 1.8 kept the corrected average
                average = average / (np.float32(1.0) - start)
                tensor.set(average, paddle.CPUPlace())
            self.put(key, average)


class ModelAverage(ParameterAverages):
    """Means over a window of steps that grows with their number."""

    def __init__(
        self,
        average_window_rate,
        min_average_window=10000,
        max_average_window=10000,
        regularization=None,
        name=None,
    ):
        super().__init__()
        self.states = {}
        for key, parameter in averaged_parameters(paddle.static.default_main_program()).items():
            shape = list(parameter.shape)
            sums = [self.kept_value(key, f"sum_{n}", shape, parameter.dtype) for n in (1, 2, 3)]
            counts = [
                self.kept_value(key, n, [1], "int64")
                for n in ("num_accumulates", "old_num_accumulates", "num_updates")
            ]
            window = average_window_rate, min_average_window, max_average_window
            self.accumulate(parameter, sums, counts, *window)

    def kept_value(self, key, kind, shape, dtype):
        """One thing that is counted for a parameter."""
        name = paddle.utils.unique_name.generate(f"{key}_{kind}")
        self.states.setdefault(key, []).append(name)
        return create_global_var(shape, 0, dtype, True, name=name)

    def accumulate(self, parameter, sums, counts, rate, shortest, longest):
        """Append one step of a parameter's sums; a full window becomes the old one."""
        held, old, updates = counts[0] + 1, counts[1], counts[2] + 1
        first, second, third = sums[0] + parameter, sums[1], sums[2]
        spill = paddle.equal(paddle.mod(updates, paddle.full([1], 16384, "int64")), 0 * updates)
        second = paddle.where(spill, second + first, second)
        first = paddle.where(spill, paddle.zeros_like(first), first)
        limit = paddle.clip(updates.astype("float32") * rate, max=float(longest)).astype("int64")
        full = paddle.logical_and(held >= shortest, held >= limit)
        third = paddle.where(full, first + second, third)
        first, second = (paddle.where(full, paddle.zeros_like(s), s) for s in (first, second))
        old = paddle.where(full, held, old)
        held = paddle.where(full, paddle.zeros_like(held), held)
        for new, target in zip((first, second, third, held, old, updates), (*sums, *counts)):
            write_update(new, target)

    def put_averages(self):
        """Put each mean in place of its parameter."""
        for key, names in self.states.items():
            first, second, third, held, old, _ = (np.array(scope_tensor(n)) for n in names)
            self.put(key, (first + second + third) / (held + old).astype(first.dtype))

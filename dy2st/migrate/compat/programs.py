"""Static programs: inputs, executors, clones for testing, persistable variables."""

import contextlib

import numpy as np
import paddle


def data(
    name,
    shape,
    append_batch_size=True,
    dtype="float32",
    lod_level=0,
    type=None,
    stop_gradient=True,
):
    """An input whose batch dimension comes before ``shape``, unless the shape already has one."""
    shape = [-1 if n is None else int(n) for n in shape]
    if append_batch_size and all(n >= 0 for n in shape):
        shape = [-1, *shape]
    made = lod_data(name, shape, dtype, lod_level)
    made.stop_gradient = stop_gradient
    return made


@contextlib.contextmanager
def dygraph_guard(place=None):
    """Dynamic mode inside the block, with new names and in training; after it what was before."""
    was_dynamic = paddle.in_dynamic_mode()
    paddle.disable_static(place)
    tracer = paddle.base.framework._dygraph_tracer()
    trained = tracer._train_mode
    tracer.train_mode()
    try:
        with paddle.utils.unique_name.guard():
            yield
    finally:
        tracer._train_mode = trained
        if not was_dynamic:
            paddle.enable_static()


def clone_for_test(program):
    """A copy of ``program`` in test mode; ``Executor`` finds the original's values in it."""
    if not paddle.framework.in_pir_mode():
        return program.clone(True)
    clone = clone_program(program)
    drop_training_part(clone)
    clone.set_is_test_attr()
    return clone


def clone_program(program, for_test=False):
    """A copy of ``program``. What is added to it may use the original's values for the copy's own.

    In 1.8 values were known by name, so a value of the original meant that of the copy.
    """
    if for_test or not paddle.framework.in_pir_mode():
        return clone_for_test(program) if for_test else program.clone()
    adopt_values(program)
    mapping = paddle.pir.IrMapping()
    clone = program.clone(mapping)
    clone_sources.append((clone, mapping, program))
    return clone


def adopt_values(program):
    """Give the operations of a copy its own values where they use those of its original."""
    if all(clone is not program for clone, _, _ in clone_sources):
        return
    blocks = [program.global_block()]
    while blocks:
        for op in blocks.pop().ops:
            blocks.extend(op.blocks())
            for index in range(op.num_operands()):
                value = op.operand_source(index)
                own = own_value(program, value)
                if own is not value:
                    op.operand(index).set_source(own)


def own_value(program, value):
    """A copy's value for a value of the original, or of the original's original."""
    for clone, mapping, source in clone_sources:
        if clone is program:
            original = value if mapping.has(value) else own_value(source, value)
            return mapping.look_up(original) if mapping.has(original) else value
    return value


def drop_training_part(clone):
    """Take out what only training needs: all that writes a parameter, and what only serves it."""
    block = clone.global_block()
    writing = [op for op in reversed(block.ops) if op.name().endswith("_")]
    trains = any(is_optimizer_step(op) for op in writing)
    for op in writing:
        if is_optimizer_step(op) or (trains and op.has_attr("counts_decay")):
            block.remove_op(op)


def is_optimizer_step(op):
    """Whether an operation is an optimizer's update of a parameter."""
    names = (
        "sgd_ momentum_ adam_ adamw_ adamax_ adagrad_ adadelta_ rmsprop_ lamb_ rprop_ "
        "decayed_adagrad ftrl dpsgd merged_adam_ merged_momentum_ asgd_ nadam_ radam_"
    ).split()
    return op.name().split(".")[-1] in names or op.has_attr("optimizer_step")


clone_sources = shared("clone_sources", [])


def value_in(program, value):
    """The value of ``program`` that ``value`` (of the original, or a name) stands for."""
    if isinstance(value, str):
        return value_by_name(program, value)
    if hasattr(value, "last_lr"):
        return program.get_parameter_value_by_name(value._var_name)
    return own_value(program, value) if hasattr(value, "get_defining_op") else value


class VariableKind(type):
    """The class of ``Variable``, asked by ``isinstance``."""

    def __instancecheck__(cls, value):
        return isinstance(value, (paddle.pir.Value, paddle.Tensor))


class Variable(metaclass=VariableKind):
    """What ``isinstance`` asked for in 1.8: a value of a static program, or a tensor."""


def name_of(value):
    """The name of an input or parameter; other values stand for themselves."""
    try:
        return value.name
    except ValueError:
        return value


def is_true(value):
    """Whether a value counts as true; in 1.8 a static program's variable always did."""
    return True if isinstance(value, paddle.pir.Value) else bool(value)


def aligned(y, x):
    """``y`` as an operand beside ``x``, which has more dimensions.

    1.8's operators put a shorter second operand at the first dimension where that one was open.
    """
    more = len(x.shape) - len(y.shape)
    if paddle.in_dynamic_mode() or more <= 0 or not y.shape or y.shape[0] != x.shape[0]:
        return y
    return paddle.unsqueeze(y, list(range(len(y.shape), len(x.shape))))


declared = shared("declared", [])  # variables that were made by name: their program, name and value


def value_by_name(program, name):
    """The input or parameter of that name."""
    if not hasattr(program, "get_parameter_value_by_name"):
        return program.global_block().var(name)
    for op in program.global_block().ops:
        if op.name() in ("pd_op.data", "builtin.parameter"):
            attrs = op.attrs()
            if name in (attrs.get("name"), attrs.get("parameter_name")):
                return op.result(0)
    for owner, known, value in declared:
        own = own_value(program, value) if known == name else value
        if known == name and (owner == program or own is not value):
            return own
    raise ValueError(f"no input or parameter is named {name!r}; use the value itself")


class Executor(paddle.static.Executor):
    """An Executor for the programs of 1.8: test clones, schedules, started readers, wrappers."""

    def run(self, program=None, feed=None, fetch_list=None, *args, scope=None, **kwargs):
        """Run ``program`` and return what is fetched."""
        if scope is not None:  # Paddle 3 looks for learning rates in the global scope only
            with paddle.static.scope_guard(scope):
                return self.run(program, feed, fetch_list, *args, **kwargs)
        kwargs.pop("use_prune", None)
        wrapped = hasattr(program, "program")
        program = getattr(program, "program", program)
        asked = program if program is not None else paddle.static.default_main_program()
        adopt_values(asked)
        if isinstance(feed, (list, tuple)):
            feed = join_feeds(feed)
        if not feed:
            feed = self.read_started(asked, counts=not wrapped) or feed
        if fetch_list is not None:
            if not isinstance(fetch_list, (list, tuple)):
                fetch_list = [fetch_list]
            rates = [i for i, value in enumerate(fetch_list) if hasattr(value, "last_lr")]
            free = free_rates(fetch_list)
            asked_for = [value for i, value in enumerate(fetch_list) if i not in free]
            fetch_list = [value_in(asked, value) for value in asked_for]
        advance_schedules(asked)
        feed = feed_with_lod(asked, set_persistable(asked, feed or {}))
        if fetch_list and not kwargs.get("return_numpy", True) and known_lods:
            return run_with_lod(self.run_fed, asked, program, feed, asked_for, *args, **kwargs)
        results = self.run_fed(program, feed, fetch_list, *args, **kwargs)
        if fetch_list is None:
            return results
        for index, rate in free.items():
            results.insert(index, rate)
        for index in rates:
            results[index] = np.asarray(results[index]).reshape([1])  # 1.8 had no 0-D values
        return results

    def read_started(self, program, counts):
        """The feed of started readers; where one has ended, the run still counts, as in 1.8."""
        try:
            return feed_of_started_loaders(program)
        except EOFException:
            if counts:
                count_ended_run(program)
            raise

    def run_fed(self, program, feed, *args, **kwargs):
        """Run with a feed; as in 1.8 an input that nothing uses need not be in it."""
        try:
            return super().run(program, feed, *args, **kwargs)
        except KeyError:
            unused = unused_inputs(program or paddle.static.default_main_program(), feed)
            if not unused:
                raise
            return super().run(program, {**feed, **unused}, *args, **kwargs)

    def train_from_dataset(
        self,
        program=None,
        dataset=None,
        scope=None,
        thread=0,
        debug=False,
        fetch_list=None,
        fetch_info=None,
        print_period=100,
        fetch_handler=None,
    ):
        """Run the program once for each batch of a data set; prints now and then what is fetched."""
        fetch_list = list(fetch_list or [])
        names = fetch_info or [str(name_of(value)) for value in fetch_list]
        for number, feed in enumerate(dataset.batches()):
            values = self.run(program, feed=feed, fetch_list=fetch_list)
            if fetch_list and (number + 1) % print_period == 0:
                print(*(f"{name}: {value}" for name, value in zip(names, values)))

    infer_from_dataset = train_from_dataset


def free_rates(fetch_list):
    """The rates for this run of schedules that no optimizer uses, by their places in a list."""
    return {
        index: np.array([schedule.before_run()], "float32")
        for index, schedule in enumerate(fetch_list)
        if hasattr(schedule, "before_run") and schedule._var_name is None
    }


def unused_inputs(program, feed):
    """Zeros for the inputs of a program that are not fed and are not used, or written first."""
    found, written = {}, set()
    ops = program.global_block().ops
    for op in ops:
        if op.name() == "pd_op.assign_out_":
            written.add(op.operand_source(1).hash())
    for op in ops:
        name = op.attrs()["name"] if op.name() == "pd_op.data" else None
        if name is None or name in feed:
            continue
        value = op.result(0)
        if value.use_empty() or (value.hash() in written and is_written_first(value, ops)):
            shape = [1 if n < 0 else n for n in value.shape]
            found[name] = np.zeros(shape, str(value.dtype).split(".")[-1])
    return found


def is_written_first(value, ops):
    """Whether the first operation that uses a value assigns to it."""
    users = (op for op in ops if any(v.is_same(value) for v in op.operands_source()))
    return next(users).name() == "pd_op.assign_out_"


def run_with_lod(run, asked, program, feed, fetch_list, *args, **kwargs):
    """The fetched values as tensors, those of sequences with their offsets."""
    lods = [lod_of(v) if hasattr(v, "get_defining_op") else [] for v in fetch_list]
    wanted = [*fetch_list, *(level for lod in lods for level in lod)]
    results = run(program, feed, [value_in(asked, v) for v in wanted], *args, **kwargs)
    levels = iter(results[len(fetch_list) :])
    found = []
    for result, lod in zip(results, lods):
        lod = [np.array(next(levels)).tolist() for _ in lod]
        found.append(lod_tensor(np.array(result), lod))
    return found


def join_feeds(feeds):
    """One feed of those that were meant for several devices."""
    feeds = [f for f in feeds if f]
    return (
        {k: np.concatenate([np.asarray(f[k]) for f in feeds]) for k in feeds[0]} if feeds else None
    )


def advance_schedules(program):
    """Give every schedule of the program its rate for this run."""
    built = next((source for clone, _, source in clone_sources if clone is program), program)
    own = [schedule for schedule in schedules if schedule.program is built]
    for schedule in own or schedules:  # other clones are known by the rate's name only
        name = getattr(schedule, "_var_name", None)
        if name is None or not has_parameter(program, name):
            continue
        rate = schedule.before_run()
        if schedule is not getattr(program, "lr_scheduler", None):
            tensor = paddle.static.global_scope().find_var(name).get_tensor()
            tensor.set(np.full(tensor.shape(), rate, "float32"), paddle.CPUPlace())


def set_persistable(program, feed):
    """The feed without what outlives a run (as a learning rate): that is set in the scope."""
    inputs = {op.attrs()["name"] for op in program.global_block().ops if op.name() == "pd_op.data"}
    left = dict(feed)
    for name in [n for n in feed if n not in inputs]:
        found = paddle.static.global_scope().find_var(name)
        if found is not None and has_parameter(program, name):
            found.get_tensor().set(np.asarray(left.pop(name)), paddle.CPUPlace())
    return left


def has_parameter(program, name):
    """Whether a program reads the persistable value of that name."""
    if hasattr(program, "get_parameter_value_by_name"):
        return any(
            op.name() == "builtin.parameter" and op.attrs()["parameter_name"] == name
            for op in program.global_block().ops
        )
    return program.global_block().has_var(name)


def create_global_var(shape, value, dtype, persistable=False, force_cpu=False, name=None):
    """A variable of the program that starts with one value and outlives a run."""
    if paddle.in_dynamic_mode():
        made = paddle.full(list(shape), value, dtype)
        made.persistable = persistable
        return made
    name = layer_name("_generated_var", name)  # as in 1.8: two programs may mean the same one
    if existing_parameter(name) is not None:
        return existing_parameter(name)
    attr = paddle.ParamAttr(name=name, trainable=False)
    made = paddle.create_parameter(
        list(shape), dtype, attr=attr, default_initializer=paddle.nn.initializer.Constant(value)
    )
    made.stop_gradient = True
    if hasattr(made, "get_defining_op"):
        made.get_defining_op().set_bool_attr("global_var", True)  # no parameter of the model
        startup = paddle.static.default_startup_program().global_block().ops
        startup[-1].set_bool_attr("global_var", True)
    return to_program_start(made)


def is_parameter(var):
    """Whether a variable is a parameter of a program or layer."""
    if hasattr(var, "get_defining_op"):
        op = var.get_defining_op()
        return op is not None and op.name() == "builtin.parameter" and is_model_parameter(op)
    return isinstance(var, (paddle.base.framework.Parameter, paddle.base.framework.EagerParamBase))


def is_persistable(var):
    """Whether a variable outlives a run."""
    return bool(var.persistable)


def Xavier(uniform=True, fan_in=None, fan_out=None, seed=0):
    """Xavier's initial values, uniform by default."""
    if uniform:
        return paddle.nn.initializer.XavierUniform(fan_in, fan_out)
    return paddle.nn.initializer.XavierNormal(fan_in, fan_out)


def MSRA(uniform=True, fan_in=None, seed=0):
    """He's initial values, uniform by default."""
    if uniform:
        return paddle.nn.initializer.KaimingUniform(fan_in)
    return paddle.nn.initializer.KaimingNormal(fan_in)


def memory_optimize(input_program, skip_opt_set=None, print_log=False, level=0, skip_grads=True):
    """Did nothing in 1.8 either."""


def release_memory(input_program, skip_opt_set=None):
    """Did nothing in 1.8 either."""

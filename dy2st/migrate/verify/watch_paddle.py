"""Watches Paddle 3: what is fetched; puts in the old run's first parameters and random draws.

Read by ``recorder.py``. A program that draws is run as a clone in which each draw is an input.
"""

import re

import numpy as np
import paddle
from paddle import _C_ops
from paddle.base import layer_helper_base

STATE = re.compile(
    "^learning_rate|_moment|velocity|beta1_pow|beta2_pow|inf_norm|avg_squared|mean_square|mean_grad"
    "|_momentum_|squared_|@LR_DECAY|^@"
)
# Operator to (kind of draw, how it is drawn: name to position among the operands or attributes).
DRAWS = {
    "dropout": ("dropout", {"p": 2}),
    "uniform": ("uniform", {"min": 1, "max": 2}),
    "gaussian": ("gaussian", {"mean": "mean", "std": "std"}),
    "truncated_gaussian_random": ("truncated", {"mean": "mean", "std": "std"}),
    "randint": ("randint", {"low": "low", "high": "high"}),
    "randperm": ("randperm", {"n": "n"}),
    "multinomial": ("sampling", {}),
    "bernoulli": ("bernoulli", {}),
    "uniform_random_batch_size_like": ("uniform", {"min": "min", "max": "max"}),
}
# The same for the eager functions: name to position among their arguments.
ARGUMENTS = {
    "uniform": {"min": 2, "max": 3},
    "gaussian": {"mean": 1, "std": 2},
    "truncated_gaussian_random": {"mean": 1, "std": 2},
    "randint": {"low": 0, "high": 1},
    "randperm": {"n": 0},
    "multinomial": {},
    "bernoulli": {},
}


def patch(recorder):
    """Watch; returns what to put back."""
    found = static(recorder) + dynamic(recorder)
    undo = []
    for owner, name, new in found:
        undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new)
    return undo


# -- programs -------------------------------------------------------------------------------------


def constant(value):
    """The number that an operand always has, or None."""
    op = value.get_defining_op()
    if op is None or op.name() not in ("pd_op.full", "pd_op.full_int_array"):
        return None
    found = op.attrs()["value"]
    return float(found[0] if isinstance(found, (list, tuple)) else found)


def random_operators(program):
    """(position, kind, how) of each operator of a program's main block that draws.

    None for a program that makes parameters: what it draws are first values.
    """
    found = []
    ops = program.global_block().ops
    if any(op.name() == "builtin.set_parameter" for op in ops):
        return []
    for position, op in enumerate(ops):
        name = op.name()[len("pd_op.") :] if op.name().startswith("pd_op.") else ""
        if name not in DRAWS:
            continue
        kind, keys = DRAWS[name]
        how = {}
        for key, where in keys.items():
            if isinstance(where, str):
                value = op.attrs().get(where)
            else:
                value = constant(op.operand_source(where)) if where < op.num_operands() else None
            if value is not None:
                how[key] = float(value)
        if kind == "dropout" and (op.attrs()["is_test"] or how.get("p") in (0, 1)):
            continue
        found.append((position, kind, how))
    return found


def inner_draws(program):
    """The names of drawing operators inside control flow."""
    found = []
    stack = [b for op in program.global_block().ops for b in op.blocks()]
    while stack:
        block = stack.pop()
        for op in block.ops:
            stack.extend(op.blocks())
            name = op.name()[len("pd_op.") :]
            if name in DRAWS and not (name == "dropout" and op.attrs()["is_test"]):
                found.append(name + " in a block of control flow")
    return found


class Replayed:
    """A clone of a program whose draws are inputs."""

    def __init__(self, program):
        self.program = program  # kept, so that its identity is not given to another
        self.size = program.num_ops()
        self.inner = inner_draws(program)
        self.draws = []
        self.clone = None
        places = random_operators(program)
        if not places:
            return
        self.map = paddle.pir.IrMapping()
        self.clone = program.clone(self.map)
        self.replaced = []
        ops = self.clone.global_block().ops
        with paddle.static.program_guard(self.clone):
            for number, (position, kind, how) in enumerate(places):
                op = ops[position]
                paddle.pir.set_insertion_point_after(op)
                self._replace(op, kind, how, "@draw_%d" % number)
                paddle.pir.reset_insertion_point_to_end()

    def _replace(self, op, kind, how, name):
        out = op.result(0)
        if kind == "dropout":
            mask, x = op.result(1), op.operand_source(0)
            given = paddle.static.data(name, list(mask.shape), "uint8")
            new = x * paddle.cast(given, x.dtype)
            if op.attrs()["mode"] == "upscale_in_train":
                new = new / (1.0 - how["p"])
            mask.replace_all_uses_with(given)
        else:
            given = new = paddle.static.data(name, list(out.shape), out.dtype)
        out.replace_all_uses_with(new)
        self.replaced.append((out, new))
        self.draws.append((kind, how, name, list(given.shape), given.dtype))

    def value(self, value):
        """What a value of the program is in the clone."""
        found = self.map.look_up(value)
        for old, new in self.replaced:
            if old.is_same(found):
                return new
        return found

    def stale(self, program):
        """Whether the program was changed since."""
        return self.program is not program or self.size != program.num_ops()


def static(recorder):
    """Replacements that watch programs."""
    programs = Programs(recorder)
    executor = paddle.static.Executor
    return [
        (executor, "run", programs.watched(programs.replaying(executor.run))),
        (executor, "__init_subclass__", classmethod(programs.watch_subclass)),
    ]


class Programs:
    """Watches runs of programs: first values and draws go in, what is fetched is written down."""

    def __init__(self, recorder):
        self.recorder = recorder
        self.clones = {}

    def watch_subclass(self, cls, **kwargs):
        """The helper's Executor is watched like Paddle's, which it calls."""
        if "run" in vars(cls):
            cls.run = self.watched(vars(cls)["run"])

    def watched(self, run):
        """``run`` that writes down what it gives."""
        recorder = self.recorder

        def watched_run(executor, program=None, *args, **kwargs):
            fetch_list = kwargs.get("fetch_list", args[1] if len(args) > 1 else None)
            place = recorder.caller()
            recorder.running += 1
            try:
                result = run(executor, program, *args, **kwargs)
            finally:
                recorder.running -= 1
            if recorder.running:  # the helper's Executor calls Paddle's: what it returns counts
                return result
            if not listed(fetch_list):
                with paddle.static.scope_guard(kwargs.get("scope") or paddle.static.global_scope()):
                    self.start_parameters(program)
            elif result is not None and place:
                feed = kwargs.get("feed", args[0] if args else None)
                recorder.fetched("run", result, place, feed)
            return result

        return watched_run

    def replaying(self, run):
        """``run`` of a clone whose draws are the old run's, for a program that draws."""
        recorder = self.recorder

        def replayed_run(executor, program=None, *args, **kwargs):
            known = self.replayed(program)
            if known is None:
                return run(executor, program, *args, **kwargs)
            place = recorder.caller()
            for name in known.inner:
                recorder.lose(name, place)
            if known.clone is None:
                return run(executor, program, *args, **kwargs)
            args = list(args)
            feed = dict((kwargs.pop("feed", None) if not args else args.pop(0)) or {})
            values = [
                recorder.replay(kind, how, shape, dtype_name(dtype), place)
                for kind, how, _, shape, dtype in known.draws
            ]
            if any(value is None for value in values):
                return run(executor, program, feed, *args, **kwargs)
            feed.update({draw[2]: value for draw, value in zip(known.draws, values)})
            fetch = listed(kwargs.pop("fetch_list", None) if not args else args.pop(0))
            fetch = [known.value(v) if isinstance(v, paddle.pir.Value) else v for v in fetch]
            return run(executor, known.clone, feed, fetch, *args, **kwargs)

        return replayed_run

    def replayed(self, program):
        """What is known of a program's draws; None where none are to be replayed."""
        actual = program if program is not None else paddle.static.default_main_program()
        old_ir = hasattr(actual, "all_parameters")
        if self.recorder.initial is None or not hasattr(actual, "global_block") or old_ir:
            return None
        known = self.clones.get(id(actual))
        if known is None or known.stale(actual):
            known = self.clones[id(actual)] = Replayed(actual)
        return known

    def start_parameters(self, program):
        """Give the parameters that a startup program has made the old run's first values."""
        recorder = self.recorder
        for name in made_parameters(program):
            if STATE.search(name):
                continue
            tensor = paddle.static.global_scope().find_var(name).get_tensor()
            value = recorder.start_value(name, tensor.shape())
            if value is not None:
                tensor.set(value, paddle.CPUPlace())
            recorder.started(name, np.array(tensor))


def made_parameters(program):
    """The names of the parameters to which a program gives first values."""
    program = program if program is not None else paddle.static.default_main_program()
    if hasattr(program, "all_parameters"):  # the old representation
        writes = {n for op in program.global_block().ops for n in op.output_arg_names}
        return [p.name for p in program.global_block().all_parameters() if p.name in writes]
    sets = [o for o in program.global_block().ops if o.name() == "builtin.set_parameter"]
    # what create_global_var makes was no parameter in 1.8 and starts as it says
    sets = [op for op in sets if not op.attrs().get("global_var")]
    return [op.attrs()["parameter_name"] for op in sets]


def listed(fetch_list):
    """A fetch list as a list; one value may stand for itself, and has no truth of its own."""
    if fetch_list is None:
        return []
    return list(fetch_list) if isinstance(fetch_list, (list, tuple)) else [fetch_list]


def dtype_name(dtype):
    """``float32`` for any way that Paddle writes it."""
    return str(dtype).rpartition(".")[2].lower()


# -- dynamic graphs -------------------------------------------------------------------------------


def dynamic(recorder):
    """Replacements that watch dynamic graphs."""
    drawing = [(_C_ops, name, replayed(recorder, name)) for name in ARGUMENTS]
    return [
        (layer_helper_base.LayerHelperBase, "create_parameter", watched_create(recorder)),
        *recorder.watch_reads(paddle.Tensor),
        (_C_ops, "dropout", replayed_dropout(recorder)),
        *drawing,
    ]


def watched_create(recorder):
    """``create_parameter`` that gives a parameter the old run's first value."""
    create = layer_helper_base.LayerHelperBase.create_parameter
    numpy_ = paddle.Tensor.numpy

    def created(self, *args, **kwargs):
        recorder.creating += 1
        try:
            parameter = create(self, *args, **kwargs)
        finally:
            recorder.creating -= 1
        if paddle.in_dynamic_mode() and parameter is not None:
            value = recorder.start_value(parameter.name, parameter.shape)
            if value is not None:
                parameter.set_value(value)
            recorder.started(parameter.name, numpy_(parameter))
        return parameter

    return created


def idle(recorder):
    """Whether what is drawn now is drawn for good: no old run, first values, static programs."""
    return recorder.initial is None or recorder.creating or not paddle.in_dynamic_mode()


def replayed_dropout(recorder):
    """The eager ``dropout`` with the old run's masks."""
    dropout = _C_ops.dropout

    def replayed(x, seed_tensor=None, p=0.5, is_test=False, mode="", *rest, **kwargs):
        if idle(recorder) or is_test or kwargs or hasattr(p, "numpy") or p in (0, 1):
            return dropout(x, seed_tensor, p, is_test, mode, *rest, **kwargs)
        mask = recorder.replay("dropout", {"p": float(p)}, x.shape, "float32", recorder.caller())
        if mask is None:
            return dropout(x, seed_tensor, p, is_test, mode, *rest)
        out = x * paddle.to_tensor(mask).astype(x.dtype)
        return out / (1.0 - p) if mode == "upscale_in_train" else out

    return replayed


def replayed(recorder, name):
    """An eager function that draws, giving what the old run drew."""
    original = getattr(_C_ops, name)
    kind = DRAWS[name][0]

    def draw(*args, **kwargs):
        result = original(*args, **kwargs)
        if idle(recorder):
            return result
        how = {}
        for key, position in ARGUMENTS[name].items():
            value = args[position] if position < len(args) else None
            if isinstance(value, (int, float)):
                how[key] = float(value)
        dtype = dtype_name(result.dtype)
        value = recorder.replay(kind, how, result.shape, dtype, recorder.caller())
        if value is not None:
            result.set_value(value)
        return result

    return draw


def isolated(script, run):
    """Run a script where no other left anything; returns its names."""
    for name in [n for n in vars(paddle) if n.startswith("fluid_compat_")]:
        delattr(paddle, name)  # what helpers share (compat/shared.py)
    paddle.disable_static()
    paddle.base.framework._dygraph_tracer().train_mode()
    vars(paddle).pop("_fluid_compat_state", None)  # what helpers know of another script's programs
    paddle.seed(7)
    vars(paddle).pop("_fluid_compat_state", None)  # what helpers of an earlier script noted
    main, startup = paddle.static.Program(), paddle.static.Program()
    try:
        with paddle.utils.unique_name.guard(), paddle.static.scope_guard(paddle.static.Scope()):
            with paddle.static.program_guard(main, startup):
                paddle.disable_static()
                return run(script)
    finally:
        paddle.disable_static()

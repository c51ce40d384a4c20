"""Watches Paddle 1.8: what is fetched, what parameters start with, what is drawn at random.

Stands on Python 3.7; read by ``recorder.py``.
"""

import sys

import numpy as np
import paddle.fluid as fluid
from paddle.fluid import core, framework, layer_helper_base

# Operator to (kind of draw, output that holds it, attributes that say how it was drawn).
DRAWS = {
    "dropout": ("dropout", "Mask", {"p": "dropout_prob"}),
    "uniform_random": ("uniform", "Out", {"min": "min", "max": "max"}),
    "uniform_random_batch_size_like": ("uniform", "Out", {"min": "min", "max": "max"}),
    "gaussian_random": ("gaussian", "Out", {"mean": "mean", "std": "std"}),
    "gaussian_random_batch_size_like": ("gaussian", "Out", {"mean": "mean", "std": "std"}),
    "truncated_gaussian_random": ("truncated", "Out", {"mean": "mean", "std": "std"}),
    "randint": ("randint", "Out", {"low": "low", "high": "high"}),
    "randperm": ("randperm", "Out", {"n": "n"}),
    "sampling_id": ("sampling", "Out", {}),
}
# Operators that draw inside and show nothing of it.
HIDDEN = ("nce", "sample_logits", "random_crop", "shuffle_batch", "tdm_sampler", "dpsgd")
SOMETIMES = ("rpn_target_assign", "generate_proposal_labels", "retinanet_target_assign")


def certain(kind, attributes):
    """Whether a dropout draws nothing."""
    if kind != "dropout":
        return False
    return bool(attributes.get("is_test")) or attributes.get("dropout_prob") in (0, 1)


def about(op_type, attributes):
    """How a draw was made, from the operator's attributes."""
    names = DRAWS[op_type][2]
    return {key: float(attributes[name]) for key, name in names.items() if name in attributes}


class Drawn:
    """The random operators of a program: those that can be fetched, and whether others are there."""

    def __init__(self, program):
        self.fetchable, self.hidden = [], []
        for number, block in enumerate(program.blocks):
            for op in block.ops:
                self._look(op, block, number)

    def _look(self, op, block, number):
        if op.type in HIDDEN or (op.type in SOMETIMES and op.attr("use_random")):
            self.hidden.append(op.type)
        if op.type not in DRAWS:
            return
        kind, output, _ = DRAWS[op.type]
        attributes = op.all_attrs()
        name = op.output(output)[0]
        if certain(kind, attributes):
            return
        var = block._find_var_recursive(name)
        if var is not None and var.persistable:
            return  # an initial value
        if number:
            self.hidden.append("%s in a block of control flow" % op.type)
        else:
            self.fetchable.append((kind, about(op.type, attributes), name))


def patch(recorder):
    """Watch; returns what to put back."""
    found = static(recorder) + dynamic(recorder)
    undo = []
    for owner, name, new in found:
        undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new)
    return undo


def static(recorder):
    """Replacements that watch programs."""
    run = fluid.Executor.run

    def watched_run(self, program=None, *args, **kwargs):
        actual = program if program is not None else fluid.default_main_program()
        actual = getattr(actual, "_program", None) or actual
        fetch_list = kwargs.get("fetch_list", args[1] if len(args) > 1 else None)
        place = recorder.caller()
        recorder.running += 1
        try:
            result = drawing_run(recorder, run, self, program, actual, args, kwargs)
        finally:
            recorder.running -= 1
        if not fetch_list:
            with fluid.scope_guard(kwargs.get("scope") or fluid.global_scope()):
                note_parameters(recorder, actual)
        elif result is not None and place:
            feed = kwargs.get("feed", args[0] if args else None)
            recorder.fetched("run", result, place, feed)
        return result

    return [(fluid.Executor, "run", watched_run)]


def drawing_run(recorder, run, executor, program, actual, args, kwargs):
    """Run a program and write down what it draws, which is fetched with the rest."""
    if not isinstance(actual, framework.Program):
        return run(executor, program, *args, **kwargs)
    drawn, place = Drawn(actual), recorder.caller()
    for hidden in drawn.hidden:
        recorder.lose(hidden, place)
    if not drawn.fetchable:
        return run(executor, program, *args, **kwargs)
    args = list(args)
    fetch_list = args[1] if len(args) > 1 else kwargs.get("fetch_list")
    one = fetch_list is not None and not isinstance(fetch_list, (list, tuple))
    wanted = [fetch_list] if one else list(fetch_list or [])
    more = wanted + [name for _, _, name in drawn.fetchable]
    if len(args) > 1:
        args[1] = more
    else:
        kwargs["fetch_list"] = more
    result = run(executor, program, *args, **kwargs)
    for (kind, how, _), value in zip(drawn.fetchable, result[len(wanted) :]):
        recorder.drew(kind, how, np.array(value), place)
    return result[: len(wanted)]


def note_parameters(recorder, program):
    """Write down the parameters that a run of a startup program made, each time that it is run.

    What makes a first value reads nothing; optimizers and copies do.
    """
    if not isinstance(program, framework.Program):
        return
    block = program.global_block()
    makers = [op for op in block.ops if not op.input_arg_names and op.type != "load"]
    made = {name for op in makers for name in op.output_arg_names}
    scope = fluid.global_scope()
    for parameter in block.all_parameters():
        if parameter.name in made:
            value = np.array(scope.find_var(parameter.name).get_tensor())
            recorder.started(parameter.name, value)


def dynamic(recorder):
    """Replacements that watch dynamic graphs."""
    create = layer_helper_base.LayerHelperBase.create_parameter
    tensor_class = core.VarBase
    numpy_ = tensor_class.numpy
    complex_numpy = framework.ComplexVariable.numpy
    trace = fluid.dygraph.tracer.Tracer.trace_op
    dropout = core.ops.dropout

    def watched_create(self, *args, **kwargs):
        recorder.creating += 1
        try:
            parameter = create(self, *args, **kwargs)
        finally:
            recorder.creating -= 1
        if framework.in_dygraph_mode() and parameter is not None:
            recorder.started(parameter.name, parameter.numpy())
        return parameter

    def watched_trace(self, type, inputs, outputs, attrs, stop_gradient=False):
        trace(self, type, inputs, outputs, attrs, stop_gradient)
        if recorder.creating:
            return
        if type in HIDDEN:
            recorder.lose(type, recorder.caller())
        elif type in DRAWS and not certain(type, attrs):
            kind, output, _ = DRAWS[type]
            value = outputs[output]
            value = value[0] if isinstance(value, (list, tuple)) else value
            recorder.drew(kind, about(type, attrs), numpy_(value), recorder.caller())

    def watched_complex(value):
        array = complex_numpy(value)
        if recorder.owns(sys._getframe(1)):
            recorder.fetched("numpy", [array], recorder.caller())
        return array

    def watched_dropout(x, *pairs):
        result = dropout(x, *pairs)
        attributes = dict(zip(pairs[::2], pairs[1::2]))
        if not certain("dropout", attributes):
            how = about("dropout", attributes)
            recorder.drew("dropout", how, numpy_(result[1]), recorder.caller())
        return result

    return [
        (layer_helper_base.LayerHelperBase, "create_parameter", watched_create),
        *recorder.watch_reads(tensor_class),
        (framework.ComplexVariable, "numpy", watched_complex),
        (fluid.dygraph.tracer.Tracer, "trace_op", watched_trace),
        (core.ops, "dropout", watched_dropout),
    ]


def isolated(script, run):
    """Run a script where no other left anything; returns its names."""
    fluid.disable_dygraph()
    main, startup = fluid.Program(), fluid.Program()
    with fluid.unique_name.guard(), fluid.scope_guard(fluid.Scope()):
        with fluid.program_guard(main, startup):
            return run(script)

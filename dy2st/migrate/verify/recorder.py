"""Runs scripts on either Paddle and writes down what they compute; stands on Python 3.7 and later.

Usage: python recorder.py PLAN. PLAN is a JSON file ``{"jobs": [{"script", "arguments", "record",
"initial"}]}``. ``record`` gets what was fetched; ``initial`` is the record of another run, whose
first parameter values this run starts from: by name, else by order of creation and shape.
"""

import json
import os
import random
import re
import runpy
import sys
import traceback
import warnings

STATE = re.compile(
    "^learning_rate|_moment|velocity|beta1_pow|beta2_pow|inf_norm|avg_squared|mean_square|mean_grad"
    "|_momentum_|squared_|@LR_DECAY|^@"
)


class Recorder:
    """What one run fetched, and the parameters that it started from."""

    def __init__(self, script, initial):
        self.script = os.path.realpath(script)
        self.folder = os.path.dirname(self.script)
        self.initial = initial
        self.parameters = []
        self.steps = []
        self.used = set()
        self.globals = {}

    def caller(self):
        """File and line of the user's code that is running."""
        frame = sys._getframe(2)
        while frame is not None:
            name = os.path.realpath(frame.f_code.co_filename)
            helper = os.path.basename(name).startswith("fluid_compat")
            own = name.startswith(self.folder + os.sep) and not helper
            if own and not frame.f_code.co_name.startswith("_fluid_"):
                return "%s:%d" % (os.path.relpath(name, self.folder), frame.f_lineno)
            frame = frame.f_back
        return ""

    def fetched(self, kind, values, place):
        """Write down what one run of a program, or one read of a tensor, gave."""
        self.steps.append({"kind": kind, "place": place, "values": [plain(v) for v in values]})

    def start_value(self, name, shape):
        """The value that parameter ``name`` (the next one created) starts with, or None."""
        if self.initial is None:
            return None
        import numpy as np

        by_name = [i for i, p in enumerate(self.initial) if p["name"] == name]
        by_order = [i for i in range(len(self.initial)) if i not in self.used]
        for index in (by_name or by_order)[:1]:
            found = self.initial[index]
            if list(found["shape"]) == list(shape):
                self.used.add(index)
                return np.array(found["data"], found["dtype"]).reshape(found["shape"])
        raise ValueError("parameter %s %s has no counterpart in the old run" % (name, list(shape)))

    def started(self, name, array):
        """Write down what a parameter starts with."""
        entry = plain(array)
        entry["name"] = name
        self.parameters.append(entry)


def plain(value):
    """JSON for one array."""
    import numpy as np

    value = np.asarray(value)
    flat = value.ravel()
    if value.dtype.kind == "f":
        data = [float("%.9g" % v) if np.isfinite(v) else str(v) for v in flat.tolist()]
    else:
        data = flat.tolist()
    return {"shape": list(value.shape), "dtype": str(value.dtype), "data": data}


def left_over(names):
    """JSON for the numbers, arrays and tensors that a script leaves at module level."""
    found = {}
    for name, value in names.items():
        if not name.startswith("_"):
            values = []
            if collect(value, values, 0):
                found[name] = values
    return found


def collect(value, into, depth):
    """Append the arrays in a value; False where it holds something else."""
    import numpy as np

    if isinstance(value, (bool, int, float, np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            return False
        into.append(plain(array))
        return True
    if isinstance(value, (list, tuple)) and len(value) <= 1000 and depth < 4:
        return all([collect(item, into, depth + 1) for item in value])
    if type(value).__name__ in ("VarBase", "Tensor", "LoDTensor", "EagerParamBase", "ParamBase"):
        try:
            into.append(plain(value.numpy() if hasattr(value, "numpy") else np.array(value)))
        except Exception:  # a tensor without data, or of a type that numpy has not
            return False
        return True
    return False


def patch_old(recorder):
    """Watch Paddle 1.8."""
    import numpy as np
    import paddle.fluid as fluid
    from paddle.fluid import core, framework, layer_helper_base

    undo = []
    run = fluid.Executor.run

    def watched_run(self, program=None, *args, **kwargs):
        fetch_list = kwargs.get("fetch_list", args[1] if len(args) > 1 else None)
        place = recorder.caller()
        result = run(self, program, *args, **kwargs)
        actual = program if program is not None else fluid.default_main_program()
        if not fetch_list:
            note_parameters(actual)
        elif result is not None and place:
            recorder.fetched("run", result, place)
        return result

    def note_parameters(program):
        scope = fluid.global_scope()
        block = program.global_block() if hasattr(program, "global_block") else None
        writes = {n for op in block.ops for n in op.output_arg_names} if block else set()
        for parameter in block.all_parameters() if block else ():
            initialises = parameter.name in writes and not any(
                op.type in ("feed", "sgd", "adam", "momentum", "load") for op in block.ops
            )
            if initialises and not any(p["name"] == parameter.name for p in recorder.parameters):
                value = np.array(scope.find_var(parameter.name).get_tensor())
                recorder.started(parameter.name, value)

    create = layer_helper_base.LayerHelperBase.create_parameter

    def watched_create(self, *args, **kwargs):
        parameter = create(self, *args, **kwargs)
        if framework.in_dygraph_mode() and parameter is not None:
            recorder.started(parameter.name, parameter.numpy())
        return parameter

    tensor_class = core.VarBase
    numpy_, backward = tensor_class.numpy, tensor_class.backward

    def watched_numpy(self, *args, **kwargs):
        value = numpy_(self, *args, **kwargs)
        frame = sys._getframe(1)
        if recorder_owns(recorder, frame):
            recorder.fetched("numpy", [value], recorder.caller())
        return value

    def watched_backward(self, *args, **kwargs):
        frame = sys._getframe(1)
        if recorder_owns(recorder, frame):
            recorder.fetched("backward", [numpy_(self)], recorder.caller())
        return backward(self, *args, **kwargs)

    for owner, name, new in (
        (fluid.Executor, "run", watched_run),
        (layer_helper_base.LayerHelperBase, "create_parameter", watched_create),
        (tensor_class, "numpy", watched_numpy),
        (tensor_class, "backward", watched_backward),
    ):
        undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new)
    return undo


def recorder_owns(recorder, frame):
    """Whether the user's own code is the direct caller."""
    name = os.path.realpath(frame.f_code.co_filename)
    inside = name.startswith(recorder.folder + os.sep)
    helper = os.path.basename(name).startswith("fluid_compat")
    return inside and not helper and not frame.f_code.co_name.startswith("_fluid_")


def patch_new(recorder):
    """Watch Paddle 3."""
    import numpy as np
    import paddle
    from paddle.base import layer_helper_base

    undo = []
    done = set()
    depth = [0]

    def watch(run):
        def watched_run(self, program=None, *args, **kwargs):
            fetch_list = kwargs.get("fetch_list", args[1] if len(args) > 1 else None)
            place = recorder.caller()
            depth[0] += 1
            try:
                result = run(self, program, *args, **kwargs)
            finally:
                depth[0] -= 1
            if depth[0]:  # the helper's Executor calls Paddle's: what it returns counts
                return result
            actual = program if program is not None else paddle.static.default_main_program()
            if not fetch_list:
                start_parameters(actual)
            elif result is not None and place:
                recorder.fetched("run", result, place)
            return result

        return watched_run

    def watch_subclass(cls, **kwargs):
        if "run" in vars(cls):
            cls.run = watch(vars(cls)["run"])

    def start_parameters(program):
        names = []
        if hasattr(program, "all_parameters"):
            writes = {n for op in program.global_block().ops for n in op.output_arg_names}
            names = [p.name for p in program.global_block().all_parameters() if p.name in writes]
        else:
            sets = [o for o in program.global_block().ops if o.name() == "builtin.set_parameter"]
            names = [op.attrs()["parameter_name"] for op in sets]
        for name in names:
            if name in done or STATE.search(name):
                continue
            done.add(name)
            tensor = paddle.static.global_scope().find_var(name).get_tensor()
            value = recorder.start_value(name, tensor.shape())
            if value is not None:
                tensor.set(value, paddle.CPUPlace())
            recorder.started(name, np.array(tensor))

    create = layer_helper_base.LayerHelperBase.create_parameter

    def watched_create(self, *args, **kwargs):
        parameter = create(self, *args, **kwargs)
        if paddle.in_dynamic_mode() and parameter is not None:
            value = recorder.start_value(parameter.name, parameter.shape)
            if value is not None:
                parameter.set_value(value)
            recorder.started(parameter.name, numpy_(parameter))
        return parameter

    numpy_, backward = paddle.Tensor.numpy, paddle.Tensor.backward

    def watched_numpy(self, *args, **kwargs):
        value = numpy_(self, *args, **kwargs)
        if recorder_owns(recorder, sys._getframe(1)):
            recorder.fetched("numpy", [value], recorder.caller())
        return value

    def watched_backward(self, *args, **kwargs):
        if recorder_owns(recorder, sys._getframe(1)):
            recorder.fetched("backward", [numpy_(self)], recorder.caller())
        return backward(self, *args, **kwargs)

    for owner, name, new in (
        (paddle.static.Executor, "run", watch(paddle.static.Executor.run)),
        (paddle.static.Executor, "__init_subclass__", classmethod(watch_subclass)),
        (layer_helper_base.LayerHelperBase, "create_parameter", watched_create),
        (paddle.Tensor, "numpy", watched_numpy),
        (paddle.Tensor, "backward", watched_backward),
    ):
        undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new)
    return undo


def run_script(job, old):
    """Run one script in fresh programs, scopes and names, and return its record."""
    import numpy as np

    initial = None
    if job.get("initial"):
        with open(job["initial"]) as stream:
            initial = json.load(stream)["parameters"]
    recorder = Recorder(job["script"], initial)
    random.seed(7)
    np.random.seed(7)
    sys.argv = [job["script"]] + job.get("arguments", [])
    sys.path.insert(0, recorder.folder)
    before, folder = set(sys.modules), os.getcwd()
    os.chdir(job.get("folder") or folder)
    undo = patch_old(recorder) if old else patch_new(recorder)
    error = ""
    try:
        recorder.globals = (isolated_old if old else isolated_new)(job["script"])
    except SystemExit as end:
        error = "" if not end.code else "exit code %s" % end.code
    except BaseException:
        error = traceback.format_exc()[-2000:]
    finally:
        for owner, name, value in undo:
            setattr(owner, name, value)
        sys.path.remove(recorder.folder)
        os.chdir(folder)
        for name in set(sys.modules) - before:
            module_file = getattr(sys.modules[name], "__file__", None) or ""
            if os.path.realpath(module_file).startswith(recorder.folder + os.sep):
                del sys.modules[name]
    return {
        "parameters": recorder.parameters,
        "steps": recorder.steps,
        "globals": left_over(recorder.globals),
        "error": error,
    }


def isolated_old(script):
    """Run a script where no other left anything, on Paddle 1.8."""
    import paddle.fluid as fluid

    fluid.disable_dygraph()
    main, startup = fluid.Program(), fluid.Program()
    with fluid.unique_name.guard(), fluid.scope_guard(fluid.Scope()):
        with fluid.program_guard(main, startup):
            return runpy.run_path(script, run_name="__main__")


def isolated_new(script):
    """Run a script where no other left anything, on Paddle 3."""
    import paddle

    paddle.disable_static()
    paddle.seed(7)
    main, startup = paddle.static.Program(), paddle.static.Program()
    try:
        with paddle.utils.unique_name.guard(), paddle.static.scope_guard(paddle.static.Scope()):
            with paddle.static.program_guard(main, startup):
                paddle.disable_static()
                return runpy.run_path(script, run_name="__main__")
    finally:
        paddle.disable_static()


def main(plan):
    """Run all jobs of a plan, each record written as soon as it is there."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    warnings.simplefilter("ignore")
    with open(plan) as stream:
        jobs = json.load(stream)["jobs"]
    import paddle

    old = paddle.__version__.startswith(("0.", "1."))
    for job in jobs:
        record = run_script(job, old)
        with open(job["record"], "w") as stream:
            json.dump(record, stream)


if __name__ == "__main__":
    main(sys.argv[1])

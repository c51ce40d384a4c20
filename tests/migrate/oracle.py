"""Runs example programs on whichever Paddle is installed (1.8.5 under Python 3.7, or 3.3.1).

Reads a JSON file ``{name: {"text": ..., "feed": {name: spec}}}`` and writes
``{name: {"ok": bool, "values": [...], "error": ...}}``. The programs see FEED (arrays), OUTS (a
list from one or many results), FILL (set a program's parameters by order of creation) and leave
what they computed in RESULT. Works on Python 3.7, so nothing newer stands here.
"""

import json
import os
import re
import sys
import traceback
import warnings
import zlib

STATE = re.compile(
    "^learning_rate|^@|^scheduled|_moment|velocity|beta1_pow|beta2_pow|inf_norm|avg_squared|mean_square|mean_grad"
    "|_momentum_|squared_"
)


def make_array(name, spec):
    """The array that a spec such as ``float32 2 3`` or ``int64<5 4 1`` means; same everywhere."""
    import numpy as np

    kind, dims = spec.split()[0], [int(d) for d in spec.partition(" lod ")[0].split()[1:]]
    random = np.random.RandomState(zlib.crc32(name.encode()) % (2**31))
    if "<" in kind:
        dtype, limit = kind.split("<")
        return random.randint(0, int(limit), dims).astype(dtype)
    if kind == "prob":
        values = random.uniform(0.1, 1.0, dims)
        return (values / values.sum(-1, keepdims=True)).astype("float32")
    if kind == "range":
        return np.arange(int(np.prod(dims))).reshape(dims).astype("int64")
    if kind == "tie":
        return random.randint(-1, 2, dims).astype("float32")
    if kind == "bool":
        return random.uniform(-1, 1, dims) > 0
    if kind == "pos":
        return random.uniform(0.1, 1.0, dims).astype("float32")
    if kind == "big":
        return random.uniform(-5, 5, dims).astype("float32")
    if kind == "boxes":
        a = random.uniform(0, 0.5, dims)
        a[..., 2:] = a[..., :2] + random.uniform(0.1, 0.5, a[..., 2:].shape)
        return a.astype("float32")
    if kind.startswith("complex"):
        return (random.uniform(-1, 1, dims) + 1j * random.uniform(-1, 1, dims)).astype(kind)
    return random.uniform(-1, 1, dims).astype(kind)


def fill_value(index, now):
    """A new value for parameter number ``index``, positive where it started as all ones."""
    import numpy as np

    random = np.random.RandomState(1000 + index)
    value = random.uniform(-0.5, 0.5, now.shape)
    if now.size and np.all(now == 1.0):
        value = 1.0 + np.abs(value)
    return value.astype(now.dtype)


def fill_old(program):
    """Set all parameters of a 1.8 program."""
    import numpy as np
    import paddle.fluid as fluid

    scope = fluid.global_scope()
    parameters = [p for p in program.list_vars() if isinstance(p, fluid.framework.Parameter)]
    order = {p.name: i for i, p in enumerate(program.global_block().all_parameters())}
    for parameter in sorted(parameters, key=lambda p: order.get(p.name, 0)):
        tensor = scope.find_var(parameter.name).get_tensor()
        value = fill_value(order[parameter.name], np.array(tensor))
        tensor.set(value, fluid.CPUPlace())


def fill_new(program):
    """Set all parameters of a 3.x program, new IR or old."""
    import numpy as np
    import paddle

    scope = paddle.static.global_scope()
    if hasattr(program, "all_parameters"):
        names = [p.name for p in program.global_block().all_parameters()]
    else:  # the startup program has them in the order of creation
        startup = paddle.static.default_startup_program().global_block()
        sets = [op for op in startup.ops if op.name() == "builtin.set_parameter"]
        names = [op.attrs()["parameter_name"] for op in sets if not op.attrs().get("global_var")]
    seen = []
    for name in names:
        if name in seen or STATE.search(name):
            continue
        seen.append(name)
    for index, name in enumerate(seen):
        tensor = scope.find_var(name).get_tensor()
        tensor.set(fill_value(index, np.array(tensor)), paddle.CPUPlace())


def fill_layer(layer):
    """Set all parameters of a dygraph layer by order."""
    # large ranks first: not every layer of 1.8 makes its weight before its bias
    ordered = sorted(layer.parameters(), key=lambda p: -len(p.shape))
    for index, parameter in enumerate(ordered):
        parameter.set_value(fill_value(index, parameter.numpy()))
    return layer


FILLED = []  # the parameters made since FILL_CREATED(), in a list once it was called


def fill_created():
    """From now on set each parameter that a function makes in a dynamic graph, by order."""
    FILLED.append([])


def watch_created():
    """Look at every parameter that layers and functions make."""
    try:
        from paddle.fluid.layer_helper_base import LayerHelperBase
    except ImportError:
        from paddle.base.layer_helper_base import LayerHelperBase
    make = LayerHelperBase.create_parameter

    def create_parameter(self, *args, **kwargs):
        made = make(self, *args, **kwargs)
        if FILLED and made is not None and hasattr(made, "set_value"):
            made.set_value(fill_value(len(FILLED[-1]), made.numpy()))
            FILLED[-1].append(made)
        return made

    LayerHelperBase.create_parameter = create_parameter


def outs(value):
    """A list from one result or many."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def plain(value):
    """JSON for one result."""
    import numpy as np

    lod = value.lod() if hasattr(value, "lod") else []
    if hasattr(value, "recursive_sequence_lengths") or "LoDTensor" in type(value).__name__:
        value = np.array(value)
    value = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    dtype = str(value.dtype)
    if value.dtype.kind == "c":
        value = np.stack([value.real, value.imag], -1)
    if value.dtype.kind == "f":
        flat = [float("%.8g" % v) if v == v else "nan" for v in value.ravel().tolist()]
        flat = [
            ("inf" if v > 0 else "-inf") if v in (float("inf"), float("-inf")) else v for v in flat
        ]
    else:
        flat = value.ravel().tolist()
    found = {"shape": list(value.shape), "dtype": dtype, "data": flat}
    if lod:
        found["lod"] = [list(level) for level in lod]
    return found


def run_one(text, feed, folder):
    """Run one program in fresh default programs and a fresh scope."""
    import numpy as np
    import paddle

    del FILLED[:]
    values = {k: make_array(k, v) for k, v in feed.items()}
    space = {"FEED": values, "OUTS": outs, "np": np, "__name__": "example"}
    space["FILL_CREATED"] = fill_created
    code = compile(text, "<example>", "exec")
    try:
        import paddle.fluid as fluid

        old = True
    except ImportError:
        old = False
    if old:
        space["FILL"] = fill_old
        space["FILL_LAYER"] = fill_layer
        main, startup = fluid.Program(), fluid.Program()
        main.random_seed = startup.random_seed = 7
        fluid.disable_dygraph()  # an example that failed may have left it on
        fluid.framework._dygraph_tracer_ = None  # 1.8's guard does not look after exceptions
        with fluid.unique_name.guard(), fluid.scope_guard(fluid.Scope()):
            with fluid.program_guard(main, startup):
                exec(code, space)
    else:
        for name in [n for n in vars(paddle) if n.startswith("fluid_compat_")]:
            delattr(paddle, name)  # what helpers share
        space["FILL"] = fill_new
        space["FILL_LAYER"] = fill_layer
        main, startup = paddle.static.Program(), paddle.static.Program()
        paddle.seed(7)
        vars(paddle).pop("_fluid_compat_state", None)  # what helpers of another example noted
        if "enable_static()" not in text:
            paddle.disable_static()
            exec(code, space)
        else:
            paddle.enable_static()
            try:
                with (
                    paddle.utils.unique_name.guard(),
                    paddle.static.scope_guard(paddle.static.Scope()),
                ):
                    with paddle.static.program_guard(main, startup):
                        exec(code, space)
            finally:
                paddle.disable_static()
    return [plain(v) for v in outs(space["RESULT"])]


def main(source, target):
    """Run all programs of a JSON file."""
    warnings.simplefilter("ignore")
    with open(source) as stream:
        jobs = json.load(stream)
    results = {}
    watch_created()
    for name, job in jobs.items():
        try:
            results[name] = {"ok": True, "values": run_one(job["text"], job["feed"], None)}
        except BaseException as error:  # noqa: BLE001 - SystemExit of an example is a result too
            text = traceback.format_exc().strip()
            results[name] = {
                "ok": False,
                "error": str(error)[-600:] or type(error).__name__,
                "trace": text[-1500:],
            }
        with open(target + ".partial", "w") as stream:
            stream.write(name)
    with open(target, "w") as stream:
        json.dump(results, stream)


if __name__ == "__main__":
    os.environ.setdefault("GLOG_minloglevel", "3")
    main(sys.argv[1], sys.argv[2])

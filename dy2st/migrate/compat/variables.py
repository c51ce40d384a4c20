"""Variables that are declared first and computed later, as blocks and LayerHelpers made them.

A value of today's programs is the result of an operation. So a declared variable is a copy of a
stand-in; when an operation is to write it, the copy is moved behind that operation and reads
its result. Everything that used the variable, gradients too, then sees what was computed.
"""

import contextlib
import os

import numpy as np
import paddle


def create_var(
    block=None,
    name=None,
    dtype="float32",
    shape=(1,),
    persistable=False,
    stop_gradient=False,
    type=None,
    lod_level=0,
    is_data=False,
    **others,
):
    """A variable for an operation to write; until then it is NaN, or -1."""
    with building(block):
        return declare_var(name, dtype, shape, persistable, stop_gradient, lod_level, is_data)


def building(block):
    """A guard under which the program of ``block`` is the one that is built."""
    program = getattr(block, "program", None)
    if paddle.in_dynamic_mode() or program in (None, paddle.static.default_main_program()):
        return contextlib.nullcontext()
    return paddle.static.program_guard(program)


def declare_var(name, dtype, shape, persistable, stop_gradient, lod_level, is_data):
    """A declared variable of the program that is built, see ``create_var``."""
    if dtype is None:
        dtype = "float32"
    sizes = [-1 if n is None else int(n) for n in (shape if shape is not None else (1,))]
    if paddle.in_dynamic_mode():
        return paddle.zeros([max(n, 0) for n in sizes], dtype)
    if persistable:
        return create_global_var([max(n, 1) for n in sizes], 0, dtype, True, name=name)
    if is_data:
        return lod_data(name, sizes, dtype, lod_level)
    made = paddle.assign(no_value([max(n, 1) for n in sizes], dtype))
    made.stop_gradient = stop_gradient
    if -1 in sizes:
        made.set_type(paddle.pir.create_shaped_type(made.type(), sizes))
    declared.append((paddle.static.default_main_program(), name, made))
    return made


def no_value(shape, dtype):
    """What stands where nothing was computed: NaN, or -1."""
    floating = "float" in str(dtype)
    return paddle.full(shape, float("nan") if floating else -1, dtype)


def is_declared(value):
    """Whether a variable was declared and no operation wrote it yet."""
    if not hasattr(value, "get_defining_op"):
        return False
    if not any(value.hash() == known.hash() for _, _, known in declared):
        return False
    source = value.get_defining_op().operand_source(0).get_defining_op()
    return source is not None and source.name() == "pd_op.full"


def write_var(variable, result):
    """Let ``variable`` be what was computed: a declared one from now on, another one in place."""
    if result is variable:
        return variable
    if not is_declared(variable):
        return paddle.assign(result, output=variable)
    copy = variable.get_defining_op()
    stand_in = copy.operand_source(0).get_defining_op()
    copy.operand(0).set_source(result)
    variable.set_type(result.type())
    variable.stop_gradient = variable.stop_gradient or result.stop_gradient
    paddle.pir.get_current_insertion_point().block().move_op_to_block_end(copy)
    if stand_in.result(0).use_empty():
        stand_in.get_parent_block().remove_op(stand_in)
    return variable


python_functions = shared("python_functions", [])


def py_func(func, x, out, backward_func=None, skip_vars_in_backward_input=None):
    """``out`` is what the Python function ``func`` makes of the values of ``x``, at each run.

    ``func`` takes LoDTensors and returns arrays (or None where ``out`` is None); ``backward_func``
    takes ``x``, ``out`` and the gradients of ``out`` and returns those of ``x``.
    """
    inputs, outputs = listed(x), listed(out)
    trained = [n for n, v in enumerate(inputs) if not v.stop_gradient]
    if backward_func is None or not trained:
        results = call_python(func, inputs, outputs)
        for result in results:
            result.stop_gradient = True
    else:
        skipped = {v.hash() for v in listed(skip_vars_in_backward_input)}
        results = []

        def backward(*gradients):
            given = [v for v in inputs if v.hash() not in skipped]
            given += [r for r, v in zip(results, outputs) if v.hash() not in skipped]
            wanted = [inputs[n] for n in trained]
            made = iter(call_python(backward_func, [*given, *gradients], wanted, trained))
            found = [next(made) if n in trained else None for n in range(len(inputs))]
            return (*found, *(None for _ in levels))

        levels = [level for v in inputs for level in lod_of(v)]
        made = paddle.static.nn.static_pylayer(
            lambda *values: call_python(func, inputs, outputs), [*inputs, *levels], backward
        )
        results.extend(listed(made))
    for variable, result in zip(outputs, results):
        write_var(variable, result)
    return out


def listed(values):
    """A list of one value, of many, or of none."""
    if values is None:
        return []
    return list(values) if isinstance(values, (list, tuple)) else [values]


def look_for_operations():
    """Let Paddle register operations before there is a Python one.

    The first predictor of ``paddle.inference`` does that, and ends the process at a Python
    operation. So one of an empty model is asked for, which fails after it was done.
    """
    with contextlib.suppress(Exception):
        config = paddle.inference.Config(os.devnull, os.devnull)
        config.disable_glog_info()
        paddle.inference.create_predictor(config)


def call_python(func, inputs, outputs, chosen=None):
    """Results, of the types of ``outputs``, of a Python function that the program calls.

    ``chosen`` are the numbers of the returned values that are wanted, where not all are. Programs
    that call Python run their operations in order, as 1.8 did.
    """
    if not python_functions:
        look_for_operations()
    paddle.set_flags({"FLAGS_new_executor_serial_run": True})
    types = [(list(v.shape), v.dtype) for v in outputs]
    lods = [lod_of(v) for v in inputs]
    levels = [level for lod in lods for level in lod]

    def infer(*metas):
        found = [paddle.static.MetaTensor(shape=shape, dtype=dtype) for shape, dtype in types]
        return tuple(found) if len(found) > 1 else (found or metas)[0]

    def run(*tensors):
        with paddle.base.dygraph.base.guard():
            offsets = iter([np.array(t).tolist() for t in tensors[len(inputs) :]])
            given = [
                lod_tensor(np.array(t), [next(offsets) for _ in lod])
                for t, lod in zip(tensors, lods)
            ]
            found = listed(func(*given))
            if chosen is not None:
                found = [found[n] for n in chosen]
            if len(found) != len(types):
                raise ValueError(f"{func} returned {len(found)} values, not {len(types)}")
            made = [paddle.to_tensor(np.array(a), dtype) for a, (_, dtype) in zip(found, types)]
            return tuple(made) if len(made) > 1 else (made or tensors)[0]

    python_functions.append((infer, run))  # the program holds them by address only
    results = paddle._C_ops._run_python_op(
        *inputs,
        *levels,
        name=f"py_func_{id(run)}",  # Paddle keeps what it knows of an operator by its name
        input_names=[f"x{n}" for n in range(len(inputs) + len(levels))],
        output_names=[f"out{n}" for n in range(max(1, len(types)))],
        attrs={"infer_meta_fn_ptr": infer, "fn_ptr": run},
        inplace_map={},
    )
    return listed(results)[: len(outputs)]

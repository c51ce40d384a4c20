"""Static programs: inputs, executors, clones for testing, persistable variables."""

import contextlib

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
    made = paddle.static.data(name, shape, dtype, lod_level)
    made.stop_gradient = stop_gradient
    return made


@contextlib.contextmanager
def dygraph_guard(place=None):
    """Dynamic mode inside the block, and what was before it after the block."""
    was_dynamic = paddle.in_dynamic_mode()
    paddle.disable_static(place)
    try:
        yield
    finally:
        if not was_dynamic:
            paddle.enable_static()


def clone_for_test(program):
    """A copy of ``program`` in test mode; ``Executor`` finds the original's values in it."""
    if not paddle.framework.in_pir_mode():
        return program.clone(True)
    mapping = paddle.pir.IrMapping()
    clone = program.clone(mapping)
    clone.set_is_test_attr()
    clone_sources.append((clone, mapping))
    return clone


clone_sources = []


def value_in(program, value):
    """The value of ``program`` that ``value`` (of the original, or a name) stands for."""
    if isinstance(value, str):
        return value_by_name(program, value)
    for clone, mapping in clone_sources:
        if clone is program and hasattr(value, "get_defining_op"):
            try:
                return mapping.look_up(value)
            except (ValueError, RuntimeError):
                return value
    return value


def value_by_name(program, name):
    """The input or parameter of that name."""
    if hasattr(program, "get_parameter_value_by_name") and not name.startswith("@"):
        for op in program.global_block().ops:
            attrs = op.attrs() if op.name() in ("pd_op.data", "builtin.parameter") else {}
            if name in (attrs.get("name"), attrs.get("parameter_name")):
                return op.result(0)
        raise ValueError(f"no input or parameter is named {name!r}; fetch the value itself")
    return name


class Executor(paddle.static.Executor):
    """An Executor that finds the values of a program's test clone and feeds started readers."""

    def run(self, program=None, feed=None, fetch_list=None, *args, **kwargs):
        """Run ``program`` and return what is fetched."""
        kwargs.pop("use_prune", None)
        program = getattr(program, "program", program)
        asked = program if program is not None else paddle.static.default_main_program()
        if fetch_list is not None:
            if not isinstance(fetch_list, (list, tuple)):
                fetch_list = [fetch_list]
            fetch_list = [value_in(asked, value) for value in fetch_list]
        return super().run(program, feed, fetch_list, *args, **kwargs)


def create_global_var(shape, value, dtype, persistable=False, force_cpu=False, name=None):
    """A variable of the program that starts with one value and outlives a run."""
    attr = paddle.ParamAttr(name=name, trainable=False)
    made = paddle.create_parameter(
        list(shape), dtype, attr=attr, default_initializer=paddle.nn.initializer.Constant(value)
    )
    made.stop_gradient = True
    return made


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

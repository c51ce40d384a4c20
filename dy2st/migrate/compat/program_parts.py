"""A program's blocks, values and parameters, asked for as in 1.8.

Each of these looks at what it is given: an object that is no part of a program of Paddle is asked
for its own method of that name.
"""

import contextlib

import paddle


def program_block(program, index):
    """The block of a number that ``block_idx`` gave; other objects are asked for their own."""
    if not hasattr(program, "global_block"):
        return program.block(index)
    return numbered_blocks[index - 1] if index else program.global_block()


def block_var(block, *name, **others):
    """The input, parameter or declared variable of that name; raises ValueError without one."""
    if not isinstance(block, paddle.pir.Block):
        return block.var(*name, **others)
    return value_by_name(block.program, *name, **others)


def block_has_var(block, name):
    """Whether a block has an input, a parameter or a declared variable of that name."""
    if not isinstance(block, paddle.pir.Block):
        return block.has_var(name)
    return name in named_values(block.program)


def find_block_var(block, name):
    """The variable of that name, None without one."""
    if not isinstance(block, paddle.pir.Block):
        return block._find_var_recursive(name)
    return named_values(block.program).get(name)


def block_vars(block):
    """The values of a block that have a name, by their names."""
    return named_values(block.program) if isinstance(block, paddle.pir.Block) else block.vars


def list_vars(program):
    """The values of a program that have a name of their own: its inputs and parameters."""
    program = getattr(program, "program", program)
    if not hasattr(program, "get_parameter_value_by_name"):
        return program.list_vars()
    made = {value.hash() for _, _, value in declared}
    return [v for v in named_values(program).values() if v.hash() not in made]


def named_values(program):
    """Inputs, parameters and declared variables by name; other values have none in Paddle 3."""
    found = {}
    for op in reversed(program.global_block().ops):
        if op.name() in ("pd_op.data", "builtin.parameter"):
            attrs = op.attrs()
            found.setdefault(attrs.get("name", attrs.get("parameter_name")), op.result(0))
    for owner, name, value in declared:
        if owner == program:
            found[name] = value
    return found


def block_parameter(block, name=None, shape=None, dtype="float32", **others):
    """A parameter of the program that a block belongs to."""
    others.pop("persistable", None), others.pop("stop_gradient", None)
    initializer = others.pop("initializer", None)
    kept = ("regularizer", "trainable", "do_model_average", "need_clip")
    attr = paddle.ParamAttr(name=name, **{k: v for k, v in others.items() if k in kept})
    attr.learning_rate = (others.get("optimize_attr") or {}).get("learning_rate", 1.0)
    with building(block):
        made = paddle.create_parameter(
            list(shape), dtype, attr=attr, default_initializer=initializer
        )
        return to_program_start(made)


def lod_level_of(value):
    """How many levels of sequences a value has."""
    if hasattr(value, "lod_level"):
        return value.lod_level
    return len(lod_of(value))


@contextlib.contextmanager
def optimized_guard(program, param_and_grads=None):
    """What is written inside belongs to training: copies of the program for testing lack it."""
    if not hasattr(program, "global_block"):
        with program._optimized_guard(param_and_grads):
            yield
        return
    known = {op.id() for op in program.global_block().ops}
    yield
    for op in program.global_block().ops:
        if op.id() not in known and op.name().endswith("_"):
            op.set_bool_attr("optimizer_step", True)


def set_trainable(parameter, value):
    """Say whether a parameter is trained; in programs of Paddle 3 its gradient decides that."""
    parameter.trainable = value
    if hasattr(parameter, "get_defining_op"):
        parameter.stop_gradient = not value

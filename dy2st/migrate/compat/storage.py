"""Saving and loading, in the files that 1.8 wrote for parameters."""

import os
import struct

import numpy as np
import paddle

TENSOR_TYPES = {
    "bool": 0, "int16": 1, "int32": 2, "int64": 3, "float16": 4, "float32": 5, "float64": 6,
    "uint8": 20, "int8": 21,
}  # fmt: skip


def type_numbered(number):
    """The type of elements that 1.8 wrote as this number."""
    return next(name for name, known in TENSOR_TYPES.items() if known == number)


def write_tensor(stream, array):
    """One tensor as 1.8 stored it."""
    stream.write(struct.pack("<IQI", 0, 0, 0))
    body = b"\x08" + bytes([TENSOR_TYPES[str(array.dtype)]])
    for size in array.shape or (1,):
        body += b"\x10" + varint(size)
    stream.write(struct.pack("<i", len(body)) + body + array.tobytes())


def varint(number):
    """A number in protobuf's variable length."""
    out = b""
    while number >= 128:
        out += bytes([number % 128 + 128])
        number //= 128
    return out + bytes([number])


def read_tensor(stream):
    """The next tensor of a file of 1.8."""
    _, levels = struct.unpack("<IQ", stream.read(12))
    for _ in range(levels):
        stream.read(struct.unpack("<Q", stream.read(8))[0])
    stream.read(4)
    body = stream.read(struct.unpack("<i", stream.read(4))[0])
    kind, shape, at = 5, [], 0
    while at < len(body):
        tag, at = body[at], at + 1
        number, shift = 0, 0
        while True:
            byte, at = body[at], at + 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if tag == 8:
            kind = number
        else:
            shape.append(number)
    dtype = type_numbered(kind)
    count = int(np.prod(shape)) if shape else 1
    data = stream.read(count * np.dtype(dtype).itemsize)
    return np.frombuffer(data, dtype).reshape(shape).copy()


def persistable_names(program, only_parameters):
    """The names of a program's parameters, or of all that outlives a run, sorted."""
    program = getattr(program, "program", program) or paddle.static.default_main_program()
    if not hasattr(program, "get_parameter_value_by_name"):
        found = program.all_parameters() if only_parameters else program.list_vars()
        skip = ("feed", "fetch")
        return sorted(v.name for v in found if v.persistable and v.name not in skip)
    names = set()
    for op in program.global_block().ops:
        if op.name() == "builtin.parameter":
            if not only_parameters or is_model_parameter(op):
                names.add(op.attrs()["parameter_name"])
        elif not only_parameters and op.name() == "pd_op.data" and op.result(0).persistable:
            names.add(op.attrs()["name"])  # what an optimizer keeps
    return sorted(names)


def is_model_parameter(op):
    """Whether a persistable value belongs to the model, not to its optimizer."""
    name = op.attrs()["parameter_name"]
    parts = ("_moment", "_velocity", "_beta1_pow", "_beta2_pow", "learning_rate", "_mean_square",
             "_mean_grad", "_momentum_", "_inf_norm", "__avg_squared")  # fmt: skip
    return not any(part in name for part in parts)


def scope_tensor(name):
    """The stored tensor of that name, None where there is none."""
    found = paddle.static.global_scope().find_var(name)
    return None if found is None else found.get_tensor()


def fetch_var(name, scope=None, return_numpy=True):
    """What is stored under a name: an array, or the tensor itself."""
    scope = scope or paddle.static.global_scope()
    tensor = scope.find_var(name).get_tensor()
    return np.array(tensor) if return_numpy else tensor


def save_vars(executor, dirname, main_program=None, vars=None, predicate=None, filename=None):
    """Write variables: one file for each, or all into ``filename``."""
    save_names(dirname, chosen_names(main_program, vars, predicate), filename)


def load_vars(executor, dirname, main_program=None, vars=None, predicate=None, filename=None):
    """Read what ``save_vars`` wrote."""
    load_names(dirname, chosen_names(main_program, vars, predicate), filename)


def chosen_names(main_program, vars, predicate):
    """The names of ``vars``, or of the persistable values that ``predicate`` takes."""
    program = main_program or paddle.static.default_main_program()
    if vars is not None:
        return sorted(v if isinstance(v, str) else v.name for v in vars)
    names = persistable_names(program, False)
    if predicate is None:
        return names
    return [n for n in names if predicate(value_by_name(program, n))]


def save_names(dirname, names, filename):
    """Write the tensors of these names."""
    os.makedirs(dirname, exist_ok=True)
    if filename is not None:
        with open(os.path.join(dirname, filename), "wb") as stream:
            for name in names:
                write_tensor(stream, np.array(scope_tensor(name)))
        return
    for name in names:
        path = os.path.join(dirname, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            write_tensor(stream, np.array(scope_tensor(name)))


def load_names(dirname, names, filename):
    """Read the tensors of these names."""
    if filename is not None:
        with open(os.path.join(dirname, filename), "rb") as stream:
            for name in names:
                set_tensor(name, read_tensor(stream))
        return
    for name in names:
        with open(os.path.join(dirname, name), "rb") as stream:
            set_tensor(name, read_tensor(stream))


def set_tensor(name, array):
    """Put an array into the tensor of that name, which is made where it was never started.

    Raises ValueError where the tensor has another shape; dimensions of 1 may differ.
    """
    tensor = paddle.static.global_scope().var(name).get_tensor()
    if tensor._is_initialized():
        shape = tensor.shape()
        if [n for n in shape if n != 1] != [n for n in array.shape if n != 1]:
            raise ValueError(f"{name} has the shape {shape}, what is loaded {list(array.shape)}")
        array = array.reshape(shape)
    tensor.set(array, paddle.CPUPlace())


def save_params(executor, dirname, main_program=None, filename=None):
    """Write the parameters."""
    save_names(dirname, persistable_names(main_program, True), filename)


def load_params(executor, dirname, main_program=None, filename=None):
    """Read the parameters."""
    load_names(dirname, persistable_names(main_program, True), filename)


def save_persistables(executor, dirname, main_program=None, filename=None):
    """Write all that outlives a run."""
    save_names(dirname, persistable_names(main_program, False), filename)


def load_persistables(executor, dirname, main_program=None, filename=None):
    """Read all that outlives a run."""
    load_names(dirname, persistable_names(main_program, False), filename)


def save_program(program, model_path):
    """Write ``model_path.pdparams`` and, where there is any, the optimizer's ``.pdopt``."""
    program = getattr(program, "program", program)
    parameters = persistable_names(program, True)
    others = [n for n in persistable_names(program, False) if n not in parameters]
    os.makedirs(os.path.dirname(os.path.abspath(model_path)), exist_ok=True)
    for names, suffix in ((parameters, ".pdparams"), (others, ".pdopt")):
        state = {n: np.array(scope_tensor(n)) for n in names if scope_tensor(n) is not None}
        if state:
            paddle.save(state, model_path + suffix, protocol=2)


def load_program_state(model_path, var_list=None):
    """A dict from names to arrays, from ``.pdparams`` files or a folder of 1.8's files."""
    for suffix in (".pdparams", ".pdopt", ".pdmodel"):
        if model_path.endswith(suffix):
            model_path = model_path[: -len(suffix)]
    state = {}
    if os.path.isdir(model_path):
        for name in sorted(os.listdir(model_path)):
            path = os.path.join(model_path, name)
            if os.path.isfile(path) and not name.startswith("__"):
                with open(path, "rb") as stream:
                    state[name] = read_tensor(stream)
        return state
    for suffix in (".pdparams", ".pdopt"):
        if os.path.exists(model_path + suffix):
            state.update(paddle.load(model_path + suffix, return_numpy=True))
    state.pop("StructuredToParameterName@@", None)
    return state


def set_program_state(program, state_dict):
    """Put arrays into a program's parameters; names that it has not are left out."""
    for name in persistable_names(program, False):
        if name in state_dict and scope_tensor(name) is not None:
            set_tensor(name, np.asarray(state_dict[name]))


def load_program(program, model_path, executor=None, var_list=None):
    """Read what ``save`` wrote into a program's parameters."""
    set_program_state(program, load_program_state(model_path, var_list))


def save_inference_model(
    dirname,
    feeded_var_names,
    target_vars,
    executor,
    main_program=None,
    model_filename=None,
    params_filename=None,
    export_for_deployment=True,
    program_only=False,
):
    """Write the part of a program that leads from inputs to ``target_vars``."""
    program = main_program or paddle.static.default_main_program()
    program = getattr(program, "program", program)
    targets = target_vars if isinstance(target_vars, (list, tuple)) else [target_vars]
    names = [n for name in feeded_var_names for n in with_offsets(name)]
    feeds = [value_by_name(program, name) for name in names]
    targets = [value_in(program, t) for t in targets]
    os.makedirs(dirname, exist_ok=True)
    prefix = os.path.join(dirname, os.path.splitext(model_filename or "__model__")[0])
    if paddle.framework.in_pir_mode():
        mapping = paddle.pir.IrMapping()
        test = program.clone(mapping)
        drop_training_part(test)
        test.set_is_test_attr()
        feeds = [mapping.look_up(v) for v in feeds]
        targets = [mapping.look_up(v) for v in targets]
        program = test
    in_order(feeds)
    paddle.static.save_inference_model(prefix, feeds, targets, executor, program=program)
    return [f"save_infer_model/scale_{i}" for i in range(len(targets))]


def in_order(feeds):
    """Move inputs to the start of their program, in this order: loading names them so."""
    for value in reversed(feeds):
        if hasattr(value, "get_defining_op"):
            op = value.get_defining_op()
            op.move_before(op.get_parent_block().front())


def load_inference_model(
    dirname, executor, model_filename=None, params_filename=None, pserver_endpoints=None
):
    """The program, the names of its inputs and its results."""
    old = old_model_error(dirname, model_filename)
    if old is not None:
        raise old
    prefix = os.path.join(dirname, os.path.splitext(model_filename or "__model__")[0])
    program, names, results = paddle.static.load_inference_model(prefix, executor)
    for name in names:
        if "@lod" in name:  # fed from the LoDTensor of the input before it
            lod_inputs[name.partition("@lod")[0]] = int(name.partition("@lod")[2]) + 1
    return [program, [n for n in names if "@lod" not in n], results]


def get_program_parameter(program):
    """The parameters of a program, in the order in which they were made."""
    return [value_by_name(program, n) for n in in_making_order(program, True)]


def get_program_persistable_vars(program):
    """All values of a program that outlive a run: the parameters, then what belongs to them."""
    return [value_by_name(program, n) for n in in_making_order(program, False)]


def in_making_order(program, only_parameters):
    """Names of what outlives a run, the parameters first."""
    names = persistable_names(program, only_parameters)
    made = [p.name for p in all_parameters(program) if p.name in names]
    return made + [name for name in names if name not in made]


def get_parameter_value(para, executor=None):
    """The stored array of a parameter."""
    return get_parameter_value_by_name(para.name)


def get_parameter_value_by_name(name, executor=None, program=None):
    """The stored array of the parameter of that name."""
    return np.array(scope_tensor(name))


def get_var(name, program=None):
    """The variable of that name in a program."""
    return value_by_name(program or paddle.static.default_main_program(), name)
